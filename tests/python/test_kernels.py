"""The package as its users see it: kernels compiled by the real compiler."""
import collections
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import textwrap
import threading
import time
import traceback

import numpy as np
import pytest

import plait
from plait import errors, njit, prange, types

N = 10
Point = collections.namedtuple("Point", "x y")


class UserError(ValueError):
    pass


@njit
def add(a, b):
    return a + b


@njit
def factorial(n):
    if n <= 1:
        return 1
    return n * factorial(n - 1)


@njit(parallel=True)
def total(x):
    s = 0.0
    for i in prange(len(x)):
        s += x[i]
    return s


@njit(parallel=True)
def scale(x, factor):
    for i in prange(len(x)):
        x[i] *= factor


# ---- specialisation --------------------------------------------------------------------------------------------------


def test_types_are_compiled_once_each_and_kept_apart():
    f = njit(lambda a, b: a + b)
    assert (f(1, 2), f(3, 4), f(1.5, 2), f(np.float32(1), np.float32(2))) == (3, 7, 3.5, 3.0)
    assert f.signatures == [
        (plait.int64, plait.int64), (plait.float64, plait.int64), (plait.float32, plait.float32),
    ]  # fmt: skip
    assert [str(s.return_type) for s in f.nopython_signatures] == ["int64", "float64", "float32"]


def test_arrays_of_each_layout_have_a_kernel():
    f = njit(lambda a: a[0, 1])
    a = np.arange(6.0).reshape(2, 3)
    assert (f(a), f(np.asfortranarray(a)), f(a[:, ::2])) == (1.0, 1.0, 2.0)
    assert [t.layout for (t,) in f.signatures] == ["C", "F", "A"]


def test_eager_signatures_convert_and_refuse():
    f = njit("(i4,i4)")(lambda a, b: a + b)
    assert f(12.3, 45.6) == 57 and len(f.signatures) == 1
    with pytest.raises(TypeError, match="No matching definition for argument type"):
        f(1j, 2)
    with pytest.raises(RuntimeError):
        f.compile("(f8,f8)")


def test_the_best_of_several_eager_signatures_is_taken():
    f = njit(["f8(f8)", "i8(i8)"])(lambda x: x / 2)
    assert f(3) == 1 and f(3.0) == 1.5 and f(np.float32(3)) == 1.5 and f(np.int8(5)) == 2


def test_a_result_type_is_converted_to():
    assert njit("f4(f8)")(lambda x: x)(0.1) == float(np.float32(0.1))


def test_a_declared_any_layout_takes_contiguous_arrays():
    f = njit("f8(f8[:])")(lambda a: a[1])
    assert f(np.arange(4.0)) == 1.0 and f(np.arange(8.0)[::2]) == 2.0
    readonly = np.arange(4.0)
    readonly.flags.writeable = False
    with pytest.raises(TypeError):
        f(readonly)


def test_locals_have_the_types_that_the_option_gives_them():
    def f(x):
        y = x + 0.1
        return y

    assert njit(locals={"y": plait.float32})(f)(1) == float(np.float32(1.1))
    assert njit(locals={"y": "i8"})(f)(1) == 1
    assert njit(f)(1) == 1.1


def test_numpy_scalars_as_constants_keep_their_type():
    single, small = np.float32(0.1), np.int8(100)
    f = njit(lambda: (single * single, small))
    assert f() == (float(np.float32(0.1) * np.float32(0.1)), 100)
    assert [str(t) for t in f.nopython_signatures[0].return_type] == ["float32", "int8"]


def test_compile_disable_and_recompile():
    global N
    f = njit(lambda: N)
    assert f() == 10
    N = 11
    assert f() == 10  # frozen when compiled
    f.recompile()
    assert f() == 11
    N = 10
    g = njit(lambda a: a)
    g.compile((plait.int64,))
    g.disable_compile()
    assert g(1) == 1 and g(2.7) == 2


# ---- calls -------------------------------------------------------------------------------------------------------------


