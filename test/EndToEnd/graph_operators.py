"""The statements of random graphs: each function gives the text of one, over values of a `Builder`.

`exact` marks those whose results are the same bits in every order of evaluation: only on such
values does a graph compare, round and sort, where the last bit of a number decides.
"""
import torch

from graph_builder import NoFit

OPERATORS = []  # (weight, function)


def operator(weight=1.0):
    def register(function):
        OPERATORS.append((weight, function))
        return function

    return register


@operator(4)
def unary(b):
    a = b.find_float()
    return b.choose(
        f"torch.relu({a})", f"torch.tanh({a})", f"torch.sigmoid({a})", f"torch.exp({a}.clamp(max=4))", f"{a}.abs()",
        f"-{a}", f"torch.sin({a})", f"torch.cos({a})", f"torch.sqrt({a}.abs() + 0.1)", f"torch.log({a}.abs() + 0.5)",
        f"torch.erf({a})", f"F.gelu({a})", f"F.gelu({a}, approximate='tanh')", f"F.silu({a})", f"F.hardtanh({a})",
        f"F.leaky_relu({a}, 0.1)", f"F.elu({a})", f"F.softplus({a})", f"torch.square({a})", f"F.mish({a})",
        f"torch.reciprocal({a}.abs() + 0.5)", f"torch.rsqrt({a}.abs() + 0.5)", f"torch.expm1({a}.clamp(max=3))",
        f"torch.log1p({a}.abs())", f"torch.atan({a})", f"F.hardswish({a})", f"F.hardsigmoid({a})", f"F.selu({a})",
        f"F.logsigmoid({a})", f"F.softsign({a})", f"F.tanhshrink({a})", f"torch.sinh({a}.clamp(-3, 3))",
        f"torch.asinh({a})", f"torch.erfc({a})", f"torch.exp2({a}.clamp(max=4))", f"F.celu({a}, 0.7)",
        f"torch.log2({a}.abs() + 0.5)", f"torch.nan_to_num({a}, nan=1.0, posinf=2.0, neginf=-3.0)",
        f"{a} ** 2", f"{a} ** 3", f"({a}.abs() + 0.5) ** 0.5", f"({a}.abs() + 0.5) ** -1.5"), False


@operator(2)
def unary_exact(b):
    a = b.find_any(exact=True)
    return b.choose(
        f"torch.relu({a})", f"{a}.abs()", f"-{a}", f"torch.floor({a})", f"torch.ceil({a})", f"torch.round({a})",
        f"torch.trunc({a})", f"torch.sign({a})", f"torch.isnan({a})", f"torch.isinf({a})", f"torch.isfinite({a})",
        f"torch.logical_not({a})", f"torch.bitwise_not({a})", f"F.relu6({a})", f"F.threshold({a}, 0.5, 2.0)",
        f"torch.signbit({a})", f"torch.frac({a})", f"F.hardshrink({a})", f"{a} ** 2", f"torch.sgn({a})",
        f"torch.square({a})", f"torch.positive({a})"), True


@operator(6)
def binary(b):
    a = b.find_any()
    c = b.find_partner(a) if b.chance(0.75) else b.number(b.values[a].dtype)
    if b.chance(0.3):
        a, c = c, a
    return b.choose(
        f"{a} + {c}", f"{a} - {c}", f"{a} * {c}", f"{a} / ({c} * {c} + 1)", f"torch.add({a}, {c}, alpha=2)",
        f"torch.sub({a}, {c}, alpha=3)", f"torch.rsub({a}, {c})", f"torch.mul({a}, {c})", f"torch.atan2({a}, {c})",
        f"torch.hypot({a}, {c})", f"torch.true_divide({a}, {c} * {c} + 1)", f"torch.logaddexp({a}, {c})"), False


@operator(4)
def binary_exact(b):
    a = b.find_any(exact=True)
    c = b.find_partner(a, exact=True) if b.chance(0.75) else b.number(b.values[a].dtype)
    return b.choose(
        f"{a} < {c}", f"{a} <= {c}", f"{a} > {c}", f"{a} >= {c}", f"{a} == {c}", f"{a} != {c}", f"torch.maximum({a}, {c})",
        f"torch.minimum({a}, {c})", f"torch.fmax({a}, {c})", f"torch.fmin({a}, {c})", f"torch.logical_and({a}, {c})",
        f"torch.logical_or({a}, {c})", f"torch.logical_xor({a}, {c})", f"{a} & {c}", f"{a} | {c}", f"{a} ^ {c}",
        f"torch.copysign({a}, {c})", f"torch.heaviside({a}, {c})", f"torch.isclose({a}, {c})"), True


