"""Labelled loops whose label hangs on what is computed: branches, scalars and arrays that iterations hand on or keep to
themselves, reductions, the order of statements, indices read from arrays, views. What the label says stands in
race_collection.py."""
import numpy as np

from race_labels import N, few, m, order, parallel, racy, v

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
