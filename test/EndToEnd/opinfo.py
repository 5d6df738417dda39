#!/usr/bin/env python3
"""Holds torchc against PyTorch's own operator database, op by op.

    opinfo.py                                  every sample of every op in f32
    opinfo.py --ops add,'linalg.*' --dtype bf16 --verbose
    opinfo.py --first-sample

Each sample of `torch.testing._internal.common_methods_invocations.op_db` is exported, compiled in
process, run, and compared with eager: values within PyTorch's tolerances and the op's own, dtypes and
shapes exactly. Where f32 results differ, eager's f64 decides. An op counts as its worst sample:

    passed           every sample that can be exported equals eager
    not-exportable   torch.export takes no sample
    unsupported      torchc refuses a sample by name
    error            torchc fails without naming an operator, or the call fails
    mismatch         another number, dtype or shape
    crash            the process died

A crash costs one op, not the run: ops run in worker processes. Exits 1 where an op does worse, or
better, than the ledger (opinfo_ledger.yaml) says.
"""
import argparse
import collections
import functools
import itertools
import json
import logging
import re
import sys
import threading
import warnings
from dataclasses import dataclass
from pathlib import Path

import torch
import yaml
from torch.utils import _pytree as pytree

from workers import ask_all, serve

warnings.filterwarnings("ignore")
logging.disable(logging.CRITICAL)

OUTCOMES = ("passed", "not-exportable", "unsupported", "error", "mismatch", "crash")
DTYPES = {
    "f32": torch.float32, "f64": torch.float64, "f16": torch.float16, "bf16": torch.bfloat16, "i64": torch.int64,
    "i32": torch.int32, "i16": torch.int16, "i8": torch.int8, "u8": torch.uint8, "bool": torch.bool,
}
# What these return is not defined: only dtype and shape are compared.
# Random ones draw from a generator of their own; their statistics are test_random.py's.
UNDEFINED = {"empty", "empty_like", "empty_permuted", "empty_strided", "new_empty", "new_empty_strided",
             "bernoulli", "cauchy", "exponential", "geometric", "log_normal", "multinomial", "normal", "rand_like",
             "randint", "randint_like", "randn", "randn_like", "uniform", "nn.functional.rrelu",
             "nn.functional.dropout", "nn.functional.dropout2d", "nn.functional.dropout3d",
             "nn.functional.alpha_dropout", "nn.functional.feature_alpha_dropout"}


@dataclass
class Outcome:
    op: str
    outcome: str
    samples: int  # Of them, exported ones.
    reason: str = ""


def get_name(op):
    return f"{op.name}.{op.variant_test_name}" if op.variant_test_name else op.name


def load_ops():
    """Name -> OpInfo."""
    from torch.testing._internal.common_methods_invocations import op_db

    return {get_name(op): op for op in op_db}


def load_ledger(dtype, first_sample):
    """Op -> (outcome, reason) of the ops that are expected to fail."""
    section = f"{dtype}-first-sample" if first_sample else dtype
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


def compare_with_double(op, call, actual, difference):
    """The judge where PyTorch's own f32 loses digits, which depends on the CPU: its f64, at the tolerance of f32."""
    try:
        judge = flatten(call(*(t.double() if t.dtype == torch.float32 else t.clone() for t in call.tensors)))
    except RuntimeError:  # The op mixes its inputs with f32 of its own.
        return difference
    return compare(op, [a.to(j.dtype) for a, j in zip(actual, judge)], judge, torch.float32)


def run_sample(op, sample, dtype):
    """(outcome, reason) of one sample."""
    import torchc

    call = Call(op.op, sample)
    tensors = call.tensors
    try:
        program = torch.export.export(call, tuple(t.clone() for t in tensors), strict=False)
    except Exception as error:  # Whatever torch.export objects to is not torchc's to judge.
        return "not-exportable", f"{type(error).__name__}: {' '.join(str(error).split())[:100]}"
    expected = flatten(call(*(t.clone() for t in tensors)))
    if not expected:
        return "not-exportable", "gives no tensor"
    try:
        compiled = torchc.compile(program)
    except torchc.UnsupportedOpError as error:
        return "unsupported", " ".join(str(error).split())[:200]
    except torchc.CompileError as error:
        return "error", " ".join(str(error).split())[:200]
    except Exception as error:  # torch.export.save refuses sparse tensors, for one.
        return "not-exportable", f"cannot be saved: {' '.join(str(error).split())[:100]}"
    try:
        results = compiled(*(t.clone() for t in tensors))
    except torchc.TorchcError as error:
        return "error", "run: " + " ".join(str(error).split())[:200]
    actual = flatten(results)
    # Written inputs come first, as PyTorch's own functional graphs have them.
    actual = actual[len(actual) - len(expected):] if len(actual) > len(expected) else actual
    difference = compare(op, actual, expected, dtype)
    same_types = [(a.dtype, a.shape) for a in actual] == [(e.dtype, e.shape) for e in expected]
    if difference and same_types and dtype == torch.float32:
        difference = compare_with_double(op, call, actual, difference)
    return ("mismatch", difference) if difference else ("passed", "")


