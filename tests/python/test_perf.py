"""plait perf: what is measured, what is written, what is decided, what is drawn. No test looks at how long anything takes."""
import itertools
import json
import math
import os
import pathlib
import pty
import re
import shutil
import statistics
import subprocess
import sys

import numpy as np
import pytest

ROOT = pathlib.Path(__file__).parents[2]
SANITISED = "asan" in os.environ.get("LD_PRELOAD", "")

KERNELS = '''
import numpy as np
from plait import njit

@njit
def scale(a, x):
    for i in range(len(x)):
        x[i] *= a

@njit
def total(x):
    s = 0.0
    for i in range(len(x)):
        s += x[i]
    return s

@njit
def doubled(x):
    return x * 2

@njit
def grows(x):
    if x[0] != 1.0:
        raise ValueError("called with what it left")
    x[0] = 2.0

@njit
def fails(x):
    return x[10 ** 9]

@njit
def says(x):
    print("words on the standard output")
    return x[0]

@njit
def wrong(x):
    return x.nothing

@njit(boundscheck=False)
def crashes(x):
    for i in range(2 ** 30, 2 ** 31):
        x[i * 2 ** 10] = 1.0

@njit
def takes(a, b, c, d):
    return a + d + len(c) + (1 if b else 0)
'''


@pytest.fixture(scope="module")
def command():
    return shutil.which("plait", path=os.environ.get("PLAIT_BUILD_DIR", str(ROOT / "build/release")))


@pytest.fixture
def perf(command, tmp_path):
    (tmp_path / "k.py").write_text(KERNELS)
    environment = {**os.environ, "PLAIT_CACHE_DIR": str(tmp_path / "cache")}

    def run(*words, status=0):
        done = subprocess.run([command, "perf", *map(str, words)], cwd=tmp_path, env=environment, capture_output=True, text=True,
                              timeout=300)
        assert done.returncode == status, (done.returncode, done.stdout, done.stderr)
        return done

    return run


QUICK = "processes: 2\nbudget: 0.02\n"


def measure(perf, tmp_path, kernels, *words, status=0, head=QUICK):
    (tmp_path / "s.yaml").write_text(head + "kernels:\n" + kernels)
    done = perf("run", "s.yaml", *words, status=status)
    return done


TOTAL = "- {kernel: k.py:total, sizes: {n: [10, 3000]}, threads: [1], bytes: 8 * n, flops: n, arguments: [{shape: n}]}\n"


# ---- running ------------------------------------------------------------------------------------------------------------

def test_a_run_is_a_file_of_pyperf(perf, tmp_path):
    pyperf = pytest.importorskip("pyperf")
    measure(perf, tmp_path, TOTAL, "-o", "new.json", "--commit", "abc123")
    suite = pyperf.BenchmarkSuite.load(str(tmp_path / "new.json"))
    assert sorted(suite.get_benchmark_names()) == ["total compile cold", "total compile warm", "total n=10 threads=1",
                                                   "total n=3000 threads=1"]
    b = suite.get_benchmark("total n=3000 threads=1")
    assert b.get_nrun() >= 2 and b.get_unit() == "second" and 0 < b.median() < 10
    facts = b.get_metadata()
    assert facts["commit"] == "abc123" and facts["plait_bytes"] == 24000 and facts["plait_flops"] == 3000
    assert facts["plait_threads"] == 1 and json.loads(facts["plait_sizes"]) == {"n": 3000} and facts["plait_version"]
    assert facts["cpu_count"] >= 1 and re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", facts["plait_date"])
    (limits,) = json.loads(facts["plait_limits"])
    assert limits["threads"] == 1 and limits["flops"] > 0 and all(level["bytes"] > 0 for level in limits["levels"])


