"""The command: files in, files out, exit statuses, messages."""
import ctypes
import json
import os
import pathlib
import re
import shutil
import subprocess

import numpy as np
import pytest

ROOT = pathlib.Path(__file__).parents[2]

KERNELS = '''
import math
import numpy as np
from math import pi
from collections import namedtuple

import numba as nb
from numba import njit, prange, float64

N = 3
SIZES = (1, 2.5, True)
OFFSET = -N * 2 ** 5 + 7 // 2
TABLE = np.array([[1.0, 2.0], [3.0, 4.0]])
Point = namedtuple("Point", "x y")
seconds = open("nothing")


class Oops(ValueError):
    pass


@njit
def add(a, b=2.5):
    return a + b


@njit("float64(float64, float64)")
def mul(a, b):
    return a * b


@njit([float64(float64), "int64(int64)"])
def two(x):
    return x


@nb.njit(parallel=True)
def saxpy(a, x, y):
    for i in prange(x.shape[0]):
        y[i] = a * x[i] + y[i]


@njit
def prefix(x):
    for i in range(1, len(x)):
        x[i] += x[i - 1]


@njit
def identity(x):
    return x


@njit
def constants(n):
    return OFFSET + N, SIZES[1] + pi, TABLE[1, 0] + TABLE[n, n]


@njit
def kinds(i, f, z, b, t):
    return i, f, z, b, t[0] + t[1]


@njit
def at(x, i):
    return x[i]


@njit
def fail(x):
    if x < 0:
        raise Oops("negative")
    return x


@njit
def fact(n):
    return 1 if n < 2 else n * fact(n - 1)


def plain(x):
    return x


@njit
def calls_plain(x):
    return plain(x)


@njit
def reads_unknown(x):
    return x + seconds


if __name__ == "__main__":
    N = 1000
'''


def find_plait():
    """The command under test: PLAIT_CLI, else the newest build of this tree, else the installed one."""
    built = sorted(filter(pathlib.Path.is_file, ROOT.glob("build/*/plait")), key=lambda path: -path.stat().st_mtime)
    places = [os.environ.get("PLAIT_CLI"), *map(str, built), shutil.which("plait")]
    return next(filter(None, places), None)


PLAIT = find_plait()
pytestmark = pytest.mark.skipif(PLAIT is None, reason="the command is not built")


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "k.py").write_text(KERNELS)
    return tmp_path


@pytest.fixture
def plait(folder):
    """plait(word, …) → the finished process; `fails`: the exit status expected."""

    def run(*words, fails=0):
        done = subprocess.run([PLAIT, *map(str, words)], cwd=folder, capture_output=True, text=True, timeout=120)
        assert done.returncode == fails, f"{words}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    return run


# ---- run -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words, printed",
    [
        (("add", "3", "4"), "7"),
        (("add", "3"), "5.5"),
        (("add", "-3", "-.5"), "-3.5"),
        (("add", "1e3", "2j"), "(1000+2j)"),
        (("fact", "10"), "3628800"),
        (("identity", "True"), "True"),
        (("identity", "None"), ""),
        (("identity", "(1, (2.5, False))"), "(1, (2.5, False))"),
        (("identity", "18446744073709551615"), "18446744073709551615"),
        (("kinds", "-1", "0.1", "1j", "False", "(1, 2.5)"), "(-1, 0.1, 1j, False, 3.5)"),
        (("add", "--sig", "float32(float32, float32)", "1", "0.1"), "1.1"),
    ],
)
def test_scalars_go_in_and_come_out(plait, words, printed):
    name, *rest = words
    assert plait("run", f"k.py:{name}", *rest).stdout.strip() == printed


def test_constants_of_the_file_are_read_without_running_it(plait):
    offset, size, table = eval(plait("run", "k.py:constants", "1").stdout)
    assert (offset, size, table) == (-93 + 3, 2.5 + np.pi, 7.0)


DTYPES = ["?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f4", "f8", "c8", "c16"]


@pytest.mark.parametrize("dtype", DTYPES)
def test_arrays_of_every_dtype_survive_the_way_through(plait, folder, dtype):
    a = (np.arange(12) * 7 % 5).reshape(3, 4).astype(dtype)
    np.save(folder / "a.npy", a)
    plait("run", "k.py:identity", "a.npy", "-o", "b.npy")
    b = np.load(folder / "b.npy")
    assert b.dtype == a.dtype and b.flags.c_contiguous
    np.testing.assert_array_equal(a, b)


