"""Indexing and slicing, as source and as target, means what NumPy means."""
import numpy as np
import pytest

from kernel_text import function_of


def vector():
    return np.arange(10.0)


def matrix():
    return np.arange(24.0).reshape(4, 6)


def fortran():
    return np.asfortranarray(matrix())


def strided():
    return np.arange(96.0).reshape(8, 12)[::2, ::2]


def cube():
    return np.arange(60, dtype=np.int32).reshape(3, 4, 5)


SOURCES_1D = """a[3] | a[-1] | a[i] | a[-i] | a[:] | a[2:] | a[:4] | a[2:7] | a[-3:] | a[:-3] | a[1:-1] | a[-5:-2] | a[5:2]
a[20:] | a[:20] | a[-20:3] | a[3:-20] | a[::2] | a[1::3] | a[:7:2] | a[::-1] | a[::-3] | a[7:2:-1] | a[2:7:-1] | a[-2:2:-2]
a[i:] | a[:i] | a[i:j] | a[j:i] | a[-i:] | a[:-i] | a[-j:-i] | a[i:j:2] | a[j:i:-1] | a[::i] | a[::-i] | a[i:j:s] | a[j:i:s]
a[::s] | a[None] | a[:, None] | a[None, :, None] | a[...] | a[..., None] | a[None, ...] | a[i, ...] | a[..., i:j]
a[1:][2:] | a[1:][::2][1] | a[::-1][2] | a[::2][1:][::-1] | a[2:8][-1] | a[1:][i] | a[:, None][i] | a[:, None][i, 0] | a[(i,)]
a[np.int8(3)] | a[np.uint8(3)] | a[np.uint64(4)] | a[2:2].size | len(a[3:]) | a[1:-1].shape | a[::3].strides | a[i:j].ndim"""


@pytest.mark.parametrize("text", [t.strip() for line in SOURCES_1D.split("\n") for t in line.split(" | ")])
def test_source_of_one_dimension(agree, text):
    f = function_of(text, "a, i, j, s")
    agree(f, vector(), 3, 7, -2, bits=True)


@pytest.mark.parametrize("text", ["a[10]", "a[-11]", "a[i]", "a[1:][9]", "a[::2][5]", "a[i, ...]", "a[:, None][3, 1]"])
def test_index_out_of_range_raises(agree, text):
    agree(function_of(text, "a, i"), vector(), 12)


@pytest.mark.parametrize("i, j, s", [(0, 0, 1), (-100, 100, 3), (9, -11, -1), (100, -100, -4), (5, 5, -1), (-1, 0, -2), (3, 9, 10)])
def test_run_time_slice_is_clamped(agree, i, j, s):
    agree(function_of("return a[i:j], a[i:j:s], a[i::s], a[:j:s], a[i:], a[:j]", "a, i, j, s"), vector(), i, j, s, bits=True)


def test_slice_step_zero_raises(agree):
    agree(function_of("a[::s]", "a, s"), vector(), 0)


SOURCES_2D = """a[1] | a[-1] | a[i] | a[i, j] | a[-i, -j] | a[i][j] | a[i, :] | a[:, j] | a[1:3] | a[1:3, 2:] | a[::-1, ::2] | a[:, ::-1]
a[i:, j] | a[i, j:] | a[..., 0] | a[0, ...] | a[..., None, 1] | a[:, None, :] | a[None, i, :, None] | a[1:][1][2] | a[1:, 1:][0, 0]
a.T | a.T[j, i] | a.T[1:3] | a.T[1:3, ::2] | a[i].T | a[1:3].T | a[:, 1:3][1] | a[-1][-1] | a[i, j, None] | a[..., i, j] | a[i, j, ...]
a.T[2][1] | a[::2, 1::2].T[0] | a[1:3, 1:4].sum() | a[i:j, 1:-1] | a[:i, :j]"""


