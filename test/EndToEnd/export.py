"""Writes the models that tests share as .pt2 files.

    python export.py resnet18 -o resnet18.pt2
    python export.py --all -o folder/

A case is a name, a module, example inputs and the dims that stay dynamic.
"""

import argparse
import os
import pathlib
import sys

import torch
from torch.export import Dim

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from models import mlp, mobilenet, resnet, transformer  # noqa: E402

os.environ.setdefault("HF_HUB_OFFLINE", "1")


class InPlace(torch.nn.Module):
    """`relu_(x + 1)`, then `add_` of a scalar."""

    def forward(self, x):
        return torch.relu_(x + 1).add_(2.5)


class Mixed(torch.nn.Module):
    """State, strides, wrapped graphs, None and numbers: what importers trip over."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.arange(6.0).reshape(2, 3).t())
        self.tied = self.weight
        self.register_buffer("counter", torch.zeros(()))

    def forward(self, x, k: int, flag: bool, scratch):
        with torch.no_grad():
            product = x @ self.weight
        with torch.autocast("cpu", enabled=False):
            product = product * 2 + (x @ self.tied)
        left, right = torch.split(product, 1, dim=1)
        self.counter.add_(1)
        scratch.mul_(2)
        return {"product": product * k, "none": None, "halves": [left, right], "k": k + 1, "half": x.shape[0] // 2}


def tokens(batch, length):
    """Token ids below 99, and a mask of ones."""
    torch.manual_seed(0)
    return torch.randint(0, 99, (batch, length)), torch.ones(batch, length, dtype=torch.int64)


def cases():
    """name -> function that gives (module, inputs, dynamic shapes or None)."""
    batch = Dim("batch", min=1, max=64)
    length = Dim("length", min=2, max=64)
    both = {0: batch, 1: length}
    return {
        "mlp": lambda: (mlp.mlp(), (torch.randn(4, 16),), ({0: batch},)),
        "in-place": lambda: (InPlace(), (torch.randn(2, 3),), None),
        "mixed": lambda: (Mixed(), (torch.randn(4, 3), 3, True, torch.ones(2)),
                          ({0: batch}, Dim.DYNAMIC, None, None)),
        "resnet18": lambda: (resnet.resnet18(), (torch.randn(1, 3, 224, 224),), None),
        "mobilenet-v2": lambda: (mobilenet.mobilenet_v2(), (torch.randn(1, 3, 224, 224),), None),
        "minilm": lambda: (transformer.minilm(), tokens(1, 12), ({1: length}, {1: length})),
        "bert": lambda: (transformer.bert(), tokens(2, 12), None),
        "bert-dynamic": lambda: (transformer.bert(), tokens(2, 12), (both, both)),
        "gpt2": lambda: (transformer.gpt2(), tokens(2, 12)[:1], None),
        "gpt2-dynamic": lambda: (transformer.gpt2(), tokens(2, 12)[:1], (both,)),
    }


def export(name):
    """The `ExportedProgram` of a case."""
    module, inputs, dynamic_shapes = cases()[name]()
    return torch.export.export(module, inputs, dynamic_shapes=dynamic_shapes)


def export_all(folder):
    """Every case, `mixed` in functional form too, TorchScript, and a file that is no program."""
    for name in cases():
        program = export(name)
        torch.export.save(program, folder / f"{name}.pt2")
        if name == "mixed":
            torch.export.save(program.run_decompositions({}), folder / "mixed-functional.pt2")
    torch.jit.trace(mlp.mlp(), torch.zeros(1, 16)).save(folder / "mlp.pt")
    torch.save({"weight": torch.zeros(2)}, folder / "checkpoint.pt")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", choices=[[], *cases()])
    parser.add_argument("--all", action="store_true", help="write every case; -o is a folder")
    parser.add_argument("-o", "--output", required=True)
    options = parser.parse_args()
    if options.all:
        export_all(pathlib.Path(options.output))
    else:
        (name,) = options.names
        torch.export.save(export(name), options.output)


if __name__ == "__main__":
    main()
