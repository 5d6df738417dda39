"""Factorizations, beyond the samples of PyTorch's operator database: sizes, ranks, statuses and errors."""
import pytest
import torch
import torchc


def run(function, *arguments, **options):
    return torchc.compile(function, arguments, **options)(*arguments)


def random_matrices(*sizes, dtype=torch.float64):
    return torch.randn(*sizes, dtype=dtype, generator=torch.Generator().manual_seed(1))


def assert_orthonormal(columns):
    identity = torch.eye(columns.shape[-1], dtype=columns.dtype).expand(columns.shape[:-2] + (-1, -1))
    torch.testing.assert_close(columns.mT @ columns, identity)


def make_rank(m, n, rank):
    a, b = random_matrices(m, rank), random_matrices(rank, n)
    return a @ b


MATRICES = {
    "square": random_matrices(40, 40), "high": random_matrices(2, 17, 5), "wide": random_matrices(3, 2, 4, 9),
    "row": random_matrices(1, 6), "column": random_matrices(6, 1), "one": random_matrices(1, 1),
    "rank 2": make_rank(6, 5, 2), "zero": torch.zeros(4, 3, dtype=torch.float64),
    "empty batch": random_matrices(0, 3, 3), "no columns": random_matrices(3, 0), "tiny": random_matrices(4, 4) * 1e-150,
}


@pytest.mark.parametrize("full", (False, True), ids=("reduced", "full"))
@pytest.mark.parametrize("name", MATRICES)
def test_svd(name, full):
    a = MATRICES[name]
    u, s, vh = run(lambda a: torch.linalg.svd(a, full_matrices=full), a)
    expected = torch.linalg.svd(a, full_matrices=full)
    assert [t.shape for t in (u, s, vh)] == [t.shape for t in expected]
    torch.testing.assert_close(s, expected.S)
    assert_orthonormal(u)
    assert_orthonormal(vh.mT)
    k = s.shape[-1]
    torch.testing.assert_close(u[..., :k] * s[..., None, :] @ vh[..., :k, :], a)


@pytest.mark.parametrize("mode", ("reduced", "complete"))
@pytest.mark.parametrize("name", MATRICES)
def test_qr(name, mode):
    a = MATRICES[name]
    q, r = run(lambda a: torch.linalg.qr(a, mode), a)
    expected = torch.linalg.qr(a, mode)
    assert q.shape == expected.Q.shape
    assert_orthonormal(q)
    torch.testing.assert_close(q @ r, a)
    assert torch.equal(r, r.triu())


@pytest.mark.parametrize("triangle", "LU")
@pytest.mark.parametrize("size", (1, 2, 7, 50))
def test_eigh(size, triangle):
    a = random_matrices(2, size, size)
    values, vectors = run(lambda a: torch.linalg.eigh(a, triangle), a)
    torch.testing.assert_close(values, torch.linalg.eigvalsh(a, triangle))
    assert_orthonormal(vectors)
    half = a.tril() if triangle == "L" else a.triu()
    symmetric = half + half.mT - torch.diag_embed(a.diagonal(dim1=-2, dim2=-1))
    torch.testing.assert_close(vectors * values[..., None, :] @ vectors.mT, symmetric)


def test_eigh_of_repeated_and_graded_values():
    q = torch.linalg.qr(random_matrices(6, 6)).Q
    for wanted in ([1.0, 1, 1, 2, 2, 3], [1e-8, 1e-4, 1, 10, 1e4, 1e8], [-1.0, -1, 0, 0, 1, 1]):
        wanted = torch.tensor(wanted, dtype=torch.float64)
        a = q * wanted @ q.T
        values, vectors = run(torch.linalg.eigh, (a + a.T) / 2)
        torch.testing.assert_close(values, wanted, rtol=1e-9, atol=1e-7)
        assert_orthonormal(vectors)


@pytest.mark.parametrize("sizes", ((5, 5), (3, 8, 4), (2, 3, 7), (0, 0), (2, 0, 0)), ids=str)
def test_lu(sizes):
    a = random_matrices(*sizes)
    p, l, u = run(torch.linalg.lu, a)
    for ours, theirs in zip((p, l, u), torch.linalg.lu(a)):
        torch.testing.assert_close(ours, theirs)
    lu, pivots, status = run(torch.linalg.lu_factor_ex, a)
    expected = torch.linalg.lu_factor_ex(a)
    torch.testing.assert_close(lu, expected.LU)
    assert torch.equal(pivots, expected.pivots) and torch.equal(status, expected.info)


