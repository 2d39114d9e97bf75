"""The planted bugs of tests/fuzz/mutants.py still have their place in the sources; that they are found takes an hour."""
import pathlib
import subprocess
import sys

MUTANTS = pathlib.Path(__file__).resolve().parents[1] / "fuzz/mutants.py"


def test_every_replacement_applies():
    done = subprocess.run([sys.executable, MUTANTS, "--check"], text=True, capture_output=True)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split()[0]) >= 80
