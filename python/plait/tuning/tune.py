"""plait.tune: one kernel, one list of arguments."""
import gc
import math
import time

import numpy as np

from .. import _plait, config
from ..choices import check_choice
from ..decorators import njit
from ..dispatcher import name_in_files
from ..errors import PlaitError
from . import candidates as _candidates
from .candidates import Candidate, Fixed
from .race import ALPHA, Race, interval_of_median, median
from .write import File, default_file, entry_of, size_class, size_text

_SHORT = 2e-3  # seconds that one measurement takes at least, in as many calls as that needs
_MOST_CALLS = 50


class Tuning:
    """What tune found: kernel, nbytes, winner and before (candidates), changed, file, rows."""

    def __init__(self, kernel, nbytes, operations):
        self.kernel, self.nbytes, self.operations = kernel, nbytes, operations
        self.winner = self.before = self.file = None
        self.was_in_file = self.changed = False
        self.rows = []  # (candidate, seconds, rounds, how many times slower than the winner: low and high)
        self.gain = 1.0  # the winner over what was there before

    def entry(self):
        return entry_of(self.winner)

    def seconds(self, candidate):
        return next(row[1] for row in self.rows if row[0] == candidate)

    def by_threads(self):
        """{threads: the row of the fastest candidate with so many}"""
        best = {}
        for row in self.rows:
            if row[0].threads not in best or row[1] < best[row[0].threads][1]:
                best[row[0].threads] = row
        return dict(sorted(best.items()))

    def table(self):
        from .report import table

        return table(self)

    def plot(self, path):
        """Speed-up over threads and the roofline, as PNG, SVG or PDF by the path's ending."""
        from .report import plot

        plot([self], path)

    def __str__(self):
        return self.table()

    __repr__ = __str__


# ---- the kernel and its arguments ---------------------------------------------------------------------------------------


def _arrays(values, found=None):
    found = [] if found is None else found
    for value in values:
        if isinstance(value, np.ndarray):
            found.append(value)
        elif isinstance(value, tuple):
            _arrays(value, found)
    return found


