"""Jacobi's stencil of five points, to and fro, written as array expressions."""

from .jac2 import SIZES, flops, inputs, reference, swept, traffic  # noqa: F401 (jac2's are its own)


def jac2a(T, A, B):
    for t in range(T):
        B[1:-1, 1:-1] = 0.2 * (A[1:-1, 1:-1] + A[1:-1, :-2] + A[1:-1, 2:] + A[2:, 1:-1] + A[:-2, 1:-1])
        A[1:-1, 1:-1] = 0.2 * (B[1:-1, 1:-1] + B[1:-1, :-2] + B[1:-1, 2:] + B[2:, 1:-1] + B[:-2, 1:-1])
