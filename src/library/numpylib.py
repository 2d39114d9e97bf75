"""NumPy functions that are a few lines over the primitives. They are inlined where they are called, so that what they
compute fuses with what stands around them; an unused one costs nothing.
"""
import math

import numpy as np


def np_isclose(a, b, rtol=1e-05, atol=1e-08, equal_nan=False):
    near = np.isfinite(b) & (np.abs(np.subtract(a, b)) <= atol + rtol * np.abs(b)) | np.equal(a, b)
    if equal_nan:
        near = near | (np.isnan(a) & np.isnan(b))
    return near


def np_allclose(a, b, rtol=1e-05, atol=1e-08, equal_nan=False):
    return np.all(np_isclose(a, b, rtol, atol, equal_nan))


def np_nan_to_num(x, copy=True, nan=0.0, posinf=None, neginf=None):
    a = np.asarray(x)
    if np.isrealobj(a) and a.dtype.kind == "f":
        limits = np.finfo(a.dtype)
        high = limits.max if posinf is None else posinf
        low = limits.min if neginf is None else neginf
        return np.where(np.isnan(a), nan, np.where(a == np.inf, high, np.where(a == -np.inf, low, a)))
    if np.iscomplexobj(a):
        parts = np_nan_to_num(a.real, copy, nan, posinf, neginf)
        return parts + np_nan_to_num(a.imag, copy, nan, posinf, neginf) * 1j
    return a.copy()


def np_nansum(a, axis=None, dtype=None, out=None, keepdims=False):
    return np.sum(np.where(np.isnan(a), 0, a), axis, dtype, out, keepdims)


def np_nanprod(a, axis=None, dtype=None, out=None, keepdims=False):
    return np.prod(np.where(np.isnan(a), 1, a), axis, dtype, out, keepdims)


def np_nancumsum(a, axis=None, dtype=None, out=None):
    return np.cumsum(np.where(np.isnan(a), 0, a), axis, dtype, out)


def np_nancumprod(a, axis=None, dtype=None, out=None):
    return np.cumprod(np.where(np.isnan(a), 1, a), axis, dtype, out)


def np_nanmin(a, axis=None):
    return _nan_extreme(a, axis, np.inf, np.min)


def np_nanmax(a, axis=None):
    return _nan_extreme(a, axis, -np.inf, np.max)


def _nan_extreme(a, axis, neutral, extreme):
    if np.asarray(a).dtype.kind != "f":
        return extreme(a, axis)
    missing = np.isnan(a)
    found = extreme(np.where(missing, neutral, a), axis)
    return np.where(np.all(missing, axis), np.nan, found)


def np_nanargmin(a, axis=None):
    if not np.all(np.any(~np.isnan(a), axis)):
        raise ValueError("All-NaN slice encountered")
    return np.argmin(np.where(np.isnan(a), np.inf, a), axis)


def np_nanargmax(a, axis=None):
    if not np.all(np.any(~np.isnan(a), axis)):
        raise ValueError("All-NaN slice encountered")
    return np.argmax(np.where(np.isnan(a), -np.inf, a), axis)


def np_nanmean(a, axis=None, dtype=None, out=None, keepdims=False):
    missing = np.isnan(a)
    count = np.sum(~missing, axis, None, None, keepdims)
    total = np.sum(np.where(missing, 0, a), axis, dtype, None, keepdims)
    return np.divide(total, np.asarray(count).astype(np.asarray(total).dtype)[()])


def np_nanvar(a, axis=None, dtype=None, out=None, ddof=0, keepdims=False):
    x = np.asarray(a)
    missing = np.isnan(x)
    count = np.sum(~missing, axis, None, None, True)
    mean = np.sum(np.where(missing, 0, x), axis, dtype, None, True) / count
    deviation = np.where(missing, 0, x - mean)
    free = np.sum(~missing, axis, None, None, keepdims) - ddof
    squares = np.sum(deviation * deviation, axis, dtype, None, keepdims)
    return np.where(free > 0, squares / np.where(free > 0, free, 1), np.nan)


def np_nanstd(a, axis=None, dtype=None, out=None, ddof=0, keepdims=False):
    return np.sqrt(np_nanvar(a, axis, dtype, out, ddof, keepdims))


def np_average(a, axis=None, weights=None):
    if weights is None:
        return np.mean(a, axis)
    x = np.asarray(a)
    w = np.asarray(weights)
    if axis is None:
        return np.sum(x * w) / np.sum(w)
    if x.ndim == w.ndim:
        return np.sum(x * w, axis) / np.sum(w, axis)
    return np.sum(np.moveaxis(x, axis, -1) * w, -1) / np.sum(w)


