#!/usr/bin/env python3
"""Holds torchc against PyTorch's own operator database, op by op.

    opinfo.py                                  every sample of every op in f32
    opinfo.py --ops add,'linalg.*' --dtype bf16 --verbose
    opinfo.py --samples 1                      the first sample of each op
    opinfo.py --dtype all --samples 8 --json outcomes.jsonl      leaves out the ops that the file already has
    opinfo.py --dynamic                        the first sample of each op with dynamic dims, called with other sizes
    opinfo.py --from outcomes.jsonl --table docs/Reference/OperatorDatabase.md

Each sample of `torch.testing._internal.common_methods_invocations.op_db` is exported, compiled in
process, run, and compared with eager: values within PyTorch's tolerances and the op's own, dtypes and
shapes exactly, and so are the inputs that the op writes. Where results of f32, f16, bf16 or complex64 differ,
eager's f64 or complex128 decides, of f64 and integers the database's own reference (NumPy, SciPy); where eager differs from
itself, the op is random. An op counts as its worst sample:

    passed           every sample that can be exported equals eager
    not-exportable   torch.export takes no sample
    unsupported      torchc refuses a sample by name
    error            torchc fails without naming an operator, or the call fails
    mismatch         another number, dtype or shape
    crash            the process died

With --dynamic, every dim that torch.export leaves dynamic takes three other sizes, 1 and 0 among them where the
program's ranges admit them.

A crash costs one op, not the run: ops run in worker processes. Exits 1 where an op does worse, or
better, than the ledger (opinfo_ledger.yaml) says; it knows the first samples, all of them, and dynamic ones.
"""
import argparse
import collections
import functools
import itertools
import json
import logging
import math
import re
import sys
import threading
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

import torch
import yaml
from torch.utils import _pytree as pytree

from rounding import Rounding
from workers import ask_all, serve

warnings.filterwarnings("ignore")
logging.disable(logging.CRITICAL)

OUTCOMES = ("passed", "not-exportable", "unsupported", "error", "mismatch", "crash")
DTYPES = {
    "f32": torch.float32, "f64": torch.float64, "f16": torch.float16, "bf16": torch.bfloat16, "i64": torch.int64,
    "i32": torch.int32, "i16": torch.int16, "i8": torch.int8, "u8": torch.uint8, "bool": torch.bool,
    "complex64": torch.complex64,
}
# The second result says where the first one stands, of equal elements any: op -> place of `dim` among the arguments.
PLACES = {"topk": 1, "kthvalue": 1, "mode": 0, "sort": 0, "argsort": 0}
# What these return is not defined: only dtype and shape are compared.
# Random ones draw from a generator of their own; their statistics are test_random.py's.
UNDEFINED = {"empty", "empty_like", "empty_permuted", "empty_strided", "new_empty", "new_empty_strided",
             "bernoulli", "cauchy", "exponential", "geometric", "log_normal", "multinomial", "normal", "rand_like",
             "randint", "randint_like", "randn", "randn_like", "uniform", "nn.functional.rrelu",
             "nn.functional.dropout", "nn.functional.dropout2d", "nn.functional.dropout3d",
             "nn.functional.alpha_dropout", "nn.functional.feature_alpha_dropout",
             "nn.functional.fractional_max_pool2d", "nn.functional.fractional_max_pool3d", "svd_lowrank", "pca_lowrank"}


@dataclass
class Outcome:
    op: str
    outcome: str
    samples: int  # Of them, exported ones.
    reason: str = ""
    limit: int | None = None  # The most samples that were tried; all by default.
    operators: list[str] = field(default_factory=list)  # Of the graphs of samples that passed: "aten.add.Tensor".


def get_name(op):
    return f"{op.name}.{op.variant_test_name}" if op.variant_test_name else op.name


def load_ops():
    """Name -> OpInfo."""
    from torch.testing._internal.common_methods_invocations import op_db

    return {get_name(op): op for op in op_db}


def load_ledger(dtype, samples=None, dynamic=False):
    """Op -> (outcome, reason) of the ops that are expected to fail; None for a number of samples it does not know."""
    if samples not in (None, 1) and not dynamic:
        return None
    section = f"{dtype}-dynamic" if dynamic else f"{dtype}-first-sample" if samples == 1 else dtype
    ledger = yaml.safe_load((Path(__file__).parent / "opinfo_ledger.yaml").read_text()).get(section) or {}
    return {op: (outcome, reason) for outcome, ops in ledger.items() for op, reason in ops.items()}


