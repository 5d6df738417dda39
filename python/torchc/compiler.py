"""Compiles models in process."""
import inspect
import io
import os
import re
import sys
import threading

from torchc import _compiler
from torchc.errors import CompileError, UnsupportedOpError
from torchc.program import load

# Exit codes of torchc-compile: options that do not fit, operators that it does not know.
_USAGE, _UNSUPPORTED_OP = 2, 3
# Text of IR has weights of up to this many bytes in it.
_MAX_TEXT_WEIGHTS = 1 << 20
_STAGES = [name for names in _compiler.list_stages() for name in names if name]
# Names that other compilers have for a stage of this one.
_OUTPUT_TYPES = {"vmfb": "package", "torch": "normalize", "linalg-on-tensors": "lower", "raw": "import"}
_TARGET_BACKENDS = ("llvm-cpu",)
_INPUT_TYPES = ("auto", "torch", "tm_tensor", "linalg", "none")
# PyTorch's exports and traces keep what they are at in globals of the process: threads take turns.
capture_lock = threading.RLock()


def _find(name, known, what):
    if name not in known:
        raise ValueError(f"unknown {what} '{name}'; there are: {', '.join(sorted(known))}")
    return name


class Module:
    """A model as MLIR of some stage, as `torchc.compile(..., output_type="torch")` gives it.

    `str(module)` is its text, with weights of up to 1 MiB; `module.operation.write_bytecode(file)` writes
    bytecode with all weights; `save` writes a file, with weights beside it. It refers to the model's
    weights, which must not change before it is compiled.
    """

    def __init__(self, *, inputs=(), target_cpu="host", trust_model=False, dump_stages=None,
                 externalize_parameters=None, custom_ops=(), opt_level=3):
        self._native = _compiler.Compilation(
            target_cpu, [str(shape) for shape in inputs], trust_model, os.fspath(dump_stages or ""),
            split_parameters(externalize_parameters), [name.replace("::", ".") for name in custom_ops],
            opt_level)
        self._progress = _Progress() if sys.stderr.isatty() else None
        self.warnings = []

    @classmethod
    def from_file(cls, path, **options):
        """Reads a .pt2 or TorchScript file, or IR of any stage."""
        return cls(**options)._advance("read_file", os.fspath(path))

    @classmethod
    def from_bytes(cls, content, name="input", **options):
        """Reads the content of such a file; a str is IR's text."""
        return cls(**options)._advance("read_bytes", content.encode() if isinstance(content, str) else bytes(content), name)

    @classmethod
    def from_graphs(cls, graphs, tensors, **options):
        """Takes entry points, (name, text of torchc.graph), over tensors by name."""
        arrays = [(name, tensor.detach().cpu().contiguous().resolve_conj().resolve_neg()) for name, tensor in tensors.items()]
        return cls(**options)._advance("read_graphs", list(graphs), arrays)

    def run_to(self, stage):
        """Takes the module through all stages up to one, named as for `torchc-compile --emit` or as an
        output type; "static-library" is the last one with small kernels. Returns the module itself.
        Raises CompileError; ValueError for options that do not fit."""
        name = _OUTPUT_TYPES.get(stage) or (stage if stage == "static-library" else _find(stage, _STAGES, "stage"))
        return self._advance("run_to", name)

    @property
    def stage(self):
        """The stage whose IR it is."""
        return self._native.stage

    @property
    def operation(self):
        """The module, under the name that MLIR's own Python modules have for its operation."""
        return self

    def to_bytes(self):
        """The .vmfb after the last stage; before, bytecode with all weights."""
        code, content = self._native.to_bytes()
        self._check(code)
        return content

    def write_bytecode(self, file):
        """Writes bytecode, with all weights, to an open binary file."""
        file.write(self.to_bytes())

    def save(self, path, *, bytecode=False):
        """Writes a file, whole or not at all: IR with its weights in a safetensors file beside it, or the .vmfb."""
        self._check(self._native.write(os.fspath(path), bytecode))

    def save_static_library(self, path):
        """Writes an archive to link into a C program, and a header beside it."""
        self._check(self._native.write_static_library(os.fspath(path)))

    def __str__(self):
        code, text = self._native.to_text(_MAX_TEXT_WEIGHTS)
        self._check(code)
        return text

    def __repr__(self):
        return f"<torchc.compiler.Module: {self.stage}>"

    def _advance(self, method, *arguments):
        try:
            code = getattr(self._native, method)(*arguments, self._progress)
        finally:
            if self._progress:
                self._progress.clear()
        self._check(code)
        return self

    def _check(self, code):
        messages = self._native.take_messages()
        self.warnings += [text for severity, text in messages if severity == "warning"]
        errors = "\n".join(text for severity, text in messages if severity == "error")
        if code == _UNSUPPORTED_OP:
            raise UnsupportedOpError(errors, re.findall(r"unsupported op ([\w.]+)", errors))
        if code != 0:
            raise (ValueError if code == _USAGE else CompileError)(errors)


