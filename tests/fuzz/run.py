"""Runs kernels against the oracle, in children: a crash or a hang is a finding like any other."""
import argparse
import collections
import ctypes
import json
import linecache
import math
import os
import pathlib
import platform
import random
import select
import signal
import sys
import textwrap
import time

import numpy as np

import counters
import emi
from generate import Maker
from oracle import canaries_intact, close_arrays, is_sum_of, oracle_of, outcome, same_scalars, watch
from shrink import shrink
from tree import bodies

HERE = pathlib.Path(__file__).parent
PASSES = ["inline", "simplify", "induction", "wraparound", "guard", "split", "fuse", "contract", "reorder", "conditions",
          "promote", "reduction", "privatize", "classify", "blocks", "schedule", "march", "lanes", "indices", "precheck", "rows",
          "extrema", "scratch", "borrow"]
REWRITING = ["wraparound", "induction", "split", "fuse", "contract", "reorder", "schedule"]  # their loops are not the source's
SECONDS = 300  # for one kernel, then it counts as a hang; machines may be busy


def lesser_processors():
    """Processors with shorter vectors whose code this one runs."""
    if platform.machine() != "x86_64":
        return ["native"]
    has = set(next((line for line in open("/proc/cpuinfo") if line.startswith("flags")), "").split())
    return ["x86-64"] + (["x86-64-v3"] * 2 if {"avx2", "fma", "bmi2"} <= has else [])


class Plan:
    """How a kernel is run, which follows from its seed: levels of optimisation, whether it is compiled serially too, the
    numbers of threads and schedules. LLVM's vector passes cost most of a compile, so they see a share of the kernels."""

    def __init__(self, seed, threads, schedules):
        r = random.Random(f"plan {seed}")
        self.opt = 3 if r.random() < 0.35 else 1
        self.serial_opt = r.choice([0, 0, 3, 1])  # 0: not compiled serially
        self.runs = [(n, s) for s in schedules for n in threads]
        if r.random() < 0.12:
            self.runs += [(4, "guided"), (7, "guided"), (16, "guided"), (16, "static"), (7, "dynamic")]
        self.min_work = r.choice([0, 0, 0, 100, 500])  # a region within a loop may run very often
        self.emi = r.random() < 0.15
        self.disable = [r.choice(PASSES)] if r.random() < 0.04 else []
        self.parallel = {r.choice(["range", "prange", "numpy", "reduction", "fusion"]): False} if r.random() < 0.03 else True
        self.tile = r.choice([0, 1, 2, 3, 4, 5, 8])
        self.tiny = r.choice([0, 0, 0, 40, 150])  # work below which the loop as written runs and no region
        self.usual = r.random() < 0.7  # … as much as usual in the run whose small regions stay in place
        self.turned = r.random() < 0.08  # loops proven independent in any order, and backwards
        self.cpu = r.choice(["native"] * 7 + lesser_processors())


