"""The 24 kernels of the suite, plain `range` loops: they say what NumPy says, at every number of threads; strict ones with the
same bits."""
import pathlib
import sys

import numpy as np
import pytest

import switches as _testing
from plait import njit
from plait.tuning.arguments import make_arguments, read_suite

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
from perf.kernels import figures, polybench  # noqa: E402
from perf.kernels.loops import NAMES, answer, arguments_of, fresh, function_of, load  # noqa: E402

THREADS = range(1, 9)


def answer_of(function, arguments):
    arguments = fresh(arguments)
    return answer(function(*arguments), arguments)


def close(name, got, want, rtol):
    assert len(got) == len(want)
    for g, w in zip(got, want):
        if getattr(load(name), "EXACT", False):
            np.testing.assert_array_equal(g, w)
        else:
            np.testing.assert_allclose(g, w, rtol=rtol, atol=rtol)


@pytest.mark.parametrize("name", NAMES)
def test_the_kernel_and_its_reference_agree_in_python(name):
    arguments = arguments_of(name)
    with np.errstate(over="ignore"):
        close(name, answer_of(function_of(name), arguments), answer_of(load(name).reference, arguments),
              getattr(load(name), "TOLERANCE", 1e-10))


@pytest.mark.parametrize("fast", (False, True))
@pytest.mark.parametrize("name", NAMES)
def test_compiled_it_agrees_on_one_to_eight_threads(name, fast):
    arguments = arguments_of(name)
    want = answer_of(load(name).reference, arguments)
    kernel = njit(parallel=True, fastmath=fast)(function_of(name))
    first = None
    for threads in THREADS:
        with _testing.threads(threads, min_work=0):
            got = answer_of(kernel, arguments)
        first = first or got
        close(name, got, want, getattr(load(name), "TOLERANCE", 1e-8 if fast else 1e-10))
        if not fast:  # where a loop's vectors end depends on its pieces, and fastmath rounds differently in its rest
            for f, g in zip(first, got):
                np.testing.assert_array_equal(g, f)


@pytest.mark.parametrize("name", NAMES)
def test_its_formulas_grow_with_its_sizes(name):
    module = load(name)
    for formula in (module.flops, module.traffic):
        assert formula(*module.SIZES["SMALL"]) <= formula(*module.SIZES["CACHE"]) <= formula(*module.SIZES["FULL"])


# ---- perf/suites -----------------------------------------------------------------------------------------------------------


SUITE = {kernel["name"]: kernel for kernel in read_suite(ROOT / "perf/suites/kernels.yaml")["kernels"]}


def test_the_suite_has_every_kernel():
    assert set(SUITE) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_the_suite_measures_the_sizes_of_the_kernels_file(name):
    module, points = load(name), SUITE[name]["points"]
    for size, point in zip(("CACHE", "FULL"), points):
        for what, formula in (("flops", module.flops), ("bytes", module.traffic)):
            assert (point.get(what) or 0) == pytest.approx(formula(*module.SIZES[size]), rel=0.01)
        for spec, value in zip(point["arguments"], arguments_of(name, size)):
            if name not in ("spmv",) and isinstance(value, np.ndarray):  # whose rows are not equally long in the file
                assert tuple(spec["shape"]) == value.shape and np.dtype(spec["dtype"]) == value.dtype


@pytest.mark.parametrize("name", NAMES)
def test_the_suites_arguments_fit_the_kernel(name):
    with np.errstate(all="ignore"):
        njit(parallel=True)(function_of(name))(*make_arguments(SUITE[name]["points"][0]))


def test_the_suite_of_polybench_makes_the_arguments_of_its_kernels():
    suite = {kernel["name"]: kernel["points"] for kernel in read_suite(ROOT / "perf/suites/polybench.yaml")["kernels"]}
    assert set(suite) == set(polybench.NAMES)
    for name, points in suite.items():
        _, inputs, sizes = polybench.load(name)
        for size, point in zip(("MEDIUM",), points):
            want = inputs(sizes[size], np.random.default_rng(1))
            got = make_arguments(point)
            assert len(got) == len(want)
            for g, w in zip(got, want):
                assert type(g) is type(w) and getattr(g, "shape", ()) == getattr(w, "shape", ())
                assert getattr(g, "dtype", None) == getattr(w, "dtype", None)


def test_the_suite_of_empty_work_fits_its_kernels():
    for kernel in read_suite(ROOT / "perf/suites/micro.yaml")["kernels"]:
        for point in kernel["points"]:
            getattr(figures, kernel["function"])(*make_arguments(point))