@pytest.mark.parametrize("text", [t.strip() for line in SOURCES_2D.split("\n") for t in line.split(" | ")])
def test_source_of_two_dimensions_in_every_layout(agree, text):
    f = function_of(text, "a, i, j")
    for make in (matrix, fortran, strided):
        agree(f, make(), 1, 2, bits=True, parallel=make is matrix)


@pytest.mark.parametrize("text", ["a[1, ::2, :3]", "a[:, -1]", "a[..., ::-1]", "a[1:, 1:, 1:]", "a[0][1][2]", "a[2, 3, 4]", "a[None, 1]",
                                  "a[:, i]", "a[:, i, None, i:]", "a[i, :, i]", "a.transpose(1, 2, 0)[3]", "a.T[1, 2]", "a[-1, -1]"])
def test_source_of_three_dimensions(agree, text):
    agree(function_of(text, "a, i"), cube(), 1, bits=True)


def test_element_of_zero_dimensions(agree):
    agree(function_of("return a[()] + 1, a[...], a.ndim, a.size", "a"), np.array(3.5), bits=True)


TARGETS_1D = """a[3] = 1 | a[-1] = 1 | a[i] = x | a[:] = 0 | a[...] = 5 | a[2:5] = 1.5 | a[::2] = -1 | a[::-1] = a | a[1:] = a[:-1] | a[:-1] = a[1:]
a[1:-1] = a[2:] - a[:-2] | a[i:] = x | a[i:j] = b[:j - i] | a[:] = b[0] | a[:] = b | a[1:4] = b[:1] | a[:][i] = 7 | a[1:][::2] = 9
a[3] += 2 | a[i] -= x | a[i] *= a[j] | a[1:4] += 1 | a[::2] *= b[:5] | a[:] /= 2 | a += 1 | a *= b | a -= a[::-1] | a **= 2 | a //= 3 | a %= 4
a[i:j] += b[i:j] | a[...] += 1 | a[i], a[j] = a[j], a[i] | a[2:4] = (8, 9) | a[5:5] = 1 | a[5:5] = b[:1] | a[[1, 2]] = 0
a[None] = 3 | a[:, None] = 4 | a[None, :] = b | a[:] = b[None, :][0] | a[2:5] = b[None, 2:5] | a[1:3] = np.array([1, 2])"""


@pytest.mark.parametrize("text", [t.strip() for line in TARGETS_1D.split("\n") for t in line.split(" | ")])
def test_target_of_one_dimension(agree, text):
    f = function_of(text + "; return a", "a, b, i, j, x")
    agree(f, vector(), np.arange(10.0) * 2, 3, 7, 2.5, bits=True)


TARGETS_2D = """a[i, j] = x | a[i][j] = x | a[i] = x | a[:, j] = x | a[1:3, 2:4] = x | a[i] = a[j] | a[:, i] = a[:, j] | a[i, :] = v
a[:, 1:] = a[:, :-1] | a[1:] = a[:-1] | a[:] = v | a[:, :] = v[None, :] | a[...] = a[::-1, ::-1] | a[::2] = v | a.T[:] = x | a.T[j, i] = x
a.T[...] = a.T[::-1] | a[1:3][0] = 9 | a[1:3, 1:3] += 1 | a[i, j] += x | a += v | a[:, 0] *= 2 | a[:, None, 0] = x | a += a.sum()
a[i, 1:-1] = a[i, 2:] + a[i, :-2] | a[1:, 1:] = a[:-1, :-1] * 2 | a[:, :] = a[:, ::-1] | a[i:j, i:j] = 0 | a[..., 0] = -1 | a[0, ...] = -2"""


@pytest.mark.parametrize("text", [t.strip() for line in TARGETS_2D.split("\n") for t in line.split(" | ")])
def test_target_of_two_dimensions_in_every_layout(agree, text):
    f = function_of(text + "; return a", "a, v, i, j, x")
    for make in (matrix, fortran, strided):
        agree(f, make(), np.arange(6.0) * 10, 1, 2, 2.5, bits=True, parallel=make is matrix)


