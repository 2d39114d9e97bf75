"""Before the compiler: sources, bindings, types, options, pickles."""
import collections
import enum
import linecache
import math
import pickle
import subprocess
import sys
import textwrap

import numpy as np
import pytest

import plait
from plait import errors, njit, prange, types
from plait.bindings import function_of, value_of
from plait.dispatcher import request_of
from plait.source import find


def request(function):
    return request_of(njit(function))


# ---- import ----------------------------------------------------------------------------------------------------------


def test_importing_loads_no_compiler_and_no_heavy_module():
    code = "import numpy, sys; before = set(sys.modules); import plait; print(*(set(sys.modules) - before))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert set(out.split()) == {"plait", "plait._plait", "plait.decorators"}
    code = "import plait; print(open('/proc/self/maps').read())"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "libplait_rt" in out and "libplait.so" not in out and "LLVM" not in out


def test_what_numba_exports_is_here():
    for name in "jit njit prange int64 f8 boolean void typeof errors types config set_num_threads".split():
        assert hasattr(plait, name), name
    assert "float64" in dir(plait)
    with pytest.raises(AttributeError):
        plait.nonsense


def test_prange_is_range_in_python():
    assert prange(1, 10, 3) == range(1, 10, 3)


def test_thread_and_chunk_settings_are_checked():
    before = plait.get_num_threads()
    plait.set_num_threads(1)
    assert plait.get_num_threads() == 1
    plait.set_num_threads(before)
    for wrong in (0, -1, 10**6, 10**30):
        with pytest.raises(ValueError):
            plait.set_num_threads(wrong)
    with pytest.raises(ValueError):
        plait.set_parallel_chunksize(-1)
    with plait.parallel_chunksize(7) as old:
        assert (old, plait.get_parallel_chunksize()) == (0, 7)
    assert plait.get_parallel_chunksize() == 0
    assert plait.get_thread_id() == 0 and plait.threading_layer() == "omp"


# ---- sources -----------------------------------------------------------------------------------------------------------


def decorate(*args, **kwargs):
    return lambda f: f


@decorate(
    1,
    x=")",
)
def with_decorator(x):  # a comment
    """Text
that stands further left.
    """
    y = (
        x
        + 1
    )
    return y  # the last line


def test_a_function_is_cut_with_decorators_and_open_brackets():
    s = find(with_decorator)
    assert s.text.startswith("@decorate(\n") and s.text.endswith("return y  # the last line\n")
    assert s.first_col == 0 and linecache.getline(s.file, s.first_line) == "@decorate(\n"


def test_an_inner_function_is_dedented():
    def inner(x):
        if x:
            return """
 a string"""

    s = find(inner)
    assert s.text == 'def inner(x):\n    if x:\n        return """\n a string"""\n' and s.first_col == 4


def test_a_body_of_only_text_or_pass_is_found():
    def only_text():
        """One
        two."""

    def only_pass(): pass  # fmt: skip

    assert find(only_text).text.count("\n") == 3
    assert find(only_pass).text.startswith("def only_pass(): pass")


def test_lambdas_on_one_line_are_told_apart():
    f, g = (lambda x: x + 1), (lambda y: y * 2)
    h = (lambda x: x - 3,
         4)[0]  # fmt: skip
    assert find(f).text == "lambda x: x + 1"
    assert find(g).text == "lambda y: y * 2"
    assert find(h).text == "lambda x: x - 3"
    line = linecache.getline(__file__, find(f).line)
    assert line[find(f).col :].startswith("lambda x: x + 1")


def test_lambdas_with_the_same_parameters_are_told_apart():
    f, g = (lambda x: x + 1), (lambda x: x + 2)
    assert (find(f).text, find(g).text) == ("lambda x: x + 1", "lambda x: x + 2")


def test_no_source_is_said_clearly():
    space = {}
    exec("def f(x):\n    return x\n", space)
    with pytest.raises(errors.UnsupportedError, match=r"source of f\(\) is not available.*<string>"):
        find(space["f"])


def test_text_registered_with_linecache_counts_as_source():
    text = "def cell(x):\n    return x + 1\n"
    linecache.cache["<cell 1>"] = (len(text), None, text.splitlines(True), "<cell 1>")
    space = {}
    exec(compile(text, "<cell 1>", "exec"), space)
    assert find(space["cell"]).text == text


