"""Does `plait perf` find a slow-down on this machine, and nothing where there is none?

Each trial is a whole measurement, as a user makes it: a run with the same build as its own baseline, and a comparison that
fails above 5 %. In half of them every call of the candidate is made to look 10 % slower (`--slow-down`).
"""
import argparse
import math
import os
import pathlib
import subprocess
import sys
import tempfile
import time

import measure

PLAIT = pathlib.Path(os.environ.get("PLAIT_BUILD_DIR", measure.BUILD)) / "plait"
SUITE = measure.ROOT / "examples/perf/suite.yaml"


def trial(slow, options, folder):
    """The exit status of the comparison: 1 when something is slower, 3 when nothing can be decided."""
    path = folder / "new.json"
    words = [PLAIT, "perf", "run", SUITE, "--only", options.only, "--baseline", PLAIT, "--no-compile", "--quiet",
             "--budget", str(options.budget), "-o", path]
    subprocess.run(words + (["--slow-down", f"{slow}%"] if slow else []), check=True)
    return subprocess.run([PLAIT, "perf", "compare", path, "--fail-above", "5%"], stdout=subprocess.DEVNULL).returncode


def share(hits, trials):
    """Hits of trials, with the 95 % interval of Wilson's score."""
    z, p = 1.96, hits / trials
    middle, half = (p + z * z / (2 * trials)), z * math.sqrt(p * (1 - p) / trials + z * z / (4 * trials**2))
    low, high = ((middle + sign * half) / (1 + z * z / trials) for sign in (-1, 1))
    return f"{hits} of {trials} ({100 * low:.0f} to {100 * high:.0f} %)"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=40, help="of each kind")
    parser.add_argument("--only", default="blur n=100 threads=1")
    parser.add_argument("--budget", type=float, default=1.5)
    parser.add_argument("--slow-down", type=float, default=10)
    options = parser.parse_args()
    found = {0: [], options.slow_down: []}
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        for i in range(options.trials):
            for slow, statuses in found.items():
                statuses.append(trial(slow, options, pathlib.Path(folder)))
            hits, alarms = (sum(status == 1 for status in statuses) for statuses in (found[options.slow_down], found[0]))
            print(f"{i + 1} of {options.trials}: {hits} found, {alarms} flagged, {time.perf_counter() - began:.0f} s",
                  file=sys.stderr, flush=True)
    print(f"{measure.machine()}; {options.only}")
    print(f"{options.slow_down:g} % slower: found in {share(hits, options.trials)}")
    print(f"unchanged: flagged in {share(alarms, options.trials)}")


if __name__ == "__main__":
    main()