@operator(1.5)
def division(b):
    """Signs of remainders and quotients."""
    a = b.find_any(exact=True)
    if b.chance(0.4):
        c = b.choose("3", "-3", "2", "-5", "7") if not b.values[a].is_floating_point() else b.choose("0.5", "-0.75", "2")
    else:
        c = b.find_partner(a, exact=True)
        if b.values[c].dtype == torch.bool:
            raise NoFit
        if not b.values[c].is_floating_point():
            c = f"({c} * 2 + 1)" if b.values[c].dtype not in (torch.uint8, torch.int8) else f"{c}.clamp(min=1)"
    return b.choose(
        f"torch.remainder({a}, {c})", f"torch.fmod({a}, {c})", f"torch.floor_divide({a}, {c})", f"{a} % {c}", f"{a} // {c}",
        f"torch.div({a}, {c}, rounding_mode='trunc')", f"torch.div({a}, {c}, rounding_mode='floor')"), True


@operator(1)
def integer_arithmetic(b):
    a = b.find_int()
    c = b.find_partner(a, lambda t: not t.is_floating_point()) if b.chance(0.5) else b.number(torch.int64)
    return b.choose(f"{a} + {c}", f"{a} * {c}", f"{a} - {c}", f"{a} & {c}", f"{a} | {c}", f"{a} ^ {c}", f"{a} << 1", f"{a} >> 1",
                    f"torch.gcd({a}, {c})", f"{a} ** 2", f"~{a}"), True


@operator(2)
def choice(b):
    mask = b.find_bool()
    a = b.find_partner(mask)
    c = b.find_partner(a) if b.chance(0.6) else b.number(b.values[a].dtype)
    return b.choose(f"torch.where({mask}, {a}, {c})", f"torch.where({mask}, {c}, {a})", f"{a}.masked_fill({mask}, 1)",
                    f"{a} * {mask}"), True


@operator(1)
def ternary(b):
    a = b.find_float()
    c, d = b.find_partner(a), b.find_partner(a)
    return b.choose(f"torch.lerp({a}, {c}, 0.3)", f"torch.addcmul({a}, {c}, {d}, value=0.5)",
                    f"torch.addcdiv({a}, {c}, {d} * {d} + 1)", f"torch.clamp({a}, -1.0, 1.5)", f"{a}.clamp(min=-0.5)",
                    f"torch.clamp({a}, {c}, {d})"), False


def integral(a, dtype):
    """Floats as numbers that an integer dtype has: of others PyTorch leaves undefined what they become."""
    if dtype == torch.uint8:
        a += ".abs()"
    return f"torch.nan_to_num({a}, 0.0, 2.0, 3.0).clamp(-100, 100)"


@operator(1.5)
def cast(b):
    kind = b.choose("float64", "float32", "int64", "int32", "int16", "int8", "uint8", "bool", "float16", "bfloat16")
    if kind in ("float16", "bfloat16") and b.chance(0.7):
        raise NoFit
    if kind in ("float64", "float32"):
        return f"{b.find_any()}.to(torch.{kind})", True
    a = b.find_any(exact=True)
    if b.values[a].is_floating_point():
        a = integral(a, getattr(torch, kind))
    return b.choose(f"{a}.to(torch.{kind})", f"{a}.to(dtype=torch.{kind})"), True


# ------------------------------------------------------------------------------------------------
# Shapes
# ------------------------------------------------------------------------------------------------


def slice_text(b, name):
    """Something to write in brackets behind a value."""
    parts = []
    rank = b.values[name].dim()
    if rank == 0:
        return "..."
    for dim in range(b.rng.randint(1, rank)):
        extent = b.shape(name)[dim]
        parts.append(b.choose(
            ":", ":", "1:", ":-1", "::2", "1::2", ":2", "-2:", ":100", "-100:2", "2:1", str(b.rng.randrange(max(1, extent))),
            "-1", "None", f"{b.rng.randrange(extent + 1)}:{b.rng.randrange(extent + 1)}", "::3"))
    if b.chance(0.15):
        parts = ["..."] + parts
    return ", ".join(parts)


