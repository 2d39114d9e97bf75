"""More of the collection: pieces of programs (grids, layers, meshes, sorts, signals) with their labels."""
import numpy as np

from race_labels import m, parallel, racy, v


@parallel(m(40, 40), m(40, 40, 1), np.zeros((40, 40)))
def hotspot(t, p, out):
    n, q = t.shape
    for r in range(n):
        for c in range(q):
            up = t[r - 1, c] if r > 0 else t[r, c]
            dn = t[r + 1, c] if r < n - 1 else t[r, c]
            lf = t[r, c - 1] if c > 0 else t[r, c]
            rt = t[r, c + 1] if c < q - 1 else t[r, c]
            out[r, c] = t[r, c] + 0.1 * (p[r, c] + up + dn + lf + rt - 4 * t[r, c])


@parallel(m(40, 40), np.arange(-1, 39), np.append(np.arange(1, 40), 39), np.zeros((40, 40)))
def srad_index_arrays(j, north, south, d):
    for i in range(40):
        for c in range(40):
            d[i, c] = j[north[i], c] + j[south[i], c] - 2 * j[i, c]


@parallel(v(20), m(20, 10), v(10), m(20, 10, 3))
def backprop_adjust(x, w, delta, old):
    for j in range(len(delta)):
        for i in range(len(x)):
            new = 0.3 * delta[j] * x[i] + 0.3 * old[i, j]
            w[i, j] += new
            old[i, j] = new


@parallel(m(50, 4), np.random.default_rng(1).integers(-1, 50, (50, 3)), np.zeros((50, 4)))
def cfd_flux(u, nb, f):
    for i in range(u.shape[0]):
        for j in range(3):
            q = nb[i, j]
            if q >= 0:
                for c in range(4):
                    f[i, c] += 0.5 * (u[i, c] + u[q, c])
            else:
                f[i, 0] += u[i, 0]