class Runner:
    def __init__(self, threads=(1, 2, 3, 8), schedules=("static", "dynamic"), enumerate=False, quick=False):
        sys.path.insert(0, str(HERE.parent / "python"))
        import plait
        import switches
        self.plait, self.switches = plait, switches
        self.runtime = ctypes.CDLL(str(pathlib.Path(plait.__file__).parent / "libplait_rt.so"))
        self.threads, self.schedules, self.enumerate, self.quick = threads, schedules, enumerate, quick
        self.counters = collections.Counter()
        plait.config.tiered = False  # but for check_baseline: kernels as small as these would never be optimised

    def warm(self):
        """Loads the compiler, so that children need not."""
        self.plait.njit(self.space("def kernel(x):\n    return x\n", "<warm>")["kernel"])(1)

    def set_tiny_work(self, operations):
        """Below so much work a loop runs as it was written; usually (-1) all loops of such small kernels would."""
        self.runtime.plrt_set_tiny_work(ctypes.c_int64(operations))

    def space(self, text, filename):
        """The names of a kernel's module. Its text is where inspect looks for it."""
        space = {"math": math, "np": np, "njit": self.plait.njit, "prange": self.plait.prange}
        linecache.cache[filename] = (len(text), None, text.splitlines(True), filename)
        exec(compile(text, filename, "exec"), space)
        linecache.cache[filename] = (len(text), None, text.splitlines(True), filename)
        return space

    def check(self, kernel):
        """None, or a sentence that says what differs."""
        watch.reset()
        plan = Plan(kernel.seed, self.threads, self.schedules)
        if self.quick:
            plan.opt, plan.serial_opt, plan.runs = 1, 0, plan.runs[:len(self.threads) * len(self.schedules)]
        if kernel.features["shared update"]:  # a prange that is not analysed is trusted, and this one may not be
            plan.disable = [p for p in plan.disable if p != "classify"]
        self.plait.config.cpu = plan.cpu
        self.counters[f"for {plan.cpu}"] += 1
        want = outcome(oracle_of(kernel), kernel)
        self.sums = self.known_sums(kernel) if want[0] is None else {}
        built = emi.variant(kernel) if plan.emi else kernel
        function = self.space(built.source(), f"<fuzz {kernel.seed}>")["kernel"]
        if plan.serial_opt:
            serial = self.plait.njit(opt=plan.serial_opt)(function)
            problem = self.check_serial(serial, kernel, want)
            if problem:
                return problem
            self.counters.update(f"reason {entry['reason']}" for entry in serial.parallel_report())
        parallel = self.plait.njit(parallel=plan.parallel, opt=plan.opt, tile=plan.tile, disable=plan.disable)(function)
        before = self.plait._plait._exact_runs()
        problem = self.check_parallel(parallel, kernel, plan, want)
        exact_runs = self.plait._plait._exact_runs() - before
        if not problem:
            first = self.plait.njit(parallel=plan.parallel, opt=plan.opt, tile=plan.tile, disable=plan.disable)(function)
            problem = self.check_baseline(first, parallel, kernel, plan, want)
        if plan.turned and not problem and want[0] is None:
            problem = self.check_turned(kernel, plan, want)
        if self.enumerate and not problem:
            problem = self.check_schedule(parallel, kernel)
        self.counters.update(counters.of_run(kernel, parallel.parallel_report(), want[0], exact_runs))
        return problem

    def check_serial(self, function, kernel, want):
        self.serial = True
        return self.compare("serial", outcome(function, kernel), want, self.tolerance() if kernel.rough else 0)

    def check_parallel(self, function, kernel, plan, want):
        self.serial = False
        tolerance, first = self.tolerance(), None
        self.set_tiny_work(plan.tiny)
        for n, schedule in plan.runs:
            with self.switches.threads(n, schedule=schedule, min_work=plan.min_work, grain=kernel.grain):
                got = outcome(function, kernel)
            label = f"parallel, {n} threads, {schedule}"
            problem = self.compare(label, got, want, tolerance) or self.check_sums(label, kernel, got)
            if problem:
                return problem
            first = first or got
            if want[0] is None and not self.bits(got, first):
                return f"{label}: other bits than with {plan.runs[0][0]} threads"
        self.set_tiny_work(-1 if plan.usual else plan.tiny)
        problem = self.compare("small regions in place", outcome(function, kernel), want, tolerance)
        self.set_tiny_work(plan.tiny)
        if problem:
            return problem
        with self.switches.shuffled(kernel.seed + 1, grain=kernel.grain):
            got = outcome(function, kernel)
        problem = self.compare("shuffled serial order", got, want, tolerance)
        if not problem and want[0] is None and not self.bits(got, first):
            problem = f"shuffled serial order: other bits than with {plan.runs[0][0]} threads"
        return problem

    def check_baseline(self, function, optimised, kernel, plan, want):
        """A first call with little to do runs baseline code, which gives the bits of optimised code."""
        with self.switches.threads(3, schedule="dynamic", min_work=plan.min_work, grain=kernel.grain):
            reference = outcome(optimised, kernel)
            self.plait.config.tiered = True
            got = outcome(function, kernel)
            self.plait.config.tiered = False
        self.counters["baseline code"] += any(o.is_baseline for o in function.overloads.values())
        problem = self.compare("baseline code", got, want, self.tolerance())
        if not problem and want[0] is None and not self.bits(got, reference):
            problem = "baseline code: other bits than optimised code"
        return problem

    def check_turned(self, kernel, plan, want):
        """What the analysis says of the loops as they stand in the source: CPython runs those that are independent in
        another order, and the kernel with them turned round is compiled, too."""
        function = self.space(kernel.source(), f"<fuzz {kernel.seed} claims>")["kernel"]
        claims = self.plait.njit(parallel=True, opt=1, disable=REWRITING)(function)
        before = self.plait._plait._exact_runs()
        self.set_tiny_work(0)  # with little work nobody would ask whether arrays overlap
        with self.switches.threads(1, min_work=0):
            error = outcome(claims, kernel)[0]
        self.set_tiny_work(plan.tiny)
        if error is not None or self.plait._plait._exact_runs() != before:
            return None  # a test at an entry failed: nothing was claimed of these arguments
        lines = independent_lines(claims.parallel_report())
        self.counters["loops in another order"] += len(lines)
        if not lines:
            return None
        tolerance = self.tolerance()
        problem = self.compare("independent loops in another order", outcome(oracle_of(emi.in_any_order(kernel, lines)), kernel),
                               want, 0)
        turned = None if problem else emi.turned(kernel, lines)
        if turned is None:
            return problem
        function = self.space(turned.source(), f"<fuzz {kernel.seed} turned>")["kernel"]
        function = self.plait.njit(parallel=True, opt=plan.opt, tile=plan.tile)(function)
        self.counters["kernels turned round"] += 1
        with self.switches.threads(3, schedule="dynamic", min_work=plan.min_work, grain=kernel.grain):
            return self.compare("independent loops turned round", outcome(function, kernel), want, tolerance)

    def check_sums(self, label, kernel, got):
        """Sums whose terms are known are within the bound of the exact sum, which is far below the tolerance."""
        if got[0] is not None or got[1] is None or watch.overflowed or watch.tie:
            return None
        for name, (start, terms) in self.sums.items():
            value = got[1][kernel.returned.index(name)]
            self.counters["sums against the exact one"] += 1
            if not is_sum_of(value, start, terms):
                return f"{label}: {name} is {value}, {math.fsum([start, *terms])} give or take the rounding of its additions"
        return None

    @staticmethod
    def known_sums(kernel):
        starts = {s.name: s.value.value for b in bodies(kernel.body) for s in b if s.kind == "assign" and s.value.kind == "const"}
        return {n: (starts[n], watch.terms.get(n, [])) for n in kernel.exact_sums() if n in kernel.returned and n in starts}

    def check_schedule(self, function, kernel):
        """What the interpreter says of the loops marked parallel or vector (tests/python/second_opinion.py)."""
        import second_opinion

        found = second_opinion.opinion(function, [v for v, _ in kernel.build()])
        case = found.cases[0] if found.cases else {"outcome": "stuck"}
        self.counters[f"enumerated {case['outcome']}"] += 1
        if case["outcome"] == "stuck" and found.cases:
            self.counters[f"stuck {case['message']}"] += 1
            return None
        complaints = [c for c in found.complaints() if not (case.get("regroups") and "differs" in c)]
        return f"enumeration: {'; '.join(complaints)}" if complaints else None

    @staticmethod
    def bits(a, b):
        return (a[2] == b[2] or close_arrays(a[3], b[3], 0)) and same_scalars(a[1], b[1], 0)

    @staticmethod
    def tolerance():
        return (1e-5 if watch.single else 1e-9) * watch.greatest

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


