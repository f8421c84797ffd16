# SPDX-License-Identifier: BSD-2-Clause
"""A short run of each fuzz entry with a fixed seed: the same inputs every time."""
import pathlib
import subprocess

import pytest

HERE = pathlib.Path(__file__).resolve().parent
BUILD = HERE.parent.parent / "build" / "unit"
NAMES = sorted(p.stem for p in HERE.glob("fuzz_*.c"))
RUNS = 20000


@pytest.mark.parametrize("name", NAMES)
def test_fuzz(name, tmp_path):
    corpus = HERE / "corpus" / name
    command = [BUILD / name, f"-runs={RUNS}", "-seed=1", "-timeout=60", f"-artifact_prefix={tmp_path}/"]
    if corpus.is_dir():
        work = tmp_path / "corpus"
        work.mkdir()
        command += [work, corpus]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=900,
                          stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        pytest.fail(f"exit status {done.returncode}\n{done.stderr[-6000:]}", pytrace=False)
