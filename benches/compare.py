#!/usr/bin/env python3
"""Times mlpipe and DVC side by side on the same small pipeline, alternately, in one run.

    cargo build --release
    python3 benches/compare.py [--rounds 7] [--dvc PATH]

Without --dvc it installs DVC from PyPI into a virtual environment below target/. Prints medians
and ratios as a markdown table; the ratios are what matters, the times depend on the machine.
"""

import argparse
import shutil
import statistics
import tempfile
from pathlib import Path

from peers import MLPIPE, Tool, install_dvc

COMMITS = 500
STAGES = """\
stages:
  prepare: {cmd: tr a-z A-Z < in.txt > mid.txt, deps: [in.txt], outs: [mid.txt]}
  train:
    cmd: "cp mid.txt model.bin && printf '{\\"accuracy\\": 0.%s}' $(sed -n 's/^seed. //p' params.yaml) > metrics.json"
    deps: [mid.txt]
    params: [seed]
    outs: [model.bin]
    metrics: [{metrics.json: {cache: false}}]
  evaluate: {cmd: wc -c < model.bin > size.txt, deps: [model.bin], outs: [size.txt]}
"""


class Project(Tool):
    """One of the two tools, in a repository with the stages and some history."""

    def __init__(self, name, binary, file, folder):
        super().__init__(name, binary, folder)
        (self.folder / file).write_text(STAGES)
        (self.folder / "params.yaml").write_text("seed: 90\n")
        (self.folder / "in.txt").write_text("hello\n")
        self.run("init")
        self.run("repro")
        self.call("git", "add", "-A")
        self.call("git", "commit", "-q", "-m", "base")
        for _ in range(COMMITS - 1):
            self.call("git", "commit", "-q", "--allow-empty", "-m", "another")

    def change_and_time(self, seed):
        (self.folder / "params.yaml").write_text(f"seed: {seed}\n")
        return self.time("repro")


def measure(tools, rounds):
    rows = {}
    for round in range(rounds):
        for tool in tools:
            note = lambda what, seconds: rows.setdefault(what, {}).setdefault(tool.name, []).append(seconds)
            note("`--version`", tool.time("--version"))
            note("`repro`, nothing to do, 3 stages", tool.time("repro"))
            note("`repro`, one param changed, 2 stages run", tool.change_and_time(100 + round))
            note("`metrics diff main`", tool.time("metrics", "diff", "main"))
            note("`repro`, the param changed back, restored", tool.change_and_time(90))
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--dvc", type=Path)
    parser.add_argument("--mlpipe", type=Path, default=MLPIPE)
    arguments = parser.parse_args()
    dvc = arguments.dvc or install_dvc()
    folder = Path(tempfile.mkdtemp())
    try:
        tools = [
            Project("mlpipe", arguments.mlpipe.resolve(), "pipeline.yaml", folder),
            Project("dvc", dvc.resolve(), "dvc.yaml", folder),
        ]
        rows = measure(tools, arguments.rounds)
    finally:
        shutil.rmtree(folder)
    print("| what | DVC | mlpipe | ratio |")
    print("|---|---:|---:|---:|")
    for what, times in rows.items():
        old, new = (statistics.median(times[name]) for name in ("dvc", "mlpipe"))
        print(f"| {what} | {old * 1000:,.0f} ms | {new * 1000:.1f} ms | {old / new:.0f} × |")


if __name__ == "__main__":
    main()
