"""The kernel that docs/report.md walks through."""
import numpy as np
from plait import njit


@njit(parallel=True)
def pagerank(starts, sources, damping):
    """Page v is linked from the pages sources[starts[v]:starts[v + 1]]. Gives the running sums of the ranks."""
    n = len(starts) - 1
    links = np.zeros(n)
    for e in range(len(sources)):
        links[sources[e]] += 1.0
    rank = np.full(n, 1.0 / n)
    change = 1.0
    while change > 1e-9:
        new = np.empty(n)
        for v in range(n):
            total = 0.0
            for e in range(starts[v], starts[v + 1]):
                total += rank[sources[e]] / links[sources[e]]
            new[v] = (1.0 - damping) / n + damping * total
        change = np.sum(np.abs(new - rank))
        rank[:] = new
    for v in range(1, n):
        rank[v] += rank[v - 1]
    return rank


if __name__ == "__main__":
    starts = np.array([0, 2, 3, 6, 7])
    print(pagerank(starts, np.array([1, 2, 0, 0, 1, 3, 2]), 0.85))
