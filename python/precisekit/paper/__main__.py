"""``python -m precisekit.paper EXPERIMENT``."""

from __future__ import annotations

import argparse
import sys

from . import feynman


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m precisekit.paper",
        description="Experiments of the paper Precision Machine Learning, and beyond it.",
    )
    experiments = parser.add_subparsers(dest="experiment", required=True, metavar="EXPERIMENT")
    feynman.add_parser(experiments)
    parsed = parser.parse_args(arguments)
    return parsed.run(parsed)


if __name__ == "__main__":
    sys.exit(main())
