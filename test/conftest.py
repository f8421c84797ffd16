# SPDX-License-Identifier: BSD-2-Clause
"""Shared by all tests: where things are, and how a test asks for what was built.

Tests are run by `make test` (all) or `python3 -m pytest test/boot -k name` after `make all`.
"""
import os
import pathlib
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
# The files that take minutes come first, so that the end is not a wait for one of them.
LONG = ["test_programs.py", "test_busybox.py", "test_stress.py", "test_abi.py", "test_machines.py",
        "test_efi.py"]
SUMMARY = ROOT / "build" / "real" / "summary.txt"  # what tests have to say beyond their verdicts
sys.path.insert(0, str(ROOT / "test" / "lib"))


@pytest.fixture(scope="session")
def root():
    return ROOT


@pytest.fixture(scope="session")
def built():
    """A function: the path of something `make all` builds; fails the test when it is not there."""

    def find(name):
        # `make test DEBUG=1` has the other kernel, and an alba that finds it.
        kernels = os.environ.get("ALBA_BUILD", "x86_64")
        if kernels != "x86_64":
            name = f"{kernels}/alba" if name == "alba" else name.replace("x86_64/", f"{kernels}/", 1)
        path = ROOT / "build" / name
        if not path.exists():
            pytest.fail(f"build/{name} is not there: run `make all`", pytrace=False)
        return path

    return find


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: LONG.index(item.path.name) if item.path.name in LONG else len(LONG))


def pytest_sessionstart(session):
    if not hasattr(session.config, "workerinput"):
        SUMMARY.unlink(missing_ok=True)


def pytest_terminal_summary(terminalreporter):
    if SUMMARY.exists():
        terminalreporter.write("\n" + SUMMARY.read_text())


@pytest.fixture(scope="session")
def summary():
    """A function: text for the end of the run, whichever process the test is in."""

    def add(text):
        SUMMARY.parent.mkdir(parents=True, exist_ok=True)
        with open(SUMMARY, "a", encoding="utf-8") as file:
            file.write(text + "\n")

    return add
