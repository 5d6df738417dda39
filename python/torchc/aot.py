"""Models with several entry points, state and weights of their own, compiled ahead of time.

    exported = torchc.aot.export(model, x)
    exported.print_readable()
    exported.compile(save_to="model.vmfb")

    class Counter(torchc.aot.CompiledModule):
        count = torchc.aot.export_global(torch.zeros(()), mutable=True)

        def add(self, x=torchc.aot.AbstractTensor(None)):
            self.count = self.count + x.sum()
            return self.count
"""
import dataclasses
import inspect
import os

import torch
from torch.utils import _pytree

from torchc.compiler import capture_lock, wrap_function
from torchc.compiler import export as _export
from torchc.fx import FxImporter

_SCOPE = "_torchc_parameter_scope"


# Types of inputs.


@dataclasses.dataclass(frozen=True, init=False)
class AbstractTensor:
    """The type of a tensor: its sizes, of which None is a dynamic one, and its dtype."""

    sizes: tuple
    dtype: torch.dtype

    def __init__(self, *sizes, dtype=torch.float32):
        object.__setattr__(self, "sizes", sizes)
        object.__setattr__(self, "dtype", dtype)

    def make_example(self):
        """A tensor of the type."""
        return torch.zeros([4 if size is None else size for size in self.sizes], dtype=self.dtype)

    def make_dynamic_shapes(self):
        """What torch.export is told of it."""
        return {dim: torch.export.Dim.DYNAMIC for dim, size in enumerate(self.sizes) if size is None} or None


def abstractify(value):
    """The same nested value with the type of each tensor in its place."""
    return _pytree.tree_map(
        lambda leaf: AbstractTensor(*leaf.shape, dtype=leaf.dtype) if isinstance(leaf, torch.Tensor) else leaf, value)


def _concretize(value):
    return _pytree.tree_map_only(AbstractTensor, AbstractTensor.make_example, value)


def _find_dynamic_shapes(model, args, kwargs):
    """What torch.export is told of the inputs of a module or a function; None where no size is dynamic."""
    given = args, kwargs or {}
    if not any(isinstance(leaf, AbstractTensor) and leaf.make_dynamic_shapes() for leaf in _pytree.tree_leaves(given)):
        return None
    args, kwargs = _pytree.tree_map(lambda leaf: leaf.make_dynamic_shapes() if isinstance(leaf, AbstractTensor) else None, given)
    if not kwargs:
        return args
    function = model.forward if isinstance(model, torch.nn.Module) else model
    return dict(inspect.signature(function).bind(*args, **kwargs).arguments)


# Programs.


def _make_entry_point(root, function):
    """A module that computes a function of `root`, with the very tensors and submodules that `root` has, so that
    torch.export sees what the function assigns to them."""
    entry_point = wrap_function(function, root)
    for name in ("_parameters", "_buffers", "_modules", "_non_persistent_buffers_set"):
        setattr(entry_point, name, getattr(root, name))
    return entry_point


def _export_entry_point(root, function, args, kwargs, dynamic_shapes, name):
    """An ExportedProgram, whose own constants have names of their own."""
    kwargs = kwargs or {}
    entry_point = _make_entry_point(root, function)
    if dynamic_shapes is None:
        dynamic_shapes = _find_dynamic_shapes(entry_point, args, kwargs)
    program = _export(entry_point, _concretize(tuple(args)), _concretize(kwargs), dynamic_shapes=dynamic_shapes)
    for spec in program.graph_signature.input_specs:
        if spec.kind.name == "CONSTANT_TENSOR":
            program.constants[f"{name}.{spec.target}"] = program.constants.pop(spec.target)
            spec.target = f"{name}.{spec.target}"
    return program


