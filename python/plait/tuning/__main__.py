"""plait tune SUITE.yaml"""
import argparse
import json
import os
import sys
import traceback

from ..errors import PlaitError
from .arguments import load_kernel, make_arguments, read_suite
from .tune import describe, tune


def parse(argv):
    parser = argparse.ArgumentParser(prog="plait tune", description="Measures how the kernels of a suite run fastest and writes "
                                     "that into a configuration file (docs/tuning.md).")
    parser.add_argument("suite", metavar="SUITE.yaml")
    parser.add_argument("--budget", type=float, default=5.0, metavar="SECONDS", help="for each kernel and size (default 5)")
    parser.add_argument("--file", metavar="FILE", help="the configuration to write (default: the nearest .plait.yaml)")
    parser.add_argument("--only", metavar="WORD", help="kernels whose name contains it")
    parser.add_argument("--dry-run", action="store_true", help="write nothing")
    parser.add_argument("--plot", metavar="FILE", help="speed-up over threads and roofline, as .png, .svg or .pdf")
    parser.add_argument("--json", action="store_true", help="print what was found as JSON")
    parser.add_argument("--quiet", action="store_true", help="no progress bar, no tables")
    return parser.parse_args(argv)


def is_meant(kernel, only):
    """By the suite's name for it, or by the one that tables and configuration files have: module.function."""
    module = os.path.splitext(os.path.basename(kernel["file"]))[0]
    return only is None or only in kernel["name"] or only in f"{module}.{kernel['function']}"


def points_of(suite, only):
    return [(kernel, point) for kernel in suite["kernels"] if is_meant(kernel, only) for point in kernel["points"]]


def as_json(kernel, point, found):
    return {"name": kernel["name"], "sizes": point["sizes"], "kernel": found.kernel, "bytes": found.nbytes,
            "winner": found.winner._asdict(), "changed": found.changed, "file": found.file,
            "rows": [{**row[0]._asdict(), "seconds": row[1], "rounds": row[2]} for row in found.rows]}


def in_words(error):
    """What went wrong in a kernel or its module, with the lines of theirs that it came through."""
    if isinstance(error, PlaitError):
        return str(error)
    ours = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    frames = [f for f in traceback.extract_tb(error.__traceback__) if not f.filename.startswith((ours, "<frozen"))]
    lines = "".join(f"\n    {f.filename}:{f.lineno}, in {f.name}" for f in frames)
    if isinstance(error, SystemExit):
        return f"its module ended the program (SystemExit: {error.code}){lines}"
    return "".join(traceback.format_exception_only(error)).strip() + lines


def run(options):
    all_found, failed, rows = [], 0, []
    points = points_of(read_suite(options.suite), options.only)
    if not points:
        raise PlaitError(f"{options.suite}: no kernel's name has {options.only!r} in it")
    for kernel, point in points:
        place = f"{options.suite}:{kernel['line']}"
        try:
            found = tune(load_kernel(kernel["file"], kernel["function"]), *make_arguments(point), budget=options.budget,
                         threads=kernel.get("threads"), file=options.file, write=not options.dry_run,
                         progress=False if options.quiet or options.json else None)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # what a kernel or its module raises, the end of the program included
            print(f"{place}: error: {kernel['name']}: {in_words(error)}", file=sys.stderr)
            failed += 1
            continue
        all_found.append(found)
        rows.append(as_json(kernel, point, found))
        if not options.json:
            print(describe(found) if options.quiet else f"{found.table()}\n{describe(found)}\n", flush=True)
    if options.json:
        print(json.dumps(rows, indent=1))
    elif all_found and not options.dry_run:
        changed = sum(f.changed for f in all_found)
        print(f"{all_found[0].file}: {changed} of {len(all_found)} entries changed")
    if options.plot and all_found:
        from .report import plot

        plot(all_found, options.plot)
    return 1 if failed else 0


def status_of(argv):
    try:
        return run(parse(argv))
    except SystemExit as end:  # --help, and words that it does not know
        return end.code
    except PlaitError as error:
        print(f"plait tune: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("plait tune: interrupted", file=sys.stderr)
        return 130


def main(argv=None):
    try:
        status = status_of(argv)
        sys.stdout.flush()
        return status
    except OSError as error:  # of files, and of standard output
        if not isinstance(error, BrokenPipeError):
            print(f"plait tune: {error}", file=sys.stderr)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # the interpreter flushes once more
        return 1


if __name__ == "__main__":
    sys.exit(main())
