"""Each example runs as a user would run it, and each of its kernels means what Python means."""
import importlib.util
import pathlib

import numpy as np
import pytest

EXAMPLES = pathlib.Path(__file__).resolve().parents[2] / "examples"


def load(name):
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_example_is_tested():
    tested = {"denoise", "heat", "mandelbrot", "distances", "options", "life", "kmeans"}
    assert {path.stem for path in EXAMPLES.glob("*.py")} == tested


def test_denoise_improves_the_photograph(tmp_path, capsys):
    example = load("denoise")
    clean = example.main(["--crop", "40", "--search", "2", "--patch", "1", "--sample", "5", "--out", str(tmp_path)])
    original = example.photograph(40)
    noisy = original + np.random.default_rng(1).normal(0.0, 0.08, original.shape)
    assert example.quality(clean, original) > example.quality(noisy, original) + 2
    assert (tmp_path / "before.png").exists() and (tmp_path / "after.png").exists()
    out = capsys.readouterr().out
    assert "CPython" in out and "scaled" in out and "parallel" in out.lower()


def test_denoise_agrees_with_python(agree):
    example = load("denoise")
    image = example.padded(example.photograph(8), 3)
    agree(example.denoise, image, 2, 1, 0.08, 0.05)


def test_heat_runs(tmp_path):
    path = tmp_path / "heat.png"
    result = load("heat").main(["--size", "30", "--steps", "50", "--out", str(path)])
    assert path.exists() and 0 < result[1, 15] < 100 and result[1, 15] > result[5, 15] > result[20, 15]


@pytest.mark.parametrize("steps", [0, 1, 6, 7])
def test_heat_agrees_with_python(agree, steps):
    example = load("heat")
    agree(example.spread, example.plate(12), example.plate(12), steps, bits=True)


def test_heat_largest_change_agrees_with_python(agree):
    a = np.random.default_rng(0).random((7, 9))
    agree(load("heat").largest_change, a, a[::-1], bits=True)


def test_mandelbrot_writes_a_picture(tmp_path):
    from PIL import Image

    path = tmp_path / "m.png"
    times = load("mandelbrot").main(["--width", "60", "--limit", "50", "--out", str(path)])
    assert Image.open(path).size == (60, 40) and times.max() == 50 and times[0, 0] < 5


def test_mandelbrot_agrees_with_python(agree):
    agree(load("mandelbrot").escape_times, 24, 16, -2.2, 1.0, -1.07, 1.07, 40, bits=True)


def test_distances_are_those_of_numpy():
    example = load("distances")
    table, neighbours = example.main(["--points", "50", "--dimensions", "3"])
    points = example.cloud(50, 3)
    want = np.sqrt(((points[:, None, :] - points[None, :, :]) ** 2).sum(axis=-1))
    np.testing.assert_allclose(table, want, rtol=1e-12)
    np.fill_diagonal(want, np.inf)
    np.testing.assert_array_equal(neighbours, want.argmin(axis=1))


def test_distances_agree_with_python(agree):
    example = load("distances")
    points = example.cloud(11, 4)
    agree(example.nearest, agree(example.distances, points), bits=True)  # a sum in lanes, a minimum


def test_options_come_close_to_the_closed_form():
    example = load("options")
    price, error, asian = example.main(["--paths", "20000", "--steps", "4"])
    assert abs(price - example.black_scholes(100.0, 105.0, 0.03, 0.25, 1.0)) < 4 * error
    assert 0 < asian < price


def test_options_agree_with_python(agree):
    example = load("options")
    agree(example.simulate, 300, 5, 100.0, 105.0, 0.03, 0.25, 1.0, 9, rtol=1e-11)


def test_life_runs():
    cells = load("life").main(["--size", "32", "--generations", "10", "--show"])
    assert set(np.unique(cells)) <= {0, 1}


def test_life_glider_comes_back_shifted():
    example = load("life")
    cells = np.zeros((10, 10), np.uint8)
    cells[1, 2] = cells[2, 3] = cells[3, 1] = cells[3, 2] = cells[3, 3] = 1
    want = np.roll(cells, (1, 1), (0, 1))
    np.testing.assert_array_equal(example.evolve(cells, 4), want)


def test_life_agrees_with_python(agree):
    example = load("life")
    cells = example.soup(17)
    agree(example.generation, cells, np.empty_like(cells), bits=True)


def test_kmeans_finds_the_blobs():
    centres, labels, inertia = load("kmeans").main(["--points", "2000", "--clusters", "3"])
    assert len(set(labels)) == 3 and 0 < inertia < 2000 * 2


def test_kmeans_agrees_with_python(agree):
    example = load("kmeans")
    points = example.blobs(60, 4)
    labels = np.zeros(60, np.int64)
    agree(example.assign, points, points[:4].copy(), labels)
    labels[:] = np.arange(60) % 3
    agree(example.recentre, points, labels, points[:4].copy())
