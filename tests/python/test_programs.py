"""Programs as scientists write them, in plain Python loops over arrays: the answers are Python's on any number of threads,
and each loop with a comment is decided as the comment says. (Loops without one could be decided better.)"""
import inspect
import math
import re

import numpy as np
import pytest

from plait import njit


def sobel(image):
    h, w = image.shape
    out = np.zeros_like(image)
    gx = np.array([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]])
    gy = gx.T
    for i in range(1, h - 1):  # parallel
        for j in range(1, w - 1):
            sx = 0.0
            sy = 0.0
            for di in range(-1, 2):
                for dj in range(-1, 2):
                    p = image[i + di, j + dj]
                    sx += gx[di + 1, dj + 1] * p
                    sy += gy[di + 1, dj + 1] * p
            out[i, j] = math.sqrt(sx * sx + sy * sy)
    return out


def median3(image):
    h, w = image.shape
    out = image.copy()
    window = np.empty(9)
    for i in range(1, h - 1):
        for j in range(1, w - 1):
            n = 0
            for di in range(-1, 2):
                for dj in range(-1, 2):
                    window[n] = image[i + di, j + dj]
                    n += 1
            for a in range(1, 9):
                v = window[a]
                b = a - 1
                while b >= 0 and window[b] > v:
                    window[b + 1] = window[b]
                    b -= 1
                window[b + 1] = v
            out[i, j] = window[4]
    return out


def nbody(pos, vel, mass, dt, steps):
    n = len(mass)
    acc = np.zeros_like(pos)
    for s in range(steps):  # serial
        acc[:] = 0.0
        for i in range(n):  # parallel
            for j in range(n):
                if i == j:
                    continue
                d = pos[j] - pos[i]
                r2 = np.sum(d * d) + 1e-6
                acc[i] += mass[j] * d / (r2 * math.sqrt(r2))
        vel += acc * dt
        pos += vel * dt
    energy = 0.0
    for i in range(n):  # parallel
        energy += 0.5 * mass[i] * np.dot(vel[i], vel[i])
    return energy


def lennard_jones(x, box):
    n = x.shape[0]
    f = np.zeros((n, 3))
    pot = 0.0
    for i in range(n - 1):  # parallel
        for j in range(i + 1, n):
            dx = x[i, 0] - x[j, 0]
            dy = x[i, 1] - x[j, 1]
            dz = x[i, 2] - x[j, 2]
            dx -= box * round(dx / box)
            dy -= box * round(dy / box)
            dz -= box * round(dz / box)
            r2 = dx * dx + dy * dy + dz * dz
            if r2 < 6.25:
                ir6 = 1.0 / (r2 * r2 * r2)
                pot += 4.0 * ir6 * (ir6 - 1.0)
                g = 24.0 * ir6 * (2.0 * ir6 - 1.0) / r2
                f[i, 0] += g * dx
                f[i, 1] += g * dy
                f[i, 2] += g * dz
                f[j, 0] -= g * dx
                f[j, 1] -= g * dy
                f[j, 2] -= g * dz
    return pot, f


def binomial_option(s, k, r, sigma, t, n):
    dt = t / n
    u = math.exp(sigma * math.sqrt(dt))
    d = 1.0 / u
    p = (math.exp(r * dt) - d) / (u - d)
    disc = math.exp(-r * dt)
    v = np.empty(n + 1)
    for i in range(n + 1):  # parallel
        v[i] = max(k - s * u ** (n - i) * d ** i, 0.0)
    for step in range(n - 1, -1, -1):  # serial
        for i in range(step + 1):  # parallel
            hold = disc * (p * v[i] + (1 - p) * v[i + 1])
            v[i] = max(hold, k - s * u ** (step - i) * d ** i)
    return v[0]


