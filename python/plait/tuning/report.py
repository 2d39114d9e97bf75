"""What tuning found, as a table and as a picture."""
import math
import time

import numpy as np

from .. import njit, prange
from ..choices import threads
from ..errors import PlaitError


def _duration(seconds):
    for unit, factor in (("s", 1), ("ms", 1e3), ("µs", 1e6)):
        if seconds * factor >= 1:
            break
    return f"{seconds * factor:.3g} {unit}"


def table(found):
    """Candidates by their times; how much slower than the winner, with the confidence interval."""
    rows = [("", "time", "rounds", "against the winner")]
    for candidate, seconds, rounds, low, high in found.rows:
        slower = "winner" if candidate == found.winner else f"{math.exp(low):.2f} … {math.exp(high):.2f} ×" if rounds > 1 else "–"
        if math.isinf(high) or (candidate != found.winner and low == high == 0.0):
            slower = f"{seconds / found.seconds(found.winner):.2f} ×"
        rows.append((str(candidate), _duration(seconds), str(rounds), slower))
    widths = [max(len(row[i]) for row in rows) for i in range(4)]
    lines = [f"{found.kernel}: {found.nbytes:,} bytes of arrays"]
    for row in rows:
        lines.append("  " + row[0].ljust(widths[0]) + "".join("  " + row[i].rjust(widths[i]) for i in (1, 2, 3)))
    return "\n".join(lines)


# ---- the machine's roofs ---------------------------------------------------------------------------------------------


@njit(parallel=True)
def _triad(a, b, c):
    for i in prange(len(a)):
        a[i] = b[i] + 3.0 * c[i]


@njit(parallel=True, fastmath=True)
def _horner(x, times):
    for i in prange(x.shape[0]):
        for k in range(times):
            for j in range(x.shape[1]):
                v = x[i, j]
                y = v * 0.5 + 0.25
                y = y * v + 0.125
                y = y * v + 0.0625
                y = y * v + 0.03125
                y = y * v + 0.5
                y = y * v + 0.25
                y = y * v + 0.125
                y = y * v + 0.0625
                x[i, j] = y


def _best_of(call, rounds=5):
    call()
    taken = []
    for _ in range(rounds):
        start = time.perf_counter()
        call()
        taken.append(time.perf_counter() - start)
    return min(taken)


def roofs(counts):
    """{threads: (bytes per second, operations per second)} that this machine reaches."""
    n, found = 1 << 22, {}
    a, b, c = np.zeros(n), np.ones(n), np.ones(n)
    x, times = np.full((256, 512), 0.5), 20
    for count in counts:
        with threads(count):
            found[count] = (24 * n / _best_of(lambda: _triad(a, b, c)), 16 * times * x.size / _best_of(lambda: _horner(x, times)))
    return found


# ---- the picture -----------------------------------------------------------------------------------------------------


def _draw_speedup(axes, found, machine):
    best = found.by_threads()
    counts = list(best)
    base = best[counts[0]][1] * counts[0] if counts[0] == 1 else best[counts[0]][1]
    axes.plot(counts, [base / best[n][1] for n in counts], "o-", label=found.kernel)
    axes.plot(counts, counts, ":", color="grey", label="as many times as threads")
    roof = [base / max(found.nbytes / machine[n][0], found.operations / machine[n][1]) for n in counts]
    if found.nbytes:
        axes.plot(counts, roof, "--", color="firebrick", label="roof: arrays read or written once")
    top = max(counts[-1], max(base / best[n][1] for n in counts))
    axes.set_ylim(0, 1.2 * max(top, min(3 * top, max(roof))))
    axes.set_xticks(counts)
    axes.set_xlabel("threads")
    axes.set_ylabel("speed-up over one thread")
    axes.legend(fontsize=8)


def _draw_roofline(axes, found, machine):
    best = found.by_threads()
    intensity = found.operations / max(1, found.nbytes)
    span = np.geomspace(min(intensity, 0.01) / 4 or 0.01, max(intensity, 10) * 4, 100)
    for n in (min(best), max(best)) if len(best) > 1 else best:
        bandwidth, peak = machine[n]
        (line,) = axes.loglog(span, np.minimum(span * bandwidth, peak) / 1e9, label=f"{n} thread{'s' * (n > 1)}")
        axes.loglog([intensity], [found.operations / best[n][1] / 1e9], "o", color=line.get_color())
    axes.set_xlabel("estimated operations per byte of array arguments")
    axes.set_ylabel("10⁹ operations per second")
    axes.legend(fontsize=8)


def plot(tunings, path):
    """A row for each tuning: speed-up over threads, and where it lies under the machine's roofs."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise PlaitError("plots need matplotlib: pip install 'plait[tune]'") from None
    machine = roofs(sorted({n for t in tunings for n in t.by_threads()}))
    figure = Figure(figsize=(10, 3.6 * len(tunings)), layout="constrained")
    FigureCanvasAgg(figure)
    for row, found in enumerate(tunings):
        left, right = figure.add_subplot(len(tunings), 2, 2 * row + 1), figure.add_subplot(len(tunings), 2, 2 * row + 2)
        _draw_speedup(left, found, machine)
        _draw_roofline(right, found, machine)
        left.set_title(f"{found.kernel}, {found.nbytes / 1e6:.3g} MB", fontsize=9)
    figure.savefig(path)
