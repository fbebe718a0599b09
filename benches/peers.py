"""What the benchmarks share: DVC from PyPI, and commands that are timed beside their peak memory."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
MLPIPE = ROOT / "target" / "release" / "mlpipe"


class Run(NamedTuple):
    """What one command took."""

    seconds: float
    peak: float  # MB; not below this script's own, about 15 MB


def install_dvc(package="dvc"):
    """Returns DVC in a virtual environment below target/, which is made where it is not there."""
    folder = ROOT / "target" / "dvc-venv"
    mark = folder / package
    if not mark.exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        subprocess.run([folder / "bin" / "pip", "install", "--quiet", package], check=True)
        mark.touch()
    return folder / "bin" / "dvc"


def call(command, folder, environment):
    """Runs a command, which must succeed."""
    with tempfile.TemporaryFile() as errors:
        begin = time.perf_counter()
        child = subprocess.Popen(
            [str(word) for word in command],
            cwd=folder, env=environment, stdout=subprocess.DEVNULL, stderr=errors,
        )
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - begin
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode != 0:
            errors.seek(0)
            text = errors.read().decode(errors="replace")
            raise SystemExit(f"{' '.join(map(str, command))} exited with {child.returncode}:\n{text}")
    return Run(seconds, usage.ru_maxrss / 1024)


def version(binary):
    return subprocess.run([binary, "--version"], check=True, capture_output=True, text=True).stdout.split()[-1]


class Tool:
    """mlpipe or DVC, in a git repository of its own."""

    def __init__(self, name, binary, folder, **variables):
        self.name, self.binary, self.folder = name, str(binary), folder / name
        self.environment = {
            **os.environ,
            "DVC_NO_ANALYTICS": "1",
            "SHELL": "/bin/sh",
            **{f"GIT_{who}_{what}": "bench" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
            **variables,
        }
        self.folder.mkdir()
        self.call("git", "init", "-q", "-b", "main")

    def call(self, *command):
        return call(command, self.folder, self.environment)

    def run(self, *arguments):
        return self.call(self.binary, *arguments)

    def time(self, *arguments):
        return self.run(*arguments).seconds
