from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

_Float64 = NDArray[np.float64]

eigen_version: str
compiler: str

def isa() -> str: ...
def use_scipy(blas: dict[str, Any], lapack: dict[str, Any]) -> None: ...
def use_blas_threads(set: int, get: int) -> None: ...
def set_num_threads(n: int) -> None: ...
def get_num_threads() -> int: ...
def evaluate_activation(name: str, z: _Float64) -> tuple[_Float64, _Float64, _Float64]: ...
def symmetric_eigen(A: _Float64) -> tuple[_Float64, _Float64]: ...

_SplineAxis = tuple[Sequence[float], int, float, float, bool]  # knots, degree, low, high, periodic

class TensorSpline:
    def __init__(self, axes: Sequence[_SplineAxis], coefficients: _Float64) -> None: ...
    @property
    def axes(self) -> list[tuple[list[float], int, float, float, bool]]: ...
    @property
    def coefficients(self) -> _Float64: ...
    def evaluate(
        self, X: _Float64, nu: Sequence[int], extrapolate: bool, fill: Sequence[float]
    ) -> _Float64: ...
    def derivative(self, nu: Sequence[int]) -> TensorSpline: ...
    def antiderivative(self) -> TensorSpline: ...
    def zeros(self) -> list[float]: ...

def interpolate_spline(
    axes: Sequence[_Float64], degrees: Sequence[int], boundaries: Sequence[str], values: _Float64
) -> TensorSpline: ...
def fewest_spline_points(degree: int, boundary: str) -> int: ...
def fit_spline(
    axes: Sequence[_SplineAxis], X: _Float64, Y: _Float64, weight: _Float64
) -> TensorSpline: ...

class Mlp:
    def __init__(self, sizes: Sequence[int], activations: Sequence[Sequence[str]]) -> None: ...
    @staticmethod
    def graph(
        n_inputs: int,
        inputs: Sequence[Sequence[int]],
        hidden: Sequence[Sequence[int]],
        activation: str,
    ) -> Mlp: ...
    @property
    def sizes(self) -> list[int]: ...
    @property
    def activations(self) -> list[list[str]]: ...
    @property
    def n_params(self) -> int: ...
    @property
    def is_smooth(self) -> bool: ...
    @property
    def is_chain(self) -> bool: ...
    def forward(self, theta: _Float64, X: _Float64) -> _Float64: ...
    def forward_extended(self, theta: _Float64, X: _Float64) -> NDArray[np.longdouble]: ...
    def jacobian(self, theta: _Float64, X: _Float64) -> _Float64: ...
    def input_gradient(self, theta: _Float64, X: _Float64) -> _Float64: ...
    def input_hessian(self, theta: _Float64, X: _Float64) -> _Float64: ...

class LeastSquares:
    def __init__(self, net: Mlp, X: _Float64, Y: _Float64, sample_weight: _Float64) -> None: ...
    @property
    def n_residuals(self) -> int: ...
    @property
    def target_norm(self) -> float: ...
    def value(self, theta: _Float64) -> float: ...
    def value_and_gradient(self, theta: _Float64) -> tuple[float, _Float64]: ...
    def residual(self, theta: _Float64) -> _Float64: ...
    def residual_jacobian(self, theta: _Float64) -> _Float64: ...
    def gauss_newton(self, theta: _Float64) -> _Float64: ...
    def hessian(self, theta: _Float64) -> _Float64: ...
    def hessian_vector_product(self, theta: _Float64, v: _Float64) -> _Float64: ...

def taylor_lm(
    objective: LeastSquares,
    theta0: _Float64,
    order: int,
    max_iterations: int,
    tolerance: float,
    time_limit: float,
    damping: float,
    pade: bool,
    observe: Callable[[int, float, float, float, _Float64], bool],
) -> dict[str, Any]: ...

class DescentOptions:
    target: float
    max_iterations: int
    time_limit: float

class QuasiNewtonOptions(DescentOptions):
    def __init__(self) -> None: ...
    gradient_tolerance: float
    norm: float
    step_tolerance: float
    c1: float
    c2: float

class AdamOptions(DescentOptions):
    def __init__(self) -> None: ...
    learning_rate: float
    beta1: float
    beta2: float
    epsilon: float
    record_every: int

