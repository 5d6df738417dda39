"""Random graphs as Python text: a list of statements over named tensors.

A graph is built by running it: a statement that PyTorch refuses, or whose numbers grow out of hand,
is not taken. So the operators (`graph_operators.py`) need not know every rule of PyTorch.
"""
import dataclasses
import math
import random
import re
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F  # noqa: F401: statements use it

NAME = re.compile(r"\b([xwv]\d+)\b")
DTYPES = {str(dtype).removeprefix("torch."): dtype for dtype in (
    torch.float32, torch.float64, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16, torch.int8,
    torch.uint8, torch.bool)}

# The text that makes an input or a weight, also for reproducers.
MAKE = '''
def make(dtype, shape, seed, low=-4, high=4, kind="normal"):
    g = torch.Generator().manual_seed(seed)
    if dtype == torch.bool:
        return torch.randint(0, 2, shape, generator=g).bool()
    if not dtype.is_floating_point:
        return torch.randint(low, high + 1, shape, generator=g).to(dtype)
    if kind == "normal":
        return torch.randn(shape, generator=g).to(dtype)
    values = torch.randint(-8, 9, shape, generator=g) / 4  # Many are equal, and their sums are exact.
    if kind == "special":
        table = torch.tensor([math.nan, math.inf, -math.inf, -0.0, 0.0, 1e-40])
        special = table[torch.randint(0, 6, shape, generator=g)]
        values = torch.where(torch.rand(shape, generator=g) < 0.2, special, values)
    return values.to(dtype)
'''
exec(MAKE)  # Reproducers hold the same text.


@dataclass
class Tensor:
    """An input (x0) or a weight (w0): `shape` holds extents and names of dynamic ones ("d0")."""

    name: str
    dtype: str
    shape: list
    seed: int
    low: int = -4
    high: int = 4
    kind: str = "normal"

    def make(self, sizes):
        shape = [sizes[extent] if isinstance(extent, str) else extent for extent in self.shape]
        return make(DTYPES[self.dtype], shape, self.seed, self.low, self.high, self.kind)  # noqa: F821

    def describe(self):
        shape = ", ".join(f'SIZES["{e}"]' if isinstance(e, str) else str(e) for e in self.shape)
        return f'make(torch.{self.dtype}, [{shape}], {self.seed}, {self.low}, {self.high}, "{self.kind}")'


@dataclass
class Statement:
    target: str  # Empty where it writes in place.
    text: str

    def uses(self):
        return set(NAME.findall(self.text))

    def __str__(self):
        return f"{self.target} = {self.text}" if self.target else self.text


@dataclass
class Graph:
    tensors: list = field(default_factory=list)
    statements: list = field(default_factory=list)
    outputs: list = field(default_factory=list)
    sizes: dict = field(default_factory=dict)  # Of the dynamic dims: what it is exported with.

    @staticmethod
    def from_json(data):
        return Graph([Tensor(**t) for t in data["tensors"]], [Statement(**s) for s in data["statements"]],
                     data["outputs"], data["sizes"])

    def to_json(self):
        return dataclasses.asdict(self)

    @property
    def inputs(self):
        return [tensor for tensor in self.tensors if tensor.name[0] == "x"]

    @property
    def weights(self):
        return [tensor for tensor in self.tensors if tensor.name[0] == "w"]

    def make_inputs(self, sizes):
        return tuple(tensor.make(sizes) for tensor in self.inputs)

    def source(self):
        """The text of the module."""
        def spell(text):
            return re.sub(r"\b(w\d+)\b", r"self.\1", text)

        lines = ["class Model(torch.nn.Module):"]
        if self.weights:
            lines += ["    def __init__(self):", "        super().__init__()"]
            lines += [f'        self.register_buffer("{w.name}", {w.describe()})' for w in self.weights]
            lines += [""]
        lines += [f"    def forward(self, {', '.join(x.name for x in self.inputs)}):"]
        lines += ["        " + spell(str(statement)) for statement in self.statements]
        lines += [f"        return {', '.join(map(spell, self.outputs))}{',' if len(self.outputs) == 1 else ''}"]
        return "\n".join(lines) + "\n"

    def make_module(self, source=None):
        scope = {"torch": torch, "F": F, "math": math, "make": make, "SIZES": self.sizes}  # noqa: F821
        exec(source or self.source(), scope)
        return scope["Model"]().eval()

    def reproducer(self, note):
        """A Python file that shows the failure again."""
        inputs = "".join(f"    {x.describe()},\n" for x in self.inputs)
        dynamic = [{i: e for i, e in enumerate(x.shape) if isinstance(e, str)} for x in self.inputs]
        shapes = [f"{{{', '.join(f'{i}: Dim.AUTO' for i in dims)}}}" if dims else "None" for dims in dynamic]
        return (f"# {note}\nimport math\n\nimport torch\nimport torch.nn.functional as F\nfrom torch.export import Dim\n\n"
                f"import torchc\n\nSIZES = {self.sizes}\n\n{MAKE}\n\n{self.source()}\n\nmodel = Model().eval()\n"
                f"inputs = (\n{inputs})\nprogram = torch.export.export(model, tuple(x.clone() for x in inputs), "
                f"dynamic_shapes=({', '.join(shapes)},))\nprint(model(*(x.clone() for x in inputs)))\n"
                f"for level in (0, 3):\n"
                f"    print(torchc.compile(program, opt_level=level)(*(x.clone() for x in inputs)))\n")


class NoFit(Exception):
    """No value of the graph suits the operator."""