def test_a_file_changed_since_its_import_is_noticed(tmp_path, monkeypatch):
    path = tmp_path / "changing.py"
    path.write_text("def f(x):\n    return x\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    import changing

    path.write_text("x = 1\ny = 2\nz = 3\n")
    with pytest.raises(errors.UnsupportedError, match="changed since"):
        find(changing.f)


# ---- bindings ------------------------------------------------------------------------------------------------------------

N, SCALE, FLAG, NOTHING, TEXT, INFINITY = 100, 0.5, True, None, "abc", math.inf
HUGE = 2**63
PAIR = (1, (2.0, False))
TABLE = np.arange(6, dtype="f4").reshape(2, 3)
Point = collections.namedtuple("Point", "x y")
ORIGIN = Point(0, 1)


class Colour(enum.IntEnum):
    RED = 1
    BLUE = 2


class Settings:
    width = 640
    names = ["not", "usable"]


class UserError(ArithmeticError):
    pass


@njit
def helper(x):
    return x + N


def plain(x):
    return x


def test_constants_of_every_kind_are_bound():
    def f():
        return N, SCALE, FLAG, NOTHING, TEXT, INFINITY, HUGE, PAIR, ORIGIN

    assert request(f)["bindings"] == {
        "N": {"int": "100"}, "SCALE": {"float": "0x1.0000000000000p-1"}, "FLAG": {"bool": True}, "NOTHING": {"none": True},
        "TEXT": {"str": "abc"}, "INFINITY": {"float": "inf"}, "HUGE": {"int": str(2**63)},
        "PAIR": {"tuple": [{"int": "1"}, {"tuple": [{"float": "0x1.0000000000000p+1"}, {"bool": False}]}]},
        "ORIGIN": {"tuple": [{"int": "0"}, {"int": "1"}], "fields": ["x", "y"], "name": "Point"},
    }  # fmt: skip


def test_modules_members_and_builtins_are_bound_by_name():
    sqrt, square = math.sqrt, np.square

    def f(x):
        for i in prange(len(x)):
            x[i] = np.sin(sqrt(square(x[i]))) + np.linalg.norm(x) + plait.get_thread_id()
        return range(3), float(1), Point(1, 2)

    assert request(f)["bindings"] == {
        "sqrt": {"object": "math.sqrt"}, "square": {"object": "numpy.square"}, "np": {"module": "numpy"},
        "plait": {"module": "plait"}, "prange": {"object": "plait.prange"}, "len": {"builtin": "len"},
        "range": {"builtin": "range"}, "float": {"builtin": "float"}, "Point": {"namedtuple": "Point", "fields": ["x", "y"]},
    }  # fmt: skip


def test_types_and_dtypes_are_bound():
    single, double, dt = np.float32, plait.float64, np.dtype("i2")

    def f():
        return single(1), double, dt

    assert request(f)["bindings"] == {"single": {"dtype": "float32"}, "double": {"type": "float64"}, "dt": {"dtype": "int16"}}


def test_exceptions_are_bound_with_base_and_key():
    def f():
        raise UserError if N else ValueError

    b = request(f)["bindings"]
    assert b["ValueError"] == {"exception": "ValueError"}
    assert (b["UserError"]["exception"], b["UserError"]["base"]) == ("UserError", "ArithmeticError")
    assert b["UserError"]["key"].endswith("UserError")


def test_arrays_are_frozen_in():
    def f(i):
        return TABLE[i]

    b = request(f)["bindings"]["TABLE"]
    assert (b["array"]["dtype"], b["array"]["shape"], b["array"]["order"]) == ("float32", [2, 3], "C")
    assert value_of(b).tolist() == TABLE.tolist()


def test_used_attributes_of_other_modules_classes_and_enumerations_are_bound():
    def f():
        return Settings.width + Colour.RED

    b = request(f)["bindings"]
    assert b["Settings"] == {"tuple": [{"int": "640"}], "fields": ["width"], "name": "Settings"}
    assert b["Colour"]["fields"] == ["RED", "BLUE"]


def test_kernels_are_bound_with_their_own_bindings_and_recursion_is_left_to_the_name():
    @njit
    def f(n):
        return helper(n) if n else f(n - 1)

    b = request_of(f)["bindings"]
    assert set(b) == {"helper"}
    assert b["helper"]["kernel"]["bindings"] == {"N": {"int": "100"}}


def test_closures_are_bound_as_they_are_when_compiled():
    k = 1

    def f():
        return k

    kernel = njit(f)
    k = 2
    assert request_of(kernel)["bindings"] == {"k": {"int": "2"}}


def test_what_cannot_be_bound_is_left_out_with_a_reason():
    unusable = [1]

    def f(x):
        return plain(x) + unusable[0]

    remarks = {}
    assert request_of(njit(f), remarks=remarks)["bindings"] == {}
    assert "decorate it with @njit" in remarks["plain"] and "list" in remarks["unusable"]


class Limits:
    most = 3


LIMITS, LIMIT_OF = Limits(), {"most": 3}


def test_a_global_of_no_use_to_kernels_is_not_called_undefined():
    for function, kind in ((lambda x: x + LIMITS.most, "Limits"), (lambda x: x + LIMIT_OF["most"], "dict")):
        with pytest.raises(errors.TypingError) as caught:
            njit(function)(1)
        text = str(caught.value)
        assert f"is of type {kind}, which kernels cannot use" in text and "pass what the kernel needs of it as an argument" in text
        assert "not defined" not in text and "did you mean" not in text and "^~" in text
        (found,) = caught.value.diagnostics
        assert kind in found.message and found.hint in text and found.text in text


def test_numbas_other_doors_name_what_to_write_instead():
    for name, words in (("vectorize", "njit"), ("stencil", "loop over"), ("jitclass", "namedtuple"), ("cfunc", "plait compile")):
        with pytest.raises(AttributeError, match=f"no attribute '{name}': .*{words}"):
            getattr(plait, name)
    with pytest.raises(AttributeError, match="no attribute 'nothing_at_all'$"):
        plait.nothing_at_all


def test_globals_that_an_error_is_not_about_are_not_spoken_of():
    with pytest.raises(errors.TypingError) as caught:
        njit(lambda x: LIMITSS + LIMIT_OF["most"])(1)
    assert "'LIMITSS' is not defined" in str(caught.value) and "type Limits" not in str(caught.value)


def test_defaults_are_bound_by_parameter():
    def f(a, b=2, *, c=None):
        return a

    assert request(f)["defaults"] == {"b": {"int": "2"}, "c": {"none": True}}


# ---- types ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value, name",
    [
        (1, "int64"), (2**63, "uint64"), (1.0, "float64"), (True, "bool"), (1j, "complex128"), (None, "none"),
        (np.float32(1), "float32"), (np.zeros(3), "array(float64, 1d, C)"), (np.zeros(())[()], "float64"),
        (np.zeros(()), "array(float64, 0d, C)"), (np.zeros((2, 3), "i2", order="F"), "array(int16, 2d, F)"),
        (np.zeros((4, 4))[::2, ::2], "array(float64, 2d, A)"), (np.broadcast_to(1.0, 3), "readonly array(float64, 1d, A)"),
        (np.frombuffer(bytes(17), "f8", 2, 1), "unaligned readonly array(float64, 1d, C)"),
        ((1, 2), "UniTuple(int64 x 2)"), ((1, 2.0), "Tuple(int64, float64)"), ((), "Tuple()"),
        (Point(1, 2.0), "Point(x: int64, y: float64)"), ("a\"b", 'Literal[str]("a\\"b")'), (np.float32, "dtype(float32)"),
        (range(3), "range"), (slice(1), "slice<a:b>"),
    ],
)  # fmt: skip
def test_typeof_gives_the_compilers_names(value, name):
    assert str(plait.typeof(value)) == name


