#!/usr/bin/env python3
"""Times tracked data in mlpipe beside DVC and git: add, status, checkout, gc, and the memory they take.

    cargo build --release
    python3 benches/data.py --quick                    # 10,000 files on tmpfs: a few minutes
    python3 benches/data.py [--million] [--disk DIR]   # everything, on tmpfs and on a disk: an hour
    python3 benches/data.py --only status --on tmpfs --files 100000

Without --dvc it installs DVC from PyPI into a virtual environment below target/. The tools take
turns, each in a repository of its own with the same files; a case is repeated --rounds times, less
often for a tool that needs longer than --budget seconds for that. Prints medians, ratios and the bars
that mlpipe is held to as a markdown table. The ratios are what matters: the times depend on the
machine.

DVC runs with analytics and the check for updates off. On a disk nothing is deleted before the end, for
some file systems are slow to make files where many have just been deleted. A child's peak memory can
not come out below this script's own, about 15 MB.
"""

import argparse
import os
import random
import re
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from peers import MLPIPE, ROOT, call, install_dvc, version

SETTLED = 0.3  # seconds until no file counts as freshly written
PER_FOLDER = 1000
BIG = 4 << 30
BLOCK = 1 << 20
TOOLS = ("dvc", "git", "mlpipe")
ARGUMENTS = {
    "add": ["add", "data"],
    "status": ["status"],
    "checkout": ["checkout"],
    "gc": ["gc", "-w", "-f"],
}


class Verdict(NamedTuple):
    """One bar, and what was measured against it."""

    measured: str
    bar: str
    met: bool


class Place:
    """A folder on one file system, in which everything is made and which goes at the end."""

    def __init__(self, name, parent, binaries):
        self.name, self.binaries = name, binaries
        parent.mkdir(parents=True, exist_ok=True)
        self.base = Path(tempfile.mkdtemp(prefix="mlpipe-data-", dir=parent))
        self.environment = {
            **os.environ,
            "HOME": str(self.base),
            "XDG_CONFIG_HOME": str(self.base / "config"),
            "XDG_CACHE_HOME": str(self.base / "user-cache"),
            "SHELL": "/bin/sh",
            "DVC_NO_ANALYTICS": "1",
            "DVC_SITE_CACHE_DIR": str(self.base / "site"),
            **{f"GIT_{who}_{what}": "bench" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
        }

    def folder(self, name):
        return Path(tempfile.mkdtemp(prefix=f"{name}-", dir=self.base))

    def discard(self, folder):
        if self.name == "tmpfs":
            shutil.rmtree(folder)

    def call(self, command, folder):
        if self.name != "tmpfs":
            os.sync()
        return call(command, folder, self.environment)


class Repository:
    """A git repository in which one of the tools tracks `data`."""

    def __init__(self, tool, place, link=None):
        self.tool, self.place = tool, place
        self.folder = place.folder(tool)
        self.data = self.folder / "data"
        self.git("init", "-q", "-b", "main")
        self.git("config", "maintenance.auto", "false")
        if tool != "git":
            self.call("init")
        if tool == "dvc":
            self.call("config", "core.check_update", "false")
        if link:
            self.call("config", "cache.type", link)

    def git(self, *arguments):
        self.place.call(["git", *arguments], self.folder)

    def call(self, *arguments):
        return self.place.call([self.place.binaries[self.tool], *arguments], self.folder)

    def run(self, what):
        if self.tool == "git" and what == "checkout":
            return self.call("checkout", "--", "data")
        return self.call(*ARGUMENTS[what])

    def record(self):
        """Commits, lets the files grow old, and looks at them, so that what is kept of them is warm."""
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", "data")
        time.sleep(SETTLED)
        self.run("status")

    def set_aside(self, *folders):
        """Moves folders of the data away, which costs nothing, and says where they are."""
        aside = self.place.folder("aside")
        for folder in folders:
            folder.rename(aside / folder.name)
        return aside

    def take_back(self, aside):
        for folder in aside.iterdir():
            folder.rename(self.data / folder.name)

    def cache_size(self):
        cache = self.folder / f".{self.tool}" / "cache"
        return sum((Path(folder) / name).stat().st_size for folder, _, names in os.walk(cache) for name in names)


def lay_out(data, count, content):
    """Writes `count` files in folders of a thousand."""
    for number in range(count):
        folder = data / f"{number // PER_FOLDER:04}"
        if number % PER_FOLDER == 0:
            folder.mkdir(parents=True)
        with open(f"{folder}/{number % PER_FOLDER:03}", "wb") as file:
            file.write(content(number))


def small(number):
    """1 to 4 KiB, the same for the same number and different for any other."""
    chance = random.Random(number)
    return chance.randbytes(chance.randint(1024, 4096))


def faster(runs, peer, limit):
    ratio = median(runs[peer]) / median(runs["mlpipe"])
    return Verdict(f"{ratio:.1f} × faster than {peer}", f"≥ {limit} ×", ratio >= limit)


def at_most(runs, peer, limit):
    ratio = median(runs["mlpipe"]) / median(runs[peer])
    return Verdict(f"{ratio:.2f} × {peer}", f"≤ {limit} ×", ratio <= limit)


def memory_under(runs, limit):
    peak = max(run.peak for run in runs["mlpipe"])
    return Verdict(f"{peak:.0f} MB", f"< {limit} MB", peak < limit)


def median(runs):
    return statistics.median(run.seconds for run in runs)


def shown(runs):
    if not runs:
        return "–"
    seconds = median(runs)
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1000:.0f} ms"


