#!/usr/bin/env python3
"""Times mlpipe beside ninja (and DVC, where it is given) on graphs of many trivial stages.

    cargo build --release
    python3 benches/scale.py [--rounds 7] [--dvc PATH] [--quick]

Without --ninja it installs ninja from PyPI into a virtual environment below target/. The tools take
turns; medians and ratios are printed as a markdown table. The ratios are what matters: the times
depend on the machine. Each full run begins in a folder of its own, for some file systems are slow to
make files where many have just been deleted.
"""

import argparse
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENT = {**os.environ, "SHELL": "/bin/sh", "DVC_NO_ANALYTICS": "1"}
SETTLED = 0.3  # seconds until no file counts as freshly written


def install_ninja():
    folder = ROOT / "target" / "ninja-venv"
    if not (folder / "bin" / "ninja").exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        subprocess.run([folder / "bin" / "pip", "install", "--quiet", "ninja"], check=True)
    return folder / "bin" / "ninja"


def lay_out(folder, shape, count):
    """Writes the same graph for each tool: each stage copies one file to another."""
    (folder / "in").mkdir(parents=True)
    (folder / "out").mkdir()
    subprocess.run(["git", "init", "-q", "."], cwd=folder, check=True)
    (folder / ".mlpipe").mkdir()
    stages, rules = ["stages:"], ["rule cp", "  command = cp $in $out"]
    for number in range(count):
        source = f"out/{number - 1}" if shape == "chain" and number else f"in/{number}"
        if source.startswith("in/"):
            (folder / source).write_text(f"{number}\n")
        out = f"out/{number}"
        stages.append(f"  s{number}: {{cmd: cp {source} {out}, deps: [{source}], outs: [{out}]}}")
        rules.append(f"build {out}: cp {source}")
    (folder / "pipeline.yaml").write_text("\n".join(stages) + "\n")
    (folder / "dvc.yaml").write_text("\n".join(stages) + "\n")
    (folder / "build.ninja").write_text("\n".join(rules) + "\n")


def call(command, folder):
    begin = time.perf_counter()
    subprocess.run([str(word) for word in command], cwd=folder, env=ENVIRONMENT, check=True, capture_output=True)
    return time.perf_counter() - begin


def median_times(commands, folder_for, rounds):
    times = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            times[name].append(call(command, folder_for(name)))
    return {name: statistics.median(values) for name, values in times.items()}


def no_op(tools, base, shape, count, rounds):
    folders = {}
    for name in tools:
        folders[name] = base / f"{name}-{shape}-{count}"
        lay_out(folders[name], shape, count)
        call(tools[name], folders[name])
        time.sleep(SETTLED)
        call(tools[name], folders[name])
    return median_times(tools, folders.get, rounds)


def full_run(tools, base, count, rounds):
    def fresh(name):
        folder = Path(tempfile.mkdtemp(dir=base))
        lay_out(folder, "fan", count)
        if name == "dvc":
            call([tools["dvc"][0], "init", "-q"], folder)
        return folder

    return median_times(tools, fresh, rounds)


def row(what, times, bar):
    ratio = times["mlpipe"] / times["ninja"]
    dvc = f"{times['dvc'] * 1000:,.0f} ms" if "dvc" in times else "–"
    ninja, mlpipe = (times[name] * 1000 for name in ("ninja", "mlpipe"))
    print(f"| {what} | {ninja:,.1f} ms | {mlpipe:,.1f} ms | {ratio:.2f} × | {bar} | {dvc} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--quick", action="store_true", help="leave out the graphs of 10,000 stages")
    parser.add_argument("--ninja", type=Path)
    parser.add_argument("--dvc", type=Path)
    parser.add_argument("--mlpipe", type=Path, default=ROOT / "target" / "release" / "mlpipe")
    arguments = parser.parse_args()
    ninja = (arguments.ninja or install_ninja()).resolve()
    mlpipe = arguments.mlpipe.resolve()
    base = Path(tempfile.mkdtemp())
    print("| what | ninja | mlpipe | ratio | bar | DVC |")
    print("|---|---:|---:|---:|---:|---:|")
    try:
        both = {"ninja": [ninja], "mlpipe": [mlpipe, "repro"]}
        small = {**both, "dvc": [arguments.dvc.resolve(), "repro"]} if arguments.dvc else both
        row("nothing to do, 3 stages", no_op(both, base, "chain", 3, arguments.rounds * 3), "≤ 2.5 ×")
        for shape in ("chain", "fan"):
            row(f"nothing to do, {shape} of 1,000", no_op(both, base, shape, 1000, arguments.rounds), "≤ 2.5 ×")
        if not arguments.quick:
            times = no_op(both, base, "fan", 10_000, arguments.rounds)
            row("nothing to do, fan of 10,000", times, "≤ 100 ms")
        for jobs, bar in ((1, "≤ 1.6 ×"), (2, "≤ 400 ms")):
            tools = {"ninja": [ninja, f"-j{jobs}"], "mlpipe": [mlpipe, "repro", f"-j{jobs}"]}
            if jobs == 1 and "dvc" in small:
                tools["dvc"] = small["dvc"]
            row(f"full run of 200, --jobs {jobs}", full_run(tools, base, 200, arguments.rounds), bar)
    finally:
        shutil.rmtree(base)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"\nThe most memory that any of them used: {peak:.0f} MB")


if __name__ == "__main__":
    main()
