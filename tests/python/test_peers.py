"""What the table of peers is made of: the kernels in C say what the reference says, and nobody but the peers is BEST."""
import pathlib
import sys

import numpy as np
import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "perf"), str(ROOT / "perf/peers")]
import c_variants  # noqa: E402
import peers  # noqa: E402
from kernels.loops import NAMES, answer, arguments_of, fresh, load  # noqa: E402


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("peers")


@pytest.fixture(scope="module", autouse=True)
def gcc_alone():
    kept = dict(c_variants.BUILDS)
    for how, recipe in kept.items():
        if recipe[0] != "gcc":
            del c_variants.BUILDS[how]
    yield
    c_variants.BUILDS.update(kept)


@pytest.mark.parametrize("name", NAMES)
def test_the_kernel_in_c_is_right_on_one_to_three_threads(name, folder):
    arguments, seen = arguments_of(name), set()
    filled = fresh(arguments)
    want = answer(load(name).reference(*filled), filled)
    for how, call, set_threads in c_variants.builds(folder, name):
        for threads in (1, 2, 3):
            set_threads(threads)
            assert peers.is_right(name, peers.Peer(how, call).result(arguments), want, "fast" in how or "hand" in how), how
        seen.add(how)
    assert {"gcc", "gcc fast"} <= seen


def test_the_hand_written_stencils_are_right_where_their_tiles_are_full(folder):
    for name, size in (("jac1", (230, 9000)), ("jac2", (30, 300)), ("stencil3", (7, 90))):
        arguments = load(name).inputs(size, np.random.default_rng(3))
        filled = fresh(arguments)
        want = answer(load(name).reference(*filled), filled)
        hand = {how: (call, set_threads) for how, call, set_threads in c_variants.builds(folder, name)}["by hand, gcc"]
        for threads in (1, 2, 3):
            hand[1](threads)
            assert peers.is_right(name, peers.Peer("by hand", hand[0]).result(arguments), want, True)


def test_best_is_the_quickest_peer_and_numba_its_quickest_variant():
    times = {"plait": 1.0, "plait fast": 0.5, "numba serial": 4.0, "numba parallel fast": 3.0, "numpy": 9.0, "gcc": 2.0,
             "clang fast": 1.5, "by hand, gcc": 1.25}
    groups = peers.groups_of(times)
    assert groups["best"] == (1.25, "by hand, gcc") and groups["numba"] == (3.0, "numba parallel fast")
    assert groups["c"] == (2.0, "gcc") and groups["c fast"] == (1.5, "clang fast")
    (line,), ratios = peers.rows_of({("sum", 2): times}, ["sum", "bs"], 2)
    assert ratios == {"sum": (0.8, 0.4, 6.0)} and line.startswith("| sum | 1e+03 | 500 |")
    assert peers.measure.geometric_mean([2.0, 8.0]) == pytest.approx(4.0)


def test_a_wrong_answer_is_not_right():
    arguments = arguments_of("saxpy")
    want = peers.Peer("reference", load("saxpy").reference).result(arguments)
    wrong = [a.copy() for a in want]
    wrong[-1][3] += 1e-3
    assert peers.is_right("saxpy", want, want, True) and not peers.is_right("saxpy", wrong, want, True)
