#!/usr/bin/env python3
"""Times mlpipe and DVC with a remote, side by side on the same files, alternately, in one run.

    cargo build --release
    python3 benches/remote.py [--rounds 5] [--files 10000] [--only folder|s3|big]...

Three cases: small files and a remote that is a local folder; small files and a remote in S3, both tools with the same
server behind a proxy that counts the requests; and one big object in S3 (mlpipe alone), with the peak memory of the
process. The server is s3s-fs (`cargo install s3s-fs --version 0.14.1 --features binary`), by --s3s or on the PATH.

Without --dvc it installs DVC from PyPI into a virtual environment below target/. Prints medians, ratios and the bars that
mlpipe is held to as a markdown table. The ratios are what matters: the times depend on the machine. Small files are on
tmpfs, as in data.py: some file systems are slow to make files where many have just been deleted.
"""

import argparse
import contextlib
import os
import random
import shutil
import socket
import statistics
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from peers import MLPIPE, ROOT, Tool, install_dvc, version

BARS = {"push": 11, "push, nothing to do": 15, "status --cloud": 15, "pull": 11}
S3_BARS = {"push": 10, "pull": 10}
PER_REQUEST = 50  # small files, at least, that go with one request
MEMORY = 128  # MB, whatever the size of an object
BLOCK = 1 << 20
USER = {"AWS_ACCESS_KEY_ID": "bench", "AWS_SECRET_ACCESS_KEY": "benchbench"}
VERBS = (b"GET /", b"PUT /", b"HEAD /", b"POST /", b"DELETE /")


class Project(Tool):
    """One of the two tools, with a repository that tracks `data`."""

    def __init__(self, name, binary, folder, url, endpoint=None):
        super().__init__(name, binary, folder, **(USER if endpoint else {}))
        self.run("init")
        self.run("remote", "add", "-d", "store", url)
        if endpoint:
            self.run("remote", "modify", "store", "endpointurl", endpoint)

    def track(self, files):
        data = self.folder / "data"
        data.mkdir()
        for number in range(files):
            (data / f"{number:05}").write_text(f"{number} " * 20)
        self.run("add", "data")

    def forget(self):
        """Takes away what a fresh clone would not have."""
        for inner in ["data", ".dvc/cache", ".dvc/tmp", ".mlpipe/cache", ".mlpipe/remotes", ".mlpipe/index"]:
            path = self.folder / inner
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)

    def round(self, remote, measure):
        """Goes from an empty remote to a full clone; measures each step."""
        shutil.rmtree(remote, ignore_errors=True)
        remote.mkdir(parents=True)
        found = {"push": measure("push"), "push, nothing to do": measure("push")}
        found["status --cloud"] = measure("status", "--cloud")
        self.forget()
        found["pull"] = measure("pull")
        return found


class Proxy:
    """Stands before a server of S3 and counts the requests.

    Where a HEAD names a folder, s3s-fs breaks, which DVC takes for the end; S3 says that there is nothing.
    """

    def __init__(self, server):
        self.server, self.count = server, 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            client, _ = self.listener.accept()
            server = socket.create_connection(("127.0.0.1", self.server))
            for socket_ in (client, server):
                socket_.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            verbs = []
            threading.Thread(target=self.ask, args=(client, server, verbs), daemon=True).start()
            threading.Thread(target=self.answer, args=(server, client, verbs), daemon=True).start()

    def ask(self, client, server, verbs):
        with contextlib.suppress(OSError):
            while block := client.recv(1 << 16):
                if block.startswith(VERBS):
                    self.count += 1
                    verbs[:] = [block[:4]]
                server.sendall(block)
            server.shutdown(socket.SHUT_WR)

    def answer(self, server, client, verbs):
        with contextlib.suppress(OSError):
            while block := server.recv(1 << 16):
                if verbs == [b"HEAD"] and block.startswith(b"HTTP/1.1 500 "):
                    block = b"HTTP/1.1 404 Not Found" + block[block.index(b"\r\n") :]
                client.sendall(block)
            client.shutdown(socket.SHUT_WR)

    def measuring(self, tool):
        """Measures the time of a command and its requests."""

        def measure(*arguments):
            before = self.count
            return tool.time(*arguments), self.count - before

        return measure


class Server:
    """A server of S3 over a folder, with one bucket for each tool."""

    def __init__(self, program, folder):
        self.folder = folder
        for name in ("mlpipe", "dvc"):
            self.bucket(name).mkdir(parents=True)
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        keys = ["--access-key", USER["AWS_ACCESS_KEY_ID"], "--secret-key", USER["AWS_SECRET_ACCESS_KEY"]]
        place = ["--host", "127.0.0.1", "--port", str(self.port)]
        silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.child = subprocess.Popen([program, *place, *keys, folder], **silent)
        self.url = f"http://127.0.0.1:{self.port}"
        for _ in range(100):
            try:
                return socket.create_connection(("127.0.0.1", self.port)).close()
            except OSError:
                time.sleep(0.05)
        raise SystemExit(f"{program} does not listen")

    def bucket(self, name):
        return self.folder / name

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.child.terminate()
        self.child.wait()


