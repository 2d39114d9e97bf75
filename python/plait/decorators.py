"""jit and njit: options → dispatcher."""
import os

_disabled = None  # what plait.config.disable_jit was set to

# What a request may say, with what it means; the rest of Numba's options are taken and have no effect.
_SWITCHES = ("parallel", "fastmath", "boundscheck", "debug", "nogil", "cache", "nopython")
_WITHOUT_EFFECT = (
    "forceobj", "looplift", "no_rewrites", "no_cpython_wrapper", "no_cfunc_wrapper", "forceinline", "_nrt",
    "_dbg_extend_lifetimes", "_dbg_optnone", "_target", "pipeline_class", "target",
)  # fmt: skip
OPTIONS = (*_SWITCHES, "error_model", "inline", "locals", "threads", "schedule", "chunk", "placement", "tile", "opt", "disable", "race", "math")
_PARALLEL_KEYS = (
    "comprehension", "reduction", "inplace_binop", "setitem", "numpy", "stencil", "fusion", "prange", "range",
)  # fmt: skip
_FASTMATH_FLAGS = ("fast", "nnan", "ninf", "nsz", "arcp", "contract", "afn", "reassoc")


def jit(signature_or_function=None, locals=None, **options):
    """Compiles a function for the types that it is called with, or at once for the signatures given.

    @jit · @jit(parallel=True) · @jit("f8(f8[:])") · @jit([sig, sig]) · jit(function)

    parallel: loops over prange, and loops and array expressions proven independent, run on all cores (a dict switches
    parts off, 'require' makes a serial prange an error) · fastmath: True or a set of LLVM's flags · error_model: 'python' or 'numpy' · boundscheck · nogil ·
    inline: 'never' or 'always' · locals: {name: type} · cache · debug · schedule: 'static', 'dynamic' or 'guided', with
    chunk: iterations · tile: most iterations of the edges of the tiles that loop nests are cut into, a number or a list, the
    outermost loop's first · disable: names of passes to leave out · race: what a prange proven racy is ('error', 'warn',
    'trust', 'check') · math: vector library · threads, placement: how many, and where."""
    if locals:
        options["locals"] = locals
    checked = check_options(options)
    given = signature_or_function
    if given is None:
        return lambda function: _decorate(function, checked, None)
    if _is_signatures(given):
        return lambda function: _decorate(function, checked, given if isinstance(given, list) else [given])
    return _decorate(given, checked, None)


def njit(signature_or_function=None, locals=None, **options):
    """jit(nopython=True), which is what jit does anyway."""
    for name in ("nopython", "forceobj"):
        if name in options:
            import warnings

            warnings.warn(f"{name} is set for njit and is ignored", RuntimeWarning, stacklevel=2)
            del options[name]
    return jit(signature_or_function, locals, **options)


def _is_signatures(given):
    from . import types

    return isinstance(given, list) or types.is_signature(given)


def _decorate(function, options, signatures):
    from . import _plait

    if isinstance(function, _plait.Dispatcher):
        raise TypeError(f"{function.__name__} is compiled already: jit takes a Python function (its .py_func)")
    if not hasattr(function, "__code__"):
        raise TypeError(f"jit takes a function, not {function!r} of type {type(function).__name__}")
    if jit_is_disabled():
        return function
    from .dispatcher import make

    dispatcher = make(function, options)
    if signatures is not None:
        for signature in signatures:
            dispatcher.compile(signature)
        dispatcher.disable_compile()
    return dispatcher


def jit_is_disabled():
    """By the program, else by the environment: decorators read no files."""
    if _disabled is not None:
        return _disabled
    said = os.environ.get("PLAIT_DISABLE_JIT", os.environ.get("NUMBA_DISABLE_JIT", ""))
    return said.strip().lower() not in ("", "0", "false", "no", "off")


# ---- options -------------------------------------------------------------------------------------------------------


def _nearest(name, names):
    import difflib

    found = difflib.get_close_matches(name, names, 1)
    return f"; did you mean {found[0]!r}?" if found else f"; known are {', '.join(names)}"


def _refuse(text):
    from .errors import OptionError

    raise OptionError(text)


