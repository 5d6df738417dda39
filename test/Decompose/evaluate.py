"""Runs torch dialect text with PyTorch itself, op by op.

An oracle for stages that rewrite torch ops into torch ops: what a pass leaves
must compute what it was given. `write_call` makes the text of one op from
Python arguments, `optimize` runs passes, `evaluate` runs text. Only functions of
one block, as these stages leave them, with small constants.
"""

import functools
import os
import pathlib
import re
import struct
import subprocess

import torch

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("TORCHC_BUILD", ROOT / "build"))

DTYPES = {
    "f32": torch.float32, "f64": torch.float64, "f16": torch.float16, "bf16": torch.bfloat16,
    "si8": torch.int8, "ui8": torch.uint8, "si16": torch.int16, "si32": torch.int32, "si64": torch.int64,
    "i1": torch.bool,
}
NAMES = {dtype: name for name, dtype in DTYPES.items()}


def tensor_type(tensor, kind="vtensor", dynamic=False):
    sizes = ",".join("?" if dynamic and size > 1 else str(size) for size in tensor.shape)
    return f"!torch.{kind}<[{sizes}],{NAMES[tensor.dtype]}>"


# --- writing ----------------------------------------------------------------


class Writer:
    """The text of a function under construction."""

    def __init__(self, kind="vtensor", dynamic=False):
        self.lines, self.arguments, self.inputs = [], [], []
        self.kind, self.dynamic = kind, dynamic

    def define(self, text, type_text):
        name = f"%v{len(self.lines)}"
        self.lines.append(f"{name} = {text}")
        return name, type_text

    def input(self, tensor):
        name, type_text = f"%x{len(self.inputs)}", tensor_type(tensor, self.kind, self.dynamic)
        self.arguments.append(f"{name}: {type_text}")
        self.inputs.append(tensor)
        return name, type_text

    def value(self, argument):
        """A Python argument as a value: (name, type)."""
        if isinstance(argument, torch.Tensor):
            return self.input(argument)
        if argument is None:
            return self.define("torch.constant.none", "!torch.none")
        if isinstance(argument, bool):
            return self.define(f"torch.constant.bool {str(argument).lower()}", "!torch.bool")
        if isinstance(argument, int):
            return self.define(f"torch.constant.int {argument}", "!torch.int")
        if isinstance(argument, float):
            bits = struct.unpack("<Q", struct.pack("<d", argument))[0]
            return self.define(f"torch.constant.float 0x{bits:016X}", "!torch.float")
        if isinstance(argument, str):
            return self.define(f'torch.constant.str "{argument}"', "!torch.str")
        if isinstance(argument, torch.dtype):
            return self.value(code_of(argument))
        if isinstance(argument, torch.device):
            return self.define(f'torch.constant.device "{argument}"', "!torch.Device")
        values = [self.value(element) for element in argument]
        types = ", ".join(t for _, t in values)
        is_tensors = any(isinstance(element, torch.Tensor) for element in argument)
        is_bools = any(isinstance(element, bool) for element in argument)
        element = f"{self.kind}" if is_tensors else "bool" if is_bools else "int"
        return self.define(f"torch.prim.ListConstruct {', '.join(n for n, _ in values)} : ({types}) -> !torch.list<{element}>",
                           f"!torch.list<{element}>")


def find_operator(name):
    """The overload behind `aten.foo.bar`; those on ints and lists have none."""
    _, packet, *overload = name.split(".")
    return getattr(getattr(torch.ops.aten, packet), overload[0] if overload else "default")


def write_call(name, *arguments, dynamic=False, **keywords):
    """A function that calls one op on its tensor arguments, the tensors, and PyTorch's results.

    Arguments that are left out take the defaults of the schema.
    """
    operator, writer = find_operator(name), Writer(dynamic=dynamic)
    results = operator(*arguments, **keywords)
    values = []
    for i, argument in enumerate(operator._schema.arguments):
        if i < len(arguments):
            given = arguments[i]
        else:
            given = keywords.get(argument.name, argument.default_value)
        type_text = str(argument.type)
        if type_text == "float" and isinstance(given, int):
            given = float(given)
        values.append(writer.value(given))
    if isinstance(results, list):
        flat = list(results)
        element = f"!torch.list<vtensor>"
        listed = writer.define(f"torch.{name} {', '.join(n for n, _ in values)} : {', '.join(t for _, t in values)} -> {element}", element)
        types = [tensor_type(r, dynamic=dynamic) for r in flat]
        writer.lines.append(f"%r:{len(flat)} = torch.prim.ListUnpack {listed[0]} : {element} -> {', '.join(types)}")
    else:
        flat = list(results) if isinstance(results, tuple) else [results] if results is not None else []
        # What a backward op is not asked for is None, whatever PyTorch computes along with the rest.
        masks = [v for a, v in zip(operator._schema.arguments, arguments) if a.name == "output_mask"]
        flat = [r if wanted else None for r, wanted in zip(flat, *masks)] if masks else flat
        types = ["!torch.none" if r is None else tensor_type(r, dynamic=dynamic) for r in flat]
        left = f"%r:{len(flat)} = " if flat else ""
        right = f" -> {', '.join(types)}" if flat else ""
        writer.lines.append(f"{left}torch.{name} {', '.join(n for n, _ in values)} : {', '.join(t for _, t in values)}{right}")
    returned = ", ".join(f"%r#{i}" for i, r in enumerate(flat) if r is not None)
    types = [t for t in types if t != "!torch.none"]
    flat = [r for r in flat if r is not None]
    body = "\n  ".join(writer.lines)
    text = f"func.func @forward({', '.join(writer.arguments)}) -> ({', '.join(types)}) {{\n  {body}\n  return {returned}{' : ' if flat else ''}{', '.join(types)}\n}}\n"
    return text, writer.inputs, flat


