# SPDX-License-Identifier: BSD-2-Clause
"""Fixtures for tests of the command `alba` by itself: QEMU is test/boot/fake_qemu.py, which runs the
packed program as a process of this system. A test file imports the fixtures that it uses."""
import os
import pathlib
import subprocess

import pytest

FAKE = pathlib.Path(__file__).resolve().parents[1] / "boot" / "fake_qemu.py"
LIMIT = 60  # seconds; catches hangs only


@pytest.fixture(name="environment")
def fixture_environment(tmp_path):
    kernel = tmp_path / "kernel"
    kernel.write_bytes(b"")
    return dict(os.environ, ALBA_QEMU=str(FAKE), ALBA_KERNEL=str(kernel), TMPDIR=str(tmp_path))


@pytest.fixture(name="alba")
def fixture_alba(built, environment):
    """Runs alba to its end: alba(arguments..., fake=behaviour, and what subprocess.run takes)."""
    command = built("alba")

    def run(*arguments, fake="", env=None, **options):
        options.setdefault("capture_output", True)
        options.setdefault("stdin", None if "input" in options else subprocess.DEVNULL)
        if options["stdin"] is None:
            del options["stdin"]
        environ = dict(environment, FAKE_QEMU=fake, **(env or {}))
        return subprocess.run([command, *arguments], env=environ, timeout=LIMIT, check=False,
                              **options)

    return run


@pytest.fixture(name="run")
def fixture_run(alba):
    return lambda *arguments, **options: alba("run", "--accel", "tcg", *arguments, **options)


@pytest.fixture(name="start")
def fixture_start(built, environment):
    """Starts alba and leaves it running."""
    started = []

    def start(*arguments, fake="", **options):
        process = subprocess.Popen([built("alba"), "run", "--accel", "tcg", *arguments],
                                   env=dict(environment, FAKE_QEMU=fake), **options)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture(name="pack")
def fixture_pack(run, tmp_path):
    """Packs without starting: the image as {name: (mode, bytes)}, and what alba said."""

    def pack(*arguments):
        done = run("--dry-run", *arguments)
        assert done.returncode == 0, done.stderr
        image, = tmp_path.glob("alba-*.cpio")
        entries = read_archive(image.read_bytes())
        image.unlink()
        return entries

    return pack


def read_archive(data):
    entries = {}
    at = 0
    while True:
        assert data[at:at + 6] == b"070701"
        field = [int(data[at + 6 + 8 * i:at + 14 + 8 * i], 16) for i in range(13)]
        mode, size, name_size = field[1], field[6], field[11]
        assert 1 <= name_size <= 4096
        name = data[at + 110:at + 110 + name_size].split(b"\0")[0].decode()
        start = (at + 110 + name_size + 3) & ~3
        if name == "TRAILER!!!":
            assert start == len(data)
            return entries
        if size >= 4096:
            assert start % 4096 == 0, f"{name} is not aligned"
        entries[name] = (mode, data[start:start + size], field)
        at = (start + size + 3) & ~3


def said(done):
    """What alba said in its one line."""
    lines = done.stderr.decode().splitlines()
    assert len(lines) == 1 and lines[0].startswith("alba: "), lines
    return lines[0]