def test_defaults_and_keywords():
    @njit
    def f(a, b=2, c=30):
        return a + b * c

    assert (f(1), f(1, c=1), f(b=0, a=5), f(1, 2, 3)) == (61, 3, 5, 7)
    with pytest.raises(TypeError, match="missing a required argument: 'a'"):
        f()


def test_a_default_of_none_selects_the_branch():
    @njit
    def f(a, scale=None):
        if scale is None:
            return a
        return a * scale

    assert (f(2.0), f(2.0, 3.0)) == (2.0, 6.0)


def test_star_arguments_are_a_tuple():
    @njit
    def f(a, *rest):
        return a + len(rest) + rest[0]

    assert f(1, 2, 3) == 5


def test_kernels_call_kernels_and_themselves():
    @njit
    def f(n):
        return add(factorial(n), add(1, 2))

    assert f(5) == 123 and factorial(10) == 3628800


def test_kernels_are_arguments():
    @njit
    def apply(f, x):
        return f(x)

    double, triple = njit(lambda x: 2 * x), njit(lambda x: 3 * x)
    assert (apply(double, 5), apply(triple, 5), apply(double, 1.5), apply(double, 6)) == (10, 15, 3.0, 12)
    assert len(apply.signatures) == 3


def test_closures_hold_constants_arrays_and_kernels():
    def make(k, table, f):
        @njit
        def kernel(i):
            return f(table[i]) + k

        return kernel

    assert make(1, np.array([1.0, 2.0]), njit(lambda x: 10 * x))(1) == 21.0
    assert make(2, np.array([5, 6]), njit(lambda x: x))(0) == 7


def test_modules_and_classes_give_their_constants():
    import types as some_module

    class Settings:
        width = 640

    some_module.plait_test_value = 7
    assert njit(lambda: Settings.width + some_module.plait_test_value)() == 647


def test_strings_and_dtypes_select_when_compiling():
    @njit
    def f(x, how):
        if how == "square":
            return x * x
        return x + x

    assert (f(5, "square"), f(5, "double")) == (25, 10)

    @njit
    def zeros(n, dtype):
        return np.zeros(n, dtype)

    assert zeros(2, np.float32).dtype == np.float32 and zeros(2, np.dtype("i2")).dtype == np.int16


def test_tuples_and_named_tuples():
    @njit
    def swap(p):
        return p[1], p[0]

    @njit
    def move(p, d):
        return Point(p.x + d, p.y + d)

    assert swap((1, 2.5)) == (2.5, 1)
    assert move(Point(1, 2), 10) == Point(11, 12) and type(move(Point(1, 2), 1)) is Point


def test_none_bool_complex_and_unsigned_results():
    assert njit(lambda: None)() is None
    assert njit(lambda x: x > 1)(2) is True
    assert njit(lambda z: z * 1j)(1 + 2j) == -2 + 1j
    assert njit(lambda x: x)(2**64 - 1) == 2**64 - 1


def test_kernels_are_methods():
    class Holder:
        factor = 3

        @staticmethod
        @njit
        def triple(x):
            return 3 * x

    assert Holder().triple(2) == 6


# ---- arrays --------------------------------------------------------------------------------------------------------------


def test_returned_arguments_are_identical_and_views_have_a_base():
    a = np.arange(10.0)
    assert njit(lambda x: x)(a) is a
    view = njit(lambda x: x[2:8:2])(a)
    assert view.base is a and view.tolist() == [2, 4, 6]
    view[0] = 100
    assert a[2] == 100


def test_new_arrays_are_freed(alive):
    import gc

    f = njit(lambda n: np.zeros(n) + 1)
    f(3)
    gc.collect()
    before = alive()
    kept = [f(10) for _ in range(20)]
    assert alive() == before + 20
    del kept
    gc.collect()
    assert alive() == before


def test_read_only_arrays_are_not_written():
    a = np.zeros(3)
    a.flags.writeable = False
    with pytest.raises((errors.TypingError, ValueError)):
        scale(a, 2.0)
    assert total(a) == 0.0


