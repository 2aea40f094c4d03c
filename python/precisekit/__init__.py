from . import _core, _lapack

_lapack.connect()
from .network import MLP
from .objective import LeastSquares
