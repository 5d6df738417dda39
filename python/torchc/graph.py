"""FX graphs in the schema of torch.export's files, in memory: what the compiler's importer reads.

Any graph whose nodes carry values (`node.meta["val"]`) will do: that of an ExportedProgram, of
AOTAutograd, of make_fx. docs/Rationale/Python.md says why it goes this way.
"""
import functools
import json
import math
import operator

import sympy
import torch

from torchc import _compiler
from torchc.compiler import capture_lock
from torchc.errors import UnsupportedOpError

# The numbers of torch._export.serde.schema of this version.
GRAPH_VERSION = 8
_DTYPES = {
    torch.uint8: 1, torch.int8: 2, torch.int16: 3, torch.int32: 4, torch.int64: 5, torch.float16: 6, torch.float32: 7,
    torch.float64: 8, torch.complex32: 9, torch.complex64: 10, torch.complex128: 11, torch.bool: 12, torch.bfloat16: 13,
    torch.uint16: 28, torch.float8_e4m3fn: 29, torch.float8_e5m2: 30, torch.uint32: 34, torch.uint64: 35,
}
_LAYOUTS = {torch.sparse_coo: 1, torch.sparse_csr: 2, torch.sparse_csc: 3, torch.sparse_bsr: 4, torch.sparse_bsc: 5,
            torch.strided: 7}
_MEMORY_FORMATS = {torch.contiguous_format: 1, torch.channels_last: 2, torch.channels_last_3d: 3,
                   torch.preserve_format: 4}
_NONE = {"as_none": True}
# The operators on graphs that the importer knows.
CONTROL_FLOW = ("cond", "while_loop", "scan", "map_impl")


def describe_target(target):
    """The name of what a node calls, as in messages: "aten.add.Tensor"."""
    if isinstance(target, torch._ops.OpOverload):
        return f"{target.namespace}.{target._opname}.{target._overloadname}"
    if isinstance(target, torch._ops.HigherOrderOperator):
        return f"higher_order.{target.name()}"
    name = getattr(target, "__name__", str(target))
    module = getattr(target, "__module__", "")
    return f"{module}.{name}" if module else name


def locate(node):
    """The line of the user's program that a node comes from, "model.py:27", or ""."""
    line = ""
    for text in (node.meta.get("stack_trace") or "").splitlines():
        if text.strip().startswith('File "'):
            file, _, rest = text.strip()[len('File "'):].partition('", line ')
            line = f"{file}:{rest.partition(',')[0]}"
    return line


@functools.lru_cache(maxsize=None)
def _known_ops():
    return frozenset(_compiler.list_ops())


def is_known(target):
    """Whether the op table has an operator."""
    return describe_target(target).removesuffix(".default") in _known_ops()


def is_random(target):
    """Whether an operator draws from PyTorch's generator."""
    return isinstance(target, torch._ops.OpOverload) and torch.Tag.nondeterministic_seeded in target.tags


@functools.lru_cache(maxsize=None)
def find_decompositions():
    """PyTorch's decompositions of the operators that torchc does not know. Those of random operators
    would draw other numbers, and those of views would take constants apart."""
    from torch._decomp import core_aten_decompositions, decomposition_table

    chosen = {}
    for table in (decomposition_table, core_aten_decompositions()):
        for op, decomposition in table.items():
            if not isinstance(op, torch._ops.OpOverload) or op.namespace != "aten" or is_known(op) or is_random(op):
                continue
            if all(result.alias_info is None for result in op._schema.returns):
                chosen[op] = decomposition
    if hasattr(torch.ops.prims, "fma"):  # Dynamo's, for addcmul_ with a factor.
        chosen[torch.ops.prims.fma.default] = lambda a, b, c: torch.ops.aten.add(torch.ops.aten.mul(a, b), c)
    return chosen | _find_list_decompositions()


