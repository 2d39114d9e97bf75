"""Kernels that mean the same: what is compiled may differ from what CPython ran, the results may not.

Dead code behind a condition that only the run knows to be false, a loop over a range in two halves, a block repeated
zero times: none of them changes anything, all of them change what the passes see."""
import copy
import random

from tree import Node, bodies, const, var


def variant(kernel):
    """A copy of the kernel with one to three such changes."""
    k = copy.deepcopy(kernel)
    r = random.Random(f"emi {kernel.seed}")
    for _ in range(r.randint(1, 3)):
        r.choice([add_dead_code, split_loop, wrap_in_loop, add_dead_code])(k, r)
    return k


def never():
    return Node("compare", "bool", op="<", a=var("n"), b=const(0))


def some_statements(k):
    """(list, index) of every statement that stores, in the kernel's own order."""
    return [(b, i) for b in bodies(k.body) for i, s in enumerate(b) if s.kind in ("store", "update")]


def add_dead_code(k, r):
    """A copy of some store, under a condition that never holds, before or behind it."""
    at = some_statements(k)
    if not at:
        return
    block, i = r.choice(at)
    dead = Node("when", test=never(), body=[copy.deepcopy(block[i])], orelse=[])
    block.insert(i + r.randint(0, 1), dead)


def split_loop(k, r):
    """range(lo, hi) as range(lo, m) and range(m, hi)."""
    loops = [(b, i) for b in bodies(k.body) for i, s in enumerate(b)
             if s.kind == "for" and s.step == 1 and not leaves(s) and not is_bound_in(s, k)]
    if not loops:
        return
    block, i = r.choice(loops)
    s = block[i]
    m = f"min(max({s.lo}, {r.choice(['n // 2', '1', '2', 'm'])}), max({s.lo}, {s.hi}))"
    second = copy.deepcopy(s)
    s.hi, second.lo = m, m
    block.insert(i + 1, second)


def leaves(loop):
    """May break or continue with another iteration's state: then two halves are not the whole."""
    return any(s.kind in ("break", "return") for b in bodies(loop.body) for s in b)


def is_bound_in(loop, k):
    """Are the loop's bounds changed by its own body (a view's or a swapped array's length)?"""
    return "shape" in loop.hi or "len(" in loop.hi


def wrap_in_loop(k, r):
    """A store as the body of a loop that runs once."""
    at = some_statements(k)
    if not at:
        return
    block, i = r.choice(at)
    once = Node("for", var=f"once{r.randint(0, 9)}", lo="0", hi=r.choice(["1", "min(m, 1)", "max(0, 1)"]), step=1,
                body=[block[i]])
    block[i] = once