def test_commands_of_pyperf_read_it(perf, tmp_path):
    pytest.importorskip("pyperf")
    for name in ("a.json", "b.json"):
        measure(perf, tmp_path, TOTAL, "-o", name, "--no-compile")
    for words in (["stats", "a.json"], ["compare_to", "a.json", "b.json"], ["check", "a.json"], ["show", "--dump", "a.json"]):
        done = subprocess.run([sys.executable, "-m", "pyperf", *words], cwd=tmp_path, capture_output=True, text=True)
        assert "Traceback" not in done.stderr and "total" in done.stdout, done.stderr


def test_limits_are_kept(perf, tmp_path):
    measure(perf, tmp_path, TOTAL, "--no-compile")
    (kept,) = (tmp_path / "cache").glob("limits-*-1.json")
    known = json.loads(kept.read_text())
    known["flops"] = 1e30
    kept.write_text(json.dumps(known))
    measure(perf, tmp_path, TOTAL, "--no-compile", "-o", "x.json")
    limits = json.loads(json.loads((tmp_path / "x.json").read_text())["metadata"]["plait_limits"])
    assert limits[0]["flops"] == 1e30
    kept.write_text("{")
    measure(perf, tmp_path, TOTAL, "--no-compile")
    assert json.loads(kept.read_text())["flops"] < 1e30


def test_the_table(perf, tmp_path):
    done = measure(perf, tmp_path, TOTAL)
    assert re.search(r"^total n=3000 threads=1 .*s .* GB/s .* GFLOP/s +\d+ % of the roof$", done.stdout, flags=re.M)
    assert not done.stderr
    assert not measure(perf, tmp_path, TOTAL, "--quiet").stdout


def test_arguments_and_results_of_every_kind(perf, tmp_path):
    np.save(tmp_path / "x.npy", np.arange(5, dtype=np.int16))
    measure(perf, tmp_path, """
- {kernel: k.py:takes, arguments: [1.5, true, {file: x.npy}, 7]}
- {kernel: k.py:doubled, arguments: [{shape: [3, 4], dtype: complex64, distribution: normal, order: F}]}
- {kernel: k.py:says, arguments: [{shape: 2, dtype: float32}]}
""", "-o", "x.json")
    assert len(json.loads((tmp_path / "x.json").read_text())["benchmarks"]) == 9


def test_changed_arguments_are_restored(perf, tmp_path):
    grows = "- {kernel: k.py:grows, threads: [1], arguments: [{shape: 3, distribution: ones}]%s}\n"
    measure(perf, tmp_path, grows % "")
    measure(perf, tmp_path, grows % ", restore: always")
    done = measure(perf, tmp_path, grows % ", restore: never", status=1)
    assert "grows threads=1: k.grows raised ValueError: called with what it left" in done.stderr


def test_only_some_benchmarks(perf, tmp_path):
    done = measure(perf, tmp_path, TOTAL, "--only", "n=10")
    assert "n=10" in done.stdout and "n=3000" not in done.stdout and "compile" not in done.stdout
    assert "no benchmark's name holds 'what'" in measure(perf, tmp_path, TOTAL, "--only", "what", status=1).stderr


def test_threads_that_the_machine_lacks_are_left_out(perf, tmp_path):
    done = measure(perf, tmp_path, "- {kernel: k.py:total, threads: [1, 100000], arguments: [{shape: 9}]}\n")
    assert "total: 100000 threads are left out" in done.stderr and "threads=1 " in done.stdout


def test_progress_is_for_terminals(command, perf, tmp_path):
    measure(perf, tmp_path, TOTAL)
    ours, theirs = pty.openpty()
    done = subprocess.run([command, "perf", "run", "s.yaml", "--no-compile"], cwd=tmp_path, stdout=subprocess.PIPE, stderr=theirs,
                          timeout=300)
    os.close(theirs)
    seen = os.read(ours, 1 << 20).decode()
    os.close(ours)
    assert done.returncode == 0 and re.search(r"\[#* *\] +\d+ %", seen) and b"[#" not in done.stdout


# ---- baselines ------------------------------------------------------------------------------------------------------------

