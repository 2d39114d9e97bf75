"""Attributes, new shapes, joining, products: as NumPy."""
import numpy as np
import pytest

from kernel_text import function_of

FACTS = """a.shape | a.ndim | a.size | a.itemsize | a.nbytes | a.strides | len(a) | a.T.shape | a.shape[0] * a.shape[1] | a[1:].shape | (a + a).shape | a.T.strides
a.flags.c_contiguous | a.flags.f_contiguous | a.T.flags.f_contiguous | a[:, 1:].flags.c_contiguous | np.shape(a) | np.size(a) | np.size(a, 1) | np.ndim(a)
a.dtype == np.float64 | a.dtype.itemsize | a.real.shape | a.imag | a.item(0) | a.item(1, 2) | a[0, 0].item() | a[:1, :1].item() | a.sum(0).ndim
np.iscomplexobj(a) | np.isrealobj(a) | np.isscalar(3) | np.isscalar(a) | np.finfo(np.float64).eps | np.finfo(np.float32).max * 1.0 | np.iinfo(np.int32).max
np.iinfo(np.int8).min | np.finfo(a.dtype).tiny | a.view(np.int64) | a.view(np.uint64).dtype.itemsize | a.T.flat[3] | a.flat[4] | np.pi | np.inf > a[0, 0]"""


@pytest.mark.parametrize("text", [t.strip() for line in FACTS.split("\n") for t in line.split(" | ")])
def test_fact_about_an_array_in_every_layout(agree, text):
    a = np.arange(12.0).reshape(3, 4) + 0.5
    for x in (a, np.asfortranarray(a), np.arange(48.0).reshape(6, 8)[::2, ::2]):
        agree(function_of(text, "a"), x, parallel=False)


SHAPED = """a.reshape(4, 3) | a.reshape((2, 6)) | a.reshape(-1) | a.reshape(2, -1) | a.reshape(-1, 2) | a.reshape(n, 4) | a.reshape((n, -1)) | a.reshape(2, 3, 2)
np.reshape(a, (6, 2)) | np.reshape(a, -1) | a.reshape(12)[3] | a.ravel() | np.ravel(a) | a.flatten() | a.T.ravel() | a.T.reshape(2, 6) | a[:, 1:].ravel()
a[1:].reshape(-1) | a.transpose() | np.transpose(a) | a.transpose(1, 0) | a.transpose((1, 0)) | np.transpose(a, (0, 1)) | a.swapaxes(0, 1) | np.swapaxes(a, 0, -1) | np.permute_dims(a, (1, 0))
np.moveaxis(a, 0, 1) | np.expand_dims(a, 0) | np.expand_dims(a, -1) | a[None].squeeze(0) | np.squeeze(a[:, :1], 1) | np.flip(a) | np.flip(a, 0) | np.flipud(a) | np.fliplr(a)
np.atleast_1d(n) | np.atleast_2d(a[0]) | np.atleast_3d(a) | np.concatenate((a, a)) | np.concatenate((a, a[:, :2]), axis=1) | np.concatenate((a[0], a[1]))
np.concat((a, a), axis=1) | np.concatenate((a, a), axis=None) | np.stack((a, a)) | np.stack((a[0], a[1]), axis=1) | np.vstack((a, a[0])) | np.hstack((a, a)) | np.hstack((a[0], a[1]))
np.column_stack((a[0], a[1])) | np.dstack((a, a)) | np.concatenate((a, a.astype(np.float32))) | np.concatenate((np.arange(3), a[0])) | np.roll(a, 1) | np.roll(a, -2, 0)
np.roll(a[0], n) | np.repeat(a, 2) | np.take(a, np.array([1, 5])) | np.take(a, np.array([1, 0]), axis=1) | np.diagonal(a) | np.diag(a) | np.argwhere(a > 6) | np.kron(a, a)
np.extract(a > 5, a) | np.nonzero(a > 6) | np.where(a > 6) | np.array_equal(a, a) | np.array_equal(a, a.T) | np.array_equal(a, a + 1) | np.searchsorted(a[0], 2.0)
np.searchsorted(a[0], a[1]) | np.interp(1.5, a[0], a[1]) | np.interp(a[1], a[0], a[2]) | np.bincount(np.array([1, 3, 1])) | np.convolve(a[0], a[1]) | np.correlate(a[0], a[1])
np.convolve(a[0], a[1], "same") | np.trapezoid(a[0]) | np.cross(a[0, :3], a[1, :3]) | np.nan_to_num(a) | np.sinc(a) | np.average(a, weights=a)
np.average(a, 0, a + 1) | np.average(a, 1, a[0] + 1) | np.average(a, axis=0) | np.trapezoid(a) | np.trapezoid(a, a[0] * 2) | np.tril(np.stack((a, a)))
np.nan_to_num(a * 1j / (a - a)) | np.nan_to_num(a / (a - 5), nan=7.0, posinf=1.0) | np.kron(a[0], a[1]) | np.kron(a, a[0]) | np.roll(np.stack((a, a)), 1, 1)"""


