"""Loops over time steps in tiles of steps and space (passes/timetile.c) give what the source says, to the bit.

Tiles are made small by the option `tile`, so that a few points and steps have several; without it sizes decide at run time
whether there are tiles at all."""
import pathlib
import sys

import numpy as np
import pytest

import plait
import second_opinion
from plait import njit, prange

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "fuzz"))
import steps  # noqa: E402


# ---- kernels --------------------------------------------------------------------------------------------------------------

def jacobi_1d(T, a, b):
    for t in range(T):
        for i in range(1, len(a) - 1):
            b[i] = 0.33333 * (a[i - 1] + a[i] + a[i + 1])
        for i in range(1, len(a) - 1):
            a[i] = 0.33333 * (b[i - 1] + b[i] + b[i + 1])


def jacobi_2d(T, a, b):
    for t in range(T):
        for i in range(1, a.shape[0] - 1):
            for j in range(1, a.shape[1] - 1):
                b[i, j] = 0.2 * (a[i, j] + a[i, j - 1] + a[i, j + 1] + a[i + 1, j] + a[i - 1, j])
        for i in range(1, a.shape[0] - 1):
            for j in range(1, a.shape[1] - 1):
                a[i, j] = 0.2 * (b[i, j] + b[i, j - 1] + b[i, j + 1] + b[i + 1, j] + b[i - 1, j])


def jacobi_2d_prange(T, a, b):
    for t in range(T):
        for i in prange(1, a.shape[0] - 1):
            for j in range(1, a.shape[1] - 1):
                b[i, j] = 0.2 * (a[i, j] + a[i, j - 1] + a[i, j + 1] + a[i + 1, j] + a[i - 1, j])
        for i in prange(1, a.shape[0] - 1):
            for j in range(1, a.shape[1] - 1):
                a[i, j] = 0.2 * (b[i, j] + b[i, j - 1] + b[i, j + 1] + b[i + 1, j] + b[i - 1, j])


def jacobi_slices_1d(T, a, b):
    for t in range(T):
        b[1:-1] = 0.33333 * (a[1:-1] + a[:-2] + a[2:])
        a[1:-1] = 0.33333 * (b[1:-1] + b[:-2] + b[2:])


def jacobi_slices_2d(T, a, b):
    for t in range(T):
        b[1:-1, 1:-1] = 0.2 * (a[1:-1, 1:-1] + a[1:-1, :-2] + a[1:-1, 2:] + a[2:, 1:-1] + a[:-2, 1:-1])
        a[1:-1, 1:-1] = 0.2 * (b[1:-1, 1:-1] + b[1:-1, :-2] + b[1:-1, 2:] + b[2:, 1:-1] + b[:-2, 1:-1])


def heat_in_place(T, a, b):
    for t in range(T):
        a[1:-1] = a[1:-1] + 0.1 * (a[2:] - 2.0 * a[1:-1] + a[:-2])


def diffusion_with_copy_and_edges(T, a, b):
    for t in range(T):
        old = a.copy()
        a[1:-1, 1:-1] = old[1:-1, 1:-1] + 0.1 * (old[1:-1, 2:] - 2.0 * old[1:-1, 1:-1] + old[1:-1, :-2])
        a[0, :] = 1.0
        a[-1, :] = 2.0
        a[:, 0] = a[:, 1]
        a[:, -1] = 3.0


def waves(T, a, b):
    """Two quantities that lie between one another, as in FDTD."""
    for t in range(T):
        for j in range(a.shape[1]):
            a[0, j] = t * 0.5
        for i in range(1, a.shape[0]):
            for j in range(a.shape[1]):
                a[i, j] = a[i, j] - 0.5 * (b[i, j] - b[i - 1, j])
        for i in range(a.shape[0] - 1):
            for j in range(a.shape[1] - 1):
                b[i, j] = b[i, j] - 0.7 * (a[i + 1, j] - a[i, j] + a[i, j + 1])


