"""The backend of torch.compile: `torch.compile(model, backend="torchc")`.

Options, as in `torch.compile(model, backend="torchc", options={"fallback": False})`:

fallback: nodes that torchc does not support run in PyTorch (True), or are an error (False).
print_readable: print each graph before it is compiled.
dump_stages: a folder that the IR of every stage of each graph is written to.
target_cpu: as for `torchc.compile`.
threads: threads that run one call; PyTorch's own number by default.
freezing: weights become part of inference graphs, folded and packed as those of `torchc.compile` are (True), or
    stay inputs, which may change at any time (False). Weights that are replaced or written after all become
    inputs, with a line that says so; a write through `parameter.data` is not seen.

What a graph draws from PyTorch's random generator, dropout for one, runs in PyTorch: the numbers are
those of the model without torch.compile.
"""
import dataclasses
import functools
import itertools
import logging
import operator
import os

import torch
from torch._dynamo.backends.common import aot_autograd
from torch._functorch.partitioners import default_partition
from torch._guards import TracingContext
from torch.fx.passes.infra.partitioner import CapabilityBasedPartitioner
from torch.fx.passes.operator_support import OperatorSupportBase
from torch.utils._python_dispatch import _disable_current_modes

from torchc import cache
from torchc.compiler import Module
from torchc.errors import CompileError, UnsupportedOpError
from torchc.graph import CONTROL_FLOW, describe_target, explain, find_decompositions, is_known, is_random, locate, write_graph
from torchc.program import load

_logger = logging.getLogger("torchc")
_graph_numbers = itertools.count()
# Views of all that they are views of.
_VIEWS = frozenset((
    torch.ops.aten.t.default, torch.ops.aten.permute.default, torch.ops.aten.transpose.int, torch.ops.aten.view.default,
    torch.ops.aten.unsqueeze.default, torch.ops.aten.squeeze.default, torch.ops.aten.squeeze.dim, torch.ops.aten.squeeze.dims,
    torch.ops.aten.expand.default, torch.ops.aten.detach.default, torch.ops.aten.alias.default))
# How often a graph is cut anew because a part of it does not compile, or compiled anew because its weights change.
_MAX_ROUNDS = 4


@dataclasses.dataclass(frozen=True)
class Options:
    """What `options=` of torch.compile may say."""

    fallback: bool = True
    print_readable: bool = False
    dump_stages: str | None = None
    target_cpu: str = "host"
    threads: int | None = None
    freezing: bool = False

    @classmethod
    def parse(cls, given):
        known = {field.name: field.type for field in dataclasses.fields(cls)}
        for name, value in (given or {}).items():
            if name not in known:
                raise ValueError(f"torchc has no option '{name}'; there are: {', '.join(known)}")
            if isinstance(value, os.PathLike) and name == "dump_stages":
                continue
            if not isinstance(value, known[name]) or (isinstance(value, bool) and known[name] is not bool):
                wanted = getattr(known[name], "__name__", known[name])
                raise TypeError(f"torchc's option '{name}' is {wanted}, not {type(value).__name__}")
        return cls(**(given or {}))


def backend(module, example_inputs, *, options=None, mode=None):
    """Compiles a graph of Dynamo's, forward and, once it is needed, backward."""
    if mode not in (None, "default"):
        raise ValueError(f"torchc has no mode '{mode}'")
    parsed = Options.parse(options)
    compile = {kind: functools.partial(compile_graph, options=parsed, kind=kind)
               for kind in ("forward", "backward", "inference")}
    if parsed.freezing:
        compile["inference"] = functools.partial(_compile_frozen, inputs=list(example_inputs), options=parsed)
    return aot_autograd(fw_compiler=compile["forward"], bw_compiler=compile["backward"],
                        inference_compiler=compile["inference"], partition_fn=_partition,
                        decompositions=find_decompositions())(module, example_inputs)


def _partition(joint_module, joint_inputs, **options):
    """PyTorch's cut of a graph in forward and backward; what the backward graph reads by a view is saved as what it
    is a view of, which often is an input: a weight, for its transpose."""
    graph = joint_module.graph
    nodes = list(graph.nodes)
    last = max(i for i, node in enumerate(nodes) if node.op == "placeholder" or node.meta.get("partitioner_tag") == "is_forward")
    places = {node: i for i, node in enumerate(nodes) if i > last and node.op != "output"}  # In the backward graph.
    for node in reversed(nodes[:last + 1]):
        readers = [user for user in node.users if user in places]
        if node.target not in _VIEWS or not readers or any(other is not node.args[0] for other in node.all_input_nodes):
            continue
        first = min(readers, key=places.get)
        with graph.inserting_before(first):
            view = graph.node_copy(node)
        view.meta = {**node.meta, "partitioner_tag": "is_backward"}
        places[view] = places[first] - 0.5
        for reader in readers:
            reader.replace_input_with(node, view)
    return default_partition(joint_module, joint_inputs, **options)


