"""PyTorch op by op in torchc, without a graph: `with torchc.eager_mode(): y = model(x)`.

Each operator is compiled when it first meets tensors of such types and shapes; gradients that are computed inside of
the `with` run there, too. What torchc lacks runs in PyTorch, and one line an operator says so. For debugging, and for
models that no graph is made of: torch.compile is the faster way.
"""
import collections
import logging
import operator

import torch
from torch._subclasses.fake_tensor import DataDependentOutputException, DynamicOutputShapeException, FakeTensorMode
from torch.utils import _pytree
from torch.utils._python_dispatch import TorchDispatchMode

from torchc import dynamo
from torchc.errors import TorchcError
from torchc.graph import decompose_graph, describe_target, is_random, needs_decomposition

_logger = logging.getLogger("torchc")
_aten = torch.ops.aten
# Reads of numbers, and plain copies, which are what a result is written with.
_PASSED_ON = (_aten._local_scalar_dense.default, _aten._linalg_check_errors.default, _aten.copy_.default, _aten.clone.default,
              _aten._to_copy.default)
# Gives the running statistics that the operator of models writes as two more results.
_BATCH_NORM = _aten._native_batch_norm_legit_functional.default


class EagerMode(TorchDispatchMode):
    """The mode that `torchc.eager_mode` gives.

    native_calls, pytorch_calls: how often each operator has run in torchc, and in PyTorch because torchc lacks it.
    Views, copies, reads of numbers and random operators are always PyTorch's, and are not counted.
    """

    def __init__(self, *, target_cpu="host", threads=None):
        super().__init__()
        self.native_calls = collections.Counter()
        self.pytorch_calls = collections.Counter()
        self._options = dynamo.Options(fallback=False, target_cpu=target_cpu, threads=threads)
        self._functions = {}  # By operator and arguments: what computes it, or the text that says why nothing does.

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        leaves, spec = _pytree.tree_flatten((args, kwargs))
        tensors = [leaf for leaf in leaves if isinstance(leaf, torch.Tensor)]
        if not tensors or _is_passed_on(func) or not all(map(_is_plain, tensors)):
            return func(*args, **kwargs)
        functional = _find_functional(func, args)
        if functional is None:
            return self._run_in_pytorch(func, args, kwargs, "it writes its arguments")
        function, inputs = self._find_function(functional, leaves, spec, _find_numbers(func, args, kwargs, leaves))
        if isinstance(function, str):
            return self._run_in_pytorch(func, args, kwargs, function)
        result = function(inputs)
        self.native_calls[describe_target(func)] += 1
        if functional is func:
            return result
        if functional is _BATCH_NORM:
            *result, mean, variance = result
            args[3].copy_(mean)
            args[4].copy_(variance)
            return tuple(result)
        target = args[0]
        if result.shape != target.shape or not torch.can_cast(result.dtype, target.dtype):
            return func(*args, **kwargs)  # Which says why it cannot be written there.
        return target.copy_(result)

    def _find_function(self, func, leaves, spec, numbers):
        """What computes an operator, or a text that says why nothing does, and its inputs. `numbers` are the positions
        of arguments that are inputs as tensors are: the factors of an optimizer change with each step."""
        key = func, spec, tuple(_make_key(leaf) if i not in numbers else float for i, leaf in enumerate(leaves))
        if key not in self._functions:
            self._functions[key] = _compile(func, leaves, spec, numbers, self._options)
        function = self._functions[key]
        if numbers and isinstance(function, str):  # It may want to know them.
            return self._find_function(func, leaves, spec, frozenset())
        return function, [leaf for i, leaf in enumerate(leaves) if isinstance(leaf, torch.Tensor) or i in numbers]

    def _run_in_pytorch(self, func, args, kwargs, reason):
        name = describe_target(func)
        if name not in self.pytorch_calls:
            _logger.warning("torchc: %s runs in PyTorch: %s", name, reason)
        self.pytorch_calls[name] += 1
        return func(*args, **kwargs)


def _is_plain(tensor):
    return type(tensor) in (torch.Tensor, torch.nn.Parameter) and tensor.layout is torch.strided and tensor.device.type == "cpu"


