"""A picture of a fit. Needs matplotlib, which is imported when it is asked for."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from .io import atomic_write, target_name
from .report import errors

_BLUE, _GREY, _LIGHT = "#2b5c8a", "#55595e", "#d9dcdf"
_MOST_POINTS = 5000  # more only blacken the picture
_LEAST_FLOOR = 2.0**-54  # a quarter of an ulp: where a tiny network happens to round nowhere
_LINEAR_UP_TO = 20.0  # rounding floors; beyond, residuals are shown on a logarithmic scale


def require_matplotlib() -> None:
    """ImportError that says what to install, where matplotlib is missing."""
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        raise ImportError('plots need matplotlib: pip install "precisekit[plot]"') from None


def new_figure(size: tuple[float, float], columns: int = 1, rows: int = 1):
    """A figure apart from pyplot, and its axes: one, or an array of several."""
    require_matplotlib()
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, columns)
    for each in np.ravel(axes):
        each.spines[["top", "right"]].set_visible(False)
        each.tick_params(labelsize=9, colors=_GREY)
    return figure, axes


def plot_fit(model, X_test, y_test):
    """Predictions, residuals and convergence of a fit, side by side.

    Residuals are shown in units of what rounding alone causes in one prediction, the rounding
    floor: within the grey band there is nothing left to gain. An interpolator has no convergence to
    show.

    Parameters
    ----------
    model : MLPRegressor, SimplexRegressor or SplineRegressor
        Fitted, with one output.
    X_test : array_like (n, d)
    y_test : array_like (n,)

    Returns
    -------
    figure : matplotlib.figure.Figure
        Apart from pyplot; ``figure.savefig(path)`` writes it.
    """
    require_matplotlib()
    from .estimators import root_mean_square

    y_test = np.asarray(y_test, dtype=np.float64)
    if y_test.ndim != 1:
        raise ValueError(f"y_test must have 1 dimension, got shape {y_test.shape}")
    prediction = model.predict(X_test)
    report = model.report_
    relative_floor = max(report.rounding_floor, _LEAST_FLOOR)
    floor = relative_floor * float(root_mean_square(y_test))
    test_rmse, _ = errors(model, X_test, y_test)

    if hasattr(model, "interpolator_"):
        made, n_panels = report.model, 2
    else:
        made, n_panels = f"network {report.network}, input map {report.input_map}", 3
    figure, panels = new_figure((4.5 * n_panels, 4.3), columns=n_panels)
    figure.suptitle(
        f"{target_name(model)}: {made}, test relative RMSE {test_rmse:.1e}", fontsize=12
    )
    rows = slice(None, None, max(1, -(-len(y_test) // _MOST_POINTS)))
    _plot_prediction(panels[0], prediction[rows], y_test[rows], target_name(model))
    residual = (prediction - y_test)[rows] / floor
    _plot_residuals(panels[1], residual, y_test[rows], target_name(model))
    if n_panels == 3:
        _plot_convergence(panels[2], report, relative_floor)
    for axes in panels:
        axes.title.set_fontsize(11)
    return figure


def save_figure(figure, path) -> None:
    """Write a figure in the format that the end of ``path`` names."""
    with atomic_write(path) as file:
        figure.savefig(file, format=Path(path).suffix[1:].lower())


def check_format(path) -> None:
    """ValueError where matplotlib cannot write the format that the end of ``path`` names."""
    require_matplotlib()
    from matplotlib.backend_bases import FigureCanvasBase

    suffix = Path(path).suffix[1:].lower()
    known = FigureCanvasBase.get_supported_filetypes()
    if suffix not in known:
        raise ValueError(
            f"{os.fspath(path)}: the name must end in a picture format "
            f"({', '.join('.' + name for name in sorted(known))})"
        )


def _plot_prediction(axes, prediction, truth, name) -> None:
    ends = [min(truth.min(), prediction.min()), max(truth.max(), prediction.max())]
    axes.plot(ends, ends, color=_GREY, linewidth=1, zorder=1)
    axes.scatter(truth, prediction, s=7, color=_BLUE, alpha=0.5, linewidths=0, rasterized=True)
    axes.set(title="Test samples", xlabel=f"true {name}", ylabel=f"predicted {name}")
    axes.locator_params(nbins=5)


def _plot_residuals(axes, residual, truth, name) -> None:
    axes.axhspan(-1, 1, color=_LIGHT, zorder=0)
    axes.scatter(truth, residual, s=7, color=_BLUE, alpha=0.5, linewidths=0, rasterized=True)
    limit = 1.15 * max(float(np.max(np.abs(residual))), 2.0)
    if limit > _LINEAR_UP_TO:
        from matplotlib.ticker import NullLocator, SymmetricalLogLocator

        axes.set_yscale("symlog", linthresh=1.0)
        decades = int(np.log10(limit))
        axes.yaxis.set_major_locator(
            SymmetricalLogLocator(base=10 ** max(1, -(-decades // 4)), linthresh=1.0)
        )
        axes.yaxis.set_minor_locator(NullLocator())
        limit *= 2
    axes.set_ylim(-limit, limit)
    axes.set(
        title="Residuals (grey: ±1 rounding floor)",
        xlabel=f"true {name}",
        ylabel="(predicted - true) / rounding floor",
    )
    axes.locator_params(axis="x", nbins=5)


def _plot_convergence(axes, report, floor: float) -> None:
    history = report.history
    axes.plot(history.seconds, history.relative_rmse, color=_BLUE, linewidth=1.2)
    axes.axhline(floor, color=_GREY, linestyle="--", linewidth=1)
    axes.set_yscale("log")
    axes.annotate(
        f"rounding floor {floor:.1e}",
        (0.98, floor),
        xycoords=("axes fraction", "data"),
        xytext=(0, -5),
        textcoords="offset points",
        ha="right",
        va="top",
        fontsize=9,
        color=_GREY,
    )
    axes.set(title="Convergence", xlabel="seconds", ylabel="relative RMSE of samples in training")
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=floor / 50)  # room for the words under the line
    if report.race:
        axes.set_ylim(top=1e3)  # and over it
        axes.text(
            0.98,
            0.97,
            f"starts over for each set of\nvariables and map in the race: {', '.join(report.race)}",
            transform=axes.transAxes,
            ha="right",
            va="top",
            fontsize=9,
            color=_GREY,
        )
