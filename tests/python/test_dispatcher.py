"""The extension's dispatcher alone: kernels here are C callbacks with the entry's calling convention."""
import collections
import ctypes
import enum
import gc
import struct
import sys
import weakref

import numpy as np
import pytest

import plait.dispatcher  # the exceptions of kernels are made there

from plait import _plait, errors, types


class Error(ctypes.Structure):
    _fields_ = [
        ("site", ctypes.c_int32), ("nargs", ctypes.c_int32), ("iteration", ctypes.c_int64), ("args", ctypes.c_int64 * 6),
    ]  # fmt: skip


SLOTS = ctypes.POINTER(ctypes.c_int64)
ENTRY = ctypes.CFUNCTYPE(ctypes.c_int32, SLOTS, SLOTS, ctypes.POINTER(Error))
kept = []


def kernel(entry, result=("none",), info=None):
    function = ENTRY(entry)
    kept.append(function)
    return _plait.Kernel(ctypes.cast(function, ctypes.c_void_p).value, result, info)


def dispatcher(entry, values, result=("none",), names=None, defaults=None, conversions=None, info=None, **kind):
    names = names or tuple(f"p{i}" for i in range(len(values)))
    d = _plait.Dispatcher(None, names, defaults or {}, **kind)
    d.__name__ = "fake"
    d._insert(values, kernel(entry, result, info), conversions)
    return d


def seen_slots(value, count):
    """The slots in which a kernel gets an argument."""
    seen = []

    def entry(args, results, err):
        seen.extend(args[i] for i in range(count))
        return 0

    dispatcher(entry, (value,))(value)
    return seen


def bits(x):
    return struct.unpack("<q", struct.pack("<d", x))[0]


@pytest.mark.parametrize(
    "value, slots",
    [
        (5, [5]), (-1, [-1]), (2**63, [-(2**63)]), (True, [1]), (1.5, [bits(1.5)]), (1 - 2j, [bits(1.0), bits(-2.0)]),
        (np.float32(1.0), [0x3F800000]), (np.int8(-3), [-3]), (np.uint8(253), [253]), (np.uint32(2**32 - 1), [2**32 - 1]),
        (np.float64(2.0), [bits(2.0)]), (np.bool_(True), [1]), (np.complex64(1j), [0x3F800000 << 32]), (None, []),
        ((1, (2.0, None)), [1, bits(2.0)]), (range(1, 10, 3), [1, 10, 3]), (slice(2, 5), [2, 5]), ("text", []),
        (np.int64(-(2**63)), [-(2**63)]), (np.uint64(2**64 - 1), [-1]),
    ],
)  # fmt: skip
def test_arguments_lie_in_slots_as_the_abi_says(value, slots):
    assert seen_slots(value, len(slots)) == slots


def test_an_array_is_pointer_owner_shape_and_strides():
    a = np.arange(24.0).reshape(4, 6)[::2, 1:]
    assert seen_slots(a, 6) == [a.ctypes.data, 1, 2, 5, 96, 8]


def test_each_type_has_its_own_kernel_and_none_another():
    values = [
        1, 2**63, 1.0, True, 1j, None, np.float32(1), np.int32(1), (1,), (1.0,), (1, 1), ((1,), 1), "a", "b",
        np.zeros(1), np.zeros((1, 1)), np.zeros(1, "f4"), np.zeros((2, 2), order="F"), np.zeros((4, 4))[:, ::2], np.float64,
        np.dtype("f4"), range(3), slice(1, 2), slice(1, 2, 3),
    ]  # fmt: skip
    readonly = np.zeros(1)
    readonly.flags.writeable = False
    values.append(readonly)
    d = _plait.Dispatcher(None, ("p",), {})
    for i, value in enumerate(values):

        def entry(args, results, err, i=i):
            results[0] = i
            return 0

        d._insert((value,), kernel(entry, ("scalar", 4)), None)
    assert [d(value) for value in values] == list(range(len(values)))


def test_long_arguments_leave_the_inline_buffers():
    value = tuple(float(i) for i in range(500)), tuple(np.zeros(1) for _ in range(50))
    slots = seen_slots(value, 700)
    assert slots[:500] == [bits(float(i)) for i in range(500)]
    assert slots[501:700:4] == [2 * i + 1 for i in range(50)]


@pytest.mark.parametrize("value", [2**64, -(2**63) - 1])
def test_an_int_that_fits_no_register_is_a_value_error(value):
    with pytest.raises(ValueError, match="too large"):
        dispatcher(lambda *_: 0, (1,))(value)


