"""Types as values: float64, float64[:, ::1], void(f8[:], i4), typeof(x).

A type is known by its name, which is what the compiler reads. Scalars are the ones that arrays can hold; their numbers
are those of the extension (ext_dtype)."""
import numpy as np


class Type:
    """Equal names, equal types."""

    def __init__(self, name):
        self.name = name

    def __str__(self):
        return self.name

    __repr__ = __str__

    def __eq__(self, other):
        return isinstance(other, Type) and self._key() == other._key()

    def __hash__(self):
        return hash(self._key())

    def _key(self):
        return self.name

    def __call__(self, *args):
        """float64(int64, int64) is a signature, float64(3) a value."""
        if len(args) == 1 and not isinstance(args[0], Type):
            return self.cast_python_value(args[0])
        return Signature(self, args)

    def cast_python_value(self, value):
        raise TypeError(f"{self} cannot make a value of {value!r}")

    def __getitem__(self, index):
        return Array(self, *_layout_of(index))

    @property
    def dtype(self):
        raise AttributeError(f"{self} has no dtype")


class Number(Type):
    def __init__(self, name, index, kind, bits):
        super().__init__(name)
        self.index = index
        self.kind = kind
        self.bitwidth = bits

    def cast_python_value(self, value):
        if self.kind == "int":
            return int(value)
        return {"bool": bool, "float": float, "complex": complex}[self.kind](value)

    @property
    def signed(self):
        return not self.name.startswith("u")

    def __reduce__(self):
        return _by_name, (self.name,)

    @property
    def numpy(self):
        return np.dtype(self.name)


Boolean = Integer = Float = Complex = Number


def _by_name(name):
    return globals()["boolean" if name == "bool" else name]


bool_ = boolean = Number("bool", 0, "bool", 8)
int8 = Number("int8", 1, "int", 8)
int16 = Number("int16", 2, "int", 16)
int32 = Number("int32", 3, "int", 32)
int64 = Number("int64", 4, "int", 64)
uint8 = Number("uint8", 5, "int", 8)
uint16 = Number("uint16", 6, "int", 16)
uint32 = Number("uint32", 7, "int", 32)
uint64 = Number("uint64", 8, "int", 64)
float32 = Number("float32", 9, "float", 32)
float64 = Number("float64", 10, "float", 64)
complex64 = Number("complex64", 11, "complex", 64)
complex128 = Number("complex128", 12, "complex", 128)
NUMBERS = (boolean, int8, int16, int32, int64, uint8, uint16, uint32, uint64, float32, float64, complex64, complex128)


class NoneType(Type):
    pass


void = none = NoneType("none")


class Range(Type):
    pass


range_state64_type = range_type = Range("range")


class Slice(Type):
    def __init__(self, has_step):
        super().__init__("slice<a:b:c>" if has_step else "slice<a:b>")
        self.has_step = has_step


slice2_type, slice3_type = Slice(False), Slice(True)


def _layout_of(index):
    """(ndim, layout) of T[:], T[:, ::1], T[::1, :]."""
    dimensions = index if isinstance(index, tuple) else (index,)
    for d in dimensions:
        if not isinstance(d, slice) or d.start is not None or d.stop is not None or d.step not in (None, 1):
            raise KeyError(f"an array type is written T[:], T[:, ::1] or T[::1, :], not with {d!r}")
    steps = [d.step for d in dimensions]
    layout = "A"
    if steps[-1] == 1:
        layout = "C"
    elif steps[0] == 1:
        layout = "F"
    if steps.count(1) > (layout != "A"):
        raise KeyError("an array type has at most one ::1, in its first or last place")
    return len(dimensions), layout


