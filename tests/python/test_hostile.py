"""What a user can do to the package that nobody would expect him to. Every test here stands for a wrong answer, a crash, a
hang or a misleading message that was once there."""

import enum
import os
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from kernel_text import function_of

from plait import dispatcher, njit, prange
from plait.errors import TypingError, UnsupportedError

FAR = 2**63


@njit
def trips_and_length(a, b, c):
    n = 0
    for _ in range(a, b, c):
        n += 1
    return n, len(range(a, b, c))


@pytest.mark.parametrize(
    "bounds",
    [(-FAR, FAR - 1, 2**62), (FAR - 1, -FAR, -(2**62)), (-FAR, FAR - 1, FAR - 1), (FAR - 1, -FAR, -FAR), (0, 10, 3)],
)
def test_ranges_over_all_of_int64_have_their_length(bounds):
    n = len(range(*bounds))
    assert trips_and_length(*bounds) == (n, n)


@njit
def last_of(a, b, c):
    i = -7
    for i in range(a, b, c):
        pass
    return i


@pytest.mark.parametrize("first, end", [(-FAR, 1), (-FAR, 5), (-FAR, FAR - 1), (0, FAR - 1), (-3, FAR - 1), (4, 4)])
@pytest.mark.parametrize("step", [1, 3, 2**61, 2**62, 2**62 + 1, FAR - 1])
def test_the_variable_of_a_range_over_half_of_int64_keeps_its_last_value(first, end, step):
    """Nothing is left of the loop but that value; Python knows it from the range as well."""
    for bounds in ((first, end, step), (end, first, -step)):
        values = range(*bounds)
        assert last_of(*bounds) == (values[-1] if values else -7)


def test_last_values_of_ranges_with_constant_ends():
    falling = njit(function_of("i = 0\nfor i in range(a, -9223372036854775808, -4611686018427387905):\n    pass\nreturn i", "a"))
    for a in (FAR - 1, 1, 0, -1, -FAR):
        assert falling(a) == falling.py_func(a)


def test_a_range_longer_than_int64_has_no_length():
    with pytest.raises(OverflowError):
        njit(lambda a, b: len(range(a, b)))(-FAR, FAR - 1)
    with pytest.raises(OverflowError):
        njit(lambda: len(range(-(2**63), 2**63 - 1)))()


def test_arange_over_all_of_int64():
    arange = njit(lambda a, b, c: np.arange(a, b, c))
    np.testing.assert_array_equal(arange(-FAR, FAR - 1, 2**62), np.arange(-FAR, FAR - 1, 2**62))
    with pytest.raises(ValueError, match="Maximum allowed size"):
        arange(-FAR, FAR - 1, 1)


@pytest.mark.parametrize(
    "text", ["-0x8000000000000000", "2**64-1", "(1<<64)-1", "1<<63", "-2**63", "2**62*2-1", "(-1)**1001", "0**10**6"]
)
def test_integer_literals_are_folded_without_a_limit_on_the_way(text):
    assert njit(function_of(text, ""))() == eval(text)


@pytest.mark.parametrize("text", ["10**100", "2**64", "-(2**63)-1", "1<<200"])
def test_an_integer_literal_that_does_not_fit_is_no_other_number(text):
    with pytest.raises(TypingError, match="too large"):
        njit(function_of(text, ""))()


def test_a_lambda_inside_a_lambda_is_itself():
    make = lambda: njit(lambda x: x + 5)  # noqa: E731
    assert make()(1) == 6
    assert (lambda: (njit(lambda x: x + 7)(1), njit(lambda x: x * 8)(2), njit(lambda *x: len(x))(1, 2)))() == (8, 16, 2)


@njit
def descend(n):
    if n == 0:
        return 0
    return 1 + descend(n - 1)


@njit(parallel=True)
def descend_in_parallel(n):
    total = 0
    for _ in prange(64):
        total += descend(n)
    return total


@pytest.mark.parametrize("kib", [64, 256, 1024])
def test_deep_recursion_on_a_small_stack_raises(kib):
    found = []

    def work():
        try:
            descend(10**9)
        except RecursionError as error:
            found.append(error)

    assert descend(1000) == 1000
    before = threading.stack_size(kib * 1024)
    try:
        thread = threading.Thread(target=work)
        thread.start()
    finally:
        threading.stack_size(before)
    thread.join()
    assert len(found) == 1


def test_recursion_in_a_region_has_its_own_threads_stack():
    assert descend_in_parallel(1000) == 64000
    with pytest.raises(RecursionError):
        descend_in_parallel(10**9)


