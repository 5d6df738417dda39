"""Training steps: forward, backward and the optimizer's update as one program, which holds parameters, buffers and the
optimizer's state.

    step = torchc.training.compile_step(model, torch.nn.functional.cross_entropy, optimizer, (x, y))
    for x, y in batches:
        loss = step(x, y)
    model.load_state_dict(step.state_dict())

The update is what the optimizer's own `step` does with tensors that are traced.
"""
import collections
import copy
import inspect
import re
import unittest.mock

import torch
from torch.export.graph_signature import ExportGraphSignature, InputKind, InputSpec, OutputKind, OutputSpec, TensorArgument
from torch.fx.experimental.proxy_tensor import make_fx
from torch.overrides import TorchFunctionMode

from torchc.aot import ExportOutput
from torchc.compiler import capture_lock, export
from torchc.fx import FxImporter
from torchc.graph import find_decompositions
from torchc.program import load

# What the optimizer keeps is state of the program under these names: of a parameter, and of a group of them.
_STATE_NAME = "torchc.optimizer.{key}.{parameter}"
_RATE_NAME = "torchc.learning_rate.{group}"
# How a step is computed, and no matter of what it computes.
_IMPLEMENTATIONS = {"foreach": False, "fused": False, "capturable": True}
_COPIES = (torch.ops.aten.detach.default, torch.ops.aten.clone.default, torch.ops.aten.alias.default)
# The schema of this operator hides that it writes running statistics.
_EXPLICIT_WRITES = {torch.ops.aten.native_batch_norm.default: torch._decomp.decompositions.native_batch_norm_decomposition}
_STATE_KINDS = {InputKind.PARAMETER: OutputKind.PARAMETER_MUTATION, InputKind.BUFFER: OutputKind.BUFFER_MUTATION}


# The optimizer.


def _make_initial_state(optimizer, group, parameter):
    """What the optimizer keeps of a parameter before the first step, by name. Raises ValueError where the class is
    not known, or its first step is unlike the others."""

    def zeros():
        return torch.zeros_like(parameter, memory_format=torch.preserve_format)

    kind, name = type(optimizer), type(optimizer).__name__
    if kind is torch.optim.SGD:
        if group["momentum"] and group["dampening"]:
            raise ValueError("SGD: the first step has no dampening, the others do: take it in PyTorch before compiling")
        return {"momentum_buffer": zeros()} if group["momentum"] else {}
    if kind in (torch.optim.Adam, torch.optim.AdamW):
        keys = ["exp_avg", "exp_avg_sq"] + ["max_exp_avg_sq"] * group["amsgrad"]
    elif kind is torch.optim.RMSprop:
        keys = ["square_avg"] + ["momentum_buffer"] * (group["momentum"] > 0) + ["grad_avg"] * group["centered"]
    else:
        raise ValueError(f"how {name} starts is not known; take a step in PyTorch before compiling")
    return {"step": torch.zeros(()), **{key: zeros() for key in keys}}


def _collect_state(optimizer, parameter, group):
    """What the optimizer keeps of a parameter, now or before the first step, by name."""
    state = optimizer.state.get(parameter) or _make_initial_state(optimizer, group, parameter)
    for key, value in state.items():
        if not isinstance(value, torch.Tensor) and value is not None:
            raise ValueError(f"{type(optimizer).__name__} keeps '{key}', which is no tensor: its step cannot be compiled")
    return {key: value.detach().clone() for key, value in state.items() if value is not None}


class _TensorFactors(TorchFunctionMode):
    """Factors that PyTorch's operators take as Python numbers, a learning rate for one, may be tensors."""

    _TERMS = {"add": lambda x: x, "addcmul": torch.mul, "addcdiv": torch.div}

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        name = getattr(function, "__name__", "")
        factor = kwargs.get("alpha", kwargs.get("value"))
        if isinstance(factor, torch.Tensor) and name.rstrip("_") in self._TERMS:
            target, *operands = args
            term = self._TERMS[name.rstrip("_")](*operands) * factor
            return target.add_(term) if name.endswith("_") else target.add(term)
        return function(*args, **kwargs)