@pytest.mark.parametrize("text", [t.strip() for line in SHAPED.split("\n") for t in line.split(" | ")])
def test_new_shape_in_every_layout(agree, text):
    a = np.arange(12.0).reshape(3, 4)
    for x in (a, np.asfortranarray(a), np.arange(48.0).reshape(6, 8)[::2, ::2]):
        agree(function_of(text, "a, n"), x, 3, rtol=1e-13, parallel=x is a)


@pytest.mark.parametrize("text", ["a.reshape(5, 2)", "a.reshape(n, n)", "a.reshape(-1, 5)", "np.concatenate((a, a[:, :2]))", "np.stack((a, a[1:]))", "a.item()",
                                  "np.squeeze(a, 0)", "a.reshape(0, -1)", "np.hstack((a, a[1:]))"])
def test_shape_that_does_not_fit_raises(agree, text):
    agree(function_of(text, "a, n"), np.arange(12.0).reshape(3, 4), 5)


def test_vector_as_column_and_row(agree):
    f = function_of("c = a.reshape(-1, 1); r = a.reshape((1, -1)); c[0, 0] = 5; return c * r, c.shape, a[::2].reshape(1, -1, 1), (a + 1).reshape(-1, 1)", "a")
    agree(f, np.arange(5.0))
    agree(f, np.arange(10.0)[::2])


def test_reshape_shares_memory_when_contiguous(agree):
    agree(function_of("b = a.reshape(-1); b[3] = 99; c = a[1:].ravel(); c[0] = 77; return a", "a"), np.arange(12.0).reshape(3, 4))
    agree(function_of("b = a.reshape(-1); b[3] = 99; return a, b", "a"), np.asfortranarray(np.arange(12.0).reshape(3, 4)))
    agree(function_of("a.T.flat[2] if False else a[0, 2]; a.flat[5] = 55; return a", "a"), np.arange(12.0).reshape(3, 4))


PRODUCTS = """m @ m | m @ v | v @ m | v @ v | np.dot(m, m) | np.dot(m, v) | np.dot(v, v) | v.dot(v) | m.dot(m.T) | m.T @ m | m[:2] @ m[:, :2] | np.matmul(m, m)
np.outer(v, v) | np.outer(m, v) | np.inner(v, v) | np.inner(m, m) | np.vdot(v, v) | np.vdot(m, m) | np.dot(m, 2) | np.dot(3, v) | np.trace(m) | m @ m @ v
(m + 1) @ v | m[::2] @ v | m[:, ::-1] @ v | np.linalg.norm(v) | np.linalg.norm(m) | np.linalg.norm(v, 1) | np.linalg.norm(v, np.inf) | m @ m[0] | (m @ m)[0, 1]"""


@pytest.mark.parametrize("text", [t.strip() for line in PRODUCTS.split("\n") for t in line.split(" | ")])
@pytest.mark.parametrize("dtype", ["f8", "f4", "c16", "i8", "i4"])
def test_product(agree, text, dtype):
    if "norm" in text and dtype in ("i4", "f4"):
        return
    m = (np.arange(16).reshape(4, 4) % 5 - 1).astype(dtype)
    v = np.array([1, -2, 3, 4]).astype(dtype)
    if dtype == "c16":
        m, v = m * (1 + 0.5j), v - 2j
    agree(function_of(text, "m, v"), m, v, rtol=1e-5 if dtype == "f4" else 1e-12, parallel=dtype == "f8")


