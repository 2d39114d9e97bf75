"""Control flow: every way in which paths part and meet."""


@cases((3, 1.5), (-1, 2.0), (8, 0.5))
def joins_int_and_float(n, x):
    if n > 2:
        s = n
    else:
        s = x
    return s


@cases((0,), (1,), (5,), (12,))
def widens_in_a_loop(n):
    s = 0
    for i in range(n):
        s += i * 0.5
    return s


@cases((0,), (1,), (7,))
def widens_in_nested_loops(n):
    total = 0
    for i in range(n):
        row = 0
        for j in range(i):
            row += j / 2
        total += row
    return total


@cases((10, 3), (10, 20), (0, 0))
def breaks_with_else(n, k):
    for i in range(n):
        if i == k:
            r = i * 10
            break
    else:
        r = -1
    return r


@cases((10, 3), (10, 20), (0, 0))
def while_with_else(n, k):
    i = 0
    while i < n:
        if i == k:
            r = i * 10
            break
        i += 1
    else:
        r = -1.5
    return r


@cases((4,), (0,), (9,))
def continues_at_depth(n):
    s = 0
    for i in range(n):
        if i % 2:
            continue
        j = 0
        while True:
            j += 1
            if j > i:
                break
            if j % 3 == 0:
                continue
            s += j
        s += 100
    return s


@cases((5,), (50,), (-5,))
def returns_early(x):
    if x < 0:
        return -1
    for i in range(x):
        if i * i > x:
            return i
    return x * 2


@cases((5,), (1,), (0,))
def loop_variable_afterwards(n):
    i = -7
    for i in range(2, n):
        pass
    return i


@cases((5,), (3,))
def loop_variable_with_step(n):
    for i in range(20, n, -4):
        pass
    return i


@cases((5, 2), (5, 9))
def loop_variable_after_break(n, k):
    for i in range(n):
        if i == k:
            break
    return i


@cases((3,), (0,))
def unbound_after_no_trips(n):
    for i in range(n):
        x = i * 2
    return x


@cases((True,), (False,))
def unbound_on_one_path(flag):
    if flag:
        x = 1
    return x


@cases((4, 2), (4, 0), (1, 1))
def bound_in_an_earlier_iteration(n, k):
    s = 0
    for i in range(n):
        if i > k:
            s += x
        x = i * 3
    return s


@cases((6,), (1,))
def assigns_the_loop_variable(n):
    s = 0
    for i in range(n):
        i = i * i
        s += i
    return s


@cases((6,), (0,))
def changes_the_bound(n):
    s = 0
    for i in range(n):
        n = n + 1
        s += i
    return s, n


@cases((1, 2), (5, -5))
def swaps(a, b):
    a, b = b, a
    a, b = a + b, a - b
    return a, b


@cases((30,), (1,), (0,))
def fibonacci(n):
    a, b = 0, 1
    for _ in range(n):
        a, b = b, a + b
    return a


@cases((27,), (1,))
def collatz(n):
    steps = 0
    while n != 1:
        n = n // 2 if n % 2 == 0 else 3 * n + 1
        steps += 1
    return steps


@cases((10,), (0,))
def two_loops_one_variable(n):
    s = 0
    for i in range(n):
        s += i
    for i in range(3):
        s += i * 100
    return s, i


@cases((10, 1), (10, -2), (0, 3))
def range_with_runtime_step(n, step):
    s = 0
    for i in range(n, -n, step):
        s += i
    return s


@cases((10, 0), (10, 2))
def step_zero(n, step):
    s = 0
    for i in range(0, n, step):
        s += i
    return s


@cases((3, 4))
def else_of_nested(n, m):
    s = 0
    for i in range(n):
        for j in range(m):
            if j > i:
                break
            s += 1
        else:
            s += 1000
        s += 10
    else:
        s += 100000
    return s


@cases((10,), (3,))
def while_true_with_breaks(n):
    i = 0
    while True:
        i += 1
        if i > n:
            r = "big"
            x = 1
            break
        if i == 7:
            x = 2.5
            break
    return i, x


@cases((1,), (2,), (3,), (4,))
def elif_chain(x):
    if x == 1:
        r = 10
    elif x == 2:
        r = 20
    elif x == 3:
        return -1
    else:
        r = 40
    return r + x


@cases((5,))
def pass_and_docstring(x):
    """Says nothing."""
    pass
    ...
    return x


@cases((5,), (-5,), (0,))
def asserts(x):
    assert x > -10
    assert x, "x is zero"
    assert x > 0, f"x is {x}"
    return x


@cases((1,), (2,), (3,), (4,), (5,), (6,))
def raises(x):
    if x == 1:
        raise ValueError
    if x == 2:
        raise ValueError("two")
    if x == 3:
        raise KeyError("three", 3)
    if x == 4:
        raise RuntimeError(x, 2.5, None, True)
    if x == 5:
        raise IndexError(f"index {x} of 100%")
    return x


@cases((1,), (2,), (3,), (4,), (5,), (6,), (7,))
def raises_with_tuples(x):
    t = (x, x + 0.5)
    if x == 1:
        raise ValueError("one", t, (1, "a"), ())
    if x == 2:
        raise IndexError(t)
    if x == 3:
        raise KeyError(((x,), ("b", (x > 0, None))))
    if x == 4:
        raise ValueError(f"{t} and {(x,)} of {((x, 2), ())}%: {(1, None, True)}")
    if x == 5:
        assert x < 0, t
    if x == 6:
        assert x < 0, f"{t}"
    return x


@cases((3,), (0,), (1,))
def unrolled_tuple(n):
    s = 0.0
    for x in (1, 2.5, n):
        if x == 0:
            break
        if x == 1:
            continue
        s += x
    else:
        s += 1000
    return s


@cases((3,), (5,))
def deletes(n):
    x = n
    del x
    x = n * 2
    return x


@cases((2, 3))
def annotated(a: int, b: float) -> float:
    c: int = a
    d: float
    d = b
    return c + d


@cases((3,))
def walrus(n):
    s = 0
    while (k := n * 2) < 20:
        n += k
        s += k
    if (y := n + 1) > 3 and (z := y * 2) > 4:
        s += z
    return s, n, y, k


@cases((3,), (4,))
def walrus_order(n):
    a = n + (n := 10) + n
    t = (n, n := n + 1, n)
    return a, t, n


@cases((5,), (2,))
def return_in_loop_of_loop(n):
    for i in range(n):
        for j in range(n):
            if i * j == 6:
                return i, j
    return -1, -1


@cases((4,), (0,))
def float_then_int(n):
    x = 1.5
    for i in range(n):
        if i == 2:
            x = 3
    return x


@cases((4,), (10,))
def changes_type_each_round(n):
    x = 0
    for i in range(n):
        y = x
        x = i + 0.5
    return x, y


@cases((4, True), (4, False))
def flag_controls(n, flag):
    found = False
    for i in range(n):
        if i == 2 and flag:
            where = i
            found = True
    if found:
        return where
    return -1


@cases((5, 3), (2, 2))
def nested_while(n, m):
    i = s = 0
    while i < n:
        j = 0
        while j < m:
            s += i * j
            j += 1
        i += 1
    return s, i


@cases((3,))
def tuple_in_loop(n):
    t = (0, 1)
    for i in range(n):
        t = (t[1], t[0] + 0.5)
    return t


@cases((3,), (0,))
def early_unreachable(n):
    return n
    n = 5
    return n


@cases((5,))
def only_raises(n):
    raise ValueError("always")