class Array(Type):
    def __init__(self, dtype, ndim, layout, readonly=False, name=None, aligned=True):
        if not isinstance(dtype, Number):
            raise TypeError(f"arrays hold numbers, not {dtype}")
        self._dtype, self.ndim, self.layout = dtype, ndim, layout
        self.readonly, self.aligned = readonly, aligned
        if ndim <= 1 and layout == "F":
            self.layout = "C"
        prefix = ("" if aligned else "unaligned ") + ("readonly " if readonly else "")
        super().__init__(f"{prefix}array({dtype}, {ndim}d, {self.layout})")

    @property
    def dtype(self):
        return self._dtype

    @property
    def mutable(self):
        return not self.readonly

    def copy(self, dtype=None, ndim=None, layout=None, readonly=None):
        return Array(
            self._dtype if dtype is None else dtype,
            self.ndim if ndim is None else ndim,
            self.layout if layout is None else layout,
            self.readonly if readonly is None else readonly,
            aligned=self.aligned,
        )

    def __reduce__(self):
        return Array, (self._dtype, self.ndim, self.layout, self.readonly, None, self.aligned)


class BaseTuple(Type):
    def __init__(self, name, items):
        super().__init__(name)
        self.types = tuple(items)

    def __len__(self):
        return len(self.types)

    def __iter__(self):
        return iter(self.types)

    def __getitem__(self, index):
        return self.types[index]

    @property
    def count(self):
        return len(self.types)


class _Tuple(BaseTuple):
    def __reduce__(self):
        return Tuple, (self.types,)


def Tuple(items):
    """Tuple((int64, float64)); of equal items UniTuple."""
    items = tuple(items)
    if items and all(item == items[0] for item in items):
        return _Tuple(f"UniTuple({items[0]} x {len(items)})", items)
    return _Tuple(f"Tuple({', '.join(map(str, items))})", items)


def UniTuple(dtype, count):
    return Tuple((dtype,) * count)


class NamedTuple(BaseTuple):
    def __init__(self, items, class_):
        self.instance_class = class_
        self.fields = class_._fields
        inside = ", ".join(f"{f}: {t}" for f, t in zip(self.fields, items))
        super().__init__(f"{class_.__name__}({inside or ':'})", items)

    def _key(self):
        return self.name, self.instance_class


def NamedUniTuple(dtype, count, class_):
    return NamedTuple((dtype,) * count, class_)


class Literal(Type):
    """A string known when compiling: the text is part of the type."""

    def __init__(self, value):
        import json

        if not isinstance(value, str):
            raise TypeError(f"literal types are of strings, not {value!r}")
        super().__init__(f"Literal[str]({json.dumps(value, ensure_ascii=False)})")
        self.literal_value = value


StringLiteral = literal = Literal


class DType(Type):
    """A dtype or a type as an argument."""

    def __init__(self, dtype):
        super().__init__(f"dtype({dtype})")
        self._dtype = dtype

    @property
    def dtype(self):
        return self._dtype


NumberClass = DType


class Function(Type):
    """A kernel as an argument: each kernel is a type of its own."""

    def __init__(self, dispatcher):
        super().__init__(f"type(kernel {dispatcher.__name__})")
        self.dispatcher = dispatcher

    def _key(self):
        return self.name, id(self.dispatcher)


Dispatcher = Function


class Omitted(Type):
    def __init__(self, value):
        super().__init__(f"omitted(default={value!r})")
        self.value = value


class Signature:
    """return_type(args); the return type may be None: whatever the kernel gives."""

    def __init__(self, return_type, args):
        for a in args:
            if not isinstance(a, Type):
                raise TypeError(f"a signature is made of types, not {a!r}")
        self.return_type = return_type
        self.args = tuple(args)

    def __str__(self):
        result = "" if self.return_type is None else str(self.return_type)
        return f"{result}({', '.join(map(str, self.args))})"

    def __repr__(self):
        args = ", ".join(map(str, self.args))
        return f"({args}) -> {self.return_type}" if self.return_type is not None else f"({args})"

    def __eq__(self, other):
        return isinstance(other, Signature) and (self.return_type, self.args) == (other.return_type, other.args)

    def __hash__(self):
        return hash((self.return_type, self.args))

    def __iter__(self):
        return iter(self.args)

    def __len__(self):
        return len(self.args)


