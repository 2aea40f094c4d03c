"""Networks and their derivatives in extended precision, written independently of the core.

Every quantity carries its value, gradient and second derivatives with respect to all variables at
once: the parameters and then the inputs (dense forward mode, no reverse pass, no blocks).
"""

from dataclasses import dataclass
from itertools import pairwise

import mpmath
import numpy as np

LD = np.longdouble
HAS_EXTENDED_PRECISION = np.finfo(LD).eps < 2e-19


def _each(function):
    """A function of mpmath, evaluated at 30 digits for each element of a longdouble array."""

    def evaluate(x):
        with mpmath.workdps(30):
            return np.array(
                [LD(mpmath.nstr(function(mpmath.mpf(str(v))), 25)) for v in np.ravel(x)]
            ).reshape(np.shape(x))

    return evaluate


_normal_cdf = _each(mpmath.ncdf)
_normal_density = _each(mpmath.npdf)


def _tanh(z):
    a = np.tanh(z)
    return a, 1 / np.cosh(z) ** 2, -2 * a / np.cosh(z) ** 2


def _sigmoid(z):
    a = 1 / (1 + np.exp(-z))
    b = 1 / (1 + np.exp(z))
    return a, a * b, a * b * (b - a)


def _gelu(z):
    p, density = _normal_cdf(z), _normal_density(z)
    return z * p, p + z * density, (2 - z * z) * density


ACTIVATIONS = {
    "tanh": _tanh,
    "sin": lambda z: (np.sin(z), np.cos(z), -np.sin(z)),
    "sigmoid": _sigmoid,
    "gelu": _gelu,
    "relu": lambda z: (np.maximum(z, 0), (z > 0).astype(LD), np.zeros_like(z)),
    "identity": lambda z: (z, np.ones_like(z), np.zeros_like(z)),
}


@dataclass
class Dual2:
    """Values (n,), gradients (n, v) and second derivatives (n, v, v) of a quantity."""

    value: np.ndarray
    grad: np.ndarray
    hess: np.ndarray


def _zero(n, v):
    return Dual2(np.zeros(n, LD), np.zeros((n, v), LD), np.zeros((n, v, v), LD))


def describe(sizes, activations):
    """A network as the name of a test: 2-3-1 tanh, or 2-3-1 tanh+sin+sin."""
    names = (name if isinstance(name, str) else "+".join(name) for name in activations)
    return "-".join(map(str, sizes)) + " " + " ".join(names)


def network(sizes, activations, theta, X):
    """Outputs of the network as a list of Dual2 in the variables (theta, x); ``activations`` has a
    name for each hidden layer, or a list of names for its units."""
    theta = np.asarray(theta, LD)
    outputs, _ = _layers(_coordinates(theta, X), sizes, activations, theta, 0)
    return outputs


def graph(module_inputs, hidden, activation, theta, X):
    """The same for a graph of modules, as `precisekit.modular.ModularMLP` takes it."""
    theta = np.asarray(theta, LD)
    known, start = _coordinates(theta, X), 0
    for taken, widths in zip(module_inputs, hidden):
        sizes, activations = [len(taken), *widths, 1], [activation] * len(widths)
        outputs, start = _layers([known[k] for k in taken], sizes, activations, theta, start)
        known += outputs
    return known[-1:]


def _coordinates(theta, X):
    X = np.asarray(X, LD)
    n, d = X.shape
    coordinates = []
    for k in range(d):
        x = _zero(n, theta.size + d)
        x.value[:] = X[:, k]
        x.grad[:, theta.size + k] = 1
        coordinates.append(x)
    return coordinates


def _layers(inputs, sizes, activations, theta, start):
    """What layers, whose parameters begin at ``start``, make of inputs; and where these end."""
    n, v = inputs[0].grad.shape
    for layer, (fan_in, fan_out) in enumerate(pairwise(sizes)):
        outputs = []
        for i in range(fan_out):
            z = _zero(n, v)
            bias = start + fan_out * fan_in + i
            z.value += theta[bias]
            z.grad[:, bias] += 1
            for k, a in enumerate(inputs):
                weight = start + i * fan_in + k
                z.value += theta[weight] * a.value
                z.grad += theta[weight] * a.grad
                z.grad[:, weight] += a.value
                z.hess += theta[weight] * a.hess
                z.hess[:, weight, :] += a.grad
                z.hess[:, :, weight] += a.grad
            if layer < len(sizes) - 2:
                names = activations[layer]
                s, s1, s2 = ACTIVATIONS[names if isinstance(names, str) else names[i]](z.value)
                z = Dual2(
                    s,
                    s1[:, None] * z.grad,
                    s1[:, None, None] * z.hess
                    + s2[:, None, None] * z.grad[:, :, None] * z.grad[:, None, :],
                )
            outputs.append(z)
        start += fan_out * (fan_in + 1)
        inputs = outputs
    return inputs, start


@dataclass
class Objective:
    """Everything that precisekit.LeastSquares offers, for one theta."""

    residual: np.ndarray
    residual_jac: np.ndarray
    fun: np.longdouble
    jac: np.ndarray
    gauss_newton: np.ndarray
    hess: np.ndarray
    relative_rmse: np.longdouble


def least_squares(sizes, activations, theta, X, Y, weights=None):
    return objective(network(sizes, activations, theta, X), len(theta), Y, weights)


def objective(outputs, P, Y, weights=None):
    """Of the outputs of a network of P parameters."""
    n = len(Y)
    Y = np.asarray(Y, LD).reshape(n, -1)
    w = np.ones(n, LD) if weights is None else np.asarray(weights, LD)
    root = np.sqrt(w / w.mean())
    r = np.stack([root * (f.value - Y[:, o]) for o, f in enumerate(outputs)], axis=1).ravel()
    J = np.stack([root[:, None] * f.grad[:, :P] for f in outputs], axis=1).reshape(-1, P)
    factor = LD(2) / r.size
    gauss_newton = factor * (J.T @ J)
    curvature = sum(
        np.tensordot(root * r.reshape(n, -1)[:, o], f.hess[:, :P, :P], 1)
        for o, f in enumerate(outputs)
    )
    target = np.sqrt(np.sum((root[:, None] * Y) ** 2))
    return Objective(
        residual=r,
        residual_jac=J,
        fun=np.mean(r * r),
        jac=factor * (J.T @ r),
        gauss_newton=gauss_newton,
        hess=gauss_newton + factor * curvature,
        relative_rmse=np.sqrt(np.sum(r * r)) / target,
    )


def relative_error(value, truth):
    """Norm of the difference over the norm of the truth."""
    difference = np.asarray(value, LD) - truth
    assert difference.shape == truth.shape
    return float(np.sqrt(np.sum(difference**2)) / np.sqrt(np.sum(truth**2)))


def ulp_error(value, truth):
    """Largest error in units of the last place of the (longdouble) truth."""
    spacing = np.spacing(np.abs(truth.astype(np.float64)))
    return float(np.max(np.abs(np.asarray(value, LD) - truth) / spacing))