def alternate(tools, rounds, remote_of, measure_of):
    runs = {tool.name: [] for tool in tools}
    for _ in range(rounds):
        for tool in tools:
            runs[tool.name].append(tool.round(remote_of(tool), measure_of(tool)))
    return runs


def median(runs, name, what):
    return statistics.median(run[what] for run in runs[name])


def rows(title, runs, bars):
    for what in BARS:
        ours, theirs = median(runs, "mlpipe", what), median(runs, "dvc", what)
        ratio, bar = theirs / ours, bars.get(what)
        verdict = "" if bar is None else "ok" if ratio >= bar else "**MISSED**"
        shown = "" if bar is None else f"≥ {bar} ×"
        print(f"| {title}: {what} | {ours:.3f} s | {theirs:.3f} s | {ratio:.1f} × | {shown} | {verdict} |", flush=True)


def request_rows(runs, files):
    for what in BARS:
        ours, theirs = median(runs, "mlpipe", what), median(runs, "dvc", what)
        most = files // PER_REQUEST
        verdict = "ok" if ours <= most else "**MISSED**"
        counts = f"{ours:,.0f} | {theirs:,.0f} | {theirs / ours:.0f} ×"
        print(f"| S3: {what}, requests | {counts} | ≤ {most} | {verdict} |", flush=True)


def part(runs, position):
    """Takes one of the figures that each step has."""
    return {tool: [{what: pair[position] for what, pair in run.items()} for run in all] for tool, all in runs.items()}


def folder_case(binaries, place, options):
    remote_of = lambda tool: place / f"{tool.name}-remote"
    tools = [Project(name, binary, place, f"{place}/{name}-remote") for name, binary in binaries.items()]
    for tool in tools:
        tool.track(options.files)
    rows("folder", alternate(tools, options.rounds, remote_of, lambda tool: tool.time), BARS)


def s3_case(binaries, place, options):
    with Server(options.s3s, place / "server") as server:
        proxy = Proxy(server.port)
        tools = [Project(name, binary, place, f"s3://{name}/store", proxy.url) for name, binary in binaries.items()]
        for tool in tools:
            tool.track(options.files)
        runs = alternate(tools, options.rounds, lambda tool: server.bucket(tool.name), proxy.measuring)
    rows("S3", part(runs, 0), S3_BARS)
    request_rows(part(runs, 1), options.files)


def big_case(binaries, place, options):
    with Server(options.s3s, place / "server") as server:
        project = Project("mlpipe", binaries["mlpipe"], place, "s3://mlpipe/store", server.url)
        project.run("config", "cache.type", "hardlink,copy")
        block = random.Random(0).randbytes(BLOCK)
        with open(project.folder / "data", "wb") as out:
            for number in range(int(options.big * 1024)):
                out.write(number.to_bytes(8, "little") + block[8:])
        project.run("add", "data")
        steps = {"push": project.run("push")}
        project.forget()
        steps["fetch"] = project.run("fetch")
    for what, run in steps.items():
        rate = options.big * 1024 / run.seconds
        verdict = "ok" if run.peak < MEMORY else "**MISSED**"
        figures = f"{run.seconds:.1f} s, {rate:.0f} MiB/s | | {run.peak:.0f} MB"
        print(f"| S3: {what} of one object of {options.big:g} GiB | {figures} | < {MEMORY} MB | {verdict} |", flush=True)


CASES = {"folder": folder_case, "s3": s3_case, "big": big_case}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--big", type=float, default=4, help="GiB of the big object")
    parser.add_argument("--only", action="append", choices=CASES)
    parser.add_argument("--dvc", type=Path)
    parser.add_argument("--mlpipe", type=Path, default=MLPIPE)
    parser.add_argument("--s3s", default=os.environ.get("MLPIPE_TEST_S3S", shutil.which("s3s-fs")))
    parser.add_argument("--tmpfs", type=Path, default=Path("/dev/shm"), help="where small files are made")
    parser.add_argument("--disk", type=Path, default=ROOT / "target", help="where the big object is made")
    options = parser.parse_args()
    binaries = {"mlpipe": options.mlpipe.resolve(), "dvc": options.dvc or install_dvc("dvc[s3]")}
    shown = ", ".join(f"{tool} {version(binary)}" for tool, binary in binaries.items())
    print(f"{shown}; {options.files:,} files, {options.rounds} rounds\n")
    print("| | mlpipe | DVC | ratio | bar | |\n|---|---:|---:|---:|---:|---|", flush=True)
    for name in options.only or CASES:
        if name != "folder" and not options.s3s:
            print(f"| {name} | | | | | **SKIPPED**: there is no s3s-fs |")
            continue
        with tempfile.TemporaryDirectory(dir=options.disk if name == "big" else options.tmpfs) as place:
            CASES[name](binaries, Path(place), options)


if __name__ == "__main__":
    main()
