"""The parallel report: what users read about their loops. Each test is a claim of docs/report.md."""
import ast
import inspect
import os
import pathlib
import re
import subprocess
import sys

import numpy as np
import pytest
from test_cli import PLAIT

import plait
from plait import njit, prange

KEYS = "line col kind decision reason text reductions private guards schedule tile fused_with".split()


def report_of(function, *args, **options):
    kernel = njit(parallel=True, **options)(function)
    kernel(*args)
    return kernel.parallel_report()


def lines_of(function, report):
    return [e["line"] - function.__code__.co_firstlineno for e in report]


# ---- entries ---------------------------------------------------------------------------------------------------------------


def many(a, k):
    total = 0.0
    for x in a:
        total += x
    for i in range(3):
        for j in (1, 2, 3):
            total += j * a[i]
    for i in range(0):
        total += 1.0
    for i, (x, y) in enumerate(zip(a, k)):
        total += x * y
    for i in prange(len(k)):
        k[i] = 1.0
    c = np.array([x * 2.0 for x in a])
    return total + np.sum(c * c) + np.linalg.norm(k) + sum(x for x in a)


def test_every_loop_of_the_source_has_an_entry_with_the_same_keys():
    report = report_of(many, np.ones(9), np.ones(9))
    assert {2, 4, 5, 7, 9, 11, 13, 14} == set(lines_of(many, report))
    for e in report:
        assert set(KEYS) <= set(e)
        assert e["kind"] in ("range", "prange", "array") and e["decision"] in ("parallel", "serial")
        assert e["reason"] and e["text"]
        assert isinstance(e["fused_with"], list)
        for key in ("reductions", "private", "guards", "schedule", "tile"):
            assert e[key] is None or isinstance(e[key], str) and e[key]


def test_entries_stand_in_the_order_of_the_source_and_in_the_users_file():
    report = report_of(many, np.ones(9), np.ones(9))
    places = [(e["line"], e["col"]) for e in report]
    assert places == sorted(places)
    assert {e["file"] for e in report} == {__file__} and {e["function"] for e in report} == {"many"}


def test_a_loop_over_a_tuple_is_unrolled():
    (entry,) = [e for e in report_of(many, np.ones(9), np.ones(9)) if e["reason"] == "UNROLLED"]
    assert entry["decision"] == "serial" and entry["line"] - many.__code__.co_firstlineno == 5




def test_only_innermost_loops_are_for_vectors():
    def f(a, b):
        for i in range(a.shape[0]):
            for j in range(a.shape[1]):
                for k in range(a.shape[2]):
                    b[i, j, k] = a[i, j, k] + 1.0

    report = report_of(f, np.ones((9, 9, 9)), np.ones((9, 9, 9)))
    assert [e["vector"] for e in report] == [False, False, True]


def test_fused_loops_name_one_another():
    def f(a):
        n, m = a.shape
        c = np.empty((n, m))
        b = np.empty((n, m))
        for i in range(n):
            for j in range(m):
                c[i, j] = a[i, j] * 2.0
        for i in range(n):
            for j in range(m):
                b[i, j] = c[i, j] + 1.0
        return b

    first, inner, second, inside = report_of(f, np.ones((9, 9)))
    place = lambda e: f"{e['line']}:{e['col']}"
    assert first["fused_with"] == [place(second)] and second["fused_with"] == [place(first)]
    assert inner["fused_with"] == [place(inside)] and inside["fused_with"] == [place(inner)]
    assert f"the loop at line {first['line']}, column {first['col']}," in second["text"]


def test_an_accumulator_that_is_read_gets_the_line_that_reads_it():
    def compact(x):
        out = np.empty_like(x)
        k = 0
        for i in range(len(x)):
            if x[i] > 0.5:
                out[k] = x[i]
                k += 1
        return out[:k]

    def smooth(x):
        s = 0.0
        for i in range(len(x)):
            s = 0.5 * s + x[i]
        return s

    (entry,) = [e for e in report_of(compact, np.ones(9)) if e["kind"] == "range"]
    line = compact.__code__.co_firstlineno + 5
    assert entry["reason"] == "CARRIED_SCALAR" and f"k would be a reduction if line {line} did not use it" in entry["hint"]
    (entry,) = [e for e in report_of(smooth, np.ones(9)) if e["kind"] == "range"]
    assert entry["reason"] == "CARRIED_SCALAR" and "would be a reduction" not in entry["hint"]