@operator(7)
def view(b):
    a = b.find_any(1)
    d, e = b.dim(a), b.dim(a)
    order = list(range(b.values[a].dim()))
    b.rng.shuffle(order)
    rank, extent = len(order), b.shape(a)[d]
    return b.choose(
        f"{a}.transpose({d}, {e})", f"{a}.permute({', '.join(map(str, order))})", f"{a}.unsqueeze({b.dim(a)})",
        f"{a}.squeeze()", f"{a}.squeeze({d})", f"{a}.select({d}, {b.rng.randrange(-max(1, extent), max(1, extent))})",
        f"{a}[{slice_text(b, a)}]", f"{a}[{slice_text(b, a)}]", f"{a}[{slice_text(b, a)}]", f"{a}.narrow({d}, 1, 2)",
        f"{a}.reshape(-1)", f"{a}.flatten({min(d % rank, e % rank)}, {max(d % rank, e % rank)})", f"{a}.t()", f"{a}.mT",
        f"{a}.view(-1, {b.size(a, rank - 1)})", f"{a}.reshape({b.size(a, 0)}, -1)", f"{a}.unflatten({d}, (-1, 2))",
        f"{a}.unflatten({d}, (3, -1))", f"{a}.unsqueeze(0).expand(3{', -1' * rank})", f"{a}.movedim({d}, {e})",
        f"{a}.chunk(2, {d})[0]", f"{a}.chunk(2, {d})[-1]", f"{a}.split(2, {d})[0]", f"{a}.unbind({d})[-1]",
        f"{a}.diagonal()", f"{a}.diagonal(1, {d}, {e})", f"{a}.unfold({d}, 2, 1)", f"{a}.unfold({d}, 3, 2)",
        f"torch.broadcast_to({a}, (2, {', '.join(b.size(a, i) for i in range(rank))}))", f"torch.atleast_3d({a})",
        f"{a}.tensor_split(3, {d})[1]", f"{a}.view({a}.shape)", f"{a}.expand_as({b.find_partner(a)})"), True


@operator(3)
def copy_shape(b):
    a = b.find_any(1)
    d, rank = b.dim(a), b.values[a].dim()
    return b.choose(
        f"{a}.clone()", f"{a}.contiguous()", f"{a}.flip({d})", f"{a}.flip(0, -1)", f"{a}.roll(1, {d})", f"{a}.roll(-2)",
        f"{a}.repeat({', '.join(b.choose('1', '2') for _ in range(rank))})", f"{a}.tile(2)", f"torch.rot90({a})",
        f"{a}.repeat_interleave(2, {d})", f"torch.tril({a})", f"torch.triu({a}, 1)", f"{a}.diff(dim={d})",
        f"torch.diag_embed({a})", f"F.pad({a}, (1, 0))", f"F.pad({a}, (0, 2), value=1.5)", f"F.pad({a}, (-1, 1))",
        f"F.pad({a}, (1, 2), mode='{b.choose('reflect', 'replicate', 'circular')}')",
        f"F.pad({a}, (1, 1, 0, 1), mode='{b.choose('reflect', 'replicate', 'circular', 'constant')}')"), True


@operator(3)
def join(b):
    a = b.find_any(1)
    dim = b.rng.randrange(b.values[a].dim())

    def fits(t):
        return t.dim() == b.values[a].dim() and all(
            i == dim or x == y for i, (x, y) in enumerate(zip(t.shape, b.values[a].shape)))
    parts = [a] + [b.find(fits) for _ in range(b.rng.randint(1, 2))]
    b.rng.shuffle(parts)
    parts = ", ".join(parts)
    return b.choose(f"torch.cat([{parts}], {dim})", f"torch.cat([{parts}], {dim})", f"torch.stack([{parts}], {dim})",
                    f"torch.hstack([{parts}])", f"torch.vstack([{parts}])", f"torch.block_diag({parts})"), True


@operator(1)
def creation(b):
    a = b.find_any(1)
    d = b.dim(a)
    return b.choose(
        f"torch.zeros_like({a})", f"torch.ones_like({a})", f"torch.full_like({a}, 3)", f"torch.arange({a}.shape[{d}])",
        f"torch.zeros({a}.shape[{d}], 3)", f"{a}.new_zeros({a}.shape)", f"torch.eye({a}.shape[{d}])",
        f"torch.full(({a}.shape[{d}],), 0.5)", f"torch.arange(0, {a}.shape[{d}], 2, dtype=torch.float32)",
        f"torch.ones({a}.shape[{d}], dtype=torch.bool)", "torch.linspace(-1, 1, 5)", f"{a}.new_full((2, 3), 2)",
        "torch.tensor(2.5)", "torch.tensor([1, 2, 3])"), True


