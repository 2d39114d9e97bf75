"""The labelled loops of race_collection.py: no racy one runs in parallel, every independent one does. The
interpreter of tests/enumerate looks at every schedule, and race='check' has to come to the same labels by running."""
import copy
import linecache

import numpy as np
import pytest

import race_collection
import second_opinion
from plait import njit, prange
from plait.errors import ParallelRaceError
from race_collection import PARALLEL, RACY, labelled_line

NAMES = [f.__name__ for f, _ in PARALLEL]
RACY_NAMES = [f.__name__ for f, _ in RACY]


@pytest.fixture(scope="module", autouse=True)
def interpreter():
    yield
    second_opinion.close()


def report_of(f, arguments):
    kernel = njit(parallel=True)(f)
    kernel(*copy.deepcopy(arguments))
    return {entry["line"]: entry for entry in kernel.parallel_report()}


def runs_in_parallel(entry):
    return entry["decision"] == "parallel" or entry["reason"] == "INSIDE_PARALLEL"


def says(f, arguments):
    return report_of(f, arguments)[labelled_line(f)]


@pytest.mark.parametrize("f, arguments", PARALLEL, ids=lambda x: getattr(x, "__name__", ""))
def test_independent_loops_run_in_parallel(f, arguments):
    entry = says(f, arguments)
    assert runs_in_parallel(entry), (entry["reason"], entry["text"])


@pytest.mark.parametrize("f, arguments", RACY, ids=lambda x: getattr(x, "__name__", ""))
def test_racy_loops_do_not(f, arguments):
    entry = says(f, arguments)
    assert entry["decision"] == "serial" or entry["reason"] in ("WAVEFRONT", "TIME_TILES"), (entry["reason"], entry["text"])


@pytest.mark.parametrize("f, arguments", PARALLEL + RACY, ids=lambda x: getattr(x, "__name__", ""))
def test_results_are_pythons_and_the_interpreter_has_no_objection(f, arguments):
    want, got = copy.deepcopy(arguments), copy.deepcopy(arguments)
    expected, found = f(*want), njit(parallel=True)(f)(*got)
    for x, y in zip(want, got):
        np.testing.assert_allclose(y, x, rtol=1e-12)
    if expected is not None:
        np.testing.assert_allclose(found, expected, rtol=1e-12)
    if second_opinion.program() is not None:
        second_opinion.opinion(f, arguments).fine()


def as_prange(f):
    """The function with its labelled loop written as prange."""
    import inspect
    import textwrap

    lines, first = inspect.getsourcelines(f)
    k = labelled_line(f) - first
    lines[k] = lines[k].replace("range(", "prange(", 1)
    text = textwrap.dedent("".join(line for line in lines if not line.lstrip().startswith("@")))
    name = f"<prange {f.__name__}>"
    linecache.cache[name] = (len(text), None, text.splitlines(True), name)
    space = {"np": np, "prange": prange}
    exec(compile(text, name, "exec"), space)
    return space[f.__name__]


LEFT_EARLY = {"search", "stops_and_writes"}


@pytest.mark.parametrize("f, arguments", RACY, ids=lambda x: getattr(x, "__name__", ""))
def test_check_finds_the_race(f, arguments):
    if f.__name__ in LEFT_EARLY:
        pytest.skip("a prange cannot be left")
    with pytest.raises(ParallelRaceError) as caught:
        njit(parallel=True, race="check")(as_prange(f))(*copy.deepcopy(arguments))
    assert "are not independent: the later one" in str(caught.value)


# What a range loop does with variables that hand values on, a prange loop must not.
HANDED_ON = {"any_and_all", "differences", "neighbour_around_the_end", "rotating_scalars", "length_of_a_path"}


@pytest.mark.parametrize("f, arguments", [c for c in PARALLEL if c[0].__name__ not in HANDED_ON], ids=lambda x: getattr(x, "__name__", ""))
def test_check_passes_what_is_independent(f, arguments):
    want, got = copy.deepcopy(arguments), copy.deepcopy(arguments)
    expected, found = f(*want), njit(parallel=True, race="check")(as_prange(f))(*got)
    for x, y in zip(want, got):
        np.testing.assert_allclose(y, x, rtol=1e-12)
    if expected is not None:
        np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_the_collection_is_as_large_as_it_says():
    assert len(PARALLEL) >= 60 and len(RACY) >= 60
    assert len({*NAMES, *RACY_NAMES}) == len(PARALLEL) + len(RACY)
    assert race_collection.__doc__
