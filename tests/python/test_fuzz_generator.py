"""The fuzzer itself: one seed makes one kernel, variants mean the same, the shrinker keeps what it is asked to keep."""
import pathlib
import sys

import numpy as np
import pytest

FUZZ = pathlib.Path(__file__).resolve().parents[1] / "fuzz"


@pytest.fixture(scope="module", autouse=True)
def fuzz_on_path():
    sys.path.insert(0, str(FUZZ))
    yield
    sys.path.remove(str(FUZZ))


def made(seed):
    from generate import Maker

    return Maker(seed).kernel()


def ran(kernel, of=None):
    """What CPython makes of the kernel, on the arguments of `of`."""
    from oracle import oracle_of, outcome

    error, result, arrays, _ = outcome(oracle_of(kernel), of or kernel)
    return error, str(result), arrays


def test_a_seed_makes_one_kernel():
    for seed in range(20):
        assert made(seed).source() == made(seed).source()
        for (a, _), (b, _) in zip(made(seed).build(), made(seed).build()):
            assert type(a) is type(b) and np.array_equal(a, b, equal_nan=isinstance(a, np.ndarray) and a.dtype.kind in "fc")


@pytest.mark.parametrize("start", range(0, 120, 30))
def test_variants_mean_the_same(start):
    import emi

    changed = 0
    for seed in range(start, start + 30):
        kernel = made(seed)
        variant = emi.variant(kernel)
        changed += variant.source() != kernel.source()
        assert ran(variant, of=kernel) == ran(kernel), kernel.source()
    assert changed > 10


def test_the_shrinker_keeps_the_failure():
    from shrink import shrink

    kernel = next(k for k in map(made, range(200)) if k.source().count("math.sqrt") == 1 and len(k.source()) > 600)
    small = shrink(kernel, lambda k: "math.sqrt" in k.source(), budget=2000)
    assert "math.sqrt" in small.source() and len(small.source()) < len(kernel.source()) / 2


def test_every_argument_lies_between_guard_zones():
    from oracle import canaries_intact

    for seed in range(40):
        args = made(seed).build()
        assert canaries_intact(args)
        whole = [w for _, w in args if w is not None]
        if whole:
            whole[0][3] = 0
            assert not canaries_intact(args)


def test_rare_counters_are_told():
    import counters

    assert "reason INDEPENDENT" in counters.rare({}, 1000)
    assert "reason INDEPENDENT" not in counters.rare({"reason INDEPENDENT": 2}, 1000)
    assert set(counters.RARE) <= {f"reason {code}" for code in counters.reasons()}


def test_a_lost_term_is_beyond_the_bound_of_a_sum():
    from oracle import is_sum_of

    terms = [0.1 * k for k in range(1000)]
    assert is_sum_of(sum(terms), 0.0, terms) and is_sum_of(sum(reversed(terms)), 0.0, terms)
    assert not is_sum_of(sum(terms[:1] + terms[2:]), 0.0, terms)


def test_sums_held_against_the_exact_one_start_once():
    sums = 0
    for seed in range(300):
        kernel = made(seed)
        text = kernel.source()
        for name in kernel.exact_sums():
            sums += 1
            assert text.count(f" {name} = ") == 1
    assert sums > 0