def test_a_search_that_is_too_short_for_blocks_is_called_so():
    def few(x):
        best, at = x[0], 0
        for i in range(3200):
            if x[i] < best:
                best = x[i]
                at = i
        return best, at

    def many(x):
        best, at = x[0], 0
        for i in range(32000):
            if x[i] < best:
                best = x[i]
                at = i
        return best, at

    def carried(x):
        best, at = x[0], 0
        for i in range(3200):
            if x[i] < best:
                best = 0.5 * best + x[i]
                at = i
        return best, at

    x = np.arange(32000.0)
    assert [report_of(f, x)[0]["reason"] for f in (few, many, carried)] == ["SMALL", "REDUCTION", "CARRIED_SCALAR"]
    assert "has only 3200 iterations" in report_of(few, x)[0]["text"]


def test_what_the_hint_at_a_loop_that_is_left_early_says_helps():
    def first(x):
        n, found = len(x), False
        for i in range(len(x)):
            found |= x[i] > 0.5
            if x[i] > 0.5:
                n = min(n, i)
        return n, found

    (entry,) = report_of(first, np.ones(9))
    assert entry["decision"] == "parallel" and entry["reason"] == "REDUCTION"


def test_of_conditions_on_one_number_the_strongest_is_listed():
    def f(before, after):
        for t in range(3):
            for i in range(1, after.shape[0] - 1):
                after[i] = before[i - 1] + before[i + 1] + before[i]
            before, after = after, before
        return before

    for e in report_of(f, np.ones(9), np.ones(9)):
        listed = (e["guards"] or "").split("; ")
        bounds = [g.split(" >= ")[0] + re.sub(r" [+-] \d+$", "", g.split(" >= ")[1]) for g in listed if " >= " in g]
        assert len(bounds) == len(set(bounds)), listed


@njit
def root_of(x):
    E = x
    for _ in range(5):
        E = 0.5 * (E + x / E)
    return E


def test_private_variables_of_called_functions_are_said_to_be_theirs():
    def f(a):
        E = np.empty(len(a))
        for i in range(len(a)):
            twice = 2.0 * a[i]
            E[i] = root_of(twice) + root_of(a[i])
        return E

    (entry,) = [e for e in report_of(f, np.ones(9)) if e["kind"] == "range" and e["decision"] == "parallel"]
    private = entry["private"].split(", ")
    assert "E of root_of()" in private and "twice" in private and "E" not in private
    assert len(private) == len(set(private))


def test_a_place_that_is_several_loops_is_named_once():
    def f(a):
        s = a.std(axis=0)
        s[s == 0] = 1
        return s

    for e in report_of(f, np.ones((9, 9))):
        assert len(e["fused_with"]) == len(set(e["fused_with"])) and f"{e['line']}:{e['col']}" not in e["fused_with"]


# ---- words -----------------------------------------------------------------------------------------------------------------


def test_reductions_and_races_call_arrays_by_their_names():
    def f(k, n):
        counts = np.zeros(n, np.int64)
        for i in range(len(k)):
            counts[k[i]] += 1
        running = np.zeros(n)
        for i in range(1, n):
            running[i] = running[i - 1] * counts[i]
        return running

    counts, running = [e for e in report_of(f, np.arange(5000) % 7, 50) if e["kind"] == "range"]
    assert counts["reductions"] == "add counts[:]" and "counts" in counts["text"]
    assert "running[1]" in running["text"]

    def racy(n):
        out = np.zeros(n)
        for i in prange(1, n):
            out[i] = out[i - 1] + 1.0
        return out

    with pytest.raises(plait.ParallelRaceError, match=r"`out` is written by one.*touch out\[1\]"):
        njit(parallel=True)(racy)(9)


def test_a_sum_without_a_name_is_called_a_sum_and_a_promoted_element_as_it_is_written():
    def f(a, y):
        for i in range(len(a)):
            y[3] += a[i]
        return np.sum(a * a)

    element, total = report_of(f, np.ones(9000), np.ones(9))
    assert element["reductions"] == "add y[3]"
    assert re.fullmatch(r"add a sum made in line \d+", total["reductions"])


