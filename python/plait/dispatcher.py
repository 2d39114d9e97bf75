"""What a kernel object can do besides being called, and what happens when it is called with new types.

The callable itself is C (dispatcher.c); its attributes that are not speed are the class Methods below, whose functions
get the dispatcher as self."""
import os
import re
import struct
import sys
from _thread import RLock
from _weakrefset import WeakSet
from functools import update_wrapper

from . import _plait, config, types
from .choices import check_choice, request_options, target_options
from .decorators import tile_code
from .errors import ConfigError, PlaitError, TypingError, UnsupportedError, report

_VARARGS, _VARKEYWORDS = 4, 8
_dispatchers = WeakSet()


class State:
    """What Python keeps for a dispatcher. `request`: the frozen request of a kernel that came by pickle."""

    def __init__(self, options, request=None):
        self.options = options
        self.request = request
        self.source = None
        self.overloads = {}
        self.can_compile = True
        self.compiling = False
        self._lock = RLock()
        self._owner = os.getpid()

    @property
    def lock(self):
        """A child of fork does not wait for a thread that it does not have."""
        if self._owner != os.getpid():
            self._lock, self._owner = RLock(), os.getpid()
        return self._lock


def make(function, options, request=None, defaults=None):
    code = function.__code__
    if code.co_flags & _VARKEYWORDS:
        raise UnsupportedError(f"{function.__name__}(): kernels cannot take **keywords")
    keyword_only, varargs = code.co_kwonlyargcount, bool(code.co_flags & _VARARGS)
    count = code.co_argcount + keyword_only + varargs
    if defaults is None:
        defaults = {}
        values = function.__defaults__ or ()
        defaults.update(zip(code.co_varnames[code.co_argcount - len(values) : code.co_argcount], values))
        defaults.update(function.__kwdefaults__ or {})
    dispatcher = _plait.Dispatcher(function, code.co_varnames[:count], defaults, keyword_only, varargs)
    update_wrapper(dispatcher, function)
    dispatcher._state = State(options, request)
    _dispatchers.add(dispatcher)
    return dispatcher


def name_in_files(dispatcher):
    """ "module.function", by which configuration files know a kernel; a script's module is its file's name."""
    module = dispatcher.__module__
    if module in ("__main__", "__mp_main__", None):
        module = os.path.splitext(os.path.basename(dispatcher.py_func.__code__.co_filename))[0]
    return f"{module}.{dispatcher.__qualname__}".replace(".<locals>", "")


def configuration_changed():
    """Kernels whose compile settings changed forget their code."""
    for dispatcher in list(_dispatchers):
        state = dispatcher._state
        with state.lock:
            old = {o.options_in_request for o in state.overloads.values()}
            if old and old != {_options_key(dispatcher)}:
                Methods.recompile(dispatcher)


def _options_key(dispatcher):
    options = request_options(dispatcher._state.options, name_in_files(dispatcher))
    return repr(sorted({**options, **target_options()}.items()))


# ---- requests ------------------------------------------------------------------------------------------------------


def _source_of(dispatcher):
    state = dispatcher._state
    if state.source is None:
        from . import source

        state.source = source.find(dispatcher.py_func)
    return state.source


def request_of(dispatcher, active=(), remarks=None):
    """The request of a kernel, without a signature. `active`: the kernels in whose requests this one is to stand."""
    from .bindings import Names

    state = dispatcher._state
    if state.request is not None:
        return state.request
    found = _source_of(dispatcher)
    names = Names((*active, dispatcher))
    request = {
        "source": found.text,
        "file": found.file,
        "first_line": found.first_line,
        "first_col": found.first_col,
        "function": found.name,
        "bindings": names.of_function(dispatcher.py_func),
        "defaults": names.of_defaults(dispatcher._defaults),
        "options": request_options(state.options, name_in_files(dispatcher)),
    }
    if found.line is not None:
        request.update(line=found.line, col=found.col)
    if remarks is not None:
        remarks.update(names.skipped)
    return request