def heat_3d(T, a, b):
    for t in range(1, T + 1):
        for i in range(1, a.shape[0] - 1):
            for j in range(1, a.shape[1] - 1):
                for k in range(1, a.shape[2] - 1):
                    b[i, j, k] = (0.125 * (a[i + 1, j, k] - 2.0 * a[i, j, k] + a[i - 1, j, k])
                                  + 0.125 * (a[i, j + 1, k] - 2.0 * a[i, j, k] + a[i, j - 1, k])
                                  + 0.125 * (a[i, j, k + 1] - 2.0 * a[i, j, k] + a[i, j, k - 1]) + a[i, j, k])
        for i in range(1, a.shape[0] - 1):
            for j in range(1, a.shape[1] - 1):
                for k in range(1, a.shape[2] - 1):
                    a[i, j, k] = 0.5 * b[i, j, k] + 0.25 * (b[i + 1, j, k] - b[i, j, k - 1])


def far_neighbours(T, a, b):
    """Dependences of several lengths, longer to one side."""
    for t in range(T):
        for i in range(3, len(a) - 1):
            b[i] = a[i - 3] - 0.5 * a[i + 1]
        for i in range(1, len(a) - 2):
            a[i] = b[i + 2] + a[i] * 0.5
        for i in range(2, len(a)):
            b[i] += a[i - 2] * 0.25


def limited(T, a, b):
    """Conditions and variables of an iteration."""
    for t in range(T):
        for i in range(1, len(a) - 1):
            slope = a[i + 1] - a[i - 1]
            if slope > 0.25:
                b[i] = a[i] + slope * 0.5
            else:
                b[i] = a[i]
        for i in range(1, len(a) - 1):
            a[i] = (b[i - 1] + b[i + 1]) * 0.5


ONE = (jacobi_1d, jacobi_slices_1d, heat_in_place, far_neighbours, limited)
TWO = (jacobi_2d, jacobi_2d_prange, jacobi_slices_2d, diffusion_with_copy_and_edges, waves)


def numbers(*shape, dtype=np.float64):
    rng = np.random.default_rng(len(shape) + sum(shape))
    return rng.random(shape).astype(dtype) if np.dtype(dtype).kind == "f" else rng.integers(0, 99, shape).astype(dtype)


def report_of(function, *args, **options):
    kernel = njit(parallel=True, **options)(function)
    kernel(*args)
    return kernel.parallel_report()


# ---- what is tiled ----------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("function", [*ONE, *TWO, heat_3d])
def test_the_loop_over_steps_is_parallel(function):
    rank = 1 if function in ONE else 2 if function in TWO else 3
    report = report_of(function, 3, numbers(*[9] * rank), numbers(*[9] * rank))
    assert report[0]["decision"] == "parallel" and report[0]["reason"] == "TIME_TILES"
    assert report[0]["text"].startswith("carried through")
    assert "diamonds of steps" in report[0]["tile"] and report[0]["schedule"] == "dynamic"
    assert all(e["reason"] in ("INSIDE_PARALLEL", "FUSED", "REMOVED") for e in report[1:])


def test_slopes_are_as_small_as_dependences_allow():
    assert "slopes 2 and 2;" in report_of(jacobi_2d, 3, numbers(9, 9), numbers(9, 9))[0]["tile"]
    assert "slopes 1 and 1;" in report_of(waves, 3, numbers(9, 9), numbers(9, 9))[0]["tile"]


def in_place(T, a, b):
    for t in range(T):
        for i in range(1, len(a) - 1):
            a[i] = a[i - 1] + a[i + 1]
        for i in range(1, len(a) - 1):
            b[i] = a[i]


def around_the_ring(T, a, b):
    for t in range(T):
        for i in range(1, len(a) - 1):
            b[i] = a[i - 1] + a[i + 1]
        for i in range(1, len(a) - 1):
            a[i] = b[i]
        for i in range(1):
            a[i] = a[len(a) - 2]


def transposed(T, a, b):
    for t in range(T):
        for i in range(1, a.shape[0]):
            for j in range(1, a.shape[1]):
                b[i, j] = a[j, i - 1]
        for i in range(1, a.shape[0]):
            for j in range(1, a.shape[1]):
                a[i, j] = b[i, j - 1]


def shrinking(T, a, b):
    for t in range(T):
        for i in range(1, len(a) - 1 - t):
            b[i] = a[i - 1] + a[i + 1]
        for i in range(1, len(a) - 1 - t):
            a[i] = b[i]


def summed(T, a, b):
    s = 0.0
    for t in range(T):
        for i in range(1, len(a) - 1):
            b[i] = a[i - 1] + a[i + 1]
        for i in range(1, len(a) - 1):
            a[i] = b[i]
            s += b[i]
    return s