def _find_list_decompositions():
    """Of operators on lists of tensors, `_foreach_add`, which optimizers call: the operator on each tensor."""
    aten, chosen = torch.ops.aten, {}
    others = {
        "addcdiv": lambda x, a, b, value=1: aten.addcdiv(x, a, b, value=value),
        "addcmul": lambda x, a, b, value=1: aten.addcmul(x, a, b, value=value),
        "maximum": lambda x, y: aten.maximum(x, y) if isinstance(y, torch.Tensor) else aten.clamp_min(x, y),
        "minimum": lambda x, y: aten.minimum(x, y) if isinstance(y, torch.Tensor) else aten.clamp_max(x, y),
        "norm": lambda x, order=2, dtype=None: aten.linalg_vector_norm(x, order, dtype=dtype),
    }
    for full_name in torch._C._dispatch_get_all_op_names():
        name, _, overload = full_name.removeprefix("aten::_foreach_").partition(".")
        # Not: those in place, with numbers in a tensor, and without an operator on one tensor.
        if (not full_name.startswith("aten::_foreach_") or name.endswith("_") or "out" in overload
                or (name.startswith("addc") and overload == "Tensor") or not (name in others or hasattr(aten, name))):
            continue
        op = getattr(getattr(aten, f"_foreach_{name}"), overload or "default")
        chosen[op] = functools.partial(_map_lists, others.get(name) or getattr(aten, name))
    return chosen


def _map_lists(function, *arguments, **options):
    count = next(len(argument) for argument in arguments if isinstance(argument, (list, tuple)))
    columns = [argument if isinstance(argument, (list, tuple)) else [argument] * count for argument in arguments]
    return [function(*row, **options) for row in zip(*columns)]


def remove_dead_code(module):
    """The same graph, a new one, without what no result needs: torch.func leaves checks of its own in graphs."""
    graph = torch.fx.Graph()
    graph.output(graph.graph_copy(module.graph, {}))
    graph.eliminate_dead_code()
    return torch.fx.GraphModule(module, graph)


def needs_decomposition(module):
    """Whether PyTorch has a decomposition for an operator of a graph that torchc does not know."""
    return any(node.op == "call_function" and node.target in find_decompositions() for node in module.graph.nodes
               if isinstance(node.target, torch._ops.OpOverload))


def decompose_graph(module):
    """The same graph with such operators taken apart."""
    from torch._subclasses.fake_tensor import FakeTensorMode
    from torch.fx.experimental.proxy_tensor import make_fx

    values = [node.meta.get("val") for node in module.graph.nodes if node.op == "placeholder"]
    modes = list(dict.fromkeys(value.fake_mode for value in values if hasattr(value, "fake_mode")))
    mode = modes[0] if len(modes) == 1 else FakeTensorMode()
    if len(modes) > 1:  # A trace of real tensors, whose sizes are numbers.
        with mode:
            values = [torch.empty_strided(value.shape, value.stride(), dtype=value.dtype) if isinstance(value, torch.Tensor)
                      else value for value in values]
    with capture_lock, mode, torch.fx.traceback.preserve_node_meta():
        run = torch.fx.Interpreter(module).run
        return make_fx(run, decomposition_table=find_decompositions(), _allow_non_fake_inputs=True)(*values)


class Unsupported(Exception):
    """A node cannot be written; `node` and a reason."""

    def __init__(self, node, reason=""):
        super().__init__(reason)
        self.node = node


def explain(nodes):
    """The error for nodes that torchc does not take: pairs of a node and a reason."""
    uses = {}
    for node, reason in nodes:
        key = describe_target(node.target) if node.op == "call_function" else f"{node.op} {node.target}", reason
        uses.setdefault(key, []).append(node)
    lines = []
    for (name, reason), found in uses.items():
        place = locate(found[0])
        lines.append(f"{place + ': ' if place else ''}error: unsupported op {name} (x{len(found)})"
                     + (f": {reason}" if reason else ""))
    return UnsupportedOpError("\n".join(lines), [name for name, _ in uses])


def _keep_name(tensor, name):
    return name