def test_baseline_of_the_suite(perf, tmp_path):
    measure(perf, tmp_path, """
- {kernel: k.py:total, baseline: {options: {fastmath: true}}, threads: [1], arguments: [{shape: 1000}]}
- {kernel: k.py:doubled, baseline: {kernel: k.py:doubled}, threads: [1], arguments: [{shape: 10}]}
- {kernel: k.py:says, threads: [1], arguments: [{shape: 10}]}
""", "-o", "new.json")
    new, old = (json.loads((tmp_path / name).read_text()) for name in ("new.json", "new.baseline.json"))
    assert new["metadata"]["plait_session"] == old["metadata"]["plait_session"]
    assert {new["metadata"]["plait_role"], old["metadata"]["plait_role"]} == {"candidate", "baseline"}
    assert len(new["benchmarks"]) == 9 and len(old["benchmarks"]) == 6  # each with two compiles
    for b in old["benchmarks"]:
        (twin,) = (x for x in new["benchmarks"] if x["metadata"]["name"] == b["metadata"]["name"])
        assert [len(r["values"]) for r in twin["runs"]] == [len(r["values"]) for r in b["runs"]]


def test_a_slow_down_fails_and_none_does_not(command, perf, tmp_path):
    words = ["--baseline", command, "--processes", "12", "--budget", "0.3", "--no-compile", "-o", "new.json"]
    measure(perf, tmp_path, TOTAL, "--only", "n=3000", "--slow-down", "900%", *words)
    done = perf("compare", "new.json", status=1)
    assert "slower: FAILS" in done.stdout and "1 of 1 slower than allowed" in done.stdout and "paired" in done.stdout
    assert perf("compare", "new.json", "new.baseline.json").returncode == 0  # the other way round it is faster


def test_a_baseline_that_is_no_plait(perf, tmp_path):
    for program, message in (("/bin/true", "no plait"), ("/no/such/file", "No such file"), ("/bin/cat", "no plait")):
        assert message in measure(perf, tmp_path, TOTAL, "--baseline", program, status=1).stderr


def test_files_as_they_were(perf, tmp_path):
    (tmp_path / "was").mkdir()
    slow = KERNELS.replace("s += x[i]", "for k in range(100):\n            s += x[i] * k / (s + 1)")
    (tmp_path / "was/k.py").write_text(slow.replace("def says", "def said"))
    done = measure(perf, tmp_path, TOTAL + "- {kernel: k.py:says, arguments: [{shape: 1}]}\n", "--baseline", "was", "--processes", "12",
                   "--budget", "0.3", "-o", "new.json", "--no-compile")
    assert "says threads" in done.stdout and "has no baseline: was/k.py has no function 'says'" in done.stderr
    assert "faster" in perf("compare", "new.json").stdout
    perf("compare", "new.json", "new.baseline.json", status=1)
    measure(perf, tmp_path, TOTAL, "-o", "new.json", "--no-compile")
    assert not (tmp_path / "new.baseline.json").exists()


def git(folder, *words):
    subprocess.run(["git", "-c", "user.name=n", "-c", "user.email=e@example.org", *words], cwd=folder, check=True, capture_output=True)


