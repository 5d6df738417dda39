"""Captures a TorchScript file and runs what was captured with PyTorch.

The tool `DumpCapture` (environment variable TORCHC_DUMP_CAPTURE) prints the
captured program as JSON; `Replay` calls its nodes one after the other.
"""

import dataclasses
import json
import math
import operator
import os
import pathlib
import subprocess

import torch

DTYPES = {
    0: torch.uint8, 1: torch.int8, 2: torch.int16, 3: torch.int32,
    4: torch.int64, 5: torch.float16, 6: torch.float32, 7: torch.float64,
    9: torch.complex64, 10: torch.complex128, 11: torch.bool,
    15: torch.bfloat16,
}
SHORT_NAMES = {
    torch.float32: "f32", torch.float64: "f64", torch.float16: "f16",
    torch.int64: "i64", torch.int32: "i32", torch.bool: "i1",
}
MEMORY_FORMATS = [torch.contiguous_format, torch.preserve_format,
                  torch.channels_last, torch.channels_last_3d]


class CaptureError(Exception):
    """The capture failed: `code` is the exit code, `message` stderr."""

    def __init__(self, code, message):
        super().__init__(f"exit code {code}: {message}")
        self.code = code
        self.message = message


def shape_of(value, dynamic=()):
    """How an example input is written on the command line.

    `dynamic` are the dimensions that are "?".
    """
    if not isinstance(value, torch.Tensor):
        return {bool: "i1", int: "i64", float: "f64"}[type(value)]
    sizes = ["?" if d in dynamic else str(s) for d, s in enumerate(value.shape)]
    return "x".join(sizes + [SHORT_NAMES[value.dtype]])


_server = None