def test_fortran_order_is_kept(plait, folder):
    a = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    np.save(folder / "a.npy", a)
    plait("run", "k.py:identity", "a.npy", "-o", "b.npy")
    b = np.load(folder / "b.npy")
    assert b.flags.f_contiguous and not b.flags.c_contiguous
    np.testing.assert_array_equal(a, b)


def test_other_byte_order_is_read(plait, folder):
    np.save(folder / "a.npy", np.arange(5, dtype=">f4"))
    plait("run", "k.py:identity", "a.npy", "-o", "b.npy")
    np.testing.assert_array_equal(np.load(folder / "b.npy"), np.arange(5, dtype="f4"))


@pytest.mark.parametrize("shape", [(), (0,), (3, 0, 2), (1, 2, 3, 4)])
def test_odd_shapes_survive(plait, folder, shape):
    a = np.arange(np.prod(shape, dtype=int), dtype="f8").reshape(shape)
    np.save(folder / "a.npy", a)
    plait("run", "k.py:identity", "a.npy", "-o", "b.npy")
    assert np.load(folder / "b.npy").shape == shape


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_every_version_of_the_format_is_read(plait, folder, version):
    with open(folder / "a.npy", "wb") as file:
        np.lib.format.write_array(file, np.arange(4.0), version=version)
    assert plait("run", "k.py:at", "a.npy", "-1").stdout == "3.0\n"


def test_changed_argument_is_saved(plait, folder):
    x, y = np.arange(1000.0), np.ones(1000)
    np.save(folder / "x.npy", x)
    np.save(folder / "y.npy", y)
    for threads in 1, 2:
        plait("run", "k.py:saxpy", "2.0", "x.npy", "y.npy", "--save", "y=out.npy", "-t", threads)
        np.testing.assert_array_equal(np.load(folder / "out.npy"), 2 * x + y)


def test_small_result_array_is_printed_as_numpy_does(plait, folder):
    a = np.array([[1.5, -2.0], [np.nan, 1e10]])
    np.save(folder / "a.npy", a)
    assert plait("run", "k.py:identity", "a.npy").stdout == f"{a}\n"


def test_index_out_of_range_is_told_with_its_line(plait, folder):
    np.save(folder / "x.npy", np.zeros(5))
    error = plait("run", "k.py:at", "x.npy", "7", fails=1).stderr
    line = KERNELS[: KERNELS.index("return x[i]")].count("\n") + 1
    assert error == f'  File "k.py", line {line}, in at\nIndexError: index 7 is out of bounds for axis 0 with size 5\n'


def test_own_exceptions_are_told(plait):
    assert plait("run", "k.py:fail", "1").stdout == "1\n"
    assert "Oops: negative" in plait("run", "k.py:fail", "-1", fails=1).stderr


def test_time_is_printed_beside_the_result(plait):
    done = plait("run", "k.py:add", "1", "2", "--time=3")
    assert done.stdout == "3\n" and float(done.stderr.split()[0]) < 1


@pytest.mark.parametrize(
    "content, message",
    [
        (b"", "not a .npy file"),
        (b"\x93NUMPY\x01\x00", "the file ends too early"),
        (b"\x93NUMPY\x09\x00\x00\x00", "version 9 of the format is not supported"),
        (b"\x93NUMPY\x01\x00\x03\x00{'a", "the header is malformed"),
        (b"\x93NUMPY\x02\x00\xff\xff\xff\xff", "the header is too long"),
    ],
)
def test_damaged_files_are_refused(plait, folder, content, message):
    (folder / "a.npy").write_bytes(content)
    assert plait("run", "k.py:identity", "a.npy", fails=1).stderr == f"plait: a.npy: {message}\n"


@pytest.mark.parametrize(
    "header, message",
    [
        ("{'descr': '<f2', 'fortran_order': False, 'shape': (1,), }", "dtype '<f2' is not supported"),
        ("{'descr': [('x', '<f8')], 'fortran_order': False, 'shape': (1,), }", "structured dtypes are not supported"),
        ("{'descr': '<f8', 'fortran_order': False, 'shape': (-1,), }", "the header's shape is malformed"),
        ("{'descr': '<f8', 'fortran_order': False}", "the header is malformed"),
        ("{'descr': '<f8', 'fortran_order': False, 'shape': (9,), }", "the file ends too early"),
        ("{'descr': '<f8', 'fortran_order': False, 'shape': (%s), }" % ("99999999999," * 3), "the array is too large"),
    ],
)
def test_damaged_headers_are_refused(plait, folder, header, message):
    text = header.encode()
    (folder / "a.npy").write_bytes(b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text)
    assert plait("run", "k.py:identity", "a.npy", fails=1).stderr == f"plait: a.npy: {message}\n"


