"""Compiles an image classifier and prints the top-3 classes of torchc and PyTorch side by side.

    PYTHONPATH=build/python python docs/examples/classify.py [image.npy]

The image is a float32 array 3x224x224; without one, a random image is taken. The weights are
random (there is nothing to download), so the classes are mere numbers; with trained weights only
`model` changes.
"""
import sys
from pathlib import Path

import numpy as np
import torch

import torchc

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "test" / "EndToEnd"))
from models.resnet import resnet18  # noqa: E402


def main():
    model = resnet18()
    image = np.load(sys.argv[1]) if len(sys.argv) > 1 else np.random.default_rng(0).standard_normal((3, 224, 224))
    x = torch.from_numpy(image).to(torch.float32)[None]
    program = torchc.compile(torch.export.export(model, (x,)))
    with torch.no_grad():
        expected = model(x)[0].softmax(0)
    actual = program(x)[0].softmax(0)

    print("rank   PyTorch             torchc")
    for rank, (a, b) in enumerate(zip(expected.topk(3).indices.tolist(), actual.topk(3).indices.tolist()), 1):
        print(f"{rank:4}   class {a:4} {expected[a]:7.5f}   class {b:4} {actual[b]:7.5f}")


if __name__ == "__main__":
    main()