class Bench:
    """Calls of a kernel with arguments that it finds as they were at every call, and that are so again in the end."""

    def __init__(self, kernel, args):
        self.kernel, self.args = kernel, args
        self.nbytes = sum(a.nbytes for a in _arrays(args))
        self.tile = kernel.targetoptions.get("tile")  # that it runs with: the decorator's, else the configuration's
        if self.tile is None:
            self.tile = config.tile(name_in_files(kernel), self.nbytes)
        self._variants = {}
        self._kept = [(a, a.copy(order="K")) for a in _arrays(args) if a.flags.writeable]

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.restore()

    def restore(self):
        for array, before in self._kept:
            array[...] = before

    def probe(self):
        """One call: compiles, and tells the regions that ran. What it left as it was need not be restored later."""
        counting = _plait._stats_enable(True)
        before = {(r["region"], r["file"]): r for r in _plait._stats()}
        try:
            self.kernel(*self.args)
            after = _plait._stats()
        finally:
            _plait._stats_enable(counting)
        changed = [(a, b) for a, b in self._kept if not np.array_equal(a.view(), b, equal_nan=a.dtype.kind in "fc")]
        self.restore()
        self._kept = changed
        regions = []
        for r in after:
            old = before.get((r["region"], r["file"]), {"calls": 0, "iterations": 0, "operations": 0})
            calls = r["calls"] - old["calls"]
            if calls:
                regions.append((calls, (r["iterations"] - old["iterations"]) // calls, r["operations"] - old["operations"]))
        return regions

    def variant(self, tile):
        """The kernel compiled with that tile."""
        if tile == self.tile:
            return self.kernel
        if tile not in self._variants:
            options = {**self.kernel.targetoptions, "tile": tile}
            self._variants[tile] = njit(**options)(self.kernel.py_func)
            self._variants[tile](*self.args)
            self.restore()
        return self._variants[tile]

    def measure(self, candidate):
        """Median seconds of a call."""
        kernel, args = self.variant(candidate.tile), self.args
        before = _plait._push_choice(*check_choice(candidate.threads, candidate.schedule, candidate.chunk, candidate.placement))
        taken, clock, collects = [], time.perf_counter, gc.isenabled()
        gc.disable()
        try:
            while not taken or (sum(taken) < _SHORT and len(taken) < _MOST_CALLS):
                self.restore()
                start = clock()
                kernel(*args)
                taken.append(clock() - start)
                if len(taken) == 1 and taken[0] < 20e-3:  # threads were woken and moved for it
                    self.restore()
                    start = clock()
                    kernel(*args)
                    taken[0] = clock() - start
        finally:
            _plait._pop_choice(before)
            if collects:
                gc.enable()
        return sorted(taken)[len(taken) // 2]


# ---- tuning --------------------------------------------------------------------------------------------------------------


def _placements(threads):
    """{policy: units of its threads} of this machine."""
    try:
        from ..machine import topology

        found = {name: p["units"] if isinstance(p, dict) else p for name, p in topology(threads=threads)["placements"].items()}
    except (ImportError, KeyError, OSError, ValueError):
        found = {}
    return {name: found.get(name, []) for name in ("spread", "compact", "none")}


def _is_tiled(kernel):
    return any(loop.get("tile") for o in kernel.overloads.values() for loop in o.report())


def _as_tried(candidate, fixed):
    """On one thread schedules and places do not matter: as of_work() writes it."""
    if candidate.threads > 1:
        return candidate
    return Candidate(candidate.threads, fixed.schedule or "static", fixed.chunk, fixed.placement or "spread", candidate.tile)


def _candidate_of(entry, fallback):
    return Candidate(int(entry.get("threads", fallback.threads)), entry.get("schedule", fallback.schedule),
                     int(entry.get("chunk", fallback.chunk)), entry.get("placement", fallback.placement), fallback.tile)


def _as_it_is(kernel, args, tile):
    """How calls run before anything is tuned: by the decorator, the sections of the files, the environment."""
    said = {name: value for name, (value, _) in config.effective(kernel, *args).items()}
    return Candidate(min(int(said["threads"]), _plait._max_threads()), said["schedule"], int(said["chunk"]), said["placement"], tile)


class _Progress:
    """A bar over the time budget. tqdm: no dependencies, and every terminal and notebook knows it."""

    def __init__(self, title, budget, shown):
        self._bar, self._end, self._at = None, budget, time.perf_counter()
        if shown or shown is None:
            try:
                from tqdm.auto import tqdm
            except ImportError:
                if shown:
                    raise PlaitError("a progress bar needs tqdm: pip install 'plait[tune]'") from None
                return
            self._bar = tqdm(total=round(budget, 1), desc=title, unit="s", leave=False, disable=None if shown is None else False,
                             bar_format="{desc}: {percentage:3.0f}%|{bar}| {postfix}")

    def tick(self, race):
        if self._bar is not None:
            now = time.perf_counter()
            self._bar.update(min(round(now - self._at, 3), max(0, self._bar.total - self._bar.n)))
            self._bar.set_postfix_str(f"{len(race.alive)} of {len(race.candidates)} left, best {race.leader()}")
            self._at = now

    def close(self):
        if self._bar is not None:
            self._bar.close()


def _fixed_of(options):
    return Fixed(options.get("threads"), options.get("schedule"), options.get("chunk") or 0, options.get("placement"),
                 options.get("tile") or 0)


def tune(kernel, *args, budget=10.0, threads=None, file=None, write=True, plot=None, progress=None, least_gain=0.03,
         tile=True, seed=0, measure=None):
    """Measures how a kernel runs fastest with these arguments, and writes that into a configuration file, where calls with
    arrays of about that size (up to the next power of two) find it: in this process, and in all later ones that read the file.

    budget: seconds, about · threads: numbers to try (default: 1 to all) · file: the nearest .plait.yaml from the working
    directory upwards, else a new one there · write: False leaves files alone · plot: a picture's path · progress: True and
    False show a bar or none, None where there is a terminal · least_gain: what is faster by less does not take the place of what
    is there · tile: whether tile sizes are tried too, which is compiling · seed: of the order of measurements · measure: a
    function that takes a Candidate and gives seconds, in place of the clock.

    The arguments are as they were when it returns. The result has winner, rows, table(), plot(path)."""
    if not isinstance(kernel, _plait.Dispatcher):
        raise TypeError(f"tune takes a kernel, not {kernel!r}")
    started = time.perf_counter()
    fixed = _fixed_of(kernel.targetoptions)
    with Bench(kernel, args) as bench:
        regions = bench.probe()
        if not regions:
            raise PlaitError(f"{kernel.__name__}() ran no parallel region with these arguments: there is nothing to tune")
        found = Tuning(name_in_files(kernel), bench.nbytes, sum(r[2] for r in regions))
        target = File(file or default_file()) if write else None
        entry = target.entry(found.kernel, found.nbytes) if target else None
        present = _as_it_is(kernel, args, bench.tile)
        found.was_in_file = entry is not None
        found.before = _as_tried(_candidate_of(entry, present) if entry is not None else present, fixed)
        counts = list(threads or _candidates.thread_counts(_plait._max_threads()))
        bar = _Progress(kernel.__name__, budget, progress)
        try:
            _search(found, bench, fixed, counts, max(r[1] for r in regions), measure or bench.measure, bar, started, budget,
                    least_gain, tile, seed)
        finally:
            bar.close()
    if target is not None:
        tuned_tile = found.winner.tile if tile and not fixed.tile and found.tile_was_tried else None
        if entry is None or found.winner != found.before:
            found.changed = target.put(found.kernel, found.nbytes, found.entry(), tuned_tile)
        found.file = str(target.path)
        if found.changed:
            config.reload()
    if plot is not None:
        found.plot(plot)
    return found


def _search(found, bench, fixed, counts, trips, measure, bar, started, budget, least_gain, tile, seed):
    races = []

    def race(several, share):
        several = list(dict.fromkeys(several))
        r = Race(several, measure, seed + len(races))
        races.append(r)
        if len(several) > 1 or not share:
            r.run(started + budget * share, tick=lambda: bar.tick(r))
        return r.leader() if r.rounds else several[0]

    work = [c._replace(tile=bench.tile) for c in _candidates.of_work(counts, trips, fixed)]
    best = race([found.before, *work], 0.55)
    others = _candidates.of_placement(best, _placements(best.threads), fixed)
    if others:
        best = race([best, *others], 0.7)
    tiles = _candidates.of_tile(best, tile and _is_tiled(bench.kernel), fixed)
    found.tile_was_tried = bool(tiles)
    if tiles:
        best = race([best, *tiles], 0.8)
    oblong = _candidates.of_oblong_tile(best) if tiles else []
    if oblong:
        best = race([best, *oblong], 0.85)
    found.winner = found.before
    if best != found.before:
        final = Race([best, found.before], measure, seed + 1000)
        races.append(final)
        while final.rounds < 40:
            final.run_round()
            bar.tick(final)
            if final.rounds >= 10 and (final.beats(best, found.before, least_gain) or time.perf_counter() > started + budget):
                break
        if final.beats(best, found.before, least_gain):
            found.winner = best
        found.gain = math.exp(median(final.differences(found.before, found.winner)))
    _gather(found, races)


def _links(races, winner):
    """{number of a race: (candidate in it, log of its time over the winner's)}: the winner itself, or who ran in another race too."""
    found = {i: (winner, 0.0) for i, r in enumerate(races) if r.logs.get(winner)}
    while True:
        shared = ((i, c, k) for i, r in enumerate(races) if i not in found for k in found for c in r.logs
                  if r.logs[c] and races[k].logs.get(c))
        i, candidate, k = next(shared, (None, None, None))
        if i is None:
            return found
        other, offset = found[k]
        found[i] = candidate, offset + median(races[k].differences(candidate, other))


def _gather(found, races):
    """The rows of all races, each candidate from the one in which it ran most. Its time is the winner's times what it took more
    in the rounds that both ran, or that both ran with a third: times of different rounds would compare hours of the day. Medians,
    and the interval that goes with them, since one round in which a thread was kept waiting says nothing about the others."""
    longest = {}
    for i, r in enumerate(races):
        for candidate, logs in r.logs.items():
            if logs and (candidate not in longest or len(logs) > len(races[longest[candidate]].logs[candidate])):
                longest[candidate] = i
    if not longest:  # one candidate alone: there was nothing to compare
        found.rows.append((found.winner, races[0]._measure(found.winner), 1, 0.0, 0.0))
        return
    links = _links(races, found.winner)
    base = races[longest[found.winner]].seconds(found.winner)
    for candidate, i in longest.items():
        r, (other, offset), low, high = races[i], links[i], 0.0, 0.0
        differences = r.differences(candidate, other)
        seconds = base * math.exp(offset + median(differences))
        if candidate != found.winner and other == found.winner:
            low, high = interval_of_median(differences, ALPHA / 2)
        found.rows.append((candidate, seconds, len(r.logs[candidate]), low, high))
    found.rows.sort(key=lambda row: row[1])


def describe(found):
    """One line about a tuning."""
    size = size_text(size_class(found.nbytes))
    if found.winner == found.before and found.was_in_file:
        return f"{found.kernel}, arrays up to {size}: stays {found.winner}"
    if found.winner == found.before:
        return f"{found.kernel}, arrays up to {size}: {found.winner} (as it was: nothing is faster)"
    return f"{found.kernel}, arrays up to {size}: {found.winner}, {found.gain:.2f} × the speed of {found.before}"