def test_product_of_mixed_types_and_layouts(agree):
    m = np.arange(12.0).reshape(3, 4)
    agree(function_of("return m @ np.arange(4), m.T @ m, np.asfortranarray(m) @ m.T, m.astype(np.float32) @ m.T", "m"), m, rtol=1e-6)
    agree(function_of("return a @ b", "a, b"), np.zeros((3, 0)), np.zeros((0, 2)))
    agree(function_of("return a @ b", "a, b"), np.array([[True, False], [True, True]]), np.array([[False, True], [True, True]]))


@pytest.mark.parametrize("text", ["m @ m", "m @ v", "v @ m.T", "v @ v[1:]", "np.dot(m, m)", "np.dot(v, v[1:])"])
def test_product_of_unequal_lengths_raises(agree, text):
    agree(function_of(text, "m, v"), np.ones((3, 4)), np.ones(3))


def test_arrays_and_tuples_as_results(agree):
    agree(function_of("return a, a + 1, (a[0], a[1:], (a.shape, 2.5)), n", "a, n"), np.arange(4.0), 3)
    agree(function_of("return a[::-1], a.reshape(2, 2), a.reshape(2, 2).T", "a"), np.arange(4.0))


INSTEAD = {"np.sort(a)": "call it in Python", "a.sort()": "call it in Python", "np.median(a)": "call it in Python",
           "np.random.rand(3)": "as an array", "np.linalg.solve(a, a)": "write the loops", "np.digitize(a, a)": "searchsorted",
           "np.meshgrid(a, a)": "broadcast", "np.histogram(a, 3)": "h\\[int", "np.append(a, 1)": "final size",
           "np.tile(a, 2)": "slices", "np.fft.fft(a)": "call it in Python", "np.isin(a, a)": "in a loop"}  # fmt: skip


@pytest.mark.parametrize("text", INSTEAD)
def test_names_of_numpy_that_kernels_have_not_say_what_to_write_instead(text):
    import plait

    with pytest.raises(plait.errors.TypingError, match=INSTEAD[text]) as found:
        plait.njit(function_of(text, "a"))(np.ones(3))
    assert "did you mean" not in str(found.value)


def test_what_the_hints_say_is_what_numpy_does(agree):
    def f(x, rows, columns, bins):
        z = x - x.mean(axis=0)
        w = z / x.std(axis=0)
        found = np.searchsorted(bins, x[0], side="right")
        return x[rows][:, columns], found, z.T @ z / (len(x) - 1), w.T @ w / len(x), (x[2:] - x[:-2]) / 2

    x, rows, columns, bins = np.random.default_rng(1).random((5, 6)), np.array([1, 3]), np.array([0, 2]), np.linspace(0, 1, 5)
    got = agree(f, x, rows, columns, bins)
    want = x[np.ix_(rows, columns)], np.digitize(x[0], bins), np.cov(x.T), np.corrcoef(x.T), np.gradient(x, axis=0)[1:-1]
    for a, b in zip(got, want):
        np.testing.assert_allclose(a, b)


def test_an_axis_of_a_number_is_refused_at_its_place():
    import plait

    for call in ("np.max(x, axis=1)", "np.sum(x, axis=(0, 1))", "np.argmax(x, axis=-2)", "np.mean(x, 2)"):
        with pytest.raises(plait.errors.TypingError, match="no axes"):
            plait.njit(function_of(call, "x"))(2.0)
    assert plait.njit(function_of("np.max(x, axis=0), np.sum(x, axis=-1), np.min(x)", "x"))(2.0) == (2.0, 2.0, 2.0)


def test_unknown_names_are_refused_with_a_hint():
    import plait

    with pytest.raises(plait.errors.TypingError, match="sqrt"):
        plait.njit(function_of("np.sqrrt(a)", "a"))(np.ones(3))
    with pytest.raises(plait.errors.TypingError, match="shape"):
        plait.njit(function_of("a.shap", "a"))(np.ones(3))