@pytest.mark.parametrize(
    "value",
    [[1], {1}, {}, b"x", object(), lambda: 0, np.zeros(2, "f2"), np.zeros(2, ">f8"), np.zeros(2, "M8[s]"),
     np.ma.array([1.0]), np.zeros(2, [("a", "i4")])],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_what_kernels_do_not_take_is_refused_with_the_arguments_name(value):
    with pytest.raises(errors.TypingError, match=r"fake\(\): argument 'p1'"):
        dispatcher(lambda *_: 0, (1, 1))(1, value)


def result_of(slots, result):
    def entry(args, results, err):
        for i, s in enumerate(slots):
            results[i] = s
        return 0

    return dispatcher(entry, (), result)()


@pytest.mark.parametrize(
    "slots, result, value",
    [
        ([], ("none",), None), ([-5], ("scalar", 4), -5), ([-1], ("scalar", 8), 2**64 - 1), ([1], ("scalar", 0), True),
        ([bits(0.5)], ("scalar", 10), 0.5), ([0x3F800000], ("scalar", 9), 1.0),
        ([bits(1.0), bits(2.0)], ("scalar", 12), 1 + 2j), ([0x3F800000 << 32], ("scalar", 11), 1j),
        ([1, bits(2.0)], ("tuple", (("scalar", 4), ("none",), ("scalar", 10)), None), (1, None, 2.0)),
        ([], ("constant", "abc"), "abc"), ([1, 7, 2], ("range",), range(1, 7, 2)), ([1, 2], ("slice", False), slice(1, 2)),
        ([1, 2, 3], ("slice", True), slice(1, 2, 3)),
    ],
)  # fmt: skip
def test_results_come_back_as_python_values(slots, result, value):
    got = result_of(slots, result)
    assert got == value and type(got) is type(value)


Point = collections.namedtuple("Point", "x y")


def test_named_tuples_go_in_and_come_out():
    def entry(args, results, err):
        results[0], results[1] = args[1], args[0]
        return 0

    d = dispatcher(entry, (Point(1, 2),), ("tuple", (("scalar", 4), ("scalar", 4)), Point))
    assert d(Point(3, 4)) == Point(4, 3) and type(d(Point(3, 4))) is Point


def give_back(shift=0, count=None):
    """An entry that returns its first argument, or a part of it."""

    def entry(args, results, err):
        for i in range(4):
            results[i] = args[i]
        results[0] += shift
        if count is not None:
            results[2] = count
        return 0

    return entry


def test_a_returned_argument_is_the_same_object():
    a = np.zeros(5)
    assert dispatcher(give_back(), (a,), ("array", 10, 1, False))(a) is a


def test_a_view_of_an_argument_has_it_as_base():
    a = np.arange(5.0)
    view = dispatcher(give_back(8, 3), (a,), ("array", 10, 1, False))(a)
    assert view.base is a and view.tolist() == [1, 2, 3] and view.flags.writeable
    a.flags.writeable = False
    assert not dispatcher(give_back(8, 3), (a,), ("array", 10, 1, True))(a).flags.writeable


def test_the_second_of_two_arrays_is_told_from_the_first():
    a, b = np.zeros(3), np.zeros(3)

    def entry(args, results, err):
        for i in range(4):
            results[i] = args[4 + i]
        return 0

    assert dispatcher(entry, (a, b), ("array", 10, 1, False))(a, b) is b


def make_block(runtime, bytes):
    runtime.plrt_block_new.restype = ctypes.c_void_p
    block = runtime.plrt_block_new(ctypes.c_int64(bytes), 1)
    return block, ctypes.cast(block, SLOTS)[2]


def test_a_new_array_owns_its_memory_until_it_dies(runtime, alive):
    before = alive()

    def entry(args, results, err):
        block, data = make_block(runtime, 80)
        for i, s in enumerate([data, block, 10, 8]):
            results[i] = s
        return 0

    a = dispatcher(entry, (), ("array", 10, 1, False))()
    assert a.tolist() == [0.0] * 10 and a.flags.writeable and alive() == before + 1
    part = a[2:]
    del a
    gc.collect()
    assert alive() == before + 1
    del part
    gc.collect()
    assert alive() == before


def test_results_that_cannot_be_boxed_are_released(runtime, alive):
    def entry(args, results, err):
        for k in (0, 4):
            block, data = make_block(runtime, 8)
            for i, s in enumerate([data, block, 1, 8]):
                results[k + i] = s
        return 0

    def refuse(x, y):
        raise ZeroDivisionError

    before = alive()
    array = ("array", 10, 1, False)
    with pytest.raises(ZeroDivisionError):
        dispatcher(entry, (), ("tuple", (array, array), refuse))()
    assert alive() == before


def test_constant_arrays_are_read_only_and_keep_the_kernel():
    memory = (ctypes.c_double * 3)(1, 2, 3)

    def entry(args, results, err):
        for i, s in enumerate([ctypes.addressof(memory), 0, 3, 8]):
            results[i] = s
        return 0

    d = dispatcher(entry, (), ("array", 10, 1, True))
    a = d()
    assert a.tolist() == [1, 2, 3] and not a.flags.writeable and isinstance(a.base, _plait.Kernel)


# ---- errors ----------------------------------------------------------------------------------------------------------


def failing(site, args=(), info=None):
    def entry(slots, results, err):
        err[0].site, err[0].nargs = site, len(args)
        for i, a in enumerate(args):
            err[0].args[i] = a
        return 1

    return dispatcher(entry, (), info=info)


class Info:
    def __init__(self, **site):
        self.info = {"sites": [{"file": "user.py", "line": 12, "function": "inner", **site}]}


def test_memory_interrupt_and_recursion_have_their_exceptions():
    for site, kind in [(-1, MemoryError), (-2, KeyboardInterrupt), (-4, RecursionError), (-3, SystemError)]:
        with pytest.raises(kind):
            failing(site)()


def test_an_exception_has_message_values_and_the_kernels_line():
    info = Info(exception="IndexError", message="index %d is out of bounds for axis 0 with size %d", args=["int64", "int64"])
    with pytest.raises(IndexError, match="index -7 is out of bounds for axis 0 with size 3") as caught:
        failing(1, (-7, 3), info)()
    last = caught.tb
    while last.tb_next is not None:
        last = last.tb_next
    code = last.tb_frame.f_code
    assert (code.co_filename, code.co_name, last.tb_lineno) == ("user.py", "inner", 12)


class OddError(ValueError):
    pass


def test_a_users_exception_class_is_raised_with_its_arguments():
    from plait.bindings import Names

    key = Names().bind(OddError)["key"]
    info = Info(exception="OddError", key=key, values=["a", {"slot": 0}, 3], args=["float64"])
    with pytest.raises(OddError) as caught:
        failing(1, (bits(2.5),), info)()
    assert caught.value.args == ("a", 2.5, 3)


# ---- binding of arguments --------------------------------------------------------------------------------------------


def collecting(count, **kind):
    def entry(args, results, err):
        for i in range(count):
            results[i] = args[i]
        return 0

    return dispatcher(entry, (1,) * count, ("tuple", (("scalar", 4),) * count, None), **kind)


def test_keywords_and_defaults_fill_parameters():
    d = collecting(3, names=("a", "b", "c"), defaults={"b": 20, "c": 30})
    assert d(1) == (1, 20, 30)
    assert d(1, c=3) == (1, 20, 3)
    assert d(b=2, a=1) == (1, 2, 30)
    assert d._bind(1, c=5) == (1, 20, 5)


@pytest.mark.parametrize(
    "args, keywords, text",
    [
        ((), {}, r"fake\(\) missing a required argument: 'a'"),
        ((1, 2, 3), {}, r"fake\(\) takes 2 positional arguments but 3 were given"),
        ((1, 2), {"x": 3}, r"fake\(\) got an unexpected keyword argument 'x'"),
        ((1, 2), {"a": 3}, r"fake\(\) got multiple values for argument 'a'"),
    ],
)
def test_wrong_arguments_are_type_errors_as_pythons(args, keywords, text):
    with pytest.raises(TypeError, match=text):
        collecting(2, names=("a", "b"))(*args, **keywords)


def test_keyword_only_parameters_and_star_args():
    d = collecting(2, names=("a", "k"), keyword_only=1)
    assert d(1, k=2) == (1, 2)
    with pytest.raises(TypeError):
        d(1, 2)

    def entry(args, results, err):
        results[0] = args[0] + args[1] + args[2]
        return 0

    d = dispatcher(entry, (1, (1, 1)), ("scalar", 4), names=("a", "rest"), varargs=True)
    assert d(1, 2, 3) == 6


def test_kernels_are_methods_of_the_classes_that_hold_them():
    d = dispatcher(lambda *_: 0, ("me", 1))

    class Holder:
        method = d

    bound = Holder().method
    assert bound.__func__ is d
    with pytest.raises(errors.TypingError, match="argument 'p0'.*Holder"):
        bound(1)


def test_conversions_reach_the_kernel():
    d = dispatcher(
        lambda args, results, err: results.__setitem__(0, args[0]) or results.__setitem__(1, args[2]) or 0,
        (1.0, 2, 3.5), ("tuple", (("scalar", 4), ("scalar", 3)), None), conversions=((1, 10, 4), (1, 4, 12), (1, 10, 3)),
    )  # fmt: skip
    assert d(12.9, 2, 0.0)[0] == 12


def test_dispatchers_die_with_their_kernels():
    d = dispatcher(lambda *_: 0, (1,))
    d.me = d
    gone = weakref.ref(d)
    del d
    gc.collect()
    assert gone() is None


def test_integer_enumerations_are_ints():
    class Colour(enum.IntEnum):
        RED = 3

    assert seen_slots(Colour.RED, 1) == [3]


def test_reference_counts_of_arguments_do_not_move():
    a = np.zeros(3)
    d = dispatcher(give_back(), (a,), ("array", 10, 1, False))
    d(a)
    before = sys.getrefcount(a)
    for _ in range(100):
        d(a)
    assert sys.getrefcount(a) == before


def test_types_and_codes_agree_on_what_is_another_type():
    values = [1, 1.0, np.zeros(2), np.zeros((2, 2)), np.zeros((2, 2), order="F"), (1, 2.0), "a", np.float32, None]
    assert len({types.typeof(v) for v in values}) == len(values)