def np_trapezoid(y, x=None, dx=1.0):
    v = np.asarray(y)
    if x is None:
        return np.sum(dx * (v[..., 1:] + v[..., :-1]) / 2.0, -1)
    return np.sum(np.diff(x) * (v[..., 1:] + v[..., :-1]) / 2.0, -1)


def np_tri(N, M=None, k=0):
    rows = N
    columns = N if M is None else M
    return (np.arange(rows).reshape(-1, 1) >= np.arange(columns) - k).astype(np.float64)


def np_tril(m, k=0):
    a = np.asarray(m)
    keep = np.arange(a.shape[-2]).reshape(-1, 1) >= np.arange(a.shape[-1]) - k
    return np.where(keep, a, np.zeros((), a.dtype))


def np_triu(m, k=0):
    a = np.asarray(m)
    keep = np.arange(a.shape[-2]).reshape(-1, 1) <= np.arange(a.shape[-1]) - k
    return np.where(keep, a, np.zeros((), a.dtype))


def np_diag(v, k=0):
    a = np.asarray(v)
    if a.ndim == 2:
        return np.diagonal(a, k).copy()
    n = a.shape[0] + abs(k)
    out = np.zeros((n, n), a.dtype)
    for i in range(a.shape[0]):
        out[i + max(-k, 0), i + max(k, 0)] = a[i]
    return out


def np_roll(a, shift, axis=None):
    x = np.asarray(a)
    if axis is None:
        flat = x.ravel()
        n = flat.size
        out = np.empty(n, x.dtype)
        if n > 0:
            s = shift % n
            out[s:] = flat[:n - s]
            out[:s] = flat[n - s:]
        return out.reshape(x.shape)
    moved = np.swapaxes(x, axis, 0)
    result = np.empty_like(x)
    target = np.swapaxes(result, axis, 0)
    n = moved.shape[0]
    if n > 0:
        s = shift % n
        target[s:] = moved[:n - s]
        target[:s] = moved[n - s:]
    return result


def np_repeat(a, repeats):
    flat = np.ravel(a)
    if repeats < 0:
        raise ValueError("repeats may not contain negative values.")
    out = np.empty((flat.size, repeats), flat.dtype)
    out[...] = flat[:, None]
    return out.ravel()


def np_take(a, indices, axis=None):
    x = np.asarray(a)
    if axis is None:
        return x.ravel()[indices]
    return np.swapaxes(np.swapaxes(x, axis, 0)[indices], axis, 0)


def np_flatnonzero(a):
    return np.nonzero(np.ravel(a))[0]


def np_argwhere(a):
    return np.stack(np.nonzero(a), 1)


def np_extract(condition, arr):
    return np.ravel(arr)[np.ravel(condition) != 0]


def _first_not_less(a, x):
    low = 0
    high = a.shape[0]
    while low < high:
        middle = (low + high) // 2
        if a[middle] < x or (x != x and a[middle] == a[middle]):
            low = middle + 1
        else:
            high = middle
    return low


def _first_greater(a, x):
    low = 0
    high = a.shape[0]
    while low < high:
        middle = (low + high) // 2
        if x < a[middle] or (x == x and a[middle] != a[middle]):
            high = middle
        else:
            low = middle + 1
    return low


def np_searchsorted(a, v, side="left"):
    if np.ndim(v) == 0:
        return _first_not_less(a, v) if side == "left" else _first_greater(a, v)
    flat = np.ravel(v)
    out = np.empty(flat.size, np.int64)
    for i in range(flat.size):
        out[i] = _first_not_less(a, flat[i]) if side == "left" else _first_greater(a, flat[i])
    return out.reshape(np.shape(v))


def _interp_at(x, xp, fp):
    n = xp.shape[0]
    k = _first_greater(xp, x)
    if x != x:
        return x
    if k == 0:
        return fp[0] * 1.0
    if k == n:
        return fp[n - 1] * 1.0
    slope = (fp[k] - fp[k - 1]) / (xp[k] - xp[k - 1])
    return slope * (x - xp[k - 1]) + fp[k - 1]


def np_interp(x, xp, fp):
    nodes = np.asarray(xp).astype(np.float64)
    values = np.asarray(fp).astype(np.float64)
    if nodes.size == 0:
        raise ValueError("array of sample points is empty")
    if nodes.size != values.size:
        raise ValueError("fp and xp are not of the same length.")
    if np.ndim(x) == 0:
        return _interp_at(float(x), nodes, values)
    flat = np.ravel(x)
    out = np.empty(flat.size, np.float64)
    for i in range(flat.size):
        out[i] = _interp_at(float(flat[i]), nodes, values)
    return out.reshape(np.shape(x))