def row(case, runs, verdicts):
    columns = [case, *(shown(runs.get(tool)) for tool in TOOLS)]
    columns.append("; ".join(verdict.measured for verdict in verdicts))
    columns.append("; ".join(verdict.bar for verdict in verdicts))
    columns.append("ok" if all(verdict.met for verdict in verdicts) else "**MISSED**")
    print(f"| {' | '.join(columns)} |", flush=True)


def skipped(case, why):
    print(f"| {case} | – | – | – | – | – | **SKIPPED**: {why} |", flush=True)


class Bench:
    """The cases over one number of files in one place; cases later in the list use what earlier made."""

    def __init__(self, place, count, options):
        self.place, self.count, self.options = place, count, options
        self.tracked = {}
        self.title = f"{place.name}, {count:,}"

    def alternate(self, tools, step):
        """The tools take turns; a slow one drops out when it has used up its time."""
        runs = {tool: [] for tool in tools}
        spent = dict.fromkeys(tools, 0.0)
        for _ in range(self.options.rounds):
            for tool in tools:
                if spent[tool] <= self.options.budget:
                    begin = time.monotonic()
                    runs[tool].append(step(tool))
                    spent[tool] += time.monotonic() - begin
        return runs

    def add_anew(self, tool, link=None):
        """Tracks the files in a new repository, which takes the place of the one before."""
        repository = Repository(tool, self.place, link)
        lay_out(repository.data, self.count, small)
        run = repository.run("add")
        before = self.tracked.get((tool, link))
        if before:
            self.place.discard(before.folder)
        self.tracked[tool, link] = repository
        return run

    def repository(self, tool, link=None):
        if (tool, link) not in self.tracked:
            self.add_anew(tool, link)
        repository = self.tracked[tool, link]
        repository.record()
        return repository

    def repositories(self, tools, link=None):
        return {tool: self.repository(tool, link) for tool in tools}

    def add(self):
        runs = self.alternate(TOOLS, self.add_anew)
        row(f"add, {self.title}", runs, [faster(runs, "dvc", 12 if self.place.name == "tmpfs" else 5)])

    def status(self):
        found = self.repositories(TOOLS)
        runs = self.alternate(TOOLS, lambda tool: found[tool].run("status"))
        row(f"status, nothing changed, {self.title}", runs, [faster(runs, "dvc", 20), at_most(runs, "git", 1.5)])

    def change(self):
        found = self.repositories(TOOLS)
        changes = iter(range(self.count, 2 * self.count))

        def change_one(tool):
            (found[tool].data / "0003" / "141").write_bytes(small(next(changes)))

        def step(tool):
            change_one(tool)
            return found[tool].run("add")

        runs = self.alternate(TOOLS, step)
        time.sleep(SETTLED)
        change_one("mlpipe")
        row(f"one file changed, add, {self.title}", runs, [faster(runs, "dvc", 25), opened(found["mlpipe"])])

    def checkout(self, tools, link, limit):
        found = self.repositories(tools, link)

        def step(tool):
            aside = found[tool].set_aside(found[tool].data)
            run = found[tool].run("checkout")
            self.place.discard(aside)
            return run

        runs = self.alternate(tools, step)
        row(f"checkout by {link or 'copy'}, {self.title}", runs, [faster(runs, "dvc", limit)])

    def checkout_copy(self):
        self.checkout(TOOLS, None, 10)

    def checkout_hardlink(self):
        self.checkout(("dvc", "mlpipe"), "hardlink", 15)

    def gc(self):
        case = f"gc, nothing to drop, {self.title}"
        if not self.knows("gc"):
            return skipped(case, "this mlpipe has no `gc`")
        found = self.repositories(("dvc", "mlpipe"))
        for repository in found.values():
            repository.run("gc")
        runs = self.alternate(found, lambda tool: found[tool].run("gc"))
        row(case, runs, [faster(runs, "dvc", 15)])

    def gc_half(self):
        case = f"gc, half to drop, {self.title}"
        if not self.knows("gc"):
            return skipped(case, "this mlpipe has no `gc`")
        found = self.repositories(("dvc", "mlpipe"))
        shares = []

        def step(tool):
            repository = found[tool]
            aside = repository.set_aside(*sorted(repository.data.iterdir())[::2])
            repository.run("add")
            before = repository.cache_size()
            run = repository.run("gc")
            if tool == "mlpipe":
                shares.append(repository.cache_size() / before)
            repository.take_back(aside)
            repository.run("add")
            return run

        runs = self.alternate(found, step)
        left = Verdict(f"{max(shares):.0%} of the bytes left", "≤ 60 %", max(shares) <= 0.6)
        row(case, runs, [faster(runs, "dvc", 15), left])

    def knows(self, command):
        binary = self.place.binaries["mlpipe"]
        return subprocess.run([binary, command, "--help"], capture_output=True).returncode == 0

    def drop(self):
        for repository in self.tracked.values():
            self.place.discard(repository.folder)


