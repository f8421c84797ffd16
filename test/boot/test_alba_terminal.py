# SPDX-License-Identifier: BSD-2-Clause
"""What `alba run` does with the terminal that it is started on."""
import os
import pathlib
import subprocess
import time

import pexpect
import pytest

from alba_command import LIMIT, fixture_alba, fixture_environment, fixture_run

# The programs print `ready` in a way that the shell's echo of the command does not contain.

def modes(child):
    """The terminal's modes, as stty prints them."""
    return subprocess.run(["stty", "-a"], stdin=child.child_fd, capture_output=True,
                          check=True).stdout


@pytest.fixture(name="spawn")
def fixture_spawn(built, environment):
    """Starts alba on a terminal of its own, below a shell, as people do."""
    children = []

    def spawn(command, fake=""):
        environ = dict(environment, FAKE_QEMU=fake, PS1="prompt> ", ENV="", TERM="vt100")
        child = pexpect.spawn("/bin/sh", ["-i"], env=environ, timeout=LIMIT, dimensions=(30, 100),
                              echo=True)
        child.expect_exact("prompt> ")
        child.before_modes = modes(child)
        child.sendline(command.replace("ALBA", f"{built('alba')} run --accel tcg -q"))
        children.append(child)
        return child

    yield spawn
    for child in children:
        child.close(force=True)


def assert_restored(child):
    child.expect_exact("prompt> ")
    # After SIGKILL the shell and the guard that restores the terminal are woken at the same time.
    for _ in range(100):
        if modes(child) == child.before_modes:
            break
        time.sleep(0.05)
    assert modes(child) == child.before_modes
    child.sendline("echo status $?")
    child.expect_exact("status ")


def test_terminal_is_raw_and_restored(spawn):
    child = spawn('''ALBA /bin/sh -c 'echo r"ea"dy; head -c 3 | od -An -tx1' ''')
    child.expect_exact("ready")
    child.send("\x03\x1a\r")  # Ctrl-C, Ctrl-Z and Enter are bytes for the program
    child.expect_exact("03 1a 0d")
    assert_restored(child)


@pytest.mark.parametrize("how", ["crash", "kill -9", "kill -11", "kill -15"])
def test_terminal_is_restored_whatever_happens(spawn, how):
    if how == "crash":
        child = spawn("ALBA /bin/true", fake="crash")
    else:
        child = spawn('''ALBA /bin/sh -c 'echo r"ea"dy; exec sleep 50' ''')
        child.expect_exact("ready")
        alba = pathlib.Path(f"/proc/{child.pid}/task/{child.pid}/children").read_text()
        os.kill(int(alba.split()[0]), int(how[6:]))
    assert_restored(child)


def test_escape_keys_end_a_machine(spawn):
    child = spawn('''ALBA /bin/sh -c 'echo r"ea"dy; exec sleep 50' ''')
    child.expect_exact("ready")
    child.send("\x1d\x1d\x1d")
    assert_restored(child)
    child.expect_exact("137")


def test_window_size_is_passed_on(spawn):
    child = spawn('''ALBA --verbose /bin/sh -c 'echo r"ea"dy; head -c 1' ''')
    child.expect_exact("ready")
    child.setwinsize(40, 120)
    child.expect_exact("winsize 40 120")
    child.setwinsize(30, 100)
    child.send("x")
    assert_restored(child)


def test_keyboard_interrupt_without_raw_mode(spawn):
    """Standard output is a pipe, so the terminal is left alone and Ctrl-C is a signal."""
    child = spawn('''ALBA /bin/sh -c 'echo r"ea"dy >&2; sleep 50' | cat; echo done ''')
    child.expect_exact("ready")
    assert modes(child) == child.before_modes
    child.send("\x03")
    child.expect_exact("prompt> ")


def test_stop_and_continue(spawn):
    child = spawn('''set -m; ALBA /bin/sh -c 'echo r"ea"dy >&2; sleep 1; echo end' | cat ''')
    child.expect_exact("ready")
    child.send("\x1a")
    child.expect_exact("prompt> ")
    assert modes(child) == child.before_modes
    child.sendline("fg")
    child.expect_exact("end")
    child.expect_exact("prompt> ")


def test_terminal_option_types_standard_input(run):
    done = run("-q", "-t", "/usr/bin/head", "-n1", input=b"typed\n")
    assert done.stdout == b"typed\n"


def test_background_leaves_the_terminal_alone(spawn):
    """As a job in the background alba runs on, and in the foreground it takes the terminal."""
    child = spawn('''set -m; ALBA /bin/sh -c 'echo r"ea"dy; head -c 2; echo e"nd"; exit 6' &''')
    child.expect_exact("ready")
    assert modes(child) == child.before_modes
    child.sendline("echo a''live")  # the shell's own input
    child.expect_exact("alive")
    child.sendline("jo''bs -l; fg; echo status $?")
    child.expect_exact("Running")
    time.sleep(1)
    child.send("x\r")
    child.expect_exact("end")
    child.expect_exact("status 6")
    assert_restored(child)


def test_background_with_output_elsewhere(spawn, tmp_path):
    child = spawn(f'''set -m; ALBA /bin/sh -c 'sleep 1; echo end' > {tmp_path}/out & wait; jobs''')
    child.send("typed\r")
    time.sleep(2)
    assert (tmp_path / "out").read_text() == "end\n"
