"""How fast each PolyBench kernel could be on this machine: its operations at the peak of multiply-adds, or its arrays read
and written once at the bandwidth of a triad over as many bytes, whichever takes longer. No schedule beats that; tiles get
near it where the second bound is the larger one only if every array really is touched once.
"""
import ctypes

import measure
import numpy as np
from kernels.polybench import load

# operations of a run, from the kernel's sizes (a multiply-add counts two, a division or a root one)
OPERATIONS = {
    "adi": lambda t, n: 30 * t * n * n,
    "atax": lambda m, n: 4 * m * n,
    "bicg": lambda m, n: 4 * m * n,
    "cholesky": lambda n: n**3 / 3,
    "correlation": lambda m, n: m * m * n + 8 * m * n,
    "covariance": lambda m, n: m * m * n + 2 * m * n,
    "deriche": lambda w, h: 32 * w * h,
    "doitgen": lambda q, r, p: 2 * q * r * p * p,
    "durbin": lambda n: 2 * n * n,
    "fdtd_2d": lambda t, x, y: 11 * t * x * y,
    "floyd_warshall": lambda n: 2 * n**3,
    "gemm": lambda i, j, k: 2 * i * j * k + 2 * i * k,
    "gemver": lambda n: 10 * n * n,
    "gesummv": lambda n: 4 * n * n,
    "gramschmidt": lambda m, n: 2 * m * n * n,
    "heat_3d": lambda t, n: 30 * t * n**3,
    "jacobi_1d": lambda t, n: 6 * t * n,
    "jacobi_2d": lambda t, n: 10 * t * n * n,
    "k2mm": lambda i, j, k, l: 2 * i * j * k + 2 * i * l * j,
    "k3mm": lambda i, j, k, l, m: 2 * i * j * k + 2 * j * l * m + 2 * i * l * j,
    "lu": lambda n: 2 * n**3 / 3,
    "ludcmp": lambda n: 2 * n**3 / 3 + 2 * n * n,
    "mvt": lambda n: 4 * n * n,
    "nussinov": lambda n: n**3 / 3,
    "seidel_2d": lambda t, n: 9 * t * n * n,
    "symm": lambda m, n: 2 * m * m * n,
    "syr2k": lambda m, n: 2 * m * n * n,
    "syrk": lambda m, n: m * n * n,
    "trisolv": lambda n: n * n,
    "trmm": lambda m, n: m * m * n,
}
HALF_READ = {"cholesky", "lu", "trisolv", "nussinov"}  # a triangle of the matrix, or no more than its size once


def settle(numbers, size_name):
    """Kernels measured in several processes share the highest peak that one of them saw: on a busy machine some see less."""
    operations = {name: OPERATIONS[name](*load(name)[2][size_name]) for name in numbers}
    bounded = [name for name in numbers if numbers[name]["bound"] == "operations"]
    peak = max((operations[name] / numbers[name]["floor"] for name in bounded), default=0)
    for name in bounded:
        numbers[name]["floor"] = operations[name] / peak


class Machine:
    """Peak and bandwidth with a number of threads."""

    def __init__(self, threads):
        self.library = measure.c_library("limits", "-fopenmp")
        self.library.omp_set_num_threads(threads)
        for name in ("limit_fma", "limit_triad"):
            getattr(self.library, name).restype = ctypes.c_double
        out = np.zeros(64 * threads)
        times = 200
        took = min(self.library.limit_fma(ctypes.c_int64(times), ctypes.c_void_p(out.ctypes.data)) for _ in range(50))
        self.peak = 2 * 64 * 1000 * times * threads / took
        self.bandwidths = {}

    def bandwidth(self, size):
        """Bytes a second that a triad moves over `size` bytes, the next power of two above."""
        size = 1 << max(16, int(size - 1).bit_length())
        if size not in self.bandwidths:
            n, times = size // 24, max(1, (1 << 26) // size)
            arrays = [np.ones(n) for _ in range(3)]
            pointers = [ctypes.c_void_p(a.ctypes.data) for a in arrays]
            took = min(self.library.limit_triad(*pointers, ctypes.c_int64(n), ctypes.c_int64(times)) for _ in range(5))
            self.bandwidths[size] = 24 * n * times / took
        return self.bandwidths[size]

    def floor(self, name, size, footprint):
        """(seconds, which of the two bounds it is)"""
        touched = footprint / 2 if name in HALF_READ else footprint
        compute, memory = OPERATIONS[name](*size) / self.peak, touched / self.bandwidth(footprint)
        return (compute, "operations") if compute >= memory else (memory, "bytes")