class GraphWriter:
    """Writes one graph. Names of symbols begin with `prefix`; tensors that the graph itself holds
    are collected in `constants`, under the names that `find_name` gives them, of the tensor and its own."""

    def __init__(self, module, constants, prefix="", find_name=_keep_name):
        self._module = module
        self._constants = constants
        self._prefix = prefix
        self._find_name = find_name
        self._arguments = {}  # Node -> the argument that stands for it.
        self._tensors = {}
        self._nodes = []
        self._lifted = []  # (name, target) of the constants.
        self.symbols = {}  # Name -> (min, max)

    def write(self, outputs=None):
        """The graph as a dict; `outputs`, nodes and constants, stand in for those of the graph."""
        inputs, failures = [], []
        for node in self._module.graph.nodes:
            try:
                if node.op == "placeholder":
                    inputs.append(self._define(node))
                elif node.op == "get_attr":
                    self._write_attribute(node)
                elif node.op == "call_function":
                    self._write_call(node)
                elif node.op == "output":
                    outputs = node.args[0] if outputs is None else outputs
                else:
                    raise Unsupported(node)
            except Unsupported as error:
                failures.append((error.node, str(error)))
                for user in [node, *node.users]:  # One error is enough for each.
                    self._arguments.setdefault(user, _NONE)
        if failures:
            raise explain(failures)
        outputs = list(outputs) if isinstance(outputs, (tuple, list)) else [outputs]
        lifted = [{"as_tensor": {"name": name}} for name, _ in self._lifted]
        return {
            "inputs": lifted + inputs, "outputs": [self._argument(value, None) for value in outputs],
            "nodes": self._nodes, "tensor_values": self._tensors, "sym_int_values": {}, "sym_bool_values": {},
            "sym_float_values": {}, "custom_obj_values": {}, "is_single_tensor_return": False,
        }

    @property
    def lifted(self):
        """Names and targets of the constants, the first inputs of the graph."""
        return self._lifted

    # Values.

    def _define(self, node):
        """The argument that an input or a result of one value is."""
        if "val" not in node.meta:
            raise Unsupported(node, "the graph does not say what it gives: trace it with example inputs")
        self._arguments[node] = argument = self._describe(node, node.meta["val"], node.name)
        return argument

    def _describe(self, node, value, name):
        if isinstance(value, torch.Tensor):
            self._tensors[name] = self._describe_tensor(node, value)
            return {"as_tensor": {"name": name}}
        for kind, tag in ((torch.SymInt, "as_sym_int"), (torch.SymFloat, "as_sym_float"), (torch.SymBool, "as_sym_bool")):
            if isinstance(value, kind):
                return {tag: {"as_name": name}}
        # A number that an input may have, whatever it was in the trace.
        for kind, tag in ((bool, "as_sym_bool"), (int, "as_sym_int"), (float, "as_sym_float")):
            if isinstance(value, kind):
                return {tag: {"as_name": name}}
        if value is None:
            return _NONE
        if isinstance(value, str):
            return {"as_string": value}
        raise Unsupported(node, f"a value of type {type(value).__name__}")

    def _describe_tensor(self, node, tensor):
        if tensor.layout not in _LAYOUTS or tensor.layout is not torch.strided:
            raise Unsupported(node, f"a tensor of layout {tensor.layout}")
        if tensor.device.type not in ("cpu", "meta"):
            raise Unsupported(node, f"a tensor on {tensor.device}: torchc compiles for the CPU")
        if tensor.dtype not in _DTYPES:
            raise Unsupported(node, f"a tensor of {tensor.dtype}")
        return {
            "dtype": _DTYPES[tensor.dtype], "sizes": [self._size(size) for size in tensor.shape], "requires_grad": False,
            "device": {"type": "cpu", "index": None}, "strides": [self._size(stride) for stride in tensor.stride()],
            "storage_offset": self._size(tensor.storage_offset()), "layout": 7,
        }

    def _size(self, size):
        if not isinstance(size, torch.SymInt):
            return {"as_int": size}
        expression = size.node.expr
        if expression.is_Integer:
            return {"as_int": int(expression)}
        names = {symbol: str(symbol) for symbol in expression.free_symbols}
        for symbol, name in names.items():
            if self._prefix + name not in self.symbols:
                self.symbols[self._prefix + name] = _find_range(size.node.shape_env, symbol)
        if self._prefix:
            expression = expression.xreplace({symbol: sympy.Symbol(self._prefix + name, integer=True)
                                              for symbol, name in names.items()})
        return {"as_expr": {"expr_str": sympy.srepr(expression), "hint": None}}

    # Nodes.

    def _write_attribute(self, node):
        value = self._module
        for part in node.target.split("."):
            value = getattr(value, part)
        if isinstance(value, torch.fx.GraphModule):
            return  # The body of an operator, which writes it.
        if not isinstance(value, torch.Tensor):
            raise Unsupported(node, f"an attribute of type {type(value).__name__}")
        name = self._find_name(value, self._prefix + node.target)
        self._constants[name] = value
        self._tensors[node.name] = self._describe_tensor(node, value)
        self._arguments[node] = {"as_tensor": {"name": node.name}}
        self._lifted.append((node.name, name))

    def _write_call(self, node):
        if node.target is operator.getitem and node in self._arguments:
            return
        inputs, target = self._write_target(node)
        self._nodes.append({
            "target": target, "inputs": inputs, "outputs": self._write_outputs(node), "name": node.name,
            "metadata": {"stack_trace": node.meta["stack_trace"]} if node.meta.get("stack_trace") else {},
            "is_hop_single_tensor_return": False,
        })

    def _write_target(self, node):
        """The arguments of a call, and the name of what it calls."""
        target = node.target
        if isinstance(target, torch._ops.OpOverload):
            formals = target._schema.arguments
            given = [(formal.name, value) for formal, value in zip(formals, node.args)] + list(node.kwargs.items())
            if target._opname == "as_strided" and not node.args[0].meta["val"].is_contiguous():
                raise Unsupported(node, "of a tensor that is not contiguous")
            return [self._named(node, name, value) for name, value in given], "torch.ops." + describe_target(target)
        given = [(f"arg{i}", value) for i, value in enumerate(node.args)] + list(node.kwargs.items())
        if isinstance(target, torch._ops.HigherOrderOperator):
            return [self._named(node, name, value) for name, value in given], f"torch.ops.higher_order.{target.name()}"
        is_number = isinstance(node.meta.get("val"), (torch.SymInt, torch.SymFloat, torch.SymBool, int, float, bool))
        module = getattr(target, "__module__", None)  # torch.sym_max, math.ceil, ...
        if is_number and module in ("_operator", "torch", "math"):
            return [self._named(node, name, value) for name, value in given], f"{module}.{target.__name__}"
        raise Unsupported(node)

    def _named(self, node, name, value):
        return {"name": name, "arg": self._argument(value, node), "kind": 1}

    def _write_outputs(self, node):
        value = node.meta.get("val")
        if not isinstance(value, (tuple, list)):
            return [] if value is None else [self._define(node)]
        names = [f"{node.name}_unused_{i}" for i in range(len(value))]
        takers = [user for user in node.users if user.target is operator.getitem and isinstance(user.args[1], int)]
        for user in takers:
            names[user.args[1]] = user.name
        outputs = [self._describe(node, element, name) for element, name in zip(value, names)]
        for user in takers:
            self._arguments[user] = outputs[user.args[1]]
        is_list = isinstance(node.target, torch._ops.OpOverload) and len(node.target._schema.returns) == 1
        return [{"as_tensors": [output["as_tensor"] for output in outputs]}] if is_list else outputs

    # Arguments.

    def _argument(self, value, node):
        if isinstance(value, torch.fx.Node):
            if value.op == "get_attr" and value not in self._arguments:
                return self._write_body(value)
            if value not in self._arguments:
                raise Unsupported(node or value, f"the value of {value.name} stands alone")
            return self._arguments[value]
        if value is None:
            return _NONE
        if isinstance(value, bool):
            return {"as_bool": value}
        if isinstance(value, int):
            return {"as_int": value}
        if isinstance(value, float):
            return {"as_float": _to_number(value)}
        if isinstance(value, complex):
            return {"as_complex": {"real": _to_number(value.real), "imag": _to_number(value.imag)}}
        if isinstance(value, str):
            return {"as_string": value}
        if isinstance(value, torch.dtype) and value in _DTYPES:
            return {"as_scalar_type": _DTYPES[value]}
        if isinstance(value, torch.layout):
            return {"as_layout": _LAYOUTS[value]}
        if isinstance(value, torch.memory_format):
            return {"as_memory_format": _MEMORY_FORMATS[value]}
        if isinstance(value, torch.device):
            return {"as_device": {"type": value.type, "index": value.index}}
        if isinstance(value, (tuple, list)):
            return self._write_list([self._argument(element, node) for element in value], node)
        if isinstance(value, (torch.SymInt, torch.SymFloat)) and value.node.expr.is_number:
            return self._argument(int(value) if isinstance(value, torch.SymInt) else float(value), node)
        raise Unsupported(node, f"an argument of type {type(value).__name__}")

    def _write_list(self, elements, node):
        tags = {next(iter(element)) for element in elements}
        values = [next(iter(element.values())) for element in elements]
        if tags <= {"as_int"}:
            return {"as_ints": values}
        for tag, plural in (("as_tensor", "as_tensors"), ("as_float", "as_floats"), ("as_bool", "as_bools"),
                            ("as_string", "as_strings"), ("as_ints", "as_int_lists"), ("as_floats", "as_float_lists")):
            if tags == {tag}:
                return {plural: values}
        if tags <= {"as_tensor", "as_none"}:
            return {"as_optional_tensors": elements}
        for tag in ("int", "float", "bool"):
            if tags <= {f"as_{tag}", f"as_sym_{tag}"}:
                return {f"as_sym_{tag}s": [value if isinstance(value, dict) else {f"as_{tag}": value} for value in values]}
        if isinstance(node.target, torch._ops.HigherOrderOperator):
            return {"as_arguments": elements}
        raise Unsupported(node, f"a list of {', '.join(sorted(tags))}")

    def _write_body(self, node):
        """The graph that an operator runs."""
        body = getattr(self._module, node.target)
        writer = GraphWriter(body, self._constants, self._prefix)
        graph = writer.write()
        if writer.lifted:
            raise Unsupported(node, "a body that holds tensors")
        self.symbols.update(writer.symbols)
        return {"as_graph": {"name": node.target, "graph": graph}}


