"""Compiles the text of one dispatch.kernel and runs it on numpy arrays.

For oracle tests of code generation alone, without the runtime: the kernel goes through
the Codegen and Object stages, and its work groups are called one by one through
ctypes, in reverse order with poisoned scratch memory and outputs, so that nothing may
depend on either.
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

# What kernels are compiled for unless a test says otherwise.
DEFAULT_CPU = "host"


class _Args(ctypes.Structure):
    _fields_ = [
        ("bindings", ctypes.POINTER(ctypes.c_void_p)),
        ("binding_lengths", ctypes.POINTER(ctypes.c_uint64)),
        ("constants", ctypes.POINTER(ctypes.c_int64)),
        ("workgroup_count", ctypes.c_uint32 * 3),
        ("binding_count", ctypes.c_uint32),
        ("constant_count", ctypes.c_uint32),
    ]


class _Table(ctypes.Structure):
    """torchc_kernel_table with one kernel."""

    _fields_ = [
        ("abi_version", ctypes.c_uint32),
        ("count", ctypes.c_uint32),
        ("grid", ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)),
        ("run", ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_uint32, ctypes.c_uint32,
                                 ctypes.c_uint32, ctypes.c_void_p)),
    ]


def _tool(*command, text=None):
    done = subprocess.run([str(c) for c in command], input=text, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr)
    return done.stdout


class Kernel:
    """A kernel compiled for `cpu`, a name that torchc-compile --target-cpu takes."""

    def __init__(self, text, cpu=None):
        pipeline = (
            f"builtin.module(torchc-emit-kernels{{cpu={cpu or DEFAULT_CPU}}},dispatch.executable(builtin.module("
            "llvm.func(torchc-expand-math,torchc-lower-kernels-to-llvm))),torchc-compile-executables)"
        )
        self.ir = _tool(BUILD / "bin/torchc-opt", f"--pass-pipeline={pipeline}", "-", text=text)
        self.folder = tempfile.TemporaryDirectory()
        self.object = pathlib.Path(self.folder.name) / "kernel.o"
        # The resource begins with its alignment.
        self.object.write_bytes(bytes.fromhex(re.search(r'"0x40000000(7F454C46\w+)"', self.ir).group(1)))
        library = self.object.with_suffix(".so")
        _tool(LLVM / "ld.lld", "-shared", "--no-undefined", self.object, "-o", library)
        self.library = ctypes.CDLL(str(library))
        self.table = _Table.in_dll(self.library, "torchc_kernels")
        self.scratch = int(re.search(r"scratch = (\d+)", self.ir).group(1))

    def disassemble(self):
        return _tool(LLVM / "llvm-objdump", "--disassemble", "--no-show-raw-insn", "--no-leading-addr", self.object)

    def prepare(self, inputs, outputs, sizes=()):
        """A function that runs all work groups and returns the first code that is not 0."""
        constants = (ctypes.c_int64 * max(1, len(sizes)))(*sizes)
        count = (ctypes.c_int64 * 3)()
        self.table.grid(constants, count)
        tensors = [np.ascontiguousarray(t) for t in inputs] + list(outputs)
        bindings = (ctypes.c_void_p * len(tensors))(*[t.ctypes.data for t in tensors])
        lengths = (ctypes.c_uint64 * len(tensors))(*[t.nbytes for t in tensors])
        args = _Args(bindings, lengths, constants, (ctypes.c_uint32 * 3)(*count), len(tensors), len(sizes))
        memory = np.full(self.scratch + 64, 0xFF, np.uint8)
        scratch = ctypes.c_void_p((memory.ctypes.data + 63) & ~63)
        reference = ctypes.byref(args)
        groups = [(x, y, z) for z in range(count[2]) for y in range(count[1]) for x in range(count[0])]
        groups.reverse()

        def run(keep=(tensors, bindings, lengths, constants, memory)):
            result = 0
            for x, y, z in groups:
                result = self.table.run(None, reference, x, y, z, scratch) or result
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

    print(Kernel(pathlib.Path(sys.argv[1]).read_text(), sys.argv[2]).disassemble())
