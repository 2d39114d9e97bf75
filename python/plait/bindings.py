"""What the free names of a function mean, as the compiler's bindings (plait.h), and back.

The names are those of the code object and of the code inside it. That takes in attribute names too, so a name that means
nothing a kernel can use is left out; when compiling fails over it, `Names.skipped` knows why."""
import builtins
import sys
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType

import numpy as np

from . import _plait, types

# Modules whose members the compiler knows by name. Of all others, the members that a kernel uses are bound one by one.
KNOWN_MODULES = frozenset(["numpy", "math", "cmath", "builtins", "operator", "random", "plait", "numba", "time"])

# User's exception classes by the key that the compiler knows them by.
exceptions = {}


def is_known(module):
    return module.split(".", 1)[0] in KNOWN_MODULES


class Names:
    """Collects bindings for one request. `active`: the kernels whose requests are being made, outermost first."""

    def __init__(self, active=()):
        self.active = active
        self.skipped = {}
        self.used = ()

    def of_function(self, function):
        code, found = function.__code__, {}
        self.used = _names_of(code)
        for name, cell in zip(code.co_freevars, function.__closure__ or ()):
            try:
                self._add(found, name, cell.cell_contents)
            except ValueError:
                self.skipped[name] = "is not yet defined"
        for name in sorted(self.used - set(code.co_freevars)):
            if name in function.__globals__:
                self._add(found, name, function.__globals__[name])
            elif hasattr(builtins, name):
                self._add(found, name, getattr(builtins, name))
        return found

    def of_defaults(self, defaults):
        found = {}
        for name, value in defaults.items():
            self._add(found, name, value)
        return found

    def _add(self, found, name, value):
        if any(value is kernel for kernel in self.active[:-1]):
            self.skipped[name] = "calls back into a kernel that calls this one; only a kernel's calls of itself work"
            return
        if self.active and value is self.active[-1]:
            return  # a function knows itself
        try:
            found[name] = self.bind(value)
        except Unbindable as reason:
            self.skipped[name] = str(reason)

    # ---- one value ----

    def bind(self, value):
        kind = type(value)
        row = _SIMPLE.get(kind)
        if row is not None:
            return row(value)
        if kind is _plait.Dispatcher:
            from .dispatcher import request_of

            return {"kernel": request_of(value, self.active)}
        if isinstance(value, ModuleType):
            return self._bind_module(value)
        if isinstance(value, type):
            return self._bind_class(value)
        if isinstance(value, tuple):
            return self._bind_tuple(value)
        if isinstance(value, np.ndarray):
            return _bind_array(value)
        return self._bind_rare(value)

    def _bind_module(self, module):
        if is_known(module.__name__):
            return {"module": module.__name__}
        return self._bind_members(module, module.__name__)

    def _bind_members(self, owner, name):
        """The used attributes of a module or class, as the fields of a named tuple."""
        fields, items = [], []
        for attribute in sorted(self.used):
            try:
                item = self.bind(getattr(owner, attribute))
            except (AttributeError, Unbindable) as reason:
                if hasattr(owner, attribute):
                    self.skipped[f"{name}.{attribute}"] = str(reason)
                continue
            fields.append(attribute)
            items.append(item)
        if not fields:
            raise Unbindable(f"is {owner!r}, of which kernels can use nothing here")
        return {"tuple": items, "fields": fields, "name": name.rpartition(".")[2]}

    def _bind_class(self, class_):
        if class_ is prange_class():
            return {"object": "plait.prange"}
        if issubclass(class_, BaseException):
            return _bind_exception(class_)
        if class_.__module__ == "builtins":
            return {"builtin": class_.__name__}
        number = types.from_class(class_)
        if number is not None:
            return {"dtype": number.name}
        if issubclass(class_, tuple) and hasattr(class_, "_fields"):
            return {"namedtuple": class_.__name__, "fields": list(class_._fields)}
        if is_known(class_.__module__):
            return _bind_member(class_)
        members = getattr(class_, "__members__", None)
        if members is not None:
            return self._bind_enum(class_, members)
        return self._bind_members(class_, class_.__name__)

    def _bind_enum(self, class_, members):
        items = [self._bind_rare(m) for m in members.values()]
        return {"tuple": items, "fields": list(members), "name": class_.__name__}

    def _bind_tuple(self, value):
        bound = {"tuple": [self.bind(item) for item in value]}
        if hasattr(value, "_fields"):
            bound.update(fields=list(value._fields), name=type(value).__name__)
        return bound

    def _bind_rare(self, value):
        if isinstance(value, types.Type):
            return {"type": str(value)}
        if isinstance(value, np.dtype):
            return _bind_dtype(value)
        if isinstance(value, np.generic):
            return _bind_numpy_scalar(value)
        if isinstance(value, int):
            return _bind_int(int(value))
        if hasattr(type(value), "__members__"):
            raise Unbindable("is a member of an enumeration whose members are no integers, as those of an IntEnum are")
        if isinstance(value, float):
            return {"float": _float_text(value)}
        if isinstance(value, (BuiltinFunctionType, np.ufunc)) or is_known(getattr(value, "__module__", None) or ""):
            return _bind_member(value)
        if isinstance(value, FunctionType):
            raise Unbindable("is a plain Python function: decorate it with @njit to call it from a kernel")
        raise Unbindable(f"is of type {type(value).__name__}, which kernels cannot use as a constant")


class Unbindable(Exception):
    pass


def _names_of(code):
    names = {*code.co_names, *code.co_freevars}
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names |= _names_of(constant)
    return names


def _float_text(x):
    return x.hex() if x - x == 0.0 else repr(x)


def _bind_int(value):
    if -(2**63) <= value < 2**64:
        return {"int": str(value)}
    raise Unbindable("is an integer that does not fit 64 bits")


