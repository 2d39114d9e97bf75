"""Loops with labels, written for plait: `parallel` ones whose iterations are independent (or meet in a reduction only), and
`racy` ones of which some iteration needs another. The label is about the loop marked `# <-`, else about the first one.

Categories follow what suites of racy loops and of vectorisable loops ask about: linear dependence, crossing thresholds,
symbolic offsets, control flow, induction variables, scalar and array expansion, statement order, interchange, node
splitting, reductions, recurrences, search loops, packing, rerolling, indirect addressing, views. The loops are in
race_subscripts.py, race_values.py and race_programs.py.
"""
import race_programs  # noqa: F401
import race_subscripts  # noqa: F401 (importing it registers its loops)
import race_values  # noqa: F401
from race_labels import PARALLEL, RACY, labelled_line

__all__ = ["PARALLEL", "RACY", "labelled_line"]
