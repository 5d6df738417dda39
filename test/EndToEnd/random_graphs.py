#!/usr/bin/env python3
"""Random graphs: torchc at both optimisation levels against PyTorch eager.

    random_graphs.py --count 1000              graphs of the seeds 0 to 999
    random_graphs.py --seed 4711 --print       one graph, as a Python file

Each graph (`graph_builder.py`) is exported, compiled with -O0 and -O3, and every third one traced as
TorchScript too; results are compared with eager at the sizes that it was exported with and, where dims
are dynamic, at others. A number may differ by 1e-4 of the largest of its tensor; beyond that eager in
f64 judges whether eager's f32 is any better, on these numbers or their neighbours. Outcomes:

    passed           equal, however compiled
    not-exportable   PyTorch does not export or trace it
    unsupported      torchc refuses it by name
    error            torchc fails without naming an operator, or the call fails
    mismatch         another number, dtype or shape
    crash            the process died

A failure is reduced to a graph that still fails the same way and printed as a Python file.
"""
import argparse
import collections
import dataclasses
import logging
import os
import re
import sys
import tempfile
import threading
import warnings
from pathlib import Path

import torch

import torchc
from graph_builder import DTYPES, NAME, Builder, Graph, NoFit, Statement, Tensor
from graph_operators import OPERATORS, write
from rounding import Rounding, ZeroSigns
from workers import ask_all, serve

warnings.filterwarnings("ignore")
logging.disable(logging.CRITICAL)

FAILURES = ("error", "mismatch", "crash")
LOW_TOLERANCE = {torch.float16: 1e-2, torch.bfloat16: 8e-2}


def build_graph(seed):
    """The graph of a seed: 5 to 40 statements, at most five results."""
    b = Builder(seed)
    rng = b.rng
    for i in range(rng.choice((0, 0, 1, 2))):
        b.graph.sizes[f"d{i}"] = (7, 11)[i]
        b.hints[(7, 11)[i]] = f"d{i}"
    special = rng.random() < 0.1
    empty = rng.random() < 0.15
    extents = [1, 1, 2, 3, 3, 4, 5, 6, 8] + [*b.graph.sizes] * 2 + [0] * empty
    common = [rng.choice(extents) for _ in range(4)]
    for _ in range(rng.randint(1, 4)):
        # Some share their last dims, so that they broadcast.
        shape = common[rng.randint(0, 3):] if rng.random() < 0.6 else [rng.choice(extents) for _ in range(rng.randint(0, 4))]
        dtype = rng.choice(("float32",) * 6 + ("int64", "int64", "bool", "float64", "int32", "uint8"))
        b.add_tensor("x", shape, dtype, **({"kind": "special"} if special and rng.random() < 0.5 else {}))
    weights, functions = zip(*OPERATORS)
    writes = rng.choice((0.0, 0.1, 0.3))
    target = rng.randint(5, 40)
    for _ in range(target * 20):
        if len(b.graph.statements) >= target:
            break
        try:
            if rng.random() < writes:
                b.try_write(*write(b))
            else:
                b.try_add(*rng.choices(functions, weights)[0](b))
        except NoFit:
            pass
    targets = [s.target for s in b.graph.statements if s.target]
    used = set().union(*(s.uses() for s in b.graph.statements)) if targets else set()
    ends = [name for name in targets if name not in used]
    b.graph.outputs = sorted(set(ends[-4:] + [rng.choice(targets)]), key=targets.index) if targets else []
    return remove_dead(b.graph)


def remove_dead(graph):
    """The graph without what no result and no write needs."""
    live, kept = set(graph.outputs), []
    for statement in reversed(graph.statements):
        if not statement.target or statement.target in live:
            live |= statement.uses()
            kept.append(statement)
    return Graph([t for t in graph.tensors if t.name in live], kept[::-1], graph.outputs, graph.sizes)


# ------------------------------------------------------------------------------------------------
# One graph
# ------------------------------------------------------------------------------------------------