class AdamState:
    def __init__(self) -> None: ...
    steps: int
    x: _Float64
    m: _Float64
    v: _Float64
    best_x: _Float64
    best_value: float

class LogarithmicGrid:
    low: float
    high: float
    n_points: int
    n_rounds: int

class LowCurvatureOptions(DescentOptions):
    def __init__(self) -> None: ...
    tau: float
    grid: LogarithmicGrid

class NewtonOptions(DescentOptions):
    def __init__(self) -> None: ...
    gradient_tolerance: float
    initial_radius: float

# A LeastSquares, or an object with the methods value(x), value_and_gradient(x) and hessian(x).
_Objective = Any
_Observe = Callable[[int, float, float, _Float64], bool]

def bfgs(
    objective: _Objective,
    x0: _Float64,
    options: QuasiNewtonOptions,
    inverse_hessian: _Float64,
    observe: _Observe,
) -> dict[str, Any]: ...
def ssbfgs(
    objective: _Objective,
    x0: _Float64,
    options: QuasiNewtonOptions,
    inverse_hessian: _Float64,
    observe: _Observe,
) -> dict[str, Any]: ...
def ssbroyden(
    objective: _Objective,
    x0: _Float64,
    options: QuasiNewtonOptions,
    inverse_hessian: _Float64,
    observe: _Observe,
) -> dict[str, Any]: ...
def lbfgs(
    objective: _Objective,
    x0: _Float64,
    options: QuasiNewtonOptions,
    memory: int,
    observe: _Observe,
) -> dict[str, Any]: ...
def adam(
    objective: _Objective,
    x0: _Float64,
    state: AdamState,
    options: AdamOptions,
    batch_size: int,
    observe: _Observe,
) -> dict[str, Any]: ...
def low_curvature(
    objective: _Objective, x0: _Float64, options: LowCurvatureOptions, observe: _Observe
) -> dict[str, Any]: ...
def newton(
    objective: _Objective, x0: _Float64, options: NewtonOptions, observe: _Observe
) -> dict[str, Any]: ...

class ChebyshevSeries:
    def __init__(self, coefficients: _Float64, lo: _Float64, hi: _Float64) -> None: ...
    @property
    def n_terms(self) -> int: ...
    def evaluate(self, X: _Float64) -> _Float64: ...

class Tricubic:
    def __init__(self, x: _Float64, y: _Float64, z: _Float64, values: _Float64) -> None: ...
    def evaluate(self, X: _Float64) -> _Float64: ...
    def gradient(self, X: _Float64) -> _Float64: ...

class SimplexMesh:
    def __init__(
        self, points: _Float64, simplices: NDArray[np.int32], neighbors: NDArray[np.int32]
    ) -> None: ...
    def locate(
        self, xi: _Float64, extrapolate: bool
    ) -> tuple[NDArray[np.intp], _Float64, NDArray[np.bool_]]: ...

class SparseSimplex:
    def __init__(self, points: _Float64) -> None: ...
    @property
    def dimension(self) -> int: ...
    @property
    def size(self) -> int: ...
    def locate(
        self, xi: _Float64, extrapolate: bool = False
    ) -> tuple[NDArray[np.intp], _Float64, NDArray[np.bool_]]: ...

def weighted_values(indices: NDArray[np.intp], weights: _Float64, values: _Float64) -> _Float64: ...
def simplex_gradients(
    points: _Float64,
    indices: NDArray[np.intp],
    weights: _Float64,
    inside: NDArray[np.bool_],
    values: _Float64,
) -> _Float64: ...

class LevenbergMarquardtOptions:
    def __init__(self) -> None: ...
    cost_tolerance: float
    step_tolerance: float
    gradient_tolerance: float
    max_evaluations: int
    time_limit: float
    scale: _Float64
    second_order: bool

def levenberg_marquardt(
    fun: Callable[[_Float64], _Float64],
    x0: _Float64,
    jac: Callable[[_Float64], _Float64] | str,
    relative_step: float,
    options: LevenbergMarquardtOptions,
    observe: Callable[[int, float, float, float, _Float64], bool],
) -> dict[str, Any]: ...
def extrapolated_jacobian(
    fun: Callable[[_Float64], _Float64], x: _Float64, residual: _Float64
) -> tuple[_Float64, _Float64]: ...
