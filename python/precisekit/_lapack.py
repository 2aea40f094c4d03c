"""Hands SciPy's own BLAS and LAPACK to the core, as plain C pointers."""

from __future__ import annotations

import ctypes

from scipy.linalg import cython_blas, cython_lapack

from . import _core

# The names under which OpenBLAS builds export the control of their threads. While our own threads
# are at work the BLAS is kept on one: results then do not depend on how it splits its sums.
_THREAD_CONTROLS = ("scipy_openblas_{}_num_threads", "openblas_{}_num_threads")


def connect() -> None:
    """Fill the core's table of routines; without a known BLAS its threads are left alone."""
    _core.use_scipy(cython_blas.__pyx_capi__, cython_lapack.__pyx_capi__)
    library = ctypes.CDLL(cython_lapack.__file__)
    for name in _THREAD_CONTROLS:
        try:
            setter, getter = (getattr(library, name.format(verb)) for verb in ("set", "get"))
        except AttributeError:
            continue
        _core.use_blas_threads(
            ctypes.cast(setter, ctypes.c_void_p).value, ctypes.cast(getter, ctypes.c_void_p).value
        )
        return