class Judge:
    """What eager gives, and how well: its own f64."""

    def __init__(self, graph, sizes):
        self.inputs = graph.make_inputs(sizes)
        self.written = tuple(x.clone() for x in self.inputs)
        self.model = graph.make_module()
        self.expected = self.model(*self.written)
        self.graph, self.sizes = graph, sizes
        self.low = max((LOW_TOLERANCE.get(DTYPES[name], 0) for name in DTYPES if name in graph.source()), default=0)

    def compare(self, actual, written, state):
        """What differs, or None."""
        for i, (ours, theirs) in enumerate(zip(actual, self.expected, strict=True)):
            if difference := self.compare_tensor(ours, theirs, lambda results, *_, i=i: results[i]):
                return f"result {i}: {difference}"
        for i, (ours, theirs) in enumerate(zip(written, self.written, strict=True)):
            if difference := self.compare_tensor(ours, theirs, lambda _, inputs, __, i=i: inputs[i]):
                return f"written input {i}: {difference}"
        for name, value in state.items():
            pick = lambda _, __, model, name=name: model.get_buffer(name)  # noqa: E731
            if difference := self.compare_tensor(torch.from_numpy(value), self.model.get_buffer(name), pick):
                return f"state {name}: {difference}"
        return None

    def run_in_double(self):
        """(results, written inputs, model) of eager in f64."""
        source = re.sub(r"\bfloat(16|32)\b|\bbfloat16\b", "float64", self.graph.source()).replace(".float()", ".double()")
        inputs = tuple(x.double() if x.is_floating_point() else x.clone() for x in self.inputs)
        # The weights keep their numbers: they are made as f32 and cast.
        double = self.graph.make_module(source)
        for name, value in self.graph.make_module().named_buffers():
            setattr(double, name, value.double() if value.is_floating_point() else value)
        torch.set_default_dtype(torch.float64)
        try:
            return double(*inputs), inputs, double
        finally:
            torch.set_default_dtype(torch.float32)

    def run_rounded(self, factor):
        """(results, written inputs, model) of eager on numbers that differ by a rounding or two."""
        inputs = tuple(x * factor if x.is_floating_point() else x.clone() for x in self.inputs)
        model = self.graph.make_module()
        for name, value in model.named_buffers():
            setattr(model, name, value * factor if value.is_floating_point() else value)
        return model(*inputs), inputs, model

    def compare_tensor(self, ours, theirs, pick):
        if ours.dtype != theirs.dtype or ours.shape != theirs.shape:
            return f"{ours.dtype}{list(ours.shape)} instead of {theirs.dtype}{list(theirs.shape)}"
        if not theirs.is_floating_point():
            wrong = (ours != theirs).sum().item()
            return f"{wrong} of {ours.numel()} are wrong" if wrong else None
        if self.is_close(ours, theirs, 1e-4)[0]:
            return None
        try:
            exact = pick(*self.run_in_double())
        except Exception:  # An operator that takes no f64.
            exact = theirs
        is_close, error = self.is_close(ours, exact, 1e-4)
        # Where the numbers are ill-conditioned, as good as eager is good enough, be it on their neighbours.
        eager = [theirs, *(pick(*self.run_rounded(1 + i * 2**-23)) for i in (-2, -1, 1, 2))]
        if is_close or error <= 4 * max(self.is_close(x, exact, 1e-4)[1] for x in eager):
            return None
        # Numbers that are made on the way, as by fill_(), have no neighbours: each step rounds otherwise.
        with Rounding():
            if error <= min(4 * self.is_close(pick(*self.run_rounded(1)), exact, 1e-4)[1], 0.01):
                return None
        for zero in (0.0, -0.0):
            with ZeroSigns(zero):
                other = pick(*self.run_rounded(1))
            theirs = torch.where((ours - other).abs() < (ours - theirs).abs(), other, theirs)
        if self.is_close(ours, theirs, 1e-4)[0]:
            return None
        return f"differs by {error:.1e} of the largest number"

    def is_close(self, ours, theirs, tolerance):
        """(whether, the largest error over the largest number)."""
        ours, theirs = ours.double(), theirs.double()
        finite = theirs.isfinite()
        if not torch.equal(finite, ours.isfinite()):
            return False, float("inf")
        if not torch.equal(torch.nan_to_num(ours[~finite], 1.5), torch.nan_to_num(theirs[~finite], 1.5)):
            return False, float("inf")
        if not finite.any():
            return True, 0.0
        # A group of equal numbers is normalised to zeros, or to what rounding left of their mean by eps.
        scale = max(theirs[finite].abs().max().item(), 0.25)
        error = (ours[finite] - theirs[finite]).abs().max().item() / scale
        return error <= max(tolerance, self.low), error


