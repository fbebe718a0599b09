#!/usr/bin/env python3
"""Trains the same networks with mlpipe and with PyTorch, in turns, and prints accuracies and ratios of medians.

    python3 benches/train/compare.py target/release/mlpipe ../shared/mnist [--pairs 5] [--threads 2 1]

PyTorch runs as it is fastest, with or without channels_last, in a virtual environment that is made beside the binary. Every
pair is one run of each, so that both see the same noise of the machine. `--minutes` ends the measuring in time: it goes
round all networks and numbers of threads before it begins another pair.
"""
import argparse
import json
import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
SMALL = "https://download.pytorch.org/whl/cpu"
BARS = {"reference": 5, "wide": 3, "random": 3, "end to end": 6, "10,000 images": 3}


def convolutions(blocks):
    layers = []
    for channels, kernel, pool in blocks:
        layers += [{"conv": {"channels": channels, "kernel": kernel}}, "batch_norm", "relu"]
        layers += [{"max_pool": {"kernel": 2}}] if pool else []
    return layers + ["flatten", {"linear": {"outputs": 10}}]


def drawn(seed):
    """Draws channels, kernel sizes, strides, paddings and depth."""
    draw, side, layers = random.Random(seed), 28, []
    for _ in range(draw.randint(3, 6)):
        kernel = draw.choice([k for k in (1, 3, 5, 7) if k < side])
        padding = draw.choice([0, 0, kernel // 2])
        stride = 2 if side > 12 and draw.random() < 0.15 else 1
        conv = {"channels": draw.randint(6, 40), "kernel": kernel, "stride": stride, "padding": padding}
        layers += [{"conv": conv}, "batch_norm", "relu"]
        side = (side + 2 * padding - kernel) // stride + 1
        if side >= 12 and draw.random() < 0.5:
            layers.append({"max_pool": {"kernel": 2}})
            side //= 2
        if side < 5:
            break
    return layers + ["flatten", {"linear": {"outputs": 10}}]


def run(command, cwd, threads):
    """Returns the wall time and peak memory in MB of a command that succeeds."""
    env = os.environ | {"RAYON_NUM_THREADS": str(threads), "OMP_NUM_THREADS": str(threads)}
    start = time.perf_counter()
    process = subprocess.Popen(command, cwd=cwd, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    said = process.stderr.read().decode()
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - start
    if status != 0:
        sys.exit(f"{command} failed:\n{said}")
    return wall, usage.ru_maxrss / 1024


def ours(binary, folder, threads):
    wall, memory = run([binary, "ml", "train"], folder, threads)
    evaluate, _ = run([binary, "ml", "evaluate"], folder, threads)
    record = json.loads((folder / "logs/run.json").read_text())
    speed = json.loads((folder / "logs/speed.json").read_text())
    metrics = json.loads((folder / "reports/metrics.json").read_text())
    return {"epoch": record["learning_seconds"], "wall": wall + evaluate, "memory": memory,
            "accuracy": metrics["accuracy"], "images": 10_000 / speed["images_per_second"], "one": speed["latency_us"]}


def theirs(python, folder, layers, mnist, threads):
    out = folder / "torch.json"
    command = [python, HERE / "pytorch.py", json.dumps(layers), mnist, out, str(threads)]
    wall, memory = run([str(part) for part in command], folder, threads)
    result = json.loads(out.read_text())
    # Finding the quicker layout is not part of the work.
    return result | {"wall": wall - result["trial"], "memory": memory}


def install(venv):
    """Puts PyTorch into a virtual environment: the build for processors alone, where its index can be reached."""
    if not (venv / "bin/python").exists():
        subprocess.run([sys.executable, "-m", "venv", venv], check=True)
    if subprocess.run([venv / "bin/python", "-c", "import torch, numpy"], stderr=subprocess.DEVNULL).returncode == 0:
        return
    pip = [venv / "bin/pip", "install", "--quiet"]
    small = subprocess.run([*pip, "--timeout", "10", "--retries", "0", "--index-url", SMALL, "torch"], stderr=subprocess.DEVNULL)
    if small.returncode != 0:
        print("the index of small builds cannot be reached: PyTorch comes with gigabytes for graphics cards", file=sys.stderr)
    subprocess.run([*pip, "torch", "numpy"], check=True)


def project(binary, folder, layers, mnist):
    folder.mkdir()
    params = {
        "data": {"source": "mnist", "path": str(mnist), "validation": 0.0001, "seed": 7},
        "model": {"layers": layers},
        "train": {"batch_size": 128, "epochs": 1, "lr": 0.01, "optimizer": "adam", "seed": 42},
    }
    # JSON is YAML.
    (folder / "params.yaml").write_text(json.dumps(params))
    run([binary, "ml", "prepare"], folder, 2)


def compare(name, pairs):
    def median(side, key):
        return statistics.median(pair[side][key] for pair in pairs)

    def row(what, key, unit, bar=None):
        ours, theirs = median(0, key), median(1, key)
        verdict = f"   (bar {bar})" if bar else ""
        print(f"  {what:<16} mlpipe {ours:9.3f} {unit}   PyTorch {theirs:9.3f} {unit}   ratio {theirs / ours:6.2f}{verdict}")

    row("one epoch", "epoch", "s", BARS[name])
    row("end to end", "wall", "s", BARS["end to end"])
    row("10,000 images", "images", "s", BARS["10,000 images"])
    row("one image", "one", "µs")
    row("peak memory", "memory", "MB")
    for side, tool in enumerate(("mlpipe", "PyTorch")):
        print(f"  accuracy {tool:<8}", " ".join(f"{pair[side]['accuracy']:.4f}" for pair in pairs))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", type=Path)
    parser.add_argument("mnist", type=Path)
    parser.add_argument("--pairs", type=int, default=5)
    parser.add_argument("--minutes", type=float, default=60, help="no pair begins that would end later")
    parser.add_argument("--threads", type=int, nargs="+", default=[2, 1])
    parser.add_argument("--only", choices=["reference", "wide", "random"], nargs="+", default=["reference", "wide", "random"])
    parser.add_argument("--seed", type=int, default=int(time.time()), help="of the network that is drawn")
    parser.add_argument("--venv", type=Path, help="where PyTorch is or is put")
    args = parser.parse_args()
    binary, mnist = args.binary.resolve(), args.mnist.resolve()
    venv = (args.venv or binary.parent / "bench-venv").resolve()
    install(venv)
    networks = {
        "reference": convolutions([(8, 3, 0), (16, 3, 1), (8, 1, 0), (16, 3, 0), (8, 3, 0)]),
        "wide": convolutions([(16, 3, 0), (32, 3, 1), (16, 1, 0), (32, 3, 0), (64, 3, 1)]),
        "random": drawn(args.seed),
    }
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}")
    end = time.monotonic() + 60 * args.minutes
    with tempfile.TemporaryDirectory() as root:
        folders = {name: Path(root) / name for name in args.only}
        for name, folder in folders.items():
            project(binary, folder, networks[name], mnist)
            if name == "random":
                print(f"random (seed {args.seed}): {json.dumps(networks[name])}")
        pairs = {(name, threads): [] for name in args.only for threads in args.threads}
        longest = dict.fromkeys(pairs, 0)
        for _ in range(args.pairs):
            for (name, threads), done in pairs.items():
                start = time.monotonic()
                if done and start + longest[name, threads] > end:
                    continue
                done.append((ours(binary, folders[name], threads),
                             theirs(venv / "bin/python", folders[name], networks[name], mnist, threads)))
                longest[name, threads] = max(longest[name, threads], time.monotonic() - start)
        for (name, threads), done in pairs.items():
            print(f"{name}, {threads} thread{'s' if threads > 1 else ''}, {len(done)} pair{'s' if len(done) > 1 else ''}")
            compare(name, done)


if __name__ == "__main__":
    main()
