"""The Mandelbrot set, cut off at one side: rows cost differently much."""

import numpy as np

EXACT = True
SIZES = {"SMALL": (12, 17, 40), "CACHE": (64, 64, 256), "FULL": (480, 640, 256)}


def inputs(size, rng):
    rows, columns, limit = size
    return np.zeros((rows, columns), np.int64), -2.2, 0.8, -1.2, 0.3, limit


def mandel(out, x0, x1, y0, y1, maxit):
    h = out.shape[0]
    w = out.shape[1]
    dx = (x1 - x0) / w
    dy = (y1 - y0) / h
    for i in range(h):
        for j in range(w):
            cr = x0 + j * dx
            ci = y0 + i * dy
            zr = 0.0
            zi = 0.0
            n = 0
            while n < maxit and zr * zr + zi * zi <= 4.0:
                t = zr * zr - zi * zi + cr
                zi = 2.0 * zr * zi + ci
                zr = t
                n += 1
            out[i, j] = n


def reference(out, x0, x1, y0, y1, maxit):
    h, w = out.shape
    cr = np.broadcast_to(x0 + np.arange(w) * ((x1 - x0) / w), (h, w))
    ci = np.broadcast_to((y0 + np.arange(h) * ((y1 - y0) / h))[:, None], (h, w))
    zr, zi = np.zeros((h, w)), np.zeros((h, w))
    out[:] = 0
    inside = np.ones((h, w), bool)
    for _ in range(maxit):
        inside &= zr * zr + zi * zi <= 4.0
        if not inside.any():
            break
        out += inside
        zr, zi = np.where(inside, zr * zr - zi * zi + cr, zr), np.where(inside, 2.0 * zr * zi + ci, zi)


def flops(rows, columns, limit):
    return 10 * rows * columns * limit * 0.33  # a third of the limit is what a point takes in this picture


def traffic(rows, columns, limit):
    return 8 * rows * columns
