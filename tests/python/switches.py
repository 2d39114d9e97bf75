"""Switches of the runtime that tests turn: number of threads, schedule, least work, shuffled serial order."""
import contextlib
import os

os.environ.setdefault("PLAIT_NUM_THREADS", "16")  # more than most machines have: results may not depend on it

SCHEDULES = {"default": 0, "static": 1, "dynamic": 2, "guided": 3}


@contextlib.contextmanager
def threads(n, schedule="default", min_work=-1, grain=0):
    """Regions run on n threads, by that schedule, and sequentially only below min_work operations; reductions in blocks
    of at most `grain` iterations, if it is not 0."""
    import plait
    from plait import _plait

    before = plait.get_num_threads()
    plait.set_num_threads(min(n, _plait._max_threads()))
    _plait._tune(SCHEDULES[schedule], 0, min_work, grain)
    try:
        yield
    finally:
        _plait._tune(0, 0, -1)
        plait.set_num_threads(before)


@contextlib.contextmanager
def shuffled(seed, grain=0):
    """Regions run their iterations (their blocks, if they reduce) one after the other, in an order shuffled from the
    seed."""
    from plait import _plait

    _plait._tune(0, seed, 0, grain)
    try:
        yield
    finally:
        _plait._tune(0, 0, -1)
