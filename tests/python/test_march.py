"""Iterations side by side whose inner loops end when each is through: CPython's bits, whatever their number."""
import math

import numpy as np
import pytest

SIZES = (0, 1, 7, 16, 17, 100, 511, 512, 530, 1100)


def escape(x, out):
    for i in range(x.shape[0]):
        cr = x[i] * 3.0 - 2.0
        zr = 0.0
        zi = 0.0
        n = 0
        while n < 60 and zr * zr + zi * zi <= 4.0:
            t = zr * zr - zi * zi + cr
            zi = 2.0 * zr * zi + 0.3
            zr = t
            n += 1
        out[i] = n


def escape_by_break(x, out):
    for i in range(x.shape[0]):
        zr = x[i]
        zi = 0.25
        left = -1
        for k in range(40):
            if zr * zr + zi * zi > 4.0:
                left = k
                break
            zr, zi = zr * zr - zi * zi + x[i], 2.0 * zr * zi + 0.1
        out[i] = left + zr


def counter_outlives(x, out):
    for i in range(x.shape[0]):
        s = x[i]
        k = -5
        for k in range(3, 3 + int(x[i] * 9.0)):
            s = s * 1.5
            if s > 4.0:
                break
        out[i] = s + k


def late_test(x, out):
    for i in range(x.shape[0]):
        s = x[i]
        steps = 0
        while True:
            s = s * 0.5 + 0.125
            steps += 1
            if s < 0.3:
                break
            s = s - 0.0625
            if steps > 9:
                break
            steps += 1
        out[i] = s * 100.0 + steps


def newton(x, out):
    for i in range(x.shape[0]):
        y = x[i] + 1.0
        for k in range(50):
            step = (y * y - x[i]) / (2.0 * y)
            y -= step
            if abs(step) < 1e-13:
                break
        out[i] = y


def newton_fails(x, out):
    for i in range(x.shape[0]):
        a = float(x[i])
        y = a - 0.5
        k = 0
        while k < 30:
            y = y - (y * y - 2.0) / y
            y = y + a / (y - 1.5)
            if y > 100.0:
                break
            k += 1
        out[i] = y


def conditions_inside(x, out):
    for i in range(x.shape[0]):
        a = x[i]
        b = 1.0
        n = 0
        while a < 10.0:
            if a * b < 1.0:
                a = a * 1.5 + 0.01
                if n > 20:
                    b = b + 0.5
                    if b > 3.0:
                        break
            elif a > 5.0:
                a = a + b
                b = b * 0.5
            else:
                b = b - 0.25
                a += 0.125
            n += 1
            if n > 40:
                break
        out[i] = a - b + n


def two_loops(x, out):
    for i in range(x.shape[0]):
        a = x[i] + 0.25
        n = 0
        while a < 8.0:
            a = a * 1.75
            n += 1
        b = a + n
        while b > 0.5:
            b = b * 0.75 - 0.03
        out[i] = a + b


def conditions_behind(x, out):
    for i in range(x.shape[0]):
        a = x[i]
        n = 0
        while n < 30 and a < 5.0:
            a = a * a + 0.7
            n += 1
        if n < 5:
            out[i] = a
        elif a > 6.0:
            out[i] = -n
        else:
            out[i] = math.sqrt(a)


def area(x, out):
    inside = 0
    farthest = 0.0
    for i in range(x.shape[0]):
        zr = x[i] * 4.0 - 2.0
        zi = 0.5
        n = 0
        while n < 50 and zr * zr + zi * zi < 4.0:
            t = zr * zr - zi * zi - 0.4
            zi = 2.0 * zr * zi + 0.6
            zr = t
            n += 1
        if n == 50:
            inside += 1
        farthest = max(farthest, zr)
        out[i] = n
    return inside, farthest


def divides_in_front(x, out):
    for i in range(x.shape[0]):
        r = 1.0 / (float(x[i]) - 0.125)
        while r < 3.0:
            r = r + math.sqrt(r + 1.0)
        out[i] = r