def divided(T, a, b):
    for t in range(T):
        for i in range(1, len(a) - 1):
            b[i] = a[i - 1] / a[i + 1]
        for i in range(1, len(a) - 1):
            a[i] = b[i]


@pytest.mark.parametrize("function", [in_place, around_the_ring, transposed, shrinking, summed, divided])
def test_what_cannot_be_tiled_keeps_its_order(function, agree):
    shape = (7, 7) if function is transposed else (9,)
    assert report_of(function, 3, numbers(*shape), numbers(*shape), tile=3)[0]["reason"] != "TIME_TILES"
    agree(function, 4, numbers(*shape), numbers(*shape), options={"tile": 3}, bits=function is not summed)


# ---- what is computed ------------------------------------------------------------------------------------------------------

def check(function, tile, cases, runtime):
    """Like `agree`, compiled once."""
    kernel = njit(parallel=True, tile=tile)(function)
    before = plait.get_num_threads()
    runtime.plrt_set_min_work(0)
    try:
        for steps_, shape in cases:
            want = numbers(*shape), numbers(*shape)
            function(steps_, *want)
            for threads, shuffle in ((1, 0), (2, 0), (3, 0), (8, 0), (1, 20240229), (1, 3)):
                plait.set_num_threads(min(threads, before))
                runtime.plrt_set_shuffle(shuffle)
                got = numbers(*shape), numbers(*shape)
                kernel(steps_, *got)
                np.testing.assert_array_equal(got, want, f"{steps_} steps, {shape}, {threads} threads, {shuffle}")
    finally:
        runtime.plrt_set_shuffle(0)
        runtime.plrt_set_min_work(-1)
        plait.set_num_threads(before)


@pytest.mark.parametrize("function", ONE)
@pytest.mark.parametrize("tile", [1, 2, 3, 5, 16])
def test_one_dimension(function, tile, runtime):
    check(function, tile, [(s, (n,)) for s in (0, 1, 2, 7) for n in (4, 5, 7, 16, 33)], runtime)


@pytest.mark.parametrize("function", TWO)
@pytest.mark.parametrize("tile", [1, 3, 8, (2, 5), (0, 3), (4,)])
def test_two_dimensions(function, tile, runtime):
    check(function, tile, [(s, n) for s in (0, 1, 2, 5) for n in ((3, 3), (5, 9), (17, 6), (13, 13))], runtime)


@pytest.mark.parametrize("tile", [1, 3])
def test_three_dimensions(tile, runtime):
    check(heat_3d, tile, [(s, n) for s in (0, 1, 4) for n in ((3, 3, 3), (7, 4, 9))], runtime)


@pytest.mark.parametrize("function", [jacobi_1d, jacobi_2d, waves])
def test_empty_arrays(function, agree):
    for n in (0, 1, 2):
        shape = (n,) if function is jacobi_1d else (n, n)
        agree(function, 0, numbers(*shape), numbers(*shape), options={"tile": 3}, bits=True)
        if n:
            agree(function, 3, numbers(*shape), numbers(*shape), options={"tile": 3}, bits=True)


def test_a_short_second_array_raises_at_the_same_element(agree):
    agree(jacobi_1d, 3, numbers(12), numbers(9), options={"tile": 3})
    agree(waves, 2, numbers(6, 6), numbers(6, 4), options={"tile": 2})


def test_overlapping_arrays_keep_the_source_order(agree):
    whole = numbers(30)

    def shifted(T, x, k):
        jacobi(T, x[:-k], x[k:])

    jacobi = njit(parallel=True, tile=3)(jacobi_1d)
    for k in (1, 2, 29):
        want, got = whole.copy(), whole.copy()
        jacobi_1d(5, want[:-k], want[k:])
        shifted(5, got, k)
        np.testing.assert_array_equal(got, want)
    want, got = whole.copy(), whole.copy()
    jacobi_1d(5, want, want)
    jacobi(5, got, got)
    np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("function", [jacobi_2d, jacobi_slices_2d, diffusion_with_copy_and_edges])
def test_layouts(function, agree):
    a, b = numbers(22, 26), numbers(22, 26)
    for cut in (lambda x: x[::2, ::2], lambda x: x[::-1, 1:], lambda x: np.asfortranarray(x[:9, :11]), lambda x: x[3:12].T):
        agree(function, 5, cut(a), cut(b), options={"tile": 4}, bits=True, serial=False)
    still = np.broadcast_to(numbers(9), (9, 9))  # read only
    agree(lambda T, a, b: None, 3, still, a[:9, :9])