@pytest.mark.parametrize("text", ["a[:3] = b", "a[:] = b[:4]", "a[2:5] = b[:2]", "a[10] = 1", "a[-11] = 1", "a += b[:3]", "a[i] += 1",
                                  "a[:, None] = b[None, :]", "a[1:] = a"])
def test_wrong_shape_or_index_as_target_raises(agree, text):
    agree(function_of(text + "; return a", "a, b, i"), vector(), vector(), 40)


def test_stored_values_are_converted(agree):
    f = function_of("a[0] = x; a[1] = 3.99; a[2:] = b; return a", "a, b, x")
    for dtype in (np.int8, np.uint16, np.int64, np.float32, np.complex64):
        agree(f, np.zeros(5, dtype), np.array([1.5, 2.5, -0.5]) if dtype != np.uint16 else np.array([1.5, 2.5, 0.5]), 7, bits=True)


MASKS = """a[m] | a[a > 3] | a[~m] | a[m & (a > 2)] | a[m].sum() | a[m][1] | a[a > 100] | b[m] | b[m, 1] | b[m, 1:] | b[b > 4] | b[:, n] | b[m][:, n]
b[1, n] | np.nonzero(m)[0] | np.nonzero(b > 3)[1] | np.where(m)[0] | np.where(m, a, -a) | a[m] * 2 | len(a[m]) | np.flatnonzero(m)"""


@pytest.mark.parametrize("text", [t.strip() for line in MASKS.split("\n") for t in line.split(" | ")])
def test_mask_as_source(agree, text):
    m = np.array([True, False, True, True, False])
    b = np.arange(20.0).reshape(5, 4)
    agree(function_of(text, "a, b, m, n"), np.arange(5.0), b, m, np.array([True, False, False, True]), bits=True)


MASK_TARGETS = """a[m] = 0 | a[a > 2] = -1 | a[m] = a[m] * 2 | a[m] = v | a[m] = v[:1] | a[m] += 1 | a[m] *= v | b[m] = 5 | b[m] = b[~m][:1] | b[b > 3] = 0
b[b > 3] += 1 | b[m, 1] = 7 | b[:, n] = 8 | b[m] += 1 | a[~m] = a[m][:2] | a[m] = v[:2] | b[b < 0] = v"""


@pytest.mark.parametrize("text", [t.strip() for line in MASK_TARGETS.split("\n") for t in line.split(" | ")])
def test_mask_as_target(agree, text):
    m = np.array([True, False, True, True, False])
    b = np.arange(20.0).reshape(5, 4)
    f = function_of(text + "; return a, b", "a, b, m, n, v")
    agree(f, np.arange(5.0), b, m, np.array([True, False, False, True]), np.array([10.0, 20.0, 30.0]), bits=True)


def test_mask_of_wrong_shape_raises(agree):
    agree(function_of("a[m]", "a, m"), np.arange(5.0), np.ones(4, bool))
    agree(function_of("a[m] = 1; return a", "a, m"), np.arange(5.0), np.ones(6, bool))


FANCY = """a[k] | a[k] * 2 | a[k2] | a[k][1] | b[k] | b[k, 1] | b[1, k] | b[k, k] | b[k, 1:] | b[:, k] | b[1:, k] | b[k[:, None], k] | b[k2, 0]
b[None, k] | b[k, None] | b[k, :, None] | b[..., k] | c[:, k, 1] | c[k, :, k] | c[0, :, k] | c[k, k] | c[:, k2] | a[k - 1] | a[np.array([2, 0])]
a[-k] | a[k.astype(np.uint8)] | np.take(a, k) | b[k].sum() | (a[k] + a[k[::-1]]) | a[[0, 2, 2]] | b[[0, 1], [1, 0]]"""