def compile_graph(module, example_inputs, *, options, kind="inference"):
    """Compiles a functional graph of aten operators. Returns a function that takes a list of its inputs,
    and empties it."""
    if options.print_readable:
        print(f"torchc: {kind} graph\n{module.print_readable(print_output=False)}")
    _replace_prims(module.graph)
    compilation = _GraphCompilation(module, options, kind)
    for _ in range(_MAX_ROUNDS):
        try:
            run = compilation.compile_parts()
            run._boxed_call = True
            return run
        except _Retry as error:
            if not options.fallback:
                raise error.__cause__
            compilation.rejected.update(error.blamed)
    # What keeps failing is not worth the time.
    compilation.rejected.update(node for node in module.graph.nodes if node.op == "call_function")
    run = compilation.compile_parts()
    run._boxed_call = True
    return run


def _compile_frozen(module, example_inputs, *, inputs, options):
    """The same for a graph whose inputs are `inputs`, with weights as constants."""
    metadata = TracingContext.get().fw_metadata
    placeholders = module.graph.find_nodes(op="placeholder")
    # AOTAutograd may put one input in the place of several that share memory.
    is_same = len(placeholders) == len(inputs) == len(metadata.input_info)
    weights = {i: inputs[i] for i in metadata.static_input_indices
               if is_same and not metadata.input_info[i].mutates_data and not inputs[i].is_inference()}
    return _FrozenGraph(module, example_inputs, weights, options)


class _FrozenGraph:
    """A function of a list of a graph's inputs, in which weights, by their positions, are constants for as long as
    they stay what they are."""

    _boxed_call = True

    def __init__(self, module, example_inputs, weights, options):
        self._module = module
        self._example_inputs = example_inputs
        self._options = options
        self._rounds = 0
        self._compile(weights)

    def __call__(self, given):
        changed = [i for i, weight, version in self._versions if given[i] is not weight or weight._version != version]
        if changed:
            self._rounds += 1
            _logger.warning("torchc: %d frozen weights have changed: the graph is compiled again, with them as inputs", len(changed))
            is_hopeless = self._rounds == _MAX_ROUNDS
            self._compile({i: weight for i, weight, _ in self._versions if i not in changed and not is_hopeless})
        rest = [value for i, value in enumerate(given) if i not in self._frozen]
        given.clear()
        return self._run(rest)

    def _compile(self, weights):
        self._frozen = frozenset(weights)
        self._versions = [(i, weight, weight._version) for i, weight in weights.items()]
        frozen = _freeze(self._module, weights)
        self._run = compile_graph(frozen, self._example_inputs, options=self._options)


def _find_attribute(module, target):
    """The attribute of a module that a get_attr node names: "part.weight"."""
    return functools.reduce(getattr, target.split("."), module)


def _freeze(module, weights):
    """The graph with constants, tensors and bodies of branches and loops, in the place of some of its inputs, by their
    positions."""
    graph = torch.fx.Graph()
    graph.output(graph.graph_copy(module.graph, {}))
    frozen = torch.fx.GraphModule(module, graph)
    for i, node in enumerate(graph.find_nodes(op="placeholder")):
        if i in weights:
            with _disable_current_modes():  # Weights are real.
                is_body = isinstance(weights[i], torch.fx.GraphModule)
                setattr(frozen, f"frozen_{i}", weights[i] if is_body else torch.nn.Buffer(weights[i].detach()))
            with graph.inserting_before(node):
                constant = graph.get_attr(f"frozen_{i}")
            constant.meta = node.meta
            node.replace_all_uses_with(constant)
            graph.erase_node(node)
    return frozen


# Which operators.


class _Support(OperatorSupportBase):
    """Which nodes torchc takes; `rejected` ones it has refused."""

    def __init__(self, rejected):
        self._rejected = rejected

    def is_node_supported(self, submodules, node):
        if node in self._rejected or node.op != "call_function":
            return False
        if node.target is operator.getitem and isinstance(node.args[0], torch.fx.Node):
            return self.is_node_supported(submodules, node.args[0])
        if isinstance(node.target, torch._ops.OpOverload):
            return is_known(node.target) and not is_random(node.target)
        if isinstance(node.target, torch._ops.HigherOrderOperator):
            bodies = [_find_attribute(node.graph.owning_module, argument.target) for argument in node.all_input_nodes
                      if argument.op == "get_attr"]
            bodies = [body for body in bodies if isinstance(body, torch.fx.GraphModule)]
            return node.target.name() in CONTROL_FLOW and all(
                self.is_node_supported({}, inner) for body in bodies for inner in body.graph.nodes if inner.op == "call_function")
        return getattr(node.target, "__module__", None) == "_operator"


