"""Runs kernels against the oracle, in children: a crash or a hang is a finding like any other."""
import argparse
import collections
import json
import linecache
import math
import os
import pathlib
import select
import signal
import sys
import textwrap
import time

import numpy as np

from generate import Maker
from oracle import canaries_intact, close_arrays, oracle_of, outcome, same_scalars, watch
from shrink import shrink

HERE = pathlib.Path(__file__).parent
SECONDS = 30  # for one kernel, then it counts as a hang


class Runner:
    def __init__(self, threads=(1, 2, 3, 8), schedules=("static", "dynamic")):
        sys.path.insert(0, str(HERE.parent / "python"))
        import plait
        import switches
        self.plait, self.testing = plait, switches
        self.threads, self.schedules = threads, schedules
        self.counters = collections.Counter()

    def warm(self):
        """Loads the compiler, so that children need not."""
        self.space("def kernel(x):\n    return x\n", "<warm>")["kernel"]
        self.plait.njit(self.space("def kernel(x):\n    return x\n", "<warm>")["kernel"])(1)

    def space(self, text, filename):
        space = {"math": math, "np": np, "njit": self.plait.njit, "prange": self.plait.prange}
        linecache.cache[filename] = (len(text), None, text.splitlines(True), filename)
        exec(compile(text, filename, "exec"), space)
        linecache.cache[filename] = (len(text), None, text.splitlines(True), filename)
        return space

    def check(self, kernel):
        """None, or a sentence that says what differs."""
        watch.reset()
        want = outcome(oracle_of(kernel), kernel)
        function = self.space(kernel.source(), f"<fuzz {kernel.seed}>")["kernel"]
        serial = self.plait.njit(function)
        parallel = self.plait.njit(parallel=True)(function)
        self.serial = True
        problem = self.compare("serial", outcome(serial, kernel), want, self.tolerance() if kernel.rough else 0)
        if problem:
            return problem
        self.serial = False
        tolerance = self.tolerance()
        first = None
        for schedule in self.schedules:
            for n in self.threads:
                with self.testing.threads(n, schedule=schedule, min_work=0, grain=kernel.grain):
                    got = outcome(parallel, kernel)
                label = f"parallel, {n} threads, {schedule}"
                problem = self.compare(label, got, want, tolerance)
                if problem:
                    return problem
                if first is None:
                    first = got
                elif want[0] is None and not self.bits(got, first):
                    return f"{label}: other bits than with {self.threads[0]} threads"
        with self.testing.shuffled(kernel.seed + 1, grain=kernel.grain):
            got = outcome(parallel, kernel)
        problem = self.compare("shuffled serial order", got, want, tolerance)
        if problem:
            return problem
        for entry in parallel.parallel_report():
            self.counters[f"{entry['decision']} {entry['reason']}"] += 1
        self.counters[f"raises {want[0]}" if want[0] else "returns"] += 1
        return None

    @staticmethod
    def bits(a, b):
        return (a[2] == b[2] or close_arrays(a[3], b[3], 0)) and same_scalars(a[1], b[1], 0)

    @staticmethod
    def tolerance():
        return 1e-11 * watch.greatest * 100

    def compare(self, label, got, want, tolerance):
        error, result, arrays, args = got
        want_error, want_result, want_arrays, want_args = want
        if error != want_error:
            return f"{label}: {error or 'no exception'} where CPython has {want_error or 'none'}"
        if not canaries_intact(args):
            return f"{label}: wrote outside an array"
        if error is not None and not self.serial:
            return None
        scalars = same_scalars(result, want_result, 0)
        equal = arrays == want_arrays or close_arrays(args, want_args, 0)
        if scalars and equal:
            return None
        if tolerance and (watch.tie or watch.overflowed):
            self.counters["undecided"] += 1
            return None
        if not scalars and not same_scalars(result, want_result, tolerance):
            return f"{label}: returned {result}, CPython {want_result}"
        if not equal and not (tolerance and close_arrays(args, want_args, tolerance)):
            return f"{label}: arrays differ" + (" after the exception" if error else "")
        return None


def attempt(runner, kernel):
    """check(), with errors of the compiler itself as findings."""
    try:
        return runner.check(kernel)
    except Exception as e:  # a compile error on a valid kernel is a finding
        return f"{type(e).__name__}: {str(e).splitlines()[0] if str(e) else ''}"


