"""Heat spreading over a plate whose upper edge is hot: an explicit finite-difference scheme.

    python examples/heat.py --size 1000 --steps 500 --out heat.png
"""
import argparse
import time

import numpy as np

from plait import njit, prange


@njit(parallel=True)
def spread(before, after, steps):
    """`steps` steps back and forth between the two plates; gives the plate with the newest state."""
    rows, columns = before.shape
    for t in range(steps):
        for i in prange(1, rows - 1):
            for j in range(1, columns - 1):
                after[i, j] = 0.25 * (before[i - 1, j] + before[i + 1, j] + before[i, j - 1] + before[i, j + 1])
        before, after = after, before
    return before


@njit(parallel=True)
def largest_change(a, b):
    return np.max(np.abs(a - b))


def plate(size):
    temperature = np.zeros((size, size))
    temperature[0, :] = 100.0
    return temperature


def picture(temperature, path):
    from PIL import Image

    heat = np.clip(temperature / 100.0, 0.0, 1.0) ** 0.5
    colours = np.stack([heat, heat**2, 1.0 - heat], axis=-1)
    Image.fromarray((colours * 255).astype(np.uint8)).save(path)
    print(f"wrote {path}")


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=1000)
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--out", help="write a PNG")
    options = parser.parse_args(argv)

    start = time.perf_counter()
    result = spread(plate(options.size), plate(options.size), options.steps)
    took = time.perf_counter() - start
    further = spread(result.copy(), result.copy(), 1)
    print(f"{options.steps} steps on {options.size} x {options.size} in {took:.3f} s (compiling included); "
          f"mean {np.mean(result):.3f} degrees, last change {largest_change(result, further):.2e}")
    if options.out:
        picture(result, options.out)
    return result


if __name__ == "__main__":
    main()
