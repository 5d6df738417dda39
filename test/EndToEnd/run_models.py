#!/usr/bin/env python3
"""Compiles models, compares them with PyTorch, and prints a table.

    run_models.py                      all models in all formats
    run_models.py resnet18 --format pt2 --threads 2
"""
import argparse
import sys
import tempfile
import time

import torch

import torchc
from cases import CASES, find_case, write_model
from timing import measure


def run(case, model_format, threads, timed):
    with tempfile.TemporaryDirectory() as directory:
        path, model = write_model(case, model_format, directory)
        begin = time.perf_counter()
        program = torchc.compile(path, inputs=case.input_shapes if model_format != "pt2" else (), threads=threads)
        seconds = time.perf_counter() - begin
    worst = 0.0
    with torch.no_grad():
        for inputs in case.inputs():
            expected, actual = model(*inputs), program(*inputs)
            worst = max(worst, ((actual - expected).abs().max() / expected.abs().max()).item())
        inputs = case.inputs()[0]
        ratio = measure(lambda: model(*inputs)) / measure(lambda: program(*inputs)) if timed else None
    return seconds, worst, ratio


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", help="names of models; all by default")
    parser.add_argument("--format", choices=("pt2", "scripted", "traced"), help="one format only")
    parser.add_argument("--threads", type=int, default=1, help="threads of torchc and of PyTorch")
    parser.add_argument("--time", action="store_true", help="also show PyTorch's time over torchc's")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)

    failures = 0
    print(f"{'model':20} {'format':9} {'compile s':>9} {'rel. error':>10} {'vs eager':>8}")
    for case in [find_case(name) for name in arguments.models] or CASES:
        for model_format in case.formats:
            if arguments.format not in (None, model_format):
                continue
            try:
                seconds, worst, ratio = run(case, model_format, arguments.threads, arguments.time)
                failed = not worst <= case.tolerance
                verdict = "DIFFERS" if failed else ""
                speed = f"{ratio:7.2f}x" if ratio else ""
                print(f"{case.name:20} {model_format:9} {seconds:9.2f} {worst:10.1e} {speed:8} {verdict}".rstrip(), flush=True)
            except torchc.TorchcError as error:
                failed = True
                print(f"{case.name:20} {model_format:9} {str(error).splitlines()[0]}", flush=True)
            failures += failed
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
