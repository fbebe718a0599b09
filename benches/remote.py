#!/usr/bin/env python3
"""Times mlpipe and DVC with a remote, side by side on the same small files, alternately, in one run.

    cargo build --release
    python3 benches/remote.py [--rounds 5] [--files 10000] [--dvc PATH] [--mlpipe PATH]

The remote is a local folder. Without --dvc it installs DVC from PyPI into a virtual environment below
target/. Prints medians and ratios as a markdown table; the ratios are what matters, the times depend
on the machine.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from compare import ROOT, install_dvc


class Tool:
    """One of the two tools, with a repository and a remote of its own."""

    def __init__(self, name, binary, folder, files):
        self.name, self.binary = name, str(binary)
        self.folder, self.remote = folder / name, folder / f"{name}-remote"
        self.folder.mkdir()
        self.environment = {**os.environ, "DVC_NO_ANALYTICS": "1"}
        self.call("git", "init", "-q", "-b", "main")
        data = self.folder / "data"
        data.mkdir()
        for number in range(files):
            (data / f"{number:05}").write_text(f"{number} " * 20)
        self.run("init")
        self.run("add", "data")
        self.run("remote", "add", "-d", "store", str(self.remote))

    def call(self, *command):
        subprocess.run(command, cwd=self.folder, env=self.environment, check=True, capture_output=True)

    def run(self, *arguments):
        self.call(self.binary, *arguments)

    def time(self, *arguments):
        begin = time.perf_counter()
        self.run(*arguments)
        return time.perf_counter() - begin

    def forget(self):
        """Takes away what a fresh clone would not have."""
        shutil.rmtree(self.folder / "data")
        for cache in [".dvc/cache", ".dvc/tmp", ".mlpipe/cache", ".mlpipe/remotes", ".mlpipe/index"]:
            path = self.folder / cache
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)

    def round(self):
        shutil.rmtree(self.remote, ignore_errors=True)
        times = {"push": self.time("push"), "push, nothing to do": self.time("push")}
        times["status --cloud"] = self.time("status", "--cloud")
        self.forget()
        times["pull"] = self.time("pull")
        return times


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--dvc", type=Path)
    parser.add_argument("--mlpipe", type=Path, default=ROOT / "target" / "release" / "mlpipe")
    arguments = parser.parse_args()
    dvc = arguments.dvc or install_dvc()
    with tempfile.TemporaryDirectory() as folder:
        tools = [
            Tool("mlpipe", arguments.mlpipe.resolve(), Path(folder), arguments.files),
            Tool("dvc", dvc, Path(folder), arguments.files),
        ]
        rounds = {tool.name: [] for tool in tools}
        for _ in range(arguments.rounds):
            for tool in tools:
                rounds[tool.name].append(tool.round())
    print(f"{arguments.files} files, {arguments.rounds} rounds\n")
    print("| | mlpipe | DVC | ratio |\n|---|---:|---:|---:|")
    for name in rounds["mlpipe"][0]:
        ours, theirs = (statistics.median(one[name] for one in rounds[tool]) for tool in ("mlpipe", "dvc"))
        print(f"| {name} | {ours:.3f} s | {theirs:.3f} s | {theirs / ours:.1f}× |")


if __name__ == "__main__":
    main()