def _update(optimizer, parameters, states, rates):
    """Takes the optimizer's step, in place, with other tensors in the places of its own: parameters, whose `grad` is
    set, by the tensors that they stand for; their states; a learning rate for each group."""
    stand_in = copy.copy(optimizer)
    stand_in.param_groups = [
        {**group, **{key: value for key, value in _IMPLEMENTATIONS.items() if key in group}, "lr": rate,
         "params": [parameters[parameter] for parameter in group["params"] if parameter in parameters]}
        for group, rate in zip(optimizer.param_groups, rates)]
    stand_in.state = collections.defaultdict(dict)
    for parameter, state in states.items():
        # A power of a step in f32 would lose what Python's numbers keep.
        stand_in.state[parameter] = {key: value.double() if key == "step" else value for key, value in state.items()}
    # Optimizers leave tensors tensors, and do not read numbers from them, when they are compiled.
    with unittest.mock.patch.object(torch.compiler, "_is_compiling_flag", True), torch.no_grad(), _TensorFactors():
        inspect.unwrap(type(optimizer).step)(stand_in)  # Without hooks and records of profilers.
    for parameter, state in states.items():
        if "step" in state and parameter.grad is not None:
            state["step"].copy_(stand_in.state[parameter]["step"])


# The step's graph.


class _Loss(torch.nn.Module):
    def __init__(self, model, loss_fn):
        super().__init__()
        self.model = model
        self.loss_fn = loss_fn

    def forward(self, *inputs):
        return self.loss_fn(self.model(*inputs[:-1]), inputs[-1])


def _find_own_name(target):
    """A parameter's or buffer's name in the model, of that in a _Loss."""
    return target.removeprefix("model.")


class _StepTrace:
    """A loss, exported, on its way to the program of a step."""

    def __init__(self, program, optimizer):
        self._program = program
        self._optimizer = optimizer
        self._specs = program.graph_signature.input_specs
        kept = program.state_dict
        # Of each input, the first that is the same tensor: tied weights are several.
        places = {}
        self._firsts = [places.setdefault(kept.get(spec.target, i), i) for i, spec in enumerate(self._specs)]
        known = {tensor for name, tensor in kept.items() if isinstance(tensor, torch.nn.Parameter)}
        # Position among the inputs, state by name, of each parameter that the step writes.
        self._trained = {}
        # State of the program beside the model's, by name: learning rates, and the optimizer's.
        self._extra = {_RATE_NAME.format(group=i): torch.tensor(float(group["lr"]), dtype=torch.float64)
                       for i, group in enumerate(optimizer.param_groups)}
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                if parameter not in known:
                    raise ValueError(f"the model has not the optimizer's parameter of shape {tuple(parameter.shape)}")
                if parameter in places and parameter.requires_grad:
                    self._add_parameter(parameter, places[parameter], _collect_state(optimizer, parameter, group))

    def _add_parameter(self, parameter, place, state):
        names = {key: _STATE_NAME.format(key=key, parameter=_find_own_name(self._specs[place].target)) for key in state}
        self._trained[parameter] = place, names
        self._extra.update({names[key]: value for key, value in state.items()})

    def make_program(self):
        """An ExportedProgram that gives the loss, and whose parameters and buffers are all that changes."""
        values = [node.meta["val"] for node in self._program.graph_module.graph.find_nodes(op="placeholder")]
        (mode,) = {value.fake_mode for value in values if isinstance(value, torch.Tensor)}
        values += [mode.from_tensor(value) for value in self._extra.values()]
        # First with autograd, then without what it leaves: writes.
        with capture_lock, mode, torch.fx.traceback.preserve_node_meta():
            recorded = make_fx(self._run, _EXPLICIT_WRITES, _allow_non_fake_inputs=True)(*values)
            graph_module = make_fx(torch.func.functionalize(torch.fx.Interpreter(recorded).run), find_decompositions(),
                                   _allow_non_fake_inputs=True)(*values)
        return self._sign(graph_module)

    def _run(self, *inputs):
        """The loss, and all state after a step."""
        inputs = [value.detach().clone() if isinstance(value, torch.Tensor) else value for value in inputs]
        own, extra = [inputs[i] for i in self._firsts], dict(zip(self._extra, inputs[len(self._specs):]))
        parameters = {parameter: own[place].requires_grad_() for parameter, (place, _) in self._trained.items()}
        results = torch.fx.Interpreter(self._program.graph_module).run(*own)
        if len(results) != 1 or not isinstance(results[0], torch.Tensor) or results[0].numel() != 1:
            raise ValueError("the loss is one number; " + ", ".join(
                f"a tensor of shape {tuple(value.shape)}" if isinstance(value, torch.Tensor) else repr(value) for value in results)
                + " is none")
        (loss,) = results
        gradients = torch.autograd.grad(loss, list(parameters.values()), allow_unused=True)
        for parameter, gradient in zip(parameters.values(), gradients):
            parameter.grad = gradient  # None where the loss does not depend on it: optimizers leave it alone.
        rates = [extra[_RATE_NAME.format(group=i)] for i in range(len(self._optimizer.param_groups))]
        states = {parameters[parameter]: {key: extra[name] for key, name in names.items()}
                  for parameter, (_, names) in self._trained.items()}
        _update(self._optimizer, parameters, states, rates)
        kept = [value for spec, value in zip(self._specs, own) if spec.kind in _STATE_KINDS]
        return [value.detach() for value in (loss, *kept, *extra.values())]

    def _sign(self, graph_module):
        """The ExportedProgram of the graph that `_run` is. What a step leaves as it was is no output."""
        graph = graph_module.graph
        placeholders = graph.find_nodes(op="placeholder")
        inputs = [InputSpec(spec.kind, TensorArgument(node.name), spec.target and _find_own_name(spec.target), spec.persistent)
                  for spec, node in zip(self._specs, placeholders)]
        inputs += [InputSpec(InputKind.BUFFER, TensorArgument(node.name), name, True)
                   for name, node in zip(self._extra, placeholders[len(inputs):])]
        (end,) = graph.find_nodes(op="output")
        loss, *values = [_skip_copies(value) for value in end.args[0]]
        state = [(spec, node) for spec, node in zip(inputs, placeholders) if spec.kind in _STATE_KINDS]
        # What is never written is a constant: a learning rate is not.
        rates = {_RATE_NAME.format(group=i) for i in range(len(self._optimizer.param_groups))}
        doubles = {placeholders[i] for i, first in enumerate(self._firsts) if i != first}
        written = [(spec, value) for (spec, node), value in zip(state, values)
                   if node not in doubles and (value is not node or spec.target in rates)]
        end.args = ((*[value for _, value in written], loss),)
        outputs = [OutputSpec(_STATE_KINDS[spec.kind], TensorArgument(value.name), spec.target) for spec, value in written]
        outputs.append(OutputSpec(OutputKind.USER_OUTPUT, TensorArgument(loss.name), None))
        graph.eliminate_dead_code()
        for node in placeholders[len(self._specs):]:
            if not node.users:  # The state of a parameter without a gradient.
                graph.erase_node(node)
                inputs = [spec for spec in inputs if spec.arg.name != node.name]
        graph_module.recompile()
        state_dict = {_find_own_name(name): value for name, value in {**self._program.state_dict, **self._extra}.items()}
        return torch.export.ExportedProgram(
            graph_module, graph, ExportGraphSignature(inputs, outputs), state_dict, self._program.range_constraints,
            self._program.module_call_graph, constants=self._program.constants)