@pytest.mark.skipif(shutil.which("git") is None, reason="no git here")
def test_the_example_for_ci(command, tmp_path):
    shutil.copytree(ROOT / "examples/perf", tmp_path / "repository/perf", ignore=shutil.ignore_patterns("results"))
    repository = tmp_path / "repository"
    git(repository, "init", "-b", "main")
    git(repository, "add", ".")
    git(repository, "commit", "-m", "first")
    git(repository, "checkout", "-b", "work")
    environment = {**os.environ, "PATH": f"{pathlib.Path(command).parent}:{os.environ['PATH']}", "PLAIT_CACHE_DIR": str(tmp_path / "cache")}

    def ci(status):
        words = ["perf/ci.sh", "main", "--processes", "12", "--budget", "0.3", "--no-compile", "--only", "axpy n=1000 threads=1"]
        done = subprocess.run(words, cwd=repository, env=environment, capture_output=True, text=True, timeout=300)
        assert done.returncode == status, (done.returncode, done.stdout, done.stderr)
        return done.stdout

    kernels = repository / "perf/kernels.py"
    kernels.write_text(kernels.read_text().replace("y[i] += a * x[i]", "y[i] += a * math.sin(math.sin(math.sin(x[i])))"))
    git(repository, "commit", "-am", "slower")
    assert "slower: FAILS" in ci(1)
    kernels.write_text(kernels.read_text().replace("math.sin(math.sin(math.sin(x[i])))", "x[i]"))
    git(repository, "commit", "-am", "as before")
    assert "0 of 1 slower than allowed" in ci(0)
    assert len(list((repository / "perf/results").glob("*.json"))) == 4 and (repository / "perf/results/report.html").exists()
    left = subprocess.run(["git", "worktree", "list"], cwd=repository, capture_output=True, text=True).stdout
    assert len(left.splitlines()) == 1


# ---- what is wrong ----------------------------------------------------------------------------------------------------------