def _with_constants(dispatcher, request, args):
    """Kernels among the arguments: the request of a caller that has them as free names."""
    names, parameters, passed, bindings = dispatcher._names, [], [], {"_kernel": {"kernel": request}}
    for name, t in zip(names, args):
        if isinstance(t, types.Function):
            bindings[f"_argument_{name}"] = {"kernel": request_of(t.dispatcher, (dispatcher,))}
            passed.append(f"_argument_{name}")
        else:
            parameters.append(name)
            passed.append(name)
    name = request["function"].strip("<>")
    return {
        "source": f"def {name}_entry({', '.join(parameters)}):\n    return _kernel({', '.join(passed)})\n",
        "file": request["file"],
        "first_line": request["first_line"],
        "function": f"{name}_entry",
        "bindings": bindings,
        "options": request["options"],
    }


def _with_tile(options, tile):
    """None: the tile stays as it is; 0: the compiler's choice."""
    rest = {k: v for k, v in options.items() if k != "tile"}
    return options if tile is None else {**rest, "tile": tile} if tile else rest


def _full_request(dispatcher, signature, remarks=None, dump=None, tile=None):
    request = dict(request_of(dispatcher, remarks=remarks))
    request["options"] = _with_tile(request["options"], tile)
    args = signature.args
    if any(isinstance(t, types.Function) for t in args):
        request = _with_constants(dispatcher, request, args)
        args = tuple(t for t in args if not isinstance(t, types.Function))
    request.update(target_options())
    request["signature"] = str(types.Signature(signature.return_type, args))
    if dump:
        request["options"] = {**request["options"], "dump": dump}
    return request