def _is_passed_on(func):
    """Whether an operator computes nothing, or what only PyTorch can."""
    if not isinstance(func, torch._ops.OpOverload) or func in _PASSED_ON or is_random(func):
        return True
    return not func._schema.is_mutable and any(result.alias_info is not None for result in func._schema.returns)


def _find_functional(func, args):
    """The operator that gives what `func` writes to its first argument; `func` if it writes nothing; else None."""
    schema = func._schema
    # This one's schema hides that it writes running statistics in training, if there are some.
    if func is _aten.native_batch_norm.default and args[5] and args[3] is not None:
        return _BATCH_NORM
    if not schema.is_mutable:
        return func
    written = [argument.alias_info is not None and argument.alias_info.is_write for argument in schema.arguments]
    name = func._opname
    if written != [True] + [False] * (len(written) - 1) or not name.endswith("_") or name.endswith("__"):
        return None
    packet = getattr(getattr(torch.ops, func.namespace), name[:-1], None)
    return getattr(packet, func._overloadname, None)


def _make_key(leaf):
    """What a program is compiled for, of an argument. Results have the strides that their operands ask for."""
    if isinstance(leaf, torch.Tensor):
        return leaf.dtype, leaf.shape, leaf.stride()
    return type(leaf), repr(leaf) if isinstance(leaf, (float, complex)) else leaf  # Zeros have signs.


def _find_numbers(func, args, kwargs, leaves):
    """The positions, among the leaves, of the floats that the operator takes as numbers of any type, or for tensors."""
    if float not in map(type, leaves):
        return frozenset()
    named = dict(zip([argument.name for argument in func._schema.arguments], args)) | kwargs
    kinds = {argument.name: argument.type for argument in func._schema.arguments}
    found, position = set(), 0
    for name, value in named.items():
        if type(value) is float and isinstance(kinds[name], (torch.NumberType, torch.TensorType)):
            found.add(position)
        position += len(_pytree.tree_leaves(value))
    return frozenset(found)


def _compile(func, leaves, spec, numbers, options):
    """A function of a list of inputs of an operator: its tensors, and `numbers`. A text if there is none: why."""
    try:
        module, inputs, rebuild = _make_graph(func, leaves, spec, numbers)
        run = dynamo.compile_graph(module, inputs, options=options)
    except (DataDependentOutputException, DynamicOutputShapeException):
        return "its result depends on more than the shapes of its operands"
    except (TorchcError, RuntimeError, NotImplementedError) as error:
        return (str(error).splitlines() or [type(error).__name__])[0]
    return lambda inputs: rebuild(run(inputs))


def _make_graph(func, leaves, spec, numbers):
    """A graph of one call, the values of its inputs, and a function that makes the call's result of the graph's."""
    mode, graph = FakeTensorMode(), torch.fx.Graph()
    values, nodes = list(leaves), list(leaves)
    for i, leaf in enumerate(leaves):
        if isinstance(leaf, torch.Tensor) or i in numbers:
            values[i] = leaf if i in numbers else mode.from_tensor(leaf.detach())
            nodes[i] = graph.placeholder(f"x{i}")
            nodes[i].meta["val"] = values[i]
    with mode:
        args, kwargs = _pytree.tree_unflatten(values, spec)
        result = func(*args, **kwargs)
    call = graph.call_function(func, *_pytree.tree_unflatten(nodes, spec))
    call.meta["val"] = result
    results, result_spec = _pytree.tree_flatten(result)
    places = [i for i, value in enumerate(results) if isinstance(value, torch.Tensor)]
    if not places or any(value is not None for i, value in enumerate(results) if i not in places):
        raise NotImplementedError("its result is no tensor")
    outputs = [call]
    if isinstance(result, (tuple, list)):
        outputs = [graph.call_function(operator.getitem, (call, i)) for i in places]
        for i, output in zip(places, outputs):
            output.meta["val"] = results[i]
    graph.output(tuple(outputs))
    module = torch.fx.GraphModule(torch.nn.Module(), graph)

    def rebuild(computed):
        filled = dict(zip(places, computed))
        return _pytree.tree_unflatten([filled.get(i) for i in range(len(results))], result_spec)

    inputs = [node.meta["val"] for node in graph.find_nodes(op="placeholder")]
    return (decompose_graph(module) if needs_decomposition(module) else module), inputs, rebuild