class _Progress:
    """A line on a terminal that says which stage is under way, for compilations that take a while."""

    def __init__(self):
        self._names = [name for name, _ in _compiler.list_stages()]
        self._is_shown = False

    def __call__(self, stage):
        sys.stderr.write(f"\r\033[K[{stage + 1}/{len(self._names)}] {self._names[stage]}")
        sys.stderr.flush()
        self._is_shown = True

    def clear(self):
        if self._is_shown:
            sys.stderr.write("\r\033[K")
            sys.stderr.flush()
            self._is_shown = False


def split_parameters(externalize_parameters):
    """Scope and file of the option `externalize_parameters`, or None."""
    if externalize_parameters is None:
        return None
    is_pair = isinstance(externalize_parameters, tuple)
    scope, file = externalize_parameters if is_pair else ("", externalize_parameters)
    return scope, os.fspath(file)


def compile_file(source, output=None, *, emit="vmfb", target_backends=_TARGET_BACKENDS, input_type="auto", **options):
    """Compiles a model file, or IR of any stage.

    source: path of a .pt2, .pt, .mlir or MLIR bytecode file.
    output: path of the file to write; without one the content is returned.
    emit: the stage to stop after, as for `torchc-compile --emit`.
    target_backends, input_type: "llvm-cpu"; "auto", "torch", "tm_tensor", "linalg": what other compilers
        ask for. IR says itself what it is.
    inputs, target_cpu, trust_model, dump_stages, externalize_parameters, custom_ops, opt_level: as for `compile`.
    Raises CompileError, UnsupportedOpError where the reason is an operator; ValueError for options that do not fit.
    """
    return _finish(lambda: Module.from_file(source, **options), output, emit, target_backends, input_type)


def compile_str(content, output=None, *, emit="vmfb", target_backends=_TARGET_BACKENDS, input_type="auto", **options):
    """The same for the content of a file: bytes, or a str of IR's text."""
    return _finish(lambda: Module.from_bytes(content, **options), output, emit, target_backends, input_type)


def check_target_backends(names):
    """Raises ValueError, with the names that there are, for an unknown one, and for none."""
    for name in [names] if isinstance(names, str) else names or [""]:
        _find(name, _TARGET_BACKENDS, "target backend")


def _finish(read, output, emit, target_backends, input_type):
    check_target_backends(target_backends)
    _find(str(input_type).lower(), _INPUT_TYPES, "input type")
    if emit != "static-library":
        _find(emit, _STAGES, "stage")
    elif output is None:
        raise ValueError("a static library is two files: it needs an output")
    module = read()
    if emit == "static-library":
        return module.run_to("static-library").save_static_library(output)
    module.run_to(emit)
    return module.to_bytes() if output is None else module.save(output)


def compile(model, args=None, kwargs=None, *, dynamic_shapes=None, output_type="vmfb", use_tracing=False, inputs=(),
            target_cpu="host", threads=1, trust_model=False, dump_stages=None, externalize_parameters=None, ops=None,
            opt_level=3):
    """Compiles a model.

    model: a torch.nn.Module, a function, a torch.fx.GraphModule, a torch.export.ExportedProgram, a
        torch.jit.ScriptModule, or the path of a model file; or a dict of ExportedPrograms, the entry points of one
        program by name, which share weights and state of the same name.
    args, kwargs: example inputs, as the model is called with them; one tensor stands for a tuple of it. A
        module, a function or a GraphModule is exported with them; a ScriptModule gets their types and shapes.
    dynamic_shapes: as for torch.export.export.
    output_type: "vmfb", or "torch" or "linalg-on-tensors" for MLIR.
    use_tracing: record what the model does with the example inputs, and not its Python code: for models
        that torch.export refuses. Branches are those that the inputs take.
    inputs: ScriptModules and TorchScript files only: type and shape of each input, such as "1x3x224x224xf32";
        `?` is a dynamic dim.
    target_cpu: CPUs to make code for, as for `torchc-compile --target-cpu`: "host" (this one), "portable", or
        LLVM's names, "haswell,znver4".
    threads: threads that run one call; 0 takes one a CPU, which is the most.
    dump_stages: a folder that the IR of every stage is written to.
    externalize_parameters: a safetensors file that parameters and buffers are written to, or a pair of
        their scope and the file. The result, which reads them there, is saved without them.
    ops: functions for operators that torchc does not know, by name ("mylib::foo"), as for `torchc.load`.
    opt_level: 0 compiles with the least effort, 3 makes the fastest program.
    Returns a torchc.Program, or a torchc.compiler.Module for MLIR. Raises CompileError, which names the line of
    the model; UnsupportedOpError where the reason is an operator; ValueError for options that do not fit; what
    torch.export raises.
    """
    _find(output_type, _OUTPUT_TYPES, "output type")
    module = import_model(model, args, kwargs, dynamic_shapes=dynamic_shapes, use_tracing=use_tracing, inputs=inputs,
                          target_cpu=target_cpu, trust_model=trust_model, dump_stages=dump_stages,
                          externalize_parameters=externalize_parameters, custom_ops=ops or (), opt_level=opt_level)
    module.run_to(output_type)
    if output_type != "vmfb":
        return module
    parameters = split_parameters(externalize_parameters)
    return load(module.to_bytes(), threads=threads, parameters=dict([parameters]) if parameters else None, ops=ops)