@pytest.mark.parametrize(
    "words, message",
    [
        (("k.py:nothing",), "k.py has no function 'nothing' at module level"),
        (("nowhere.py:f",), "nowhere.py: No such file or directory"),
        (("k.py:add", "print(1)"), "not a constant"),
        (("k.py:add", "1 +"), "<argument>:1:4: error"),
        (("k.py:add", "1", "2", "3"), "takes 2 arguments"),
        (("k.py:add", "1", "2", "-o", "x.npy"), "the result has no array for it"),
        (("k.py:add", "1", "2", "--save", "a=x.npy"), "there is no such array argument"),
        (("k.py:calls_plain", "1"), "decorate it with @njit"),
        (("k.py:reads_unknown", "1"), "the value of the global 'seconds' is not known when the file is not run"),
    ],
)
def test_what_is_wrong_is_said(plait, words, message):
    assert message in plait("run", *words, fails=1).stderr


@pytest.mark.parametrize(
    "words",
    [("frobnicate",), ("run",), ("run", "--nonsense", "k.py:add"), ("run", "k.py:add", "--opt"), ("compile", "k.py:mul"),
     ("compile", "k.py:mul", "-o", "a.exe"), ("run", "k.py:add", "1", "2", "--threads", "many"), ("dump", "kir")],
)  # fmt: skip
def test_misuse_has_its_own_exit_status(plait, words):
    assert plait(*words, fails=2).stderr.startswith("plait: ")


@pytest.mark.parametrize("words, allowed", [
    (["compile", "k.py:at", "-o", "o.o", "--opt", "7"], "0, 1, 2 or 3"),
    (["compile", "k.py:at", "-o", "o.o", "--chunk", "-1"], "a whole number from 0 (chosen from the work) to 2305843009213693951"),
    (["compile", "k.py:at", "-o", "o.o", "--chunk", "99999999999999999999"], "to 2305843009213693951"),
    (["compile", "k.py:at", "-o", "o.o", "--chunk", "2305843009213693952"], "to 2305843009213693951"),
    (["compile", "k.py:at", "-o", "o.o", "--tile", "wide"], "1073741824"),
    (["compile", "k.py:at", "-o", "o.o", "--parallel=yes"], "require, or no value"),
    (["run", "k.py:at", "--threads", "0"], "a whole number from 1 to 4096"),
    (["run", "k.py:at", "--threads", "5000"], "a whole number from 1 to 4096"),
    (["run", "k.py:at", "--time=0"], "a whole number from 1 on"),
    (["run", "k.py:at", "--save", "x"], "NAME=FILE"),
    (["topology", "--placement", "everywhere"], "spread, compact, numa, cores, threads, none or a list such as 0-3,8"),
    (["topology", "--svg", ""], "the name of a file"),
    (["perf", "run", "s.yaml", "--processes", "1"], "a whole number from 2 to 1000"),
    (["perf", "run", "s.yaml", "--precision", "2"], "a share above 0 and below 1"),
    (["perf", "run", "s.yaml", "--budget", "5%"], "seconds, above 0 and below 1000000"),
    (["perf", "compare", "a.json", "--fail-above", "x"], "a share from 0 to below 10"),
])
def test_bad_values_are_answered_with_what_is_allowed(plait, words, allowed):
    error = plait(*words, fails=2).stderr
    assert allowed in error and f"--{next(w for w in words if w.startswith('--')).partition('=')[0][2:]}" in error


@pytest.mark.parametrize("option, known", [
    ("error-model", '"python" or "numpy"'), ("schedule", '"static", "dynamic" or "guided"'), ("math", '"sleef" or "libmvec"'),
    ("race", '"warn", "trust" or "check"'), ("fastmath", "reassoc and fast are known"), ("cpu", "LLVM's names are meant"),
])
def test_unknown_words_are_answered_with_those_that_are_known(plait, option, known):
    word = [f"--{option}=odd"]
    assert known in plait("compile", "k.py:at", "--sig", "(float64[:], int64)", "-o", "o.o", *word, fails=1).stderr


def test_syntax_errors_have_a_caret(plait, folder):
    (folder / "bad.py").write_text("def f(x):\n    return x +\n")
    error = plait("run", "bad.py:f", "1", fails=1).stderr
    assert error.startswith("bad.py:2:") and "^" in error


# ---- compile -------------------------------------------------------------------------------------------------------


