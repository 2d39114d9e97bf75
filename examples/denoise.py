"""Non-local means: removes the noise of a photograph by averaging pixels whose surroundings look alike.

The kernel is the textbook's: seven nested loops, no library call but exp. It runs on the photograph of a cat that
scikit-image ships (`skimage.data.chelsea`), with noise added, so that the result can be judged against the original.

    ./dev demo                          or    python examples/denoise.py --out DIR --crop 64
"""
import argparse
import math
import pathlib
import time

import numpy as np

from plait import get_num_threads, njit, prange, set_num_threads


@njit(parallel=True)
def denoise(image, search, patch, sigma, strength):
    """`image`: (height, width, 3) with a margin of search + patch pixels on each side; gives the inner part."""
    margin = search + patch
    height = image.shape[0] - 2 * margin
    width = image.shape[1] - 2 * margin
    clean = np.empty((height, width, 3))
    samples = 3 * (2 * patch + 1) ** 2
    for y in prange(height):
        for x in range(width):
            red = green = blue = total = 0.0
            for v in range(y + patch, y + patch + 2 * search + 1):
                for u in range(x + patch, x + patch + 2 * search + 1):
                    distance = 0.0
                    for j in range(-patch, patch + 1):
                        for i in range(-patch, patch + 1):
                            for c in range(3):
                                d = image[y + margin + j, x + margin + i, c] - image[v + j, u + i, c]
                                distance += d * d
                    excess = max(distance / samples - 2.0 * sigma * sigma, 0.0)
                    weight = math.exp(-excess / (strength * strength))
                    red += weight * image[v, u, 0]
                    green += weight * image[v, u, 1]
                    blue += weight * image[v, u, 2]
                    total += weight
            clean[y, x, 0] = red / total
            clean[y, x, 1] = green / total
            clean[y, x, 2] = blue / total
    return clean


def photograph(crop):
    from skimage import data

    image = data.chelsea() / 255.0
    if crop:
        top, left = 60, 140
        image = image[top : top + crop, left : left + crop]
    return np.ascontiguousarray(image)


def padded(image, margin):
    return np.pad(image, ((margin, margin), (margin, margin), (0, 0)), mode="reflect")


def quality(image, original):
    """Peak signal-to-noise ratio in dB: higher is closer to the original."""
    return -10.0 * math.log10(np.mean((np.clip(image, 0, 1) - original) ** 2))


def save(path, image):
    from PIL import Image

    Image.fromarray((np.clip(image, 0, 1) * 255 + 0.5).astype(np.uint8)).save(path)
    print(f"wrote {path}")


def seconds(function, *args):
    start = time.perf_counter()
    result = function(*args)
    return time.perf_counter() - start, result


def main(argv=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--crop", type=int, default=0, help="use a square of this side only (default: all of it)")
    parser.add_argument("--search", type=int, default=5, help="radius of the window searched for alike surroundings")
    parser.add_argument("--patch", type=int, default=2, help="radius of the surroundings compared")
    parser.add_argument("--sample", type=int, default=12, help="side of the square that CPython is timed on")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("build/demo"))
    options = parser.parse_args(argv)

    original = photograph(options.crop)
    sigma, margin = 0.08, options.search + options.patch
    noisy = original + np.random.default_rng(1).normal(0.0, sigma, original.shape)
    image = padded(noisy, margin)
    settings = (options.search, options.patch, sigma, 0.55 * sigma)
    height, width = original.shape[:2]
    print(f"photograph of {width} x {height} pixels, {(2 * options.search + 1) ** 2} candidates for each pixel")

    side = min(options.sample, height, width)
    small = np.ascontiguousarray(image[: side + 2 * margin, : side + 2 * margin])
    slow, by_python = seconds(denoise.py_func, small, *settings)
    slow *= height * width / side**2
    print(f"CPython    {slow:10.2f} s   (measured on {side} x {side} pixels and scaled to the whole photograph)")

    threads = get_num_threads()
    compiling, by_plait = seconds(denoise, small, *settings)
    print(f"plait      {compiling:10.3f} s   first call: compiling, and {side} x {side} pixels")
    for count in sorted({1, threads}):
        set_num_threads(count)
        fast, clean = seconds(denoise, image, *settings)
        plural = "s" if count > 1 else ""
        print(f"plait      {fast:10.3f} s   {count} thread{plural}: {slow / fast:,.0f} times CPython")
    print(f"largest difference to CPython on the square: {np.max(np.abs(by_python - by_plait)):.1e}")
    print(f"quality: {quality(noisy, original):.1f} dB before, {quality(clean, original):.1f} dB after\n")
    denoise.parallel_diagnostics()

    options.out.mkdir(parents=True, exist_ok=True)
    save(options.out / "before.png", noisy)
    save(options.out / "after.png", clean)
    return clean


if __name__ == "__main__":
    main()