WRONG = {
    "no file": ("- {kernel: none.py:f, arguments: []}\n", "none.py: No such file"),
    "no function": ("- {kernel: k.py:f, arguments: []}\n", "k.py has no function 'f'"),
    "too few arguments": ("- {kernel: k.py:total, arguments: []}\n", "total() takes 1 argument but"),
    "types": ("- {kernel: k.py:wrong, arguments: [{shape: 3}]}\n", "nothing"),
    "raises": ("- {kernel: k.py:fails, arguments: [{shape: 3}]}\n", "k.fails raised IndexError"),
    "no npy": ("- {kernel: k.py:total, arguments: [{file: none.npy}]}\n", "none.npy: error: No such file"),
    "huge": ("- {kernel: k.py:total, arguments: [{shape: 9999999999999}]}\n", "memory has room for"),
    "nothing to draw": ("- {kernel: k.py:total, arguments: [{shape: 3, distribution: integers, low: 5, high: 5}]}\n", "there are none"),
    "signature": ("- {kernel: k.py:total, signature: 'f8(f4[:])', arguments: [{shape: 3}]}\n", "does not suit the signature"),
    "no signature": ("- {kernel: k.py:total, signature: 'f8(', arguments: [{shape: 3}]}\n", "error"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_be_measured_is_said_and_the_rest_measured(name, perf, tmp_path):
    suite, message = WRONG[name]
    done = measure(perf, tmp_path, suite + "- {kernel: k.py:says, arguments: [{shape: 1}]}\n", status=1)
    assert message in done.stderr and "says threads" in done.stdout
    assert done.stderr.count(message) <= 4  # not once for each process


@pytest.mark.skipif(SANITISED, reason="the sanitizer reports the crash that is meant")
def test_a_crash_is_told_by_its_signal(perf, tmp_path):
    done = measure(perf, tmp_path, "- {kernel: k.py:crashes, arguments: [{shape: 3}]}\n" + TOTAL, "-o", "x.json", status=1)
    assert re.search(r"crashes threads=\d+: the process that measured ended by signal 11", done.stderr)
    names = {b["metadata"]["name"] for b in json.loads((tmp_path / "x.json").read_text())["benchmarks"]}
    assert "total n=10 threads=1" in names and not any("crashes threads" in n for n in names)


@pytest.mark.parametrize("bytes_", [b"", b"\x93NUMPY", b"\x93NUMPY\x01\x00\xff\xff", b"\x93NUMPY\x01\x00\x02\x00{}",
                                    b"\x93NUMPY\x01\x00\x76\x00" + b"{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999,), }".ljust(117) + b"\n"])
def test_broken_npy_files(bytes_, perf, tmp_path):
    (tmp_path / "x.npy").write_bytes(bytes_)
    assert "x.npy: error: " in measure(perf, tmp_path, "- {kernel: k.py:total, arguments: [{file: x.npy}]}\n", status=1).stderr


def test_wrong_suites_have_a_place(perf, tmp_path):
    (tmp_path / "s.yaml").write_text("kernels:\n  - {kernel: k.py:total, argumnets: []}\n")
    done = perf("run", "s.yaml", status=1)
    assert done.stderr.startswith("s.yaml:2:26: error: in a kernel the key 'argumnets' is not known\n")
    assert done.stderr.endswith("did you mean 'arguments'?\n")
    assert "two benchmarks are called" in measure(perf, tmp_path, TOTAL * 2, status=1).stderr
    assert "No such file" in perf("run", "none.yaml", status=1).stderr


@pytest.mark.parametrize("words", [[], ["what"], ["run"], ["run", "a", "b"], ["compare"], ["compare", "a", "b", "c"], ["report"],
                                   ["report", "a.json"], ["run", "a", "--processes", "1"], ["run", "a", "--precision", "x"],
                                   ["run", "a", "--budget", "0"], ["compare", "a", "b", "--fail-above", "-5%"],
                                   ["compare", "a", "b", "--fail-above", "5%%"]])
def test_misuse(words, perf):
    assert "(plait COMMAND --help)" in perf(*words, status=2).stderr


# ---- comparing ----------------------------------------------------------------------------------------------------------------

def write(path, benchmarks, **metadata):
    """{name: [values of each process]}"""
    path.write_text(json.dumps({"version": "1.0", "metadata": metadata, "benchmarks": [
        {"metadata": {"name": name, "unit": "second"},
         "runs": [{"values": values, "metadata": {"plait_process": i}} for i, values in enumerate(runs)]}
        for name, runs in benchmarks.items()]}))


def processes(rng, n, factor=1.0, rounds=5):
    return [(factor * np.exp(rng.normal(0, 0.005) + rng.normal(0, 0.01, rounds))).tolist() for _ in range(n)]


def test_verdicts_and_exit_statuses(perf, tmp_path):
    rng = np.random.default_rng(1)
    write(tmp_path / "old.json", {"same": processes(rng, 10), "slow": processes(rng, 10), "bit": processes(rng, 10),
                                  "fast": processes(rng, 10), "gone": processes(rng, 10)})
    write(tmp_path / "new.json", {"same": processes(rng, 10), "slow": processes(rng, 10, 1.2), "bit": processes(rng, 10, 1.025),
                                  "fast": processes(rng, 10, 0.7), "added": processes(rng, 10)})
    done = perf("compare", "old.json", "new.json", status=1)
    verdict = lambda name: re.search(rf"^{name} .*  (\S.*)$", done.stdout, flags=re.M).group(1)
    assert [verdict(n) for n in ("same", "slow", "bit", "fast")] == ["unchanged", "slower: FAILS", "slower, below the threshold",
                                                                     "faster"]
    assert "only in old.json: gone" in done.stdout and "only in new.json: added" in done.stdout
    perf("compare", "old.json", "new.json", "--fail-above", "30%")
    perf("compare", "old.json", "new.json", "--fail-above", "0.3")
    assert "2 of 4 slower" in perf("compare", "old.json", "new.json", "--fail-above", "0%", status=1).stdout


def test_a_single_run_decides_nothing(perf, tmp_path):
    write(tmp_path / "old.json", {"a": [[1.0] * 50]})
    write(tmp_path / "new.json", {"a": [[9.0] * 50]})
    done = perf("compare", "old.json", "new.json", status=3)
    assert "inconclusive: too few runs" in done.stdout and "measure again with --processes 5 or more" in done.stdout


def test_many_benchmarks_need_more_runs(perf, tmp_path):
    rng = np.random.default_rng(2)
    names = [f"b{i}" for i in range(100)]
    write(tmp_path / "old.json", {n: processes(rng, 5) for n in names})
    write(tmp_path / "new.json", {n: processes(rng, 5, 2.0) for n in names})
    assert "--processes 7 or more" in perf("compare", "old.json", "new.json", status=3).stdout


@pytest.mark.parametrize("text, message", [
    ("", "old.json:1:0: error: "), ("{\"benchmarks\": [{}]}", "old.json: error: benchmarks[0] has no name"),
    ("{\"benchmarks\": [{\"metadata\": {\"name\": \"a\"}, \"runs\": [{\"values\": [-1]}]}]}", "is no number above 0"),
    (None, "old.json: error: No such file"),
])
def test_files_that_cannot_be_read(text, message, perf, tmp_path):
    write(tmp_path / "new.json", {"a": [[1.0]]})
    if text is not None:
        (tmp_path / "old.json").write_text(text)
    assert message in perf("compare", "old.json", "new.json", status=2).stderr
    assert message in perf("report", "old.json", "new.json", "-o", "x.html", status=2).stderr


def test_nothing_in_common(perf, tmp_path):
    write(tmp_path / "old.json", {"a": [[1.0]]})
    write(tmp_path / "new.json", {"b": [[1.0]]})
    assert "no benchmark in common" in perf("compare", "old.json", "new.json", status=2).stderr


def holm(p):
    order, worst = np.argsort(p), 0.0
    corrected = np.empty(len(p))
    for k, i in enumerate(order):
        worst = max(worst, p[i] * (len(p) - k))
        corrected[i] = min(worst, 1.0)
    return corrected


@pytest.mark.parametrize("paired", [False, True])
def test_figures_are_those_of_scipy(paired, perf, tmp_path):
    stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(3)
    old = {f"b{i}": processes(rng, 12) for i in range(6)}
    new = {f"b{i}": processes(rng, 12, 1 + 0.02 * i) for i in range(6)}
    session = {"plait_session": "s"} if paired else {}
    write(tmp_path / "old.json", old, plait_role="baseline", **session)
    write(tmp_path / "new.json", new, plait_role="candidate", **session)
    found = json.loads(perf("compare", "old.json", "new.json", "--json", status=1).stdout)
    assert found["paired"] == paired and [b["name"] for b in found["benchmarks"]] == list(old)
    ps, middles = [], []
    for name in old:
        x, y = ([math.log(statistics.median(r)) for r in f[name]] for f in (old, new))
        if paired:
            d = [statistics.median([math.log(b / a) for a, b in zip(p, q)]) for p, q in zip(old[name], new[name])]
            ps.append(stats.wilcoxon(np.array(d) - math.log(1.05), alternative="greater", method="exact").pvalue)
            middles.append(statistics.median([(a + b) / 2 for a, b in itertools.combinations_with_replacement(d, 2)]))
        else:
            ps.append(stats.mannwhitneyu(np.array(y) - math.log(1.05), x, alternative="greater", method="exact").pvalue)
            middles.append(statistics.median([b - a for a in x for b in y]))
    np.testing.assert_allclose([b["p"] for b in found["benchmarks"]], holm(np.array(ps)), rtol=1e-9)
    np.testing.assert_allclose([b["ratio"] for b in found["benchmarks"]], np.exp(middles), rtol=1e-9)
    assert all(b["low"] < b["ratio"] < b["high"] for b in found["benchmarks"])
    assert [b["fails"] for b in found["benchmarks"]] == [b["p"] <= 0.05 and b["low"] > 1.05 for b in found["benchmarks"]]


# ---- the page -----------------------------------------------------------------------------------------------------------------

# Runs in the page after it is drawn: which colours are in each canvas.
LOOK = """<script>
for (const figure of document.querySelectorAll("figure")) {
  const canvas = figure.querySelector("canvas");
  if (!canvas) continue;
  const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data, seen = new Map();
  for (let i = 0; i < pixels.length; i += 4) {
    const key = `${pixels[i]},${pixels[i + 1]},${pixels[i + 2]},${pixels[i + 3]}`;
    seen.set(key, (seen.get(key) || 0) + 1);
  }
  figure.dataset.first = seen.get("27,108,168,255") || 0;
  figure.dataset.second = seen.get("209,73,91,255") || 0;
}
document.body.dataset.done = "yes";
</script>"""


@pytest.fixture(scope="module")
def browse():
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("no Chromium here")
    environment = {k: v for k, v in os.environ.items() if k not in ("LD_PRELOAD", "ASAN_OPTIONS", "UBSAN_OPTIONS")}

    def look(page, profile):
        """The page as the browser has it after scripts ran, and what the console got."""
        text = page.read_text()
        page.write_text(text.replace("</body>", LOOK + "</body>"))
        done = subprocess.run([program, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", f"--user-data-dir={profile}",
                               "--enable-logging=stderr", "--window-size=1400,1600", "--virtual-time-budget=10000",
                               "--host-resolver-rules=MAP * ~NOTFOUND", "--dump-dom", page.as_uri()],
                              capture_output=True, text=True, timeout=180, env=environment)
        console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
        assert 'data-done="yes"' in done.stdout, done.stderr[-2000:]
        figures = {m[1]: dict(re.findall(r'data-(\w+)="(\d+)"', m[0])) for m in re.finditer(r'<figure id="(\w+)"[^>]*>', done.stdout)}
        return {name: {k: int(v) for k, v in f.items()} for name, f in figures.items()}, console, done.stdout

    return look


def test_the_page_in_a_browser(browse, perf, tmp_path):
    suite = """
- {kernel: k.py:total, sizes: {n: [10, 300, 9000]}, threads: [1, 2], bytes: 8 * n, flops: n, arguments: [{shape: n}]}
- {kernel: k.py:doubled, sizes: {n: [10, 300]}, threads: [1], bytes: 16 * n, flops: n, arguments: [{shape: n}]}
"""
    for name in ("a", "b", "c"):
        measure(perf, tmp_path, suite, "-o", f"{name}.json", "--commit", f"<b>{name}</b></script>&")
    perf("report", "a.json", "b.json", "c.json", "-o", "page.html")
    text = (tmp_path / "page.html").read_text()
    assert "http" not in re.sub(r"/\*!.*?\*/|http://www\.w3\.org/\S+", "", text.split("<script>")[0])
    figures, console, dom = browse(tmp_path / "page.html", tmp_path / "profile")
    threads = 2 if len(re.findall(r"<td>total n=10 threads=", dom)) == 2 else 1  # one, where there is one processor
    assert console == []
    assert figures["times"]["marks"] == 3 * threads + 2
    assert figures["threads"]["marks"] == (6 if threads == 2 else 0)
    assert figures["roofline"]["marks"] == 3 * threads + 2
    assert figures["history"]["marks"] == 3 * 6  # two kernels and their compiles, cold and warm
    for name in ("times", "roofline", "history"):
        assert figures[name]["first"] > 20 and figures[name]["second"] > 20, figures
    assert len(re.findall(r"<tr><td>", dom)) == 3 * threads + 2 + 4 and "<b>c</b>" not in dom.split("<script")[0]


def test_a_page_of_foreign_files(browse, perf, tmp_path):
    write(tmp_path / "a.json", {"x": [[1.0, 2.0]], "y": [[0.5]]}, plait_limits="{", plait_sizes="[3]")
    perf("report", "a.json", "-o", "page.html")
    figures, console, dom = browse(tmp_path / "page.html", tmp_path / "profile")
    assert console == [] and all(f["marks"] == 0 for f in figures.values()) and "<td>1.50 s</td>" in dom


# ---- times of a compile ---------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("words", [["explain", "k.py:total"], ["compile", "k.py:total", "-o", "k.o"]])
def test_time_report(words, command, perf, tmp_path):
    done = subprocess.run([command, *words, "--sig", "f8(f8[::1])", "--time-report"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0
    rows = re.findall(r"^  (\w+) +(\d+\.\d+) ms +(\d+\.\d) %$", done.stderr, flags=re.M)
    assert {"parse", "elaborate", "classify", "llvm_opt", "llvm_codegen"} <= {name for name, _, _ in rows}
    assert "ms" not in done.stdout
