"""What the scripts of this folder share: a Chromium that tells of everything that it did not like."""

import os
import shutil
from pathlib import Path


def launch(playwright):
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    return playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])


def open_page(browser, link: str, screenshot: Path | None = None, scheme: str = "light", width: int = 1280):
    """Opens a page, and fails where its console says anything or it asks for anything else."""
    page = browser.new_page(color_scheme=scheme, viewport={"width": width, "height": 900})
    said = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))

    def asked(request):
        if not request.url.startswith(("file:", "data:")):
            said.append(f"requests {request.url}")

    page.on("request", asked)
    page.goto(link)
    page.wait_for_load_state("load")
    if screenshot:
        page.screenshot(path=screenshot, full_page=True)
    assert not said, said
    return page


def fits_a_telephone(browser, link: str) -> None:
    page = open_page(browser, link, width=400)
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= 400, f"a telephone would have to scroll sideways: {width}"