def _to_number(value):
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _find_range(shape_env, symbol):
    """What values a symbol may have; None is an open end."""
    bounds = shape_env.var_to_range.get(symbol)
    if bounds is None:
        return None, None
    return _limit(bounds.lower), _limit(bounds.upper)


def _limit(value):
    return int(value) if getattr(value, "is_Integer", isinstance(value, int)) and abs(int(value)) < 2**62 else None


def write_program(graph, input_specs, output_specs, symbols, in_spec="", out_spec="", guards=()):
    """The text of one entry point, as in an archive's models/NAME.json."""
    signature = {"in_spec": in_spec, "out_spec": out_spec} if in_spec or out_spec else None
    return json.dumps({
        "graph_module": {
            "graph": graph, "signature": {"input_specs": input_specs, "output_specs": output_specs},
            "module_call_graph": [{"fqn": "", "signature": signature}], "metadata": {},
        },
        "opset_version": {"aten": 10},
        "range_constraints": {name: {"min_val": low, "max_val": high} for name, (low, high) in symbols.items()},
        "schema_version": {"major": GRAPH_VERSION, "minor": 0}, "verifiers": [], "torch_version": torch.__version__,
        "guards_code": list(guards),
    })


def write_exported_program(program, prefix="", find_name=_keep_name):
    """The text of an ExportedProgram, and its parameters, buffers and constants by name, as for GraphWriter.
    Raises UnsupportedOpError, with all nodes that cannot be written."""
    if needs_decomposition(program.graph_module):
        with capture_lock:
            program = program.run_decompositions(find_decompositions())
    constants = {}
    writer = GraphWriter(program.graph_module, constants, prefix, find_name)
    graph = writer.write()
    signature = program.graph_signature
    tensors = {**program.constants, **program.state_dict}
    wanted = {spec.target for spec in signature.input_specs if spec.target is not None}
    names = {name: find_name(value, name) for name, value in tensors.items() if name in wanted}
    constants.update({name: tensors[own] for own, name in names.items()})
    root = program.module_call_graph[0].signature
    symbols = dict(writer.symbols)
    for symbol, bounds in program.range_constraints.items():
        symbols[prefix + str(symbol)] = _limit(bounds.lower), _limit(bounds.upper)
    inputs = [_tensor_spec("tensor_constant", name, target) for name, target in writer.lifted]
    inputs += [_write_input_spec(spec, names) for spec in signature.input_specs]
    outputs = [_write_output_spec(spec, argument, names) for spec, argument in zip(signature.output_specs, graph["outputs"])]
    text = write_program(graph, inputs, outputs, symbols, _dump_spec(root.in_spec), _dump_spec(root.out_spec),
                         getattr(program, "_guards_code", ()))
    return text, constants


