"""Where the files for embedding are: the C++ headers and the CMake package."""

from __future__ import annotations

from pathlib import Path


def get_include() -> str:
    """Directory of the C++ headers, for ``-I``: ``precisekit/...`` and ``Eigen/...``.

    The headers need C++17 and threads (``-pthread``), and nothing else. They are copies made by
    pip, also in an editable install.

    Raises
    ------
    FileNotFoundError
        If the package was not installed by pip.
    """
    return _installed("include", "Eigen/Dense")


def get_cmake_dir() -> str:
    """Directory for CMake's ``precisekit_DIR``, which makes ``find_package(precisekit)`` work."""
    return _installed("cmake", "precisekitConfig.cmake")


def _installed(directory: str, member: str) -> str:
    import precisekit

    # An editable install has two places: the sources, and site-packages with what CMake installed.
    for root in precisekit.__path__:
        path = Path(root, directory)
        if Path(path, member).is_file():
            return str(path.resolve())
    raise FileNotFoundError(
        f"{directory}/{member} is not in {list(precisekit.__path__)}: "
        "install precisekit with pip, which puts it there"
    )
