#!/usr/bin/env python3
"""Trains the reference network on MNIST with several seeds and prints the mean accuracies.

    python3 benches/train/seeds.py target/release/mlpipe ../shared/mnist [--epochs 1 3] [--seeds 5]
"""
import argparse
import json
import statistics
import subprocess
import tempfile
from pathlib import Path

BARS = {1: (0.95, 0.975), 3: (0.95, 0.988)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", type=Path)
    parser.add_argument("mnist", type=Path)
    parser.add_argument("--epochs", type=int, nargs="+", default=[1, 3])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--lr", type=float, default=0.01)
    parser.add_argument("--schedule", default="cosine")
    args = parser.parse_args()
    binary = args.binary.resolve()
    params = {
        "data": {"source": "mnist", "path": str(args.mnist.resolve()), "validation": 0.1, "seed": 7},
        "train": {"batch_size": 128, "lr": args.lr, "optimizer": "adam", "schedule": args.schedule},
    }
    with tempfile.TemporaryDirectory() as folder:
        def stage(name):
            (Path(folder) / "params.yaml").write_text(json.dumps(params))
            subprocess.run([binary, "ml", name], cwd=folder, check=True, stderr=subprocess.DEVNULL)

        def number(file, *keys):
            value = json.loads((Path(folder) / file).read_text())
            for key in keys:
                value = value[key]
            return value

        params["train"] |= {"epochs": 1, "seed": 0}
        stage("prepare")
        for epochs in args.epochs:
            train, test = [], []
            for seed in range(args.seeds):
                params["train"] |= {"epochs": epochs, "seed": seed}
                stage("train")
                stage("evaluate")
                train.append(number("reports/train.json", "train", "accuracy"))
                test.append(number("reports/metrics.json", "accuracy"))
            bars = BARS.get(epochs, ("", ""))
            print(f"{epochs} epochs, {args.seeds} seeds: train {statistics.mean(train):.4f} (bar {bars[0]}), "
                  f"test {statistics.mean(test):.4f} (bar {bars[1]})", *(f"{accuracy:.4f}" for accuracy in test))


if __name__ == "__main__":
    main()