@pytest.mark.parametrize("dtype", [np.float32, np.int64])
def test_other_types(dtype):
    for function, shape in ((jacobi_1d, (40,)), (jacobi_2d, (11, 14)), (waves, (9, 8))):
        want, got = ([numbers(*shape, dtype=dtype) for _ in range(2)] for _ in range(2))
        njit(function)(6, *want)
        njit(parallel=True, tile=3)(function)(6, *got)
        np.testing.assert_array_equal(want, got)


@pytest.mark.parametrize("schedule", ["static", "dynamic", "guided"])
def test_threads_and_schedules(schedule):
    kernel = njit(parallel=True, tile=3, schedule=schedule)(jacobi_2d)
    want = numbers(20, 17), numbers(20, 17)
    njit(jacobi_2d)(9, *want)
    before = plait.get_num_threads()
    try:
        for n in (1, 2, 3, 4):
            plait.set_num_threads(min(n, before))
            got = numbers(20, 17), numbers(20, 17)
            kernel(9, *got)
            np.testing.assert_array_equal(want, got)
    finally:
        plait.set_num_threads(before)


@pytest.mark.parametrize("function,shape", [(jacobi_1d, (5000,)), (jacobi_slices_1d, (5000,)), (jacobi_2d, (300, 200)),
                                            (waves, (260, 140)), (heat_3d, (40, 30, 50)),
                                            (diffusion_with_copy_and_edges, (300, 200))])
def test_sizes_that_are_tiled_by_themselves(function, shape):
    for steps_ in (2, 3, 40):
        want, got = ([numbers(*shape) for _ in range(2)] for _ in range(2))
        njit(function)(steps_, *want)
        njit(parallel=True)(function)(steps_, *got)
        np.testing.assert_array_equal(want, got)


def test_nan_and_infinity_spread_as_in_the_source(agree):
    a, b = numbers(24), numbers(24)
    a[5], a[17] = np.nan, np.inf
    agree(jacobi_1d, 6, a, b, options={"tile": 3}, bits=True)


def test_steps_that_do_not_start_at_zero(agree):
    def kernel(first, last, a, b, s):
        for t in range(first, last):
            for i in range(1, len(a) - 1):
                b[i] = a[i - 1] + a[i + 1] + s[t]
            for i in range(1, len(a) - 1):
                a[i] = b[i] * 0.5 + t

    for first, last in ((0, 5), (2, 9), (-4, 3), (5, 5), (7, 2)):
        agree(kernel, first, last, numbers(14), numbers(14), numbers(10), options={"tile": 3}, bits=True)


def test_a_buffer_of_each_step_is_made_once(made):
    kernel = njit(parallel=True, tile=3)(heat_in_place)
    assert made(kernel, 50, numbers(40), numbers(1)) <= 1


# ---- second opinions --------------------------------------------------------------------------------------------------------

@pytest.mark.skipif(second_opinion.program() is None, reason="the build has no plait-enumerate")
@pytest.mark.parametrize("function", [*ONE, *TWO, heat_3d])
def test_enumeration_finds_no_tiles_that_meet(function):
    rank = 1 if function in ONE else 2 if function in TWO else 3
    sizes = [(3,) * rank, (5, 4, 6)[:rank], (9, 7, 4)[:rank], (14, 9, 3)[:rank]]
    lists = [(s, numbers(*shape), numbers(*shape)) for s, shape in zip((1, 2, 4, 5), sizes)]
    try:
        for tile in (1, 2, 3):
            found = second_opinion.opinion(njit(parallel=True, tile=tile)(function), *lists).fine()
            assert found.parallel > 0
    finally:
        second_opinion.close()


def test_random_sweeps(runtime):
    """More of them: python3 tests/fuzz/steps.py SEED COUNT."""
    runtime.plrt_set_min_work(0)
    try:
        found = [steps.check(seed, runtime) for seed in range(1, 25)]
    finally:
        runtime.plrt_set_min_work(-1)
    for complaint, _, source in found:
        assert complaint is None, f"{complaint}\n{source}"
    assert sum(tiled for _, tiled, _ in found) >= 3
