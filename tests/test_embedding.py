"""The headers inside the package build and run in a program of their own."""

import os
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

CONSUMER = Path(__file__).parents[1] / "cpp" / "tests" / "consumer"
EIGEN_VERSION = "3.4.1"


@pytest.fixture(autouse=True)
def _installed():
    try:
        metadata.distribution("precisekit")
    except metadata.PackageNotFoundError:
        pytest.skip("precisekit is not installed by pip")


def run(*command):
    result = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout.strip()


def compiler():
    path = shutil.which(os.environ.get("CXX", "c++")) or shutil.which("g++")
    if path is None:
        pytest.skip("no C++ compiler")
    return path


def cmake():
    # The cmake of the test extra stands beside the interpreter, whether or not that is in PATH.
    path = shutil.which("cmake", path=Path(sys.executable).parent) or shutil.which("cmake")
    if path is None:
        pytest.skip("no cmake: install precisekit[test]")
    return path


def check_output(output):
    assert output.startswith("kernels ")
    assert f"Eigen {EIGEN_VERSION}," in output


def test_paths_exist():
    flag = run(sys.executable, "-m", "precisekit", "--includes")
    assert flag.startswith("-I")
    include = Path(flag[2:].strip("'"))
    assert (include / "precisekit" / "optimize" / "taylor_lm.hpp").is_file()
    assert (include / "Eigen" / "Dense").is_file()
    assert not (include / "unsupported").exists()
    assert "Mozilla Public License" in (include / "Eigen/licenses/MPL-2.0.txt").read_text()
    directory = Path(run(sys.executable, "-m", "precisekit", "--cmakedir"))
    assert (directory / "precisekitConfig.cmake").is_file()


def test_a_cmake_project_builds(tmp_path):
    directory = run(sys.executable, "-m", "precisekit", "--cmakedir")
    configure = [cmake(), "-S", CONSUMER, "-B", tmp_path, f"-Dprecisekit_DIR={directory}"]
    run(*configure, f"-DCMAKE_CXX_COMPILER={compiler()}", "-DCMAKE_BUILD_TYPE=Release")
    run(cmake(), "--build", tmp_path)
    check_output(run(tmp_path / "consumer"))


def test_a_bare_compiler_is_enough_to_fit(tmp_path):
    include = run(sys.executable, "-m", "precisekit", "--includes")
    flags = ["-std=c++17", "-O1", "-Wall", "-Wextra", "-Werror", "-pthread"]
    program = tmp_path / "consumer"
    run(compiler(), *flags, "-I", include[2:].strip("'"), CONSUMER / "fit.cpp", "-o", program)
    check_output(run(program))
