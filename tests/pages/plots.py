#!/usr/bin/env python3
"""Opens the pages of `mlpipe plots` in headless Chromium: what they say, what they draw, and what the
console says of it. Needs the package `playwright` and a Chromium; takes the binary of mlpipe and,
if screenshots are wanted, a folder for them."""

import json
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from browser import fits_a_telephone, launch, open_page
from playwright.sync_api import sync_playwright

PIPELINE = """\
stages:
  train:
    cmd: 'true'
    plots:
      - loss.csv: {cache: false, persist: true, x: step, y: loss, title: "Loss <b>& more</b>", y_scale: log}
      - classes.csv: {cache: false, persist: true, template: confusion, x: actual, y: predicted, title: Confusion}
      - f1.csv: {cache: false, persist: true, template: bar_horizontal_sorted, x: f1, y: class, title: F1 by class}
plots:
  - noisy: {y: {noisy.csv: value}, x: step, template: smooth, title: A smooth curve}
  - cloud: {y: {noisy.csv: value}, x: step, template: scatter, title: Points}
  - own: {y: {loss.csv: loss}, x: step, template: area, title: Own template}
  - shares: {y: {classes.csv: predicted}, x: actual, template: confusion_normalized, title: Shares}
  - many.csv: {title: A hundred thousand points}
  - picture.svg
"""

TEMPLATE = {
    "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
    "data": {"values": "<DVC_METRIC_DATA>"},
    "title": "<DVC_METRIC_TITLE>",
    "width": 500,
    "mark": {"type": "area", "opacity": 0.5},
    "encoding": {
        "x": {"field": "<DVC_METRIC_X>", "type": "quantitative"},
        "y": {"field": "<DVC_METRIC_Y>", "type": "quantitative"},
        "color": {"field": "rev", "type": "nominal"},
    },
}


def make_project(folder: Path, mlpipe: str) -> None:
    """Two commits with different data, and the workspace with other data again."""

    def git(*arguments: str) -> None:
        identity = ["-c", "user.name=tester", "-c", "user.email=tester@example.org"]
        subprocess.run(["git", *identity, *arguments], cwd=folder, check=True)

    git("init", "-q", "-b", "main")
    subprocess.run([mlpipe, "-q", "init"], cwd=folder, check=True)
    (folder / "pipeline.yaml").write_text(PIPELINE)
    (folder / ".dvc/plots").mkdir(parents=True)
    (folder / ".dvc/plots/area.json").write_text(json.dumps(TEMPLATE))
    for version in range(3):
        write_data(folder, version)
        if version < 2:
            git("add", "-A")
            git("commit", "-q", "-m", f"version {version}")
            git("tag", f"v{version}")


def write_data(folder: Path, version: int) -> None:
    chance = random.Random(version)
    loss = [2.3 * 0.82 ** (step * (1 + version / 4)) + 0.02 * chance.random() for step in range(30)]
    rows = "".join(f"{step * 10},{value}\n" for step, value in enumerate(loss))
    (folder / "loss.csv").write_text("step,loss\n" + rows)
    names = ["cat", "dog", "bird", "fish", "horse"]
    pairs = []
    for _ in range(600):
        actual = chance.choice(names)
        predicted = actual if chance.random() < 0.8 + 0.05 * version else chance.choice(names)
        pairs.append(f"{actual},{predicted}\n")
    (folder / "classes.csv").write_text("actual,predicted\n" + "".join(pairs))
    bars = "".join(f"{name},{0.7 + 0.1 * version + 0.05 * chance.random():.3f}\n" for name in names)
    (folder / "f1.csv").write_text("class,f1\n" + bars)
    noisy = "".join(f"{step},{(step / 60) ** 0.5 + chance.gauss(0, 0.1) + version / 5}\n" for step in range(200))
    (folder / "noisy.csv").write_text("step,value\n" + noisy)
    many = "".join(f"{chance.gauss(0, 1) + step / 20000}\n" for step in range(100_000))
    (folder / "many.csv").write_text("value\n" + many)
    colour = ["#0067b0", "#d45500", "#00855f"][version]
    (folder / "picture.svg").write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" width="200" height="120"><rect width="200" height="120" fill="{colour}"/></svg>'
    )


def check_plots(page) -> None:
    titles = page.locator("figure.chart .title").all_text_contents()
    assert "Loss <b>& more</b>" in titles, titles
    assert page.locator("figure.chart b").count() == 0
    loss = page.locator("figure[data-id='loss.csv']")
    assert loss.locator(".series path.line").count() == 3, "one curve for each revision"
    assert loss.locator(".key").all_text_contents() == ["v0", "v1", "workspace"]
    assert page.locator("figure[data-id='classes.csv'] rect.bar").count() > 3 * 5
    assert page.locator("figure[data-id='picture.svg'] img").count() == 3
    page.wait_for_selector("figure[data-id='own'] svg.marks")

    # What is below the pointer is said, for each revision.
    box = loss.locator("svg").bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + box["height"] * 0.6)
    tip = page.locator(".tip")
    assert tip.is_visible()
    said = tip.inner_text()
    assert "v0 · step " in said and "workspace · step " in said and "loss " in said, said

    # A curve goes and comes back with its key.
    loss.locator(".key").first.click()
    assert loss.locator(".series:visible").count() == 2
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + box["height"] * 0.6)
    assert "v0" not in tip.inner_text()
    loss.locator(".key").first.click()
    assert loss.locator(".series:visible").count() == 3

    cell = page.locator("figure[data-id='classes.csv'] rect.bar").first
    cell.hover()
    assert "predicted bird · actual bird: " in tip.inner_text(), tip.inner_text()

    paper = lambda: page.evaluate("getComputedStyle(document.body).backgroundColor")
    light = paper()
    page.locator("#theme").click()
    assert paper() != light, "the switch makes it dark"


def main() -> None:
    mlpipe = str(Path(sys.argv[1]).resolve())
    screenshots = Path(sys.argv[2]) if len(sys.argv) > 2 else None
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        folder = Path(folder)
        make_project(folder, mlpipe)
        begin = time.monotonic()
        arguments = [mlpipe, "plots", "diff", "v0", "v1", "workspace"]
        link = subprocess.run(arguments, cwd=folder, check=True, capture_output=True, text=True).stdout.strip()
        size = (folder / "mlpipe_plots/index.html").stat().st_size
        print(f"mlpipe plots diff: {(time.monotonic() - begin) * 1000:.0f} ms, {size:,} bytes")
        browser = launch(playwright)
        shot = lambda name: screenshots / f"{name}.png" if screenshots else None
        for scheme in ["dark", "light"]:
            page = open_page(browser, link, shot(f"diff-{scheme}"), scheme)
        check_plots(page)
        arguments = [mlpipe, "plots", "show", "many.csv", "-o", "many"]
        link = subprocess.run(arguments, cwd=folder, check=True, capture_output=True, text=True).stdout.strip()
        begin = time.monotonic()
        open_page(browser, link, shot("many"))
        print(f"a hundred thousand points: open after {(time.monotonic() - begin) * 1000:.0f} ms")
        fits_a_telephone(browser, link)
        browser.close()
    print("pages: all well")


main()
