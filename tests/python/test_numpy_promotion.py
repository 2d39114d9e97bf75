"""The promotion table that the C tests use is still what NumPy says."""
import runpy
from pathlib import Path

import numpy as np
import pytest

TYPES = Path(__file__).parents[1] / "types"


@pytest.mark.skipif(int(np.__version__.split(".")[0]) < 2, reason="the table holds NEP 50's rules")
def test_golden_table_is_what_numpy_says():
    lines = runpy.run_path(str(TYPES / "numpy_promotion.py"))["lines"]()
    assert list(lines) == (TYPES / "numpy_promotion.txt").read_text().splitlines()
