#!/usr/bin/env python3
"""How compile time grows with the number of nodes: graphs of some kinds, each in four sizes.

    large_graphs.py                  250 to 2000 nodes
    large_graphs.py norms --most 4000

The time for one node stays about the same where nothing is quadratic. It is CPU time of one thread.
"""
import argparse
import resource
import time

import torch

import torchc


def run_chain(x, weight, count):
    """Elementwise ops, one behind the other."""
    for i in range(count // 4):
        x = torch.relu(x + 0.1 * i) * weight - 0.5
    return x


def run_products(x, weight, count):
    for _ in range(count // 2):
        x = torch.tanh(x @ weight)
    return x


def run_norms(x, weight, count):
    """Reductions along rows, which one kernel could all hold."""
    for _ in range(count // 3):
        x = torch.nn.functional.layer_norm(torch.softmax(x, -1), (8,)) + weight[0]
    return x


def run_branches(x, weight, count):
    """Many results of one tensor, joined."""
    return torch.cat([torch.relu(x * i).sum(0, keepdim=True) for i in range(count // 3)])


def run_views(x, weight, count):
    for _ in range(count // 4):
        x = x.t().reshape(4, 16).transpose(0, 1).reshape(8, 8)
    return x + weight


def run_shared_constants(x, weight, count):
    """What is computed of weights alone, each value read twice by the next."""
    constant = torch.full((8, 8), 0.5)
    for _ in range(count // 3):
        constant = torch.tanh(constant) + constant * 0.5
    return x * constant


KINDS = {name.removeprefix("run_"): function for name, function in globals().copy().items() if name.startswith("run_")}


class Graph(torch.nn.Module):
    def __init__(self, kind, count):
        super().__init__()
        self.kind, self.count = kind, count
        self.weight = torch.nn.Parameter(torch.rand(8, 8))

    def forward(self, x):
        return KINDS[self.kind](x, self.weight, self.count)


def export(kind, count):
    """(exported program, its inputs, number of nodes)"""
    inputs = (torch.rand(8, 8),)
    program = torch.export.export(Graph(kind, count), inputs, strict=False)
    return program, inputs, len(program.graph.nodes)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kinds", nargs="*", default=list(KINDS), help=f"of {', '.join(KINDS)}")
    parser.add_argument("--most", type=int, default=2000, help="nodes of the largest graphs")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print(f"{'kind':18} {'nodes':>6} {'CPU s':>7} {'ms a node':>9} {'peak MiB':>8}")
    for kind in arguments.kinds:
        for count in (arguments.most // 8, arguments.most // 4, arguments.most // 2, arguments.most):
            program, _, nodes = export(kind, count)
            begin = time.process_time()
            torchc.compile(program)
            seconds = time.process_time() - begin
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            print(f"{kind:18} {nodes:6} {seconds:7.2f} {1000 * seconds / nodes:9.2f} {peak:8.0f}", flush=True)


if __name__ == "__main__":
    main()