def ema_crossings(price, fast, slow):
    n = len(price)
    af = 2.0 / (fast + 1)
    as_ = 2.0 / (slow + 1)
    ef = np.empty(n)
    es = np.empty(n)
    ef[0] = es[0] = price[0]
    for i in range(1, n):  # serial
        ef[i] = af * price[i] + (1 - af) * ef[i - 1]
        es[i] = as_ * price[i] + (1 - as_) * es[i - 1]
    signal = np.zeros(n, np.int8)
    for i in range(1, n):  # parallel
        if ef[i] > es[i] and ef[i - 1] <= es[i - 1]:
            signal[i] = 1
        elif ef[i] < es[i] and ef[i - 1] >= es[i - 1]:
            signal[i] = -1
    return signal, np.sum(np.abs(signal))


def statistics(x):
    n = x.size
    mean = 0.0
    for v in x:  # parallel
        mean += v
    mean /= n
    m2 = m3 = m4 = 0.0
    lo = np.inf
    hi = -np.inf
    where = -1
    for i in range(n):  # parallel
        d = x[i] - mean
        m2 += d * d
        m3 += d ** 3
        m4 += d ** 4
        lo = min(lo, x[i])
        if x[i] > hi:
            hi = x[i]
            where = i
    var = m2 / n
    skew = (m3 / n) / var ** 1.5
    kurt = (m4 / n) / (var * var) - 3
    return mean, var, skew, kurt, lo, hi, where


def pagerank(indptr, indices, damping, iterations):
    n = len(indptr) - 1
    rank = np.full(n, 1.0 / n)
    outdeg = np.zeros(n, np.int64)
    for e in range(len(indices)):  # parallel
        outdeg[indices[e]] += 1
    for it in range(iterations):  # serial
        new = np.empty(n)
        for v in range(n):  # parallel
            s = 0.0
            for e in range(indptr[v], indptr[v + 1]):
                u = indices[e]
                s += rank[u] / outdeg[u]
            new[v] = (1 - damping) / n + damping * s
        err = np.abs(new - rank).sum()
        rank = new
        if err < 1e-12:
            break
    return rank


def bfs(indptr, indices, source):
    n = len(indptr) - 1
    dist = np.full(n, -1)
    queue = np.empty(n, np.int64)
    queue[0] = source
    dist[source] = 0
    head, tail = 0, 1
    while head < tail:
        v = queue[head]
        head += 1
        for e in range(indptr[v], indptr[v + 1]):  # serial
            u = indices[e]
            if dist[u] < 0:
                dist[u] = dist[v] + 1
                queue[tail] = u
                tail += 1
    return dist, dist.max()


def knapsack(weights, values, capacity):
    best = np.zeros(capacity + 1, np.int64)
    for k in range(len(weights)):  # serial
        for c in range(capacity, weights[k] - 1, -1):
            take = best[c - weights[k]] + values[k]
            if take > best[c]:
                best[c] = take
    return best[capacity]


def edit_distance(a, b):
    n, m = len(a), len(b)
    d = np.zeros((n + 1, m + 1), np.int64)
    for i in range(n + 1):  # parallel
        d[i, 0] = i
    for j in range(m + 1):  # parallel
        d[0, j] = j
    for i in range(1, n + 1):  # parallel
        for j in range(1, m + 1):
            cost = 0 if a[i - 1] == b[j - 1] else 1
            d[i, j] = min(d[i - 1, j] + 1, d[i, j - 1] + 1, d[i - 1, j - 1] + cost)
    return d[n, m]


def kmeans(x, k, iterations):
    n, dim = x.shape
    c = x[:k].copy()
    label = np.zeros(n, np.int64)
    inertia = 0.0
    for it in range(iterations):  # serial
        inertia = 0.0
        for i in range(n):  # parallel
            best = 0
            bd = np.inf
            for j in range(k):
                d = 0.0
                for q in range(dim):
                    d += (x[i, q] - c[j, q]) ** 2
                if d < bd:
                    bd = d
                    best = j
            label[i] = best
            inertia += bd
        sums = np.zeros((k, dim))
        counts = np.zeros(k, np.int64)
        for i in range(n):  # parallel
            counts[label[i]] += 1
            for q in range(dim):
                sums[label[i], q] += x[i, q]
        for j in range(k):  # parallel
            if counts[j] > 0:
                c[j] = sums[j] / counts[j]
    return c, label, inertia