def independent_lines(report):
    """Lines of the loops whose iterations are proven independent and leave nothing behind that depends on their order."""
    free, bound = set(), set()
    for entry in report:
        is_free = (entry["reason"] == "INDEPENDENT" and entry["kind"] in ("range", "prange") and not entry["reductions"]
                   and "(last)" not in (entry["private"] or ""))
        (free if is_free else bound).add(entry["line"])
    return free - bound


def attempt(runner, kernel):
    """check(), with errors of the compiler itself as findings."""
    try:
        return runner.check(kernel)
    except Exception as e:  # a compile error on a valid kernel is a finding
        return f"{type(e).__name__}: {str(e).splitlines()[0] if str(e) else ''}"


class Child:
    """A child process that runs work(say); what it says arrives as JSON, a line each. `how` tells how it ended if it did
    not end well."""

    def __init__(self, work):
        self.read, write = os.pipe()
        sys.stdout.flush()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self.read)
            status = 1
            try:
                null = os.open(os.devnull, os.O_WRONLY)
                os.dup2(null, 1)
                os.dup2(null, 2)
                work(lambda message: os.write(write, (json.dumps(message) + "\n").encode()))
                status = 0
            finally:
                os._exit(status)
        os.close(write)
        self.waiting, self.silent, self.how, self.open = b"", 0, None, True

    def hear(self):
        """Messages that have come since; at the end of the child none, and `open` is false."""
        got = os.read(self.read, 1 << 16)
        self.silent = 0
        if not got:
            self.end()
        *lines, self.waiting = (self.waiting + got).split(b"\n")
        return [json.loads(line) for line in lines]

    def end(self):
        os.close(self.read)
        self.open = False
        _, status = os.waitpid(self.pid, 0)
        if self.how is None and os.WIFSIGNALED(status):
            self.how = "crash: " + signal.Signals(os.WTERMSIG(status)).name
        elif self.how is None and status:
            self.how = f"crash: exit status {os.WEXITSTATUS(status)}"

    def wait_on(self, seconds):
        """Counts how long nothing was heard. A pause of the whole machine, which stops this process too, is no hang."""
        self.silent += min(seconds, 2)
        if self.silent > SECONDS:
            os.kill(self.pid, signal.SIGKILL)
            self.how = "hang"
            self.end()


