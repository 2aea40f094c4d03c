"""What a fit is made of: where its error comes from, and how its loss and its function look."""

from ._decompose import LossDecomposition, decompose_loss
from ._landscape import LossLine, LossPlane, loss_line, loss_plane
from ._regions import Cell, LinearRegions, relu_regions, simplex_regions
from ._scaling import PowerLaw, scaling_exponent
from ._spectrum import HessianSpectrum, hessian_spectrum

__all__ = [
    "Cell",
    "HessianSpectrum",
    "LinearRegions",
    "LossDecomposition",
    "LossLine",
    "LossPlane",
    "PowerLaw",
    "decompose_loss",
    "hessian_spectrum",
    "loss_line",
    "loss_plane",
    "relu_regions",
    "scaling_exponent",
    "simplex_regions",
]