class Call(torch.nn.Module):
    """One call of an op as a function of its tensors."""

    def __init__(self, function, sample):
        super().__init__()
        self.function, self.define = function, sample.output_process_fn_grad
        self.leaves, self.spec = pytree.tree_flatten(((sample.input, *sample.args), sample.kwargs))
        self.places = [i for i, leaf in enumerate(self.leaves) if isinstance(leaf, torch.Tensor)]

    @property
    def tensors(self):
        return tuple(self.leaves[i].detach() for i in self.places)

    def forward(self, *tensors):
        leaves = list(self.leaves)
        for place, tensor in zip(self.places, tensors):
            leaves[place] = tensor
        args, kwargs = pytree.tree_unflatten(leaves, self.spec)
        # What of a result is well defined: not the signs of eigenvectors, say.
        result = self.define(self.function(*args, **kwargs))
        # torch.export cannot save all of the types that results come in.
        return result if isinstance(result, torch.Tensor) else tuple(pytree.tree_leaves(result))


def get_tolerance(op, dtype):
    """The loosest of PyTorch's default and what the op's entry itself states for this dtype on CPUs."""
    from torch.testing._internal.common_device_type import toleranceOverride
    from torch.testing._comparison import default_tolerances

    rtol, atol = default_tolerances(dtype)
    for info in op.decorators or ():
        if getattr(info, "device_type", None) not in (None, "cpu"):
            continue
        for decorator in getattr(info, "decorators", [info]):
            if isinstance(decorator, toleranceOverride) and dtype in decorator.d:
                rtol, atol = max(rtol, decorator.d[dtype].rtol), max(atol, decorator.d[dtype].atol)
    return rtol, atol


def flatten(results):
    """The tensors and numbers among the results; None is no result."""
    return [torch.as_tensor(leaf) for leaf in pytree.tree_leaves(results) if leaf is not None]


def compare(op, actual, expected, dtype):
    """What differs, or None."""
    if len(actual) != len(expected):
        return f"{len(actual)} results instead of {len(expected)}"
    for i, (ours, theirs) in enumerate(zip(actual, expected)):
        if ours.dtype != theirs.dtype or ours.shape != theirs.shape:
            return f"result {i} is {ours.dtype}{list(ours.shape)} instead of {theirs.dtype}{list(theirs.shape)}"
        if op.name in UNDEFINED:
            continue
        rtol, atol = get_tolerance(op, theirs.dtype)
        try:
            # Ops on half types are compared at their tolerance where they answer in a wider one.
            low = get_tolerance(op, dtype) if dtype.is_floating_point and theirs.dtype.is_floating_point else (0, 0)
            torch.testing.assert_close(ours, theirs, rtol=max(rtol, low[0]), atol=max(atol, low[1]), equal_nan=True)
        except AssertionError as error:
            return f"result {i}: " + " ".join(str(error).split())[:200]
    return None


def compare_places(op, sample, call, actual, expected):
    """What differs of values and their places, where equal elements may stand in another place than eager's."""
    dim = sample.kwargs.get("dim", sample.args[PLACES[op.name]] if len(sample.args) > PLACES[op.name] else -1)
    if sample.kwargs.get("stable"):
        return "places of equal elements that are not in their order"
    if len(actual) == 1:  # argsort: the values are those at eager's places.
        actual = [call.tensors[0].gather(dim, expected[0]), actual[0]]
    values, places = actual
    if places.dtype != expected[-1].dtype or places.shape != expected[-1].shape:
        return f"the places are {places.dtype}{list(places.shape)}"
    if sample.input.ndim and values.ndim < sample.input.ndim:
        values, places = values.unsqueeze(dim), places.unsqueeze(dim)
    found = call.tensors[0].gather(dim, places)
    return None if torch.equal(found.nan_to_num(), values.nan_to_num()) else "places that do not hold the values"