def opened(repository):
    """How many files of the data `add` opens."""
    if not shutil.which("strace"):
        return Verdict("files opened: unknown, no strace", "1 file opened", False)
    trace = repository.folder / "trace.txt"
    command = ["strace", "-f", "-y", "-qq", "-e", "trace=open,openat,openat2", "-o", trace]
    repository.place.call([*command, repository.place.binaries["mlpipe"], *ARGUMENTS["add"]], repository.folder)
    paths = set(re.findall(r"= \d+<(.*)>$", trace.read_text(errors="replace"), re.MULTILINE))
    inside = f"{repository.data.resolve()}/"
    count = sum(path.startswith(inside) and os.path.isfile(path) for path in paths)
    return Verdict(f"{count} file{'s' * (count != 1)} opened", "1 file opened", count == 1)


def big(place, options):
    """One file of 4 GiB: against DVC, and against reading and copying it, as nothing can be faster."""
    file = place.base / "big.bin"
    block = random.Random(0).randbytes(BLOCK)
    with open(file, "wb") as out:
        for number in range(BIG // BLOCK):
            out.write(number.to_bytes(8, "little") + block[8:])

    def step(tool):
        copy = place.base / "copy.bin"
        if tool == "SHA-256":
            return place.call(["openssl", "dgst", "-sha256", file], place.base)
        if tool == "cp":
            run = place.call(["cp", file, copy], place.base)
            copy.unlink()
            return run
        repository = Repository(tool, place)
        inside = file.rename(repository.folder / file.name)
        run = repository.call("add", file.name)
        inside.rename(file)
        shutil.rmtree(repository.folder)
        file.chmod(0o644)
        return run

    step("cp")  # so that the memory has been touched: where a host lends it, its first use is slow
    runs = Bench(place, 1, options).alternate(("dvc", "SHA-256", "cp", "mlpipe"), step)
    file.unlink()
    beside_copy = at_most(runs, "cp", 0).measured
    case = f"add one file of 4 GiB, {place.name} (SHA-256 {shown(runs['SHA-256'])}, cp {shown(runs['cp'])}: {beside_copy})"
    row(case, runs, [at_most(runs, "SHA-256", 1.15), memory_under(runs, 64)])


def million(place, options):
    repository = Repository("mlpipe", place)
    lay_out(repository.data, 1_000_000, lambda number: b"%d\n" % number)
    added = repository.run("add")
    repository.record()
    runs = {"mlpipe": [repository.run("status") for _ in range(options.rounds)]}
    case = f"status over 1,000,000 files, {place.name} (add {added.seconds:.1f} s, {added.peak:.0f} MB)"
    row(case, runs, [memory_under(runs, 300)])
    place.discard(repository.folder)


SMALL = {
    "add": Bench.add,
    "status": Bench.status,
    "change": Bench.change,
    "checkout-copy": Bench.checkout_copy,
    "checkout-hardlink": Bench.checkout_hardlink,
    "gc": Bench.gc,
    "gc-half": Bench.gc_half,
}


def options_from_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--budget", type=float, default=20, help="seconds after which a tool drops out of a case")
    parser.add_argument("--quick", action="store_true", help="10,000 files only, on tmpfs only")
    parser.add_argument("--million", action="store_true", help="also a million files, on tmpfs")
    parser.add_argument("--only", action="append", choices=[*SMALL, "big", "million"], help="only these cases")
    parser.add_argument("--on", action="append", choices=["tmpfs", "disk"], help="only there")
    parser.add_argument("--files", action="append", type=int, help="how many files [default: 10000 and 100000]")
    parser.add_argument("--tmpfs", type=Path, default=Path("/dev/shm"))
    parser.add_argument("--disk", type=Path, default=ROOT / "target", help="a folder on a disk")
    parser.add_argument("--dvc", type=Path)
    parser.add_argument("--mlpipe", type=Path, default=MLPIPE)
    options = parser.parse_args()
    options.on = options.on or (["tmpfs"] if options.quick else ["tmpfs", "disk"])
    options.files = options.files or ([10_000] if options.quick else [10_000, 100_000])
    options.only = options.only or [*SMALL, *["big"] * (not options.quick), *["million"] * options.million]
    if any(count < 4 * PER_FOLDER for count in options.files):
        parser.error(f"--files must be at least {4 * PER_FOLDER:,}")
    return options


def measure(place, options):
    for count in options.files:
        bench = Bench(place, count, options)
        for name, case in SMALL.items():
            if name in options.only:
                case(bench)
        bench.drop()
    if "big" in options.only:
        big(place, options)
    if "million" in options.only and place.name == "tmpfs":
        million(place, options)


def main():
    options = options_from_arguments()
    dvc = options.dvc or install_dvc()
    binaries = {"dvc": dvc.absolute(), "git": "git", "mlpipe": options.mlpipe.resolve()}
    print(", ".join(f"{tool} {version(binary)}" for tool, binary in binaries.items()), end="\n\n")
    print(f"| case | {' | '.join(TOOLS)} | ratio | bar | |")
    print("|---|---:|---:|---:|---|---|---|", flush=True)
    for name in options.on:
        place = Place(name, {"tmpfs": options.tmpfs, "disk": options.disk}[name], binaries)
        try:
            measure(place, options)
        finally:
            shutil.rmtree(place.base)


if __name__ == "__main__":
    main()