_ALIASES = {
    "intp": "int64", "uintp": "uint64", "intc": "int32", "uintc": "uint32", "ssize_t": "int64", "size_t": "uint64",
    "double": "float64", "byte": "uint8", "char": "int8", "uchar": "uint8", "short": "int16", "ushort": "uint16",
    "int_": "int64", "uint": "uint64", "long_": "int64", "ulong": "uint64", "longlong": "int64",
    "ulonglong": "uint64", "b1": "boolean", "i1": "int8", "i2": "int16", "i4": "int32", "i8": "int64", "u1": "uint8",
    "u2": "uint16", "u4": "uint32", "u8": "uint64", "f4": "float32", "f8": "float64", "c8": "complex64",
    "c16": "complex128",
}  # fmt: skip
globals().update({alias: globals()[name] for alias, name in _ALIASES.items()})

# What `from plait import …` gives; the plain `bool` shadows nothing here.
TOP_LEVEL = frozenset([*_ALIASES, *(n.name for n in NUMBERS[1:]), "boolean", "bool_", "void", "none", "typeof", "from_dtype"])

_by_dtype = {n.numpy: n for n in NUMBERS}
_by_class = {n.numpy.type: n for n in NUMBERS}
_by_class.update({bool: boolean, int: int64, float: float64, complex: complex128})


def from_dtype(dtype):
    """The type of an array element of a NumPy dtype."""
    dtype = np.dtype(dtype)
    found = _by_dtype.get(dtype)
    if found is None or not dtype.isnative:
        from .errors import UnsupportedError

        raise UnsupportedError(f"arrays of dtype {dtype} are not supported")
    return found


def from_class(class_):
    """The type that a class makes values of (np.float32, int), or None."""
    return _by_class.get(class_)


def typeof(value):
    """The type that a kernel gives an argument."""
    kind = type(value)
    if kind is np.ndarray or kind is np.memmap:
        return _typeof_array(value)
    if kind is int or (isinstance(value, int) and kind is not bool):
        if value >= 2**64 or value < -(2**63):
            shown = value if value.bit_length() < 1000 else "it"  # Python writes no more than 4300 digits
            raise ValueError(f"int argument is too large: {shown} does not fit 64 bits")
        return uint64 if value >= 2**63 else int64
    if kind in _by_class:
        return _by_class[kind]
    if value is None:
        return none
    if kind is tuple:
        return Tuple(map(typeof, value))
    if isinstance(value, tuple) and hasattr(kind, "_fields"):
        return NamedTuple(tuple(map(typeof, value)), kind)
    if kind is str:
        return Literal(value)
    if kind is range:
        return range_type
    if kind is slice:
        return slice2_type if value.step is None else slice3_type
    return _typeof_rare(value)


def _typeof_array(a):
    from .errors import TypingError

    dtype = _by_dtype.get(a.dtype)
    if dtype is None:
        better = "astype(np.float32)" if a.dtype == np.float16 else "astype(…), to numbers"
        raise TypingError(f"arrays of dtype {a.dtype} are not supported: convert it with .{better}")
    if not a.dtype.isnative:
        raise TypingError(f"the array's bytes are swapped (dtype {a.dtype.str}): convert it with .astype(…)")
    flags = a.flags
    layout = "C" if flags.c_contiguous else "F" if flags.f_contiguous else "A"
    return Array(dtype, a.ndim, layout, not flags.writeable, aligned=flags.aligned)