class Child:
    """A child process that runs work(say); what it says arrives line by line as JSON. `how` tells how it ended."""

    def __init__(self, work):
        self.read, write = os.pipe()
        sys.stdout.flush()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self.read)
            status = 1
            try:
                os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
                work(lambda message: os.write(write, (json.dumps(message) + "\n").encode()))
                status = 0
            finally:
                os._exit(status)
        os.close(write)
        self.how = None

    def messages(self):
        waiting = b""
        while True:
            if not select.select([self.read], [], [], SECONDS)[0]:
                os.kill(self.pid, signal.SIGKILL)
                self.how = "hang"
                break
            got = os.read(self.read, 1 << 16)
            if not got:
                break
            waiting += got
            *lines, waiting = waiting.split(b"\n")
            for line in lines:
                yield json.loads(line)
        os.close(self.read)
        _, status = os.waitpid(self.pid, 0)
        if self.how is None and os.WIFSIGNALED(status):
            self.how = "crash: " + signal.Signals(os.WTERMSIG(status)).name
        elif self.how is None and status:
            self.how = f"crash: exit status {os.WEXITSTATUS(status)}"


def check_apart(runner, kernel):
    """attempt() in a child of its own."""
    child = Child(lambda say: say(attempt(runner, kernel)))
    said = list(child.messages())
    return child.how or (said[0] if said else None)


def run_batch(runner, seeds, counters, found):
    """Checks kernels in one child; returns the seeds that are left when it dies."""
    def work(say):
        for seed in seeds:
            say({"start": seed})
            kernel = Maker(seed).kernel()
            problem = attempt(runner, kernel)
            if problem:
                say({"problem": problem})
            for k, v in kernel.features.items():
                runner.counters["made " + k] += v
        say({"counters": runner.counters})

    child = Child(work)
    current = None
    for m in child.messages():
        current = m.get("start", current)
        if "problem" in m:
            found.append((current, m["problem"]))
        counters.update(m.get("counters", {}))
    if child.how is None:
        return []
    found.append((current, child.how))
    return [s for s in seeds if s > current]


def report(runner, seed, problem, o):
    kernel = Maker(seed).kernel()
    if not o.no_shrink:
        kind = problem.split(":")[0] + (problem.split(":")[1] if problem.startswith("crash") else "")
        same = lambda p: p and (p.split(":")[0] + (p.split(":")[1] if p.startswith("crash") else "")) == kind
        kernel = shrink(kernel, lambda k: same(check_apart(runner, k)))
    text = kernel.source()
    o.findings.mkdir(parents=True, exist_ok=True)
    path = o.findings / f"seed_{seed}.txt"
    about = f"# params {kernel.params}, short arrays {kernel.wrong}\n# arrays {json.dumps(kernel.arrays)}\n"
    path.write_text(f"# seed {seed}: {problem}\n{about}{text}")
    print(f"FINDING seed {seed}: {problem}\n{textwrap.indent(about + text, '    ')}    -> {path}", flush=True)


def main(about, argv=None):
    p = argparse.ArgumentParser(description=about)
    p.add_argument("--count", type=int, default=200)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--show", type=int, help="print the kernel of that seed and its oracle")
    p.add_argument("--threads", default="1,2,3,8")
    p.add_argument("--batch", type=int, default=100, help="kernels in one child process")
    p.add_argument("--most-findings", type=int, default=20, help="stop after so many")
    p.add_argument("--findings", default="build/fuzz-findings", type=pathlib.Path)
    p.add_argument("--no-shrink", action="store_true")
    o = p.parse_args(argv)
    if o.show is not None:
        k = Maker(o.show).kernel()
        print(k.params, json.dumps(k.arrays, indent=1), k.source(), k.source(oracle=True), sep="\n")
        return 0
    runner = Runner(threads=tuple(int(x) for x in o.threads.split(",")))
    runner.warm()
    counters, found, reported, start, done = collections.Counter(), [], 0, time.monotonic(), 0
    left = list(range(o.seed, o.seed + o.count))
    while left and len(found) < o.most_findings:
        batch, left = left[:o.batch], left[o.batch:]
        unfinished = run_batch(runner, batch, counters, found)
        left = unfinished + left
        done += len(batch) - len(unfinished)
        for seed, problem in found[reported:o.most_findings]:
            report(runner, seed, problem, o)
        reported = len(found)
    for title, made in (("generated", True), ("outcomes and decisions", False)):
        print(title + ": " + ", ".join(f"{k.removeprefix('made ')} {v}" for k, v in sorted(counters.items())
                                        if k.startswith("made ") == made))
    print(f"{done} kernels, {len(found)} findings, {time.monotonic() - start:.0f} s")
    return 1 if found else 0