def dynamic_shapes(graph):
    return tuple({i: torch.export.Dim.AUTO for i, extent in enumerate(x.shape) if isinstance(extent, str)} or None
                 for x in graph.inputs)


def other_sizes(graph):
    """Sizes of the dynamic dims beside those that the graph was made with."""
    return [{name: size for name, size in zip(graph.sizes, sizes)} for sizes in ((5, 13), (9, 4), (2, 2))]


def export(graph, inputs):
    return torch.export.export(graph.make_module(), tuple(x.clone() for x in inputs), dynamic_shapes=dynamic_shapes(graph))


def trace(graph, inputs, directory):
    # Tracing runs the model: what it writes to weights must not be among the first values.
    path, model = os.path.join(directory, "model.pt"), graph.make_module()
    script = torch.jit.trace(model, tuple(x.clone() for x in inputs), check_trace=False)
    model.load_state_dict(graph.make_module().state_dict())
    script.save(path)
    # The tracer drops writes to what is read through operators that it takes for copies, as atleast_3d().
    traced, eager = ((*run(*copies), *copies, *run.state_dict().values()) for run in (torch.jit.load(path), graph.make_module())
                     for copies in [tuple(x.clone() for x in inputs)])
    for ours, theirs in zip(traced, eager, strict=True):
        if not torch.allclose(ours.to(theirs.dtype), theirs, 1e-2, 1e-2, equal_nan=True):
            raise ValueError("the trace is another model")
    return path


def call(program, judge):
    inputs = tuple(x.clone() for x in judge.inputs)
    program.reset()
    results = program(*inputs)
    results = results if isinstance(results, tuple) else (results,)
    return judge.compare(results, inputs, program.state())


def run_graph(graph, with_trace):
    """(outcome, reason) of a graph."""
    with torch.no_grad(), tempfile.TemporaryDirectory() as directory:
        judges = [Judge(graph, graph.sizes)]
        try:
            exported = export(graph, judges[0].inputs)
            path = os.path.join(directory, "model.pt2")
            torch.export.save(exported, path)
            guarded = exported.module()
        except Exception as error:  # Whatever PyTorch objects to is not torchc's to judge.
            return "not-exportable", f"{type(error).__name__}: {' '.join(str(error).split())[:150]}"
        for sizes in other_sizes(graph) if graph.sizes else ():
            try:
                guarded(*graph.make_inputs(sizes))
                judges.append(Judge(graph, sizes))
            except Exception:  # The export does not take these sizes.
                pass
        runs = [(f"-O{level}", path, judges, {"opt_level": level}) for level in (0, 3)]
        if with_trace:
            try:
                script = trace(graph, judges[0].inputs, directory)
                spelled = {name: spelling for spelling, name in SPELLINGS.items()}
                shapes = ["x".join([*map(str, x.shape), spelled[x.dtype]]) for x in judges[0].inputs]
                runs.append(("TorchScript", script, judges[:1], {"inputs": shapes}))
            except Exception:  # As above.
                pass
        for name, file, cases, options in runs:
            try:
                program = torchc.compile(file, **options)
                for judge in cases:
                    if difference := call(program, judge):
                        return "mismatch", f"{name} {judge.sizes or ''}: {difference}"
            except torchc.UnsupportedOpError as error:
                return "unsupported", f"{name}: {' '.join(str(error).split())[:300]}"
            except torchc.TorchcError as error:
                return "error", f"{name}: {' '.join(str(error).split())[:300]}"
    return "passed", ""