def spmv(indptr, indices, data, x):
    n = len(indptr) - 1
    y = np.zeros(n)
    for i in range(n):  # parallel
        for p in range(indptr[i], indptr[i + 1]):
            y[i] += data[p] * x[indices[p]]
    return y


def fft(x):
    n = len(x)
    levels = 0
    while (1 << levels) < n:
        levels += 1
    y = np.empty(n, np.complex128)
    for i in range(n):
        r = 0
        for b in range(levels):
            r = (r << 1) | ((i >> b) & 1)
        y[r] = x[i]
    size = 2
    while size <= n:
        half = size // 2
        for start in range(0, n, size):
            for k in range(half):  # parallel
                w = complex(math.cos(-2 * math.pi * k / size), math.sin(-2 * math.pi * k / size))
                t = w * y[start + k + half]
                y[start + k + half] = y[start + k] - t
                y[start + k] = y[start + k] + t
        size *= 2
    return y


def bitonic_sort(a):
    n = len(a)
    k = 2
    while k <= n:
        j = k // 2
        while j > 0:
            for i in range(n):
                l = i ^ j
                if l > i:
                    if ((i & k) == 0 and a[i] > a[l]) or ((i & k) != 0 and a[i] < a[l]):
                        a[i], a[l] = a[l], a[i]
            j //= 2
        k *= 2
    return a


def odd_even_sort(a):
    n = len(a)
    for phase in range(n):  # serial
        for i in range(phase % 2, n - 1, 2):  # parallel
            if a[i] > a[i + 1]:
                t = a[i]
                a[i] = a[i + 1]
                a[i + 1] = t
    return a


def random_walks(walkers, steps, seed):
    out = np.zeros(walkers, np.int64)
    for w in range(walkers):  # parallel
        state = seed + 7919 * (w + 1)
        pos = 0
        for s in range(steps):
            state = (1103515245 * state + 12345) % 2147483648
            if state >= 1073741824:
                pos += 1
            else:
                pos -= 1
        out[w] = pos
    return out, np.mean(out * out)


def interpolate(xs, xp, fp):
    out = np.empty(len(xs))
    for i in range(len(xs)):  # parallel
        x = xs[i]
        if x <= xp[0]:
            out[i] = fp[0]
            continue
        if x >= xp[-1]:
            out[i] = fp[-1]
            continue
        lo, hi = 0, len(xp) - 1
        while hi - lo > 1:
            mid = (lo + hi) // 2
            if xp[mid] <= x:
                lo = mid
            else:
                hi = mid
        t = (x - xp[lo]) / (xp[hi] - xp[lo])
        out[i] = fp[lo] + t * (fp[hi] - fp[lo])
    return out


def convolve_same(signal, kernel):
    n, m = len(signal), len(kernel)
    half = m // 2
    out = np.zeros(n)
    for i in range(n):  # parallel
        for k in range(m):
            j = i + half - k
            if 0 <= j < n:
                out[i] += signal[j] * kernel[k]
    return out


def box_blur(a, r):
    s = np.zeros((a.shape[0] + 1, a.shape[1] + 1))
    h, w = a.shape
    for i in range(h):  # parallel
        for j in range(w):
            s[i + 1, j + 1] = a[i, j] + s[i, j + 1] + s[i + 1, j] - s[i, j]
    out = np.empty_like(a)
    for i in range(h):  # parallel
        for j in range(w):
            i0, i1 = max(i - r, 0), min(i + r + 1, h)
            j0, j1 = max(j - r, 0), min(j + r + 1, w)
            out[i, j] = (s[i1, j1] - s[i0, j1] - s[i1, j0] + s[i0, j0]) / ((i1 - i0) * (j1 - j0))
    return out


