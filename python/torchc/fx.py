"""FX graphs as MLIR: `torchc.fx.FxImporter().import_graph_module(graph_module)`.

Takes graphs of aten operators that say what each node gives (`node.meta["val"]`): those of make_fx, with
torch.func's transformations in them or not, of AOTAutograd, of a torch.export.ExportedProgram. For
others, torch.fx.symbolic_trace's for one, it takes example inputs.
"""
import torch

from torchc.compiler import Module, capture_lock, export
from torchc.errors import TorchcError
from torchc.graph import GRAPH_VERSION, decompose_graph, needs_decomposition, remove_dead_code, write_exported_program, write_graph


class RefTracker:
    """Tensors that were imported, and their names: one that several graphs, or several importers with this tracker,
    hold is stored under its first name."""

    def __init__(self):
        self._names = {}

    def find_name(self, tensor, name):
        """The name of a tensor; `name` where it is new. Keeps the tensor."""
        return self._names.setdefault(id(tensor), (tensor, name))[1]


def check_config():
    """Raises TorchcError where PyTorch is of a release whose graphs torchc does not know."""
    from torch._export.serde.schema import SCHEMA_VERSION

    if SCHEMA_VERSION[0] != GRAPH_VERSION:
        raise TorchcError(f"PyTorch {torch.__version__} has graphs of version {SCHEMA_VERSION[0]}; torchc knows version "
                          f"{GRAPH_VERSION} (config_check=False tries all the same)")


class FxImporter:
    """Imports entry points into one module.

    config_check: see `check_config`.
    literal_resolver_callback: called with the name and the value of each tensor that a graph holds, its
        parameters too; returns the tensor to take in its place, or None for the same.
    py_attr_tracker: a RefTracker; without one, tensors have the names that they have in each graph.
    Other options are those of `torchc.compiler.Module`: target_cpu, externalize_parameters, ...
    """

    def __init__(self, *, config_check=True, literal_resolver_callback=None, py_attr_tracker=None, **options):
        if config_check:
            check_config()
        self._resolve = literal_resolver_callback
        self._naming = {"find_name": py_attr_tracker.find_name} if py_attr_tracker else {}
        self._options = options
        self._graphs = {}
        self._tensors = {}
        self._module = None

    def import_graph_module(self, module, *, func_name="forward", example_inputs=None):
        """Imports a torch.fx.GraphModule, whose inputs and outputs are flat; with `example_inputs` it is exported,
        and nested as it was. Returns this importer. Raises UnsupportedOpError; ValueError where it needs example
        inputs."""
        if example_inputs is not None:
            return self.import_program(export(module, example_inputs), func_name=func_name)
        if not isinstance(module, torch.fx.GraphModule):
            raise TypeError(f"import_graph_module takes a torch.fx.GraphModule, not {type(module).__name__}")
        if any("val" not in node.meta for node in module.graph.find_nodes(op="placeholder")):
            raise ValueError("the graph does not say what its inputs are: give example_inputs")
        module = remove_dead_code(module)
        if needs_decomposition(module):
            module = decompose_graph(module)
        return self._add(func_name, *write_graph(module, prefix=self._prefix(), **self._naming))

    def import_program(self, program, *, func_name="forward"):
        """Imports an ExportedProgram. What it writes to buffers and parameters stays written."""
        return self._add(func_name, *write_exported_program(program, self._prefix(), **self._naming))

    def import_frozen_program(self, program, *, func_name="forward"):
        """The same of a program that writes nothing. Raises ValueError where it does."""
        with capture_lock:
            decomposed = program.run_decompositions({})
        written = {**decomposed.graph_signature.buffers_to_mutate, **decomposed.graph_signature.user_inputs_to_mutate}
        if written:
            raise ValueError(f"the program is not frozen: it writes {', '.join(sorted(written.values()))}; use import_program")
        return self.import_program(program, func_name=func_name)

    @property
    def module(self):
        """The torchc.compiler.Module of all that was imported."""
        if self._module is None:
            self._module = Module.from_graphs(self._graphs.items(), self._tensors, **self._options)
        return self._module

    def __str__(self):
        return str(self.module)

    def _prefix(self):
        # Symbols of different graphs have nothing to do with each other.
        return f"f{len(self._graphs)}_" if self._graphs else ""

    def _add(self, name, text, tensors):
        if self._module is not None:
            raise ValueError("the module is there already: import all graphs before it is used")
        if name in self._graphs:
            raise ValueError(f"two functions have the name '{name}'")
        for key, tensor in tensors.items():
            resolved = self._resolve(key, tensor) if self._resolve else None
            tensor = tensor if resolved is None else resolved
            known = self._tensors.setdefault(key, tensor)
            if known is not tensor and not (known.data_ptr() == tensor.data_ptr() and known.shape == tensor.shape):
                raise ValueError(f"two tensors have the name '{key}'")
        self._graphs[name] = text
        return self


def stateless_fx_import(module, *, func_name="forward", **options):
    """The torchc.compiler.Module of a GraphModule."""
    return FxImporter(**options).import_graph_module(module, func_name=func_name).module


def export_and_import(model, *args, kwargs=None, dynamic_shapes=None, output_type="torch", func_name="forward", **options):
    """Exports a model with example inputs. Returns its torchc.compiler.Module."""
    is_program = isinstance(model, torch.export.ExportedProgram)
    program = model if is_program else export(model, args, kwargs, dynamic_shapes=dynamic_shapes)
    return FxImporter(**options).import_program(program, func_name=func_name).module.run_to(output_type)