def test_misaligned_arrays_work():
    a = np.frombuffer(bytearray(8 * 5 + 1), np.float64, 5, 1)
    assert not a.flags.aligned
    a[:] = [1, 2, 3, 4, 5]
    scale(a, 2.0)
    assert total(a) == 30.0


# ---- exceptions ------------------------------------------------------------------------------------------------------------


def test_exceptions_have_class_arguments_and_the_users_line():
    @njit
    def f(x):
        if x > 5:
            raise UserError("too large", 7)
        return 1.0 / x

    with pytest.raises(UserError) as caught:
        f(6)
    assert caught.value.args == ("too large", 7)
    last = traceback.extract_tb(caught.tb)[-1]
    assert (last.filename, last.name, last.line) == (__file__, "f", 'raise UserError("too large", 7)')
    with pytest.raises(ZeroDivisionError):
        f(0)


def test_an_index_out_of_range_is_an_index_error():
    f = njit(lambda a, i: a[i])
    a = np.arange(3)
    assert (f(a, 2), f(a, -3)) == (2, 0)
    for i in (3, -4):
        with pytest.raises(IndexError, match="out of bounds"):
            f(a, i)


def test_numbers_in_messages_are_as_python_shows_them():
    def f(x, y, k, b):
        if k < 0:
            raise ValueError(f"100%g of {x}, {y}, {k}, {b}")
        if x < 5:
            raise AssertionError(f"{x + 0.5} %b")
        return x

    kernel = njit(f)
    for x, y in ((0.0, np.float32(0.1)), (-0.0, np.float32(3)), (1e16, np.float32(1e-8)), (1 / 3, np.float32(16777216)),
                 (np.nan, np.float32(np.inf)), (4.0, np.float32(1.5))):  # fmt: skip
        for k in (-7, 7):
            for call in (f, kernel):
                try:
                    call(x, y, k, True)
                    text = None
                except (ValueError, AssertionError) as error:
                    text = str(error)
                if call is f:
                    expected = text
            assert text == expected


def test_errors_in_parallel_loops_are_those_of_the_lowest_iteration():
    @njit(parallel=True)
    def f(a, out):
        for i in prange(len(a)):
            if a[i] < 0:
                raise UserError(a[i])
            out[i] = 1.0

    a = np.arange(100000.0)
    a[[70000, 3, 99999]] = -7.0, -3.0, -9.0
    for _ in range(20):
        with pytest.raises(UserError) as caught:
            f(a, np.zeros(100000))
        assert caught.value.args == (-3.0,)


def test_memory_that_cannot_be_had_is_a_memory_error():
    with pytest.raises(MemoryError):
        njit(lambda n: np.zeros(n))(2**50)


# ---- compile errors ----------------------------------------------------------------------------------------------------------


def test_type_errors_show_the_place_and_the_cause():
    @njit
    def f(x):
        return x.nonsense

    with pytest.raises(errors.TypingError) as caught:
        f(1)
    text = str(caught.value)
    assert __file__ in text and "x.nonsense" in text and "^" in text
    assert caught.value.diagnostics[0].line == f.py_func.__code__.co_firstlineno + 2


def test_a_name_that_cannot_be_a_constant_is_explained():
    def plain(x):
        return x

    with pytest.raises(errors.PlaitError, match="decorate it with @njit"):
        njit(lambda x: plain(x))(1)


def test_a_failed_compile_does_not_harm_later_ones():
    @njit
    def f(x):
        return x + 1

    with pytest.raises(errors.TypingError):
        f("text")
    with pytest.raises(errors.TypingError, match=r"f\(\): argument 'x'"):
        f([1])
    assert f(1) == 2


def test_wrong_source_is_an_error_of_the_right_kind():
    @njit
    def uses_with(x):
        with x:
            pass

    with pytest.raises(errors.UnsupportedError):
        uses_with(1)


# ---- inspection ----------------------------------------------------------------------------------------------------------------


