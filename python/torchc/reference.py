"""Compares every intermediate result of a model with PyTorch's, and names the first operator that differs.

    python -m torchc.reference model.pt2 [--input=@x.npy ...] [--tolerance=1e-3]

The model is compiled with all its intermediate results as outputs, run once, and held against eager,
node by node. Where only the result of the whole model differs, as fused operators may, it is compiled
with one intermediate at a time to find the first. Inputs are those that the model was exported with where
the file has them, else random numbers. Exit codes: 0 all equal, 7 something differs, 1 it cannot be told.
"""
import argparse
import copy
import re
import sys
from dataclasses import dataclass

import torch
from torch.export.graph_signature import OutputKind, OutputSpec, TensorArgument
from torch.utils import _pytree as pytree

import torchc

MISMATCH = 7


@dataclass
class Difference:
    """The first operator whose result is not PyTorch's."""

    node: str
    target: str  # "aten.tanh.default"
    location: str  # "model.py:27", or empty where the file has none.
    reason: str

    def __str__(self):
        return f"{self.location + ': ' if self.location else ''}{self.target} ({self.node}) differs: {self.reason}"


def find_difference(program, inputs, *, tolerance=1e-3, compile=torchc.compile):
    """The first node, in the order of the graph, where torchc and eager differ: a Difference, or None.

    program: a torch.export.ExportedProgram.
    inputs: the positional arguments of its call.
    tolerance: the largest error that is none, as a part of the largest number of the tensor.
    compile: what makes a program that can be called of an ExportedProgram.
    """
    nodes = [node for node in program.graph.nodes if _is_compared(node)]
    expected = _run_eager(program, inputs)

    def compare(compared):
        actual = _run_compiled(program, inputs, compared, compile)
        for node, ours in zip(compared, actual):
            if reason := _describe_difference(ours, expected[node.name], tolerance):
                return _locate(node, reason)
        return None

    difference = compare(nodes)
    results = [node for node in nodes if any(user.op == "output" for user in node.users)]
    if difference is not None or compare(results) is None:
        return difference
    # Something goes wrong only where what lies between is not kept.
    low, high = 0, len(nodes) - 1
    while low < high:
        middle = (low + high) // 2
        if compare([nodes[middle]]) is None:
            low = middle + 1
        else:
            high = middle
    return compare([nodes[low]]) or compare(results)


def _is_compared(node):
    return node.op == "call_function" and isinstance(node.meta.get("val"), torch.Tensor)


def _locate(node, reason):
    frames = re.findall(r'File "([^"]+)", line (\d+)', node.meta.get("stack_trace") or "")
    location = f"{frames[-1][0]}:{frames[-1][1]}" if frames else ""
    return Difference(node.name, str(node.target), location, reason)


def _run_eager(program, inputs):
    """Node name -> what eager gives there. What is written in place later shows its last value, as
    the outputs of the compiled program do."""
    values = {}

    class Recorder(torch.fx.Interpreter):
        def run_node(self, node):
            values[node.name] = super().run_node(node)
            return values[node.name]

    with torch.no_grad():
        recorder = Recorder(program.graph_module)
        recorder.run(*_flat_inputs(program, inputs), enable_io_processing=False)
    return values


def _flat_inputs(program, inputs):
    """All inputs of the graph: state first, then the leaves of the call."""
    leaves = iter(_copy(value) for value in pytree.tree_leaves((tuple(inputs), {})))
    constants = {**program.constants, **program.state_dict}
    return [next(leaves) if spec.target is None else _copy(constants[spec.target])
            for spec in program.graph_signature.input_specs]


def _copy(value):
    return value.detach().clone() if isinstance(value, torch.Tensor) else value


