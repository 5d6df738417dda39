"""Compiles models in process."""
import os
import re
import tempfile

from torchc import _compiler
from torchc.errors import CompileError, UnsupportedOpError
from torchc.program import load

# The exit code of torchc-compile for operators it does not know.
_UNSUPPORTED_OP = 3


def compile_file(source, output, *, emit="vmfb", inputs=(), target_cpu="host", trust_model=False, dump_stages=None,
                 externalize_parameters=None, custom_ops=()):
    """Compiles a model file, or IR of any stage, to a file.

    source: path of a .pt2, .pt, .mlir or MLIR bytecode file.
    output: path of the file to write.
    emit: the stage to stop after, as for `torchc-compile --emit`.
    inputs: TorchScript only: type and shape of each input, such as "1x3x224x224xf32".
    externalize_parameters: a safetensors file that parameters and buffers are written to, or a pair of
        their scope and the file; the program is loaded with them as `parameters`.
    custom_ops: operators that the program which loads the result provides, such as "mylib.foo".
    Raises CompileError; UnsupportedOpError where the reason is an operator.
    """
    code, messages = _compiler.compile_file(
        os.fspath(source), os.fspath(output), emit, [str(i) for i in inputs], target_cpu, trust_model,
        os.fspath(dump_stages or ""), _scope_and_file(externalize_parameters), list(custom_ops))
    errors = [text for severity, text in messages if severity == "error"]
    if code == _UNSUPPORTED_OP:
        raise UnsupportedOpError("\n".join(errors), re.findall(r"unsupported op ([\w.]+)", "\n".join(errors)))
    if code != 0:
        raise CompileError("\n".join(errors))


def compile(program, *, inputs=(), target_cpu="host", threads=1, trust_model=False, dump_stages=None,
            externalize_parameters=None, ops=None):
    """Compiles a model and loads the result.

    program: a torch.export.ExportedProgram, a torch.jit.ScriptModule, or the path of a model file.
    inputs: TorchScript only: type and shape of each input, such as "1x3x224x224xf32"; `?` is a dynamic dim.
    target_cpu: CPUs to make code for, as for `torchc-compile --target-cpu`: "host" (this one), "portable", or
        LLVM's names, "haswell,znver4".
    threads: threads that run one call; 0 takes one a CPU.
    externalize_parameters: a safetensors file that parameters and buffers are written to, or a pair of
        their scope and the file. The result, which reads them there, is saved without them.
    ops: functions for operators that torchc does not know, by name ("mylib::foo"), as for `torchc.load`.
    Returns a torchc.Program. Raises CompileError.
    """
    with tempfile.TemporaryDirectory(prefix="torchc-") as directory:
        source = _save(program, directory)
        output = os.path.join(directory, "program.vmfb")
        compile_file(source, output, inputs=inputs, target_cpu=target_cpu, trust_model=trust_model,
                     dump_stages=dump_stages, externalize_parameters=externalize_parameters, custom_ops=ops or ())
        parameters = _scope_and_file(externalize_parameters)
        # The file is mapped, so it may lose its name.
        return load(output, threads=threads, parameters=dict([parameters]) if parameters else None, ops=ops)


def _scope_and_file(externalize_parameters):
    if externalize_parameters is None:
        return None
    is_pair = isinstance(externalize_parameters, tuple)
    scope, file = externalize_parameters if is_pair else ("", externalize_parameters)
    return scope, os.fspath(file)


def _save(program, directory):
    """The path of a model file for what `compile` was given."""
    if isinstance(program, (str, os.PathLike)):
        return program
    import torch

    if isinstance(program, torch.export.ExportedProgram):
        path = os.path.join(directory, "model.pt2")
        torch.export.save(program, path)
        return path
    if isinstance(program, torch.jit.ScriptModule):
        path = os.path.join(directory, "model.pt")
        program.save(path)
        return path
    raise TypeError(f"torchc.compile takes an ExportedProgram, a ScriptModule or a path, not {type(program).__name__}")