def life(grid, steps):
    h, w = grid.shape
    for t in range(steps):  # serial
        new = np.zeros_like(grid)
        for i in range(h):  # parallel
            for j in range(w):
                c = 0
                for a in (-1, 0, 1):
                    for b in (-1, 0, 1):
                        if a != 0 or b != 0:
                            c += grid[(i + a) % h, (j + b) % w]
                if c == 3 or (c == 2 and grid[i, j] == 1):
                    new[i, j] = 1
        grid = new
    return grid, grid.sum()


def queens_from(n, first):
    full = (1 << n) - 1
    cols = np.zeros(n + 1, np.int64)
    left = np.zeros(n + 1, np.int64)
    right = np.zeros(n + 1, np.int64)
    free = np.zeros(n + 1, np.int64)
    bit = 1 << first
    cols[1] = bit
    left[1] = (bit << 1) & full
    right[1] = bit >> 1
    free[1] = full & ~(cols[1] | left[1] | right[1])
    row = 1
    count = 0
    while row > 0:
        if row == n:
            count += 1
            row -= 1
            continue
        if free[row] == 0:
            row -= 1
            continue
        b = free[row] & -free[row]
        free[row] ^= b
        cols[row + 1] = cols[row] | b
        left[row + 1] = ((left[row] | b) << 1) & full
        right[row + 1] = (right[row] | b) >> 1
        row += 1
        free[row] = full & ~(cols[row] | left[row] | right[row])
    return count


queens_from_kernel = njit(queens_from)


def queens(n):
    total = 0
    for first in range(n):  # parallel
        total += queens_from_kernel(n, first)
    return total


def lu_pivot(a):
    n = a.shape[0]
    perm = np.arange(n)
    sign = 1.0
    for k in range(n):  # serial
        p = k
        big = abs(a[k, k])
        for i in range(k + 1, n):  # parallel
            if abs(a[i, k]) > big:
                big = abs(a[i, k])
                p = i
        if big == 0.0:
            raise ValueError("singular")
        if p != k:
            for j in range(n):  # parallel
                a[k, j], a[p, j] = a[p, j], a[k, j]
            perm[k], perm[p] = perm[p], perm[k]
            sign = -sign
        for i in range(k + 1, n):  # parallel
            a[i, k] /= a[k, k]
            for j in range(k + 1, n):
                a[i, j] -= a[i, k] * a[k, j]
    det = sign
    for k in range(n):  # parallel
        det *= a[k, k]
    return det, perm


def cholesky(a):
    n = a.shape[0]
    l = np.zeros((n, n))
    for j in range(n):  # serial
        s = a[j, j] - np.sum(l[j, :j] ** 2)
        if s <= 0:
            raise ValueError("not positive definite")
        l[j, j] = np.sqrt(s)
        for i in range(j + 1, n):  # parallel
            l[i, j] = (a[i, j] - np.dot(l[i, :j], l[j, :j])) / l[j, j]
    return l


def floyd_warshall(d):
    n = len(d)
    for k in range(n):  # serial
        for i in range(n):  # parallel
            for j in range(n):
                if d[i, k] + d[k, j] < d[i, j]:
                    d[i, j] = d[i, k] + d[k, j]
    return d