SPELLINGS = {"f32": torch.float32, "f64": torch.float64, "i64": torch.int64, "i32": torch.int32, "u8": torch.uint8,
             "i1": torch.bool, "i16": torch.int16, "i8": torch.int8, "f16": torch.float16, "bf16": torch.bfloat16}


def answer(request):
    graph = Graph.from_json(request["graph"]) if "graph" in request else build_graph(request["seed"])
    if not graph.outputs or not graph.inputs:
        return {"outcome": "not-exportable", "reason": "gives nothing", "graph": None}
    try:
        outcome, reason = run_graph(graph, request["trace"])
    except Exception as error:  # A reduced graph that PyTorch does not run.
        outcome, reason = "not-exportable", f"{type(error).__name__}: {str(error)[:200]}"
    return {"outcome": outcome, "reason": reason, "graph": graph.to_json() if outcome in FAILURES else None}


# ------------------------------------------------------------------------------------------------
# Reduction
# ------------------------------------------------------------------------------------------------


def smaller_graphs(graph):
    """Graphs that are one step simpler."""
    for name in graph.outputs if len(graph.outputs) > 1 else ():
        yield remove_dead(Graph(graph.tensors, graph.statements, [name], graph.sizes))
    # What the statements give, as inputs in their place.
    values = Builder(0)
    values.graph = Graph(graph.tensors, [], [], graph.sizes)
    values.replay()
    shapes = {name: value for name, value in values.values.items()}
    for statement in graph.statements:
        values.graph.statements = [statement]
        if statement.target:
            values.values[statement.target] = values.scope[statement.target] = eval(statement.text, values.scope)
            shapes[statement.target] = values.values[statement.target].clone()
        else:
            exec(statement.text, values.scope)
    for i in reversed(range(len(graph.statements))):
        statement = graph.statements[i]
        rest = graph.statements[:i] + graph.statements[i + 1:]
        if not statement.target:
            yield remove_dead(Graph(graph.tensors, rest, graph.outputs, graph.sizes))
            continue
        value = shapes[statement.target]
        # In its place: one of its operands, or a new input.
        for operand in sorted(statement.uses()):
            if (shapes[operand].shape, shapes[operand].dtype) == (value.shape, value.dtype):
                yield remove_dead(substitute(graph, i, operand))
        if value.numel() <= 20_000 and i > 0:
            taken = sum(t.name[0] == "x" for t in graph.tensors)
            numbers = [0, 0] if value.is_floating_point() or value.numel() == 0 else [value.min().item(), value.max().item()]
            new = Tensor(f"x{taken + 900}", str(value.dtype).removeprefix("torch."), list(value.shape), i, *map(int, numbers))
            smaller = substitute(graph, i, new.name)
            smaller.tensors = [*smaller.tensors, new]
            yield remove_dead(smaller)
    for name in graph.sizes:
        tensors = [dataclasses.replace(t, shape=[graph.sizes[e] if e == name else e for e in t.shape]) for t in graph.tensors]
        yield Graph(tensors, graph.statements, graph.outputs, graph.sizes)


def substitute(graph, i, name):
    """The graph without its statement i, whose result is `name` instead."""
    target = graph.statements[i].target
    rename = lambda text: NAME.sub(lambda match: name if match[0] == target else match[0], text)  # noqa: E731
    rest = [Statement(s.target, rename(s.text)) for s in graph.statements[:i] + graph.statements[i + 1:]]
    return Graph(graph.tensors, rest, [o for o in map(rename, graph.outputs) if o[0] == "v"], graph.sizes)