class Builder:
    """A graph under construction, and what its values are."""

    MAX_ELEMENTS = 20_000

    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.graph = Graph()
        self.scope = {"torch": torch, "F": F, "math": math}
        self.values = {}
        self.exact = set()  # Names whose numbers no order of evaluation changes.
        self.hints = {}

    # What operators ask for.

    def chance(self, probability):
        return self.rng.random() < probability

    def choose(self, *options):
        return self.rng.choice(options)

    def find(self, accepts=lambda tensor: True, exact=False):
        """The name of a value, rather a late one."""
        names = [name for name, value in self.values.items()
                 if accepts(value) and (not exact or name in self.exact or not value.is_floating_point())]
        if not names:
            raise NoFit
        return names[max(self.rng.randrange(len(names)), self.rng.randrange(len(names)))]

    def find_float(self, min_rank=0, max_rank=9, exact=False):
        return self.find(lambda t: t.is_floating_point() and min_rank <= t.dim() <= max_rank, exact)

    def find_int(self):
        return self.find(lambda t: not t.is_floating_point() and t.dtype != torch.bool)

    def find_any(self, min_rank=0, exact=False):
        return self.find(lambda t: t.dim() >= min_rank, exact)

    def find_bool(self):
        return self.find(lambda t: t.dtype == torch.bool)

    def find_partner(self, name, accepts=lambda tensor: True, exact=False):
        """A value that broadcasts with `name`, or a new weight."""
        shape = self.values[name].shape

        def fits(tensor):
            return accepts(tensor) and all(a == b or a == 1 or b == 1
                                           for a, b in zip(reversed(shape), reversed(tensor.shape)))
        if self.chance(0.85):
            return self.find(fits, exact)
        extents = [1 if self.chance(0.3) or extent in self.hints else extent for extent in shape]
        weight = self.add_weight(extents[self.rng.randrange(len(extents) + 1):], self.choose("float32", "float32", "int64"))
        if not accepts(self.values[weight]):
            raise NoFit
        return weight

    def shape(self, name):
        return list(self.values[name].shape)

    def size(self, name, dim):
        """The text of an extent: a number, or how to ask for it where the dim is dynamic."""
        extent = self.shape(name)[dim]
        return f"{name}.shape[{dim}]" if extent in self.hints or self.chance(0.1) else str(extent)

    def dim(self, name):
        rank = max(1, self.values[name].dim())
        return self.rng.randrange(-rank, rank)

    def number(self, dtype=torch.float32):
        if dtype.is_floating_point:
            return self.choose("0.5", "2.0", "-1.5", "3", "-0.25", "1.75", "0.1", "-2")
        return self.choose("2", "-3", "1", "5", "0", "7")

    def add_weight(self, shape, dtype="float32", **options):
        return self.add_tensor("w", shape, dtype, **options)

    def add_tensor(self, letter, shape, dtype, **options):
        name = f"{letter}{sum(t.name[0] == letter for t in self.graph.tensors)}"
        kind = "grid" if self.chance(0.3) else "normal"
        tensor = Tensor(name, dtype, list(shape), self.rng.randrange(1 << 16), **{"kind": kind, **options})
        self.graph.tensors.append(tensor)
        self.values[name] = self.scope[name] = tensor.make(self.graph.sizes)
        self.exact.add(name)
        return name

    # Statements.

    def try_add(self, text, exact=False):
        """Adds `v = text`. Returns whether it did."""
        used = set(NAME.findall(text))
        name = f"v{sum(bool(s.target) for s in self.graph.statements)}"
        try:
            result = eval(text, self.scope)
        except Exception:  # Whatever PyTorch objects to.
            return False
        if not isinstance(result, torch.Tensor) or not self.is_tame(result):
            return False
        self.graph.statements.append(Statement(name, text))
        self.values[name] = self.scope[name] = result
        if exact and used <= self.exact or not result.is_floating_point():
            self.exact.add(name)
        return True

    def try_write(self, text, exact=False):
        """Adds a statement that writes in place."""
        used = set(NAME.findall(text))
        target = NAME.search(text)[0]
        if torch._debug_has_internal_overlap(self.values[target]) != 0:
            return False  # What lies under several of its elements is not defined then.
        if not self.values[target].is_floating_point() and not used <= self.exact:
            return False  # The last bit of a number decides what an integer becomes.
        try:
            exec(text, self.scope)
        except Exception:
            self.replay()  # It may have written before it failed.
            return False
        if not all(self.is_tame(value) for value in self.values.values()):
            self.replay()
            return False
        self.graph.statements.append(Statement("", text))
        if not (exact and used <= self.exact):
            storage = self.values[target].untyped_storage().data_ptr()
            self.exact -= {n for n, v in self.values.items() if v.untyped_storage().data_ptr() == storage}
        return True

    def replay(self):
        for tensor in self.graph.tensors:
            self.values[tensor.name] = self.scope[tensor.name] = tensor.make(self.graph.sizes)
        for statement in self.graph.statements:
            if statement.target:
                self.values[statement.target] = self.scope[statement.target] = eval(statement.text, self.scope)
            else:
                exec(statement.text, self.scope)

    def is_tame(self, value):
        if value.numel() > self.MAX_ELEMENTS or value.dim() > 6 or value.dtype not in DTYPES.values():
            return False
        if not value.is_floating_point() or value.numel() == 0:
            return True
        finite = value[value.isfinite()]
        return finite.numel() == 0 or finite.abs().max().item() < 1e4