def _dump_spec(spec):
    """The text of a pytree spec, also where PyTorch knows no name for a type: its own results, torch.return_types, are
    tuples, and classes of collections.namedtuple have the context that torchc.pytree reads."""
    from torch.utils import _pytree

    (leaf,) = _pytree.tree_structure([0]).children()

    def describe(node):
        if node.is_leaf():
            return {"type": None, "context": None, "children_spec": []}
        children = [describe(child) for child in node.children()]
        is_result = getattr(node.type, "__module__", None) == "torch.return_types"
        own = node.context
        if _pytree.is_namedtuple_class(own) and own not in _pytree.SUPPORTED_SERIALIZED_TYPES:
            context = {"module": own.__module__, "name": own.__qualname__, "fields": own._fields}
            return {"type": "collections.namedtuple", "context": json.dumps(context), "children_spec": children}
        flat = _pytree.TreeSpec(*((tuple, None) if is_result else (node.type, own)), [leaf] * len(children))
        text = _pytree.treespec_dumps(flat, protocol=1)
        return {**json.loads(text)[1], "children_spec": children}

    return json.dumps([1, describe(spec)])


def _tensor_spec(kind, name, target):
    field = {"parameter": "parameter_name", "buffer": "buffer_name", "tensor_constant": "tensor_constant_name"}[kind]
    spec = {"arg": {"name": name}, field: target}
    return {kind: {**spec, "persistent": True} if kind == "buffer" else spec}