@parallel(v(64), 8, 16)
def bitonic_by_pairs(a, j, q):
    n = len(a)
    for t in range(n // 2):
        i = (t // j) * 2 * j + t % j
        l = i + j
        up = (i // q) % 2 == 0
        if (a[i] > a[l]) == up:
            x = a[i]
            a[i] = a[l]
            a[l] = x


@racy(v(200))
def insertion(a):
    for i in range(1, len(a)):
        t = a[i]
        j = i - 1
        while j >= 0 and a[j] > t:
            a[j + 1] = a[j]
            j -= 1
        a[j + 1] = t


@parallel(np.random.default_rng(0).random((4, 12, 12)), np.zeros((4, 6, 6)))
def max_pool(x, y):
    for c in range(x.shape[0]):
        for i in range(y.shape[1]):
            for j in range(y.shape[2]):
                b = x[c, 2 * i, 2 * j]
                for q in range(2):
                    for p in range(2):
                        b = max(b, x[c, 2 * i + q, 2 * j + p])
                y[c, i, j] = b


@parallel(m(30, 8), np.zeros((30, 8)))
def layer_norm(x, y):
    for i in range(x.shape[0]):
        mu = 0.0
        for j in range(x.shape[1]):
            mu += x[i, j]
        mu /= x.shape[1]
        va = 0.0
        for j in range(x.shape[1]):
            va += (x[i, j] - mu) ** 2
        va /= x.shape[1]
        for j in range(x.shape[1]):
            y[i, j] = (x[i, j] - mu) / np.sqrt(va + 1e-5)


@parallel(v(40), m(40, 40))
def outer_update(x, a):
    for i in range(len(x)):
        a[i, :] += x[i] * x


@parallel(m(40, 40))
def anti_diag(a):
    n = a.shape[0]
    for i in range(n):
        a[i, n - 1 - i] = a[i, i]


@parallel(m(41, 41))
def row_and_column(a):
    n = a.shape[0]
    for i in range(n):
        a[i, 0] = a[0, i] + 1
        a[0, i] = a[i, 0]


@parallel(v(100), v(100))
def skip_zeros(a, b):
    for i in range(len(a)):
        if b[i] == 0:
            continue
        a[i] = a[i] / b[i]


@parallel(v(100), v(50))
def upsample(a, b):
    for i in range(len(b)):
        a[2 * i] = b[i]
        a[2 * i + 1] = b[i] * 0.5


@parallel(v(101))
def even_from_next_odd(a):
    for i in range(1, len(a) // 2):
        a[2 * i] = a[2 * i - 1] + a[2 * i + 1]


@racy(v(101))
def even_to_half(a):
    for i in range(len(a) // 2):
        a[i] = a[2 * i]


@parallel(v(100), 10)
def rows_of_flat(a, w):
    n = len(a) // w
    for i in range(n):
        s = 0.0
        for j in range(w):
            s += a[i * w + j]
        for j in range(w):
            a[i * w + j] /= s + 10


@parallel(v(100), 10)
def columns_of_flat(a, w):
    n = len(a) // w
    for j in range(w):
        for i in range(1, n):
            a[i * w + j] += a[(i - 1) * w + j]


@racy(v(100), 10)
def rows_of_flat_touching(a, w):
    n = len(a) // w
    for i in range(n - 1):
        for j in range(w + 1):
            a[i * w + j] = a[i * w + j] * 0.5 + j


@parallel(np.zeros(60), 3, 4, 5)
def flat_by_counter(a, n, p, q):
    c = 0
    for i in range(n):
        for j in range(p):
            for l in range(q):
                a[c] = i + j * l
                c += 1


@racy(v(64), np.zeros(64), np.zeros(65))
def segmented(a, out, ends):
    s = 0.0
    for i in range(len(a)):
        if a[i] < 0:
            s = 0.0
        s += a[i]
        out[i] = s


@racy(np.random.default_rng(4).integers(0, 50, 50))
def path_compression(parent):
    for i in range(len(parent)):
        parent[i] = parent[parent[i]]


@parallel(np.random.default_rng(4).integers(0, 2, 300).astype(np.bool_), np.zeros(300, np.bool_))
def ca_rule(a, b):
    n = len(a)
    for i in range(n):
        l = a[(i - 1) % n]
        r = a[(i + 1) % n]
        b[i] = l != (a[i] or r)


@parallel(v(60), np.zeros((60, 60)))
def recurrence_plot(x, d):
    n = len(x)
    for i in range(n):
        for j in range(i + 1):
            e = abs(x[i] - x[j])
            d[i, j] = e
            d[j, i] = e


@parallel(v(60), np.zeros(60))
def autocorrelation(x, r):
    n = len(x)
    for lag in range(n):
        s = 0.0
        for i in range(n - lag):
            s += x[i] * x[i + lag]
        r[lag] = s


@racy(v(60), np.zeros(60))
def iir(x, y):
    for i in range(2, len(x)):
        y[i] = x[i] + 0.5 * y[i - 1] - 0.2 * y[i - 2]


@parallel(m(30, 5), v(5))
def standardise(x, w):
    for j in range(x.shape[1]):
        mu = 0.0
        for i in range(x.shape[0]):
            mu += x[i, j]
        mu /= x.shape[0]
        for i in range(x.shape[0]):
            x[i, j] = (x[i, j] - mu) * w[j]


@parallel(v(64), v(64, 1))
def sum_and_max(a, b):
    s = 0.0
    mx = -1e9
    c = 0
    for i in range(len(a)):
        s += a[i] * b[i]
        mx = max(mx, a[i])
        if b[i] > 0:
            c += 1
    return s, mx, c


@racy(v(64))
def mixed_operators(a):
    s = 1.0
    for i in range(len(a)):
        s += a[i]
        s *= 1.01
    return s


@racy(v(64))
def reversed_operand(a):
    s = 1.0
    for i in range(len(a)):
        s = a[i] - s
    return s


@racy(v(64), v(64, 1))
def sum_seen(a, b):
    s = 0.0
    for i in range(len(a)):
        s += a[i]
        if s > 3:
            b[i] = s
    return s