# Compilation.


class _Retry(Exception):
    """Some nodes turned out not to compile; the cause says why."""

    def __init__(self, blamed):
        super().__init__()
        self.blamed = blamed


def _replace_prims(graph):
    """Conversions that PyTorch adds to a graph after all, for Python numbers that change, become aten's."""
    for node in graph.find_nodes(op="call_function", target=torch.ops.prims.convert_element_type.default):
        node.kwargs = {"dtype": node.args[1]}
        node.args = node.args[:1]
        node.target = torch.ops.aten._to_copy.default


class _GraphCompilation:
    """A graph and what was found out about it."""

    def __init__(self, module, options, kind):
        self.module = module
        self.options = options
        self.kind = kind
        self.rejected = set()  # Nodes that do not compile.
        self._programs = {}  # By key: those of parts that did compile.

    def compile_parts(self):
        """The whole graph if torchc takes all of it, else its parts, between which PyTorch runs. Raises _Retry."""
        support = _Support(self.rejected)
        calls = [node for node in self.module.graph.nodes if node.op == "call_function" and node.target is not operator.getitem]
        others = [node for node in calls if not support.is_node_supported({}, node)]
        if not others:
            # What takes gradients takes them with any strides.
            return self._compile_part(self.module, lambda node: node, keeps_strides=self.kind != "backward")
        unsupported = [node for node in others if not is_random(node.target) or node in self.rejected]
        if not self.options.fallback and unsupported:
            raise explain([(node, "") for node in unsupported])
        fused = self._fuse_parts()
        if unsupported:
            _logger.warning("torchc: %d of %d nodes of the %s graph run in PyTorch: %s", len(unsupported), len(calls), self.kind,
                            _count(unsupported))

        def run(inputs):
            given = list(inputs)
            inputs.clear()
            return fused(*given)

        return run

    def _fuse_parts(self):
        """The graph with modules in the places of the parts that torchc runs."""
        # A copy, as the graph is cut anew where a part of it does not compile.
        copies = {}
        graph = torch.fx.Graph()
        graph.output(graph.graph_copy(self.module.graph, copies))
        origins = {copy.name: node for node, copy in copies.items()}
        support = _Support({copies[node] for node in self.rejected if node in copies})
        partitioner = CapabilityBasedPartitioner(torch.fx.GraphModule(self.module, graph), support,
                                                 allows_single_node_partition=True)
        fused = partitioner.fuse_partitions(partitioner.propose_partitions())
        for node in fused.graph.nodes:
            if node.op == "call_module":
                # The tensors that the graph itself holds, frozen weights for one, are constants of the parts.
                held = {i: _find_attribute(fused, argument.target) for i, argument in enumerate(node.args)
                        if argument.op == "get_attr"}
                part = _freeze(fused.get_submodule(node.target), held)
                run = self._compile_part(part, lambda inner: origins.get(inner.name))
                node.args = tuple(argument for i, argument in enumerate(node.args) if i not in held)
                setattr(fused, node.target, _Part(run))
        for node in fused.graph.find_nodes(op="get_attr"):
            if not node.users:
                fused.graph.erase_node(node)
        fused.recompile()
        return fused

    def _compile_part(self, part, find_origin, keeps_strides=True):
        """A function of a list of inputs that runs a part, or all, of the graph in torchc."""
        nodes = list(part.graph.nodes)
        placeholders = [node for node in nodes if node.op == "placeholder"]
        (result,) = (node.args[0] for node in nodes if node.op == "output")
        is_single = isinstance(result, torch.fx.Node)
        outputs = [result] if is_single else list(result)
        computed = list(dict.fromkeys(node for node in outputs if isinstance(node, torch.fx.Node) and node.op != "placeholder"))
        orders = [_find_stride_order(node.meta.get("val")) if keeps_strides else None for node in computed]
        stored = [node if order is None else _permute(node, order) for node, order in zip(computed, orders)]
        try:
            program = self._compile_native(part, stored, find_origin) if computed else None
        finally:
            for node, own in zip(stored, computed):
                if node is not own:
                    part.graph.erase_node(node)
        run = _make_call(program, placeholders, outputs, computed, orders)
        run.is_single = is_single
        return run

    def _compile_native(self, part, outputs, find_origin):
        """The torchc.Program of a part that gives `outputs`."""
        calls = [node for node in part.graph.nodes if node.op == "call_function"]
        try:
            with _disable_current_modes():  # The graph's own tensors are real.
                return self._load_program(part, outputs)
        except UnsupportedOpError as error:
            names = set(error.ops)
            blamed = [node for node in calls if describe_target(node.target) in names] or calls
            raise _Retry([find_origin(node) for node in blamed]) from error
        except CompileError as error:
            # The line that the message blames, if nodes are of that line; else all of them.
            blamed = [node for node in calls if locate(node) and f"{locate(node)}: error" in str(error)] or calls
            if self.options.fallback:
                _logger.warning("torchc: %d nodes of the %s graph do not compile and run in PyTorch: %s", len(blamed), self.kind,
                                str(error).splitlines()[0])
            raise _Retry([find_origin(node) for node in blamed]) from error

    def _load_program(self, part, outputs):
        text, constants = write_graph(part, outputs)
        options = self.options
        threads = options.threads if options.threads is not None else torch.get_num_threads()
        folder = options.dump_stages and os.path.join(options.dump_stages, f"{next(_graph_numbers)}-{self.kind}")

        def make():
            compiled = Module.from_graphs([("forward", text)], constants, target_cpu=options.target_cpu, dump_stages=folder)
            return compiled.run_to("vmfb").to_bytes()

        contents = [text, options.target_cpu]
        for name, tensor in constants.items():
            contents += [name, str(tensor.dtype), tensor.detach().contiguous().flatten().view(torch.uint8).numpy().tobytes()]
        key = cache.make_key(*contents)
        if key not in self._programs:
            # Stages are there to be seen only when they are run.
            self._programs[key] = load(make(), threads=threads) if folder else cache.find_or_make(key, make, threads=threads)
        return self._programs[key]


