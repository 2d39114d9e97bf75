"""What becomes of each loop of PolyBench's 30 kernels, written as plain `range` loops: parallel, or serial and why.

    ./dev perf polybench            # prints the table
    ./dev perf polybench --keep     # writes it to perf/kernels/polybench/README.md
"""
import argparse
import pathlib
import sys

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from perf.kernels.polybench import NAMES, load  # noqa: E402

TARGET = HERE / "kernels" / "polybench" / "README.md"
HEAD = """# PolyBench: loop by loop

Written by `./dev perf polybench --keep`. A loop inside a parallel one is not listed when that is the only reason why it is
serial. Line numbers are those of the kernel's file; a witness names the two iterations that isl found to need one another.

"""


def report_of(name):
    from plait import njit

    function, inputs, sizes = load(name)
    kernel = njit(parallel=True)(function)
    kernel(*inputs(sizes["MINI"], np.random.default_rng(0)))
    return kernel.parallel_report()


def rows(name, report):
    for entry in report:
        if entry["reason"] != "INSIDE_PARALLEL":
            yield f"| {name} | {entry['line']} | {entry['decision']} | {entry['text'] or ''} |"


def table():
    lines, with_region = ["| kernel | line | decision | why |", "| --- | --- | --- | --- |"], 0
    for name in NAMES:
        report = report_of(name)
        with_region += any(e["decision"] == "parallel" for e in report)
        lines += rows(name, report)
    return f"{with_region} of {len(NAMES)} kernels have a parallel region.\n\n" + "\n".join(lines) + "\n"


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--keep", action="store_true", help=f"write {TARGET.relative_to(HERE.parent)}")
    text = table()
    if p.parse_args().keep:
        TARGET.write_text(HEAD + text)
    print(text, end="")


if __name__ == "__main__":
    main()