def test_inspection_shows_code_types_and_reports(capsys):
    total(np.zeros(3))
    (signature,) = [s for s in total.signatures if s[0] == plait.float64[::1]]
    assert "define" in total.inspect_llvm(signature) and "ret" in total.inspect_asm(signature)
    assert set(total.inspect_llvm()) == set(total.signatures)
    total.inspect_types(signature=signature)
    assert "float64" in capsys.readouterr().out
    total.parallel_diagnostics(signature)
    assert "parallel" in capsys.readouterr().out
    (loop,) = total.parallel_report(signature)
    assert loop["decision"] == "parallel" and loop["kind"] == "prange"
    with pytest.raises(ValueError, match="Report level unknown"):
        total.parallel_diagnostics(level=5)
    assert total.get_metadata(signature)["pipeline_times"]["total"] > 0
    assert total.overloads[signature].library.get_llvm_str() and total.stats.cache_hits == {}


# ---- processes and threads -------------------------------------------------------------------------------------------------------


def test_results_do_not_depend_on_threads():
    x = np.random.default_rng(1).normal(size=100003)
    before, found = plait.get_num_threads(), set()
    for n in (1, 2, 3, 4):
        plait.set_num_threads(n)
        found.add(total(x))
        with plait.parallel_chunksize(1000):
            found.add(total(x))
    plait.set_num_threads(before)
    assert len(found) == 1