@pytest.mark.parametrize("text", [t.strip() for line in FANCY.split("\n") for t in line.split(" | ")])
def test_integer_array_as_source(agree, text):
    c = np.arange(4 * 4 * 4).reshape(4, 4, 4)
    f = function_of(text, "a, b, c, k, k2")
    agree(f, np.arange(5.0), np.arange(20.0).reshape(5, 4), c, np.array([3, 0, 2]), np.array([[0, 1], [2, 3]]), bits=True)


FANCY_TARGETS = """a[k] = 0 | a[k] = v | a[k] = a[k[::-1]] | a[k] += 1 | a[k] *= v | b[k] = 1 | b[k, 1] = v | b[k, k] = v | b[1, k] = v | b[k] = b[k[::-1]]
b[:, k] = 5 | b[k, 1:] = 6 | b[k] += 1 | a[-k] = v | a[np.array([1, 1, 1])] += 1 | a[np.array([1, 1, 1])] = v | a[k] = v[:2] | a[k + 10] = 0"""


@pytest.mark.parametrize("text", [t.strip() for line in FANCY_TARGETS.split("\n") for t in line.split(" | ")])
def test_integer_array_as_target(agree, text):
    f = function_of(text + "; return a, b", "a, b, k, v")
    agree(f, np.arange(5.0), np.arange(20.0).reshape(5, 4), np.array([3, 0, 2]), np.array([10.0, 20.0, 30.0]), bits=True)


@pytest.mark.parametrize("text", ["a[k]", "a[k] = 1; return a", "a[-k - 1]", "b[k, np.array([0, 1])]"])
def test_integer_array_out_of_range_or_shape_raises(agree, text):
    agree(function_of(text, "a, b, k"), np.arange(3.0), np.ones((4, 4)), np.array([0, 5, 1]))


def test_iteration_gives_elements_and_rows(agree):
    agree(function_of("s = 0.0\nfor x in a:\n    s += x\nreturn s", "a"), vector())
    agree(function_of("s = 0.0\nfor row in a:\n    s += row[1] * row.sum()\nreturn s", "a"), matrix())
    agree(function_of("for row in a:\n    row[0] = 9\nreturn a", "a"), matrix())
    agree(function_of("s = 0.0\nfor i, x in enumerate(a):\n    s += i * x\nreturn s", "a"), vector())
    agree(function_of("s = 0.0\nfor x, y in zip(a, a[::-1]):\n    s += x * y\nreturn s", "a"), vector())
    agree(function_of("s = 0.0\nfor x in a.flat:\n    s += x\nreturn s", "a"), strided())


def test_membership_and_length(agree):
    agree(function_of("return 3.0 in a, 99.0 in a, 5 not in a, len(a), len(a[2:])", "a"), vector())


def test_operands_are_read_before_the_first_write(agree):
    agree(function_of("a[1:] += a[:-1]; return a", "a"), vector(), bits=True)
    agree(function_of("a[:, :] = a.T; return a", "a"), np.arange(16.0).reshape(4, 4), bits=True)
    agree(function_of("b = a[::-1]; a[:] = b; return a", "a"), vector(), bits=True)
    agree(function_of("b = a[1:]; a[:-1] = b + b; return a", "a"), vector(), bits=True)


def test_read_only_array_cannot_be_assigned_to():
    import plait

    a = vector()
    a.flags.writeable = False
    for text in ("a[0] = 1", "a[:] = 1", "a += 1", "a[1:][0] = 2", "a[a > 1] = 0", "a.fill(0)"):
        with pytest.raises(plait.errors.TypingError, match="read-only"):
            plait.njit(function_of(text + "; return 0", "a"))(a)


@pytest.mark.parametrize("text", ["m[None, k, 0]", "m[k, None, 1]", "m[None, None, k]", "m[k, 0, None]", "m[:, None, k]"])
def test_new_axis_beside_an_index_array(agree, text):
    agree(function_of(text, "m, k"), np.arange(12.0).reshape(3, 4), np.array([0, 2]))
