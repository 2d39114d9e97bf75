"""Prices of European and Asian call options by Monte-Carlo simulation, with random numbers made in the kernel.

The random numbers are counter-based: number k of path p is a hash of (seed, p, k). So no state is shared between
paths, and the price is the same whichever thread runs which path.

    python examples/options.py --paths 1000000
"""
import argparse
import math
import time

from plait import njit, prange


@njit
def mixed(x):
    """A 32-bit hash (the finaliser of MurmurHash3)."""
    x = x & 0xFFFFFFFF
    x = ((x ^ (x >> 16)) * 0x85EBCA6B) & 0xFFFFFFFF
    x = ((x ^ (x >> 13)) * 0xC2B2AE35) & 0xFFFFFFFF
    return x ^ (x >> 16)


@njit
def uniform(seed, path, number):
    """In (0, 1)."""
    return (mixed(mixed(mixed(seed) + path) + number) + 0.5) / 4294967296.0


@njit
def normal(seed, path, number):
    """Standard normal, by the Box-Muller transform."""
    radius = math.sqrt(-2.0 * math.log(uniform(seed, path, 2 * number)))
    return radius * math.cos(2.0 * math.pi * uniform(seed, path, 2 * number + 1))


@njit(parallel=True)
def simulate(paths, steps, spot, strike, rate, volatility, years, seed):
    """(European price, its standard error, Asian price)."""
    step = years / steps
    drift = (rate - 0.5 * volatility * volatility) * step
    shake = volatility * math.sqrt(step)
    total = 0.0
    squares = 0.0
    asian = 0.0
    for p in prange(paths):
        log_price = math.log(spot)
        mean = 0.0
        for t in range(steps):
            log_price += drift + shake * normal(seed, p, t)
            mean += math.exp(log_price)
        gain = max(math.exp(log_price) - strike, 0.0)
        total += gain
        squares += gain * gain
        asian += max(mean / steps - strike, 0.0)
    discount = math.exp(-rate * years)
    variance = max(squares / paths - (total / paths) ** 2, 0.0)
    return discount * total / paths, discount * math.sqrt(variance / paths), discount * asian / paths


def black_scholes(spot, strike, rate, volatility, years):
    """The European price in closed form, to compare with."""
    d1 = (math.log(spot / strike) + (rate + volatility**2 / 2) * years) / (volatility * math.sqrt(years))
    d2 = d1 - volatility * math.sqrt(years)
    below = lambda x: 0.5 * math.erfc(-x / math.sqrt(2.0))
    return spot * below(d1) - strike * math.exp(-rate * years) * below(d2)


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--paths", type=int, default=200_000)
    parser.add_argument("--steps", type=int, default=16)
    options = parser.parse_args(argv)

    market = (100.0, 105.0, 0.03, 0.25, 1.0)
    start = time.perf_counter()
    price, error, asian = simulate(options.paths, options.steps, *market, 2024)
    print(f"{options.paths} paths of {options.steps} steps in {time.perf_counter() - start:.3f} s (compiling included)")
    print(f"European call {price:.4f} +- {error:.4f} (closed form {black_scholes(*market):.4f}), Asian call {asian:.4f}")
    return price, error, asian


if __name__ == "__main__":
    main()
