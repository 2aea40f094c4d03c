"""Tests of precisekit.plot: what the panels show, at the rounding floor and far from it."""

import copy
import sys
from dataclasses import replace

import numpy as np
import pytest

import precisekit as pk
from precisekit.plot import check_format, plot_fit, save_figure


@pytest.fixture
def panels(fitted, plane):
    figure = plot_fit(fitted, *plane)
    return (figure, *figure.axes)


def scattered(axes):
    return np.asarray(axes.collections[-1].get_offsets())


def test_predictions_against_truth(panels, fitted, plane):
    X, y = plane
    points = scattered(panels[1])
    assert np.array_equal(points, np.column_stack([y, fitted.predict(X)]))


def test_residuals_in_units_of_the_floor(panels, fitted, plane):
    X, y = plane
    points = scattered(panels[2])
    floor = fitted.report_.rounding_floor * np.sqrt(np.mean(y**2))
    assert np.allclose(points[:, 1] * floor, fitted.predict(X) - y, rtol=1e-12, atol=0)
    low, high = panels[2].get_ylim()
    assert low < points[:, 1].min() and points[:, 1].max() < high


def test_scale_of_the_residuals(fitted, plane):
    """Logarithmic where they span decades, linear at the rounding floor."""
    X, _ = plane
    far = plot_fit(fitted, X, fitted.predict(X) + 1e-3)
    near = plot_fit(fitted, X, fitted.predict(X) + 1e-16)
    assert far.axes[1].get_yscale() == "symlog"
    assert near.axes[1].get_yscale() == "linear"


def test_convergence(panels, fitted):
    axes, history = panels[3], fitted.report_.history
    curve, floor = axes.lines[:2]
    assert np.array_equal(curve.get_xdata(), history.seconds)
    assert np.array_equal(curve.get_ydata(), history.relative_rmse)
    assert set(floor.get_ydata()) == {fitted.report_.rounding_floor}
    assert floor.get_linestyle() == "--"
    assert axes.get_yscale() == "log"


def test_words(panels, fitted):
    figure, *axes = panels
    assert fitted.report_.network in figure.get_suptitle()
    for one in axes:
        assert one.get_title() and one.get_xlabel() and one.get_ylabel()


def test_the_race_is_explained(chosen, plane):
    figure = plot_fit(chosen, *plane)
    words = " ".join(text.get_text() for text in figure.axes[2].texts)
    for kind in chosen.report_.race:
        assert kind in words


def test_no_words_overlap(panels):
    """Titles, labels and ticks of the three panels keep clear of each other."""
    figure, *axes = panels
    figure.canvas.draw()
    boxes = [one.get_tightbbox() for one in axes]
    assert boxes[0].x1 < boxes[1].x0 and boxes[1].x1 < boxes[2].x0
    for one in axes:
        for axis in (one.xaxis, one.yaxis):
            ticks = [t.get_window_extent() for t in axis.get_ticklabels() if t.get_text()]
            inside = [t for t in ticks if figure.bbox.overlaps(t)]
            for a, b in zip(inside, inside[1:], strict=False):
                assert not a.overlaps(b)


def test_many_points_are_thinned(fitted):
    X = pk.sample_box([1.0, 0.5], [3.0, 2.0], 30_000)
    figure = plot_fit(fitted, X, fitted.predict(X) + 1e-9)
    assert 2500 <= len(scattered(figure.axes[0])) <= 5000


@pytest.mark.filterwarnings("error")
def test_a_network_that_rounds_nowhere(fitted, plane):
    model = copy.copy(fitted)
    model.report_ = replace(fitted.report_, rounding_floor=0.0)
    figure = plot_fit(model, *plane)
    figure.canvas.draw()
    assert np.isfinite(scattered(figure.axes[1])).all()


def test_one_output_only(fitted, plane):
    X, y = plane
    with pytest.raises(ValueError, match="y_test must have 1 dimension"):
        plot_fit(fitted, X, np.column_stack([y, y]))


def test_pyplot_is_left_alone(panels):
    pyplot = sys.modules.get("matplotlib.pyplot")
    assert pyplot is None or not pyplot.get_fignums()


@pytest.mark.parametrize(("name", "start"), [("a.png", b"\x89PNG"), ("a.PDF", b"%PDF")])
def test_files(panels, tmp_path, name, start):
    check_format(tmp_path / name)
    save_figure(panels[0], tmp_path / name)
    assert (tmp_path / name).read_bytes().startswith(start)


@pytest.mark.parametrize("name", ["picture", "picture.xyz"])
def test_unknown_formats(name):
    with pytest.raises(ValueError, match=rf"{name}: the name must end in .*\.png"):
        check_format(name)


def test_without_matplotlib(fitted, plane, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match=r'pip install "precisekit\[plot\]"'):
        plot_fit(fitted, *plane)
