"""Settings from the environment, read whenever they are asked for: PLAIT_NAME, else NUMBA_NAME."""
import os


def setting(name, default=None):
    return os.environ.get("PLAIT_" + name, os.environ.get("NUMBA_" + name, default))


def is_set(name):
    """Whether a switch is on: any value but an empty one and 0."""
    return setting(name, "0").strip().lower() not in ("", "0", "false", "no")


def __getattr__(name):
    from . import _plait

    if name == "DISABLE_JIT":
        return int(is_set("DISABLE_JIT"))
    if name in ("NUM_THREADS", "NUMBA_NUM_THREADS", "NUMBA_DEFAULT_NUM_THREADS"):
        return _plait._max_threads()
    if name == "THREADING_LAYER":
        return "omp"
    if name == "PARALLEL_DIAGNOSTICS":
        return int(setting("PARALLEL_DIAGNOSTICS", "0"))
    raise AttributeError(f"plait has no setting {name!r}")