def optimize(text, *passes):
    """The text after the passes; their diagnostics are the error's message."""
    run = subprocess.run([BUILD / "bin/torchc-opt", *passes, "-"], input=text, capture_output=True, text=True)
    if run.returncode != 0:
        raise RuntimeError(run.stderr)
    return run.stdout


# --- running ----------------------------------------------------------------


@functools.lru_cache
def code_of(dtype):
    return next(code for code, known in enumerate(dtype_codes()) if known == dtype)


def dtype_codes():
    """torch.dtype by the number of c10::ScalarType."""
    return [torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.float16, torch.float32,
            torch.float64, torch.complex32, torch.complex64, torch.complex128, torch.bool, None, None, None,
            torch.bfloat16]


INTEGER_OPS = {
    "add.int": lambda a, b: a + b, "sub.int": lambda a, b: a - b, "mul.int": lambda a, b: a * b,
    "floordiv.int": lambda a, b: a // b, "remainder.int": lambda a, b: a % b, "neg.int": lambda a: -a,
    "size.int": lambda t, dim: t.shape[dim], "item": lambda t: t.item(),
}


def parse_literal(text):
    element, shape_text = re.fullmatch(r"dense<(.*)> : tensor<(.*)>", text).groups()
    *shape, dtype = shape_text.split("x")
    dtype = DTYPES[dtype]
    if not element:
        return torch.empty([int(s) for s in shape], dtype=dtype)
    if element.startswith('"'):  # The bytes of many elements.
        return torch.frombuffer(bytearray.fromhex(element.strip('"')[2:]), dtype=dtype).view([int(s) for s in shape])
    if element.startswith("0x"):
        bits = int(element, 16)
        size = torch.empty(0, dtype=dtype).element_size()
        value = torch.frombuffer(bytearray(bits.to_bytes(size, "little")), dtype=dtype)[0]
        return torch.full([int(s) for s in shape], value.item(), dtype=dtype)
    value = eval(element, {"true": True, "false": False})
    tensor = torch.tensor(value, dtype=dtype)
    return tensor if tensor.shape == tuple(map(int, shape)) else tensor.expand([int(s) for s in shape]).clone()


def parse_float(text):
    if text.startswith("0x"):
        return struct.unpack("<d", struct.pack("<Q", int(text, 16)))[0]
    return float(text)


def call(op, operands):
    if op in INTEGER_OPS:
        return INTEGER_OPS[op](*operands)
    operator = find_operator("aten." + op)
    positional, keywords = [], {}
    for argument, operand in zip(operator._schema.arguments, operands):
        if argument.name == "dtype" and isinstance(operand, int):
            operand = dtype_codes()[operand]
        if argument.kwarg_only:
            keywords[argument.name] = operand
        else:
            positional.append(operand)
    return operator(*positional, **keywords)


def evaluate(text, inputs):
    """The results of the only function of `text` on tensors."""
    values = {}
    header = re.search(r"func\.func @\w+\((.*?)\)(?: ->| \{)", text).group(1)
    values.update(zip(re.findall(r"(%\w+):", header), inputs))

    def look_up(names):
        return [values[n.strip()] for n in names.split(",") if n.strip()]

    for line in text.splitlines():
        line = line.strip()
        if line.startswith("return"):
            names = line[len("return"):].split(":")[0]
            return look_up(names)
        found = re.match(r"(?:(%\w+)(?::(\d+))? = )?torch\.(\S+)(.*)", line)
        if not found:
            continue
        name, count, op, rest = found.groups()
        if op.startswith("vtensor.literal("):
            result = parse_literal(re.search(r"literal\((dense<.*> : tensor<[^>]*>)\)", line).group(1))
        elif op.startswith("constant."):
            rest = rest.strip()
            parse = {"int": int, "float": parse_float, "bool": lambda t: t == "true", "none": lambda t: None,
                     "str": lambda t: t[1:-1], "device": lambda t: t[1:-1]}
            result = parse[op.split(".")[1]](rest)
        else:
            operands = look_up(rest.split(" : ")[0] if " : " in rest else "")
            if op == "prim.ListConstruct":
                result = operands
            elif op == "prim.ListUnpack":
                result = tuple(operands[0])
            elif op in ("prim.max.int", "prim.min.int"):
                result = (max if "max" in op else min)(operands)
            elif op in ("tensor_static_info_cast", "derefine", "copy.to_tensor", "copy.to_vtensor"):
                result = operands[0].clone() if op.startswith("copy") else operands[0]
            else:
                result = call(op.removeprefix("aten."), operands)
        if count is not None:
            for i, part in enumerate(result if isinstance(result, (tuple, list)) else [result]):
                values[f"{name}#{i}"] = part
        elif name:
            values[name] = result
