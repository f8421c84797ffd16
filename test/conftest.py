# SPDX-License-Identifier: BSD-2-Clause
"""Shared by all tests: where things are, and how a test asks for what was built.

Tests are run by `make test` (all) or `python3 -m pytest test/boot -k name` after `make all`.
"""
import pathlib
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "test" / "lib"))


@pytest.fixture(scope="session")
def root():
    return ROOT


@pytest.fixture(scope="session")
def built():
    """A function: the path of something `make all` builds; fails the test when it is not there."""

    def find(name):
        path = ROOT / "build" / name
        if not path.exists():
            pytest.fail(f"build/{name} is not there: run `make all`", pytrace=False)
        return path

    return find
