"""Loops with labels, written for plait: `parallel` ones whose iterations are independent (or meet in a reduction only), and
`racy` ones of which some iteration needs another. The label is about the loop marked `# <-`, else about the first one.

Categories follow what suites of racy loops and of vectorisable loops ask about: linear dependence, crossing thresholds,
symbolic offsets, control flow, induction variables, scalar and array expansion, statement order, interchange, node
splitting, reductions, recurrences, search loops, packing, rerolling, indirect addressing, views.
"""
import inspect

import numpy as np

PARALLEL, RACY = [], []


def parallel(*arguments):
    return lambda f: PARALLEL.append((f, arguments)) or f


def racy(*arguments):
    return lambda f: RACY.append((f, arguments)) or f


def labelled_line(f):
    lines, first = inspect.getsourcelines(f)
    loops = [k for k, line in enumerate(lines) if line.strip().startswith(("for ", "while "))]
    marked = [k for k, line in enumerate(lines) if "# <-" in line]
    return first + (marked or loops)[0]


def v(n=40, seed=0):
    return np.random.default_rng(seed).random(n) - 0.3


def m(n=12, k=12, seed=0):
    return np.random.default_rng(seed).random((n, k))


def order(n=40, seed=5):
    return np.random.default_rng(seed).permutation(n)


def few(n=40, k=7, seed=6):
    return np.random.default_rng(seed).integers(0, k, n)


N = 40

# ---- linear dependence ---------------------------------------------------------------------------------------------------


@parallel(v(), v())
def element_wise(a, b):
    for i in range(len(a)):
        a[i] = b[i] * 2.0 + 1.0


@parallel(v(), v())
def in_place(a, b):
    for i in range(len(a)):
        a[i] = a[i] * b[i]


