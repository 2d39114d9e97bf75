"""The kernels in JAX on the CPU, arrays in and out without copies where JAX allows. Those that are loops of scalars by
nature are left out. A function returns what the kernel leaves in its arrays, by the position of the argument."""
import os

os.environ.setdefault("JAX_PLATFORMS", "cpu")
import jax  # noqa: E402
import jax.numpy as jnp  # noqa: E402
import numpy as np  # noqa: E402
from jax.scipy.special import erf  # noqa: E402

jax.config.update("jax_enable_x64", True)
VERSION = f"JAX {jax.__version__}"


def total(x):
    return {"result": jnp.sum(x)}


def saxpy(a, x, y):
    return {2: a * x + y}


def bs(S, X, T, r, v, call, put):
    sq = jnp.sqrt(T)
    d1 = (jnp.log(S / X) + (r + 0.5 * v * v) * T) / (v * sq)
    d2 = d1 - v * sq
    c1, c2 = 0.5 + 0.5 * erf(d1 * 0.7071067811865476), 0.5 + 0.5 * erf(d2 * 0.7071067811865476)
    e = jnp.exp(-r * T)
    return {5: S * c1 - X * e * c2, 6: X * e * (1.0 - c2) - S * (1.0 - c1)}


def mandel(out, x0, x1, y0, y1, maxit):
    h, w = out.shape
    cr = jnp.broadcast_to(x0 + jnp.arange(w) * ((x1 - x0) / w), (h, w))
    ci = jnp.broadcast_to((y0 + jnp.arange(h) * ((y1 - y0) / h))[:, None], (h, w))

    def step(_, state):
        zr, zi, n = state
        inside = zr * zr + zi * zi <= 4.0
        return (jnp.where(inside, zr * zr - zi * zi + cr, zr), jnp.where(inside, 2.0 * zr * zi + ci, zi), n + inside)

    return {0: jax.lax.fori_loop(0, maxit, step, (jnp.zeros((h, w)), jnp.zeros((h, w)), jnp.zeros((h, w), jnp.int64)))[2]}


def sweeps(one, T, A, B):
    """To and fro: what A and B are after T rounds."""

    def both(_, state):
        a, b = state
        b = one(a, b)
        return one(b, a), b

    a, b = jax.lax.fori_loop(0, T, both, (A, B))
    return {1: a, 2: b}


def jac1(T, A, B):
    return sweeps(lambda s, d: d.at[1:-1].set(0.33333 * (s[:-2] + s[1:-1] + s[2:])), T, A, B)


def jac2(T, A, B):
    return sweeps(lambda s, d: d.at[1:-1, 1:-1].set(
        0.2 * (s[1:-1, 1:-1] + s[1:-1, :-2] + s[1:-1, 2:] + s[2:, 1:-1] + s[:-2, 1:-1])), T, A, B)


def stencil3(T, A, B):
    c = slice(1, -1)
    return sweeps(lambda s, d: d.at[c, c, c].set(0.4 * s[c, c, c] + 0.1 * (
        s[:-2, c, c] + s[2:, c, c] + s[c, :-2, c] + s[c, 2:, c] + s[c, c, :-2] + s[c, c, 2:])), T, A, B)


def matmul(A, B, C):
    return {2: A @ B}


def pdist(X, D):
    t = X[:, None, :] - X[None, :, :]
    return {1: jnp.sqrt((t * t).sum(axis=2))}


def hist(x, nb):
    return {"result": jnp.bincount((x * nb).astype(jnp.int64), length=256)}


def aexpr(a, b, c):
    return {"result": a * b + jnp.sqrt(c)}


def nbody(P, M, acc, eps):
    d = P[None, :, :] - P[:, None, :]
    r2 = (d * d).sum(axis=2) + eps
    return {2: ((M / (r2 * jnp.sqrt(r2)))[:, :, None] * d).sum(axis=1)}


def softmax(X, Y):
    return {1: jax.nn.softmax(X, axis=1)}


def l2rows(X, out):
    return {1: jnp.sqrt((X * X).sum(axis=1))}


def fft(xr, xi, yr, yi):
    y = jnp.fft.fft(xr + 1j * xi)
    return {2: y.real, 3: y.imag}


def sort(x, out):
    return {1: jnp.sort(x)}


def prefix(x, out):
    return {1: jnp.cumsum(x)}


def bs32(S, X, T, r, v, call, put):
    f = jnp.float32

    def below(d):
        a = jnp.abs(d)
        k = f(1) / (f(1) + f(0.2316419) * a)
        p = k * (f(0.31938153) + k * (f(-0.356563782) + k * (f(1.781477937) + k * (f(-1.821255978) + k * f(1.330274429)))))
        tail = f(0.39894228) * jnp.exp(f(-0.5) * a * a) * p
        return jnp.where(d > 0, f(1) - tail, tail)

    sq = jnp.sqrt(T)
    d1 = (jnp.log(S / X) + (r + f(0.5) * v * v) * T) / (v * sq)
    c1, c2, e = below(d1), below(d1 - v * sq), jnp.exp(-r * T)
    return {5: S * c1 - X * e * c2, 6: X * e * (f(1) - c2) - S * (f(1) - c1)}


FUNCTIONS = {"sum": total, "jac2a": jac2, **{f.__name__: f for f in (
    saxpy, bs, mandel, jac1, jac2, stencil3, matmul, pdist, hist, aexpr, nbody, softmax, l2rows, fft, sort, prefix, bs32)}}
STATIC = {"hist": (1,), "mandel": (5,)}


def compiled(name):
    """A call of the kernel's arguments that copies what it computed into them when asked to."""
    jitted = jax.jit(FUNCTIONS[name], static_argnums=STATIC.get(name, ()))
    held = {}

    def call(*arguments, keep=False):
        if not held or any(a is not b for a, b in zip(arguments, held["of"])):
            held["of"] = arguments
            held["inputs"] = [jnp.asarray(a) if isinstance(a, np.ndarray) else a for a in arguments]
        out = jax.block_until_ready(jitted(*held["inputs"]))
        if keep:
            for place, value in out.items():
                if place != "result":
                    arguments[place][...] = value
        return np.asarray(out["result"]) if "result" in out else None

    return call