def test_guards_are_conditions_in_the_words_of_the_source():
    def f(indptr, data, x, y, m):
        for i in range(len(indptr) - 1):
            total = 0.0
            for p in range(indptr[i], indptr[i + 1]):
                total += data[p] * x[m]
            y[i] = total

    n = 500
    outer, inner = report_of(f, np.arange(n + 1), np.ones(n), np.ones(9), np.ones(n), 2)
    text = f"{outer['guards']}; {inner['guards']}"
    assert "…" not in text and "intermediate" not in text
    assert "indptr[i] >= 0" in inner["guards"] and "data.shape[0] >= indptr[i + 1]" in inner["guards"]
    assert re.search(r"y does not overlap .*data", outer["guards"]) or "data does not overlap y" in outer["guards"]


def test_of_guards_on_one_extent_the_strongest_is_listed():
    def f(a):
        total = 0.0
        for i in range(a.shape[0]):
            total += a[i, 0] + a[i, 1] + a[i, 2]
        return total

    (entry,) = report_of(f, np.ones((2000, 3)))
    assert entry["guards"] == "a.shape[1] >= 3"


def test_a_witness_of_what_is_only_possible_says_may():
    def f(a, m):
        for i in range(len(a)):
            if a[i] > m:
                a[0] = a[i]

    (entry,) = report_of(f, np.ones(3000), 2.0)
    assert entry["reason"] == "CARRIED" and "may both touch" in entry["text"], entry


# ---- races that are asked for ----------------------------------------------------------------------------------------------


def chain(a):
    for i in prange(1, len(a)):
        a[i] = a[i - 1] + 1.0


@pytest.mark.parametrize("race", ["warn", "trust"])
@pytest.mark.filterwarnings("ignore")
def test_a_proven_race_that_is_let_through_is_called_proven(race):
    (entry,) = report_of(chain, np.zeros(9), race=race)
    assert entry["decision"] == "parallel" and entry["reason"] == "RACY"
    assert "proven racy" in entry["text"] and "iterations i = 1 and i = 2 both touch a[1]" in entry["text"]
    assert "range()" in entry["hint"]


def test_race_without_parallel_warns_that_it_has_no_effect():
    a = np.zeros(5)
    with pytest.warns(plait.PlaitWarning, match=r"race='error' has no effect without parallel=True"):
        njit(race="error")(chain)(a)
    assert list(a) == [0, 1, 2, 3, 4]


# ---- what is printed -------------------------------------------------------------------------------------------------------


def test_diagnostics_before_any_call_say_what_to_do(capsys):
    kernel = njit(parallel=True)(many)
    kernel.parallel_diagnostics()
    said = capsys.readouterr().out
    assert "not compiled yet" in said and "call it first" in said
    assert kernel.parallel_report() == []
    with pytest.raises(KeyError, match="not compiled for"):
        kernel.parallel_report("f8(f8)")


def test_diagnostics_say_how_regions_run_and_who_said_so(capsys):
    def f(a):
        for i in range(len(a)):
            a[i] += 1.0
        while a[0] > 1.0:
            a[0] -= 1.0

    kernel = njit(parallel=True, schedule="dynamic", chunk=7)(f)
    kernel(np.ones(9))
    kernel.parallel_diagnostics()
    said = capsys.readouterr().out
    assert "schedule dynamic (the decorator); chunk 7 (the decorator)" in said and re.search(r"threads \d+ \(", said)
    assert "work: about" in said and "schedule: dynamic" in said
    assert re.search(r"while +\|", said) and "while: runs in order" in said


# ---- docs/report.md --------------------------------------------------------------------------------------------------------


ROOT = pathlib.Path(__file__).parents[2]
GUIDE = ROOT / "docs" / "report.md"
BLESS = os.environ.get("PLAIT_BLESS") == "1"


def reasons():
    """{code: (sentence, what would change it)} of passes/reasons.def."""
    text = re.sub(r"/\*.*?\*/", "", (ROOT / "passes" / "reasons.def").read_text(), flags=re.S)
    found = {}
    for code, rest in re.findall(r"REASON\((\w+),\s*(.*?)\)\n", text + "\n", re.S):
        parts = re.findall(r'"((?:[^"\\]|\\.)*)"|(NULL)', rest)
        found[code] = tuple(None if null else sentence.replace("%s", "…").replace("|", "\\|") for sentence, null in parts)
    return found