def _write_input_spec(spec, names):
    kind, argument = spec.kind.name, spec.arg
    if kind == "USER_INPUT":
        if hasattr(argument, "value"):  # What the export took for granted.
            tags = {bool: "as_bool", int: "as_int", float: "as_float", str: "as_string"}
            value = argument.value
            constant = {tags[type(value)]: _to_number(value) if isinstance(value, float) else value} if type(value) in tags else _NONE
            return {"constant_input": {"name": argument.name, "value": constant}}
        tag = {"SymIntArgument": "as_sym_int", "SymFloatArgument": "as_sym_float", "SymBoolArgument": "as_sym_bool"}.get(
            type(argument).__name__)
        return {"user_input": {"arg": {tag: {"as_name": argument.name}} if tag else {"as_tensor": {"name": argument.name}}}}
    if kind in ("PARAMETER", "BUFFER", "CONSTANT_TENSOR"):
        return _tensor_spec("tensor_constant" if kind == "CONSTANT_TENSOR" else kind.lower(), argument.name, names[spec.target])
    return {kind.lower(): {}}


def _write_output_spec(spec, argument, names):
    kind = spec.kind.name.lower()
    if kind in ("user_output", "loss_output"):
        return {kind: {"arg": argument}}
    field = {"buffer_mutation": "buffer_name", "parameter_mutation": "parameter_name",
             "gradient_to_parameter": "parameter_name"}.get(kind, "user_input_name")
    return {kind: {"arg": argument, field: names.get(spec.target, spec.target)}}


def write_graph(module, outputs=None, prefix="", find_name=_keep_name):
    """A graph over its own inputs: its text, and the tensors that it holds by name, as for GraphWriter.
    Raises UnsupportedOpError, with all nodes that cannot be written."""
    constants = {}
    writer = GraphWriter(module, constants, prefix, find_name)
    graph = writer.write(outputs)
    inputs = [_tensor_spec("tensor_constant", name, target) for name, target in writer.lifted]
    inputs += [{"user_input": {"arg": argument}} for argument in graph["inputs"][len(inputs):]]
    results = [{"user_output": {"arg": argument}} for argument in graph["outputs"]]
    return write_program(graph, inputs, results, writer.symbols), constants
