"""The same answers from the libraries that people know: OpenBLAS and LAPACK, SciPy's transforms and sparse matrices."""
import numpy as np
import scipy
from scipy import fft as transforms
from scipy import sparse, special
from scipy.linalg import lapack

VERSION = f"SciPy {scipy.__version__}, OpenBLAS {np.show_config('dicts')['Build Dependencies']['blas']['version']}"
threads = [1]


def bs(S, X, T, r, v, call, put):
    sq = np.sqrt(T)
    d1 = (np.log(S / X) + (r + 0.5 * v * v) * T) / (v * sq)
    c1 = 0.5 + 0.5 * special.erf(d1 * 0.7071067811865476)
    c2 = 0.5 + 0.5 * special.erf((d1 - v * sq) * 0.7071067811865476)
    e = np.exp(-r * T)
    call[:] = S * c1 - X * e * c2
    put[:] = X * e * (1.0 - c2) - S * (1.0 - c1)


def spmv(starts, columns, values, x, y):
    y[:] = sparse.csr_array((values, columns, starts), shape=(len(y), len(x)), copy=False) @ x


def fft(xr, xi, yr, yi):
    y = transforms.fft(xr + 1j * xi, workers=threads[0], overwrite_x=True)
    yr[:], yi[:] = y.real, y.imag


def lu(A, F):
    """Its columns' diagonal dominates, so exchanging rows never happens. LAPACK counts by columns: of the transposed matrix
    it makes U' and L', with ones on the wrong one's diagonal, so the matrix is copied into its order."""
    factors, _, _ = lapack.dgetrf(A)
    F[:] = factors


FUNCTIONS = {f.__name__: f for f in (bs, spmv, fft, lu)}
