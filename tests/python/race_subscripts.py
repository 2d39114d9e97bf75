"""Labelled loops whose label hangs on the subscripts alone: where two iterations of a loop or a nest meet in an
array. What the label says stands in race_collection.py."""
import numpy as np

from race_labels import N, few, m, parallel, racy, v

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


@parallel(v(), 1)
def symbolic_factor(a, k):  # where k is at least 1, which is asked for
    for i in range(len(a)):
        a[i * k] = 1.0 * i


@racy(v(), 0)
def symbolic_factor_in_halves(a, k):
    for i in range(len(a)):
        a[i // 2 * k] = 1.0 * i


@parallel(v(64), 4)
def butterflies_by_number(a, h):
    for q in range(len(a) // 2):
        i = (q // h) * 2 * h + q % h
        x = a[i]
        y = a[i + h]
        a[i] = x + y
        a[i + h] = x - y


@parallel(v(64), 4)
def butterflies_of_a_group(a, h):
    for q in range(len(a) // 2):
        g = q // h
        i = 2 * h * g + (q - g * h)
        a[i], a[i + h] = a[i] + a[i + h], a[i] - a[i + h]


@racy(v(64), 4)
def butterflies_too_close(a, h):
    for q in range(len(a) // 2 - h):
        i = (q // h) * h + q % h
        x = a[i]
        y = a[i + h]
        a[i] = x + y
        a[i + h] = x - y


@racy(v(64), 4)
def butterflies_too_wide(a, h):
    for q in range(len(a) // 2 - h):
        i = (q // h) * 2 * h + q % h
        x = a[i]
        y = a[i + h + 1]
        a[i] = x + y
        a[i + h + 1] = x - y


@parallel(v(), v())
def index_moved_on_again_and_again(a, b):
    for i in range(len(a) // 4):
        for j in range(1):
            p = 4 * i
            a[p] = b[p]
            p = 4 * i + 1
            a[p] = b[p] * 2
            p = p + 2
            a[p] = b[p] * 3


@racy(v(), v())
def index_moved_on_too_far(a, b):
    for i in range(len(a) // 4 - 1):
        for j in range(1):
            p = 4 * i
            a[p] = b[p]
            p = p + 2
            a[p] = b[p] * 2
            p = p + 2
            a[p] = a[p] * 3


@parallel(v(), v())
def bounds_used_twice(a, b):
    for i in range(len(a) // 8):
        lo = i * 8
        hi = lo + 4
        for j in range(lo, hi):
            a[j] = b[j] + 1.0
        lo = hi
        hi = lo + 4
        for j in range(lo, hi):
            a[j] = b[j] + a[j - 4]


@racy(v(), v())
def bounds_used_twice_reach_further(a, b):
    for i in range(len(a) // 8 - 1):
        lo = i * 8
        hi = lo + 4
        for j in range(lo, hi):
            a[j] = b[j] + 1.0
        lo = hi + 1
        hi = lo + 4
        for j in range(lo, hi):
            a[j] = b[j] + a[j - 4]


@racy(v(), v())
def index_changed_in_a_branch(a, b):
    for i in range(len(a) - 1):
        p = i
        if b[i] > 0:
            p = i + 1
        a[p] = a[p] * 2 + b[i]


@racy(v(70), v(70))
def index_running_past_its_block(a, b):
    for i in range(7):
        p = 8 * i
        for j in range(9):
            if b[p] > 0:
                p = p + 1
            a[p + j] = a[p + j] * 2 + b[p]


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
