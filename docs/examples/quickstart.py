"""Exports a small classifier and compares torchc's result with PyTorch's.

    python quickstart.py export DIR     writes model.pt2, x.npy and expected.npy
    python quickstart.py compare DIR    prints expected.npy beside torchc's y.npy
"""
import sys
from pathlib import Path

import numpy as np
import torch


class Classifier(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.features = torch.nn.Sequential(
            torch.nn.Conv2d(3, 16, 3, stride=2, padding=1), torch.nn.BatchNorm2d(16), torch.nn.ReLU(),
            torch.nn.Conv2d(16, 32, 3, stride=2, padding=1), torch.nn.BatchNorm2d(32), torch.nn.ReLU(),
            torch.nn.AdaptiveAvgPool2d(1))
        self.classes = torch.nn.Linear(32, 10)

    def forward(self, x):
        return self.classes(self.features(x).flatten(1)).softmax(-1)


def export(directory):
    torch.manual_seed(0)
    model = Classifier().eval()
    x = torch.randn(1, 3, 64, 64)
    torch.export.save(torch.export.export(model, (x,)), directory / "model.pt2")
    np.save(directory / "x.npy", x.numpy())
    np.save(directory / "expected.npy", model(x).detach().numpy())


def compare(directory):
    expected, actual = np.load(directory / "expected.npy")[0], np.load(directory / "y.npy")[0]
    print("class     PyTorch      torchc")
    for index in np.argsort(-expected)[:3]:
        print(f"{index:5}  {expected[index]:10.6f}  {actual[index]:10.6f}")
    np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-6)
    print("equal within 1e-4")


if __name__ == "__main__":
    {"export": export, "compare": compare}[sys.argv[1]](Path(sys.argv[2]))