@pytest.mark.parametrize(
    "array, message",
    [
        (np.zeros(2, "f2"), "dtype float16"),
        (np.zeros(2, [("a", "f8")]), r"dtype \[\('a', '<f8'\)\]"),
        (np.zeros(2, ">i4"), "byte order"),
        (np.zeros(2, "M8[s]"), r"dtype datetime64\[s\]"),
        (np.zeros((1,) * 33) if np.lib.NumpyVersion(np.__version__) >= "2.0.0" else np.zeros(2, "g"), "dimensions|dtype"),
        (np.zeros(2).view(np.recarray), "asarray"),
    ],
)
def test_an_array_that_is_refused_is_told_why(array, message):
    with pytest.raises(TypingError, match=message):
        njit(lambda a: a.ndim)(array)


def test_a_mapped_file_is_an_array(tmp_path):
    mapped = np.memmap(tmp_path / "numbers", dtype="f8", mode="w+", shape=(3,))
    mapped[:] = [1, 2, 3]
    assert njit(lambda a: a.sum())(mapped) == 6.0


def seconds_to_compile(statements):
    long = function_of("x = x + 1; " * statements + "return x", "x")
    begin = time.process_time()
    assert njit(long)(1) == statements + 1
    return time.process_time() - begin


@pytest.mark.parametrize("word", ["and", "or"])
def test_three_thousand_operands(word):
    """They lay one in the other, and the compiler's stack ended."""
    text = f" {word} ".join("xyz"[i % 3] for i in range(3000))
    value, condition = njit(function_of(text, "x, y, z")), njit(function_of(f"if {text}: return 1\nreturn 2", "x, y, z"))
    for x in ((0.0, 1.0, 2.0), (3.0, 1.0, 2.0), (0.0, 0.0, 0.0), (1.0, 2.0, 0.0)):
        assert value(*x) == value.py_func(*x)
        assert condition(*x) == condition.py_func(*x)


@pytest.mark.parametrize("word", ["and", "or"])
def test_a_hundred_operands_that_may_raise(word):
    text = f" {word} ".join(f"x[{i % 7}]" for i in range(100))
    value, condition = njit(function_of(text, "x")), njit(function_of(f"if {text}: return 1\nreturn 2", "x"))
    for x in (np.zeros(7), np.ones(7), np.arange(7.0), np.arange(1.0, 8.0)):
        assert value(x) == value.py_func(x)
        assert condition(x) == condition.py_func(x)
    with pytest.raises(IndexError):
        value(np.full(5, float(word == "and")))


def test_operands_are_evaluated_up_to_the_one_that_decides():
    text = "a[0] = 0\nreturn (" + " and ".join(f"step(a, {i}) < k" for i in range(40)) + "), a[0]"
    f = function_of(text, "a, k")

    def step(a, i):
        a[0] += 1
        return i

    f.__globals__["step"] = step
    expected = [f(np.zeros(1), k) for k in range(42)]
    f.__globals__["step"] = njit(step)
    assert [njit(f)(np.zeros(1), k) for k in range(42)] == expected


def test_a_comparison_of_very_many_operands_is_refused():
    with pytest.raises(UnsupportedError, match="joined by `and`"):
        njit(function_of(" < ".join(["x"] * 20_000), "x"))(1.0)


def test_tuples_that_double_come_to_an_end():
    twice = "\n".join(["y = (x, x)"] + ["y = (y, y)"] * 30 + ["return 1"])
    with pytest.raises(UnsupportedError, match="items in all"):
        njit(function_of(twice, "x"))(3)


def test_the_time_of_a_compile_grows_with_the_length_of_the_source():
    """Not with its square, as when what is known of a function was searched from end to end for every operation."""
    seconds_to_compile(10)
    short = seconds_to_compile(2000)
    assert seconds_to_compile(8000) < 7 * short + 0.1


# ---- recompile() by another thread, in the middle of a first call --------------------------------------------------------


def test_subscripts_computed_of_one_another_come_to_an_end():
    steps = "".join(f"    i = (i * j + {k}) % {1000 + k}\n    j = (j + i) % {100 + k}\n" for k in range(40))
    text = f"for q in range(x.shape[0]):\n    i, j = q, 3\n{steps}    y[i % y.shape[0]] = x[j % x.shape[0]]"
    kernel = njit(parallel=True)(function_of(text, "x, y"))
    x, y = np.arange(20.0), np.zeros(11)
    wanted = y.copy()
    kernel.py_func(x, wanted)
    kernel(x, y)
    np.testing.assert_array_equal(y, wanted)


def test_a_table_that_is_emptied_while_a_kernel_compiles_is_filled_again(monkeypatch):
    make, made = dispatcher._make_entry, []

    def and_empty(kernel, values, nbytes):
        make(kernel, values, nbytes)
        made.append(values)
        if len(made) < 3:
            kernel._forget()

    monkeypatch.setattr(dispatcher, "_make_entry", and_empty)
    assert njit(lambda x: x + 1)(1) == 2 and len(made) == 3


def test_a_kernel_from_before_recompile_is_not_called_after_it(monkeypatch):
    compiled, value, threads = dispatcher.compile_overload, 10, []

    def and_recompile(*args):
        nonlocal value
        overload = compiled(*args)
        if not threads:
            value = 11
            threads.append(threading.Thread(target=kernel.recompile))
            threads[0].start()
            threads[0].join(0.3)
        return overload

    kernel = njit(lambda: value)
    monkeypatch.setattr(dispatcher, "compile_overload", and_recompile)
    assert kernel() in (10, 11)
    threads[0].join()
    assert kernel() == 11


