"""What model files hold of SimplexRegressor and SplineRegressor (`precisekit.io`)."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np

from . import _core
from ._checks import check_finite
from .interpolate import SplineInterpolator

_KNOTS = "knots_"


def classes() -> tuple[type, type]:
    from .interpolating_estimators import SimplexRegressor, SplineRegressor

    return SimplexRegressor, SplineRegressor


def parts(model) -> tuple[dict, dict[str, np.ndarray]]:
    """What is in the header, and in arrays, of an interpolating model only."""
    simplex, _ = classes()
    header = {
        "class": "SimplexRegressor" if isinstance(model, simplex) else "SplineRegressor",
        "report": asdict(model.report_),
    }
    arrays = {"lo": model.lo_, "hi": model.hi_}
    f = model.interpolator_
    if isinstance(model, simplex):
        return header, arrays | {"points": f.points, "values": f.values}
    _, (_, axes, coefficients, value_shape, *_) = f.__reduce__()
    # an axis: knots, degree, both ends, and whether it is periodic
    header["axes"] = [axis[1:] for axis in axes]
    header["value_shape"] = list(value_shape)
    arrays |= {f"{_KNOTS}{a}": np.asarray(axis[0]) for a, axis in enumerate(axes)}
    return header, arrays | {"coefficients": np.asarray(coefficients)}


def build(header: dict, arrays: dict[str, np.ndarray]):
    """The model that `parts` were taken from; the same mesh is made again from the same points.

    Raises
    ------
    ValueError, KeyError, TypeError
        If the parts do not fit together.
    """
    from .interpolating_estimators import InterpolationReport
    from .io import restored_choice

    for name, array in arrays.items():
        if array.dtype != np.float64:
            raise ValueError(f"{name} must be float64")
        check_finite(array, name)
    cls = dict(zip(("SimplexRegressor", "SplineRegressor"), classes(), strict=True))[
        header["class"]
    ]
    model = cls(**header["parameters"])
    if header["class"] == "SimplexRegressor":
        model.interpolator_ = model._mesh(arrays["points"], arrays["values"])
        d = arrays["points"].shape[1]
    else:
        d = len(header["axes"])
        axes = [(arrays[f"{_KNOTS}{a}"], *axis) for a, axis in enumerate(header["axes"])]
        spline = _core.TensorSpline(axes, arrays["coefficients"])
        shape = tuple(header["value_shape"])
        if spline.coefficients.shape[d:] != (int(np.prod(shape)),):
            raise ValueError("value_shape does not fit the coefficients")
        model.interpolator_ = SplineInterpolator._from(
            spline, shape, False, model.extrapolate, np.nan
        )
    model.lo_, model.hi_ = arrays["lo"], arrays["hi"]
    if not model.lo_.shape == model.hi_.shape == (d,):
        raise ValueError(f"lo and hi must have {d} elements")
    model.n_features_in_ = d
    choice = restored_choice(header["report"].get("choice"))
    model.report_ = InterpolationReport(**header["report"] | {"choice": choice})
    return model