def test_statuses():
    singular = torch.tensor([[1.0, 2, 3], [2, 4, 6], [1, 0, 1]])
    batch = torch.stack([singular, torch.eye(3)])
    assert run(torch.linalg.inv_ex, batch)[1].tolist() == torch.linalg.inv_ex(batch).info.tolist()
    indefinite = torch.stack([torch.diag(torch.tensor([2.0, -1, 3])), torch.eye(3)])
    assert run(torch.linalg.cholesky_ex, indefinite)[1].tolist() == [2, 0]


@pytest.mark.parametrize("function, message", (
    (torch.linalg.inv, "linalg.inv: the input matrix is singular"),
    (lambda a: torch.linalg.solve(a, a), "linalg.solve: the input matrix is singular"),
    (torch.linalg.cholesky, "linalg.cholesky: the input is not positive-definite"),
), ids=("inv", "solve", "cholesky"))
def test_errors(function, message):
    good, bad = torch.eye(3), torch.tensor([[1.0, 2, 3], [2, 4, 6], [3, 6, 9]])
    program = torchc.compile(function, (good,))
    torch.testing.assert_close(program(good), good)
    with pytest.raises(torchc.RunError, match=message):
        program(bad)


def test_solutions_to_rounding():
    """f32 systems are solved in f64: badly conditioned ones lose no more digits than their numbers have."""
    a = random_matrices(30, 30) @ torch.diag(torch.logspace(0, -4, 30, dtype=torch.float64)) @ random_matrices(30, 30)
    x = run(torch.linalg.solve, a.float(), torch.ones(30))
    expected = torch.linalg.solve(a.float().double(), torch.ones(30, dtype=torch.float64))
    torch.testing.assert_close(x.double(), expected, rtol=1e-6, atol=1e-6)


def test_batches_in_parallel():
    a = random_matrices(64, 12, 12, dtype=torch.float32)
    spd = a @ a.mT + torch.eye(12)
    for function in (torch.linalg.cholesky, torch.linalg.inv, torch.linalg.eigvalsh, torch.linalg.svdvals):
        one, many = run(function, spd), run(function, spd, threads=4)
        assert torch.equal(one, many)
        torch.testing.assert_close(one, function(spd.double()).float())


def test_dynamic_sizes():
    n = torch.export.Dim("n", min=2, max=64)
    b = torch.export.Dim("b", min=2, max=64)

    def exported(function, x):
        return torchc.compile(function, (x,), dynamic_shapes=({0: b, 1: n, 2: n},))

    x = random_matrices(3, 5, 5)
    solve = exported(lambda a: torch.linalg.solve(a, a.sum(-1)), x)
    determinant = exported(lambda a: torch.linalg.slogdet(a), x)
    for size in (2, 9):
        y = random_matrices(4, size, size)
        torch.testing.assert_close(solve(y), torch.linalg.solve(y, y.sum(-1)))
        torch.testing.assert_close(determinant(y), tuple(torch.linalg.slogdet(y)))


def test_refused_by_name():
    with pytest.raises(torchc.UnsupportedOpError, match="aten.linalg_eig"):
        run(torch.linalg.eigvals, random_matrices(3, 3))


