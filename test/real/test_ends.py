# SPDX-License-Identifier: BSD-2-Clause
"""How a session on Alba ends, as the shell that started it sees it: the status, the terminal as it
was, and no process left."""
import os
import pathlib
import signal
import subprocess

import pytest
import talk as talks
from talk import CTRL_C, CTRL_D, CTRL_Z, ENTER

GUEST = "guest> "


@pytest.fixture(name="outer", params=[1, 4], ids=lambda n: f"smp{n}")
def fixture_outer(request, start, built):
    """A shell of this system; .enter() starts Alba's shell from it."""
    outer = start("here")
    outer.modes = outer.line("stty -a")

    def enter(program="busybox sh", prompt=GUEST + "\x1b[6n", then=""):
        outer.begin(f"{built('alba')} run --smp {request.param} -it -e PS1='{GUEST}' -e ENV= {program}{then}")
        outer.expect(prompt)

    outer.enter = enter
    return outer


def modes(fd):
    said = subprocess.run(["busybox", "stty", "-a"], stdin=fd, capture_output=True, check=True)
    return said.stdout.decode().split()


def back(outer):
    """Waits for the outer prompt; the status, after a look at the terminal and the processes."""
    outer.prompt()
    status = outer.status()
    assert outer.line("stty -a") == outer.modes
    talks.wait_until(lambda: talks.descendants_of(outer.child.pid) == [])
    return status


@pytest.mark.parametrize("typed,status", [
    ("exit 3", 3), ("exit", 0), ("false\rexit", 1), ("no-such-command\rexit", 127),
    ("kill -9 $$", 137), ("kill -SEGV $$", 139), ("/etc\rexit", 126), ("exec sh -c 'exit 9'", 9),
])
def test_status_of_the_shell(outer, typed, status):
    outer.enter()
    for part in typed.split("\r"):
        outer.begin(part)
    assert back(outer) == status


@pytest.mark.parametrize("typed", ["poweroff", "halt", "reboot", "poweroff & sleep 1000"])
def test_poweroff(outer, typed):
    outer.enter()
    outer.begin(typed)
    assert back(outer) == 0


BUSY = "for i in 1 2 3 4 5 6; do while :; do :; done & done; "


@pytest.mark.parametrize("typed,status", [("poweroff", 0), ("exit 3", 3), ("kill -9 $$", 137)])
def test_ends_while_all_cpus_are_busy(outer, typed, status):
    outer.enter()
    outer.begin(BUSY + typed)
    assert back(outer) == status


def test_ctrl_c_ends_what_keeps_all_cpus_busy(outer):
    outer.enter(f"busybox sh -c '{BUSY}echo rea\"\"dy; wait'", "ready")
    outer.keys(CTRL_C)
    assert back(outer) == 130


def test_sigterm_ends_what_keeps_all_cpus_busy(outer):
    outer.enter(f"busybox sh -c '{BUSY}echo rea\"\"dy; while :; do :; done'", "ready")
    alba, = talks.children_of(outer.child.pid)
    os.kill(alba, signal.SIGTERM)
    assert back(outer) == 128 + signal.SIGTERM


def test_end_of_input(outer):
    outer.enter()
    outer.keys(CTRL_D)
    assert back(outer) == 0


def test_leaves_with_background_jobs(outer):
    outer.enter()
    outer.begin("sleep 1000 &")
    outer.expect(GUEST)
    outer.begin("exit 4")
    assert back(outer) == 4


@pytest.mark.parametrize("number,program,prompt", [
    (signal.SIGTERM, "busybox vi /none", "- /none 1/1"), (signal.SIGHUP, "busybox sh", GUEST),
    (signal.SIGINT, "busybox sh -c 'echo rea\"\"dy; cat'", "ready"),
    (signal.SIGKILL, "busybox sh", GUEST)])
def test_alba_gets_a_signal(outer, number, program, prompt):
    """Signals are the program's, whom they end as they would here; SIGKILL ends alba itself, and
    then its guard restores the terminal, maybe after the shell was told."""
    outer.enter(program, prompt, then="; echo en\"\"ded $?; read x")
    alba, = talks.children_of(outer.child.pid)
    machines = talks.descendants_of(alba)
    assert machines
    os.kill(alba, number)
    outer.expect(f"ended {128 + number}")
    talks.wait_until(lambda: not any(pathlib.Path(f"/proc/{pid}").exists() for pid in machines))
    talks.wait_until(lambda: modes(outer.child.child_fd) == outer.modes.split())
    outer.keys(ENTER)
    outer.prompt()


def test_a_shell_lives_through_sigterm(outer):
    outer.enter()
    alba, = talks.children_of(outer.child.pid)
    os.kill(alba, signal.SIGTERM)
    outer.begin("echo $((1 + 1))")
    outer.expect("2\r\n")
    outer.begin("exit 5")
    assert back(outer) == 5


def test_the_terminal_goes_away(outer):
    outer.enter()
    alba, = talks.children_of(outer.child.pid)
    machines = talks.descendants_of(alba)
    outer.child.close(force=True)
    talks.wait_until(lambda: not any(pathlib.Path(f"/proc/{pid}").exists()
                                     for pid in [alba, *machines]))


def test_keys_go_to_the_guest(outer):
    """Ctrl-C and Ctrl-Z at the prompt are the guest's, and do not end alba."""
    outer.enter()
    outer.keys(CTRL_C)
    outer.expect(GUEST)
    outer.keys(CTRL_Z, ENTER)
    outer.expect(GUEST)
    outer.begin("echo $((2 + 3))")
    outer.expect("5\r\n")
    outer.begin("exit 6")
    assert back(outer) == 6


def test_full_screen_program_by_itself(outer):
    outer.enter("-v /etc/passwd:/etc/passwd busybox vi /etc/passwd", "/etc/passwd 1/")
    outer.keys(":q", ENTER)
    assert back(outer) == 0


def test_make_run(root, built):
    """What the README promises: a prompt in /root, and `poweroff`."""
    import pexpect
    built("x86_64/root/etc/passwd")
    environment = {name: value for name, value in os.environ.items()
                   if name not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
    child = pexpect.spawn("make", ["-s", "run"], cwd=root, timeout=talks.LIMIT, encoding="utf-8",
                          env=environment, preexec_fn=talks.usual_signals)
    child.delaybeforesend = None
    child.expect_exact("# \x1b[6n")
    child.send("ls /bin | wc -l; pwd; echo $0 $TERM; ps | grep -c sh\r")
    child.expect("[0-9]{2,3}\r\n/root\r\n")
    child.expect_exact("# \x1b[6n")
    child.send("poweroff\r")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 0