def table_of_reasons():
    rows = [f"| `{code}` | {sentence} | {hint or ''} |" for code, (sentence, hint) in reasons().items()]
    return "\n".join(["| code | says | what would change it |", "| --- | --- | --- |", *rows])


def test_the_guide_lists_every_reason_as_users_see_it():
    text = GUIDE.read_text()
    start, end = text.index("<!-- reasons:"), text.index("<!-- end -->")
    start = text.index("\n", start) + 1
    assert len(reasons()) > 25
    if BLESS:
        GUIDE.write_text(text[:start] + "\n" + table_of_reasons() + "\n\n" + text[end:])
    assert text[start:end].strip() == table_of_reasons(), "PLAIT_BLESS=1 writes it anew"


def without_estimates(text):
    return re.sub(r"about \d+ operations", "about N operations", text)


@pytest.mark.skipif(PLAIT is None, reason="the command is not built")
def test_the_guide_shows_what_explain_says():
    said = subprocess.run([PLAIT, "explain", "docs/pagerank.py"], cwd=ROOT, capture_output=True, text=True, timeout=60).stdout
    text = GUIDE.read_text()
    start = text.index("```\n") + 4
    end = text.index("```\n", start)
    if BLESS:
        GUIDE.write_text(text[:start] + said + text[end:])
    assert without_estimates(text[start:end]) == without_estimates(said), "PLAIT_BLESS=1 writes it anew"
    for line in re.findall(r"^\*\*Lines? (\d+)", text, re.M):
        assert re.search(rf"^ *{line}  (PARALLEL|vector|serial|while) ", said, re.M), line


def test_the_guides_kernel_computes():
    import importlib.util

    spec = importlib.util.spec_from_file_location("pagerank", ROOT / "docs" / "pagerank.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    starts, sources = np.array([0, 2, 3, 6, 7]), np.array([1, 2, 0, 0, 1, 3, 2])
    np.testing.assert_allclose(module.pagerank(starts, sources, 0.85), module.pagerank.py_func(starts, sources, 0.85))


def test_every_field_is_in_the_guide():
    text = GUIDE.read_text()
    for key in report_of(many, np.ones(9), np.ones(9))[0]:
        assert re.search(rf"`[\w, ]*\b{key}\b[\w, ]*`", text), key


# ---- every kernel of the repository -----------------------------------------------------------------------------------------

sys.path.insert(0, str(ROOT))


def kernels():
    from perf.kernels import loops, polybench

    for name in loops.NAMES:
        yield pytest.param(loops.function_of(name), lambda name=name: loops.arguments_of(name), id=f"loops-{name}")
    for name in polybench.NAMES:
        function, inputs, sizes = polybench.load(name)
        make = lambda inputs=inputs, sizes=sizes: inputs(sizes["MINI"], np.random.default_rng(7))
        yield pytest.param(function, make, id=f"polybench-{name}")


def loops_of(function):
    """(line, column) of the function's for loops."""
    lines, first = inspect.getsourcelines(function)
    tree = ast.parse("".join(lines))
    return {(n.lineno + first - 1, n.col_offset) for n in ast.walk(tree) if isinstance(n, ast.For)}


@pytest.mark.parametrize("function, arguments", kernels())
def test_the_report_of_every_kernel_is_complete_and_in_the_words_of_the_source(function, arguments):
    kernel = njit(parallel=True)(function)
    kernel.compile(tuple(plait.typeof(a) for a in arguments()))
    report = kernel.parallel_report()
    own = [e for e in report if e["function"] == function.__name__]
    assert loops_of(function) <= {(e["line"], e["col"]) for e in own}
    places = {f"{e['line']}:{e['col']}" for e in report}
    for e in report:
        assert set(KEYS) <= set(e) and e["reason"] in reasons()
        assert e["kind"] in ("range", "prange", "array") and e["decision"] in ("parallel", "serial")
        assert e["schedule"] if e["decision"] == "parallel" else True
        assert set(e["fused_with"]) <= places
        for key in ("text", "hint", "reductions", "private", "guards"):
            words = e[key] or ""
            assert "…" not in words and "temporary" not in words and "%" not in re.sub(r"\w\)? % ", "", words), e