def compute_wide(op, call, dtype):
    """What the op gives in a wider dtype, of f64 and integers in the database's reference; None where there is no such
    judge."""
    from torch.testing._internal.opinfo.core import UnaryUfuncInfo

    if dtype == torch.float64 or not (dtype.is_floating_point or dtype.is_complex):
        if not isinstance(op, UnaryUfuncInfo) or op.ref is None:
            return None
        args, kwargs = pytree.tree_unflatten(call.leaves, call.spec)
        return [torch.as_tensor(op.ref(args[0].numpy(), *args[1:], **kwargs))]
    wide = torch.complex128 if dtype.is_complex else torch.float64
    try:
        return flatten(call(*(t.to(wide) if t.dtype == dtype else t.clone() for t in call.tensors)))
    except RuntimeError:  # The op mixes its inputs with others of its own.
        return None


def compare_with_wide(op, call, actual, expected, difference, dtype):
    """The judge where PyTorch's own results lose digits, which depends on the CPU. A result passes that is as close to
    it as the dtype's tolerance, or twice as far from it as eager is at most, be it with steps that round otherwise."""
    judge = compute_wide(op, call, dtype)
    if judge is None:
        return difference
    with Rounding():
        rounded = flatten(call(*(t.clone() for t in call.tensors)))
    for i, (ours, theirs, other, exact) in enumerate(zip(actual, expected, rounded, judge)):
        ours, theirs = ours.to(exact.dtype), theirs.to(exact.dtype)
        if not (exact.is_floating_point() or exact.is_complex()):
            if not torch.equal(ours, exact):
                return difference
            continue
        if not ours.is_complex():  # What is too large for the dtype is infinite in it.
            exact = exact.to(actual[i].dtype).to(exact.dtype)
        deviation = torch.cat([(eager - exact).abs().flatten() for eager in (theirs, other.to(exact.dtype))])
        atol = 2 * deviation[deviation.isfinite()].max().item() if deviation.isfinite().any() else 0
        rtol, least = get_tolerance(op, dtype if dtype.is_floating_point or dtype.is_complex else actual[i].dtype)
        try:
            torch.testing.assert_close(ours, exact, rtol=rtol, atol=max(atol, least), equal_nan=True)
        except AssertionError as error:
            return f"result {i}: " + " ".join(str(error).split())[:200]
    return None


def is_random(op, call, expected, dtype):
    """Whether eager differs from itself: dropout inside of an op, say, whose statistics are test_random.py's."""
    def call_again():
        torch.rand(1)  # The database seeds some calls itself and restores the generator behind them.
        return flatten(call(*(t.clone() for t in call.tensors)))

    with mock.patch("torch.manual_seed"):
        return any(compare(op, call_again(), expected, dtype) for _ in range(8))


def build(call, dynamic_shapes=None):
    """(program, compiled, None), or where one of them fails the (outcome, reason) as third."""
    import torchc

    try:
        program = torch.export.export(call, tuple(t.clone() for t in call.tensors), dynamic_shapes=dynamic_shapes,
                                      strict=False)
    except Exception as error:  # Whatever torch.export objects to is not torchc's to judge.
        return None, None, ("not-exportable", f"{type(error).__name__}: {' '.join(str(error).split())[:100]}")
    if not flatten(call(*(t.clone() for t in call.tensors))):
        return None, None, ("not-exportable", "gives no tensor")
    try:
        return program, torchc.compile(program), None
    except torchc.UnsupportedOpError as error:
        return None, None, ("unsupported", " ".join(str(error).split())[:200])
    except torchc.CompileError as error:
        return None, None, ("error", " ".join(str(error).split())[:200])
    except Exception as error:  # torch.export.save refuses sparse tensors, for one.
        return None, None, ("not-exportable", f"cannot be saved: {' '.join(str(error).split())[:100]}")


def run_sample(op, sample, dtype, operators):
    """(outcome, reason) of one sample. The operators of its graph are added to the set where it passes."""
    call = Call(op.op, sample)
    program, compiled, failure = build(call)
    outcome, reason = failure or check_call(op, sample, call, program, compiled, dtype)
    if outcome == "passed":
        operators.update(node.target.name().replace("::", ".") for node in program.graph.nodes
                         if isinstance(node.target, torch._ops.OpOverload))
    return outcome, reason