def _compile_request(request, remarks=None):
    import json

    text = json.dumps(request, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
    artifact, found = _plait.compile(text)
    report(found, artifact is None, remarks)
    return artifact


# ---- overloads -----------------------------------------------------------------------------------------------------


class _Library:
    def __init__(self, overload):
        self._overload = overload

    def get_llvm_str(self):
        return self._overload.dump("optimized")

    def get_asm_str(self):
        return self._overload.dump("asm")


def _call_of(values):
    """What a compile may know of the call that it is for: integers and shapes, tuples item by item."""
    import numpy as np

    known = []
    for v in values:
        if isinstance(v, tuple):
            known += _call_of(v)
        else:
            is_int = isinstance(v, (int, np.integer)) and type(v) is not bool and -(2**63) < v < 2**63
            known.append(list(v.shape) if isinstance(v, np.ndarray) else int(v) if is_int else None)
    return known


class Overload:
    """A kernel compiled for one list of argument types. `variants`: with other tiles, by tile, for arrays of other sizes.
    `call`: the arguments of the call that needs it, if one does; `tiered`: baseline code will do if it has little to do.
    `is_baseline`: so it was made; dispatcher.c says when optimised code is wanted. That is made from the same `request`: globals
    may have other values by then, which a kernel that has been compiled does not see."""

    objectmode = False
    lifted = ()

    def __init__(self, dispatcher, signature, tile=None, call=(), tiered=False, request=None):
        import json

        remarks = {}
        self.requested = signature
        began = _plait._clock()
        self.options_in_request = _options_key(dispatcher)
        self.variants = {}
        self._tile = tile
        if request is None:
            request = _full_request(dispatcher, signature, remarks, tile=tile)
        self.tile = request["options"].get("tile", 0)
        options = {**request["options"], "lazy": True, "call": _call_of(call), "tiered": tiered}
        self.artifact = _compile_request({**request, "options": options}, remarks)
        self.info = json.loads(self.artifact.metadata())
        self.is_baseline = self.info.get("baseline", False)
        self.request = request if self.is_baseline else None
        classes = _named_tuples(dispatcher, signature.args)
        result = types.from_json(self.info.get("result") or {"kind": "none"}, classes)
        self.signature = types.Signature(result, signature.args)
        description = types.describe_result(result)
        if (self.info.get("result") or {}).get("kind") == "function":
            raise TypingError(f"{dispatcher.__name__}(): a kernel cannot return a function to Python")
        made = self.artifact.object()
        watches = b"plrt_interrupt" in made or b"plait_resolve" in made
        nogil = bool(dispatcher._state.options.get("nogil"))
        self.kernel, found = self.artifact.load(description, self, nogil, watches)
        report(found, self.kernel is None)
        own = check_choice(*map(dispatcher._state.options.get, ("threads", "no schedule", "no chunk", "placement")))
        _plait._name_kernel(self.kernel, name_in_files(dispatcher), *own, tile_code(self.tile) if _follows_tile(dispatcher) else -1)
        self.dispatcher = dispatcher
        if _plait._trace_is_on():
            from .observe import trace_compile

            times = json.loads(self.artifact.timings() or "{}")
            trace_compile(dispatcher.__qualname__, began, _plait._clock(), times)
        self._dumps = {}

    @property
    def entry_point(self):
        return self.kernel

    @property
    def library(self):
        return _Library(self)

    @property
    def type_annotation(self):
        """The source, with the types of each line's names below it."""
        found = _source_of(self.dispatcher) if self.dispatcher._state.request is None else None
        text = found.text if found else self.dispatcher._state.request["source"]
        first = found.first_line if found else self.dispatcher._state.request["first_line"]
        out = []
        for number, line in enumerate(text.splitlines(), first):
            out.append(f"{number:5}  {line}")
            indent = " " * (len(line) - len(line.lstrip()))
            for name, kinds in self._types_of_line(number).items():
                out.append(f"       {indent}# {name}: {', '.join(kinds)}")
        return "\n".join(out)

    def _types_of_line(self, number):
        names = {}
        for note in self.info.get("types", ()):
            if note["line"] == number and note["name"]:
                kinds = names.setdefault(note["name"], [])
                if note["type"] not in kinds:
                    kinds.append(note["type"])
        return names

    @property
    def metadata(self):
        import json

        times = json.loads(self.artifact.timings() or "{}")
        return {"parfor_diagnostics": self.report(), "pipeline_times": times, "sites": self.info.get("sites", [])}

    def report(self):
        import json

        return json.loads(self.artifact.report() or "[]")

    def dump(self, name):
        """What a stage printed. Not kept by the compile that made the code, so compiled once more when asked for."""
        if name not in self._dumps:
            artifact = _compile_request(_full_request(self.dispatcher, self.requested, dump=[name], tile=self._tile))
            self._dumps[name] = artifact.dump(name) or ""
        return self._dumps[name]


def _named_tuples(dispatcher, args):
    """Classes of named tuples that a result may have: the arguments' and those that the function names."""
    found = []

    def walk(t):
        if isinstance(t, types.NamedTuple):
            found.append(t.instance_class)
        if isinstance(t, types.BaseTuple):
            for item in t:
                walk(item)

    for t in args:
        walk(t)
    function = dispatcher.py_func
    values = list(function.__globals__.values()) if function.__code__.co_names else []
    for cell in function.__closure__ or ():
        try:
            values.append(cell.cell_contents)
        except ValueError:
            pass
    found += [v for v in values if isinstance(v, type) and issubclass(v, tuple) and hasattr(v, "_fields")]
    return found


def _typeof_all(dispatcher, values):
    found = []
    for name, value in zip(dispatcher._names, values):
        try:
            found.append(types.typeof(value))
        except TypingError as error:
            raise TypingError(f"{dispatcher.__name__}(): argument {name!r}: {error}") from None
    return tuple(found)


def _follows_tile(dispatcher):
    """Whether the configuration says with which tiles the kernel is compiled."""
    state = dispatcher._state
    return state.request is None and bool(state.options.get("parallel")) and state.options.get("tile") is None


def _tile_of_size(dispatcher, nbytes):
    """The tile for calls with so many bytes of arrays; None: that of the kernel."""
    if not _follows_tile(dispatcher):
        return None
    return config.tile(name_in_files(dispatcher), nbytes)


def _compiled(dispatcher, signature, tile, call=(), tiered=False, request=None):
    state = dispatcher._state
    state.compiling = True
    try:
        return Overload(dispatcher, signature, tile, call, tiered, request)
    finally:
        state.compiling = False


def _optimised(dispatcher, baseline, tile, call):
    """The same, optimised. The tile may have changed since."""
    request = {**baseline.request, "options": _with_tile(baseline.request["options"], tile)}
    return _compiled(dispatcher, baseline.requested, tile, call, False, request)


def _variant(dispatcher, overload, tile, call=()):
    """The overload with that tile, compiled if need be. With the dispatcher's lock held."""
    if tile is None or tile == overload.tile:
        return overload
    if tile not in overload.variants:
        overload.variants[tile] = _compiled(dispatcher, overload.requested, tile, call)
    return overload.variants[tile]


def compile_overload(dispatcher, signature, tile=None, call=()):
    """The overload for these argument types, compiled if need be."""
    config.ensure()
    state = dispatcher._state
    with state.lock:
        overload = state.overloads.get(signature.args)
        if overload is not None and overload.is_baseline:
            overload = _optimised(dispatcher, overload, tile, call)
            state.overloads[signature.args] = overload
        elif overload is not None:
            overload = _variant(dispatcher, overload, tile, call)
        else:
            tiered = bool(call) and not tile and config.is_set("TIERED")
            overload = state.overloads[signature.args] = _compiled(dispatcher, signature, tile, call, tiered)
            level = int(config.setting("PARALLEL_DIAGNOSTICS", "0") or 0)
            if level and state.options.get("parallel"):
                Methods.parallel_diagnostics(dispatcher, signature.args, level)
        return overload


def on_miss(dispatcher, values, nbytes):
    """Called by C: no entry of the table fits these arguments, of so many bytes. Leaves with one that does; gives what the user
    got wrong back, for C to raise, since the compiler's own frames are of no use to who made the mistake."""
    try:
        _make_entry(dispatcher, values, nbytes)
    except ConfigError as error:  # with a wrong configuration none can be asked about frames
        return error.with_traceback(None)
    except PlaitError as error:
        if config.is_set("FULL_TRACEBACKS"):
            raise
        return error.with_traceback(None)


def _make_entry(dispatcher, values, nbytes):
    """The lock is held until the kernel is in the table: recompile() empties the table, and an older one must not come after."""
    args = _typeof_all(dispatcher, values)
    state = dispatcher._state
    tile = _tile_of_size(dispatcher, nbytes)
    with state.lock:
        if state.can_compile or args in state.overloads:
            overload = compile_overload(dispatcher, types.Signature(None, args), tile, values)
            dispatcher._insert(values, overload.kernel, None, overload.is_baseline)
            return
        best = _best_overload(dispatcher, args)
        overload = compile_overload(dispatcher, best.requested, tile, values)
        dispatcher._insert(values, overload.kernel, _conversions(args, overload.signature.args), False)


# ---- conversions to eager signatures -----------------------------------------------------------------------------------

_EXACT, _PROMOTE, _SAFE, _UNSAFE, _IMPOSSIBLE = range(5)


def _cost_of_number(a, b):
    if a == b:
        return _EXACT
    if a.kind == "complex" and b.kind != "complex":
        return _IMPOSSIBLE
    import numpy as np

    if a.kind == b.kind and a.bitwidth < b.bitwidth and a.signed == b.signed:
        return _PROMOTE
    return _SAFE if np.can_cast(a.numpy, b.numpy, "safe") else _UNSAFE


def _cost(a, b):
    """How good a value of type a is where b is declared."""
    if a == b:
        return _EXACT
    if isinstance(a, types.Number) and isinstance(b, types.Number):
        return _cost_of_number(a, b)
    if isinstance(a, types.Array) and isinstance(b, types.Array):
        same = a.dtype == b.dtype and a.ndim == b.ndim and b.layout in ("A", a.layout)
        return _PROMOTE if same and (b.readonly or not a.readonly) and (a.aligned or not b.aligned) else _IMPOSSIBLE
    if isinstance(a, types.BaseTuple) and isinstance(b, types.BaseTuple) and len(a) == len(b):
        return max(map(_cost, a, b), default=_EXACT)
    return _IMPOSSIBLE


def _best_overload(dispatcher, args):
    ranked = []
    for overload in dispatcher._state.overloads.values():
        declared = overload.signature.args
        costs = list(map(_cost, args, declared)) if len(args) == len(declared) else [_IMPOSSIBLE]
        if _IMPOSSIBLE not in costs:
            ranked.append((tuple(costs.count(c) for c in (_UNSAFE, _SAFE, _PROMOTE)), overload))
    text = ", ".join(map(str, args))
    if not ranked:
        known = "; ".join(str(o.signature) for o in dispatcher._state.overloads.values())
        raise TypeError(f"No matching definition for argument type(s) {text} in {dispatcher.__name__}(): it has {known}")
    best = min(rank for rank, _ in ranked)
    found = [overload for rank, overload in ranked if rank == best]
    if len(found) > 1:
        raise TypeError(f"Ambiguous overloading for {dispatcher.__name__}({text})")
    return found[0]


def _conversions(args, declared):
    """(slots, from, to) for every leaf, or None when the slots can be passed as they are."""
    leaves = []

    def walk(a, b):
        if isinstance(a, types.BaseTuple):
            for x, y in zip(a, b):
                walk(x, y)
        elif isinstance(a, types.Number):
            leaves.append((2 if a.name == "complex128" else 1, a.index, b.index if a != b else -1))
        elif isinstance(a, types.Array):
            leaves.append((2 + 2 * a.ndim, -1, -1))
        elif isinstance(a, (types.Range, types.Slice)):
            leaves.append((2 if a == types.slice2_type else 3, -1, -1))

    for a, b in zip(args, declared):
        walk(a, b)
    return tuple(leaves) if any(to >= 0 for _, _, to in leaves) else None


# ---- exceptions ------------------------------------------------------------------------------------------------------

_FORMATS = {"float64": "d", "float32": "f", "uint64": "Q"}


def _slot_value(slot, kind):
    kind = kind if isinstance(kind, str) else str(types.from_json(kind))
    if kind == "bool":
        return bool(slot)
    form = _FORMATS.get(kind)
    return slot if form is None else struct.unpack_from(form, struct.pack("<q", slot))[0]


def _argument(written, values):
    """What was known when compiling stands for itself, a tuple as a list; the rest is in the slots."""
    if isinstance(written, dict):
        return values[written["slot"]]
    return tuple(_argument(w, values) for w in written) if isinstance(written, list) else written


def _site_arguments(site, values):
    constants = site.get("values")
    if constants is not None:
        return _argument(constants, values)
    message = site.get("message")
    if message is None:
        return []
    shown = iter([_as_text(v, k) for v, k in zip(values, site.get("args", []))])
    return [re.sub("%(.)", lambda found: "%" if found[1] == "%" else next(shown, found[0]), message)]


def _as_text(value, kind):
    """As f"{value}" is: a float of whole numbers has its point, a float32 no more digits than it holds."""
    if kind == "float32":
        import numpy as np

        return str(np.float32(value))
    return str(value)


def exception_class(site):
    import builtins

    from .bindings import exceptions

    name = site.get("exception") or "RuntimeError"
    if name == "ParallelRaceError":
        from .errors import ParallelRaceError

        return ParallelRaceError
    return exceptions.get(site.get("key")) or getattr(builtins, name, None) or RuntimeError


def make_exception(overload, number, slots):
    """Called by C: (exception, file, function, line) of raise site `number`, with the values of its slots."""
    sites = overload.info.get("sites", [])
    if not 0 < number <= len(sites):
        return SystemError(f"a kernel reported the unknown raise site {number}"), "<kernel>", "kernel", 1
    site = sites[number - 1]
    kinds = site.get("args", [])
    values = [_slot_value(s, k) for s, k in zip(slots, kinds)]
    exception = exception_class(site)(*_site_arguments(site, values))
    return exception, site.get("file") or "<kernel>", site.get("function") or "kernel", int(site.get("line") or 1)


# ---- pickling ----------------------------------------------------------------------------------------------------------


def _found_by_name(dispatcher):
    module = sys.modules.get(dispatcher.__module__)
    if module is None or dispatcher.__module__ in ("__main__", "__mp_main__"):
        return False
    value = module
    for part in dispatcher.__qualname__.split("."):
        value = getattr(value, part, None)
    return value is dispatcher


def _user_exceptions(request, found):
    from .bindings import exceptions

    for b in request.get("bindings", {}).values():
        if b.get("key") in exceptions:
            found[b["key"]] = exceptions[b["key"]]
        if "kernel" in b:
            _user_exceptions(b["kernel"], found)
    return found


def from_request(request, options=None, about=None, classes=None, eager=()):
    """A kernel that was pickled: compiled from its request, wherever it is."""
    from .bindings import exceptions, function_of

    for key, class_ in (classes or {}).items():
        exceptions.setdefault(key, class_)
    function, defaults = function_of(request)
    for name, value in (about or {}).items():
        setattr(function, name, value)
    dispatcher = make(function, options or dict(request.get("options", {})), request, defaults)
    for signature in eager:
        compile_overload(dispatcher, types.signature(signature))
    if eager:
        dispatcher.disable_compile()
    return dispatcher


def _rebuild(request, options, about, classes, eager):
    return from_request(request, options, about, classes, eager)


# ---- the methods -------------------------------------------------------------------------------------------------------


class Stats:
    __slots__ = ("cache_path", "cache_hits", "cache_misses")

    def __init__(self):
        self.cache_path, self.cache_hits, self.cache_misses = None, {}, {}

    def __repr__(self):
        return f"_CompileStats(cache_path=None, cache_hits={self.cache_hits}, cache_misses={self.cache_misses})"


class Methods:
    """Attributes of dispatchers; `self` is one."""

    # What Numba's dispatchers have, by the same names.

    __numba__ = "py_func"

    @property
    def overloads(self):
        return self._state.overloads

    @property
    def signatures(self):
        return list(self._state.overloads)

    @property
    def nopython_signatures(self):
        return [o.signature for o in self._state.overloads.values()]

    @property
    def targetoptions(self):
        return dict(self._state.options)

    @property
    def locals(self):
        return self._state.options.get("locals", {})

    @property
    def is_compiling(self):
        return self._state.compiling

    @property
    def stats(self):
        return Stats()

    @property
    def __code__(self):
        return self.py_func.__code__

    @property
    def func_code(self):
        return self.py_func.__code__

    @property
    def __defaults__(self):
        return self.py_func.__defaults__

    @property
    def __kwdefaults__(self):
        return self.py_func.__kwdefaults__

    @property
    def __signature__(self):
        import inspect

        return inspect.signature(self.py_func)

    def compile(self, sig):
        """Compiles for a signature: "f8(f8[:])", float64(float64[:]) or (float64[:],). Returns the kernel."""
        signature = types.signature(sig)
        if len(signature.args) != len(self._names):
            raise TypeError(f"{self.__name__}() has {len(self._names)} parameters, {signature} has {len(signature.args)}")
        with self._state.lock:
            if not self._state.can_compile and signature.args not in self._state.overloads:
                raise RuntimeError(f"compilation of {self.__name__}() is disabled")
            return compile_overload(self, signature).kernel

    def disable_compile(self, val=True):
        """Whether calls with new types are refused from now on."""
        self._state.can_compile = not val

    def recompile(self):
        """Compiles all overloads anew, with the values that globals and closures have now."""
        state = self._state
        with state.lock:
            wanted = [o.requested for o in state.overloads.values()]
            self._forget()
            state.overloads.clear()
            state.source = None
            for signature in wanted:
                compile_overload(self, signature)

    def get_overload(self, sig):
        return self._state.overloads[types.signature(sig).args].kernel

    def get_compile_result(self, sig):
        return compile_overload(self, types.signature(sig))

    def typeof_pyval(self, value):
        return types.typeof(value)

    def enable_caching(self):
        self._state.options["cache"] = True

    def _pick(self, signature, get):
        overloads = self._state.overloads
        if signature is not None:
            args = types.signature(signature).args
            if args not in overloads:
                known = "; ".join(str(o.signature) for o in overloads.values()) or "no types yet"
                raise KeyError(f"{self.__name__}() is not compiled for {types.Signature(None, args)}, but for {known}")
            return get(overloads[args])
        return {args: get(o) for args, o in overloads.items()}

    def inspect_llvm(self, signature=None):
        """Optimised LLVM IR of a signature, or a dict of all."""
        return Methods._pick(self, signature, lambda o: o.dump("optimized"))

    def inspect_asm(self, signature=None):
        """Assembly of a signature, or a dict of all."""
        return Methods._pick(self, signature, lambda o: o.dump("asm"))

    def inspect_kir(self, signature=None):
        """The compiler's own representation after its passes, of a signature, or a dict of all."""
        return Methods._pick(self, signature, lambda o: o.dump("kir"))

    def inspect_types(self, file=None, signature=None, pretty=False, style="default", **ignored):
        """Prints the source with the types that were found."""
        if pretty:
            raise ValueError("inspect_types has no pretty form")
        for o in self._state.overloads.values() if signature is None else [Methods._pick(self, signature, lambda o: o)]:
            print(f"{self.__name__} {o.signature.args}", file=file)
            print("-" * 80, file=file)
            print(o.type_annotation, file=file)
            print("=" * 80, file=file)

    def parallel_diagnostics(self, signature=None, level=1):
        """Prints what became of every loop, and why (docs/report.md), and how its regions would run now; from level 3 on
        every entry as data."""
        from .diagnostics import not_compiled, running_text

        if level not in (1, 2, 3, 4):
            raise ValueError("Report level unknown, should be one of 1, 2, 3, 4")
        if signature is None and not self._state.overloads:
            print(not_compiled(self.__name__))
            return
        for o in self._state.overloads.values() if signature is None else [Methods._pick(self, signature, lambda o: o)]:
            title = f" Parallel report:  Function {self.__name__}, {_place(self)} "
            print("=" * 80, title.center(80, "="), "=" * 80, sep="\n")
            print(o.artifact.explain() or "", end="")
            if self._state.options.get("parallel"):
                print(f"  regions run with: {running_text(self)}")
            print()
            if level > 2:
                for loop in o.report():
                    print("; ".join(f"{k}: {v}" for k, v in loop.items() if v not in (None, "", [], False)))

    def parallel_report(self, signature=None):
        """The same as data: a list with one dict for each loop of the source; when there are several signatures and none
        is named, a dict of such lists. Nothing is compiled for it: before the first call the list is empty."""
        found = Methods._pick(self, signature, Overload.report)
        if signature is None and not found:
            return []
        if signature is None and len(found) == 1:
            return next(iter(found.values()))
        return found

    def get_metadata(self, signature=None):
        return Methods._pick(self, signature, lambda o: o.metadata)

    def get_annotation_info(self, signature=None):
        return Methods._pick(self, signature, lambda o: o.type_annotation)

    # What C asks for.

    def _represent(self):
        return f"CPUDispatcher({self.py_func!r})"

    def _reduce(self):
        if _found_by_name(self):
            return self.__qualname__
        request = request_of(self)
        about = {name: getattr(self, name) for name in ("__module__", "__name__", "__qualname__", "__doc__")}
        state = self._state
        eager = [] if state.can_compile else [o.requested.args for o in state.overloads.values()]
        return _rebuild, (request, dict(state.options), about, _user_exceptions(request, {}), eager)


def _place(dispatcher):
    code = dispatcher.py_func.__code__
    return f"{code.co_filename} ({code.co_firstlineno})"


_plait._set_callbacks(on_miss, make_exception, Methods)