def hear_any(children):
    """Waits until one of them says something: [(child, messages)]. A silent one is killed in the end."""
    start = time.monotonic()
    ready = select.select([c.read for c in children], [], [], 1)[0]
    said = [(c, c.hear()) for c in children if c.read in ready]
    for c in children:
        if c.open:
            c.wait_on(time.monotonic() - start)
    return said


def check_apart(runner, kernel):
    """attempt() in a child of its own."""
    child, said = Child(lambda say: say(attempt(runner, kernel))), []
    while child.open:
        said += [m for _, messages in hear_any([child]) for m in messages]
    return child.how or (said[0] if said else None)


class Batch:
    """Kernels checked in one child, which may die; `left` are the seeds it did not come to."""

    def __init__(self, runner, seeds):
        self.left, self.current = list(seeds), None

        def work(say):
            runner.counters.clear()
            for seed in seeds:
                say({"start": seed})
                problem = attempt(runner, Maker(seed).kernel())
                if problem:
                    say({"problem": problem})
            say({"counters": runner.counters})

        self.child = Child(work)

    def take(self, messages, counted, found):
        for m in messages:
            if "start" in m:
                self.current = m["start"]
                self.left.remove(self.current)
            if "problem" in m:
                found.append((self.current, m["problem"]))
            counted.update(m.get("counters", {}))
        if not self.child.open and self.child.how:
            found.append((self.current, self.child.how))


