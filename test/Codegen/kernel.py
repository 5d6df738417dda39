"""Compiles the text of one dispatch.kernel and runs it on numpy arrays.

For oracle tests of code generation alone: no Object stage, no runtime. The
kernel goes through torchc-opt and LLVM's tools to a shared object, whose work
groups are called one by one through ctypes, in reverse order with poisoned scratch
memory and outputs, so that nothing may depend on either.
"""

import ctypes
import os
import pathlib
import re
import subprocess
import tempfile

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("TORCHC_BUILD", ROOT / "build"))
LLVM = pathlib.Path(os.environ.get("TORCHC_LLVM_BIN", "/usr/lib/llvm-22/bin"))


class _Args(ctypes.Structure):
    _fields_ = [
        ("bindings", ctypes.POINTER(ctypes.c_void_p)),
        ("binding_lengths", ctypes.POINTER(ctypes.c_uint64)),
        ("constants", ctypes.POINTER(ctypes.c_int64)),
        ("workgroup_count", ctypes.c_uint32 * 3),
        ("binding_count", ctypes.c_uint32),
        ("constant_count", ctypes.c_uint32),
    ]


class _Extent(int):
    """An int with the arithmetic of affine maps; `/` stands for ceildiv."""

    def __add__(self, other):
        return _Extent(int(self) + int(other))

    def __mul__(self, other):
        return _Extent(int(self) * int(other))

    __radd__, __rmul__ = __add__, __mul__

    def __truediv__(self, other):
        return _Extent(-(-int(self) // int(other)))

    def __rtruediv__(self, other):
        return _Extent(-(-int(other) // int(self)))

    def __floordiv__(self, other):
        return _Extent(int(self) // int(other))


def _tool(*command, text=None):
    done = subprocess.run([str(c) for c in command], input=text, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return done.stdout


class Kernel:
    """A kernel compiled for `cpu` ("host" is this machine)."""

    def __init__(self, text, cpu="host"):
        pipeline = (
            f"builtin.module(torchc-emit-kernels{{cpu={cpu}}},dispatch.executable(builtin.module("
            "llvm.func(torchc-expand-math,torchc-lower-kernels-to-llvm))))"
        )
        self.ir = _tool(BUILD / "bin/torchc-opt", f"--pass-pipeline={pipeline}", "-", text=text)
        aliases = "".join(line + "\n" for line in self.ir.splitlines() if line.startswith("#"))
        start = self.ir.index("builtin.module {")
        depth, end = 0, start
        for end in range(start, len(self.ir)):
            depth += {"{": 1, "}": -1}.get(self.ir[end], 0)
            if depth == 0 and self.ir[end] == "}":
                break
        self.folder = tempfile.TemporaryDirectory()
        path = pathlib.Path(self.folder.name) / "kernel"
        machine = ["-O3", "-mtriple=x86_64-pc-linux-gnu", "-mcpu=" + ("native" if cpu == "host" else cpu)]
        llvm_ir = _tool(LLVM / "mlir-translate", "--mlir-to-llvmir", "-", text=aliases + self.ir[start : end + 1])
        # As the Object stage does: loops are not calls of memset.
        llvm_ir = llvm_ir.replace("attributes #0 = { ", 'attributes #0 = { "no-builtins" ')
        self.llvm_ir = _tool(LLVM / "opt", *machine, "-vectorize-loops=false", "-vectorize-slp=false", "-S", "-", text=llvm_ir)
        self.asm = _tool(LLVM / "llc", *machine, "--relocation-model=pic", "-o", "-", "-", text=self.llvm_ir)
        _tool(LLVM / "llc", *machine, "--relocation-model=pic", "-filetype=obj", "-o", f"{path}.o", "-", text=self.llvm_ir)
        _tool(LLVM / "ld.lld", "-shared", "--no-undefined", f"{path}.o", "-o", f"{path}.so")
        name = re.search(r"dispatch\.kernel private @(\w+)", self.ir).group(1)
        self.function = getattr(ctypes.CDLL(f"{path}.so"), name)
        self.function.restype = ctypes.c_int32
        self.scratch = int(re.search(r"scratch = (\d+)", self.ir).group(1))
        grid = re.search(r"workgroups = affine_map<\(\)(?:\[([^\]]*)\])? -> \((.*)\)>", self.ir)
        if not grid:
            alias = re.search(r"workgroups = (#\w+)", self.ir).group(1)
            grid = re.search(re.escape(alias) + r" = affine_map<\(\)(?:\[([^\]]*)\])? -> \((.*)\)>", self.ir)
        symbols, extents = grid.groups()
        self.symbols = [s.strip() for s in symbols.split(",")] if symbols else []
        self.grid = extents.replace("ceildiv", "/").replace("floordiv", "//").replace("mod", "%")

    def prepare(self, inputs, outputs, sizes=()):
        """A function that runs all work groups and returns the first code that is not 0."""
        count = eval(f"({self.grid})", {s: _Extent(v) for s, v in zip(self.symbols, sizes)})
        count = [int(c) for c in count]
        tensors = [np.ascontiguousarray(t) for t in inputs] + list(outputs)
        bindings = (ctypes.c_void_p * len(tensors))(*[t.ctypes.data for t in tensors])
        lengths = (ctypes.c_uint64 * len(tensors))(*[t.nbytes for t in tensors])
        constants = (ctypes.c_int64 * max(1, len(sizes)))(*sizes)
        args = _Args(bindings, lengths, constants, (ctypes.c_uint32 * 3)(*count), len(tensors), len(sizes))
        memory = np.full(self.scratch + 64, 0xFF, np.uint8)
        scratch = ctypes.c_void_p((memory.ctypes.data + 63) & ~63)
        reference = ctypes.byref(args)
        groups = [(x, y, z) for z in range(count[2]) for y in range(count[1]) for x in range(count[0])]
        groups = [tuple(ctypes.c_uint32(i) for i in group) for group in reversed(groups)]

        def run(keep=(tensors, bindings, lengths, constants, memory)):
            result = 0
            for x, y, z in groups:
                result = self.function(None, reference, x, y, z, scratch) or result
            return result

        return run

    def __call__(self, inputs, outputs, sizes=()):
        """Runs on numpy arrays; `outputs` are (shape, dtype) pairs. The results, or the error code."""
        results = [np.full(shape, 0x7F, dtype) for shape, dtype in outputs]
        code = self.prepare(inputs, results, sizes)()
        if code:
            return code
        return results[0] if len(results) == 1 else results


if __name__ == "__main__":
    # python kernel.py FILE CPU: prints the machine code.
    import sys

    print(Kernel(pathlib.Path(sys.argv[1]).read_text(), sys.argv[2]).asm)
