"""What a fit reached, on the samples it was made from and on others."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from .io import input_names, target_name
from .network import activation_names


@dataclass
class SplitReport:
    """Figures of a fitted model on training and test samples.

    Relative errors are root mean squares over that of the targets; maximum errors are absolute,
    in the units of the target. ``str()`` gives a table, `as_dict` the plain numbers. Of an
    interpolator `network` says what it is, and `activation`, `input_map` and `structure` are empty.
    """

    target: str
    network: str
    activation: str
    input_map: str
    structure: str
    n_params: int
    n_train: int
    n_test: int
    train_relative_rmse: float
    test_relative_rmse: float
    train_max_error: float
    test_max_error: float
    rounding_floor: float
    stop_reason: str
    interrupted: bool
    n_iter: int
    seconds: float

    def as_dict(self) -> dict:
        """The figures by name, as JSON takes them."""
        return asdict(self)

    def __str__(self) -> str:
        if self.activation:
            head = [
                ("network", f"{self.network}, {self.activation}"),
                *([("structure", self.structure)] if self.structure else []),
                ("input map", self.input_map),
            ]
            after = f"{self.n_iter:,} iterations, {self.seconds:.1f} s"
        else:
            head, after = [("model", self.network)], f"{self.seconds:.1f} s"
        head += [
            ("parameters", f"{self.n_params:,}"),
            ("stopped", self.stop_reason),
            ("after", after),
        ]
        rows = [
            ("samples", f"{self.n_train:,}", f"{self.n_test:,}"),
            ("relative RMSE", f"{self.train_relative_rmse:.2e}", f"{self.test_relative_rmse:.2e}"),
            ("rounding floor", f"{self.rounding_floor:.2e}", ""),
            ("maximum error", f"{self.train_max_error:.2e}", f"{self.test_max_error:.2e}"),
        ]
        lines = [f"{name:<16}{text}" for name, text in head]
        lines += ["", f"{'':<16}{'training':>12}{'test':>12}"]
        lines += [f"{name:<16}{train:>12}{test:>12}".rstrip() for name, train, test in rows]
        lines[-1] += f"   (in the units of {self.target})"
        return "\n".join(lines)


def split_report(model, X_train, y_train, X_test, y_test) -> SplitReport:
    """Figures of a fitted model on its training samples and on test samples.

    Parameters
    ----------
    model : MLPRegressor, SimplexRegressor or SplineRegressor
        Fitted.
    X_train, y_train : array_like (n, d) and (n,) or (n, n_outputs)
    X_test, y_test : likewise
        Samples that the fit has not seen.

    Returns
    -------
    report : SplitReport
    """
    fit = model.report_
    interpolates = hasattr(model, "interpolator_")
    if interpolates:  # which knows them; without a mesh it would take long to ask again
        train_rmse, train_max = fit.relative_rmse, fit.max_error
    else:
        train_rmse, train_max = errors(model, X_train, y_train)
    test_rmse, test_max = errors(model, X_test, y_test)
    return SplitReport(
        target=target_name(model),
        network=fit.model if interpolates else fit.network,
        activation="" if interpolates else activation_names(model.network_),
        input_map="" if interpolates else fit.input_map,
        structure="" if interpolates else model.symmetries_.structure(input_names(model)),
        n_params=fit.n_params,
        n_train=len(X_train),
        n_test=len(X_test),
        train_relative_rmse=train_rmse,
        test_relative_rmse=test_rmse,
        train_max_error=train_max,
        test_max_error=test_max,
        rounding_floor=fit.rounding_floor,
        stop_reason=fit.stop_reason,
        interrupted=fit.interrupted,
        n_iter=0 if interpolates else fit.n_iter,
        seconds=fit.seconds,
    )


def errors(model, X, y) -> tuple[float, float]:
    """Relative RMSE, over all outputs alike, and the largest absolute error."""
    y = np.asarray(y, dtype=np.float64)
    from .estimators import root_mean_square

    residual = (model.predict(X) - y).reshape(len(y), -1)
    relative = root_mean_square(residual) / root_mean_square(y.reshape(len(y), -1))
    return float(np.sqrt(np.mean(relative**2))), float(np.max(np.abs(residual)))


def facts(report) -> list[tuple[str, str]]:
    """Names and figures of a FitReport or InterpolationReport."""
    rows = [
        ("parameters", f"{report.n_params:,}"),
        ("samples", f"{report.n_samples:,}"),
        ("relative RMSE", f"{report.relative_rmse:.2e}"),
        ("rounding floor", f"{report.rounding_floor:.2e}"),
        ("maximum error", f"{report.max_error:.2e}"),
        ("stopped", report.stop_reason),
    ]
    if report.held_out_rmse is not None:
        rows.insert(3, ("held out", f"{report.held_out_rmse:.2e}"))
    after = f"{report.n_iter:,} iterations, " if hasattr(report, "n_iter") else ""
    return [*rows, ("after", f"{after}{report.seconds:.1f} s")]


def in_words(report) -> str:
    """A table of what `facts` says, and of what `precisekit.fit` tried."""
    if hasattr(report, "network"):
        head = [("network", report.network), ("input map", report.input_map)]
        head += [("structure", report.structure)] if report.structure else []
    else:
        head = [("model", report.model)]
    lines = [f"{name:<16}{text}" for name, text in head + facts(report)]
    return "\n".join([*lines, *(["", str(report.choice)] if report.choice else [])])