def _typeof_rare(value):
    from . import _plait
    from .errors import TypingError

    if isinstance(value, _plait.Dispatcher):
        return Function(value)
    if isinstance(value, np.generic) and value.dtype in _by_dtype:
        return _by_dtype[value.dtype]
    if isinstance(value, np.dtype) and value in _by_dtype:
        return DType(_by_dtype[value])
    if isinstance(value, type) and value in _by_class:
        return DType(_by_class[value])
    for base in (float, complex):
        if isinstance(value, base):
            return _by_class[base]
    if isinstance(value, np.ndarray):
        raise TypingError(f"arrays of class {type(value).__name__} are not supported: pass np.asarray(…)")
    if isinstance(value, (list, set, frozenset)):
        better = "np.array(…) or a tuple"
    elif isinstance(value, dict):
        better = "its values one by one, or as a namedtuple"
    else:
        better = "the numbers and arrays that it holds"
    raise TypingError(f"pass {better}: kernels do not take values of type {type(value).__name__}")


def parse(text):
    """"f8(f8[:], i4)", "(f8, f8)" or "f8[:]" as Numba reads them: an expression over the names above."""
    names = {k: v for k, v in globals().items() if isinstance(v, Type) or k in ("Tuple", "UniTuple", "Array")}
    names.update({"__builtins__": {}, "bool": boolean, "array": Array})
    names["types"] = names["numba"] = names["plait"] = _Names(names)
    try:
        return eval(text, names)
    except Exception as error:
        from .errors import RequestError

        raise RequestError(f"{text!r} is no signature: {error}") from None


class _Names:
    def __init__(self, names):
        self.__dict__.update(names)


def signature(given):
    """A Signature from anything that Numba takes for one: a text, a Signature, a tuple of types."""
    if isinstance(given, str):
        given = parse(given)
    if isinstance(given, Signature):
        return given
    if isinstance(given, (tuple, list)):
        return Signature(None, tuple(given))
    if isinstance(given, Type):
        return Signature(None, (given,))
    raise TypeError(f"{given!r} is no signature")


def is_signature(given):
    if isinstance(given, (str, Signature)):
        return True
    return isinstance(given, tuple) and all(isinstance(g, Type) for g in given)


# ---- what the compiler's metadata says, both ways ------------------------------------------------------------------


def from_json(o, classes=()):
    """Type of a metadata type object; `classes` are the named tuples that may occur."""
    kind = o["kind"]
    if kind == "bool":
        return boolean
    if kind == "int":
        return globals()[("int" if o["signed"] else "uint") + str(o["bits"])]
    if kind in ("float", "complex"):
        return globals()[kind + str(o["bits"])]
    if kind == "array":
        return Array(from_json(o["dtype"]), o["ndim"], o["layout"], o.get("readonly", False), aligned=o.get("aligned", True))
    if kind == "tuple":
        items = [from_json(i, classes) for i in o["items"]]
        return NamedTuple(items, named_tuple_class(o, classes)) if o.get("name") else Tuple(items)
    if kind == "str":
        return Literal(o["text"])
    if kind == "dtype":
        return DType(from_json(o["dtype"]))
    if kind == "range":
        return range_type
    if kind == "slice":
        return slice3_type if o.get("step") else slice2_type
    return none


def named_tuple_class(o, classes):
    from collections import namedtuple

    for c in classes:
        if c.__name__ == o["name"] and list(c._fields) == list(o["fields"]):
            return c
    return namedtuple(o["name"], o["fields"])


def describe_result(t):
    """A type as the extension's Kernel wants it."""
    if isinstance(t, Number):
        return ("scalar", t.index)
    if isinstance(t, Array):
        return ("array", t.dtype.index, t.ndim, t.readonly)
    if isinstance(t, BaseTuple):
        return ("tuple", tuple(map(describe_result, t)), getattr(t, "instance_class", None))
    if isinstance(t, Literal):
        return ("constant", t.literal_value)
    if isinstance(t, DType):
        return ("constant", t.dtype.numpy.type)
    if isinstance(t, Range):
        return ("range",)
    if isinstance(t, Slice):
        return ("slice", t.has_step)
    return ("none",)
