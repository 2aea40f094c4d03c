"""Functions of Python as objectives: checked at every call, counted, their gradients verified."""

from __future__ import annotations

import numpy as np
from scipy.optimize._numdiff import approx_derivative

from .._checks import finite_array

FORWARD_STEP = float(np.sqrt(np.finfo(np.float64).eps))

_EPS = float(np.finfo(np.float64).eps)


def shown(x: np.ndarray) -> str:
    """A point in a message."""
    return np.array2string(x, precision=17, threshold=10)


class Function:
    """A function of Python with its derivatives, for the solvers of the core.

    Raises
    ------
    ValueError
        For arguments that do not fit, and, at any call, when the function or a derivative returns
        what is not a number or has a wrong shape; the message names x. What they raise themselves
        goes through, with a note that names x.
    """

    def __init__(self, fun, jac, hess, args, eps, finite_diff_rel_step):
        if not callable(fun):
            raise ValueError(
                f"objective must be a LeastSquares or a function, got {type(fun).__name__}"
            )
        self._fun = fun
        self._args = args if isinstance(args, tuple) else (args,)
        self._jac, self._hess = jac, hess
        self._differences = None
        if jac is None or jac is False:
            self._differences = dict(method="2-point", abs_step=_steps(eps, "eps"))
        elif isinstance(jac, str) and jac in ("2-point", "3-point"):
            steps = _steps(finite_diff_rel_step, "finite_diff_rel_step")
            self._differences = dict(method=jac, rel_step=steps)
        elif jac is not True and not callable(jac):
            raise ValueError(
                f"jac must be a function, True, None, '2-point' or '3-point', got {jac!r}"
            )
        if hess is not None and not callable(hess):
            raise ValueError(f"hess must be a function, got {hess!r}")
        self.nfev = self.njev = self.nhev = 0
        self.not_finite_at: np.ndarray | None = None

    def check_start(self, x0: np.ndarray) -> None:
        """Raise ValueError unless steps of differences are one for all, or one for each of x0."""
        for kind, name in (("abs_step", "eps"), ("rel_step", "finite_diff_rel_step")):
            steps = (self._differences or {}).get(kind)
            if np.ndim(steps) == 1 and np.size(steps) != x0.size:
                raise ValueError(f"{name} must have {x0.size} elements, got {np.size(steps)}")

    @property
    def has_gradient(self) -> bool:
        """Whether the gradient is the user's, not differences."""
        return self._differences is None

    def value(self, x: np.ndarray) -> float:
        value = self.value_and_gradient(x)[0] if self._jac is True else self._value(x)
        return self._noted(x, value)[0]

    def value_and_gradient(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        self.njev += 1
        if self._jac is True:
            self.nfev += 1
            value, gradient = self._call(self._fun, x)
            return self._noted(x, _number(value, x), _array(gradient, x, "jac", x.shape))
        value = self._value(x)
        if self.has_gradient:
            gradient = _array(self._call(self._jac, x), x, "jac", x.shape)
        elif np.isfinite(value):
            gradient = approx_derivative(self._value, x, f0=value, **self._differences)
        else:
            gradient = np.full(x.size, np.nan)
        return self._noted(x, value, gradient)

    def hessian(self, x: np.ndarray) -> np.ndarray:
        self.nhev += 1
        H = _array(self._call(self._hess, x), x, "hess", (x.size, x.size))
        return self._noted(x, H)[0]

    def _noted(self, x, *results):
        if not all(np.isfinite(result).all() for result in results):
            self.not_finite_at = x
        return results

    def _value(self, x) -> float:
        self.nfev += 1
        return _number(self._call(self._fun, x), x)

    def _call(self, function, x):
        try:
            return function(x.copy(), *self._args)
        except Exception as error:
            error.add_note(f"at x = {shown(x)}")
            raise


def _steps(given, name: str) -> np.ndarray | None:
    return None if given is None else finite_array(given, name, (0, 1)).reshape(np.shape(given))


def _number(value, x) -> float:
    try:
        return float(np.asarray(value).item())
    except (TypeError, ValueError):
        message = f"fun must return a real number, got {value!r} at x = {shown(x)}"
        raise ValueError(message) from None


def _array(value, x, name: str, shape: tuple[int, ...]) -> np.ndarray:
    if not np.iscomplexobj(value):
        try:
            array = np.array(value, dtype=np.float64, ndmin=len(shape))
        except (TypeError, ValueError):
            array = None
        if array is not None and array.shape == shape:
            return array
    wanted = " x ".join(map(str, shape))
    raise ValueError(
        f"{name} must return {wanted} real numbers, got shape {np.shape(value)} at x = {shown(x)}"
    )


def check_gradient(function: Function, x0: np.ndarray) -> None:
    """Compare the gradient with differences of the function, along each coordinate.

    The differences are of fourth order, and doubted as far as they disagree with those of second
    order. They are taken at the start and at a point beside it, where a symmetry of the start, such
    as x = 0, hides nothing.

    Raises
    ------
    ValueError
        If they disagree; the message names the direction in which they do most.
    """
    if not function.has_gradient:
        raise ValueError("check_grad has nothing to compare: give a gradient by jac")
    beside = np.random.default_rng(0).uniform(0.01, 0.02, x0.size) * np.maximum(1.0, np.abs(x0))
    for x in (x0, x0 + beside):
        gradient = function.value_and_gradient(x)[1]
        slopes, doubts = np.array([_slope(function.value, x, i) for i in range(x.size)]).T
        allowed = 10 * doubts + 1e-5 * np.maximum(np.abs(gradient), np.abs(slopes))
        with np.errstate(invalid="ignore"):
            excess = np.abs(gradient - slopes) / np.maximum(allowed, np.finfo(np.float64).tiny)
        excess[~np.isfinite(excess)] = 0.0  # where there is no value, there is nothing to say
        bad, worst = int(np.sum(excess > 1)), int(np.argmax(excess))
        if bad:
            raise ValueError(
                f"jac disagrees with fun in {bad} of {x.size} directions, most along x[{worst}]: "
                f"jac gives {gradient[worst]:.10g}, but the slope of fun is {slopes[worst]:.10g} "
                f"+- {doubts[worst]:.1g}, at x = {shown(x)}"
            )


def _slope(value, x: np.ndarray, i: int) -> tuple[float, float]:
    """The slope along coordinate i, and how far it may be wrong."""
    h = _EPS**0.2 * max(1.0, abs(x[i]))

    def at(steps):
        moved = x.copy()
        moved[i] += steps * h
        return value(moved)

    f = np.array([at(k) for k in (-2, -1, 1, 2)])
    with np.errstate(invalid="ignore"):
        near, far = (f[2] - f[1]) / (2 * h), (f[3] - f[0]) / (4 * h)
        slope = (4 * near - far) / 3
        return slope, abs(slope - near) + 2 * _EPS * np.abs(f).max() / h