def test_type_expressions_are_numbas():
    f8, i4 = plait.f8, plait.i4
    assert str(f8[:, ::1]) == "array(float64, 2d, C)" and str(f8[::1, :]) == "array(float64, 2d, F)"
    assert str(f8[:]) == "array(float64, 1d, A)" and str(f8[::1]) == "array(float64, 1d, C)"
    assert str(plait.void(f8[:], i4)) == "none(array(float64, 1d, A), int32)"
    assert types.signature("f8(f8[:], i4)") == f8(f8[:], i4)
    assert types.signature("(f8, UniTuple(i8, 2))").args == (f8, types.UniTuple(plait.i8, 2))
    assert plait.int64(3.7) == 3 and types.Array(f8, 2, "C") == f8[:, ::1]
    for wrong in ("f8(", "f9(f8)", "f8[:::2]", "__import__('os')"):
        with pytest.raises(errors.RequestError):
            types.signature(wrong)


def test_types_pickle():
    for t in (plait.f8, plait.f8[:, :], types.Tuple((plait.f8, plait.i4)), plait.boolean):
        assert pickle.loads(pickle.dumps(t)) == t


# ---- options -------------------------------------------------------------------------------------------------------------


def options_of(**options):
    """Without the sizes of this machine's caches, which parallel kernels are compiled for."""
    wanted = request_of(njit(**options)(plain))["options"]
    caches = wanted.pop("caches", [])
    assert all(isinstance(size, int) and size > 0 for size in caches)
    return wanted