def test_many_threads_compile_and_call_at_once():
    f = njit(parallel=True)(lambda x: total(x) + len(x))
    x, results = np.ones(100000), []

    def work():
        results.append(f(x))

    threads = [threading.Thread(target=work) for _ in range(16)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert results == [200000.0] * 16 and len(f.signatures) == 1


def in_child(queue, kernel, x):
    queue.put(kernel(x))


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_kernels_work_in_other_processes(method):
    x = np.ones(200000)
    assert total(x) == 200000.0
    context = multiprocessing.get_context(method)
    for _ in range(5 if method == "fork" else 1):
        queue = context.Queue()
        process = context.Process(target=in_child, args=(queue, total, x))
        process.start()
        assert queue.get(timeout=60) == 200000.0
        process.join(60)
        assert process.exitcode == 0


def test_a_forked_child_computes_and_exits():
    x = np.ones(200000)
    total(x)
    for _ in range(10):
        child = os.fork()
        if child == 0:
            os._exit(0 if total(x) == 200000.0 else 1)
        assert os.waitpid(child, 0)[1] == 0


def test_unpickled_kernels_compute():
    k = 5
    kernel = njit(lambda x: add(x, k))
    copy = pickle.loads(pickle.dumps(kernel))
    assert copy(1) == 6 and copy.py_func(1) == 6
    eager = pickle.loads(pickle.dumps(njit("i4(i4)")(lambda x: x + 1)))
    assert eager(2.9) == 3 and eager.signatures == [(plait.int32,)]


def run_script(text, **kwargs):
    """Python on a file of its own: kernels have a source."""
    import tempfile

    with tempfile.NamedTemporaryFile("w", suffix=".py", delete=False) as f:
        f.write(textwrap.dedent(text))
    try:
        return subprocess.run([sys.executable, f.name], capture_output=True, text=True, timeout=120, **kwargs)
    finally:
        os.unlink(f.name)


SLOW = """
import os, signal, subprocess, sys
import numpy as np
from plait import njit, prange
@njit(parallel={parallel}, nogil={nogil})
def slow(x, n):
    for i in {loop}(len(x)):
        s = 0.0
        for j in range(n):
            s = s * 0.5 + j % 7
        x[i] = s
x = np.zeros(1000)
slow(x, 1)
subprocess.Popen(["sh", "-c", f"sleep 0.5; kill -INT {{os.getpid()}}"])
try:
    slow(x, 10**12)
except KeyboardInterrupt:
    print("interrupted")
"""


@pytest.mark.parametrize("parallel, nogil", [(True, False), (False, False), (False, True)])
def test_ctrl_c_stops_kernels_that_would_run_for_days(parallel, nogil):
    out = run_script(SLOW.format(parallel=parallel, nogil=nogil, loop="prange" if parallel else "range"))
    assert out.stdout == "interrupted\n", out.stderr


def test_exiting_while_a_kernel_runs():
    for leave in ("sys.exit(3)", "os._exit(3)"):
        out = run_script(f"""
            import os, sys, threading, time
            import numpy as np
            from plait import njit, prange
            @njit(parallel=True)
            def slow(x, n):
                for i in prange(len(x)):
                    for j in range(n):
                        x[i] = x[i] * 0.5 + j % 7
            slow(np.zeros(10), 1)
            threading.Thread(target=slow, args=(np.zeros(1000), 100_000_000), daemon=True).start()
            time.sleep(0.2)
            {leave}
        """)
        assert out.returncode == 3 and out.stderr == ""


def test_print_goes_to_sys_stdout(capsys):
    @njit
    def f(x, a):
        print("x is", x, True, 1.5, a)

    f(3, np.arange(3))
    assert capsys.readouterr().out == "x is 3 True 1.5 [0 1 2]\n"


def test_print_in_parallel_loops_writes_whole_lines(capsys):
    @njit(parallel=True)
    def f(n):
        for i in prange(n):
            print("line", i)

    f(200)
    assert sorted(capsys.readouterr().out.splitlines()) == sorted(f"line {i}" for i in range(200))


def test_thread_functions_work_in_kernels():
    @njit(parallel=True)
    def f(out):
        for i in prange(len(out)):
            out[i] = plait.get_thread_id()
        return plait.get_num_threads()

    out = np.full(100000, -1)
    n = f(out)
    assert n == plait.get_num_threads() and 0 <= out.min() and out.max() < n


def test_signals_other_than_sigint_reach_their_handlers():
    hits = []
    before = signal.signal(signal.SIGALRM, lambda *_: hits.append(1))
    signal.setitimer(signal.ITIMER_REAL, 0.01)
    time.sleep(0.05)
    total(np.zeros(10))
    signal.signal(signal.SIGALRM, before)
    assert hits == [1]


def test_types_of_results_are_known():
    f = njit(lambda a: (a, a.sum()))
    f(np.zeros(3, "f4"))
    (o,) = f.overloads.values()
    assert isinstance(o.signature.return_type, types.BaseTuple)


def test_inspect_types_prints_the_source_with_types(capsys):
    @njit
    def f(x):
        y = x * 0.5
        return y

    f(3)
    f.inspect_types()
    lines = [line.split(None, 1)[-1].strip() for line in capsys.readouterr().out.splitlines()]
    assert lines.index("y = x * 0.5") < lines.index("y: float64")


def test_compile_errors_have_no_frames_of_the_compiler(monkeypatch):
    f = njit(lambda x: x.nonsense)
    with pytest.raises(errors.TypingError) as caught:
        f(1)
    assert [frame.name for frame in traceback.extract_tb(caught.tb)][1:] == []
    monkeypatch.setenv("PLAIT_FULL_TRACEBACKS", "1")
    with pytest.raises(errors.TypingError) as caught:
        f(1)
    assert len(traceback.extract_tb(caught.tb)) > 3


def test_kernels_that_call_each_other():
    assert even(10) is True and even(7) is False


@njit
def even(n):
    return True if n == 0 else odd(n - 1)


@njit
def odd(n):
    return False if n == 0 else even(n - 1)


def test_what_a_compile_made_is_freed():
    import gc

    from plait import _plait

    def alive_kernels():
        gc.collect()
        return sum(type(o) is _plait.Kernel for o in gc.get_objects())

    def use():
        f = njit(lambda a: a * 2 + 1)
        f(np.arange(3.0))
        with pytest.raises(errors.TypingError):
            f("text")

    use()
    before = alive_kernels()
    for _ in range(3):
        use()
    assert alive_kernels() == before


def test_regions_that_are_generated_twice_for_little_work(agree):
    def many(a, k):
        total = 0.0
        for x in a:
            total += x
        for x, y in zip(a, k):
            total += x * y
        for i in prange(len(k)):
            k[i] = 1.0
        return total + sum(x for x in a)

    agree(many, np.arange(9.0), np.arange(9.0))
    agree(many, np.ones(20_000), np.ones(20_000))
