"""What limits each of the 24 kernels on 64 cores: measured on this machine's cores, computed for more.

    ./dev perf scaling [--kernels sum,bs,…] [--cores 64] [--bandwidth 345] [--keep]

`--keep` writes the tables into docs/scaling.md, which says what the model is.
"""
import argparse
import json
import math
import statistics
import subprocess
import sys
import time

import floors
import measure
import micro
from kernels.loops import NAMES, arguments_of, fresh, function_of, load

ROUNDS = 9


def cost_of_regions():
    """(seconds of entering an empty region with two threads, the table for 1 to 16), by a process of its own: it has more
    threads than there are units."""
    command = [sys.executable, str(measure.ROOT / "perf/micro.py"), "--only", "regions"]
    text = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    found = json.loads((measure.BUILD / "perf" / "micro.json").read_text())["benchmarks"]
    values = {b["metadata"]["name"]: b["runs"][0]["values"] for b in found}
    return statistics.median(values["region threads=2 plait"]), text


def seconds_of(kernel, arguments, threads):
    import plait

    plait.set_num_threads(threads)
    kernel(*arguments)
    taken = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        kernel(*arguments)
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def outside_of_regions(kernel, arguments, threads):
    """(seconds of a call outside of parallel regions, entered regions, time of the busiest thread over the mean)."""
    import plait

    plait.set_num_threads(threads)
    outside = []
    plait.stats(True)
    try:
        for _ in range(ROUNDS):
            plait.stats(reset=True)
            start = time.perf_counter()
            kernel(*arguments)
            took = time.perf_counter() - start
            regions = plait.stats()
            outside.append(took - sum(r["seconds"] for r in regions if r["parallel_calls"]))
    finally:
        plait.stats(False)
    entered = sum(r["parallel_calls"] for r in regions)
    busy = sum(r["busy_seconds"] for r in regions)
    imbalance = sum(r["imbalance"] * r["busy_seconds"] for r in regions if r["busy_seconds"]) / busy if busy else 1.0
    return max(0.0, statistics.median(outside)), entered, imbalance


def measured(name, fast):
    from plait import njit

    module = load(name)
    size = module.SIZES["FULL"]
    kernel, arguments = njit(parallel=True, fastmath=fast)(function_of(name)), fresh(arguments_of(name, "FULL"))
    one, two = (seconds_of(kernel, arguments, n) for n in (1, 2))
    serial, entered, imbalance = outside_of_regions(kernel, arguments, 2)
    sweeps, each = getattr(module, "swept", lambda *size: (math.inf, 0))(*size)
    carried = sweeps * each if entered >= sweeps else module.traffic(*size)
    return {"one": one, "two": two, "serial": serial if entered else one, "entered": entered, "imbalance": imbalance,
            "flops": module.flops(*size), "bytes": carried}


def predicted(f, cores, region, bandwidth):
    """(seconds on so many cores, what takes most of them)."""
    shared = max(0.0, f["one"] - f["serial"])
    parts = {"what is not in a region": f["serial"], "entering regions": f["entered"] * region * cores / 2,
             "operations": shared / cores, "memory": f["bytes"] / bandwidth if shared else 0.0}
    both = max(parts["operations"], parts["memory"])
    hidden = "memory" if parts["operations"] >= parts["memory"] else "operations"
    limit = max((what for what in parts if what != hidden), key=parts.get)
    return parts["what is not in a region"] + parts["entering regions"] + both, limit


def tables(options):
    one, two = floors.Machine(1), floors.Machine(2)
    far = 3 << 26  # bytes, beyond the caches
    speeds = [one.peak, two.peak, one.bandwidth(far), two.bandwidth(far)]
    cost, region_table = cost_of_regions()
    facts = ("| | 1 thread | 2 threads |\n| --- | --- | --- |\n"
             f"| multiply-adds, GFLOP/s | {speeds[0] / 1e9:.0f} | {speeds[1] / 1e9:.0f} |\n"
             f"| triad from memory, GB/s | {speeds[2] / 1e9:.1f} | {speeds[3] / 1e9:.1f} |")
    columns = ["kernel", "1 thread, ms", "2 threads, ms", "efficiency", "flops / byte", "GFLOP/s, 1 thread", "GB/s, 2 threads",
               "outside of regions", "regions", "imbalance", f"speed-up on {options.cores}", "limited by"]
    lines = []
    for name in options.kernels:
        f = measured(name, options.fast)
        then, limit = predicted(f, options.cores, cost, options.bandwidth * 1e9)
        intensity = f"{f['flops'] / f['bytes']:.2f}" if f["bytes"] else "–"
        lines.append([name, f"{f['one'] * 1e3:.3g}", f"{f['two'] * 1e3:.3g}", f"{f['one'] / f['two'] / 2:.2f}", intensity,
                      f"{f['flops'] / f['one'] / 1e9:.1f}", f"{f['bytes'] / f['two'] / 1e9:.1f}",
                      f"{f['serial'] / f['one'] * 100:.2g} %", f["entered"], f"{f['imbalance']:.2f}", f"{f['one'] / then:.0f}", limit])
        print(lines[-1], file=sys.stderr, flush=True)
    return "\n\n".join([measure.machine(), facts, region_table, micro.table(columns, lines)])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kernels", type=lambda text: text.split(","), default=NAMES)
    parser.add_argument("--cores", type=int, default=64)
    parser.add_argument("--bandwidth", type=float, default=345, help="GB/s of the machine with so many cores")
    parser.add_argument("--fast", action="store_true", help="with fastmath=True")
    parser.add_argument("--keep", action="store_true")
    options = parser.parse_args()
    text = tables(options)
    print(text)
    if options.keep:
        measure.keep_table("scaling", text, "docs/scaling.md")


if __name__ == "__main__":
    main()
