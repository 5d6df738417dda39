#!/usr/bin/env python3
"""The largest error of models against PyTorch in f64, by the largest value: eager's and torchc's.

    accuracy.py                         all models in f32 of one size
    accuracy.py resnet50-bf16 mlp

Weights are those of `suite.py`, widened for the reference. Exit status 1 if an error of torchc's is more than twice
eager's.
"""
import argparse
import sys
import tempfile

import torch

import peers
from suite import MODELS, build

SINGLE = [name for name in MODELS if not name.endswith(("-dynamic", "-bf16", "-int8", "-int4"))]


def get_errors(name):
    """Of eager and of torchc."""
    model, inputs = build(name)
    with torch.no_grad(), tempfile.TemporaryDirectory() as directory:
        results = [torch.as_tensor(peers.PEERS[peer](model, inputs, 1, directory)()).double() for peer in ("eager", "torchc")]
        expected = model.double()(*(x.double() if x.is_floating_point() else x for x in inputs))
    return [((result - expected).abs().max() / expected.abs().max()).item() for result in results]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", metavar="MODEL", help=f"by default: {', '.join(SINGLE)}")
    models = parser.parse_args().models or SINGLE
    if unknown := [name for name in models if name not in MODELS]:
        parser.error(f"unknown models: {', '.join(unknown)}; there are: {', '.join(MODELS)}")
    print("| model | eager | torchc | by eager's |\n|---|---|---|---|")
    worst = 0
    for name in models:
        eager, torchc = get_errors(name)
        print(f"| {name} | {eager:.1e} | {torchc:.1e} | {torchc / eager:.2f} |", flush=True)
        worst = max(worst, torchc / eager)
    return int(worst > 2)


if __name__ == "__main__":
    sys.exit(main())
