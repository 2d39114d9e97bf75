"""Kernels that mean the same: what is compiled may differ from what CPython ran, the results may not.

Dead code behind a condition that only the run knows to be false, a loop over a range in two halves or in blocks, its first
iteration by itself, a value that goes through a variable: none of them changes anything, all of them change what the
passes see. Loops that the analysis calls independent may run backwards, too (Runner.check_turned)."""
import copy
import random

from tree import Node, bodies, const, var


def variant(kernel):
    """A copy of the kernel with one to three such changes."""
    k = copy.deepcopy(kernel)
    r = random.Random(f"emi {kernel.seed}")
    for _ in range(r.randint(1, 3)):
        r.choice([add_dead_code, split_loop, wrap_in_loop, add_dead_loop, pass_through, peel_first, cut_in_blocks,
                  choose_between_equals])(k, r)
    return k


def in_any_order(kernel, lines):
    """A copy whose oracle runs the loops in these lines in an order of its own."""
    k = copy.deepcopy(kernel)
    for line, loop in k.loop_lines():
        loop.any_order = line in lines
    return k


def turned(kernel, lines):
    """A copy whose loops in these lines run from the last iteration to the first; None if none could be turned."""
    k, found = copy.deepcopy(kernel), False
    for line, loop in k.loop_lines():
        if line in lines and loop.kind == "for" and loop.step in (1, -1):
            loop.lo, loop.hi, loop.step = f"({loop.hi}) - {loop.step}", f"({loop.lo}) - {loop.step}", -loop.step
            found = True
    return k if found else None


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


def add_dead_loop(k, r):
    """The same in a loop that never runs."""
    at = some_statements(k)
    if not at:
        return
    block, i = r.choice(at)
    never_run = r.choice([("n", "n"), ("m", "0"), ("0", "min(n, 0)")])
    dead = Node("for", var=f"never{r.randint(0, 9)}", lo=never_run[0], hi=never_run[1], step=1, body=[copy.deepcopy(block[i])])
    block.insert(i + r.randint(0, 1), dead)


def pass_through(k, r):
    """A stored value gets a name first."""
    at = [(b, i) for b, i in some_statements(k) if b[i].kind == "store" and b[i].value.kind != "const"]
    if not at:
        return
    block, i = r.choice(at)
    name = f"through{r.randint(0, 999999)}"
    block[i:i + 1] = [Node("assign", name=name, value=block[i].value),
                      Node("store", array=block[i].array, subs=block[i].subs, value=var(name, block[i].value.ty))]


def choose_between_equals(k, r):
    """A store in both arms of a condition."""
    at = some_statements(k)
    if not at:
        return
    block, i = r.choice(at)
    test = Node("compare", "bool", op=r.choice(["<", ">="]), a=var(r.choice("nm")), b=const(r.choice([0, 3])))
    block[i] = Node("when", test=test, body=[block[i]], orelse=[copy.deepcopy(block[i])])


def some_loops(k):
    """(list, index) of every loop that counts up by one, and whose bounds its body leaves alone."""
    return [(b, i) for b in bodies(k.body) for i, s in enumerate(b)
            if s.kind == "for" and s.step == 1 and not leaves(s) and not is_bound_in(s, k)]


def peel_first(k, r):
    """The first iteration as a loop of its own, in which some names have no value yet."""
    at = some_loops(k)
    if not at:
        return
    block, i = r.choice(at)
    first, rest = block[i], copy.deepcopy(block[i])
    first.hi, rest.lo = f"min({first.lo} + 1, {first.hi})", f"{first.lo} + 1"
    block.insert(i + 1, rest)


def cut_in_blocks(k, r):
    """range(lo, hi) as blocks of `m` or three iterations."""
    at = [(b, i) for b, i in some_loops(k) if not getattr(b[i], "prange", False)]
    if not at:
        return
    block, i = r.choice(at)
    taken = {s.var for b in bodies(k.body) for s in b if s.kind == "for"}  # a loop of blocks may be cut in blocks again
    begin = next(name for name in (f"begin{number}" for number in range(r.randint(0, 9), 99)) if name not in taken)
    s, size = block[i], r.choice(["m", "3"])
    inner = Node("for", var=s.var, lo=begin, hi=f"min({begin} + {size}, {s.hi})", step=1, body=s.body)
    block[i] = Node("for", var=begin, lo=s.lo, hi=s.hi, step=size, body=[inner])


def split_loop(k, r):
    """range(lo, hi) as range(lo, m) and range(m, hi)."""
    loops = some_loops(k)
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
