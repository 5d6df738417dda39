"""torchc: compiles PyTorch models ahead of time and runs them without PyTorch.

    program = torchc.compile(torch.export.export(model, (x,)))
    y = program(x)                 # torch tensors or numpy arrays
    program.save("model.vmfb")
    program = torchc.load("model.vmfb")
"""
from torchc.errors import CompileError, LoadError, RunError, TorchcError, UnsupportedOpError
from torchc.program import Program, load

__all__ = [
    "CompileError", "LoadError", "Program", "RunError", "TorchcError", "UnsupportedOpError", "compile", "load",
]


def compile(program, *, inputs=(), target_cpu="host", threads=1, trust_model=False, dump_stages=None,
            externalize_parameters=None, ops=None):
    """Compiles an ExportedProgram, a ScriptModule or a model file. See `torchc.compiler.compile`."""
    from torchc import compiler

    return compiler.compile(program, inputs=inputs, target_cpu=target_cpu, threads=threads,
                            trust_model=trust_model, dump_stages=dump_stages,
                            externalize_parameters=externalize_parameters, ops=ops)
