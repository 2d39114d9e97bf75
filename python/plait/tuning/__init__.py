"""plait.tune and `plait tune`: threads, schedule, chunk, placement and tile of a kernel by measurement.

race.py decides which of several candidates is fastest, candidates.py says what is worth trying, arguments.py makes the
arguments that a suite describes, write.py puts the winner into a configuration file, report.py shows what was found."""
from .tune import Tuning, tune

__all__ = ["Tuning", "tune"]
