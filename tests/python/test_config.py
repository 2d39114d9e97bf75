"""Configuration files: what is read, what is refused, and who wins."""
import json
import os
import pathlib
import platform
import random
import re
import subprocess
import sys
import threading

import numpy as np
import pytest

import plait
from plait import _plait, config, njit, prange

ROOT = pathlib.Path(__file__).parents[2]


def problems(tmp_path, text, name="config.yaml"):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return _plait._config_check(path)


# ---- files that are wrong --------------------------------------------------------------------------------------------

BOMB = "a: &a [x, x]\n" + "".join(f"{c}: &{c} [*{p}, *{p}]\n" for p, c in zip("abcdefgh", "bcdefghi"))

WRONG = {
    "unknown key": ("thread: 4\n", ":1:1: ", "'thread' is not known", "did you mean 'threads'?"),
    "swapped letters": ("scehdule: static\n", ":1:1: ", "did you mean 'schedule'?"),
    "far from all": ("colour: red\n", ":1:1: ", "known are kernels, threads,"),
    "program only": ("disable_jit: true\n", ":1:1: ", "'disable_jit' is not known"),
    "unknown in kernel": ("kernels:\n  f: {min_wrok: 3}\n", ":2:7: ", "for a kernel, the setting 'min_wrok'"),
    "general in kernel": ("kernels:\n  f: {stats: true}\n", ":2:7: ", "for a kernel"),
    "unknown in size": ("kernels:\n  f:\n    sizes:\n      - {up_to: 5, thread: 3}\n", ":4:20: ", "did you mean 'threads'?"),
    "unknown in loop": ("kernels:\n  f:\n    loops:\n      3: {tile: 3}\n", ":4:11: ", "for a loop, the setting 'tile'"),
    "text for number": ("threads: many\n", ":1:10: ", "threads is a whole number from 1 to 4096 or auto, not many"),
    "quoted number": ('threads: "4"\n', ":1:10: ", "without the quotes"),
    "fraction": ("threads: 2.5\n", ":1:10: ", "not 2.5"),
    "zero threads": ("threads: 0\n", ":1:10: ", "from 1 to 4096"),
    "negative": ("threads: -3\n", ":1:10: ", "not -3"),
    "too many": ("threads: 4097\n", ":1:10: ", "from 1 to 4096"),
    "beyond 64 bits": ("chunk: 99999999999999999999\n", ":1:8: ", "chunk is"),
    "list for number": ("threads: [1, 2]\n", ":1:10: ", "not a list"),
    "edges for number": ("kernels:\n  f:\n    chunk: [1, 2]\n", ":3:12: ", "not a list"),
    "no edges": ("kernels:\n  f:\n    tile: []\n", ":3:11: ", "a list of 1 to 4 from 0 to 32767, not []"),
    "five edges": ("kernels:\n  f:\n    tile: [1, 2, 3, 4, 5]\n", ":3:11: ", "a list of 1 to 4"),
    "negative edge": ("kernels:\n  f:\n    tile: [32, -1]\n", ":3:11: ", "not [32, -1]"),
    "large edge": ("kernels:\n  f:\n    sizes:\n      - {up_to: 5, tile: [32768]}\n", ":4:26: ", "from 0 to 32767, not [32768]"),
    "fractional edge": ("kernels:\n  f:\n    tile: [1.5]\n", ":3:11: ", "not [1.5]"),
    "word for edge": ("kernels:\n  f:\n    tile: [8, wide]\n", ":3:11: ", "not [8, wide]"),
    "quoted edge": ("kernels:\n  f:\n    tile: ['8']\n", ":3:11: ", "a list of 1 to 4"),
    "edges in edges": ("kernels:\n  f:\n    tile: [[8]]\n", ":3:11: ", "a list of 1 to 4"),
    "section for number": ("threads: {a: 1}\n", ":1:10: ", "not a section"),
    "nothing for number": ("threads:\n", ":1:1: ", "not nothing"),
    "schedule": ("schedule: dynamc\n", ":1:11: ", "did you mean 'dynamic'?"),
    "placement": ("placement: sprad\n", ":1:12: ", "did you mean 'spread'?"),
    "cpu list": ("placement: 3-1\n", ":1:12: ", "a list of CPUs"),
    "level": ("opt: 4\n", ":1:6: ", "0 to 3 or max"),
    "switch": ("stats: perhaps\n", ":1:8: ", "true or false"),
    "not a section": ("- threads\n", ":1:1: ", "not a list"),
    "a word": ("threads\n", ":1:1: ", "not a text"),
    "kernels as list": ("kernels: [f]\n", ":1:10: ", "not a list"),
    "kernel as number": ("kernels:\n  f: 3\n", ":2:6: ", "not a number"),
    "kernel as nothing": ("kernels:\n  f:\n", ":2:3: ", "as {threads: 2}"),
    "sizes as section": ("kernels:\n  f: {sizes: {up_to: 3}}\n", ":2:14: ", "sizes is a list"),
    "size without end": ("kernels:\n  f: {sizes: [{threads: 3}]}\n", ":2:15: ", "without up_to"),
    "size unit": ("kernels:\n  f: {sizes: [{up_to: 3 parsecs}]}\n", ":2:23: ", "number of bytes"),
    "sizes descend": ("kernels:\n  f: {sizes: [{up_to: 2MB}, {up_to: 1MB}]}\n", ":2:37: ", "ascend"),
    "loops as list": ("kernels:\n  f: {loops: [3]}\n", ":2:14: ", "loops is a section"),
    "loop name": ("kernels:\n  f: {loops: {inner: {threads: 1}}}\n", ":2:15: ", "by its line"),
    "loop zero": ("kernels:\n  f: {loops: {0: {threads: 1}}}\n", ":2:15: ", "by its line"),
    "loop as number": ("kernels:\n  f: {loops: {3: 4}}\n", ":2:18: ", "not a number"),
    "double key": ("threads: 1\nstats: true\nthreads: 2\n", ":3:1: ", "twice, first in line 1"),
    "double kernel": ("kernels:\n  f: {threads: 1}\n  g: {threads: 1}\n  f: {threads: 2}\n", ":4:3: ", "first in line 2"),
    "tab": ("kernels:\n\tf: {threads: 1}\n", ":2:1: ", "indented with spaces"),
    "unclosed": ("kernels: {f: {threads: 1}\n", ": error: ", ""),
    "unclosed quote": ('trace: "abc\n', ": error: ", "quoted scalar"),
    "anchor": ("threads: &x 3\n", ":1:10: ", "anchors and aliases are not read"),
    "alias": ("threads: *x\n", ":1:10: ", "anchors and aliases are not read"),
    "bomb": (BOMB, ":1:4: ", "anchors and aliases are not read"),
    "merge key": ("<<: {threads: 1}\n", ":1:1: ", "not known"),
    "tag": ("threads: !!int 3\n", ":1:10: ", "tags are not read"),
    "python tag": ("threads: !!python/object/apply:os.system [ls]\n", ":1:10: ", "tags are not read"),
    "two documents": ("threads: 1\n---\nthreads: 2\n", ":2:1: ", "second document"),
    "complex key": ("? [a, b]\n: 3\n", ":1:3: ", "a key is a word"),
    "deep": ("a: " + "[" * 100 + "]" * 100, ": error: ", "more than 16 levels"),
    "very deep": ("[" * 200000, ": error: ", "more than 16 levels"),
    "many values": ("kernels: [" + "a," * 60000 + "]", ": error: ", "more than 50000 values"),
    "NUL": (b"threads: 1\0\n", ":1:11: ", ""),
    "NUL escaped": ('trace: "a\\0b"\n', ":1:8: ", "NUL"),
    "control character": (b"threads: \x01\n", ":1:10: ", ""),
    "not UTF-8": (b"threads: 1 # \xff\xfe\n", ":1:14: ", "UTF-8"),
    "cut UTF-8": (b"trace: \xc3", ":1:8: ", ""),
    "UTF-16": ("threads: 1\n".encode("utf-16"), ": error: ", "not in UTF-16"),
    "an executable": (pathlib.Path(sys.executable).resolve().read_bytes()[:5000], ": error: ", ""),
    "large": (b"# " + b"x" * (1 << 20) + b"\n", ": error: ", "more than 1048576 are not read"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_files_have_a_message_with_a_place(name, tmp_path):
    text, place, *words = WRONG[name]
    found = problems(tmp_path, text)
    assert found is not None and found.startswith(str(tmp_path / "config.yaml") + ":")
    assert place in found
    for word in words:
        assert word in found, found


def test_the_caret_stands_below_the_mistake(tmp_path):
    found = problems(tmp_path, "stats: true\nkernels:\n  'größe': {thread: 4}\n")
    line, caret, hint = found.splitlines()[1:]
    assert line == "      'größe': {thread: 4}"
    assert line.index("thread") == caret.index("^") and caret.strip() == "^~~~~~"
    assert hint == "    did you mean 'threads'?"


def test_a_wrong_file_is_told_once_and_without_frames_of_the_compiler(tmp_path):
    (tmp_path / ".plait.yaml").write_text("kernels:\n  f: {thread: 4}\n")
    (tmp_path / "program.py").write_text("import plait\n\n\n@plait.njit\ndef f(x):\n    return x\n\n\nf(1)\n")
    environment = {k: v for k, v in os.environ.items() if k != "PLAIT_CONFIG"}
    done = subprocess.run([sys.executable, "program.py"], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 1 and done.stderr.count("Traceback") == 1 and done.stderr.count("File ") == 1, done.stderr
    assert ".plait.yaml:2:7: error: for a kernel, the setting 'thread' is not known" in done.stderr


def test_a_long_line_is_shown_around_the_mistake(tmp_path):
    found = problems(tmp_path, "kernels: {" + ", ".join(f"f{i}: {{threads: 1}}" for i in range(500)) + ", g: {thread: 2}}")
    line, caret = found.splitlines()[1:3]
    assert len(line) < 120 and line[caret.index("^"):].startswith("thread: 2")


def test_a_long_value_is_cut(tmp_path):
    assert len(problems(tmp_path, "threads: " + "x" * 100_000)) < 1500


def test_all_mistakes_are_named_at_once(tmp_path):
    found = problems(tmp_path, "threads: x\nshedule: static\nkernels: {f: {chunk: -1}}\n")
    assert [part in found for part in (":1:10:", ":2:1:", ":3:22:")] == [True] * 3
    many = problems(tmp_path, "".join(f"a{i}: 1\n" for i in range(100)))
    assert many.count("error:") == 20 and many.endswith("(and 80 more)")


def test_files_that_cannot_be_read(tmp_path):
    assert "No such file" in _plait._config_check(tmp_path / "none.yaml")
    assert "a folder, not a file" in _plait._config_check(tmp_path)
    assert "not a file" in _plait._config_check("/dev/zero")
    os.mkfifo(tmp_path / "pipe")
    assert "not a file" in _plait._config_check(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    assert "symbolic links" in _plait._config_check(tmp_path / "loop")
    with open(tmp_path / "huge.yaml", "wb") as huge:
        huge.truncate(100_000_000)
    assert "100000000 bytes" in _plait._config_check(tmp_path / "huge.yaml")
    if os.geteuid() != 0:
        closed = tmp_path / "closed.yaml"
        closed.write_text("threads: 1\n")
        closed.chmod(0)
        assert "Permission denied" in _plait._config_check(closed)


RIGHT = [
    "", "\n", "# nothing\n", "---\n", "{}\n", "threads: 4", "threads: auto\n", "threads: 4\n...\n",
    "\ufeffthreads: 4\n", "kernels:\n", "kernels: {}\n", "stats: on\n", "stats: No\n", "opt: max\n", "placement: 0-3,8,16-30:2\n",
    "placement: \"0\"\n", "kernels:\n  f:\n    sizes:\n      - {up_to: 1.5 MiB, threads: 1}\n      - up_to: 64MB\n        chunk: 3\n"
    "    loops: {12: {threads: 1}, \"#2\": {schedule: guided}}\n    tile: 32\n",
    "kernels: {'a*[bc]?': {threads: 1}}\n", "threads: 4\r\nstats: true\r\n",
]


@pytest.mark.parametrize("text", RIGHT)
def test_right_files_pass(text, tmp_path):
    assert problems(tmp_path, text) is None


# ---- random files: never a crash, always an answer ---------------------------------------------------------------------

WORDS = ["threads", "schedule", "chunk", "kernels", "sizes", "loops", "up_to", "static", "1MB", "2", "-1", "auto", "f", "*", "&a",
         "!!x", "{", "}", "[", "]", ":", ": ", "\n", "\n  ", "\n    ", "- ", ",", "#", "'", '"', "|", ">", "?", "\t", "é", "\\", "~",
         "true", "stats", "---", "...", "%", "@", "`"]


def random_text(rng):
    if rng.random() < 0.5:
        return "".join(rng.choice(WORDS) + rng.choice(["", "", " "]) for _ in range(rng.randrange(1, 40))).encode()
    text = bytearray(RIGHT[rng.randrange(len(RIGHT))].encode())
    for _ in range(rng.randrange(1, 6)):
        at = rng.randrange(len(text) + 1)
        if rng.random() < 0.5 and text:
            text[at:at + rng.randrange(4)] = bytes([rng.randrange(256)])
        else:
            text[at:at] = rng.choice(WORDS).encode()
    return bytes(text)


def test_random_files_have_an_answer(tmp_path):
    rng, wrong = random.Random(20261123), 0
    for _ in range(3000):
        found = problems(tmp_path, random_text(rng))
        wrong += found is not None
        assert found is None or "error: " in found
    assert 1000 < wrong < 3000


# ---- where values come from ----------------------------------------------------------------------------------------------

PROGRAM = """if 1:
    import json, sys, numpy as np, plait
    from plait import njit, prange
    {code}
"""


def run(code, cwd, home=None, **environment):
    """What `code` prints, in a process with just this environment."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("PLAIT_", "OMP_", "NUMBA_", "XDG_"))}
    inherited["HOME"] = str(home or cwd)
    program = "import json, numpy as np, plait\nfrom plait import njit, prange\n" + code
    out = subprocess.run([sys.executable, "-c", program], env={**inherited, **environment}, cwd=cwd, capture_output=True, text=True)
    assert out.returncode == 0, out.stderr
    return out.stdout.strip()


def test_the_nearest_file_upwards_and_the_users(tmp_path):
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    (tmp_path / ".config" / "plait").mkdir(parents=True)
    user = tmp_path / ".config" / "plait" / "config.yaml"
    user.write_text("threads: 1\nopt: 1\nchunk: 5\n")
    (tmp_path / ".plait.yaml").write_text("opt: 2\n")
    ask = "print(json.dumps({k: v for k, v in plait.config.settings().items() if v[1] != 'default'}))"
    outer = json.loads(run(ask, inner, home=tmp_path))
    assert outer == {"threads": [1, f"{user}:1"], "opt": [2, f"{tmp_path}/.plait.yaml:1"], "chunk": [5, f"{user}:3"]}
    (tmp_path / "a" / ".plait.yaml").write_text("opt: 0\n")
    assert json.loads(run(ask, inner, home=tmp_path))["opt"] == [0, f"{tmp_path}/a/.plait.yaml:1"]
    xdg = tmp_path / "xdg" / "plait"
    xdg.mkdir(parents=True)
    (xdg / "config.yaml").write_text("threads: 2\n")
    assert json.loads(run(ask, inner, home=tmp_path, XDG_CONFIG_HOME=str(xdg.parent)))["threads"] == [2, f"{xdg}/config.yaml:1"]
    assert json.loads(run(ask, inner, home=tmp_path, PLAIT_CONFIG="")) == {}
    assert json.loads(run(ask, inner, home=tmp_path, PLAIT_CONFIG=str(user)))["opt"] == [1, f"{user}:2"]


LEVELS = ["user", "project", "environment", "program"]


@pytest.mark.parametrize("said", [[], *([level] for level in LEVELS), *(LEVELS[:n] for n in (2, 3, 4)), LEVELS[1:], LEVELS[::3]])
def test_who_wins(said, tmp_path):
    values = dict(zip(LEVELS, ("static", "dynamic", "guided", "auto")))
    (tmp_path / "home" / ".config" / "plait").mkdir(parents=True)
    environment = {"PLAIT_SCHEDULE": values["environment"]} if "environment" in said else {}
    if "user" in said:
        (tmp_path / "home" / ".config" / "plait" / "config.yaml").write_text(f"schedule: {values['user']}\n")
    if "project" in said:
        (tmp_path / ".plait.yaml").write_text(f"schedule: {values['project']}\n")
    code = f"plait.config.schedule = {values['program']!r}\n" if "program" in said else ""
    got = run(code + "print(plait.config.schedule, plait.config.settings()['schedule'][1])", tmp_path, tmp_path / "home", **environment)
    wins = [level for level in LEVELS if level in said][-1:]
    origin = {"user": f"{tmp_path}/home/.config/plait/config.yaml:1", "project": f"{tmp_path}/.plait.yaml:1",
              "environment": "PLAIT_SCHEDULE", "program": "the program"}
    assert got == (f"{values[wins[0]]} {origin[wins[0]]}" if wins else "auto default")


USED = """
@njit(parallel=True{options})
def f(x):
    for i in prange(len(x)):
        x[i] = 1.0
plait.stats(True)
plait._plait._tune(0, 0, 0)
def used(n=1000):
    f(np.zeros(n))
    return int(plait.stats(reset=True)[0]['threads'])
"""


def threads_of(tmp_path, yaml, then, options="", **environment):
    """Region threads are observed, not asked for."""
    (tmp_path / "work.py").write_text("import numpy as np, plait\nfrom plait import njit, prange\n" + USED.format(options=options))
    (tmp_path / ".plait.yaml").write_text(yaml)
    environment.setdefault("PLAIT_NUM_THREADS", "8")
    return run(f"import sys; sys.path.insert(0, '.')\nfrom work import used, f\n{then}", tmp_path, **environment)


@pytest.mark.parametrize("yaml, options, then, threads", [
    ("", "", "print(used())", 8),
    ("threads: 3", "", "print(used())", 8),  # the environment goes before files
    ("kernels: {f: {threads: 3}}", "", "print(used())", 3),  # what is said of one kernel, before what is said of all
    ("kernels: {f: {threads: 3}}", "", "plait.set_num_threads(4); print(used())", 3),
    ("kernels: {f: {threads: 3}}", ", threads=2", "print(used())", 2),
    ("kernels: {f: {threads: 3}}", ", threads=2", "with plait.threads(5): print(used())", 5),
    ("kernels: {f: {threads: 300}}", "", "print(used())", 8),  # never more than the process may have
    ("kernels: {work.f: {threads: 3}, f: {threads: 4}, '*': {threads: 5}}", "", "print(used())", 3),
    ("kernels: {'*': {threads: 5}, f: {threads: 4}}", "", "print(used())", 4),
    ("kernels: {'*': {threads: 5}, 'w*.f': {threads: 6}, g: {threads: 2}}", "", "print(used())", 6),
    ("kernels: {'[a-e]': {threads: 5}}", "", "print(used())", 8),
    ("kernels: {other.f: {threads: 5}}", "", "print(used())", 8),
    ("kernels: {f: {threads: 2, loops: {6: {threads: 3}}}}", "", "print(used())", 3),
    ("kernels: {f: {threads: 2, loops: {7: {threads: 3}}}}", "", "print(used())", 2),
    ("kernels: {f: {threads: 2, loops: {'#1': {threads: 3}}}}", "", "print(used())", 3),
    ("kernels: {f: {chunk: 2}, '*': {threads: 5}}", "", "print(used())", 5),  # what is not said falls through
    ("kernels: {f: {threads: 2, sizes: [{up_to: 8000, threads: 3}, {up_to: 16kB, threads: 4}]}}", "",
     "print(used(1000), used(1001), used(2000), used(2001), sep='')", 3442),
])
def test_what_a_region_gets(yaml, options, then, threads, tmp_path):
    assert threads_of(tmp_path, yaml, then, options) == str(threads)


def test_threads_in_general_by_file(tmp_path):
    assert threads_of(tmp_path, "threads: 3", "print(used(), plait.get_num_threads())", PLAIT_NUM_THREADS="") == "3 3"
    assert threads_of(tmp_path, "threads: 3", "plait.set_num_threads(2); print(used())", PLAIT_NUM_THREADS="") == "2"


def test_other_libraries_variables_count_but_are_not_complained_about(tmp_path):
    assert run("print(plait.get_num_threads(), plait.config.settings()['threads'][1])", tmp_path, OMP_NUM_THREADS="3,2") == "3 OMP_NUM_THREADS"
    assert run("print(plait.config.settings()['threads'][1])", tmp_path, OMP_NUM_THREADS="lots") == "default"
    assert run("print(plait.config.OPT, plait.config.opt)", tmp_path, NUMBA_OPT="1") == "1 1"


# ---- errors in use -------------------------------------------------------------------------------------------------------

FIRST_USE = """
try:
    njit(lambda x: x + 1)(1)
except plait.ConfigError as error:
    print('ConfigError', error)
try:
    plait.config.threads
except plait.ConfigError as error:
    print('again')
"""


def test_a_broken_file_is_an_error_at_first_use_not_at_import(tmp_path):
    (tmp_path / ".plait.yaml").write_text("threads: [\n")
    assert run("print('fine')", tmp_path) == "fine"
    got = run(FIRST_USE, tmp_path)
    assert got.startswith(f"ConfigError {tmp_path}/.plait.yaml:") and got.endswith("again")
    (tmp_path / ".plait.yaml").unlink()
    (tmp_path / ".plait.yaml").mkdir()
    assert "a folder, not a file" in run(FIRST_USE, tmp_path)


def test_errors_in_the_environment_name_the_variable(tmp_path):
    got = run(FIRST_USE, tmp_path, PLAIT_CHUNK="-1", PLAIT_SCHEDULE="never")
    assert "PLAIT_CHUNK: error: chunk is a whole number" in got and "PLAIT_SCHEDULE: error: " in got


def test_a_mended_file_is_read_again(tmp_path):
    code = f"""
import pathlib
import platform
path = pathlib.Path({str(tmp_path)!r}) / '.plait.yaml'
try:
    plait.config.opt
except plait.ConfigError:
    print('wrong')
path.write_text('opt: 1')
plait.config.reload()
print(plait.config.opt)
"""
    (tmp_path / ".plait.yaml").write_text("opt: 11\n")
    assert run(code, tmp_path).split() == ["wrong", "1"]


def test_settings_of_the_program():
    assert plait.config.chunk == 0
    try:
        plait.config.chunk = 17
        assert plait.config.chunk == 17 and plait.config.settings()["chunk"] == (17, "the program")
        with pytest.raises(plait.ConfigError, match="chunk is a whole number"):
            plait.config.chunk = "x"
        assert plait.config.chunk == 17
    finally:
        plait.config.chunk = None
    assert plait.config.settings()["chunk"] == (0, "default")
    with pytest.raises(plait.ConfigError, match="did you mean 'chunk'"):
        plait.config.chunks = 3
    with pytest.raises(AttributeError, match="no setting 'chunks'"):
        plait.config.chunks
    assert plait.config.NUMBA_NUM_THREADS == _plait._max_threads()


def test_jit_switched_off_by_the_program():
    def f(x):
        return x

    try:
        plait.config.DISABLE_JIT = True
        assert plait.config.DISABLE_JIT == 1 and njit(f) is f
    finally:
        plait.config.disable_jit = None
    assert njit(f) is not f


# ---- compile settings ----------------------------------------------------------------------------------------------------


def test_kernels_are_compiled_anew_when_their_settings_change(tmp_path, monkeypatch):
    path = tmp_path / "config.yaml"
    path.write_text("kernels: {first: {boundscheck: false}}\n")
    monkeypatch.setenv("PLAIT_CONFIG", str(path))

    def first(x):
        return x[0]

    kernel, other = njit(first), njit(lambda x: x[0])
    kernel(np.ones(1)), other(np.ones(1))
    before, kept = kernel.signatures and kernel.overloads[kernel.signatures[0]], other.overloads[other.signatures[0]]
    assert "'boundscheck', False" in before.options_in_request
    path.write_text("kernels: {first: {boundscheck: true}}\n")
    config.reload()
    after = kernel.overloads[kernel.signatures[0]]
    assert after is not before and "'boundscheck', True" in after.options_in_request
    assert other.overloads[other.signatures[0]] is kept
    assert njit(boundscheck=False)(first).py_func is first


# ---- threads and forks ----------------------------------------------------------------------------------------------------


def test_reloads_while_kernels_run(tmp_path, monkeypatch):
    path = tmp_path / "config.yaml"
    path.write_text("kernels: {fill: {threads: 2}}\n")
    monkeypatch.setenv("PLAIT_CONFIG", str(path))

    @njit(parallel=True, nogil=True)
    def fill(x):
        for i in prange(len(x)):
            x[i] = i

    stop, x = threading.Event(), np.zeros(100_000)

    def call():
        mine = np.zeros(100_000)
        while not stop.is_set():
            fill(mine)

    fill(x)
    threads = [threading.Thread(target=call) for _ in range(3)]
    for t in threads:
        t.start()
    try:
        for i in range(100):
            path.write_text(f"kernels: {{fill: {{threads: {i % 3 + 1}, placement: '{i % 2}', chunk: {i}}}}}\n")
            config.reload()
            assert config.kernel("test.fill")["chunk"] == i
    finally:
        stop.set()
        for t in threads:
            t.join()
    fill(x)
    assert x.sum() == 99_999 * 50_000


def test_a_child_of_fork_reads_its_own(tmp_path, monkeypatch):
    path = tmp_path / "config.yaml"
    path.write_text("chunk: 3\n")
    monkeypatch.setenv("PLAIT_CONFIG", str(path))
    assert plait.config.chunk == 3
    child = os.fork()
    if child == 0:
        path.write_text("chunk: 4\n")
        config.reload()
        os._exit(0 if plait.config.chunk == 4 else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert plait.config.chunk == 3


# ---- the command ----------------------------------------------------------------------------------------------------------


def plait_command(*args, cwd=None, **environment):
    build = pathlib.Path(os.environ.get("PLAIT_BUILD_DIR", ROOT / "build/release"))
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("PLAIT_", "OMP_", "NUMBA_", "XDG_"))}
    return subprocess.run([build / "plait", *args], capture_output=True, text=True, cwd=cwd,
                          env={**inherited, "HOME": str(cwd), **environment})


def test_plait_config_prints_every_setting_and_its_origin(tmp_path):
    (tmp_path / ".plait.yaml").write_text("kernels:\n  f: {threads: 2, sizes: [{up_to: 1kB, chunk: 4}], loops: {3: {schedule: static}}}\n")
    out = plait_command("config", cwd=tmp_path, PLAIT_OPT="1")
    assert out.returncode == 0 and out.stderr == ""
    lines = [line.split() for line in out.stdout.splitlines()]
    assert ["opt", "1", "PLAIT_OPT"] in lines and ["chunk", "0", "default"] in lines
    assert f"kernel f ({tmp_path}/.plait.yaml:2): threads 2\n  arrays: up_to 1000, chunk 4\n  loop 3: schedule static" in out.stdout
    found = json.loads(plait_command("config", "--json", cwd=tmp_path, PLAIT_OPT="1").stdout)
    assert {s["name"]: s["from"] for s in found["settings"]}["opt"] == "PLAIT_OPT"
    assert found["kernels"][0]["loops"] == {"3": {"schedule": "static"}} and found["problems"] is None
    assert found["files"] == [f"{tmp_path}/.plait.yaml"]


def test_plait_config_says_what_is_wrong(tmp_path):
    (tmp_path / ".plait.yaml").write_text("thread: 2\n")
    out = plait_command("config", cwd=tmp_path)
    assert out.returncode == 1 and "did you mean 'threads'?" in out.stderr and "defaults hold" in out.stderr
    assert json.loads(plait_command("config", "--json", cwd=tmp_path).stdout)["problems"].count("error:") == 1
    assert plait_command("config", "--check", ".plait.yaml", cwd=tmp_path).returncode == 1
    (tmp_path / "good.yaml").write_text("threads: 2\n")
    assert plait_command("config", "--check", "good.yaml", cwd=tmp_path).stdout == "good.yaml: nothing wrong\n"


RUN = """
from plait import njit, prange
@njit(parallel=True)
def fill(x):
    for i in prange(len(x)):
        x[i] = 1.0
"""


def test_plait_run_heeds_files_and_its_own_word_comes_first(tmp_path):
    (tmp_path / "work.py").write_text(RUN)
    np.save(tmp_path / "x.npy", np.zeros(100_000))
    (tmp_path / ".plait.yaml").write_text("kernels: {work.fill: {threads: 8, sizes: [{up_to: 1MB, threads: 3}]}}\n")

    def threads(*words):
        out = plait_command("run", "work.py:fill", "x.npy", *words, cwd=tmp_path, PLAIT_NUM_THREADS="8", PLAIT_TRACE="t.json", PLAIT_MIN_WORK="0")
        assert out.returncode == 0, out.stderr
        return [e["args"]["threads"] for e in json.loads((tmp_path / "t.json").read_text())["traceEvents"] if e.get("cat") == "region"]

    assert threads() == [3] and threads("--threads", "2") == [2]
    assert plait_command("run", "work.py:fill", "x.npy", "--threads", "9", cwd=tmp_path, PLAIT_NUM_THREADS="8").returncode == 2
    (tmp_path / ".plait.yaml").write_text("kernel: {}\n")
    out = plait_command("run", "work.py:fill", "x.npy", cwd=tmp_path)
    assert out.returncode == 1 and "did you mean 'kernels'?" in out.stderr


def test_the_documents_have_the_table_of_all_settings():
    table = plait_command("config", "--markdown", cwd=ROOT, PLAIT_CONFIG="").stdout
    assert table in (ROOT / "docs/configuration.md").read_text(), "plait config --markdown has another table than the document"


def test_the_example_is_right():
    assert _plait._config_check(ROOT / "examples/.plait.yaml") is None


@pytest.mark.skipif(os.geteuid() != 0, reason="needs files of several users")
def test_another_users_file_is_not_obeyed():
    import shutil
    import tempfile

    folder = pathlib.Path(tempfile.mkdtemp())
    try:
        folder.chmod(0o755)
        path = folder / ".plait.yaml"
        path.write_text("chunk: 7\n")
        seen = {}
        for owner in (0, 12345, 12346):
            os.chown(path, owner, owner)
            reading, writing = os.pipe()
            child = os.fork()
            if child == 0:
                os.chdir(folder)
                os.setuid(12345)
                del os.environ["PLAIT_CONFIG"]
                config.reload()
                os.write(writing, str(plait.config.chunk).encode())
                os._exit(0)
            os.close(writing)
            seen[owner] = os.read(reading, 10).decode()
            os.close(reading)
            os.waitpid(child, 0)
        assert seen == {0: "7", 12345: "7", 12346: "0"}
    finally:
        shutil.rmtree(folder)


# ---- tiles by size -------------------------------------------------------------------------------------------------------


def multiply(a, b, c):
    for i in range(a.shape[0]):
        for j in range(b.shape[1]):
            for k in range(a.shape[1]):
                c[i, j] += a[i, k] * b[k, j]


@pytest.fixture
def project(tmp_path, monkeypatch):
    """project(text): the configuration file, read from then on."""

    def write(text):
        (tmp_path / "tiles.yaml").write_text(text)
        monkeypatch.setenv("PLAIT_CONFIG", str(tmp_path / "tiles.yaml"))
        config.reload()

    yield write
    monkeypatch.undo()
    config.reload()


def product_of(kernel, n):
    a, b, c = np.arange(n * n, dtype=float).reshape(n, n), np.ones((n, n)), np.zeros((n, n))
    kernel(a, b, c)
    np.testing.assert_array_equal(c, a @ b)


def tiles_of(kernel):
    (overload,) = kernel.overloads.values()
    return {overload.tile: overload, **overload.variants}


def test_each_size_runs_with_its_tile(project):
    project("kernels:\n  test_config.multiply:\n    tile: 16\n    sizes:\n"
            "      - {up_to: 100kB, tile: 8}\n      - {up_to: 300kB, threads: 1}\n      - {up_to: 900kB, tile: 0}\n")
    kernel = plait.njit(parallel=True)(multiply)
    product_of(kernel, 30)
    assert set(tiles_of(kernel)) == {8}  # what is not called is not compiled
    product_of(kernel, 100)
    assert set(tiles_of(kernel)) == {8, 16}
    product_of(kernel, 150)
    assert set(tiles_of(kernel)) == {8, 16, 0}
    product_of(kernel, 200)  # the kernel's own
    product_of(kernel, 31)
    assert set(tiles_of(kernel)) == {8, 16, 0}
    assert [("by 8" in o.report()[0]["tile"], "by 16" in o.report()[0]["tile"]) for _, o in sorted(tiles_of(kernel).items())] == [
        (False, False), (True, False), (False, True)]  # fmt: skip
    assert plait.config.kernel("test_config.multiply", 200_000)["tile"] == 16


def test_a_tile_may_have_an_edge_for_each_loop(project, tmp_path):
    project("kernels:\n  multiply:\n    tile: [16, 48, 0, 0]\n    sizes:\n      - {up_to: 100kB, tile: [8]}\n"
            "      - {up_to: 300kB, tile:   [ 0,24 , 12 ]}\n      - {up_to: 900kB, tile: [0, 0]}\n")
    kernel = plait.njit(parallel=True)(multiply)
    for n in (30, 100, 150, 200):
        product_of(kernel, n)
    own = edges_of(tiles_of(kernel)[0])
    assert own["i"] > 16 and own["j"] > 24 and own["k"] > 12
    assert edges_of(tiles_of(kernel)[(8,)]) == {**own, "i": 8}
    small = edges_of(tiles_of(kernel)[(0, 24, 12)])
    assert small["i"] == own["i"] and 4 <= small["j"] <= 24 and small["k"] == 12
    wide = edges_of(tiles_of(kernel)[(16, 48)])
    assert wide == {"i": 16, "j": min(48, own["j"]), "k": own["k"]}
    product_of(kernel, 31)  # nothing is compiled twice
    assert len(tiles_of(kernel)) == 4
    assert plait.config.kernel("multiply", 10**6)["tile"] == [16, 48] == config.effective(kernel)["tile"][0]
    assert "tile [16, 48]" in config_text(tmp_path / "tiles.yaml") and "tile [0, 24, 12]" in config_text(tmp_path / "tiles.yaml")
    fixed = plait.njit(parallel=True, tile=[4, 20])(multiply)
    product_of(fixed, 30)
    assert fixed.targetoptions["tile"] == (4, 20) and config.effective(fixed)["tile"] == ([4, 20], "the decorator")
    (overload,) = fixed.overloads.values()
    assert edges_of(overload)["i"] == 4 and 4 <= edges_of(overload)["j"] <= 20 and edges_of(overload)["k"] == own["k"]


def edges_of(overload):
    """{"i": 32, …}: most iterations of the tile by loop, from the report."""
    return {loop: int(n) for loop, n in re.findall(r"(\w) by (?:at most )?(\d+)", overload.report()[0]["tile"])}


def config_text(file):
    environment = {**os.environ, "PLAIT_CONFIG": str(file)}
    return subprocess.run([PLAIT, "config"], env=environment, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("tile", [[], [1, 2, 3, 4, 5], [32768], [-1], [1.5], [True], ["8"], "8", (8, None), 2**30 + 1])
def test_what_is_no_tile_is_refused(tile):
    with pytest.raises(plait.errors.OptionError, match="tile is a whole number from 0 to 1073741824 or a list of 1 to 4 from 0 to 32767"):
        plait.njit(parallel=True, tile=tile)(multiply)


def test_tiles_by_size_follow_the_file_and_yield_to_the_decorator(project):
    project("kernels:\n  multiply:\n    sizes: [{up_to: 1MB, tile: 8}]\n")
    kernel, fixed = plait.njit(parallel=True)(multiply), plait.njit(parallel=True, tile=4)(multiply)
    eager = plait.njit("(f8[:,::1], f8[:,::1], f8[:,::1])", parallel=True)(multiply)
    for k in (kernel, fixed, eager):
        product_of(k, 30)
    assert set(tiles_of(kernel)) == {8} and set(tiles_of(fixed)) == {4} and set(tiles_of(eager)) == {0, 8}
    project("kernels:\n  multiply:\n    sizes: [{up_to: 1MB, tile: 12}]\n")
    plait.config.reload()
    for k in (kernel, fixed, eager):
        product_of(k, 30)
    assert set(tiles_of(kernel)) == {8, 12} and set(tiles_of(fixed)) == {4} and set(tiles_of(eager)) == {0, 8, 12}


# ---- what is without effect, and what is told of it ------------------------------------------------------------------------

PLAIT = os.environ.get("PLAIT_CLI", str(pathlib.Path(plait.__file__).parents[2] / "plait"))


def printed_config(cwd, **environment):
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("PLAIT_", "XDG_"))}
    done = subprocess.run([PLAIT, "config"], cwd=cwd, env={**inherited, "HOME": str(cwd), **environment}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_sections_that_fit_no_function_are_listed(tmp_path):
    (tmp_path / ".plait.yaml").write_text("kernels:\n  heet: {threads: 1}\n  simulation.Sim.step: {threads: 2}\n  inner: {threads: 1}\n"
                                          "  Sim.sterp: {threads: 2}\n  'zz*': {threads: 1}\n  'he*': {threads: 2}\n  sub.simulation.heat: {threads: 1}\n"
                                          "  'sub.simulation.*': {threads: 1}\n  'simulation.h*': {threads: 1}\n")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "simulation.py").write_text("class Sim:\n    def step(self):\n        def inner(x):\n            pass\n\ndef heat(x):\n    pass\n")
    found = [line for line in printed_config(tmp_path).splitlines() if "fits no function" in line]
    assert [line.split(": ")[1].split(" fits")[0] for line in found] == ["kernel heet", "kernel Sim.sterp", "kernel zz*"]
    assert found[0].startswith(f"{tmp_path}/.plait.yaml:2: ") and found[0].endswith("did you mean heat?")
    assert found[1].endswith("did you mean Sim.step?")


def test_unknown_variables_are_listed_and_warned_of_once(tmp_path):
    said = printed_config(tmp_path, PLAIT_TRHEADS="3", PLAIT_SCHEDUL="static", PLAIT_XYZZY="1", PLAIT_CHUNK="4")
    assert "PLAIT_TRHEADS: no such variable; did you mean PLAIT_NUM_THREADS?\n" in said
    assert "PLAIT_SCHEDUL: no such variable; did you mean PLAIT_SCHEDULE?\n" in said
    assert "PLAIT_XYZZY: no such variable\n" in said and said.count("no such variable") == 3
    code = ("import warnings\nwith warnings.catch_warnings(record=True) as found:\n    warnings.simplefilter('always')\n"
            "    for i in range(3):\n        plait.config.threads, plait.config.opt\n"
            "print([str(w.message) for w in found], found[0].category.__name__)")
    assert run(code, tmp_path, PLAIT_SCHEDUL="static") == (
        "['the environment variable PLAIT_SCHEDUL is not known; did you mean PLAIT_SCHEDULE?'] PlaitWarning")


@pytest.mark.parametrize("options, message", [
    ({"chunk": 2**70}, "from 0 to 2305843009213693951"), ({"chunk": -1}, "from 0 to"), ({"chunk": True}, "not True"),
    ({"n": 4097}, "from 1 to 4096"), ({"n": 0}, "from 1 to 4096"), ({"placement": "upstairs"}, "placement"),
    ({"placement": "3-1"}, "list of CPUs"), ({"placement": "1,,2"}, "list of CPUs"), ({"placement": "a\0b"}, "placement"),
    ({"schedule": "fast"}, "schedule")])  # fmt: skip
def test_scopes_and_decorators_refuse_alike(options, message):
    with pytest.raises(plait.errors.OptionError, match=message):
        plait.threads(**options)
    with pytest.raises(plait.errors.OptionError, match=message.replace("schedule", "'static'")):
        njit(parallel=True, **{"threads" if k == "n" else k: v for k, v in options.items()})(multiply)
    assert "opt is a whole number from 0 to 3" in _options_error(opt=4) and "0 to 1073741824" in _options_error(tile=2**40)


def _options_error(**options):
    with pytest.raises(plait.errors.OptionError) as found:
        njit(**options)(multiply)
    return str(found.value).replace("option ", "")


# ---- scopes end in any order, on any thread -------------------------------------------------------------------------------


def test_a_scope_ends_once():
    scope = plait.threads(1)
    with scope, scope:
        assert plait.get_num_threads() == 1
    with pytest.raises(RuntimeError, match="not open"):
        scope.__exit__(None, None, None)


def test_scopes_of_generators_end_in_any_order():
    before = plait.get_num_threads()

    def scoped(**options):
        with plait.threads(**options):
            yield

    first, second = scoped(n=1), scoped(chunk=7)
    next(first), next(second)
    first.close()
    assert plait.get_num_threads() == before  # nothing of the first is left
    second.close()
    assert plait.get_num_threads() == before


def test_a_scope_that_another_thread_leaves_is_over(project):
    project("threads: 5\n")
    most = plait.config.NUMBA_NUM_THREADS
    with plait.threads(1):
        inner = plait.threads(most)
        inner.__enter__()
        seen = []

        def leave():
            seen.append(plait.get_num_threads())
            inner.__exit__(None, None, None)
            seen.append(plait.get_num_threads())

        thread = threading.Thread(target=leave)
        thread.start()
        thread.join()
        assert seen == [seen[0]] * 2  # that thread had none, and has none
        assert plait.get_num_threads() == 1


def test_more_threads_than_the_process_may_have_are_cut():
    with plait.threads(4096):
        assert plait.get_num_threads() == plait.config.NUMBA_NUM_THREADS


# ---- what holds for a kernel ------------------------------------------------------------------------------------------------


def test_what_holds_for_a_kernel_and_who_said_so(project, tmp_path):
    project("schedule: guided\nkernels:\n  multiply:\n    threads: 4000\n    chunk: 3\n    sizes:\n      - {up_to: 1MB, threads: 1, tile: 8}\n")
    kernel = njit(parallel=True, placement="compact")(multiply)
    file, most = tmp_path / "tiles.yaml", plait.config.NUMBA_NUM_THREADS
    a = np.ones((10, 10))
    assert config.effective(kernel) == {"threads": (most, f"{file}:4"), "schedule": ("guided", f"{file}:1"), "chunk": (3, f"{file}:5"),
                                        "placement": ("compact", "the decorator"), "tile": (0, "default")}  # fmt: skip
    assert config.effective(kernel, a, a, a)["threads"] == (1, f"{file}:7")
    assert config.effective(kernel, a, (a, 2))["tile"] == (8, f"{file}:7")
    with plait.threads(most, schedule="dynamic"):
        found = config.effective(kernel, a, a, a)
        assert found["threads"] == (most, "a scope") and found["schedule"] == ("dynamic", "a scope")
    assert config.effective(njit(parallel=True, tile=0)(multiply), a)["tile"] == (0, "the decorator")
    project("")
    found = config.effective(njit(parallel=True)(multiply))
    assert found["threads"][0] == plait.get_num_threads() and found["placement"] == ("spread", "default")


# ---- the processor ------------------------------------------------------------------------------------------------------
X86 = pytest.mark.skipif(platform.machine() != "x86_64", reason="levels of x86-64")


def flags():
    return next((line for line in open("/proc/cpuinfo") if line.startswith("flags")), "").split()


@pytest.fixture
def cpu():
    yield lambda name: setattr(plait.config, "cpu", name)
    plait.config.cpu = None


def doubled(x):
    for i in range(x.shape[0]):
        x[i] *= 2.0


@X86
def test_kernels_are_compiled_for_the_processor_that_is_named(cpu):
    cpu("x86-64")
    kernel, x = plait.njit(doubled), np.arange(100.0)
    kernel(x)
    np.testing.assert_array_equal(x, 2 * np.arange(100.0))
    (assembly,) = kernel.inspect_asm().values()
    assert "xmm" in assembly and "ymm" not in assembly and "zmm" not in assembly


@X86
def test_numbas_variable_names_the_processor_too():
    code = ("import numpy as np, plait\nfrom test_config import doubled\nk = plait.njit(doubled)\nk(np.ones(9))\n"
            "print('ymm' in list(k.inspect_asm().values())[0])")
    env = {**os.environ, "NUMBA_CPU_NAME": "generic", "PYTHONPATH": os.pathsep.join([*sys.path, str(pathlib.Path(__file__).parent)])}
    assert subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True).stdout == "False\n"


def test_an_unknown_processor_is_named(cpu):
    cpu("z80")
    with pytest.raises(plait.PlaitError, match="unknown CPU 'z80'"):
        plait.njit(doubled)(np.ones(3))


@X86
def test_instructions_that_the_machine_lacks_are_refused(cpu):
    cpu("x86-64-v4")
    kernel, x = plait.njit(doubled), np.ones(3)
    if "avx512vl" in flags():
        kernel(x)
        assert x[0] == 2.0
    else:
        with pytest.raises(plait.PlaitError, match="instructions that this machine does not have"):
            kernel(x)


def test_a_changed_processor_is_seen_by_the_next_reload(cpu):
    kernel = plait.njit(doubled)
    kernel(np.ones(3))
    before = kernel.overloads[kernel.signatures[0]]
    cpu("generic")
    plait.config.reload()
    kernel(np.ones(3))
    assert kernel.overloads[kernel.signatures[0]] is not before