def capture(path, shapes, *options):
    """The captured program as a `Replay`; raises `CaptureError`."""
    global _server
    if _server is None or _server.poll() is not None:
        _server = subprocess.Popen([os.environ["TORCHC_DUMP_CAPTURE"]], text=True,
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    path = pathlib.Path(path)
    storages, out, err = (path.with_suffix(s) for s in (".storages", ".json", ".err"))
    request = {"arguments": [str(path), str(storages), *options, *shapes],
               "cwd": os.getcwd(), "stdout": str(out), "stderr": str(err)}
    _server.stdin.write(json.dumps(request) + "\n")
    _server.stdin.flush()
    code = int(_server.stdout.readline())
    if code != 0:
        raise CaptureError(code, err.read_text())
    return Replay(json.loads(out.read_text()), storages.read_bytes())


@dataclasses.dataclass
class SymbolRange:
    min: int
    max: int


class Replay:
    """A captured program that can be called, with its state in `tensors`."""

    def __init__(self, program, storages):
        self.program = program
        (self.function,) = program["functions"]
        self.graph = self.function["graph"]
        self.symbols = {name: SymbolRange(low, high)
                        for name, low, high in program["symbols"]}
        self.tensors = {}
        for name, tensor in program["tensors"].items():
            meta = tensor["meta"]
            begin, end = tensor["offset"], tensor["offset"] + tensor["bytes"]
            data = bytearray(storages[begin:end])
            flat = (torch.frombuffer(data, dtype=DTYPES[meta["dtype"]])
                    if data else torch.empty(0, dtype=DTYPES[meta["dtype"]]))
            self.tensors[name] = flat.as_strided(
                meta["sizes"], meta["strides"], meta["offset"]).clone()

    def targets(self):
        """The operators of the graph and its nested graphs, in order."""
        result = []

        def visit(graph):
            for node in graph["nodes"]:
                result.append(node["target"])
                for _, argument in node["arguments"]:
                    if isinstance(argument, dict) and "graph" in argument:
                        visit(argument["graph"])

        visit(self.graph)
        return result

    def __call__(self, *inputs):
        """Runs `forward` on flat inputs; gives the flat results.

        Writes go back to `tensors` and to the inputs.
        """
        environment = {}
        users = iter(inputs)
        by_name = {}
        for spec in self.function["inputs"]:
            if spec["kind"] == "user":
                value = by_name[spec["name"]] = next(users)
            else:
                value = self.tensors[spec["target"]]
            environment[spec["name"]] = value
        assert next(users, None) is None
        outputs = run_graph(self.graph, environment)
        results = []
        for spec, value in zip(self.function["outputs"], outputs, strict=True):
            if spec["kind"] == "user":
                results.append(value)
            elif spec["kind"] == "user_input_mutation":
                by_name[spec["target"]].copy_(value)
            else:
                self.tensors[spec["target"]] = value.clone()
        return results


def run_graph(graph, environment):
    missing = [v["name"] for v in graph["inputs"]
               if v["name"] not in environment]
    assert not missing, missing
    # A nested graph sees its inputs only.
    values = {v["name"]: environment[v["name"]] for v in graph["inputs"]}
    for node in graph["nodes"]:
        run_node(node, values)
    return [to_python(output, values) for output in graph["outputs"]]


def run_node(node, values):
    arguments = {n: to_python(a, values) for n, a in node["arguments"]}
    target = node["target"]
    if target == "higher_order.cond":
        graph = arguments["true_graph" if arguments["pred"] else "false_graph"]
        results = run_nested(graph, arguments["operands"])
    elif target == "higher_order.while_loop":
        results = arguments["carried_inputs"]
        captured = arguments["additional_inputs"]
        while run_nested(arguments["cond_graph"], results + captured)[0]:
            results = run_nested(arguments["body_graph"], results + captured)
    else:
        results = call(target, arguments)
        if len(node["outputs"]) == 1:
            results = [results]
    if not node["outputs"]:
        return
    for output, result in zip(node["outputs"], results, strict=True):
        check(node, output, result)
        values[output["name"]] = result


def run_nested(graph, operands):
    names = [v["name"] for v in graph["inputs"]]
    return run_graph(graph, dict(zip(names, operands, strict=True)))


def check(node, output, result):
    """The recorded type and constant sizes are those of the real result."""
    where = f"{node['target']} -> {output['name']}"
    if output["kind"] == "tensor":
        meta = output["meta"]
        assert result.dtype == DTYPES[meta["dtype"]], where
        assert len(meta["sizes"]) == result.dim(), where
        for recorded, real in zip(meta["sizes"], result.shape):
            assert isinstance(recorded, dict) or recorded == real, where
    else:
        kinds = {"int": int, "float": float, "bool": bool}
        if output["kind"] in kinds:
            assert type(result) is kinds[output["kind"]], where


def call(target, arguments):
    if target.startswith("operator."):
        name = target.removeprefix("operator.")
        return getattr(operator, name)(*arguments.values())
    if target.startswith("torch.sym_"):
        return getattr(torch, target.removeprefix("torch."))(*arguments.values())
    if target == "aten.item":
        return arguments["self"].item()
    namespace, name, *overload = target.split(".")
    packet = getattr(getattr(torch.ops, namespace), name)
    function = getattr(packet, overload[0] if overload else "default")
    # `self` is a positional argument, which keywords cannot name.
    schema = function._schema.arguments
    positional = []
    for formal in schema:
        if formal.kwarg_only or formal.name not in arguments:
            break
        positional.append(arguments.pop(formal.name))
    return function(*positional, **arguments)


def to_python(argument, values):
    if isinstance(argument, list):
        return [to_python(element, values) for element in argument]
    if not isinstance(argument, dict):
        return argument
    ((kind, value),) = argument.items()
    if kind == "ref":
        return values[value]
    if kind == "double":
        return math.nan if "nan" in value else float.fromhex(value)
    if kind == "complex":
        return complex(*value)
    if kind == "dtype":
        return DTYPES[value]
    if kind == "layout":
        return torch.strided
    if kind == "memory_format":
        return MEMORY_FORMATS[value]
    if kind == "device":
        return torch.device(value)
    return value
