"""First calls with parallel=True, in a process in which both compilers have compiled before: plait and Numba take turns.

plait gets the plain loops, Numba those with prange where a person puts it; the arguments are small, so a call is its compile.
"optimised" is plait without baseline code: what a first call with much to do waits for.
"""
import time

import numba
import numba_variants
import plait
from kernels.loops import FOURTEEN, arguments_of, fresh, function_of
from variants import LOOPS


PAUSE = 0.012  # the last call's threads have gone to sleep (libgomp's look for work for 8 ms)


def numbas_source(name):
    if name in numba_variants.BY_HAND:
        return numba_variants.BY_HAND[name]
    return numba_variants.with_prange(function_of(name), LOOPS[name][0]) if name in LOOPS else function_of(name)


def first_call(who, njit, function, arguments):
    arguments = fresh(arguments)
    plait.config.tiered = who == "plait"
    kernel = njit(parallel=True)(function)
    time.sleep(PAUSE)
    start = time.perf_counter()
    kernel(*arguments)
    return time.perf_counter() - start


def measured(rounds=5):
    """[(kernel, who, [seconds])] of the 14 kernels."""
    sources = {name: (("plait", plait.njit, function_of(name)), ("optimised", plait.njit, function_of(name)),
                      ("numba", numba.njit, numbas_source(name))) for name in FOURTEEN}
    for who, njit, function in sources["sum"]:
        first_call(who, njit, function, arguments_of("sum"))
    taken = {(name, who): [] for name in FOURTEEN for who, _, _ in sources[name]}
    for turn in range(rounds):
        for name, both in sources.items():
            for who, njit, function in both:
                if who != "numba" or turn < 2:
                    taken[name, who].append(first_call(who, njit, function, arguments_of(name)))
    return [(name, who, values) for (name, who), values in taken.items()]