# ------------------------------------------------------------------------------------------------
# Reductions, products, networks
# ------------------------------------------------------------------------------------------------


@operator(5)
def reduction(b):
    a = b.find_any()
    d = b.dim(a)
    dims = b.choose("", f"{d}", f"{d}, keepdim=True", "(0, -1)", f"({d},), keepdim=True")
    numbers = f"{a}.float()" if not b.values[a].is_floating_point() else a
    return b.choose(
        f"{a}.sum({dims})", f"{a}.sum({dims})", f"{numbers}.mean({dims})", f"{numbers}.var({dims})", f"{numbers}.std({d})",
        f"{numbers}.var({d}, unbiased=False)", f"torch.logsumexp({numbers}, {d})", f"{numbers}.norm()", f"{numbers}.norm(dim={d})",
        f"torch.linalg.vector_norm({numbers}, 1, {d})", f"{a}.cumsum({d})", f"{numbers}.clamp(-2, 2).cumprod({d})",
        f"{a}.sum({d}, dtype=torch.float64)", f"{numbers}.clamp(-1.5, 1.5).prod({d})", f"torch.nansum({numbers})",
        f"torch.logcumsumexp({numbers}, {d})", f"torch.std_mean({numbers}, {d})[0]", f"torch.nanmean({numbers}, {d})",
        f"torch.dist({numbers}, {numbers} * 0.5)"), False


@operator(4)
def reduction_exact(b):
    a = b.find_any(exact=True)
    d = b.dim(a)
    keep = b.choose("", ", keepdim=True")
    # Along an expanded dimension PyTorch takes the median of memory that nothing has written.
    dense = f"{a}.contiguous()" if 0 in b.values[a].stride() else a
    return b.choose(
        f"{a}.amax({d}{keep})", f"{a}.amin({d}{keep})", f"{a}.max({d}{keep}).values", f"{a}.min({d}{keep}).indices",
        f"{a}.argmax({d}{keep})", f"{a}.argmin()", f"{a}.argmax()", f"{a}.any({d}{keep})", f"{a}.all({d}{keep})", f"{a}.any()",
        f"{a}.max()", f"{a}.min()", f"torch.count_nonzero({a}, {d})", f"{a}.sort({d}).values",
        f"torch.sort({a}, dim={d}, stable=True, descending=True).indices", f"{a}.topk(2, {d}).values",
        f"{a}.topk(1, {d}, largest=False).values", f"torch.cummax({a}, {d}).values", f"torch.cummin({a}, {d}).indices",
        f"{dense}.median({d}).values", f"{a}.median()", f"{a}.kthvalue(1, {d}).values", f"{a}.aminmax().max", f"{a}.argsort({d}, stable=True)",
        f"torch.amax({a}, (0, -1))", f"{a}.float().quantile(0.5)"), True


@operator(4)
def product(b):
    a = b.find_float(1)
    shape, dtype = b.shape(a), str(b.values[a].dtype).removeprefix("torch.")
    other = None
    if b.chance(0.4):
        try:
            other = b.find(lambda t: t.is_floating_point() and t.dim() >= 1 and t.dtype == b.values[a].dtype
                           and t.shape[-1 if t.dim() == 1 else -2] == shape[-1])
        except NoFit:
            pass
    n = b.choose(1, 2, 3, 8, 16, 17)
    if other is None:
        if shape[-1] in b.hints:
            return b.choose(f"torch.matmul({a}.mT, {a})", f"torch.matmul({a}, {a}.mT)", f"torch.dot({a}, {a})"), False
        other = b.add_weight([shape[-1], n], dtype)
    choices = [f"torch.matmul({a}, {other})", f"{a} @ {other}", f"torch.mm({a}, {other})", f"torch.bmm({a}, {other})",
               f"torch.matmul({a}.mT, {a})", f"torch.einsum('...i,ij->...j', {a}, {other})", f"F.linear({a}, {other}.mT)",
               f"torch.mv({a}, {other}.flatten()[:{shape[-1]}])", f"torch.addmm({other}[:1], {a}, {other}, beta=0.5)"]
    if b.chance(0.4) and shape[-1] not in b.hints:
        weight, bias = b.add_weight([n, shape[-1]], dtype), b.add_weight([n], dtype)
        choices = [f"F.linear({a}, {weight}, {bias})", f"F.linear({a}, {weight})", f"F.relu(F.linear({a}, {weight}, {bias}))"]
    return b.choose(*choices), False