def test_every_kind_of_output_is_written(plait, folder):
    outputs = ["a.o", "a.so", "a.ll", "a.s", "a.h"]
    plait("compile", "k.py:mul", *(word for name in outputs for word in ("-o", name)))
    assert all((folder / name).stat().st_size > 100 for name in outputs)
    assert (folder / "a.o").read_bytes()[:4] == b"\x7fELF"
    assert "define" in (folder / "a.ll").read_text()
    assert "ret" in (folder / "a.s").read_text()


def test_tiles_are_a_number_or_edges(plait, folder):
    (folder / "m.py").write_text("from plait import njit\n@njit('(f8[:,::1], f8[:,::1], f8[:,::1])', parallel=True, tile=(16, 48))\n"
                                 "def mul(a, b, c):\n    for i in range(a.shape[0]):\n        for j in range(b.shape[1]):\n"
                                 "            for k in range(a.shape[1]):\n                c[i, j] += a[i, k] * b[k, j]\n")
    for words, found in ([], {"i": 16}), (["--tile", "8"], {"i": 8, "j": 8, "k": 8}), (["--tile", "8,0,24"], {"i": 8, "k": 24}):
        edges = dict(re.findall(r"(\w) by (?:at most )?(\d+)", plait("explain", "m.py:mul", *words).stdout))
        assert {loop: int(edges[loop]) for loop in found} == found
    for bad in "8,x", "1,2,3,4,5", ",", "8,40000", "-1,2":
        assert "up to four from 0 to 32767" in plait("explain", "m.py:mul", "--tile", bad, fails=2).stderr


def test_shared_library_is_callable(plait, folder):
    plait("compile", "k.py:mul", "-o", "a.so")
    symbol = plait("dump", "object-symbol", "k.py:mul").stdout.strip()
    entry = getattr(ctypes.CDLL(str(folder / "a.so")), symbol)
    args = np.array([6.0, 7.0]).view(np.int64)
    result = np.zeros(1, np.int64)
    error = np.zeros(16, np.int64)
    pointer = ctypes.c_void_p
    assert entry(pointer(args.ctypes.data), pointer(result.ctypes.data), pointer(error.ctypes.data)) == 0
    assert result.view(np.float64)[0] == 42.0


def test_signature_must_be_chosen_among_several(plait):
    error = plait("compile", "k.py:two", "-o", "a.o", fails=1).stderr
    assert '--sig "float64(float64)"' in error and '--sig "int64(int64)"' in error
    plait("compile", "k.py:two", "--sig", "int64(int64)", "-o", "a.o")


def test_missing_signature_is_asked_for(plait):
    assert "give one by --sig" in plait("compile", "k.py:add", "-o", "a.o", fails=1).stderr


def test_unwritable_output_is_an_error(plait):
    assert "No such file or directory" in plait("compile", "k.py:mul", "-o", "nowhere/a.o", fails=1).stderr


def test_processor_can_be_chosen(plait, folder):
    plait("compile", "k.py:saxpy", "--sig", "f8,f8[::1],f8[::1]", "--cpu", "x86-64", "-o", "plain.s")
    assert "%zmm" not in (folder / "plain.s").read_text() and "%ymm" not in (folder / "plain.s").read_text()


def test_a_product_of_matrices_multiplies_by_numbers_in_memory(plait, folder):
    """With vectors of 512 bits and products that are rounded: loads into all lanes would take the additions' places."""
    (folder / "m.py").write_text("from plait import njit\n@njit(parallel=True)\ndef f(c, a, b):\n" + "".join(
        f"{'    ' * depth}{line}\n" for depth, line in enumerate(
            ("for i in range(c.shape[0]):", "for j in range(c.shape[1]):", "for k in range(a.shape[1]):",
             "c[i, j] += a[i, k] * b[k, j]"), 1)))  # fmt: skip
    words = ("compile", "m.py:f", "--sig", "f8[:,::1],f8[:,::1],f8[:,::1]", "--cpu", "x86-64-v4",
             "--target", "x86_64-linux-gnu")  # fmt: skip
    plait(*words, "-o", "strict.s")
    assert (folder / "strict.s").read_text().count("{1to8}") >= 16
    plait(*words, "--fastmath", "-o", "fast.s")
    assert "vfmadd" in (folder / "fast.s").read_text() and "{1to8}" not in (folder / "fast.s").read_text()
    plait(*words[:4], "--cpu", "x86-64-v3", "--target", "x86_64-linux-gnu", "-o", "plain.s")
    assert "{1to" not in (folder / "plain.s").read_text()


# ---- explain, dump, request ----------------------------------------------------------------------------------------