def _count(nodes):
    counts = {}
    for node in nodes:
        counts[describe_target(node.target)] = counts.get(describe_target(node.target), 0) + 1
    return ", ".join(f"{name} (x{count})" for name, count in counts.items())


class _Part(torch.nn.Module):
    """A part of a graph that runs in torchc."""

    def __init__(self, run):
        super().__init__()
        self._run = run

    def forward(self, *inputs):
        results = self._run(list(inputs))
        return results[0] if self._run.is_single else results


def _make_call(program, placeholders, outputs, computed, orders):
    """Calls a program: what a graph hands on, or knows before, is none of its outputs. Results lie in memory in the
    order of dimensions that `orders` says, None where it is theirs."""
    constants = [node for node in outputs if not isinstance(node, torch.fx.Node)]
    places = {node: i for i, node in reversed(list(enumerate([*computed, *placeholders])))}
    rest = itertools.count(len(computed) + len(placeholders))
    indices = [places[node] if isinstance(node, torch.fx.Node) else next(rest) for node in outputs]
    is_direct = indices == list(range(len(computed)))
    views = [(i, [order.index(dim) for dim in range(len(order))]) for i, order in enumerate(orders) if order is not None]
    call = program.call_flat if program else lambda function, given: []

    def run(inputs):
        given = list(inputs)
        inputs.clear()
        results = call("forward", given)
        for i, inverse in views:
            results[i] = results[i].permute(inverse)
        if is_direct:
            return results
        values = results + given + constants
        return [values[i] for i in indices]

    return run


def _permute(node, order):
    """A new node: the transposed value of another."""
    with node.graph.inserting_after(node):
        permuted = node.graph.call_function(torch.ops.aten.permute.default, (node, order))
    permuted.meta = {**node.meta, "val": node.meta["val"].permute(order)}
    return permuted


def _find_stride_order(value):
    """The order of dimensions in memory, outermost first, where it is not that of a contiguous tensor:
    views of a result that PyTorch makes outside of the graph rely on it."""
    if not isinstance(value, torch.Tensor) or value.is_contiguous():
        return None
    sizes, strides = [_hint(size) for size in value.shape], [_hint(stride) for stride in value.stride()]
    order = sorted(range(value.ndim), key=lambda dim: (-strides[dim], dim))
    dense = 1
    for dim in reversed(order):
        if sizes[dim] != 1 and strides[dim] != dense:
            return None  # It shares memory among its elements, or has gaps.
        dense *= sizes[dim]
    return order


def _hint(size):
    return size.node.hint if isinstance(size, torch.SymInt) else size