@operator(1.5)
def convolution(b):
    a = b.find(lambda t: t.dtype == torch.float32 and t.dim() in (3, 4) and t.numel() > 0)
    shape = b.shape(a)
    rank, channels = len(shape) - 2, shape[1]
    if channels in b.hints:
        raise NoFit
    groups = b.choose(1, 1, channels)
    kernel = [b.rng.randint(1, min(3, extent)) for extent in shape[2:]]
    out = groups * b.choose(1, 2, 4) if groups > 1 else b.choose(1, 3, 8, 16)
    bias = b.choose("None", b.add_weight([out]))
    options = f"stride={b.choose(1, 1, 2)}, padding={b.choose(0, 1)}, dilation={b.choose(1, 1, 2)}, groups={groups}"
    if b.chance(0.2):
        weight = b.add_weight([channels, out // groups, *kernel])
        return f"F.conv_transpose{rank}d({a}, {weight}, {bias}, {options})", False
    weight = b.add_weight([out, channels // groups, *kernel])
    return f"F.conv{rank}d({a}, {weight}, {bias}, {options})", False


@operator(1)
def pooling(b):
    a = b.find(lambda t: t.dtype == torch.float32 and t.dim() in (3, 4) and t.numel() > 0)
    n = b.values[a].dim() - 2
    options = b.choose("2", "2, 1", "3, 2, 1", "3, 1, 1", "2, 2")
    return b.choose(
        f"F.max_pool{n}d({a}, {options})", f"F.avg_pool{n}d({a}, {options})", f"F.adaptive_avg_pool{n}d({a}, 1)",
        f"F.adaptive_avg_pool{n}d({a}, 2)", f"F.avg_pool{n}d({a}, 2, count_include_pad=False)",
        f"F.max_pool{n}d({a}, 2, ceil_mode=True)", f"F.interpolate({a}, scale_factor=2.0)",
        f"F.interpolate({a}, scale_factor=2.0, mode='{'bilinear' if n == 2 else 'linear'}')",
        f"F.adaptive_max_pool{n}d({a}, 1)", f"F.pixel_shuffle({a}, 2)", f"F.lp_pool{n}d({a}, 2, 2)"), False


@operator(3)
def normalization(b):
    a = b.find_float(1)
    shape, d = b.shape(a), b.dim(a)
    choices = [f"torch.softmax({a}, {d})", f"F.log_softmax({a}, {d})", f"F.softmin({a}, {d})", f"F.normalize({a}, dim={d})",
               f"torch.softmax({a}, {d}, dtype=torch.float64)"]
    if b.values[a].dtype == torch.float32:
        if shape[-1] not in b.hints and shape[-1] > 1:
            weight, bias = b.add_weight(shape[-1:]), b.add_weight(shape[-1:])
            choices += [f"F.layer_norm({a}, ({shape[-1]},), {weight}, {bias})", f"F.layer_norm({a}, ({shape[-1]},))",
                        f"F.rms_norm({a}, ({shape[-1]},), {weight}, 1e-5)"]
        if len(shape) >= 3 and shape[1] not in b.hints:
            ones = f"torch.ones({shape[1]})"
            weight, bias = b.add_weight(shape[1:2]), b.add_weight(shape[1:2])
            choices += [f"F.batch_norm({a}, {bias}, {weight}.abs() + 0.5, {weight}, {bias})", f"F.group_norm({a}, {shape[1]})",
                        f"F.group_norm({a}, 1, {weight}, {bias})", f"F.instance_norm({a})", f"F.batch_norm({a}, {bias}, {ones})"]
        if len(shape) >= 3:
            # Eager's fused attention gives zeros or NaN for a row of NaN, as the kernel is that it takes.
            x = f"{a}.nan_to_num(0.5, 8, -8)"
            choices += [f"F.scaled_dot_product_attention({x}, {x}, {x})",
                        f"F.scaled_dot_product_attention({x}, {x}, {x}, is_causal=True)"]
    return b.choose(*choices), False


@operator(3)
def indexing(b):
    a = b.find_any(1)
    rank = b.values[a].dim()
    d = b.rng.randrange(rank)
    extent = b.shape(a)[d]
    if extent == 0 or extent in b.hints:
        raise NoFit
    low = b.choose(0, 0, -extent)
    index = b.add_weight([b.choose(1, 2, 5)], "int64", low=0, high=extent - 1)
    signed = b.add_weight(b.choose([3], [2, 2], []), "int64", low=low, high=extent - 1)
    colons = ":, " * d
    full = b.add_weight([b.choose(1, 2) if i == d or e in b.hints else e for i, e in enumerate(b.shape(a))], "int64",
                        low=0, high=extent - 1)
    return b.choose(
        f"{a}[{colons}{signed}]", f"{a}[{colons}{signed}]", f"torch.index_select({a}, {d}, {index})", f"{a}.gather({d}, {full})",
        f"torch.take_along_dim({a}, {full}, {d})", f"F.embedding({index}, {a})", f"{a}.scatter({d}, {full}, 1)",
        f"{a}.scatter_add({d}, {full}, {a}[{', '.join(f':{e}' for e in b.shape(full))}])",
        f"{a}.index_add({d}, {index}, {a}.index_select({d}, {index}))", f"{a}.index_fill({d}, {index}, 2)",
        f"torch.take({a}, {index})", f"F.one_hot({index}, {extent})", f"{a}.index_copy({d}, {index}[:1], {a}.select({d}, 0).unsqueeze({d}))",
        f"{a}.index_put(({index},), {a}.select(0, 0), accumulate=True)",
        f"{a}.select_scatter({a}.select({d}, 0), {d}, {extent - 1})", f"{a}.slice_scatter({a}.narrow({d}, 0, 1), {d}, 0, 1)",
        f"{a}.scatter_reduce({d}, {full}, {a}[{', '.join(f':{e}' for e in b.shape(full))}], '{b.choose('amax', 'amin', 'mean')}')",
        f"{a}.masked_fill({b.find_bool()}, 0)"), False


# ------------------------------------------------------------------------------------------------
# Writes
# ------------------------------------------------------------------------------------------------


def write(b):
    """The text of a statement that writes in place."""
    a = b.find_any(0 if b.chance(0.1) else 1)
    place = a
    for _ in range(b.choose(0, 1, 1, 2)):
        if b.values[a].dim() == 0:
            break
        place += b.choose(f"[{slice_text(b, a)}]", f"[{slice_text(b, a)}]", ".transpose(0, -1)", ".t()", ".view(-1)", ".unsqueeze(0)",
                          ".diagonal()", ".select(-1, 0)", ".flatten()" if b.chance(0.3) else ".mT")
    numbers = b.values[a].is_floating_point()
    try:
        other = b.find_partner(a) if b.chance(0.7) else b.find_any()
    except NoFit:
        other = b.number(b.values[a].dtype)
    if not numbers and other in b.values and b.values[other].is_floating_point():
        other = integral(other, b.values[a].dtype)
    number = b.number(b.values[a].dtype)
    exact = [f"{place}.copy_({other})", f"{place}.fill_({number})", f"{place}.zero_()", f"{place}.clamp_(-1, 1)", f"{place}.neg_()",
             f"{place}[...] = {other}", f"{place}[:1] = {number}", f"{place}.masked_fill_({a} > 0, {number})", f"{place}.abs_()",
             f"{a}[{slice_text(b, a)}] = {other}", f"{a}[{slice_text(b, a)}] = {number}", f"{place}.relu_()"]
    if a not in b.exact:
        exact = [text for text in exact if " > 0" not in text]
    rough = [f"{place}.add_({other})", f"{place}.mul_({number})", f"{place}.sub_({other}, alpha=2)", f"{place}.mul_({other})",
             f"{place} += {other}" if "(" not in place else f"{place}.add_({number})"]
    if numbers:
        rough += [f"{place}.sigmoid_()", f"{place}.tanh_()", f"{place}.div_({number})", f"F.relu({place}, inplace=True)"]
        if b.values[a].dim() and b.shape(a)[0] and b.shape(a)[0] not in b.hints:
            index = b.add_weight([2], "int64", low=0, high=b.shape(a)[0] - 1)
            rough += [f"{a}[{index}] = {number}", f"{a}.index_fill_(0, {index}, {number})",
                      f"{a}.index_put_(({index},), {a}[:1].clone(), accumulate=True)", f"{a}[{index}] += {number}"]
    is_exact = b.chance(0.5)
    return b.choose(*(exact if is_exact else rough)), is_exact