class FxProgramsBuilder:
    """Entry points over the tensors of one module:

    builder = FxProgramsBuilder(model)

    @builder.export_program(args=(x,))
    def encode(model, x):
        return model.encoder(x)

    torchc.aot.export(builder)
    """

    def __init__(self, root):
        self.root = root
        self.programs = {}

    def export_program(self, function=None, *, args=(), kwargs=None, dynamic_shapes=None, name=None):
        """Decorates a function of the module and inputs. `args` and `kwargs` are examples, or AbstractTensors."""
        if function is None:
            return lambda given: self.export_program(given, args=args, kwargs=kwargs, dynamic_shapes=dynamic_shapes, name=name)
        name = name or function.__name__
        if name in self.programs:
            raise ValueError(f"two functions have the name '{name}'")
        self.programs[name] = _export_entry_point(self.root, function, args, kwargs, dynamic_shapes, name)
        return function


class export_global:
    """A tensor of a CompiledModule, which its entry points assign to if it is `mutable`."""

    def __init__(self, tensor, *, mutable=False):
        self.tensor = tensor
        self.mutable = mutable


class export_parameters:
    """The parameters and buffers of a module, as part of a CompiledModule, where it is called like the module."""

    def __init__(self, module):
        self.module = module


class CompiledModule:
    """A class whose methods become entry points: those that do not begin with _ and whose parameters have
    AbstractTensors, or example inputs, as their defaults."""

    @classmethod
    def make_builder(cls):
        """The entry points over the class's tensors. Raises ValueError where one assigns to a global that
        is not mutable."""
        functions = {name: value for name, value in _class_members(cls) if inspect.isfunction(value)}
        root, constants = type(cls.__name__, (torch.nn.Module,), functions)(), set()
        for name, value in _class_members(cls):
            if isinstance(value, export_global):
                root.register_buffer(name, value.tensor.detach().clone())
                if not value.mutable:
                    constants.add(name)
            elif isinstance(value, (export_parameters, torch.nn.Module)):
                root.add_module(name, value.module if isinstance(value, export_parameters) else value)
        builder = FxProgramsBuilder(root)
        for name, function in functions.items():
            if name.startswith("_"):
                continue
            parameters = list(inspect.signature(function).parameters.values())[1:]
            missing = [parameter.name for parameter in parameters if parameter.default is inspect.Parameter.empty]
            if missing:
                raise ValueError(f"{cls.__name__}.{name}: the default of '{missing[0]}' says its type: an AbstractTensor")
            builder.export_program(function, args=tuple(parameter.default for parameter in parameters))
            _check_constants(builder.programs[name], constants, f"{cls.__name__}.{name}")
        return builder


def _class_members(cls):
    members = {}
    for base in reversed(cls.__mro__):
        if base not in (object, CompiledModule):
            members.update(vars(base))
    return members.items()


def _check_constants(program, constants, where):
    if not constants:
        return
    with capture_lock:
        written = program.run_decompositions({}).graph_signature.buffers_to_mutate.values()
    for name in written:
        if name in constants:
            raise ValueError(f"{where}: assigns to '{name}', which is not mutable")


# Exports.


class ExportOutput:
    """A model as MLIR, on its way to a program."""

    def __init__(self, importer):
        self._importer = importer

    @property
    def mlir_module(self):
        """The torchc.compiler.Module."""
        return self._importer.module

    def print_readable(self):
        """Prints the IR."""
        print(self.mlir_module)

    def save_mlir(self, path):
        """Writes the IR, with its weights in a safetensors file beside it; as bytecode where the name ends in .mlirbc."""
        self.mlir_module.save(path, bytecode=os.fspath(path).endswith(".mlirbc"))

    def import_to(self, stage):
        """Takes the IR through all stages up to one: "torch", "linalg-on-tensors", ... Returns self."""
        self.mlir_module.run_to(stage)
        return self

    def compile(self, save_to=None, *, target_backends=("llvm-cpu",)):
        """Compiles it, to a .vmfb file, or to bytes where there is no path. Raises CompileError."""
        from torchc.compiler import check_target_backends

        check_target_backends(target_backends)
        module = self.mlir_module.run_to("vmfb")
        return module.to_bytes() if save_to is None else module.save(save_to)