def _bind_complex(z):
    return {"complex": [_float_text(z.real), _float_text(z.imag)]}


def _bind_str(value):
    try:
        value.encode()
    except UnicodeEncodeError:
        raise Unbindable("is a string that UTF-8 cannot hold") from None
    return {"str": value}


_SIMPLE = {
    type(None): lambda value: {"none": True},
    bool: lambda value: {"bool": value},
    int: _bind_int,
    float: lambda value: {"float": _float_text(value)},
    complex: _bind_complex,
    str: _bind_str,
}


def _bind_dtype(dtype):
    try:
        return {"dtype": types.from_dtype(dtype).name}
    except Exception:
        raise Unbindable(f"is dtype {dtype}, which kernels do not know") from None


def _bind_numpy_scalar(value):
    dtype = _bind_dtype(value.dtype)["dtype"]
    plain = value.item()
    return {**_SIMPLE[type(plain)](plain), "dtype": dtype}


def _bind_array(a):
    """Subclasses are refused as arguments are: they give operators other meanings."""
    import base64

    if type(a) not in (np.ndarray, np.memmap):
        raise Unbindable(f"is a {type(a).__name__}; kernels take plain arrays: bind np.asarray(…)")
    dtype = _bind_dtype(a.dtype)["dtype"]
    order = "F" if a.flags.f_contiguous and not a.flags.c_contiguous else "C"
    data = base64.b64encode(a.tobytes(order)).decode("ascii")
    return {"array": {"dtype": dtype, "shape": list(a.shape), "order": order, "data": data}}


def _bind_exception(class_):
    if class_.__module__ == "builtins":
        return {"exception": class_.__name__}
    base = next(b for b in class_.__mro__ if b.__module__ == "builtins")
    key, number = f"{class_.__module__}.{class_.__qualname__}", 1
    while exceptions.setdefault(key, class_) is not class_:
        number += 1
        key = f"{class_.__module__}.{class_.__qualname__}#{number}"
    return {"exception": class_.__name__, "base": base.__name__, "key": key}


def prange_class():
    return sys.modules["plait"].prange


def _bind_member(value):
    """A function of a known module, by the dotted name under which it is found there."""
    name = getattr(value, "__qualname__", None) or getattr(value, "__name__", "")
    module = getattr(value, "__module__", None) or "numpy"
    if module == "plait._plait":
        module = "plait"
    if module == "builtins":
        return {"builtin": name}
    for candidate in (module, module.split(".", 1)[0]):
        owner = sys.modules.get(candidate)
        if owner is not None and getattr(owner, name, None) is value:
            return {"object": f"{candidate}.{name}"}
    raise Unbindable(f"is {value!r}, which kernels do not know")


# ---- back: a function from a request, for kernels that came by pickle ------------------------------------------------


def value_of(binding):
    """The Python value of a binding."""
    (kind, what), *_ = binding.items()
    row = _VALUES.get(kind)
    return row(what, binding) if row is not None else None


def _member(dotted):
    import importlib

    parts = dotted.split(".")
    for split in range(len(parts) - 1, 0, -1):
        try:
            value = importlib.import_module(".".join(parts[:split]))
        except ImportError:
            continue
        for part in parts[split:]:
            value = getattr(value, part)
        return value
    return getattr(builtins, dotted)


def _exception_of(name, binding):
    return exceptions.get(binding.get("key")) or getattr(builtins, binding.get("base", name))


def _tuple_of(items, binding):
    values = tuple(map(value_of, items))
    if "fields" not in binding:
        return values
    from collections import namedtuple

    return namedtuple(binding["name"], binding["fields"])(*values)


def _namedtuple_of(name, binding):
    from collections import namedtuple

    return namedtuple(name, binding["fields"])


def _array_of(what, binding):
    import base64

    flat = np.frombuffer(base64.b64decode(what["data"]), what["dtype"])
    return flat.reshape(what["shape"], order=what["order"])


def _kernel_of(request, binding):
    from .dispatcher import from_request

    return from_request(request)


def _float_of(text):
    return float(text) if text.lstrip("-") in ("inf", "nan") else float.fromhex(text)


def _complex_of(parts, binding):
    return complex(*map(_float_of, parts))


def _module_of(name, binding):
    import importlib

    return importlib.import_module(name)


_VALUES = {
    "none": lambda what, b: None,
    "bool": lambda what, b: what,
    "int": lambda what, b: int(what),
    "float": lambda what, b: _float_of(what),
    "complex": _complex_of,
    "str": lambda what, b: what,
    "module": _module_of,
    "object": lambda what, b: _member(what),
    "builtin": lambda what, b: getattr(builtins, what),
    "dtype": lambda what, b: np.dtype(what).type,
    "type": lambda what, b: types.parse(what),
    "tuple": _tuple_of,
    "namedtuple": _namedtuple_of,
    "exception": _exception_of,
    "kernel": _kernel_of,
    "array": _array_of,
}


def function_of(request):
    """The function of a request, without its decorators, in a namespace made of its bindings."""
    import ast

    namespace = {"__builtins__": builtins, "__name__": "plait.unpickled"}
    namespace.update({name: value_of(b) for name, b in request.get("bindings", {}).items()})
    name, file = request["function"], request.get("file", "<kernel>")
    if name == "<lambda>":
        function = eval(compile(request["source"], file, "eval"), namespace)
    else:
        tree = ast.parse(request["source"], file)
        tree.body[0].decorator_list = []
        ast.increment_lineno(tree, request.get("first_line", 1) - 1)
        exec(compile(tree, file, "exec"), namespace)
        function = namespace[name]
    defaults = {parameter: value_of(b) for parameter, b in request.get("defaults", {}).items()}
    return function, defaults
