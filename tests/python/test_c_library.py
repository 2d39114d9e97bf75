"""The C programs of examples/c compile without warnings and do what their comments say."""
import pathlib
import shutil
import subprocess

import pytest
from test_cli import PLAIT, ROOT

EXAMPLES = ROOT / "examples" / "c"
CC = shutil.which("cc") or shutil.which("gcc")
LIBRARIES = pathlib.Path(PLAIT).parent / "python" / "plait" if PLAIT else None
pytestmark = pytest.mark.skipif(
    CC is None or LIBRARIES is None or not (LIBRARIES / "libplait.so").exists(), reason="no C compiler or no build tree"
)


def build(program, tmp_path, *words):
    flags = ["-std=c11", "-Wall", "-Wextra", "-Werror", "-I", str(ROOT / "include"), "-I", str(tmp_path)]
    link = ["-L", str(LIBRARIES), f"-Wl,-rpath,{LIBRARIES}", *words, "-lm", "-o", str(tmp_path / "program")]
    subprocess.run([CC, *flags, str(EXAMPLES / program), *link], check=True, timeout=120)
    return subprocess.run([str(tmp_path / "program")], capture_output=True, text=True, timeout=120)


def test_kernel_from_a_string(tmp_path):
    done = build("from_string.c", tmp_path, "-lplait", "-lplait_rt")
    assert done.returncode == 0, done.stderr
    assert "rms of 1000 numbers: 0.5769" in done.stdout
    assert "ZeroDivisionError" in done.stdout


def test_kernel_compiled_ahead_of_time(tmp_path):
    outputs = ["-o", str(tmp_path / "saxpy.o"), "-o", str(tmp_path / "saxpy.h")]
    subprocess.run([PLAIT, "compile", f"{EXAMPLES / 'saxpy.py'}:saxpy", *outputs], check=True, timeout=120)
    done = build("ahead_of_time.c", tmp_path, str(tmp_path / "saxpy.o"), "-lplait_rt", "-lgomp")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("sum 1000000000000\n")


def test_wrapper_avoids_words_of_c(tmp_path):
    (tmp_path / "k.py").write_text("from plait import njit\n\n\n@njit\ndef f(int, args, result0):\n    return int + args + result0\n")
    header = tmp_path / "f.h"
    subprocess.run([PLAIT, "compile", f"{tmp_path / 'k.py'}:f", "--sig", "i8,i8,i8", "-o", str(header)], check=True, timeout=120)
    subprocess.run([CC, "-std=c11", "-Werror", "-fsyntax-only", "-I", str(ROOT / "include"), "-x", "c", str(header)],
                   check=True, timeout=120)  # fmt: skip