def test_explain_says_of_every_loop_what_became_of_it(plait):
    parallel = plait("explain", "k.py:saxpy").stdout
    assert "signature (float64, array(float64, 1d, C), array(float64, 1d, C)) guessed" in parallel
    assert "1 loop, 1 parallel" in parallel
    assert "1 loop, 0 parallel" in plait("explain", "k.py:prefix", "--parallel", "--sig", "f8[::1]").stdout


def test_explain_as_json_can_be_read(plait):
    (kernel,) = json.loads(plait("explain", "k.py:saxpy", "--json").stdout)
    assert kernel["function"] == "saxpy" and kernel["guessed"] is True
    assert [loop["decision"] for loop in kernel["loops"]] == ["parallel"]


def test_explain_goes_through_a_whole_file(plait):
    done = plait("explain", "k.py", "--json", fails=1)
    names = [kernel["function"] for kernel in json.loads(done.stdout)]
    assert {"add", "mul", "saxpy", "prefix", "fact"} <= set(names)
    assert "plain" not in names and "calls_plain" not in names
    assert "decorate it with @njit" in done.stderr


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*.py")), ids=lambda path: path.stem)
def test_every_example_can_be_explained(plait, path):
    source = path.read_text()
    done = plait("explain", path)
    assert done.stdout.count(" loop") >= source.count("@njit")


@pytest.mark.parametrize("name, found", [("kir", "fn entry @saxpy"), ("after:simplify", "fn entry @saxpy"),
                                         ("llvm", "define"), ("optimized", "define"), ("asm", ".text"),
                                         ("timings", '"total"'), ("metadata", '"args"'), ("types", "float64"),
                                         ("request", '"source"')])  # fmt: skip
def test_dump_prints_a_stage(plait, name, found):
    assert found in plait("dump", name, "k.py:saxpy", "--sig", "f8,f8[::1],f8[::1]").stdout


def test_dump_of_syntax_needs_no_types(plait):
    assert "FunctionDef" in plait("dump", "ast", "k.py:add").stdout
    assert "NAME" in plait("dump", "tokens", "k.py").stdout


def test_unknown_stage_is_an_error(plait):
    assert "no stage is called 'soup'" in plait("dump", "soup", "k.py:mul", fails=1).stderr


def test_request_file_stands_for_the_function(plait, folder):
    (folder / "r.json").write_text(plait("request", "k.py:mul").stdout)
    request = json.loads((folder / "r.json").read_text())
    assert request["function"] == "mul" and request["signature"] == "float64(float64, float64)"
    (folder / "k.py").unlink()
    assert plait("run", "r.json", "6.0", "7.0").stdout == "42.0\n"


def test_request_holds_only_what_the_kernel_uses(plait):
    request = json.loads(plait("request", "k.py:constants", "--sig", "i8").stdout)
    assert set(request["bindings"]) == {"OFFSET", "N", "SIZES", "pi", "TABLE"}


def test_options_of_the_command_line_win(plait):
    request = json.loads(plait("request", "k.py:saxpy", "--sig", "i8", "--no-parallel", "--opt", "1", "--error-model",
                               "numpy", "--disable", "fuse,tile", "--fastmath=nnan", "--cpu", "generic").stdout)  # fmt: skip
    assert request["options"] == {"parallel": False, "opt": 1, "error_model": "numpy", "disable": ["fuse", "tile"],
                                  "fastmath": ["nnan"]}  # fmt: skip
    assert request["target"] == {"cpu": "generic"}


def test_version_and_help(plait):
    assert plait("--version").stdout.startswith("plait 0.")
    assert all(name in plait("--help").stdout for name in ("compile", "run", "explain", "dump", "request"))
    assert "--threads" in plait("help", "run").stdout and "--threads" not in plait("compile", "--help").stdout


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
@pytest.mark.parametrize("words", [["topology"], ["topology", "--json"], ["topology", "--svg", "-"], ["config"], ["config", "--json"],
                                   ["explain", "saxpy.py"], ["request", "saxpy.py:saxpy"], ["dump", "kir", "saxpy.py:saxpy"],
                                   ["--help"], ["--version"], ["compile", "--help"]])  # fmt: skip
def test_output_that_cannot_be_written_is_an_error(words):
    with open("/dev/full", "w") as full:
        done = subprocess.run([PLAIT, *words], stdout=full, stderr=subprocess.PIPE, text=True, cwd=ROOT / "examples" / "c", timeout=60)
    assert done.returncode == 1 and "cannot be written" in done.stderr