@parallel(v())
def evens_from_odds(a):
    for i in range(len(a) // 2):
        a[2 * i] = a[2 * i + 1] + 1.0


@parallel(v())
def thirds(a):
    for i in range(0, len(a) - 2, 3):
        a[i] = a[i + 1] + a[i + 2]


@parallel(v())
def thirds_by_product(a):
    for i in range(len(a) // 3):
        a[3 * i + 1] = a[3 * i] * a[3 * i + 2]


@parallel(v())
def downwards_in_twos(a):
    for i in range(len(a) - 2, -1, -2):
        a[i] = a[i + 1]


@parallel(v())
def lower_half_from_upper(a):
    n = len(a) // 2
    for i in range(n):
        a[i] = a[i + n]


@parallel(v())
def lower_half_from_upper_reversed(a):
    for i in range(len(a) // 2):
        a[i] = a[len(a) - 1 - i]


@parallel(v(2 * N), N)
def offset_of_the_length(a, n):
    for i in range(n):
        a[i] = a[i + n] + 1.0


@parallel(v(), v())
def reversed_write(a, b):
    for i in range(len(b)):
        a[len(a) - 1 - i] = b[i]


@parallel(v(), v())
def negative_index(a, b):
    for i in range(len(b)):
        a[-1 - i] = b[i]


@parallel(v(), v())
def wrapped_read(a, b):
    for i in range(len(a)):
        a[i] = b[i - 1] + b[i]


@racy(v())
def from_the_one_before(a):
    for i in range(1, len(a)):
        a[i] = a[i - 1] + 1.0


@racy(v())
def from_the_one_after(a):
    for i in range(len(a) - 1):
        a[i] = a[i + 1] + 1.0


@racy(v())
def from_two_before(a):
    for i in range(2, len(a)):
        a[i] = a[i - 2] * 0.5


@racy(v())
def far_back(a):
    for i in range(17, len(a)):
        a[i] = a[i - 17] * 0.5


@racy(v())
def doubled_index(a):
    for i in range(len(a) // 2):
        a[2 * i] = a[i] + 1.0


@racy(v(130), N)
def unlike_coefficients(a, n):
    for i in range(n):
        a[3 * i + 1] = a[2 * i] + 1.0


@racy(v())
def steps_of_two(a):
    for i in range(2, len(a), 2):
        a[i] = a[i - 2] + 1.0


@racy(v())
def downwards(a):
    for i in range(len(a) - 2, -1, -1):
        a[i] = a[i + 1] * 0.9


@racy(v())
def written_twice(a):
    for i in range(len(a) - 1):
        a[i] = 1.0 * i
        a[i + 1] = 2.0 * i


@racy(v())
def wraps_to_the_end(a):
    for i in range(len(a)):
        a[i] = a[i - 1] + 1.0


# ---- crossing thresholds ---------------------------------------------------------------------------------------------------


@racy(v())
def crossing_in_the_middle(a):
    for i in range(len(a)):
        a[i] = a[len(a) - 1 - i] * 0.5


@racy(v())
def all_from_the_middle(a):
    for i in range(len(a)):
        a[i] = a[len(a) // 2] + 1.0


@racy(v())
def all_from_the_first(a):
    for i in range(len(a)):
        a[i] = a[0] + 1.0


@parallel(v())
def all_but_the_first_from_the_first(a):
    for i in range(1, len(a)):
        a[i] = a[0] + 1.0


@parallel(v())
def below_and_above(a):
    k = len(a) // 2
    for i in range(len(a)):
        if i < k:
            a[i] = a[i + k]


@racy(v(41))
def below_and_above_with_a_seam(a):
    k = len(a) // 2
    for i in range(len(a)):
        if i <= k and i + k < len(a):
            a[i] = a[i + k] + 1.0


# ---- symbolic offsets, bounds and steps ----------------------------------------------------------------------------------------


@parallel(v(100), 50)
def offset_beyond_by_a_test(a, k):
    n = len(a) - k
    if k >= n:
        for i in range(n):
            a[i] = a[i + k]


@parallel(v(100), 50, 50)
def offset_beyond_by_assertion(a, k, n):
    assert k >= n
    for i in range(n):
        a[i] = a[i + k] + 1.0


@parallel(v(), v(60), 7)
def symbolic_shift_of_another(b, a, k):
    for i in range(len(b)):
        a[i + k] = b[i]


@parallel(v(), 3, 35)
def symbolic_bounds(a, lo, hi):
    for i in range(lo, hi):
        a[i] = a[i] + 1.0


@parallel(v(), v(), 3)
def symbolic_step(a, b, s):
    for i in range(0, len(a), s):
        a[i] = b[i] + 1.0


@parallel(v(90), 2, 40)
def symbolic_parity(a, k, n):
    for i in range(n):
        a[2 * i + k % 2] = 1.0 * i


@racy(v(), 3)
def symbolic_shift(a, k):
    for i in range(len(a) - k):
        a[i + k] = a[i] + 1.0


@racy(v(), 2)
def symbolic_step_back(a, s):
    for i in range(s, len(a), s):
        a[i] = a[i - s] + 1.0


@racy(v(), 0)
def symbolic_element(a, k):
    for i in range(len(a)):
        a[k] = 1.0 * i


@racy(v(), 0)
def symbolic_factor(a, k):
    for i in range(len(a)):
        a[i * k] = 1.0 * i


# ---- modulo, division, bits -----------------------------------------------------------------------------------------------------


@parallel(v(), v())
def read_by_modulo(a, b):
    for i in range(len(a)):
        a[i] = b[i % 3]


@parallel(v(), v())
def read_by_division(a, b):
    for i in range(len(a)):
        a[i] = b[i // 2] + b[i % 7]


@parallel(v())
def even_iterations_read_odd_elements(a):
    for i in range(len(a) - 1):
        if i % 2 == 0:
            a[i] = a[i + 1]


@parallel(v(), v())
def neighbour_by_exclusive_or(a, b):
    for i in range(len(a)):
        a[i] = b[i ^ 1]


@parallel(v(N * 3), 3 * N)
def row_and_column_by_division(a, n):
    for i in range(n):
        a[(i // 3) * 3 + i % 3] = 1.0 * i


@parallel(m(8, 5), 40)
def pairs_by_division(a, n):
    for k in range(n):
        a[k // 5, k % 5] = 1.0 * k


@racy(v())
def written_by_modulo(a):
    for i in range(len(a)):
        a[i % 4] = 1.0 * i


@racy(v())
def written_by_division(a):
    for i in range(len(a)):
        a[i // 2] = 1.0 * i


@racy(v())
def read_at_half(a):
    for i in range(len(a)):
        a[i] = a[i // 2] + 1.0


@racy(v())
def written_by_mask(a):
    for i in range(len(a)):
        a[i & 3] = 1.0 * i


@racy(v())
def squares_modulo(a):
    for i in range(len(a)):
        a[(i * i) % len(a)] = 1.0 * i


@racy(v())
def ring(a):
    n = len(a)
    for i in range(n):
        a[(i + 1) % n] = a[i] + 1.0


@racy(v(35))
def sevens_modulo(a):
    for i in range(len(a)):
        a[(7 * i) % len(a)] = 1.0 * i


@racy(m(8, 4), 40)
def pairs_that_repeat(a, n):
    for k in range(n):
        a[k // 5, k % 4] = 1.0 * k


# ---- nests --------------------------------------------------------------------------------------------------------------------------


@parallel(m())
def rows(a):
    for i in range(a.shape[0]):
        for j in range(1, a.shape[1]):
            a[i, j] = a[i, j - 1] + 1.0


@parallel(m())
def columns_inside(a):
    for i in range(1, a.shape[0]):
        for j in range(a.shape[1]):  # <-
            a[i, j] = a[i - 1, j] + 1.0


@parallel(m(), m())
def transposed(a, b):
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            b[j, i] = a[i, j]


@parallel(m())
def lower_triangle_from_upper(a):
    for i in range(a.shape[0]):
        for j in range(i):
            a[i, j] = a[j, i]


@parallel(m())
def triangle_by_rows(a):
    n = a.shape[0]
    for i in range(n):
        for j in range(i + 1, n):
            a[i, j] = a[i, i] * 0.5


@parallel(m())
def diagonal(a):
    for i in range(a.shape[0] - 1):
        a[i, i] = a[i, i + 1] + a[i + 1, i]


@parallel(m(), m())
def band(a, b):
    n = a.shape[0]
    for i in range(n):
        for j in range(max(0, i - 2), min(n, i + 3)):
            b[i, j] = a[i, j] + a[j, i]


@parallel(v(160))
def blocks_of_sixteen(a):
    for b in range(len(a) // 16):
        for i in range(b * 16, b * 16 + 16):
            a[i] = a[i] + b


@parallel(v(150))
def blocks_and_a_rest(a):
    n = len(a)
    for b in range((n + 15) // 16):
        for i in range(b * 16, min(b * 16 + 16, n)):
            a[i] = a[i] + b


@parallel(v(150))
def blocks_by_step(a):
    n = len(a)
    for b in range(0, n, 16):
        for i in range(b, min(b + 16, n)):
            a[i] = a[i] + b


@parallel(v(120), 6)
def blocks_of_any_size(a, s):
    for b in range(len(a) // s):
        for i in range(s):
            a[b * s + i] = 1.0 * b


@parallel(m(), m(), m())
def product(a, b, c):
    for i in range(a.shape[0]):
        for j in range(b.shape[1]):
            s = 0.0
            for k in range(a.shape[1]):
                s += a[i, k] * b[k, j]
            c[i, j] = s


@parallel(m(), m())
def stencil(a, b):
    for i in range(1, a.shape[0] - 1):
        for j in range(1, a.shape[1] - 1):
            b[i, j] = a[i - 1, j] + a[i + 1, j] + a[i, j - 1] + a[i, j + 1]


@parallel(v(), v(), 5)
def relaxation_inside(a, b, t):
    for s in range(t):
        for i in range(1, len(a) - 1):  # <-
            b[i] = a[i - 1] + a[i + 1]
        for i in range(1, len(a) - 1):
            a[i] = b[i]


@parallel(m(), m(1, 12))
def row_turned_by_its_number(a, b):
    n = a.shape[1]
    for i in range(a.shape[0]):
        for j in range(n):
            a[i, (i + j) % n] = b[0, j]


@parallel(np.zeros((5, 6, 7)), m(6, 7))
def planes(a, b):
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            for k in range(a.shape[2]):
                a[i, j, k] = b[j, k] * i


@parallel(m(), 3)
def elimination_inside(a, k):
    n = a.shape[0]
    for i in range(k + 1, n):
        f = a[i, k] / (a[k, k] + 1.0)
        for j in range(k, n):
            a[i, j] -= f * a[k, j]


@racy(m())
def down_the_columns(a):
    for i in range(1, a.shape[0]):
        for j in range(a.shape[1]):
            a[i, j] = a[i - 1, j] + 1.0


@racy(m())
def along_the_diagonal(a):
    for i in range(1, a.shape[0]):
        for j in range(1, a.shape[1]):
            a[i, j] = a[i - 1, j - 1] + 1.0


@racy(m())
def against_the_diagonal(a):
    for i in range(1, a.shape[0]):
        for j in range(a.shape[1] - 1):
            a[i, j] = a[i - 1, j + 1] + 1.0


@racy(m())
def symmetric_in_place(a):
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            a[i, j] = a[j, i] + 1.0


@racy(m())
def gauss_seidel(a):
    for i in range(1, a.shape[0] - 1):
        for j in range(1, a.shape[1] - 1):
            a[i, j] = (a[i - 1, j] + a[i + 1, j] + a[i, j - 1] + a[i, j + 1]) * 0.25


@racy(m())
def shortest_paths(a):
    n = a.shape[0]
    for k in range(n):
        for i in range(n):
            for j in range(n):
                a[i, j] = min(a[i, j], a[i, k] + a[k, j])


@racy(m(), v(12))
def triangular_solve(a, x):
    for i in range(len(x)):
        for j in range(i):
            x[i] -= a[i, j] * x[j]
        x[i] /= a[i, i] + 1.0


@racy(m())
def elimination(a):
    n = a.shape[0]
    for k in range(n - 1):
        for i in range(k + 1, n):
            f = a[i, k] / (a[k, k] + 1.0)
            for j in range(k, n):
                a[i, j] -= f * a[k, j]


@racy(few(12, 3), few(14, 3), np.zeros((13, 15), np.int64))
def common_subsequence(x, y, t):
    for i in range(1, len(x) + 1):
        for j in range(1, len(y) + 1):
            t[i, j] = t[i - 1, j - 1] + 1 if x[i - 1] == y[j - 1] else max(t[i - 1, j], t[i, j - 1])


@racy(v(60), few(9, 5))
def knapsack(best, weights):
    for k in range(len(weights)):
        for c in range(len(best) - 1, 5, -1):
            best[c] = max(best[c], best[c - weights[k] - 1] + 1.0)


@racy(v(150))
def blocks_that_overlap(a):
    for b in range(9):
        for i in range(b * 16, b * 16 + 17):
            a[i] = 1.0 * b


@racy(m())
def triangle_that_reads_the_next_row(a):
    n = a.shape[0]
    for i in range(n - 1):
        for j in range(i + 1):
            a[i, j] = a[i + 1, j] + 1.0


@racy(v(), v(), 4)
def relaxation(a, b, t):
    for s in range(t):
        for i in range(1, len(a) - 1):
            b[i] = a[i - 1] + a[i + 1]
        for i in range(1, len(a) - 1):
            a[i] = b[i] * 0.5


# ---- control flow ---------------------------------------------------------------------------------------------------------------------


@parallel(v(), v())
def conditional_write(a, b):
    for i in range(len(a)):
        if b[i] > 0.0:
            a[i] = b[i]


@parallel(v(), v())
def either_way(a, b):
    for i in range(len(a)):
        if b[i] > 0.0:
            a[i] = b[i]
        else:
            a[i] = -a[i]


@parallel(v(), v())
def skips(a, b):
    for i in range(len(a)):
        if b[i] < 0.0:
            continue
        a[i] = b[i] * 2.0


@parallel(v())
def iterates_to_convergence(a):
    for i in range(len(a)):
        x = abs(a[i]) + 1.0
        y = x
        while abs(y * y - x) > 1e-9:
            y = 0.5 * (y + x / y)
        a[i] = y


@parallel(m(), np.zeros(12, np.int64))
def first_in_each_row(a, out):
    for i in range(a.shape[0]):
        out[i] = -1
        for j in range(a.shape[1]):
            if a[i, j] > 0.5:
                out[i] = j
                break


@parallel(v(), v())
def one_of_two_targets(a, b):
    for i in range(len(a)):
        t = a[i]
        if t > 0.0:
            a[i] = t * 0.5
            b[i] = t
        elif t < -0.2:
            b[i] = 0.0


@racy(v(), v())
def conditional_write_ahead(a, b):
    for i in range(len(a) - 1):
        if b[i] > 0.0:
            a[i + 1] = a[i]


@racy(v(), v())
def conditional_single_element(a, b):
    for i in range(len(a)):
        if b[i] > 0.0:
            a[0] = b[i]


@racy(v(), 0.4)
def search(a, x):
    k = -1
    for i in range(len(a)):
        if a[i] > x:
            k = i
            break
    return k


@racy(v(), v())
def stops_and_writes(a, b):
    for i in range(len(a)):
        if b[i] > 0.5:
            break
        a[i] = b[i]


@racy(v())
def swaps_with_the_next(a):
    for i in range(len(a) - 1):
        if a[i] > a[i + 1]:
            t = a[i]
            a[i] = a[i + 1]
            a[i + 1] = t


# ---- scalars: expansion, induction variables, last values ------------------------------------------------------------------------------


@parallel(v(), v())
def temporary(a, b):
    for i in range(len(a)):
        t = a[i] + b[i]
        a[i] = t * t


@parallel(v(), v())
def exchange(a, b):
    for i in range(len(a)):
        t = a[i]
        a[i] = b[i]
        b[i] = t


@parallel(v(), v())
def last_value(a, b):
    t = 0.0
    for i in range(len(a)):
        t = a[i] + b[i]
        a[i] = t
    return t


@parallel(v(), v())
def last_value_on_condition(a, b):
    t = -1.0
    for i in range(len(a)):
        if b[i] > 0.0:
            t = b[i]
            a[i] = t
    return t


@parallel(v(), v())
def temporary_on_both_paths(a, b):
    for i in range(len(a)):
        if b[i] > 0.0:
            t = b[i]
        else:
            t = 1.0
        a[i] = t


@parallel(v(90), v())
def induction_variable(a, b):
    k = 1
    for i in range(len(b)):
        a[k] = b[i]
        k += 2


@parallel(v(), v())
def induction_variable_downwards(a, b):
    k = len(a)
    for i in range(len(b)):
        k -= 1
        a[k] = b[i]


@parallel(np.zeros(N, np.int64))
def counter(a):
    k = 0
    for i in range(len(a)):
        k += 3
        a[i] = k


@parallel(m(), v(144))
def induction_through_a_nest(a, out):
    k = 0
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            out[k] = a[i, j]
            k += 1


@parallel(v(90), v())
def induction_on_both_paths(a, b):
    k = 0
    for i in range(len(b)):
        if b[i] > 0.0:
            k += 1
            a[k] = b[i]
        else:
            k = 1 + k
            a[k] = -1.0


@racy(v(90), v())
def induction_before_or_behind(a, b):
    k = 0
    for i in range(len(b)):
        if b[i] > 0.0:
            k += 1
            a[k] = b[i]
        else:
            a[k] = -1.0
            k += 1


@parallel(v(), v(), v())
def coupled_induction_variables(a, b, c):
    j = -1
    for i in range(len(a) // 2):
        k = j + 1
        a[i] = b[k] - c[i]
        j = k + 1
        b[k] = a[i] + c[k]


@parallel(v(), v())
def differences(a, b):
    before = b[0]
    for i in range(1, len(a)):
        t = b[i]
        a[i] = t - before
        before = t


@parallel(v(), v())
def neighbour_around_the_end(a, b):
    k = len(a) - 1
    for i in range(len(a)):
        a[i] = b[i] + b[k]
        k = i


@parallel(v(), v())
def rotating_scalars(a, b):
    p = q = 0.0
    for i in range(len(a)):
        a[i] = p + q
        q = p
        p = b[i]


@parallel(v(), v())
def length_of_a_path(a, b):
    x, y = a[0], b[0]
    s = 0.0
    for i in range(1, len(a)):
        s += np.sqrt((a[i] - x) ** 2 + (b[i] - y) ** 2)
        x, y = a[i], b[i]
    return s


@racy(v())
def value_before_of_what_is_written(a):
    before = a[0]
    for i in range(1, len(a)):
        t = a[i]
        a[i] = t - before
        before = a[i] + 1.0


@racy(v(), v())
def value_before_on_condition(a, b):
    before = 0.0
    for i in range(len(a)):
        a[i] = before
        if b[i] > 0.0:
            before = b[i]


@racy(v())
def recurrence(a):
    t = 0.0
    for i in range(len(a)):
        t = t * 0.5 + a[i]
        a[i] = t


@racy(v(), v())
def running_sum(a, b):
    s = 0.0
    for i in range(len(a)):
        s += b[i]
        a[i] = s


@racy(v(), v())
def running_maximum(a, b):
    s = b[0]
    for i in range(len(a)):
        s = max(s, b[i])
        a[i] = s


@racy(np.zeros(N, np.int64))
def random_numbers(a):
    x = 12345
    for i in range(len(a)):
        x = (x * 1103515245 + 12345) % 2147483648
        a[i] = x


@racy(v(), v())
def value_of_an_earlier_iteration_on_condition(a, b):
    t = 0.0
    for i in range(len(a)):
        if b[i] > 0.0:
            t = b[i]
        a[i] = t


@racy(v(), v())
def packing(a, b):
    k = 0
    for i in range(len(a)):
        if b[i] > 0.0:
            a[k] = b[i]
            k += 1
    return k


@racy(v(), v())
def unpacking(a, b):
    k = 0
    for i in range(len(a)):
        if a[i] > 0.0:
            a[i] = b[k]
            k += 1


@racy(v())
def polynomial(a):
    s = 0.0
    for i in range(len(a)):
        s = s * 0.5 + a[i]
    return s


@racy(v())
def alternating_difference(a):
    s = 0.0
    for i in range(len(a)):
        s = a[i] - s
    return s


@racy(v(), v())
def two_operators(a, b):
    s = 1.0
    for i in range(len(a)):
        s = s + a[i]
        s = s * b[i]
    return s


# ---- arrays of an iteration ---------------------------------------------------------------------------------------------------------------


@parallel(v(), np.zeros(N))
def array_of_an_iteration(a, out):
    for i in range(len(a)):
        row = np.zeros(4)
        for k in range(4):
            row[k] = a[i] * k
        out[i] = row[1] + row[3]


@parallel(m(), np.zeros(12))
def array_of_variable_length(a, out):
    for i in range(a.shape[0]):
        row = np.empty(i + 1)
        for k in range(i + 1):
            row[k] = a[i, k]
        s = 0.0
        for k in range(i + 1):
            s += row[k]
        out[i] = s


@racy(v(), np.zeros(4))
def array_shared_and_read_first(a, work):
    for i in range(len(a)):
        a[i] = work[0] + a[i]
        work[0] = a[i] * 0.5


@racy(m(), np.zeros(12))
def array_shared_between_rows(a, work):
    for i in range(a.shape[0]):
        for k in range(a.shape[1]):
            a[i, k] += work[k]
        for k in range(a.shape[1]):
            work[k] = a[i, k] * 0.5


# ---- reductions ---------------------------------------------------------------------------------------------------------------------------


@parallel(v())
def summed(a):
    s = 0.0
    for i in range(len(a)):
        s += a[i]
    return s


@parallel(v())
def multiplied(a):
    s = 1.0
    for i in range(len(a)):
        s = a[i] * s
    return s


@parallel(v())
def least_and_greatest(a):
    lo = hi = a[0]
    for i in range(len(a)):
        lo = min(lo, a[i])
        hi = max(hi, a[i])
    return lo, hi


@parallel(v())
def greatest_by_comparison(a):
    hi = a[0]
    for i in range(len(a)):
        if a[i] > hi:
            hi = a[i]
    return hi


@parallel(v())
def counted(a):
    n = 0
    for i in range(len(a)):
        if a[i] > 0.0:
            n += 1
    return n


@parallel(v(), v())
def several_sums(a, b):
    s = t = 0.0
    for i in range(len(a)):
        s += a[i] * b[i]
        t -= b[i]
    return s, t


@parallel(m())
def sum_of_a_nest(a):
    s = 0.0
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            s += a[i, j]
    return s


@parallel(few())
def bits(a):
    x = 0
    y = 0
    for i in range(len(a)):
        x ^= a[i]
        y |= a[i]
    return x, y


@parallel(v())
def any_and_all(a):
    some = False
    every = True
    for i in range(len(a)):
        some = some or a[i] > 0.6
        every = every and a[i] > -1.0
    return some, every


@parallel(v())
def position_of_the_least(a):
    k = 0
    least = a[0]
    for i in range(len(a)):
        if a[i] < least:
            least = a[i]
            k = i
    return k, least


@parallel(v(), np.zeros(3))
def into_one_element(a, s):
    for i in range(len(a)):
        s[1] += a[i]


@parallel(m(), np.zeros(12))
def into_a_row(a, s):
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            s[j] += a[i, j]


@parallel(few(), np.zeros(7, np.int64))
def histogram(idx, h):
    for i in range(len(idx)):
        h[idx[i]] += 1


@racy(v(), v())
def sum_that_is_read(a, b):
    s = 0.0
    for i in range(len(a)):
        s += b[i]
        if s > 1.0:
            a[i] = 0.0
    return s


@racy(few(), np.zeros(7, np.int64), np.zeros(N, np.int64))
def ranks(idx, h, out):
    for i in range(len(idx)):
        out[i] = h[idx[i]]
        h[idx[i]] += 1


@racy(v(), v())
def sum_with_decay(a, b):
    s = 0.0
    for i in range(len(a)):
        s = (s + a[i]) * b[i]
    return s


# ---- statement order, distribution, rerolling ------------------------------------------------------------------------------------------


@parallel(v())
def unrolled_by_four(a):
    for i in range(0, len(a) - 3, 4):
        a[i] = a[i] + 1.0
        a[i + 1] = a[i + 1] + 1.0
        a[i + 2] = a[i + 2] + 1.0
        a[i + 3] = a[i + 3] + 1.0


@parallel(v(), v(), v())
def two_statements(a, b, c):
    for i in range(len(a)):
        a[i] = b[i] + c[i]
        b[i] = a[i] * 2.0


@racy(v(), v())
def forwards_from_the_other(a, b):
    for i in range(1, len(a)):
        a[i] = b[i - 1] + 1.0
        b[i] = a[i] * 0.5


@racy(v(), v(), v())
def needs_its_statements_parted(a, b, c):
    for i in range(1, len(a)):
        c[i] = a[i] + 1.0
        a[i] = b[i] + a[i - 1]


@racy(v(), v())
def needs_a_copy(a, b):
    for i in range(len(a) - 1):
        a[i] = b[i] + a[i + 1]
        b[i] = a[i] * 2.0


@racy(v())
def unrolled_recurrence(a):
    for i in range(4, len(a) - 3, 4):
        a[i] = a[i - 1] + 1.0
        a[i + 1] = a[i] + 1.0
        a[i + 2] = a[i + 1] + 1.0
        a[i + 3] = a[i + 2] + 1.0


# ---- indirect addressing ---------------------------------------------------------------------------------------------------------------


@parallel(v(), v(), order())
def gathered(a, b, idx):
    for i in range(len(a)):
        a[i] = b[idx[i]]


@parallel(v(), v(), order(), order(N, 8))
def gathered_twice(a, b, p, q):
    for i in range(len(a)):
        a[i] = b[p[q[i]]] + b[q[i]]


@parallel(m(N, 5), v(), order())
def gathered_rows(a, b, idx):
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            a[i, j] += b[idx[i]] * j


@parallel(np.array([0, 3, 5, 9, 12, 20]), few(20, 6), v(20), v(6), np.zeros(5))
def sparse_product(start, column, value, x, y):
    for i in range(len(y)):
        s = 0.0
        for k in range(start[i], start[i + 1]):
            s += value[k] * x[column[k]]
        y[i] = s


@racy(v(), v(), few())
def scattered(a, b, idx):
    for i in range(len(a)):
        a[idx[i]] = b[i]


@racy(v(), order())
def gathered_in_place(a, idx):
    for i in range(len(a)):
        a[i] = a[idx[i]] + 1.0


@racy(order())
def pointers_followed(p):
    for i in range(len(p)):
        p[i] = p[p[i]]


@racy(v(), few(), few(40, 7, 9))
def scattered_and_gathered(a, p, q):
    for i in range(len(p)):
        a[p[i]] = a[q[i]] + 1.0


# ---- views -----------------------------------------------------------------------------------------------------------------------------


@parallel(v())
def halves_as_views(a):
    n = len(a) // 2
    lower, upper = a[:n], a[n:]
    for i in range(n):
        lower[i] = upper[i]


@parallel(v())
def strided_views(a):
    even, odd = a[::2], a[1::2]
    for i in range(len(odd)):
        even[i] = odd[i] + 1.0


@parallel(v())
def reversed_view_of_the_other_half(a):
    back = a[::-1]
    for i in range(len(a) // 2):
        a[i] = back[i] + 1.0


@parallel(m())
def row_as_a_view(a):
    for i in range(a.shape[0]):
        row = a[i]
        for j in range(1, len(row)):
            row[j] = row[j - 1] + 1.0


@parallel(m(), m())
def transposed_view(a, b):
    t = a.T
    for i in range(b.shape[0]):
        for j in range(b.shape[1]):
            t[i, j] = b[i, j]


@parallel(m())
def view_of_a_view(a):
    inner = a[1:-1][:, 1:-1]
    for i in range(inner.shape[0]):
        for j in range(inner.shape[1]):
            inner[i, j] = inner[i, j] * 2.0


@racy(v())
def shifted_views(a):
    later, earlier = a[1:], a[:-1]
    for i in range(len(later)):
        later[i] = earlier[i] + 1.0


@racy(v())
def reversed_view(a):
    back = a[::-1]
    for i in range(len(a)):
        back[i] = a[i] + 1.0


@racy(m())
def rows_as_views(a):
    for i in range(1, a.shape[0]):
        row, above = a[i], a[i - 1]
        for j in range(len(row)):
            row[j] = above[j] + 1.0


@racy(v())
def strided_view_against_the_whole(a):
    even = a[::2]
    for i in range(len(even)):
        even[i] = a[i] + 1.0


@racy(m())
def transposed_in_place(a):
    t = a.T
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            a[i, j] = t[i, j] + 1.0