# ---- values that come from outside -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("to", ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"])
@pytest.mark.parametrize("kind", ["float64", "float32"])
def test_a_float_for_an_integer_parameter_is_converted_as_in_a_kernel(to, kind):
    """Far ones, infinities and NaN went in by their bits."""
    declared = njit(f"{to}({to})")(lambda x: x)
    converted = njit(lambda x: target(x))
    target = getattr(np, to)
    far = (300.0, 3e9, 9.25e18, 1e19, 1.8e19, 2e19, 1e30, np.inf)
    for x in map(getattr(np, kind), (-1.5, 3.99, np.nan, *far, *(-x for x in far))):
        assert declared(x) == converted(x), x


def test_integers_of_thousands_of_digits_are_named():
    huge = 10**5000
    with pytest.raises(ValueError, match="too large.*64 bits"):
        njit(lambda x: x)(huge)
    with pytest.raises(TypingError, match="'huge' is an integer that does not fit 64 bits"):
        njit(lambda: huge)()
    assert njit(lambda z: z.real if True else z.huge)(3.5) == 3.5  # the name of an attribute only


@pytest.mark.filterwarnings("ignore::PendingDeprecationWarning")
def test_subclasses_of_arrays_are_no_constants_either():
    matrix, masked = np.matrix([[1, 2], [3, 4]]), np.ma.masked_array([1.0, 2.0, 3.0], [0, 1, 0])
    with pytest.raises(TypingError, match="is a matrix; kernels take plain arrays"):
        njit(lambda: (matrix * matrix)[0, 0])()
    with pytest.raises(TypingError, match="is a MaskedArray; kernels take plain arrays"):
        njit(lambda: masked[1] + 0.0)()


def test_members_of_enumerations_are_numbers_where_python_says_so():
    class Plain(enum.Enum):
        ONE = 1

    class Whole(enum.IntEnum):
        ONE = 1

    assert njit(lambda x: x == Whole.ONE)(1)
    with pytest.raises(TypingError, match="are no integers"):
        njit(lambda x: x == Plain.ONE)(1)


def test_a_string_that_is_no_text():
    half = "\ud800"
    with pytest.raises(TypingError, match="UTF-8"):
        njit(lambda: half == "a")()


NAMES = ("plait_loaded", "plait_resolve", "plait_aside_0", "exp", "pow", "memcpy", "memset", "malloc", "free", "main", "llvm")
OF_ANY_NAME = """
def {0}(a, b):
    s = 0.0
    for i in range(len(a)):
        b[i] = math.exp(a[i]) * a[i] ** 1.5 + math.fmod(a[i], 2.0)
        s += b[i]
    c = np.zeros(3)
    c[0] = s
    for i in range(1, len(a)):
        a[i] = a[i - 1] + math.floor(b[i]) + 2.0 ** a[i]
    return c
return {0}
"""


@pytest.mark.parametrize("name", NAMES)
def test_a_kernel_may_have_the_name_of_what_it_calls(agree, name):
    """The process ended."""
    kernel = function_of(OF_ANY_NAME.format(name), "")()
    agree(kernel, np.linspace(0.0, 1.0, 50), np.zeros(50))
    inner = njit(kernel)
    assert njit(lambda a, b: inner(a, b)[0])(np.zeros(5), np.zeros(5)) == 0.0


# ---- memory that is out ----------------------------------------------------------------------------------------------------

LITTLE_MEMORY = """
import resource, sys
import numpy as np
from plait import njit
def shifted(x, y):
    last = -1.0
    for i in range(x.shape[0]):
        y[i] = x[i] + 1.0
        last = y[i]
    return last
begun, fresh = njit(parallel=True)(shifted), njit(parallel=True)(shifted)
begun(np.zeros(2), np.zeros(2))
x, y = np.zeros(20_000), np.zeros(20_000)
size = 1024 * int(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmSize")))
for left in range(0, 4 << 20, 200_000):
    resource.setrlimit(resource.RLIMIT_AS, (size + left, resource.RLIM_INFINITY))
    for kernel in fresh, begun:
        try:
            assert kernel(x, y) == 1.0
        except MemoryError:
            print("MemoryError")
resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
assert fresh(x, y) == begun(x, y) == 1.0
"""


@pytest.mark.skipif("asan" in os.environ.get("LD_PRELOAD", ""), reason="the sanitizer needs all the addresses there are")
def test_a_compile_without_memory_is_a_memory_error(tmp_path):
    """LLVM ended the process."""
    (tmp_path / "script.py").write_text(LITTLE_MEMORY)
    done = subprocess.run([sys.executable, tmp_path / "script.py"], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "MemoryError" in done.stdout