def check_options(options):
    checked = {}
    for name, value in options.items():
        if name in _WITHOUT_EFFECT:
            continue
        if name not in OPTIONS:
            _refuse(f"unrecognized option {name!r}{_nearest(name, OPTIONS)}")
        check = _CHECKS.get(name, _check_switch)
        checked[name] = check(name, value)
    return checked


def _check_switch(name, value):
    if value is None or isinstance(value, (bool, int)):
        return None if value is None else bool(value)
    _refuse(f"option {name} is True or False, not {value!r}")


def _check_parallel(name, value):
    if value == "require":
        return value
    if not isinstance(value, dict):
        return _check_switch(name, value)
    for key in value:
        if key not in _PARALLEL_KEYS:
            raise NameError(f"unrecognized parallel option {key!r}{_nearest(str(key), _PARALLEL_KEYS)}")
    return dict(value)


def _check_fastmath(name, value):
    if isinstance(value, (bool, int)):
        return ["fast"] if value else []
    if isinstance(value, dict):
        value = [flag for flag, on in value.items() if on]
    flags = sorted(value)
    for flag in flags:
        if flag not in _FASTMATH_FLAGS:
            raise ValueError(f"unrecognized fastmath flag {flag!r}{_nearest(str(flag), _FASTMATH_FLAGS)}")
    return flags


def _one_of(*allowed):
    def check(name, value):
        if value in allowed:
            return value
        _refuse(f"option {name} is one of {', '.join(map(repr, allowed))}, not {value!r}")

    return check


def _check_inline(name, value):
    return "never" if callable(value) else _one_of("never", "always")(name, value)


def _check_locals(name, value):
    from . import types

    return {variable: str(types.parse(t) if isinstance(t, str) else t) for variable, t in dict(value).items()}


_MOST = {"chunk": (1 << 61) - 1, "tile": 1 << 30, "opt": 3}  # as runtime/settings.def


def _check_count(name, value, more=""):
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MOST[name]:
        return int(value)
    _refuse(f"option {name} is a whole number from 0 to {_MOST[name]}{more}, not {value!r}")


TILE_EDGES, TILE_MOST = 4, (1 << 15) - 1  # as plait/tile.h


def _check_tile(name, value):
    """A number for all edges, or a tuple of one for each of the outermost loops; without zeros at its end."""
    if not isinstance(value, (list, tuple)):
        return _check_count(name, value, f" or a list of 1 to {TILE_EDGES} from 0 to {TILE_MOST}")
    if not 1 <= len(value) <= TILE_EDGES or not all(type(v) is int and 0 <= v <= TILE_MOST for v in value):
        _refuse(f"option {name} is a whole number from 0 to {_MOST[name]} or a list of 1 to {TILE_EDGES} from 0 to {TILE_MOST}, "
                f"not {value!r}")
    while value and value[-1] == 0:
        value = value[:-1]
    return tuple(value) or 0


def tile_code(tile):
    """A tile as C takes it (plait/tile.h)."""
    return sum(v << 15 * i for i, v in enumerate(tile)) | 1 << 60 if isinstance(tile, tuple) else tile


def _check_threads(name, value):
    if value is None or isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 4096:
        return value
    _refuse(f"option {name} is a whole number from 1 to 4096, not {value!r}")


def _check_placement(name, value):
    from . import _plait

    words = ("spread", "compact", "numa", "cores", "threads", "none")
    if value is None or isinstance(value, str) and "\0" not in value and _plait._is_placement(value):
        return value
    _refuse(f"option {name} is one of {', '.join(map(repr, words))} or a list of CPUs as '0-3,8', not {value!r}")


def _check_names(name, value):
    return [value] if isinstance(value, str) else list(value)


_CHECKS = {
    "parallel": _check_parallel,
    "fastmath": _check_fastmath,
    "error_model": _one_of("python", "numpy"),
    "inline": _check_inline,
    "locals": _check_locals,
    "schedule": _one_of("static", "dynamic", "guided"),
    "chunk": _check_count,
    "threads": _check_threads,
    "placement": _check_placement,
    "tile": _check_tile,
    "opt": _check_count,
    "disable": _check_names,
    "race": _one_of("error", "warn", "trust", "check"),
    "math": _one_of("auto", "libm", "sleef", "libmvec"),
}
