"""The kernels in C: the loops as they are (c/loops.c) by gcc and clang, strict and fast, by Polly; and what a person makes of
them by hand (c/best.c)."""
import ctypes
import hashlib
import pathlib
import shutil
import subprocess

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent / "c"
CLANG = shutil.which("clang-19") or shutil.which("clang") or "clang"
VECLIB = ("-fveclib=libmvec",)
FAST, STRICT = ("-ffast-math",), ("-fno-math-errno",)
POLLY = ("-mllvm", "-polly", "-mllvm", "-polly-parallel", "-mllvm", "-polly-omp-backend=GNU",
         "-mllvm", "-polly-vectorizer=stripmine")
WIDE = ("-mprefer-vector-width=512",)

# name → (compiler, source, flags, OpenMP)
BUILDS = {
    "gcc": ("gcc", "loops", STRICT, True),
    "gcc fast": ("gcc", "loops", FAST, True),
    "gcc fast wide": ("gcc", "loops", FAST + WIDE, True),
    "clang": (CLANG, "loops", STRICT, True),
    "clang fast": (CLANG, "loops", FAST + VECLIB, True),
    "clang fast wide": (CLANG, "loops", FAST + VECLIB + WIDE, True),
    "polly fast": (CLANG, "loops", FAST + VECLIB + POLLY, False),
    "by hand, gcc": ("gcc", "best", FAST + WIDE, True),
    "by hand, clang": (CLANG, "best", FAST + WIDE, True),
}

lengths = lambda place: lambda *a: a[place].shape
# the extents behind the Python function's arguments
EXTENTS = {
    "sum": lengths(0), "saxpy": lengths(1), "bs": lengths(0), "mandel": lengths(0), "jac1": lengths(1), "jac2": lengths(1),
    "matmul": lambda A, B, C: (A.shape[0], B.shape[1], A.shape[1]), "pdist": lengths(0), "hist": lengths(0),
    "aexpr": lengths(0), "nbody": lambda P, *rest: P.shape[:1], "softmax": lengths(0), "l2rows": lengths(0),
    "spmv": lengths(4), "stencil3": lengths(1), "fft": lengths(0), "sort": lengths(0), "equalize": lengths(0),
    "lu": lambda A, F: A.shape[:1], "prefix": lengths(0), "kmeans": lambda t, X, C, nearest: (*X.shape, C.shape[0]),
    "queens": lambda n: (), "bs32": lengths(0),
}
RESULTS = {"sum": ctypes.c_double, "queens": ctypes.c_int64}
# results that are arrays: one more argument
ARRAYS = {"hist": lambda x, nb: np.zeros(nb, np.int64), "aexpr": lambda a, b, c: np.zeros(a.shape)}
SAME = {"jac2a": "jac2"}


def version(compiler):
    line = subprocess.run([compiler, "--version"], capture_output=True, text=True).stdout.splitlines()[0]
    return line.replace("Debian ", "").split(" (")[0] if "clang" in line else f"gcc {line.split()[-1]}"


def has_polly():
    try:
        return subprocess.run([CLANG, *POLLY, "-O3", "-x", "c", "-c", "-o", "/dev/null", "/dev/null"], capture_output=True).returncode == 0
    except OSError:
        return False


def library(folder, compiler, source, flags, openmp):
    """Objects are linked without -ffast-math, which would make the whole process flush subnormal numbers to zero."""
    text = HERE / f"{source}.c"
    command = [compiler, "-O3", "-march=native", "-std=gnu17", "-fPIC", *flags, *(("-fopenmp",) if openmp else ())]
    key = hashlib.sha256(repr(command).encode() + text.read_bytes()).hexdigest()[:16]
    target, part = pathlib.Path(folder) / f"{source}-{key}.so", pathlib.Path(folder) / f"{source}-{key}.o"
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run([*command, "-c", text, "-o", part], check=True, capture_output=True)
        openmp_library = ["-fopenmp"] if openmp else ["-lgomp"]
        subprocess.run([compiler, "-shared", "-o", target, part, *openmp_library, "-lmvec", "-lm"], check=True,
                       capture_output=True)
    return ctypes.CDLL(str(target))


def as_c(value):
    if isinstance(value, np.ndarray):
        return ctypes.c_void_p(value.ctypes.data)
    if isinstance(value, np.float32):
        return ctypes.c_float(value)
    return ctypes.c_double(value) if isinstance(value, float) else ctypes.c_int64(value)


def call_of(function, name):
    function.restype = RESULTS.get(name)
    held = {}

    def call(*arguments):
        if not held or any(a is not b for a, b in zip(arguments, held["of"])):
            extra = ARRAYS[name](*arguments) if name in ARRAYS else None
            extents = [ctypes.c_int64(n) for n in EXTENTS[name](*arguments)]
            held["list"] = [*map(as_c, arguments), *extents, *([] if extra is None else [as_c(extra)])]
            held["of"], held["extra"] = arguments, extra
        result = function(*held["list"])
        return held["extra"] if name in ARRAYS else result

    return call


def builds(folder, name):
    """(how, call, a function that sets the number of threads) of every build that has the kernel."""
    name = SAME.get(name, name)
    for how, recipe in BUILDS.items():
        try:
            lib = library(folder, *recipe)
        except (subprocess.CalledProcessError, OSError) as error:
            yield how, error, None
            continue
        function = getattr(lib, name, None)
        if function is not None:
            yield how, call_of(function, name), lib.omp_set_num_threads


def of_polybench(folder, name, size, compiler):
    """A kernel of PolyBench (c/polybench.c: serial loops, compiled for one problem size) by "gcc" or "clang"."""
    sizes = (f"-D{name}", *(f"-DS{i}={n}" for i, n in enumerate(size)))
    command, flags = (CLANG, FAST + VECLIB) if compiler == "clang" else (compiler, FAST)
    kernel = library(folder, command, "polybench", flags + sizes, False).kernel
    kernel.restype = None
    return lambda *arguments: kernel(*map(as_c, arguments))
