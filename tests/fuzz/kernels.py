"""Differential fuzzing of whole kernels: random loop nests, compiled, against CPython.

A kernel is made as a small tree and rendered twice: as the source that is compiled, and as an oracle for CPython in
which every load becomes a Python number, every operation wraps or rounds as the kernel language says (types of scalars
follow Numba: integers compute in 64 bits, signed if either is; float32 stays float32), and every store converts. So the
oracle needs no NumPy scalar rules; whole-array statements run as they stand, in NumPy. Serial and parallel results, for
several numbers of threads, schedules and the shuffled serial order, must agree

    - serial: to the bit with the oracle (a float sum over a whole array, which NumPy adds in pairs, is only close);
    - parallel: to the bit with one another always, and with the oracle, but for float reductions, which are close: the
      tolerance grows with the greatest number that the oracle met, and where a float comparison in the kernel was
      nearly a tie, or a number overflowed, a difference in rounding may decide and the kernel is counted as undecided;
    - exceptions are the oracle's, by type; in serial code arrays are as CPython leaves them;
    - the guard zones around every argument are untouched.

Batches run in child processes: a crash or a hang is a finding like any other.

    ./dev fuzz kernels --count 2000 --seed 1        # a line per finding, shrunk, and the counters
    python tests/fuzz/kernels.py --show 17                    # the kernel of seed 17
"""
import sys

import run

if __name__ == "__main__":
    sys.exit(run.main(__doc__.split("\n")[0]))