# Of matrices of complex numbers, which are real ones of twice the size inside.
COMPLEX = {
    "inv": lambda a, h, y: torch.linalg.inv(a), "solve": lambda a, h, y: torch.linalg.solve(a, y),
    "solve a vector": lambda a, h, y: torch.linalg.solve(a, y[..., 0]),
    "solve from the right": lambda a, h, y: torch.linalg.solve(a, y.mT, left=False),
    "status": lambda a, h, y: torch.linalg.inv_ex(a), "cholesky": lambda a, h, y: torch.linalg.cholesky(h),
    "upper cholesky": lambda a, h, y: torch.linalg.cholesky(h, upper=True),
    "cholesky_solve": lambda a, h, y: torch.cholesky_solve(y, a), "cholesky_inverse": lambda a, h, y: torch.cholesky_inverse(torch.linalg.cholesky(h).mH, True),
    "triangular_solve": lambda a, h, y: torch.triangular_solve(y, a, upper=False, transpose=True, unitriangular=True),
    "eigvalsh": lambda a, h, y: torch.linalg.eigvalsh(h), "eigvalsh of a triangle": lambda a, h, y: torch.linalg.eigvalsh(a, "U"), "svdvals": lambda a, h, y: torch.linalg.svdvals(y),
    "pinv": lambda a, h, y: torch.linalg.pinv(y), "pinv of Hermitian": lambda a, h, y: torch.linalg.pinv(h, hermitian=True),
    "rank": lambda a, h, y: torch.linalg.matrix_rank(y @ y.mH), "cond": lambda a, h, y: torch.linalg.cond(a),
    "cond in another norm": lambda a, h, y: torch.linalg.cond(a, 1), "nuclear norm": lambda a, h, y: torch.linalg.norm(a[0], "nuc"),
    "power": lambda a, h, y: torch.linalg.matrix_power(a, -2),
}


@pytest.mark.parametrize("name", COMPLEX)
def test_of_complex_matrices(name):
    a, y = random_matrices(2, 4, 4, dtype=torch.complex128), random_matrices(2, 4, 3, dtype=torch.complex128)
    h = a @ a.mH + torch.eye(4)
    torch.testing.assert_close(run(COMPLEX[name], a, h, y), COMPLEX[name](a, h, y))


def test_complex_matrices_that_are_singular():
    a = torch.zeros(3, 3, dtype=torch.complex64)
    with pytest.raises(torchc.RunError, match="linalg.inv: the input matrix is singular"):
        run(torch.linalg.inv, a)


@pytest.mark.parametrize("function", [torch.linalg.det, torch.linalg.eigh, torch.linalg.svd, torch.linalg.qr, torch.linalg.lu])
def test_what_complex_matrices_have_not(function):
    with pytest.raises(torchc.UnsupportedOpError, match="complex numbers"):
        torchc.compile(function, (random_matrices(3, 3, dtype=torch.complex64),))


def check_dynamic(function, shapes, make=lambda a: a):
    class Apply(torch.nn.Module):
        def forward(self, a):
            return function(a)

    dims = {len(shapes[0]) - 2: torch.export.Dim.AUTO, len(shapes[0]) - 1: torch.export.Dim.AUTO}
    program = torchc.compile(torch.export.export(Apply(), (make(random_matrices(*shapes[0])),), dynamic_shapes=(dims,)))
    for shape in shapes:
        a = make(random_matrices(*shape))
        torch.testing.assert_close(program(a), function(a))


SHAPES = [(2, 4, 6), (2, 7, 3), (2, 2, 3), (2, 5, 5)]


def multiply_svd(a):
    u, s, vh = torch.linalg.svd(a[0])
    return u[:, :s.shape[0]] * s @ vh[:s.shape[0]]


@pytest.mark.parametrize("name", ["lu", "svdvals"])
def test_matrices_of_dynamic_size(name):
    check_dynamic(getattr(torch.linalg, name), SHAPES)


@pytest.mark.parametrize("mode", ["reduced", "complete", "r"])
def test_qr_of_dynamic_size(mode):
    check_dynamic(lambda a: [part.abs() for part in torch.linalg.qr(a, mode)], SHAPES)


@pytest.mark.parametrize("full", [False, True])
def test_svd_of_dynamic_size(full):
    check_dynamic(lambda a: [part.abs() for part in torch.linalg.svd(a, full_matrices=full)][full:2], SHAPES)


def test_products_of_dynamic_size():
    check_dynamic(multiply_svd, SHAPES)
    # The exporter fixes which of its sides is the longer one.
    for function in (torch.linalg.pinv, torch.linalg.matrix_rank):
        check_dynamic(function, [(2, 4, 6), (2, 2, 3), (2, 5, 5)])


@pytest.mark.parametrize("function", [torch.linalg.eigvalsh, torch.linalg.cond, lambda a: torch.linalg.pinv(a, hermitian=True),
                                      lambda a: torch.linalg.eigh(a)[1].abs()], ids=range(4))
def test_square_matrices_of_dynamic_size(function):
    check_dynamic(function, [(2, 4, 4), (2, 7, 7), (2, 1, 1)], lambda a: a + a.mT)