def integers(x, out):
    for i in range(x.shape[0]):
        n = int(x[i] * 1000.0) + 1
        steps = 0
        weight = 0.0
        while n > 1:
            if n % 2 == 0:
                n = n // 2
            else:
                n = 3 * n + 1
            steps += 1
            weight += 0.5
        out[i] = steps + weight


def skips(x, out):
    for i in range(x.shape[0]):
        s = x[i]
        n = 0
        while n < 20:
            n += 1
            if s > 0.5:
                s = s - 0.375
                continue
            s = s * 1.25 + 0.01
        out[i] = s


def reads_inside(x, out):
    for i in range(x.shape[0]):
        s = 0.0
        k = 0
        while k < x.shape[0] and s < 3.0:
            s = s + x[k]
            k += 1
        out[i] = s + k


def stored_before(x, out):
    for i in range(x.shape[0]):
        out[i] = x[i] * 2.0
        s = x[i]
        while s < 2.0:
            s = s * 1.5 + 0.1
        out[i] = out[i] + s


def all_read_behind(x, out):
    """The test comes after the change, and nothing that the steps hand on is dropped: who left must stay away."""
    for i in range(x.shape[0]):
        z = x[i] - 0.5
        k = 0
        while k < 9:
            z = z * 0.75 + x[i] - 0.5
            k += 1
            if z > 0.5:
                break
        out[i] = z + k


def leaves_at_one_number(x, out):
    """Counters whose tests do not hold for ever: one that left by another test must not come back."""
    for i in range(x.shape[0]):
        z = x[i]
        k = 3
        step = 0.5
        while True:
            if z < 0.1:
                break
            z = z * 0.75
            if k == 12 or step == 2.25:
                break
            k += 2
            step += 0.25
            if k % 5 == 0 and z < 0.4:
                break
        out[i] = z + k + step


def starts_differ(x, out):
    for i in range(x.shape[0]):
        k = i % 5
        n = x.shape[0] % 3
        z = x[i]
        while k < 20 and n < 15 and z > 0.01:
            z = z * 0.8
            k += 1
            n += 2
        m = n
        while z < 3.0 and n < 40 and m < 30:
            z = z * 1.25
            n += 3
            m += 1
        out[i] = z * 100.0 + k + n + m


def counts_in_a_branch(x, out):
    for i in range(x.shape[0]):
        k = 0
        n = 0
        z = x[i]
        while n < 25:
            n += 1
            z = z * 0.9
            if z > 0.4:
                k += 1
            if k > 6 or z * n > 4.0:
                break
        out[i] = z + k * n


def multiplies(x, out):
    for i in range(x.shape[0]):
        p = 1
        z = x[i]
        while p < 1000000 and z < 9.0:
            z = z + 0.7
            p = p * 6 + x.shape[0]
        out[i] = z + p


LOOPS = (escape, escape_by_break, all_read_behind, counter_outlives, late_test, newton, conditions_inside, two_loops, conditions_behind,
         area, integers, skips, reads_inside, stored_before, leaves_at_one_number, starts_differ, counts_in_a_branch, multiplies)