def check_call(op, sample, call, program, compiled, dtype):
    """(outcome, reason) of a program called with the tensors of `call`."""
    import torchc

    tensors = call.tensors
    wanted_inputs, inputs = ([t.clone() for t in tensors] for _ in range(2))
    expected = flatten(call(*wanted_inputs))
    try:
        results = compiled(*inputs)
    except torchc.TorchcError as error:
        # Some guards of torch.export hold for no call, its own included.
        try:
            program.module()(*(t.clone() for t in tensors))
        except Exception as theirs:
            return "not-exportable", f"PyTorch's own program: {' '.join(str(theirs).split())[:100]}"
        return "error", "run: " + " ".join(str(error).split())[:200]
    actual = flatten(results)
    difference = compare(op, actual, expected, dtype)
    if difference and op.name in PLACES and not compare(op, actual[:-1], expected[:-1], dtype):
        difference = compare_places(op, sample, call, actual, expected)
    same_types = [(a.dtype, a.shape) for a in actual] == [(e.dtype, e.shape) for e in expected]
    if difference and same_types:
        difference = compare_with_wide(op, call, actual, expected, difference, dtype)
    if difference and same_types and is_random(op, call, expected, dtype):
        return "passed", ""
    if not difference:
        difference = compare(op, inputs, wanted_inputs, dtype)
        difference = difference and f"of the inputs, {difference}"
    return ("mismatch", difference) if difference else ("passed", "")


def find_sizes(program):
    """Assignments of sizes to the program's dynamic dims, as symbol -> size, and the shapes of the inputs in symbols."""
    shapes = [node.meta["val"].shape for node in program.graph.nodes
              if node.op == "placeholder" and isinstance(node.meta.get("val"), torch.Tensor)]
    ranges = program.range_constraints
    symbols = sorted({str(d) for shape in shapes for d in shape if isinstance(d, torch.SymInt)})
    lower = {str(symbol): int(r.lower) for symbol, r in ranges.items()}
    upper = {str(symbol): int(r.upper) if r.upper.is_Integer else 1 << 30 for symbol, r in ranges.items()}
    wanted = [{s: 7 + i for i, s in enumerate(symbols)}, {s: 1 for s in symbols}, {s: 0 for s in symbols}]
    return shapes, [{s: min(max(n, lower.get(s, 0)), upper.get(s, 1 << 30)) for s, n in sizes.items()}
                    for sizes in wanted] if symbols else []


def resize(tensor, shape, sizes):
    """The tensor with its elements repeated or left out along each dim; values stay in the op's domain."""
    for dim, size in enumerate(shape):
        wanted = int(size) if not isinstance(size, torch.SymInt) else \
            int(size.node.expr.subs({symbol: sizes[str(symbol)] for symbol in size.node.expr.free_symbols}))
        if wanted != tensor.shape[dim]:
            tensor = tensor.index_select(dim, torch.arange(wanted) % max(tensor.shape[dim], 1))
    return tensor


def run_dynamic(op, sample, dtype):
    """Outcomes of the first sample exported with dynamic dims, for each of some sizes that eager takes as well."""
    call = Call(op.op, sample)
    dims = tuple({d: torch.export.Dim.AUTO for d in range(t.ndim)} for t in call.tensors)
    program, compiled, failure = build(call, {"tensors": dims})
    if failure:
        return [failure]
    shapes, wanted = find_sizes(program)
    if len(shapes) != len(call.places):
        return [("not-exportable", "has inputs of its own")]
    outcomes = []
    for sizes in wanted:
        other = Call(op.op, sample)
        try:
            for place, shape in zip(other.places, shapes):
                other.leaves[place] = resize(other.leaves[place].detach(), shape, sizes)
            flatten(other(*(t.clone() for t in other.tensors)))
            program.module()(*(t.clone() for t in other.tensors))
        except Exception:  # Sizes that PyTorch takes neither.
            continue
        outcome, reason = check_call(op, sample, other, program, compiled, dtype)
        outcomes.append((outcome, f"{sizes}: {reason}" if reason else ""))
    return outcomes or [("not-exportable", "no other sizes")]