def export(model, *args, kwargs=None, dynamic_shapes=None, function_name="forward", target_cpu="host", dump_stages=None):
    """Exports a model.

    model: a module, a function or a GraphModule, with example inputs or AbstractTensors; an ExportedProgram; an
        FxProgramsBuilder; a CompiledModule class.
    dynamic_shapes: as for torch.export.export.
    function_name: the entry point of what has one.
    Returns an ExportOutput. Raises UnsupportedOpError, and what torch.export raises.
    """
    if isinstance(model, CompiledModule):
        raise TypeError(f"export takes the class {type(model).__name__} itself, not an instance of it")
    is_class = inspect.isclass(model) and issubclass(model, CompiledModule)
    builder = model.make_builder() if is_class else model
    root = builder.root if isinstance(builder, FxProgramsBuilder) else model
    scopes = {getattr(module, _SCOPE) for module in root.modules() if hasattr(module, _SCOPE)} if isinstance(root, torch.nn.Module) else set()
    if len(scopes) > 1:
        raise ValueError(f"a program has one scope of parameters, not {len(scopes)}: {', '.join(sorted(scopes))}")
    options = {"target_cpu": target_cpu, "dump_stages": dump_stages}
    if scopes:
        options["externalize_parameters"] = (scopes.pop(), "")
    importer = FxImporter(**options)
    if isinstance(builder, FxProgramsBuilder):
        if not builder.programs:
            raise ValueError("there is no entry point to export")
        for name, program in builder.programs.items():
            importer.import_program(program, func_name=name)
    elif isinstance(model, torch.export.ExportedProgram):
        importer.import_program(model, func_name=function_name)
    else:
        if dynamic_shapes is None:
            dynamic_shapes = _find_dynamic_shapes(model, args, kwargs)
        program = _export(model, _concretize(args), _concretize(kwargs), dynamic_shapes=dynamic_shapes)
        importer.import_program(program, func_name=function_name)
    return ExportOutput(importer)


# Parameters.


def externalize_module_parameters(module, *, external_scope=""):
    """Has exports of the module leave its parameters and buffers to a file, which `save_module_parameters`
    writes and `torchc.load(..., parameters={external_scope: file})` reads."""
    setattr(module, _SCOPE, external_scope)


def save_module_parameters(path, *modules):
    """Writes the parameters and buffers of modules to a safetensors file."""
    builder = ParameterArchiveBuilder()
    for module in modules:
        builder.add_module(module)
    builder.save(path)


class ParameterArchiveBuilder:
    """Tensors on their way to a safetensors file."""

    def __init__(self):
        self._tensors = {}

    def add_tensor(self, name, tensor):
        """Raises ValueError where the name is taken."""
        if name in self._tensors:
            raise ValueError(f"two tensors have the name '{name}'")
        self._tensors[name] = tensor.detach()

    def add_module(self, module, *, prefix=""):
        """Adds all parameters and buffers, under the names that they have in the module."""
        named = {**dict(module.named_parameters(remove_duplicate=False)), **dict(module.named_buffers(remove_duplicate=False))}
        for name, tensor in named.items():
            self.add_tensor(prefix + name, tensor)

    def save(self, path):
        """Writes the file under a temporary name first."""
        from safetensors.torch import save_file

        path = os.fspath(path)
        temporary = f"{path}.{os.getpid()}.tmp"
        # The format knows no shared and no strided tensors.
        save_file({name: tensor.contiguous().clone() for name, tensor in self._tensors.items()}, temporary)
        os.replace(temporary, path)


class ParameterArchive:
    """The tensors of a safetensors file, read when they are asked for: a mapping by name."""

    def __init__(self, path):
        from safetensors import safe_open

        self.path = os.fspath(path)
        self._file = safe_open(self.path, framework="pt")

    def keys(self):
        return list(self._file.keys())

    def __getitem__(self, name):
        if name not in self._file.keys():
            raise KeyError(name)
        return self._file.get_tensor(name)

    def __contains__(self, name):
        return name in self._file.keys()

    def __iter__(self):
        return iter(self.keys())

    def __len__(self):
        return len(self.keys())

    def items(self):
        return [(name, self[name]) for name in self.keys()]
