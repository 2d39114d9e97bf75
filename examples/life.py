"""Conway's Game of Life on a torus.

    python examples/life.py --size 512 --generations 200 --show
"""
import argparse
import time

import numpy as np

from plait import njit, prange


@njit(parallel=True)
def generation(cells, following):
    rows, columns = cells.shape
    for i in prange(rows):
        up = (i - 1) % rows
        down = (i + 1) % rows
        for j in range(columns):
            left = (j - 1) % columns
            right = (j + 1) % columns
            neighbours = (
                cells[up, left] + cells[up, j] + cells[up, right]
                + cells[i, left] + cells[i, right]
                + cells[down, left] + cells[down, j] + cells[down, right]
            )
            following[i, j] = 1 if neighbours == 3 or (neighbours == 2 and cells[i, j] == 1) else 0


def evolve(cells, generations):
    following = np.empty_like(cells)
    for _ in range(generations):
        generation(cells, following)
        cells, following = following, cells
    return cells


def soup(size, seed=3):
    return (np.random.default_rng(seed).random((size, size)) < 0.3).astype(np.uint8)


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--generations", type=int, default=200)
    parser.add_argument("--show", action="store_true", help="print the upper left corner")
    options = parser.parse_args(argv)

    start = time.perf_counter()
    cells = evolve(soup(options.size), options.generations)
    print(f"{options.generations} generations of {cells.size} cells in {time.perf_counter() - start:.3f} s "
          f"(compiling included); {int(cells.sum())} are alive")
    if options.show:
        print("\n".join("".join(".#"[cell] for cell in row[:72]) for row in cells[:24]))
    return cells


if __name__ == "__main__":
    main()