def run_op(op, dtype, samples=None, dynamic=False):
    """The Outcome of an op: the worst of its samples, of all or of so many of them, evenly spread."""
    if not op.supports_dtype(dtype, "cpu"):
        return Outcome(get_name(op), "not-exportable", 0, f"has no {dtype}", samples)
    torch.manual_seed(0)
    worst, exported, operators = ("not-exportable", "no samples"), 0, set()
    available = op.sample_inputs("cpu", dtype, requires_grad=False)
    chosen = list(enumerate(itertools.islice(available, 20 if dynamic else 1) if samples == 1 else available))
    if dynamic:  # The first one that has a dim to be changed.
        chosen = [(number, sample) for number, sample in chosen
                  if any(size > 1 for tensor in Call(op.op, sample).tensors for size in tensor.shape)][:1]
    step = math.ceil(len(chosen) / samples) if samples and chosen else 1
    for number, sample in chosen[::step]:
        with torch.no_grad():
            outcomes = run_dynamic(op, sample, dtype) if dynamic else [run_sample(op, sample, dtype, operators)]
        for outcome, reason in outcomes:
            if outcome == "not-exportable":
                worst = (outcome, reason) if exported == 0 else worst
                continue
            if exported == 0 or OUTCOMES.index(outcome) > OUTCOMES.index(worst[0]):
                worst = (outcome, f"sample {number}: {reason}" if reason else "")
            exported += 1
    return Outcome(get_name(op), worst[0], exported, worst[1], samples, sorted(operators))


# ------------------------------------------------------------------------------------------------
# The run over many ops
# ------------------------------------------------------------------------------------------------


def answer(arguments, ops, name):
    """The outcome of an op, as a worker gives it."""
    try:
        outcome = run_op(ops[name], DTYPES[arguments.dtype], arguments.samples, arguments.dynamic)
    except Exception as error:  # Of the database: some samples cannot be made.
        outcome = Outcome(name, "not-exportable", 0, f"{type(error).__name__}: {str(error)[:100]}")
    return vars(outcome)


class Run:
    """Many ops in one dtype, and what became of them."""

    def __init__(self, arguments, dtype):
        self.arguments, self.dtype, self.lock, self.outcomes = arguments, dtype, threading.Lock(), {}

    def handle(self, worker, name):
        found, reason = worker.ask(name)
        with self.lock:
            self.report(Outcome(**found) if found else Outcome(name, "crash", 0, reason))

    def report(self, outcome):
        self.outcomes[outcome.op] = outcome
        if self.arguments.json:
            with open(self.arguments.json, "a") as file:
                file.write(json.dumps({"dtype": self.dtype, **vars(outcome)}) + "\n")
        if self.arguments.verbose or outcome.outcome in ("crash", "mismatch", "error"):
            print(f"{outcome.op:45} {outcome.outcome:15} {outcome.reason}", flush=True)

    def run(self, names):
        command = [sys.executable, __file__, "--worker", "--dtype", self.dtype]
        command += ["--samples", str(self.arguments.samples)] if self.arguments.samples else []
        command += ["--dynamic"] if self.arguments.dynamic else []
        if self.arguments.json and Path(self.arguments.json).exists():
            self.outcomes = {o.op: o for o in read_outcomes([self.arguments.json]).get(self.dtype, []) if o.op in names}
        waiting = [name for name in names if name not in self.outcomes]
        ask_all(command, waiting, self.arguments.jobs, self.arguments.timeout, self.handle)
        return [self.outcomes[name] for name in sorted(self.outcomes)]


def report_counts(dtype, outcomes):
    count, samples = collections.Counter(), collections.Counter()
    for outcome in outcomes:
        count[outcome.outcome] += 1
        samples[outcome.outcome] += outcome.samples
    print(f"\n| {dtype} | ops | samples |\n|---|---|---|")
    for outcome in OUTCOMES:
        print(f"| {outcome} | {count[outcome]} | {samples[outcome]} |")
    print(f"\n{count['passed']} of {len(outcomes) - count['not-exportable']} ops that torch.export takes", flush=True)


def find_surprises(dtype, samples, dynamic, outcomes):
    """The outcomes that the ledger does not foresee; none where it does not know so many samples."""
    ledger = load_ledger(dtype, samples, dynamic)
    if ledger is None:
        return []
    return [o for o in outcomes if o.outcome not in ("not-exportable", ledger.get(o.op, ("passed", ""))[0])]


def describe_limit(outcomes):
    """How many samples of each op were tried."""
    limits = sorted({outcome.limit for outcome in outcomes}, key=lambda limit: limit or math.inf)
    return " or ".join("all" if limit is None else f"up to {limit}" for limit in limits)


