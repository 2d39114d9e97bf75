"""The Mandelbrot set as a PNG.

    python examples/mandelbrot.py --width 1200 --out mandelbrot.png
"""
import argparse
import time

import numpy as np

from plait import njit, prange


@njit(parallel=True)
def escape_times(width, height, left, right, bottom, top, limit):
    """Steps after which z → z² + c has left the disc of radius 2, `limit` where it has not."""
    times = np.empty((height, width), np.int64)
    for row in prange(height):
        for column in range(width):
            c = complex(left + (right - left) * column / width, top + (bottom - top) * row / height)
            z = 0j
            n = 0
            while n < limit and z.real * z.real + z.imag * z.imag <= 4.0:
                z = z * z + c
                n += 1
            times[row, column] = n
    return times


def colours(times, limit):
    shade = np.log1p(times) / np.log1p(limit)
    image = np.stack([shade**0.7, shade**1.5, 0.3 + 0.7 * shade], axis=-1)
    image[times == limit] = 0.0
    return (image * 255).astype(np.uint8)


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--width", type=int, default=900)
    parser.add_argument("--limit", type=int, default=500)
    parser.add_argument("--out", default="mandelbrot.png")
    options = parser.parse_args(argv)

    from PIL import Image

    start = time.perf_counter()
    times = escape_times(options.width, options.width * 2 // 3, -2.2, 1.0, -1.07, 1.07, options.limit)
    print(f"{times.size} points in {time.perf_counter() - start:.3f} s (compiling included); "
          f"{np.mean(times == options.limit):.1%} of them belong to the set")
    Image.fromarray(colours(times, options.limit)).save(options.out)
    print(f"wrote {options.out}")
    return times


if __name__ == "__main__":
    main()
