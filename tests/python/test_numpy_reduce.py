"""Reductions and scans: values, dtypes, shapes and exceptions are NumPy's."""
import numpy as np
import pytest

from kernel_text import function_of

WHOLE = "sum prod min max mean var std argmin argmax any all ptp count_nonzero".split()
DTYPES = ["?", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8", "c16"]


@pytest.mark.parametrize("name", WHOLE)
@pytest.mark.parametrize("dtype", DTYPES)
def test_reduction_of_every_dtype(agree, name, dtype):
    if dtype == "c16" and name in ("min", "max", "argmin", "argmax", "ptp") or dtype == "?" and name == "ptp":
        return
    a = (np.array([3, 1, 4, 1, 5, 9, 2, 6]) % 7).astype(dtype)
    agree(function_of(f"np.{name}(a)", "a"), a, rtol=1e-6 if dtype == "f4" else 1e-13)


AXES = """a.sum(0) | a.sum(1) | a.sum(-1) | a.sum(axis=0) | np.sum(a, axis=1) | np.sum(a, axis=(0, 1)) | a.sum(0, keepdims=True) | a.sum(keepdims=True)
a.prod(1) | a.min(0) | a.max(axis=1) | a.min(1, keepdims=True) | a.mean(0) | a.mean(1) | a.mean(axis=-1, keepdims=True) | a.var(0) | a.std(1) | a.var()
a.std(ddof=1) | np.var(a, 0, ddof=1) | np.std(a, axis=1, keepdims=True) | a.argmin(0) | a.argmax(1) | a.argmin() | a.argmax() | a.any(0) | a.all(1)
np.any(a > 5, axis=1) | np.all(a > 0, axis=0) | np.ptp(a, axis=0) | np.ptp(a) | np.count_nonzero(a, axis=1) | np.count_nonzero(a > 3) | np.sum(a > 3)
np.sum(a, dtype=np.float32) | a.sum(dtype=np.int64) | np.mean(a, dtype=np.float32) | a.cumsum() | a.cumsum(0) | a.cumsum(axis=1) | a.cumprod() | np.cumsum(a, 1)
np.cumprod(a, axis=0) | np.diff(a) | np.diff(a, axis=0) | np.diff(a[0], 2) | np.amax(a, 0) | np.amin(a) | np.sum(a[1:, ::2], axis=0) | np.sum(a.T, axis=0)
(a * 2 + 1).sum(0) | (a - a.mean(axis=0)) | (a / a.sum(axis=1)[:, None]) | a - a.mean(1, keepdims=True) | np.sqrt(a).sum(1) | np.max(np.abs(a - 3), axis=1)
a.sum(1).sum() | a.sum(0)[1] | a.max(0).argmax() | np.sum(a[a > 3]) | np.sum(a, 0) @ np.sum(a, 0) | np.average(a) | np.trace(a) | np.trace(a, 1)
np.nansum(a) | np.nanmax(a, 0) | np.nanmean(a) | np.nanstd(a) | np.median(a) if False else a.sum() | np.argmax(a > 4) | np.argmin(a, axis=-1)"""


@pytest.mark.parametrize("text", [t.strip() for line in AXES.split("\n") for t in line.split(" | ")])
def test_reduction_along_axes_in_every_layout(agree, text):
    a = np.array([[3.0, 1, 4, 1], [5, 9, 2, 6], [5, 3, 5, 8]])
    for x in (a, np.asfortranarray(a), np.repeat(np.repeat(a, 2, 0), 2, 1)[::2, ::2]):
        agree(function_of(text, "a"), x, rtol=1e-6 if "float32" in text else 1e-13, parallel=x is a)


@pytest.mark.parametrize("text", ["a.sum(0)", "a.sum(1)", "a.sum(2)", "a.sum((0, 2))", "a.mean((1, 2))", "a.max(1, keepdims=True)", "a.argmax(1)", "a.argmin(2)",
                                  "a.var((0, 1))", "a.cumsum(1)", "a.any(axis=(0, 1, 2))", "a.std(axis=(0, -1), keepdims=True)", "a.sum(-2)", "a.argmax()"])
def test_reduction_of_three_dimensions(agree, text):
    a = (np.arange(60) * 7 % 13).reshape(3, 4, 5)
    agree(function_of(text, "a"), a)
    agree(function_of(text, "a"), a.astype("f4"), rtol=1e-5)
    agree(function_of(text, "a"), a.transpose(2, 0, 1))


@pytest.mark.parametrize("name", ["sum", "prod", "min", "max", "mean", "var", "argmin", "argmax", "any", "all", "nansum", "nanmin", "nanmax", "nanmean",
                                  "nanargmin", "nanargmax", "nanvar"])
@pytest.mark.filterwarnings("ignore")
def test_not_a_number(agree, name):
    f = function_of(f"np.{name}(a)", "a")
    agree(f, np.array([1.0, np.nan, 3.0, -2.0]))
    agree(f, np.array([[np.nan, np.inf], [3.0, -2.0]]))
    agree(f, np.array([np.nan, 1.0]))


@pytest.mark.parametrize("text", ["a.min()", "a.max()", "a.argmin()", "a.argmax()", "np.ptp(a)", "b.max(0)", "b.argmin(0)", "b.max(1)", "a.sum()", "a.prod()",
                                  "a.any()", "a.all()", "b.sum(0)", "b.sum(1)", "a.cumsum()", "np.mean(a)", "np.mean(b, 0)", "np.var(a)"])
@pytest.mark.filterwarnings("ignore")
def test_reduction_of_nothing(agree, text):
    agree(function_of(text, "a, b"), np.zeros(0), np.zeros((0, 3)))


def test_float32_sums_are_accurate(agree):
    a = np.full(1_000_003, 0.1, np.float32)
    agree(function_of("return a.sum(), a.mean()", "a"), a, rtol=1e-5)
    rng = np.random.default_rng(1)
    agree(function_of("return a.sum(0), a.sum(1), a.std()", "a"), rng.random((1000, 300), np.float32), rtol=1e-5)


def test_methods_of_ufuncs(agree):
    a = np.array([[3.0, 1, 4], [1, 5, 9]])
    agree(function_of("return np.add.reduce(a), np.multiply.reduce(a, axis=1), np.maximum.reduce(a[0]), np.minimum.reduce(a, axis=None)", "a"), a)
    agree(function_of("return np.add.accumulate(a), np.logical_and.reduce(a > 1), np.logical_or.reduce(a > 4, 1), np.add.reduce(a[0] > 1)", "a"), a)


def test_scalars_reduce_to_themselves(agree):
    agree(function_of("return np.sum(x), np.max(x), np.mean(x), np.any(x), np.argmax(x)", "x"), 2.5, parallel=False)
    agree(function_of("return np.sum((1, 2, 3)), np.max((x, 2.0)), np.mean((1, 2))", "x"), 2.5, parallel=False)


def test_axis_must_exist_and_be_constant():
    import plait

    with pytest.raises(plait.errors.TypingError, match="axis 2 is out of bounds"):
        plait.njit(function_of("a.sum(2)", "a"))(np.ones((2, 2)))
    with pytest.raises(plait.errors.TypingError, match="constant"):
        plait.njit(function_of("a.sum(k)", "a, k"))(np.ones((2, 2)), 1)


def test_long_reductions_in_parallel(agree):
    a = np.arange(100_000.0) % 1013
    agree(function_of("return a.sum(), a.max(), a.argmax(), a.argmin(), np.any(a > 1011), np.all(a >= 0), (a * a).sum(), a.var()", "a"), a, rtol=1e-12)
    b = a.reshape(100, 1000)
    agree(function_of("return b.sum(0), b.sum(1), b.max(0), b.argmax(1), b.mean(), (b * 2).min(1)", "b"), b, rtol=1e-12)


def test_out_receives_the_result(agree):
    agree(function_of("np.sum(a, 0, None, out); return out", "a, out"), np.arange(6.0).reshape(2, 3), np.zeros(3))
    agree(function_of("a.cumsum(0, None, out); return out", "a, out"), np.arange(6.0), np.zeros(6))