def test_options_reach_the_request():
    assert options_of() == {}
    assert options_of(parallel=True, fastmath=True, error_model="numpy", boundscheck=False, nogil=True, cache=True) == {
        "parallel": True, "fastmath": ["fast"], "error_model": "numpy", "boundscheck": False,
    }  # fmt: skip
    assert options_of(fastmath={"nnan", "contract"})["fastmath"] == ["contract", "nnan"]
    assert options_of(parallel={"fusion": False}) == {"parallel": {"fusion": False}}
    assert options_of(locals={"x": plait.f4})["locals"] == {"x": "float32"}
    assert options_of(inline="always")["inline"] == "always"


@pytest.mark.parametrize(
    "options, kind, text",
    [
        ({"paralel": True}, errors.OptionError, "unrecognized option 'paralel'; did you mean 'parallel'?"),
        ({"error_model": "c"}, errors.OptionError, "error_model is one of 'python', 'numpy', not 'c'"),
        ({"fastmath": {"fasst"}}, ValueError, "did you mean 'fast'"),
        ({"parallel": {"fuse": True}}, NameError, "did you mean 'fusion'"),
        ({"chunk": -1}, errors.OptionError, "from 0 to 2305843009213693951, not -1"),
    ],
)
def test_wrong_options_are_named_with_the_nearest_right_one(options, kind, text):
    with pytest.raises(kind) as caught:
        njit(**options)(plain)
    assert text in str(caught.value)


def test_only_functions_are_compiled():
    for wrong in (1, Settings, len):
        with pytest.raises(TypeError):
            njit(wrong)
    with pytest.raises(TypeError, match="compiled already"):
        njit(helper)


def test_disabled_jit_leaves_the_function(monkeypatch):
    monkeypatch.setenv("NUMBA_DISABLE_JIT", "1")
    assert njit(plain) is plain and njit(parallel=True)(plain) is plain


def test_a_kernel_looks_like_its_function():
    @njit
    def documented(x, y=1):
        "what it does"

    import inspect

    assert documented.__name__ == "documented" and documented.__doc__ == "what it does"
    assert documented.__wrapped__ is documented.py_func and documented.__module__ == __name__
    assert str(inspect.signature(documented)) == "(x, y=1)"
    assert "documented" in repr(documented)


# ---- pickles -------------------------------------------------------------------------------------------------------------


def test_kernels_of_modules_pickle_by_name():
    assert pickle.loads(pickle.dumps(helper)) is helper


def test_inner_kernels_pickle_by_their_request():
    k = 3

    @njit(parallel=True)
    def inner(x, y=2):
        "text"
        return helper(x) + y * k + np.sqrt(4.0)

    copy = pickle.loads(pickle.dumps(inner))
    assert copy is not inner and copy.__name__ == "inner" and copy.__doc__ == "text"
    assert request_of(copy) == request_of(inner) and copy.targetoptions == {"parallel": True}
    assert copy._defaults == {"y": 2}


def test_a_request_becomes_a_function_again():
    def f(x, y=2):
        return x + y + N

    function, defaults = function_of(request(f))
    assert function(1, 2) == 103 and defaults == {"y": 2}


def test_main_kernels_go_to_another_process_with_cloudpickle(tmp_path):
    cloudpickle = pytest.importorskip("cloudpickle")
    assert cloudpickle
    script = tmp_path / "main.py"
    script.write_text(
        textwrap.dedent(
            """
            import cloudpickle, subprocess, sys
            from plait import njit
            K = 5
            @njit
            def f(x):
                return x + K
            data = cloudpickle.dumps(f)
            code = "import sys, pickle; f = pickle.load(sys.stdin.buffer); print(f.__name__, f.py_func(1))"
            print(subprocess.run([sys.executable, "-c", code], input=data, capture_output=True, check=True).stdout.decode())
            """
        )
    )
    out = subprocess.run([sys.executable, str(script)], capture_output=True, text=True)
    assert out.stdout.strip() == "f 6", out.stderr