def run_op(op, dtype, first_sample=False):
    """The Outcome of an op: that of its worst sample."""
    if not op.supports_dtype(dtype, "cpu"):
        return Outcome(get_name(op), "not-exportable", 0, f"has no {dtype}")
    torch.manual_seed(0)
    worst, exported = ("not-exportable", "no samples"), 0
    samples = op.sample_inputs("cpu", dtype, requires_grad=False)
    for number, sample in enumerate(itertools.islice(samples, 1) if first_sample else samples):
        with torch.no_grad():
            outcome, reason = run_sample(op, sample, dtype)
        if outcome == "not-exportable":
            worst = (outcome, reason) if exported == 0 else worst
            continue
        if exported == 0 or OUTCOMES.index(outcome) > OUTCOMES.index(worst[0]):
            worst = (outcome, f"sample {number}: {reason}" if reason else "")
        exported += 1
    return Outcome(get_name(op), worst[0], exported, worst[1])


# ------------------------------------------------------------------------------------------------
# The run over many ops
# ------------------------------------------------------------------------------------------------


def answer(arguments, ops, name):
    """The outcome of an op, as a worker gives it."""
    try:
        outcome = run_op(ops[name], DTYPES[arguments.dtype], arguments.first_sample)
    except Exception as error:  # Of the database: some samples cannot be made.
        outcome = Outcome(name, "not-exportable", 0, f"{type(error).__name__}: {str(error)[:100]}")
    return vars(outcome)


class Run:
    """Many ops, and what became of them."""

    def __init__(self, arguments):
        self.arguments, self.lock, self.outcomes = arguments, threading.Lock(), {}

    def handle(self, worker, name):
        found, reason = worker.ask(name)
        with self.lock:
            self.report(Outcome(**found) if found else Outcome(name, "crash", 0, reason))

    def report(self, outcome):
        self.outcomes[outcome.op] = outcome
        if self.arguments.verbose or outcome.outcome in ("crash", "mismatch", "error"):
            print(f"{outcome.op:45} {outcome.outcome:15} {outcome.reason}", flush=True)

    def run(self, names):
        command = [sys.executable, __file__, "--worker", "--dtype", self.arguments.dtype]
        command += ["--first-sample"] if self.arguments.first_sample else []
        ask_all(command, names, self.arguments.jobs, self.arguments.timeout, self.handle)
        return [self.outcomes[name] for name in sorted(self.outcomes)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ops", help="names or patterns of names, with commas between; all by default")
    parser.add_argument("--dtype", choices=DTYPES, default="f32")
    parser.add_argument("--first-sample", action="store_true", help="one sample an op")
    parser.add_argument("--jobs", type=int, default=2, help="worker processes")
    parser.add_argument("--timeout", type=int, default=600, help="seconds for one op")
    parser.add_argument("--verbose", action="store_true", help="a line for every op")
    parser.add_argument("--json", help="write the outcomes to this file")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        torch.set_num_threads(1)
        return serve(functools.partial(answer, arguments, load_ops()))

    patterns = arguments.ops.split(",") if arguments.ops else [".*"]
    names = [name for name in load_ops() if any(re.fullmatch(pattern, name) for pattern in patterns)]
    outcomes = Run(arguments).run(names)
    if arguments.json:
        Path(arguments.json).write_text("".join(json.dumps(vars(outcome)) + "\n" for outcome in outcomes))

    ledger = load_ledger(arguments.dtype, arguments.first_sample)
    count = collections.Counter(outcome.outcome for outcome in outcomes)
    samples = collections.Counter()
    for outcome in outcomes:
        samples[outcome.outcome] += outcome.samples
    print(f"\n| {arguments.dtype} | ops | samples |\n|---|---|---|")
    for outcome in OUTCOMES:
        print(f"| {outcome} | {count[outcome]} | {samples[outcome]} |")
    exportable = len(outcomes) - count["not-exportable"]
    print(f"\n{count['passed']} of {exportable} ops that torch.export takes")
    surprises = [o for o in outcomes if o.outcome not in ("not-exportable", ledger.get(o.op, ("passed", ""))[0])]
    for outcome in surprises:
        print(f"the ledger says otherwise: {outcome.op} {outcome.outcome}")
    return 1 if surprises else 0


if __name__ == "__main__":
    sys.exit(main())