def equalise(image):
    hist = np.zeros(256, np.int64)
    h, w = image.shape
    for i in range(h):  # parallel
        for j in range(w):
            hist[image[i, j]] += 1
    cdf = np.empty(256, np.int64)
    c = 0
    lowest = 0
    for g in range(256):  # serial
        c += hist[g]
        cdf[g] = c
        if lowest == 0 and c > 0:
            lowest = c
    table = np.empty(256, np.uint8)
    for g in range(256):  # parallel
        table[g] = max(0, (cdf[g] - lowest) * 255 // max(h * w - lowest, 1))
    out = np.empty_like(image)
    for i in range(h):  # parallel
        for j in range(w):
            out[i, j] = table[image[i, j]]
    return out, hist


def kernel_density(samples, grid, bandwidth):
    out = np.zeros(len(grid))
    for i in range(len(grid)):  # parallel
        for s in samples:
            z = (grid[i] - s) / bandwidth
            out[i] += math.exp(-0.5 * z * z)
    return out / (len(samples) * bandwidth * math.sqrt(2 * math.pi))


def ray_march(width, height, steps):
    image = np.zeros((height, width))
    for py in range(height):
        for px in range(width):
            dx = (px + 0.5) / width - 0.5
            dy = (py + 0.5) / height - 0.5
            norm = math.sqrt(dx * dx + dy * dy + 1.0)
            dx, dy, dz = dx / norm, dy / norm, 1.0 / norm
            t = 0.0
            hit = False
            for s in range(steps):
                x, y, z = t * dx, t * dy, t * dz - 3.0
                dist = math.sqrt(x * x + y * y + z * z) - 1.0
                if dist < 1e-4:
                    hit = True
                    break
                t += dist
                if t > 20.0:
                    break
            if hit:
                image[py, px] = max(0.0, -(z / math.sqrt(x * x + y * y + z * z)))
    return image


def softmax_rows(x):
    out = np.empty_like(x)
    for i in range(x.shape[0]):  # parallel
        row = x[i]
        m = row.max()
        e = np.exp(row - m)
        out[i] = e / e.sum()
    return out


def correlation(x):
    n, m = x.shape
    mu = x.mean(axis=0)
    sd = x.std(axis=0)
    z = (x - mu) / sd
    c = np.eye(m)
    for i in range(m):  # parallel
        for j in range(i + 1, m):
            c[i, j] = (z[:, i] * z[:, j]).sum() / n
            c[j, i] = c[i, j]
    return c


def ising(spins, beta, sweeps, uniform):
    h, w = spins.shape
    energy = 0.0
    for s in range(sweeps):
        for colour in range(2):
            for i in range(h):
                for j in range((i + colour) % 2, w, 2):
                    around = spins[(i + 1) % h, j] + spins[(i - 1) % h, j] + spins[i, (j + 1) % w] + spins[i, (j - 1) % w]
                    de = 2.0 * spins[i, j] * around
                    if de <= 0 or uniform[s, i, j] < math.exp(-beta * de):
                        spins[i, j] = -spins[i, j]
    for i in range(h):  # parallel
        for j in range(w):
            energy -= spins[i, j] * (spins[(i + 1) % h, j] + spins[i, (j + 1) % w])
    return energy


def thomas(a, b, c, d):
    n, batch = d.shape
    cp = np.empty((n, batch))
    x = np.empty((n, batch))
    for s in range(batch):  # parallel
        cp[0, s] = c[0] / b[0]
        x[0, s] = d[0, s] / b[0]
        for i in range(1, n):
            m = b[i] - a[i] * cp[i - 1, s]
            cp[i, s] = c[i] / m
            x[i, s] = (d[i, s] - a[i] * x[i - 1, s]) / m
        for i in range(n - 2, -1, -1):
            x[i, s] -= cp[i, s] * x[i + 1, s]
    return x


def wave(u, u1, c, steps):
    n = len(u)
    for s in range(steps):  # serial
        new = np.zeros(n)
        new[1:-1] = 2 * u[1:-1] - u1[1:-1] + c * c * (u[2:] - 2 * u[1:-1] + u[:-2])
        u1 = u
        u = new
    return u, np.linalg.norm(u)


def dtw(a, b):
    n, m = len(a), len(b)
    d = np.full((n + 1, m + 1), np.inf)
    d[0, 0] = 0.0
    for i in range(1, n + 1):  # parallel
        for j in range(1, m + 1):
            d[i, j] = abs(a[i - 1] - b[j - 1]) + min(d[i - 1, j], min(d[i, j - 1], d[i - 1, j - 1]))
    return d[n, m]


def sparse(n, per):
    starts = np.concatenate(([0], np.cumsum(np.arange(n) * 7 % per)))
    return starts, random.integers(0, n, starts[-1])


random = np.random.default_rng(7)
STARTS, COLUMNS = sparse(300, 9)
MATRIX = random.random((40, 40))
MATRIX = MATRIX @ MATRIX.T + 40 * np.eye(40)
PROGRAMS = [
    (sobel, random.random((40, 50))),
    (median3, random.random((30, 31))),
    (nbody, random.random((20, 3)), random.random((20, 3)), random.random(20), 0.01, 3),
    (lennard_jones, random.random((40, 3)) * 5, 5.0),
    (binomial_option, 100.0, 95.0, 0.03, 0.2, 1.0, 60),
    (ema_crossings, random.random(500), 12, 26),
    (statistics, random.standard_normal(3000)),
    (pagerank, STARTS, COLUMNS, 0.85, 30),
    (bfs, STARTS, COLUMNS, 5),
    (knapsack, random.integers(1, 30, 25), random.integers(1, 99, 25), 200),
    (edit_distance, random.integers(0, 4, 60), random.integers(0, 4, 70)),
    (kmeans, random.random((300, 4)), 5, 6),
    (spmv, STARTS, COLUMNS, random.random(len(COLUMNS)), random.random(300)),
    (fft, random.random(256) + 1j * random.random(256)),
    (bitonic_sort, random.random(256)),
    (odd_even_sort, random.random(80)),
    (random_walks, 100, 200, 42),
    (interpolate, random.random(300) * 12 - 1, np.sort(random.random(40) * 10), random.random(40)),
    (convolve_same, random.random(300), random.random(9)),
    (box_blur, random.random((30, 40)), 3),
    (life, random.integers(0, 2, (30, 40)), 4),
    (queens, 7),
    (lu_pivot, random.random((30, 30))),
    (cholesky, MATRIX),
    (floyd_warshall, random.random((30, 30))),
    (equalise, random.integers(0, 256, (40, 40)).astype(np.uint8)),
    (kernel_density, random.random(100), random.random(80), 0.1),
    (ray_march, 30, 20, 60),
    (softmax_rows, random.random((30, 17))),
    (correlation, random.random((60, 9))),
    (ising, random.integers(0, 2, (12, 14)) * 2 - 1, 0.4, 5, random.random((5, 12, 14))),
    (thomas, random.random(40), random.random(40) + 3, random.random(40), random.random((40, 20))),
    (wave, random.random(100), random.random(100), 0.3, 20),
    (dtw, random.random(60), random.random(50)),
]


def named(program):
    return program[0].__name__


@pytest.mark.parametrize("program", PROGRAMS, ids=named)
def test_answers_are_pythons(agree, program):
    agree(*program, rtol=1e-9)


@pytest.mark.parametrize("program", PROGRAMS, ids=named)
def test_loops_are_decided_as_their_comments_say(program):
    function, *args = program
    kernel = njit(parallel=True)(function)
    kernel(*[np.copy(a) if isinstance(a, np.ndarray) else a for a in args])
    text, first = inspect.getsourcelines(function)
    report = {(e["line"], e["kind"]): e for e in kernel.parallel_report()}
    for number, line in enumerate(text, first):
        expected = re.search(r"# (parallel|serial)$", line)
        if expected:
            entry = report[number, "range"]
            assert entry["decision"] == expected[1], f"{line.strip()}: {entry['text']}"
            assert "temporary" not in entry["text"] and "an array" not in entry["text"]
