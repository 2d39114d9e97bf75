"""Arrays of every layout, each between two guard zones."""
import numpy as np

MOST_ITERATIONS = 3000  # of one nest: the oracle is CPython
LAST = -1  # a shift by all but the last element
CANARY = 64  # bytes of guard zone on each side of an array


def overlapping(base, a, shape):
    """A view of another argument's buffer, shifted along the first axis; shorter if that has not enough room."""
    big = base[2]
    part = big[a["shift"]:a["shift"] + shape[0]]
    if part.shape[0] < shape[0] or any(p < s for p, s in zip(part.shape, shape)):
        part = big
    part = part[tuple(slice(0, s) for s in shape)]
    return (part[::-1] if a["turned"] else part), None, big


def fold(array, shape):
    """A writable view in which several subscripts name one element."""
    if len(array.shape) < len(shape):
        return np.lib.stride_tricks.as_strided(array, shape, (0,) + array.strides)
    strides = array.strides
    if len(shape) > 1 and shape[0] > 1:  # rows that begin inside the row before
        strides = (max(strides[0] // 2 // array.itemsize, 1) * array.itemsize,) + strides[1:]
        return np.lib.stride_tricks.as_strided(array, shape, strides)
    return np.lib.stride_tricks.as_strided(array, shape, (0,) + strides[1:])


def make_array(r, a, shape, room, exact):
    """(array, whole buffer with its guard zones, array of all the buffer). `room`: least extent of its first axis."""
    dt = np.dtype(a["dtype"])
    behind = (max(shape[0], room),) + shape[1:]
    count = int(np.prod(behind))
    if "index_of" in a:
        size = a["index_of"]
        if a["style"] == "permutation":
            values = np.resize(r.permutation(size), count)
        else:
            values = r.integers(-size if a["style"] == "negatives" else 0, size, count)
    elif dt.kind in "fc":
        values = r.integers(-16, 17, count) / 4 if exact else np.round(r.uniform(-4, 4, count), 2)
        if dt.kind == "c":
            values = values + 1j * (r.integers(-16, 17, count) / 4)
    elif dt.kind == "b":
        values = r.integers(0, 2, count)
    else:
        values = r.integers(0 if dt.kind == "u" else -9, 10, count)
    values = values.astype(dt).reshape(behind)
    flavour = a["flavour"]
    item = dt.itemsize
    big = behind[:-1] + (2 * behind[-1],) if flavour == "view" else behind  # every other element of a larger buffer
    if flavour == "folded":  # elements of the first axis share memory, all of them or each with its neighbour's
        big = behind[1:] if behind[0] % 2 else (behind[0] + 1,) + behind[1:]
    nbytes = int(np.prod(big)) * item
    shift = 1 if flavour == "misaligned" and item > 1 else 0
    whole = np.full(2 * CANARY + nbytes + 16, 0xA5, np.uint8)
    raw = whole[CANARY + shift:CANARY + shift + nbytes]
    array = raw.view(dt).reshape(big, order="F" if flavour == "F" else "C")
    if flavour == "folded":
        array[...] = np.resize(values, big)
        return fold(array, behind), whole, array
    if flavour == "view":
        array = array[..., ::2]
    if flavour == "neg":
        array = array[::-1]
    array[...] = values
    if flavour == "readonly":
        array.flags.writeable = False
    if flavour == "broadcast":
        array = np.broadcast_to(array[:1], behind)
    return array[:shape[0]] if room > shape[0] else array, whole, array