def _skip_copies(node):
    """The node whose value this one is."""
    while node.op == "call_function" and node.target in _COPIES:
        node = node.args[0]
    return node


def _export_program(model, loss_fn, optimizer, inputs, dynamic_shapes):
    if dynamic_shapes is not None:
        dynamic_shapes = {"inputs": tuple(dynamic_shapes)}
    program = export(_Loss(model, loss_fn), tuple(inputs), dynamic_shapes=dynamic_shapes)
    return _StepTrace(program, optimizer).make_program()


def export_step(model, loss_fn, optimizer, inputs, *, dynamic_shapes=None, target_cpu="host", dump_stages=None):
    """Exports a training step: `compile_step` before its compilation.

    Returns a torchc.aot.ExportOutput, which compiles to a file, or to a library of a native program:
    `export_step(...).mlir_module.run_to("static-library").save_static_library("step.a")`. The learning rate of
    parameter group 0 is state with the name "torchc.learning_rate.0".
    """
    program = _export_program(model, loss_fn, optimizer, inputs, dynamic_shapes)
    importer = FxImporter(target_cpu=target_cpu, dump_stages=dump_stages)
    return ExportOutput(importer.import_program(program))


def compile_step(model, loss_fn, optimizer, inputs, *, dynamic_shapes=None, target_cpu="host", threads=1, dump_stages=None):
    """Compiles forward, backward and update into one program, which holds parameters, buffers and the optimizer's state.

    model: a torch.nn.Module, in the mode, training or not, that it is in. What it draws at random, dropout for one,
        comes from the program's own generator.
    loss_fn: a function of the model's result and the last input; its result is one number.
    optimizer: a torch.optim.Optimizer over parameters of the model: SGD, Adam, AdamW, RMSprop, Adagrad; or another one
        that has taken a step. Its state is where the program starts.
    inputs: example inputs, of which the model takes all but the last, and `loss_fn` the last.
    dynamic_shapes: as for torch.export.export, one for each input.
    target_cpu, threads, dump_stages: as for `torchc.compile`.
    Returns a TrainingStep. Raises ValueError where the optimizer cannot be compiled; what `torchc.compile` raises.
    """
    exported = export_step(model, loss_fn, optimizer, inputs, dynamic_shapes=dynamic_shapes, target_cpu=target_cpu,
                           dump_stages=dump_stages)
    return TrainingStep(load(exported.compile(), threads=threads), model, optimizer)