def kind_of(outcome, reason):
    """What stays the same while a failure is reduced."""
    return outcome, re.sub(r"[-\d.e+]+", "#", reason)[:60] if outcome == "error" else reason.split(":")[0][:3]


def reduce_graph(graph, failure, ask):
    """The smallest graph that is found to fail the same way, and how."""
    is_smaller, tried = True, set()
    while is_smaller:
        is_smaller = False
        for smaller in smaller_graphs(graph):
            text = smaller.source() if smaller.outputs and smaller.inputs else ""
            if not text or text in tried:
                continue
            tried.add(text)
            found = ask(smaller)
            if kind_of(*found) == kind_of(*failure):
                graph, failure, is_smaller = smaller, found, True
                break
    return graph, failure


# ------------------------------------------------------------------------------------------------
# Many graphs
# ------------------------------------------------------------------------------------------------


class Run:
    """Graphs of many seeds, and what became of them."""

    def __init__(self, arguments):
        self.arguments, self.lock = arguments, threading.Lock()
        self.count, self.reasons = collections.Counter(), collections.Counter()

    def ask(self, worker, request):
        found, reason = worker.ask({**request, "trace": request.get("trace", True)})
        return found or {"outcome": "crash", "reason": reason, "graph": None}

    def handle(self, worker, seed):
        trace_too = self.arguments.trace or seed % 3 == 0
        found = self.ask(worker, {"seed": seed, "trace": trace_too})
        failure = found["outcome"], found["reason"]
        text = ""
        if found["outcome"] in FAILURES and not self.arguments.no_reduce:
            graph = Graph.from_json(found["graph"]) if found["graph"] else build_graph(seed)

            def ask(smaller):
                answer = self.ask(worker, {"graph": smaller.to_json(), "trace": "TorchScript" in failure[1]})
                return answer["outcome"], answer["reason"]

            graph, failure = reduce_graph(graph, failure, ask)
            text = graph.reproducer(f"seed {seed}: {failure[0]}: {failure[1]}")
        with self.lock:
            self.report(seed, *failure, text)

    def report(self, seed, outcome, reason, text):
        self.count[outcome] += 1
        if outcome == "unsupported":
            self.reasons[reason.split("unsupported op ")[-1][:60]] += 1
        if self.arguments.verbose or outcome in FAILURES:
            print(f"{seed}: {outcome}: {reason}", flush=True)
        if text and self.arguments.output:
            path = Path(self.arguments.output)
            path.mkdir(parents=True, exist_ok=True)
            (path / f"{seed}.py").write_text(text)
        elif text:
            print(text, flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1, help="number of graphs")
    parser.add_argument("--seed", type=int, default=0, help="seed of the first; the others follow")
    parser.add_argument("--jobs", type=int, default=2, help="worker processes")
    parser.add_argument("--timeout", type=int, default=300, help="seconds for one graph")
    parser.add_argument("--trace", action="store_true", help="trace all graphs, not every third")
    parser.add_argument("--no-reduce", action="store_true", help="print failures as they are")
    parser.add_argument("--output", metavar="DIR", help="write a file for each failure, SEED.py")
    parser.add_argument("--print", action="store_true", help="print the graphs and run nothing")
    parser.add_argument("--verbose", action="store_true", help="a line for every graph")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        torch.set_num_threads(1)
        return serve(answer)
    seeds = range(arguments.seed, arguments.seed + arguments.count)
    if arguments.print:
        for seed in seeds:
            print(build_graph(seed).reproducer(f"seed {seed}"))
        return 0

    run = Run(arguments)
    ask_all([sys.executable, __file__, "--worker"], seeds, arguments.jobs, arguments.timeout, run.handle)
    for outcome, number in run.count.most_common():
        print(f"{outcome:15} {number}")
    for reason, number in run.reasons.most_common(20):
        print(f"    {number:4} {reason}")
    return 1 if any(run.count[outcome] for outcome in FAILURES) else 0


if __name__ == "__main__":
    sys.exit(main())
