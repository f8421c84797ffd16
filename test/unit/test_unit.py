# SPDX-License-Identifier: BSD-2-Clause
"""Runs the unit tests that test/rules.mk built, one pytest item for each program."""
import pathlib
import subprocess

import pytest

HERE = pathlib.Path(__file__).resolve().parent
BUILD = HERE.parent.parent / "build" / "unit"
NAMES = sorted(p.stem for p in HERE.glob("test_*.c"))


@pytest.mark.parametrize("name", NAMES)
def test_unit(name):
    done = subprocess.run([BUILD / name], capture_output=True, text=True, timeout=600,
                          stdin=subprocess.DEVNULL, errors="replace")
    if done.returncode != 0:
        pytest.fail(f"exit status {done.returncode}\n{done.stdout}{done.stderr}", pytrace=False)