def run_all(runner, seeds, o, on_finding):
    """Checks the kernels of all seeds, `o.jobs` batches at a time. Returns counters, findings and how many were run."""
    counted, found, running, total = collections.Counter(), [], [], len(seeds)
    seeds = collections.deque(seeds)
    while (seeds or running) and len(found) < o.most_findings:
        while seeds and len(running) < o.jobs:
            running.append(Batch(runner, [seeds.popleft() for _ in range(min(o.batch, len(seeds)))]))
        before = len(found)
        said = dict(hear_any([b.child for b in running]))
        for b in running:
            b.take(said.get(b.child, []), counted, found)
            if not b.child.open:
                seeds.extendleft(reversed(b.left))
        running = [b for b in running if b.child.open]
        for seed, problem in found[before:]:
            on_finding(seed, problem)
    done = total - len(seeds) - sum(len(b.left) for b in running)
    for b in running:
        os.kill(b.child.pid, signal.SIGKILL)
        b.child.end()
    return counted, found, done


def kind_of(problem):
    """What has to stay the same while a finding shrinks."""
    parts = problem.split(":")
    return parts[0] + (parts[1] if parts[0] == "crash" else "")


def report(runner, seed, problem, o):
    kernel = Maker(seed).kernel()
    if not o.no_shrink:
        def fails(k):
            now = check_apart(runner, k)
            return now is not None and kind_of(now) == kind_of(problem)
        kernel = shrink(kernel, fails)
    text = kernel.source()
    o.findings.mkdir(parents=True, exist_ok=True)
    path = o.findings / f"seed_{seed}.txt"
    about = f"# params {kernel.params}, short arrays {kernel.wrong}\n# arrays {json.dumps(kernel.arrays)}\n"
    path.write_text(f"# seed {seed}: {problem}\n{about}{text}")
    print(f"FINDING seed {seed}: {problem}\n{textwrap.indent(about + text, '    ')}    -> {path}", flush=True)


def main(about, argv=None):
    p = argparse.ArgumentParser(description=about)
    p.add_argument("--count", type=int, default=200)
    p.add_argument("--seed", type=int, default=1, help="the first seed; 0: one by the clock, which is printed")
    p.add_argument("--show", type=int, help="print the kernel of that seed and its oracle")
    p.add_argument("--threads", default="1,2,3,8")
    p.add_argument("--quick", action="store_true", help="without LLVM's vector passes and without serial compiles")
    p.add_argument("--schedules", default="static,dynamic")
    p.add_argument("--jobs", type=int, default=os.cpu_count(), help="child processes at a time")
    p.add_argument("--batch", type=int, default=100, help="kernels in one child process")
    p.add_argument("--most-findings", type=int, default=20, help="stop after so many")
    p.add_argument("--findings", default="build/fuzz-findings", type=pathlib.Path)
    p.add_argument("--counters", type=pathlib.Path, help="file for the counters, as JSON; added to if it is there")
    p.add_argument("--enumerate", action="store_true", help="also ask the interpreter that watches every iteration")
    p.add_argument("--summary", action="store_true", help="no table of counters")
    p.add_argument("--no-shrink", action="store_true")
    o = p.parse_args(argv)
    if o.show is not None:
        k = Maker(o.show).kernel()
        print(k.params, json.dumps(k.arrays, indent=1), k.source(), k.source(oracle=True), sep="\n")
        return 0
    if o.seed == 0:
        o.seed = time.time_ns() % 10**12
        print(f"--seed {o.seed}", flush=True)
    runner = Runner(tuple(int(x) for x in o.threads.split(",")), o.schedules.split(","), o.enumerate, o.quick)
    runner.warm()
    start = time.monotonic()
    counted, found, done = run_all(runner, range(o.seed, o.seed + o.count), o,
                                    lambda seed, problem: report(runner, seed, problem, o))
    if o.summary:
        counters.print_rare(counted, done)
    else:
        counters.print_table(counted, done)
    if o.counters:
        counters.add_to_file(o.counters, counted, done)
    print(f"{done} kernels, {len(found)} findings, {time.monotonic() - start:.0f} s")
    return 1 if found else 0
