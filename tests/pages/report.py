#!/usr/bin/env python3
"""Reads the reports of `mlpipe report` as a forge and as a reader do: the markdown of each forge
through GitHub's own parser, each Mermaid block through Mermaid, the page in headless Chromium. Names
and values in the project are hostile: none may become a link, a mention, a tag or a block.

Needs the packages `cmarkgfm` and `playwright`, a Chromium, and `mermaid.min.js` of the npm package
`mermaid`; takes the binary of mlpipe, the script, and, if they are wanted, a folder for screenshots.
"""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import cmarkgfm
from browser import fits_a_telephone, launch, open_page
from cmarkgfm.cmark import Options
from playwright.sync_api import sync_playwright

EVIL = 'x|y <img src=x onerror=alert(1)> @everyone #12 https://evil.example/ `a` **b** "];click\u202e'

PIPELINE = """\
stages:
  prepare:
    cmd: cp in.csv data.csv
    deps: [in.csv]
    outs: [data.csv]
  "train <b>|":
    cmd: python3 train.py
    deps: [train.py, data.csv]
    params: [lr, note]
    outs: [predictions.csv]
    metrics: [{metrics.json: {cache: false}}]
    plots: [{loss.csv: {cache: false, x: step, y: loss, title: "Loss </script> <b>"}},
            {pairs.csv: {cache: false, template: confusion, x: actual, y: predicted, title: "Confusion | <i>"}}]
predictions:
  predictions.csv: {actual: actual, predicted: predicted}
gates:
  accuracy: [{min: 0.5}, {max_drop: 0.05, confidence: 0.95}]
  loss: {max: 5, level: warn}
report: {base: main}
"""

TRAIN = """\
import csv, json, random
lr = [line for line in open('params.yaml') if line.startswith('lr')][0].split(':')[1]
chance = random.Random(7)
rows = [(n, chance.choice(['cat', 'dog<', 'e|l'])) for n in range(400)]
said = [(n, actual, actual if chance.random() < 0.7 + float(lr) else 'cat') for n, actual in rows]
for name, header in [('predictions.csv', 'id'), ('pairs.csv', 'n')]:
    with open(name, 'w', newline='') as file:
        writer = csv.writer(file)
        writer.writerow([header, 'actual', 'predicted'])
        writer.writerows(said)
right = sum(actual == predicted for _, actual, predicted in said)
json.dump({'accuracy': right / len(said), 'loss': 1 - float(lr), 'k_' + EVIL: 1 + float(lr)}, open('metrics.json', 'w'))
open('loss.csv', 'w').write('step,loss\\n' + ''.join(f'{n},{1 / (n + 1)}\\n' for n in range(20)))
"""


