"""Data made by a random tanh network: a target that a network of equal shape can fit exactly."""

import operator

import numpy as np

from .sampling import _check_points, _import_mpmath, _mp_point, sample_box


class TanhTeacher:
    """A tanh network with a linear output; made by `teacher_student`.

    Attributes
    ----------
    sizes : tuple of int
        Widths of input, hidden layers and output.
    theta : ndarray of shape (P,)
        Parameters, layer by layer: weights row-major (fan_out, fan_in), then the bias.
    """

    def __init__(self, sizes, theta):
        self.sizes = sizes
        self.theta = theta

    def _layers(self):
        start = 0
        for fan_in, fan_out in zip(self.sizes, self.sizes[1:], strict=False):
            middle = start + fan_out * fan_in
            end = middle + fan_out
            yield self.theta[start:middle].reshape(fan_out, fan_in), self.theta[middle:end]
            start = end

    def __call__(self, X):
        """Evaluate the network in float64.

        Parameters
        ----------
        X : array_like of shape (n, d)

        Returns
        -------
        y : ndarray of shape (n,)
        """
        a = _check_points(X, self.sizes[0])
        *hidden, (W_out, b_out) = self._layers()
        for W, b in hidden:
            a = np.tanh(a @ W.T + b)
        return (a @ W_out.T + b_out)[:, 0]

    def mp(self, point):
        """Evaluate the network at one point, at mpmath's current precision.

        Parameters
        ----------
        point : sequence of d numbers

        Returns
        -------
        y : mpmath.mpf
        """
        mpmath = _import_mpmath()
        a = _mp_point(mpmath, point, self.sizes[0])

        def affine(W, b, a):
            return [mpmath.fdot([*w, bias], [*a, 1]) for w, bias in zip(W, b, strict=True)]

        *hidden, output = self._layers()
        for W, b in hidden:
            a = [mpmath.tanh(z) for z in affine(W.tolist(), b.tolist(), a)]
        return affine(*(part.tolist() for part in output), a)[0]

    def __repr__(self):
        return f"<TanhTeacher {'-'.join(map(str, self.sizes))}, {len(self.theta)} parameters>"


def teacher_student(sizes=(1, 3, 3, 1), n=1000, seed=0, lo=-1.0, hi=1.0, law="uniform"):
    r"""Draw a random tanh network and points labelled by it.

    Weights and biases are uniform on :math:`\pm 1/\sqrt{\mathrm{fan\_in}}`, the law of PyTorch's
    ``nn.Linear``, drawn in the order of `theta` from ``numpy.random.default_rng(seed)``. The
    points come from the first stream spawned from the same seed,
    ``numpy.random.SeedSequence(seed, spawn_key=(0,))``: they are independent of the weights, and
    the weights do not depend on n, lo, hi and law.

    Parameters
    ----------
    sizes : sequence of int
        Widths of input, hidden layers and output; the output has width 1.
    n : int
        Number of points.
    seed : int
        Seed of weights and points.
    lo, hi : float or array_like of shape (sizes[0],)
        Ends of the box of the points.
    law : {"uniform", "arcsine", "sobol"}
        Law of the points; see `sample_box`.

    Returns
    -------
    X : ndarray of shape (n, sizes[0])
        Points.
    y : ndarray of shape (n,)
        ``teacher(X)``.
    teacher : TanhTeacher
        The network, with `sizes`, `theta`, and `mp` for evaluation in extended precision.

    Raises
    ------
    ValueError
        If an argument is out of range; the message names it.

    References
    ----------
    E. J. Michaud, Z. Liu and M. Tegmark, "Precision Machine Learning" (2022), Figures 7 and 8:
    1-3-3-1 on [-1, 1].
    """
    try:
        sizes = tuple(operator.index(size) for size in sizes)
    except TypeError:
        raise ValueError(f"sizes must be a sequence of integers, got {sizes!r}") from None
    if len(sizes) < 2 or min(sizes) < 1 or sizes[-1] != 1:
        raise ValueError(f"sizes must be at least two positive widths, the last 1, got {sizes}")
    # scalars hold for every input
    lo, hi = (np.full(sizes[0], b) if np.ndim(b) == 0 else b for b in (lo, hi))
    points = np.random.SeedSequence(seed, spawn_key=(0,))
    X = sample_box(lo, hi, n, law=law, seed=points)
    if X.shape[1] != sizes[0]:
        raise ValueError(f"lo and hi must have length sizes[0] = {sizes[0]}, got {X.shape[1]}")

    rng = np.random.default_rng(seed)
    theta = np.concatenate(
        [
            rng.uniform(-1.0, 1.0, fan_out * (fan_in + 1)) / np.sqrt(fan_in)
            for fan_in, fan_out in zip(sizes, sizes[1:], strict=False)
        ]
    )
    teacher = TanhTeacher(sizes, theta)
    return X, teacher(X), teacher
