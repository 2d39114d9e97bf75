"""What regions did: plait.stats and plait.trace."""
import os

from . import _plait, config


def stats(enable=None, *, reset=False):
    """What is known of every parallel region that ran since counting began or was reset: a list of dicts.

    Counting is off until stats(True), PLAIT_STATS=1 or `stats: true` in a file; stats(False) ends it, and what was
    counted stays. reset=True sets all counters to zero after they were read.

    region ("function:line"), file, line, loop: where it stands (loop: its number in the parallel report) · calls,
    parallel_calls, iterations · operations: as the compiler estimates them · seconds, longest: of all calls, of one · threads: mean of the parallel calls,
    most_threads · busy_seconds: sum over the threads of parallel calls · imbalance: time of the busiest thread over the
    mean of all (1.0 is even) · sequential: {reason: calls on one thread}."""
    config.ensure()
    if enable is not None:
        _plait._stats_enable(enable)
    found = _plait._stats()
    if reset:
        _plait._stats_reset()
    return found


class trace:
    """with trace("file.json"): every region, thread and piece of work becomes a slice in a file that Perfetto
    (ui.perfetto.dev) and chrome://tracing open; so does every compile with its phases. The file is written at the end,
    also after an exception. At most `limit` slices are kept."""

    def __init__(self, path, limit=0):
        self._path, self._limit = os.fspath(path), limit

    def __enter__(self):
        config.ensure()
        _plait._trace_start(self._path, self._limit)
        return self

    start = __enter__

    def stop(self):
        _plait._trace_stop(self._path)

    def __exit__(self, *exception):
        self.stop()


_PHASES = ("parse", "elaborate", "passes", "llvm_build", "llvm_opt", "llvm_codegen")


def trace_compile(name, begin, end, times):
    """Slices of a compile and of its phases, which follow one another."""
    _plait._trace_span(f"compile {name}", "compile", begin, end)
    at = begin
    for phase in _PHASES:
        took = times.get(phase, 0)
        took = int(sum(took.values() if isinstance(took, dict) else [took]) * 1e6)
        _plait._trace_span(phase, "compile", at, at + took)
        at += took
