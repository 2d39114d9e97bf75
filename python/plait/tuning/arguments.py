"""Suites: what they describe becomes kernels and arrays. `plait perf` reads the same files (include/plait/suite.h)."""
import importlib.util
import json
import os
import sys

import numpy as np

from .. import _plait
from ..errors import ConfigError


def read_suite(path):
    """The suite as plrt_suite_read gives it; ConfigError says what is wrong with it."""
    found, problems = _plait._suite_read(os.fspath(path))
    if problems is not None:
        raise ConfigError(problems)
    return json.loads(found)


def load_kernel(file, function):
    """The kernel FILE.py:FUNCTION; its module is imported by the file's name, as a script that uses it would."""
    if not os.path.exists(file):
        raise ConfigError(f"{file}: error: No such file or directory")
    file = os.path.abspath(file)
    name = os.path.splitext(os.path.basename(file))[0]
    module = sys.modules.get(name)
    if module is None or os.path.abspath(getattr(module, "__file__", None) or "") != file:
        spec = importlib.util.spec_from_file_location(name, file)
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        sys.path.insert(0, os.path.dirname(file))
        try:
            spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[name]
            raise
    kernel = module
    for part in function.split("."):
        kernel = getattr(kernel, part, None)
        if kernel is None:
            raise ConfigError(f"{file}: error: it has no {function}")
    return kernel


def _real(rng, spec, shape):
    low, high = spec.get("low", 0.0), spec.get("high", 1.0)
    if spec["distribution"] == "normal":
        return rng.normal(spec.get("mean", 0.0), spec.get("std", 1.0), shape)
    return rng.uniform(low, high, shape)


def make_array(spec):
    """The array that an argument of a suite describes; the same seed gives the same array."""
    shape, dtype, kind = tuple(spec["shape"]), np.dtype(spec["dtype"]), spec["distribution"]
    rng, count = np.random.default_rng(spec.get("seed", 0)), int(np.prod(shape))
    if kind in ("zeros", "ones", "constant"):
        values = np.full(shape, {"zeros": 0, "ones": 1}.get(kind, spec.get("value", 0)))
    elif kind == "arange":
        values = np.arange(count).reshape(shape)
    elif kind == "linspace":
        values = np.linspace(spec.get("low", 0), spec.get("high", 1), count).reshape(shape)
    elif kind == "permutation":
        values = rng.permutation(count).reshape(shape)
    elif kind == "integers" or dtype.kind in "iub":
        most = 2 if dtype.kind == "b" else 100
        values = rng.integers(int(spec.get("low", 0)), int(spec.get("high", most)), shape)
    else:
        values = _real(rng, spec, shape)
        if dtype.kind == "c":
            values = values + 1j * _real(rng, spec, shape)
    return np.asarray(values, dtype=dtype, order=spec.get("order", "C"))


def make_arguments(point):
    """The arguments of one point of a suite."""
    found = []
    for spec in point["arguments"]:
        if spec["kind"] == "array":
            found.append(make_array(spec))
        elif spec["kind"] == "file":
            try:
                found.append(np.load(spec["path"], allow_pickle=False))
            except (OSError, ValueError) as error:
                raise ConfigError(f"{spec['path']}: error: {error}") from None
        else:
            found.append(spec["value"])
    return tuple(found)
