"""The fast Fourier transform of a length that is a power of two, real and imaginary parts apart (Stockham's order)."""

import math

import numpy as np

SIZES = {"SMALL": (7,), "CACHE": (10,), "FULL": (19,)}


def inputs(size, rng):
    n = 1 << size[0]
    return rng.random(n), rng.random(n), np.zeros(n), np.zeros(n)


def fft(xr, xi, yr, yi):
    n = xr.shape[0]
    wr = np.empty(n // 2)
    wi = np.empty(n // 2)
    for k in range(n // 2):
        wr[k] = math.cos(-2.0 * math.pi * k / n)
        wi[k] = math.sin(-2.0 * math.pi * k / n)
    re = np.empty((2, n))
    im = np.empty((2, n))
    for k in range(n):
        re[0, k] = xr[k]
        im[0, k] = xi[k]
    source = 0
    run = 1
    while run < n:
        groups = n // (2 * run)
        target = 1 - source
        for j in range(groups):
            c = wr[j * run]
            s = wi[j * run]
            for k in range(run):
                ar = re[source, j * run + k]
                ai = im[source, j * run + k]
                br = re[source, j * run + k + n // 2]
                bi = im[source, j * run + k + n // 2]
                re[target, 2 * j * run + k] = ar + br
                im[target, 2 * j * run + k] = ai + bi
                re[target, 2 * j * run + run + k] = (ar - br) * c - (ai - bi) * s
                im[target, 2 * j * run + run + k] = (ar - br) * s + (ai - bi) * c
        source = target
        run = 2 * run
    for k in range(n):
        yr[k] = re[source, k]
        yi[k] = im[source, k]


def reference(xr, xi, yr, yi):
    y = np.fft.fft(xr + 1j * xi)
    yr[:], yi[:] = y.real, y.imag


def flops(power):
    return 5 * power * 2**power


def traffic(power):
    return 64 * 2**power  # in, out and the two buffers of a cached run; 32 * power * 2**power pass by pass


def own(power):
    return 40 * 2**power