def import_model(model, args=None, kwargs=None, *, dynamic_shapes=None, use_tracing=False, inputs=(), **options):
    """The Module of what `compile` takes, as captured."""
    if isinstance(model, (str, os.PathLike)):
        return Module.from_file(model, inputs=inputs, **options)
    import torch

    from torchc.graph import write_exported_program

    if isinstance(model, dict) and model and all(isinstance(p, torch.export.ExportedProgram) for p in model.values()):
        return Module.from_bytes(_save_programs(model), "the ExportedPrograms", **options)
    if use_tracing:
        if kwargs or dynamic_shapes is not None:
            raise ValueError("use_tracing takes positional inputs of fixed shapes")
        args = _as_tuple(args)
        with capture_lock:
            # Nested results may be dicts.
            model = torch.jit.trace(model, args, check_trace=False, strict=False)
    if isinstance(model, torch.jit.ScriptModule):
        return Module.from_bytes(_save_script(model), "the ScriptModule", inputs=inputs or describe_inputs(args), **options)
    if inputs:
        raise ValueError("inputs are for TorchScript; the shapes of other models are those of args")
    if not isinstance(model, torch.export.ExportedProgram):
        model = export(model, args, kwargs, dynamic_shapes=dynamic_shapes)
    elif args is not None or kwargs or dynamic_shapes is not None:
        raise ValueError("an ExportedProgram has its inputs and their shapes; they cannot be given")
    text, tensors = write_exported_program(model)
    return Module.from_graphs([("forward", text)], tensors, **options)


def _save_programs(programs):
    from torch.export.pt2_archive._package import package_pt2

    content = io.BytesIO()
    package_pt2(content, exported_programs=programs)
    return content.getvalue()


def export(model, args, kwargs=None, *, dynamic_shapes=None):
    """An ExportedProgram of a module, a function or a GraphModule."""
    import torch

    if not isinstance(model, torch.nn.Module) and not callable(model):
        raise TypeError("torchc.compile takes a module, a function, a GraphModule, an ExportedProgram, a ScriptModule "
                        f"or a path, not {type(model).__name__}")
    if args is None and kwargs is None:
        raise TypeError(f"{type(model).__name__} is compiled with example inputs: torchc.compile(model, args)")
    args = _as_tuple(args)
    if not isinstance(model, torch.nn.Module):
        model = wrap_function(model)
    with capture_lock:
        return torch.export.export(model, args, kwargs, dynamic_shapes=dynamic_shapes)


def wrap_function(function, *bound):
    """A module that is called like the function, whose inputs have the names that they have there; `bound` are the first."""
    import torch

    class Function(torch.nn.Module):
        def forward(self, *args, **kwargs):
            return function(*bound, *args, **kwargs)

    try:
        parameters = list(inspect.signature(function).parameters.values())[len(bound):]
    except (TypeError, ValueError):  # Of a builtin.
        return Function()
    if all(parameter.name != "self" for parameter in parameters):
        own = inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)
        Function.forward.__signature__ = inspect.Signature([own, *parameters])
    return Function()


def _save_script(model):
    import torch

    buffer = io.BytesIO()
    torch.jit.save(model, buffer)
    return buffer.getvalue()


def _as_tuple(args):
    return tuple(args) if isinstance(args, (tuple, list)) else () if args is None else (args,)


def describe_inputs(args):
    """The command line's way to write the types of example inputs."""
    import torch
    from torch.utils import _pytree

    numbers = {bool: "i1", int: "i64", float: "f64"}
    dtypes = {torch.float32: "f32", torch.float64: "f64", torch.float16: "f16", torch.bfloat16: "bf16", torch.int64: "i64",
              torch.int32: "i32", torch.int16: "i16", torch.int8: "i8", torch.uint8: "u8", torch.bool: "i1",
              torch.complex64: "complex<f32>", torch.complex128: "complex<f64>"}

    def describe(value):
        if isinstance(value, torch.Tensor) and value.dtype in dtypes:
            return "x".join([*map(str, value.shape), dtypes[value.dtype]])
        if type(value) in numbers:
            return numbers[type(value)]
        raise TypeError(f"an input of type {getattr(value, 'dtype', type(value).__name__)}: give the types as inputs=")

    return [describe(value) for value in _pytree.tree_leaves(_as_tuple(args))]