@pytest.mark.parametrize("loop", LOOPS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("size", SIZES)
def test_same_bits_as_one_by_one(agree, loop, size):
    agree(loop, np.random.default_rng(size).random(size), np.zeros(size), bits=True)


@pytest.mark.parametrize("loop", LOOPS, ids=lambda f: f.__name__)
def test_values_that_nobody_expects(agree, loop):
    if loop in (counter_outlives, integers):
        pytest.skip("int() of NaN raises")
    x = np.random.default_rng(5).random(600)
    x[::7] = np.nan if loop not in (late_test, two_loops) else 0.0
    x[3::11] = -0.0
    x[5::50] = np.inf if loop is not two_loops else 1.0
    x[9::90] = 5e-324
    agree(loop, x, np.zeros(600), bits=True)


@pytest.mark.parametrize("loop", (escape, escape_by_break, two_loops, conditions_behind), ids=lambda f: f.__name__)
def test_views_and_one_array_twice(agree, loop):
    x = np.random.default_rng(7).random(1400)
    agree(loop, x[::2], np.zeros(700), bits=True)
    agree(loop, x[::-2], np.zeros(1400)[::2], bits=True)
    agree(loop, x, x, bits=True)
    agree(loop, x[1:], x[:-1], bits=True)
    agree(loop, np.broadcast_to(x[:1], 700), x[:700], bits=True)


@pytest.mark.parametrize("loop", (escape, newton, late_test), ids=lambda f: f.__name__)
def test_float32(agree, loop):
    x = np.random.default_rng(8).random(1100).astype(np.float32)
    agree(loop, x, np.zeros(1100, np.float32), rtol=1e-5)


def escape_rows(out, most):
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            cr = j * 0.03 - 2.0
            ci = i * 0.05 - 1.0
            zr = 0.0
            zi = 0.0
            n = 0
            while n < most and zr * zr + zi * zi <= 4.0:
                t = zr * zr - zi * zi + cr
                zi = 2.0 * zr * zi + ci
                zr = t
                n += 1
            out[i, j] = n


@pytest.mark.parametrize("shape", ((0, 5), (5, 0), (3, 1), (40, 15), (40, 16), (40, 33), (7, 100)))
@pytest.mark.parametrize("most", (0, 1, 50))
def test_inside_another_loop(agree, shape, most):
    agree(escape_rows, np.zeros(shape, np.int64), most, bits=True)


@pytest.mark.parametrize("size", (1, 16, 40, 600, 1030))
@pytest.mark.parametrize("at", (0, 3, 15, 16, 38, 599, 1029))
def test_a_failing_iteration_raises(agree, size, at):
    x = np.full(size, 3.0)
    if at < size:
        x[at] = 0.5
    agree(newton_fails, x, np.zeros(size))
    x[:] = 1.0
    if at < size:
        x[at] = 0.125
    agree(divides_in_front, x, np.zeros(size))


def test_everything_before_a_failing_iteration_is_done(runtime):
    from plait import njit

    x = np.full(2000, 3.0)
    x[1234] = 0.5
    kernel, out = njit(parallel=True)(newton_fails), np.zeros(2000)
    with pytest.raises(ZeroDivisionError):
        kernel(x, out)
    assert np.all(out[:1234] != 0.0) and out[1234] == 0.0


def test_strips_are_reported():
    from plait import njit

    for loop in (escape, escape_by_break, counter_outlives, late_test, newton, conditions_inside, two_loops, area):
        kernel = njit(parallel=True)(loop)
        kernel(np.ones(5), np.ones(5))
        outer = kernel.parallel_report()[0]
        assert outer["decision"] == "parallel" and "until it is through" in outer["tile"], loop.__name__
    for loop in (skips, reads_inside):
        kernel = njit(parallel=True)(loop)
        kernel(np.ones(5), np.ones(5))
        assert not kernel.parallel_report()[0]["tile"], loop.__name__


def goes_on_unseen(x, steps, out):
    """What nothing reads behind the loop goes on in lanes that are through: to where they would divide by zero, or come back."""
    for i in range(x.shape[0]):
        k = 0.0
        s = 0.0
        n = 0
        while k % 5.0 != x[i] and n < steps[i]:
            s += 1.0 / (x[i] + 7.0 - k) + x[i]
            k += 1.0
            n += 1
        out[i] = s


def overflows_unseen(x, out, kind):
    for i in range(x.shape[0]):
        a = x[i]
        n = 0
        while n < 300 and a * a < 1e6:
            a = a * a + x[i]
            n += 1
        out[i] = n


@pytest.mark.parametrize("kind", [np.float64, np.float32])
def test_who_is_through_goes_on_unseen(agree, kind):
    rng = np.random.default_rng(8)
    x = rng.integers(0, 8, 3000).astype(kind)
    steps = rng.integers(0, 7, 3000)
    agree(goes_on_unseen, x, steps, np.zeros(3000), rtol=1e-5)
    wide = (rng.random(3000) * 4).astype(kind)
    wide[::97] = 50
    agree(overflows_unseen, wide, np.zeros(3000), 0, rtol=0)
    agree(overflows_unseen, wide, np.zeros(3000), 0, rtol=0, options={"fastmath": True})