def write_table(path, by_dtype):
    """The page of how many ops have which outcome in each dtype, and of each op that does not pass."""
    dtypes = list(by_dtype)
    lines = ["# PyTorch's operator database", "",
             "How torchc does on the samples of each op of `torch.testing`'s operator database of torch "
             f"{torch.__version__.split('+')[0]}, by dtype, with eager PyTorch as the oracle. An op counts as its worst "
             "sample; `test/EndToEnd/opinfo.py`, which wrote this page, says what the outcomes mean.", "",
             "| outcome | " + " | ".join(dtypes) + " |", "|---" * (len(dtypes) + 1) + "|",
             "| samples of an op | " + " | ".join(describe_limit(by_dtype[dtype]) for dtype in dtypes) + " |"]
    for outcome in OUTCOMES:
        counts = [sum(o.outcome == outcome for o in by_dtype[dtype]) for dtype in dtypes]
        lines.append(f"| {outcome} | " + " | ".join(map(str, counts)) + " |")
    lines += ["", "## Ops that do not pass", "", "An empty cell: the op passes, or torch.export does not take it.", "",
              "| op | " + " | ".join(dtypes) + " |", "|---" * (len(dtypes) + 1) + "|"]
    outcomes = {dtype: {o.op: o.outcome for o in by_dtype[dtype]} for dtype in dtypes}
    for op in sorted({o.op for dtype in dtypes for o in by_dtype[dtype]}):
        cells = [outcomes[dtype].get(op, "") for dtype in dtypes]
        if any(cell not in ("", "passed", "not-exportable") for cell in cells):
            lines.append(f"| {op} | " + " | ".join("" if c in ("passed", "not-exportable") else c for c in cells) + " |")
    lines += ["", "## Operators", "", "The dtypes of samples that pass, by the operators of their graphs.", "",
              "| operator | dtypes |", "|---|---|"]
    shown = collections.defaultdict(list)
    for dtype in dtypes:
        for operator in sorted({operator for o in by_dtype[dtype] for operator in o.operators}):
            shown[operator].append(dtype)
    lines += [f"| {operator} | {' '.join(shown[operator])} |" for operator in sorted(shown)]
    Path(path).write_text("\n".join(lines) + "\n")


def read_outcomes(paths):
    """dtype -> the Outcomes in files that `--json` wrote; of an op in several, the last."""
    by_dtype = {}
    for path in paths:
        for line in Path(path).read_text().splitlines():
            fields = json.loads(line)
            dtype = fields.pop("dtype")
            by_dtype.setdefault(dtype, {})[fields["op"]] = Outcome(**fields)
    return {dtype: [by_dtype[dtype][op] for op in sorted(by_dtype[dtype])] for dtype in DTYPES if dtype in by_dtype}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ops", help="names or patterns of names, with commas between; all by default")
    parser.add_argument("--dtype", choices=[*DTYPES, "all"], default="f32")
    parser.add_argument("--samples", type=int, help="at most so many samples an op, evenly spread; all by default")
    parser.add_argument("--jobs", type=int, default=2, help="worker processes")
    parser.add_argument("--timeout", type=int, default=600, help="seconds for one op")
    parser.add_argument("--verbose", action="store_true", help="a line for every op")
    parser.add_argument("--dynamic", action="store_true", help="the first sample with dynamic dims, in other sizes")
    parser.add_argument("--json", help="add the outcomes to this file, a line each")
    parser.add_argument("--table", help="write the page of results to this file")
    parser.add_argument("--from", dest="files", nargs="+", help="take the outcomes from such files and run nothing")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.dynamic:
        arguments.samples = 1
    if arguments.worker:
        torch.set_num_threads(1)
        return serve(functools.partial(answer, arguments, load_ops()))

    if arguments.files:
        return write_table(arguments.table, read_outcomes(arguments.files))

    patterns = arguments.ops.split(",") if arguments.ops else [".*"]
    names = [name for name in load_ops() if any(re.fullmatch(pattern, name) for pattern in patterns)]
    by_dtype = {}
    for dtype in DTYPES if arguments.dtype == "all" else [arguments.dtype]:
        by_dtype[dtype] = Run(arguments, dtype).run(names)
        report_counts(dtype, by_dtype[dtype])
    if arguments.table:
        write_table(arguments.table, by_dtype)
    surprises = [(dtype, outcome) for dtype, outcomes in by_dtype.items()
                 for outcome in find_surprises(dtype, arguments.samples, arguments.dynamic, outcomes)]
    for dtype, outcome in surprises:
        print(f"the ledger says otherwise: {dtype} {outcome.op} {outcome.outcome}")
    return 1 if surprises else 0


if __name__ == "__main__":
    sys.exit(main())