def _find_state(names, parameter):
    """Names of the state that the optimizer keeps of a parameter, by key."""
    pattern = re.compile(re.escape(_STATE_NAME.format(key="@", parameter=parameter)).replace("@", r"(\w+)"))
    return {found[1]: found[0] for found in map(pattern.fullmatch, names) if found}


class TrainingStep:
    """A compiled step: `step(x, y)` is the loss before the update.

    The program has parameters of its own: the model keeps those that it has until it loads `state_dict()`.
    The learning rate is the optimizer's, whatever a scheduler makes of it (`optimizer.param_groups[0]["lr"]`); its other
    numbers must stay as they were.
    """

    def __init__(self, program, model, optimizer):
        self.program = program
        self._optimizer = optimizer
        self._rates = None
        self._numbers = [[(key, value) for key, value in group.items() if key not in ("params", "lr")]
                         for group in optimizer.param_groups]
        kept = program.state()
        # Parameters and buffers by their names in the model, of which shared ones have several and the program knows one.
        aliases = {}
        for name, tensor in model.state_dict(keep_vars=True).items():
            aliases.setdefault(tensor, []).append(name)
        own = {tensor: next((name for name in names if name in kept), names[0]) for tensor, names in aliases.items()}
        self._names = {name: own[tensor] for tensor, names in aliases.items() for name in names}
        self._constants = {name: tensor.detach().clone() for tensor, name in own.items() if name not in kept}
        # Of each of the optimizer's parameters: names of its state in the program, by key.
        parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
        self._places = [_find_state(kept, own[parameter]) for parameter in parameters]

    def __call__(self, *inputs):
        if any(group[key] != value for group, numbers in zip(self._optimizer.param_groups, self._numbers) for key, value in numbers):
            raise ValueError("numbers of the optimizer other than its learning rate have changed: compile the step anew")
        rates = [float(group["lr"]) for group in self._optimizer.param_groups]
        if rates != self._rates:
            names = [_RATE_NAME.format(group=i) for i in range(len(rates))]
            self.program.set_state({name: torch.tensor(rate, dtype=torch.float64) for name, rate in zip(names, rates)})
            self._rates = rates
        self._optimizer._opt_called = True  # Schedulers ask whether there was a step.
        return self.program(*inputs)

    def state_dict(self):
        """Copies of parameters and buffers, for `model.load_state_dict`."""
        state = self.program.state()
        return {name: torch.from_numpy(state[own]) if own in state else self._constants[own].clone()
                for name, own in self._names.items()}

    def load_state_dict(self, state_dict):
        """Sets parameters and buffers to those of a `model.state_dict()`. Raises ValueError where names are others, or
        where a value that the step never writes, which is a constant of the program, is another."""
        if set(state_dict) != set(self._names):
            differing = sorted(set(state_dict) ^ set(self._names))
            raise ValueError(f"the model has other parameters and buffers: {', '.join(differing)}")
        for name, own in self._names.items():
            if own in self._constants and not torch.equal(self._constants[own], state_dict[name]):
                raise ValueError(f"the step never writes '{name}', which is a constant of the program: compile it anew")
        self.program.set_state({own: state_dict[name] for name, own in self._names.items() if own not in self._constants})

    def optimizer_state_dict(self):
        """The optimizer's state, for its `load_state_dict`."""
        state = self.program.state()
        return {**self._optimizer.state_dict(), "state": {i: {key: torch.from_numpy(state[name]) for key, name in names.items()}
                                                          for i, names in enumerate(self._places) if names}}

    def load_optimizer_state_dict(self, state_dict):
        """Sets the optimizer's state to that of an `optimizer.state_dict()`, whose learning rates and other numbers the
        optimizer takes. Raises ValueError where it is that of another optimizer."""
        for i, names in enumerate(self._places):
            if set(names) != set(state_dict["state"].get(i, ())):
                raise ValueError(f"the state of parameter {i} is that of another optimizer")
        self._optimizer.load_state_dict(state_dict)
        self.program.set_state({name: state_dict["state"][i][key] for i, names in enumerate(self._places)
                                for key, name in names.items()})

    def save(self, path):
        """Writes the .vmfb file, which starts where the step was compiled. `program.save_state` writes the state of now."""
        self.program.save(path)
