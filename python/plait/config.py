"""Settings: plait.config.NAME reads one, plait.config.NAME = value sets it for the process.

Names are those of docs/configuration.md; Numba's names in capitals mean the same. Nothing is read before a setting is
asked for or a kernel is compiled. What is wrong in a file or in the environment is raised as ConfigError then."""
import os
import sys
from types import ModuleType

_NUMBAS = {"NUM_THREADS": "threads", "NUMBA_DEFAULT_NUM_THREADS": "threads", "PARFOR_SCHEDULE": "schedule"}
_named_unknown = False
_variables = _environment = None  # names that settings have there; what they said when the environment was read last


def _switch(text):
    return text.strip().lower() not in ("", "0", "false", "no", "off")


def _follow_environment():
    """Variables may be changed while the program runs, as Numba's may."""
    global _variables, _environment
    from . import _plait

    if _variables is None:
        _variables = [*_plait._config_variables().split(), "PLAIT_CONFIG"]
        if hasattr(os.environ, "_data"):
            _variables = [*map(os.environ.encodekey, _variables)]
    # By way of os.environ.get a setting would take twenty times as long, and a compile asks for some twenty.
    said = [*map(getattr(os.environ, "_data", os.environ).get, _variables)]
    if said != _environment:
        if _environment is not None:
            _plait._config_reload()
        _environment = said


def _name_unknown_variables():
    """Once in a process: variables that look like settings and are none."""
    global _named_unknown
    if _named_unknown:
        return
    _named_unknown = True
    from . import _plait

    for line in (_plait._config_unknown() or "").splitlines():
        name, near = line.split()
        import warnings

        from .errors import PlaitWarning

        hint = "" if near == "-" else f"; did you mean {near}?"
        warnings.warn(f"the environment variable {name} is not known{hint}", PlaitWarning, stacklevel=2)


def ensure():
    """Raises ConfigError when something is wrong in a file or in the environment."""
    from . import _plait

    _follow_environment()
    _name_unknown_variables()
    problems = _plait._config_problems()
    if problems is not None:
        from .errors import ConfigError

        raise ConfigError(problems)


def find(name):
    """(value as text, where it comes from), or (None, origin) when nothing is said and there is no default."""
    from . import _plait

    ensure()
    value, origin, _ = _plait._config_get(name)
    return value or None, origin


def setting(name, default=None):
    value, _ = find(name.lower())
    return default if value is None else value


def is_set(name):
    value, _ = find(name.lower())
    return value is not None and _switch(value)


def insists(name):
    """The setting, if the program or the environment says it: these go before decorators, files do not."""
    value, origin = find(name)
    return value if origin == "the program" or origin.isidentifier() and origin != "default" else None


def _value(name):
    text, _ = find(name)
    if text in ("true", "false"):
        return text == "true"
    if text is not None and text.isdigit() and name not in ("placement", "trace"):
        return int(text)
    return text


def _known(name):
    from . import _plait

    lower = _NUMBAS.get(name, name.lower() if name.isupper() else name)
    return lower if _plait._config_get(lower) is not None else None


def kernel(name, nbytes=-1):
    """What the files say about the kernel "module.function", for a call with so many bytes of arrays: a dict."""
    import json

    from . import _plait

    ensure()
    return json.loads(_plait._config_kernel(name, nbytes))


def tile(name, nbytes=-1):
    """The tile of a kernel in the files: a number, or a tuple of the edges of the outermost loops; 0: the compiler's choice."""
    found = kernel(name, nbytes).get("tile", 0)
    return tuple(found) if isinstance(found, list) else int(found)


def effective(kernel, *args):
    """How the regions of a kernel would run if this thread called it now (with these arguments, if there are any), and who
    said so: {"threads": (2, "a scope"), "schedule", "chunk", "placement", "tile"}. One loop's own settings come on top."""
    import json

    from . import _plait
    from .choices import check_choice
    from .decorators import tile_code
    from .dispatcher import name_in_files

    ensure()
    options = kernel.targetoptions
    own = check_choice(*map(options.get, ("threads", "schedule", "chunk", "placement")))
    tile = options.get("tile")
    text = _plait._config_effective(name_in_files(kernel), _bytes_of(args) if args else -1, own, -1 if tile is None else tile_code(tile))
    return {name: (said["value"], said["from"]) for name, said in json.loads(text).items()}


def _bytes_of(values):
    import numpy as np

    arrays = (v for v in values if isinstance(v, (np.ndarray, tuple)))
    return sum(_bytes_of(v) if isinstance(v, tuple) else v.nbytes for v in arrays)


def settings():
    """{setting: (value, where it comes from)}"""
    import json

    from . import _plait

    ensure()
    return {s["name"]: (s["value"], s["from"]) for s in json.loads(_plait._config_json())["settings"]}


def files():
    """The files that were read."""
    import json

    from . import _plait

    ensure()
    return json.loads(_plait._config_json())["files"]


def reload():
    """Looks for files again and reads them and the environment. Kernels whose compile settings changed are compiled anew
    when they are called next."""
    from . import _plait

    _plait._config_reload()
    dispatcher = sys.modules.get(__package__ + ".dispatcher")
    if dispatcher is not None:
        dispatcher.configuration_changed()
    ensure()


class _Config(ModuleType):
    def __getattr__(self, name):
        from . import _plait

        if name.startswith("__"):
            raise AttributeError(name)
        if name in ("NUMBA_NUM_THREADS", "max_threads"):
            return _plait._max_threads()
        if name in ("NUM_THREADS", "NUMBA_DEFAULT_NUM_THREADS"):
            return _plait.get_num_threads()
        if name == "THREADING_LAYER":
            return "omp"
        known = _known(name)
        if known is None:
            raise AttributeError(f"plait has no setting {name!r}")
        if known == "disable_jit":
            from .decorators import jit_is_disabled

            return int(jit_is_disabled()) if name.isupper() else jit_is_disabled()
        return _value(known)

    def __setattr__(self, name, value):
        from . import _plait

        if name in self.__dict__ or name.startswith("_"):
            return super().__setattr__(name, value)
        known = _known(name) or name
        if known == "disable_jit":
            from . import decorators

            decorators._disabled = None if value is None else bool(value)
            return None
        text = None if value is None else {True: "true", False: "false"}.get(value if isinstance(value, bool) else None)
        if text is None and value is not None:
            text = os.fspath(value) if hasattr(value, "__fspath__") else str(value)
        problem = _plait._config_set(known, text)
        if problem is not None:
            from .errors import ConfigError

            raise ConfigError(problem)

    def __dir__(self):
        return sorted({*super().__dir__(), *settings()})


sys.modules[__name__].__class__ = _Config
