"""What a run of the fuzzer reached, counted, and which counters it reached too rarely.

Every reason of passes/reasons.def, every kind of loop, reduction, private variable and test at a nest's entry, every way
in which a kernel may end, and every form of the generator is a counter. PER says how often each has to be hit in 50,000
kernels; what cannot be is listed in RARE, with why."""
import collections
import json
import pathlib
import re

REASONS = pathlib.Path(__file__).resolve().parents[2] / "passes/reasons.def"
LEAST, PER = 100, 50000

EXPECTED = [f"loop {kind} {decision}" for kind in ("range", "prange", "array") for decision in ("parallel", "serial")]
EXPECTED += [f"reduction by {op}" for op in ("add", "mul", "min", "max", "and", "or", "xor", "argmin", "argmax")]
EXPECTED += [f"reduction into an array by {op}" for op in ("add", "mul", "min", "max", "npmin", "npmax", "and", "or", "xor")]
EXPECTED += ["reduction into an array element", "private variable", "last value", "loop with tile", "loop with fused_with",
             "loop for vectors", "baseline code", "outcome returns", "outcome raises IndexError", "outcome raises ValueError",
             "outcome raises ZeroDivisionError"]
EXPECTED += [f"test at entry ({kind}): {how}" for kind in ("overlap", "ranges", "arithmetic")
             for how in ("all held", "some failed")]

# Reasons that whole kernels cannot be made to show, or not often, and why.
RARE = {
    "reason ITERATOR_ASSIGNED": "simplify gives such a loop a variable of its own; it takes a kernel with that pass off",
    "reason CHECKED": "race='check' is asked for by name; tests/python have kernels for it",
    "reason INSIDE_CHECKED": "as CHECKED",
    "reason UNROLLED": "a loop over a tuple is written out before the passes see it; tests/python/test_report.py has some",
    "reason RACY": "a prange that is proven racy is refused unless race='trust' is asked for, and then anything may come out",
}


def reasons():
    return re.findall(r"^REASON\((\w+),", REASONS.read_text(), re.M)


def guards_of(entry):
    """Kinds of the tests that a loop has at its entry."""
    kinds = set()
    for guard in filter(None, (entry["guards"] or "").split("; ")):
        kinds.add("overlap" if "overlap" in guard else "arithmetic" if "arithmetic" in guard else "ranges")
    return kinds


def traits(entry):
    """Counters of one loop of the report."""
    yield f"reason {entry['reason']}"
    yield f"loop {entry['kind']} {entry['decision']}"
    for reduction in re.split(r", (?![^\[]*\])", entry["reductions"] or ""):  # not between subscripts
        if " " not in reduction:  # what belongs to an argmin before it
            continue
        if reduction.endswith("[:]"):
            yield f"reduction into an array by {reduction.split(' ')[0]}"
            continue
        yield f"reduction by {reduction.split(' ')[0]}"
        if reduction.split(" ")[-1][0] == "a":
            yield "reduction into an array element"
    if entry["private"]:
        yield "private variable"
        if "(last)" in entry["private"]:
            yield "last value"
    for key in ("tile", "fused_with"):
        if entry[key]:
            yield f"loop with {key}"
    if entry["vector"]:
        yield "loop for vectors"


def of_run(kernel, report, outcome, exact_runs):
    """Counters of one kernel. `exact_runs`: how often a test at a nest's entry failed."""
    counted, guarded = collections.Counter(), set()
    for entry in report:
        counted.update(traits(entry))
        guarded |= guards_of(entry)
    for kind in guarded:
        counted[f"test at entry ({kind}): " + ("some failed" if exact_runs else "all held")] += 1
    counted[f"outcome raises {outcome}" if outcome else "outcome returns"] += 1
    counted.update({f"made {k}": v for k, v in kernel.features.items()})
    return counted


def rare(counters, kernels):
    """Counters that are hit less than LEAST times in PER kernels, with the number scaled to PER."""
    wanted = EXPECTED + [f"reason {code}" for code in reasons()] + [k for k in counters if k.startswith("made ")]
    scaled = {k: counters.get(k, 0) * PER / max(kernels, 1) for k in wanted if k not in RARE}
    return {k: v for k, v in scaled.items() if v < LEAST}


def print_table(counters, kernels):
    width = max(map(len, counters), default=0)
    for name, hits in sorted(counters.items()):
        print(f"    {name:{width}} {hits:8} {hits * PER / max(kernels, 1):10.0f}")
    print_rare(counters, kernels)


def print_rare(counters, kernels):
    if kernels < PER / LEAST:
        return
    few = rare(counters, kernels)
    print(f"counters of {kernels} kernels; hit less than {LEAST} times in {PER}: "
          + (", ".join(f"{k} ({v:.0f})" for k, v in few.items()) or "none"))


def add_to_file(path, counters, kernels):
    """Adds to what the file has; prints the sum."""
    old = json.loads(path.read_text()) if path.exists() else {"kernels": 0, "counters": {}}
    total, kernels = collections.Counter(old["counters"]), old["kernels"] + kernels
    total.update(counters)
    path.write_text(json.dumps({"kernels": kernels, "rare": rare(total, kernels), "counters": dict(sorted(total.items()))},
                               indent=1))