class Project:
    """A project whose main has several runs, and a branch with a better learning rate."""

    def __init__(self, folder: Path, mlpipe: str) -> None:
        self.folder, self.mlpipe = folder, mlpipe
        self.git("init", "-q", "-b", "main")
        self.run("-q", "init")
        (folder / "pipeline.yaml").write_text(PIPELINE)
        (folder / "train.py").write_text(f"EVIL = {EVIL!r}\n" + TRAIN)
        for number, lr in enumerate(["0.05", "0.08", "0.10", "0.12"]):
            (folder / "in.csv").write_text("a,b\n" + "1,2\n" * (number + 3))
            self.learn(lr)
            self.commit(f"run {number}")
        self.git("checkout", "-q", "-b", "branch-<b>@x")
        (folder / "in.csv").write_text("a,b\n" + "1,2\n" * 50)
        with open(folder / "train.py", "a") as file:
            file.write("# tuned\n")
        self.learn("0.2")
        self.commit("tune")

    def learn(self, lr: str) -> None:
        (self.folder / "params.yaml").write_text(f"lr: {lr}\nnote: {json.dumps(EVIL + lr)}\n")
        self.run("repro", "-q")

    def commit(self, message: str) -> None:
        self.git("add", "-A")
        self.git("commit", "-q", "-m", message)

    def git(self, *arguments: str) -> None:
        identity = ["-c", "user.name=tester", "-c", "user.email=tester@example.org"]
        subprocess.run(["git", *identity, *arguments], cwd=self.folder, check=True)

    def run(self, *arguments: str) -> str:
        done = subprocess.run([self.mlpipe, *arguments], cwd=self.folder, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout


def rendered(markdown: str) -> str:
    """What GitHub's parser makes of it; raw HTML is kept, as forges keep `<details>`."""
    return cmarkgfm.github_flavored_markdown_to_html(markdown, options=Options.CMARK_OPT_UNSAFE)


def check_markdown(forge: str, markdown: str) -> None:
    html = rendered(markdown)
    text = re.sub(r"<pre.*?</pre>", "", html, flags=re.S)
    tags = set(re.findall(r"</?([a-z0-9]+)", text))
    known = {"h3", "p", "table", "thead", "tbody", "tr", "th", "td", "ul", "li", "strong", "code"}
    if forge != "bitbucket":
        known |= {"details", "summary", "blockquote"}
    assert tags <= known, (forge, tags - known)
    assert "<a " not in html, "nothing in a report is a link"
    assert not re.search(r"(?<!\w)@\w", re.sub(r"<[^>]+>", "", html)), "nobody is notified"
    assert "\u202e" not in markdown
    assert text.count("<table>") >= 5, (forge, html)
    assert html.lstrip().startswith("<h3>✅ accuracy 0."), html[:200]
    assert "predictions.csv" not in html or "not comparable" not in html
    assert ("mermaid" in markdown) == (forge != "bitbucket")


def check_mermaid(page, markdown: str) -> int:
    blocks = re.findall(r"```mermaid\n(.*?)```", markdown, flags=re.S)
    for block in blocks:
        page.evaluate("block => mermaid.parse(block)", block)
        drawn = page.evaluate("async block => (await mermaid.render('drawn', block)).svg", block)
        assert "<svg" in drawn and "Syntax error" not in drawn, block
    return len(blocks)


def check_page(browser, link: str, screenshots: Path | None) -> None:
    for scheme in ["light", "dark"]:
        shot = screenshots / f"report-{scheme}.png" if screenshots else None
        page = open_page(browser, link, shot, scheme)
    assert page.locator("h1").inner_text().startswith("accuracy 0.")
    assert page.locator("header.pass").count() == 1
    assert page.locator("img, script[src], main b b").count() == 0
    assert page.locator("figure.chart svg").count() == 2
    assert page.locator("svg.graph rect").count() == 2
    page.locator("svg.graph a").nth(1).click()
    card = page.locator("article:target h3")
    assert card.inner_text().startswith("train <b>|"), card.inner_text()
    fits_a_telephone(browser, link)


def main() -> None:
    mlpipe, script = str(Path(sys.argv[1]).resolve()), Path(sys.argv[2])
    screenshots = Path(sys.argv[3]) if len(sys.argv) > 3 else None
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        project = Project(Path(folder), mlpipe)
        browser = launch(playwright)
        page = browser.new_page()
        page.goto("about:blank")
        page.add_script_tag(path=script)
        page.evaluate("mermaid.initialize({startOnLoad: false})")
        for forge in ["github", "gitlab", "bitbucket", "gitea"]:
            markdown = project.run("report", "--forge", forge, "--out", "-")
            check_markdown(forge, markdown)
            blocks = check_mermaid(page, markdown)
            assert blocks == (0 if forge == "bitbucket" else 2), (forge, blocks)
        if screenshots:
            (screenshots / "report.md").write_text(project.run("report", "--forge", "github", "--out", "-"))
        project.run("report", "-q", "--out", "report.html")
        check_page(browser, (project.folder / "report.html").as_uri(), screenshots)
        browser.close()
    print("reports: all well")


main()
