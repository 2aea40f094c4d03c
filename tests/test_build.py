"""What the build promises: the version of Eigen, instruction sets, stubs, and a light import."""

import os
import platform
import subprocess
import sys
from importlib import resources

import pytest

from precisekit import _core

x86_64 = pytest.mark.skipif(
    platform.machine() not in ("x86_64", "AMD64"), reason="kernels are chosen on x86-64 only"
)


def python(code, *options, **environment):
    result = subprocess.run(
        [sys.executable, *options, "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 0, result.stderr
    return result


def test_eigen_is_the_pinned_one():
    assert _core.eigen_version == "3.4.1"


@x86_64
def test_precisekit_isa_caps_the_kernels():
    code = "from precisekit import _core; print(_core.isa())"
    widths = ["sse2", "avx2", "avx512"]
    best = widths.index(python(code, PRECISEKIT_ISA="").stdout.strip())
    for i, cap in enumerate(widths):
        assert python(code, PRECISEKIT_ISA=cap).stdout.strip() == widths[min(i, best)]


@pytest.mark.parametrize("value", ["", "sse2", "avx2", "avx512"])
def test_known_isas_pass_in_silence(value):
    python(
        "from precisekit._checks import check_environment; check_environment()",
        "-W",
        "error",
        PRECISEKIT_ISA=value,
    )


def test_an_unknown_isa_is_named_with_the_known_ones():
    result = python("import precisekit", PRECISEKIT_ISA="neon")
    for word in ("PRECISEKIT_ISA='neon'", "sse2", "avx2", "avx512"):
        assert word in result.stderr


def test_import_is_light():
    code = """
import time
start = time.perf_counter()
import numpy, scipy.linalg, scipy.optimize
middle = time.perf_counter()
import precisekit
print(time.perf_counter() - middle)
"""
    assert min(float(python(code).stdout) for _ in range(3)) < 0.3


@pytest.mark.parametrize("name", ["py.typed", "_core.pyi"])
def test_types_are_shipped(name):
    assert resources.files("precisekit").joinpath(name).is_file()