def _run_compiled(program, inputs, nodes, compile):
    """The results of the nodes in the compiled program."""
    altered = copy.deepcopy(program)
    by_name = {node.name: node for node in altered.graph.nodes}
    output = altered.graph.output_node()
    added = tuple(by_name[node.name] for node in nodes)
    output.args = (tuple(output.args[0]) + added,)
    specs = altered.graph_signature.output_specs
    specs.extend(OutputSpec(OutputKind.USER_OUTPUT, TensorArgument(node.name), None) for node in added)
    count = sum(spec.kind == OutputKind.USER_OUTPUT for spec in specs)
    altered.module_call_graph[0].signature.out_spec = pytree.tree_structure(tuple(range(count)))
    altered.graph_module.recompile()
    results = compile(altered)(*(_copy(value) for value in inputs))
    return list(results)[count - len(added):]


def _describe_difference(ours, theirs, tolerance):
    """What differs, or None."""
    if ours.dtype != theirs.dtype or ours.shape != theirs.shape:
        return f"{ours.dtype}{list(ours.shape)} instead of {theirs.dtype}{list(theirs.shape)}"
    if ours.numel() == 0:
        return None
    if theirs.is_complex():
        ours, theirs = torch.view_as_real(ours), torch.view_as_real(theirs)
    if not theirs.is_floating_point():
        wrong = (ours != theirs).sum().item()
        return f"{wrong} of {ours.numel()} numbers" if wrong else None
    ours, theirs = ours.double(), theirs.double()
    finite = theirs.isfinite()
    same_kind = (ours.isnan() == theirs.isnan()) & (finite | theirs.isnan() | (ours == theirs)) & (ours.isfinite() == finite)
    if not same_kind.all():
        return f"{(~same_kind).sum().item()} of {ours.numel()} are NaN or infinite on one side only"
    if not finite.any():
        return None
    scale = theirs[finite].abs().max().item()
    errors = (ours - theirs)[finite].abs()
    if errors.max().item() <= tolerance * scale:
        return None
    wrong = (errors > tolerance * scale).sum().item()
    return f"{wrong} of {ours.numel()} numbers, by up to {errors.max().item():.3g} where the largest is {scale:.3g}"


def _make_inputs(program):
    """Random inputs of the sizes that the model was exported with."""
    generator = torch.Generator().manual_seed(0)
    values = []
    users = {spec.arg.name for spec in program.graph_signature.input_specs if spec.target is None}
    for node in program.graph.nodes:
        if node.op != "placeholder" or node.name not in users:
            continue
        val = node.meta.get("val")
        if not isinstance(val, torch.Tensor):
            raise ValueError(f"the input '{node.name}' is no tensor: give the inputs with --input")
        shape = [int(getattr(size.node, "hint", size)) if isinstance(size, torch.SymInt) else size for size in val.shape]
        if val.is_floating_point():
            values.append(torch.randn(shape, generator=generator).to(val.dtype))
        else:
            values.append(torch.randint(0, 2, shape, generator=generator).to(val.dtype))
    return tuple(values)


def _read_inputs(program, texts):
    import numpy as np

    if texts:
        return tuple(torch.from_numpy(np.load(text.removeprefix("@"))) for text in texts)
    if program.example_inputs:
        args, kwargs = program.example_inputs
        if not kwargs:
            return tuple(args)
    return _make_inputs(program)


def main():
    parser = argparse.ArgumentParser(prog="python -m torchc.reference", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", help="a .pt2 file")
    parser.add_argument("--input", action="append", default=[], metavar="@FILE.npy", help="each input in order")
    parser.add_argument("--tolerance", type=float, default=1e-3, help="of the largest number of a tensor")
    arguments = parser.parse_args()
    try:
        program = torch.export.load(arguments.model)
        difference = find_difference(program, _read_inputs(program, arguments.input), tolerance=arguments.tolerance)
    except (torchc.TorchcError, OSError, ValueError, RuntimeError) as error:
        print(f"torchc.reference: error: {error}", file=sys.stderr)
        return 1
    if difference is None:
        print(f"{sum(map(_is_compared, program.graph.nodes))} results are equal")
        return 0
    print(difference)
    return MISMATCH


if __name__ == "__main__":
    sys.exit(main())