def np_bincount(x, weights=None, minlength=0):
    n = minlength
    if n < 0:
        raise ValueError("'minlength' must not be negative")
    for i in range(x.shape[0]):
        if x[i] < 0:
            raise ValueError("'list' argument must have no negative elements")
        n = max(n, int(x[i]) + 1)
    if weights is None:
        counts = np.zeros(n, np.int64)
        for i in range(x.shape[0]):
            counts[x[i]] += 1
        return counts
    if weights.shape[0] != x.shape[0]:
        raise ValueError("The weights and list don't have the same length.")
    sums = np.zeros(n, np.float64)
    for i in range(x.shape[0]):
        sums[x[i]] += weights[i]
    return sums


def np_kron(a, b):
    x = np.atleast_2d(a)
    y = np.atleast_2d(b)
    if x.ndim > 2 or y.ndim > 2:
        raise ValueError("kron takes arrays of at most two dimensions")
    product = x[:, None, :, None] * y[None, :, None, :]
    rows = x.shape[0] * y.shape[0]
    columns = x.shape[1] * y.shape[1]
    if np.ndim(a) == 1 and np.ndim(b) == 1:
        return product.reshape(columns)
    return product.reshape(rows, columns)


def np_cross(a, b):
    x = np.asarray(a)
    y = np.asarray(b)
    if x.shape[-1] != 3 or y.shape[-1] != 3:
        raise ValueError("incompatible dimensions for cross product")
    c0 = x[..., 1] * y[..., 2] - x[..., 2] * y[..., 1]
    c1 = x[..., 2] * y[..., 0] - x[..., 0] * y[..., 2]
    c2 = x[..., 0] * y[..., 1] - x[..., 1] * y[..., 0]
    return np.stack((c0, c1, c2), -1)


def np_convolve(a, v, mode="full"):
    n = a.shape[0]
    m = v.shape[0]
    if n == 0:
        raise ValueError("a cannot be empty")
    if m == 0:
        raise ValueError("v cannot be empty")
    dtype = (a[:1] * v[:1]).dtype
    full = np.zeros(n + m - 1, dtype)
    for i in range(n):
        for k in range(m):
            full[i + k] += a[i] * v[k]
    shorter = min(n, m)
    if mode == "full":
        return full
    if mode == "valid":
        return full[shorter - 1:full.size - shorter + 1].copy()
    start = (shorter - 1) // 2
    return full[start:start + max(n, m)].copy()


def np_correlate(a, v, mode="valid"):
    return np_convolve(a, np.conj(v[::-1]), mode)


def np_logspace(start, stop, num=50):
    return np.power(10.0, np.linspace(start, stop, num))


def np_geomspace(start, stop, num=50):
    if start == 0 or stop == 0:
        raise ValueError("Geometric sequence cannot include zero")
    sign = -1.0 if start < 0 else 1.0
    out = sign * np.power(10.0, np.linspace(math.log10(abs(start)), math.log10(abs(stop)), num))
    if num > 0:
        out[0] = start
    if num > 1:
        out[num - 1] = stop
    return out


def np_vander(x, N=None):
    n = x.shape[0] if N is None else N
    out = np.empty((x.shape[0], n), (x[:1] * np.arange(1)).dtype)
    for k in range(n):
        out[:, n - 1 - k] = x ** k
    return out


def np_sinc(x):
    y = np.pi * np.where(np.equal(x, 0), 1.0e-20, x)
    return np.sin(y) / y


def np_linalg_norm(x, ord=None, axis=None, keepdims=False):
    a = np.asarray(x)
    magnitude = np.abs(a.astype(np.float64)) if a.dtype.kind in "biu" else np.abs(a)
    if ord is None:
        return np.sqrt(np.sum(magnitude * magnitude, axis, None, None, keepdims))
    if a.ndim == 2 and axis is None:
        if ord == 1:
            return np.max(np.sum(magnitude, 0))
        if ord == np.inf:
            return np.max(np.sum(magnitude, 1))
        raise ValueError("this norm of a matrix is not supported")
    if ord == np.inf:
        return np.max(magnitude, axis, None, keepdims)
    if ord == -np.inf:
        return np.min(magnitude, axis, None, keepdims)
    if ord == 0:
        return np.sum((magnitude != 0).astype(magnitude.dtype), axis, None, None, keepdims)
    if ord == 1:
        return np.sum(magnitude, axis, None, None, keepdims)
    if ord == 2:
        return np.sqrt(np.sum(magnitude * magnitude, axis, None, None, keepdims))
    return np.sum(magnitude ** ord, axis, None, None, keepdims) ** (1.0 / ord)
