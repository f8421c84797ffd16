# SPDX-License-Identifier: BSD-2-Clause
"""What the debug kernel notices (C20): its locks' self-test passes, and stuck CPUs and threads are
reported, once, with where they are. Limits are set low; the machine goes on afterwards."""
import newc
import pytest
import qemu


@pytest.fixture(name="run")
def fixture_run(built):
    def run(parameters, smp, seconds=100):
        machine = qemu.Machine(built("x86_64-debug/alba.elf"),
                               initrd=newc.root(built("guest/busy").read_bytes()), smp=smp,
                               append="console=ttyS0 loglevel=7 watchdog_thresh=1 "
                                      f"test_lockup.time_secs={seconds} {parameters}")
        result = machine.run()
        assert result.status == 0 and "the log says so" in result.output, result
        return result.output

    return run


def test_hard_lockup(run):
    output = run("test_lockup.disable_irq", 2)
    assert output.count("hard LOCKUP") == 1, output
    report = output.split("hard LOCKUP on CPU ")[1]
    assert "interrupts off for" in report and "hold_and_loop+0x" in report.split("test_lockup:")[0]


@pytest.mark.parametrize("smp", [1, 2])
def test_soft_lockup(run, smp):
    output = run("", smp)
    assert output.count("soft lockup") == 1, output
    report = output.split("soft lockup - CPU ")[1].split("test_lockup: done")[0]
    assert "[test_lockup]" in report and "hold_and_loop+0x" in report
    assert "hard LOCKUP" not in output


def test_blocked_thread(run):
    output = run("test_lockup.state=D sysctl.kernel.hung_task_timeout_secs=2", 2)
    assert output.count("task test_lockup blocked for more than 2 seconds") == 1, output
    report = output.split("blocked for more than")[1].split("test_lockup: done")[0]
    assert "mutex_lock" in report or "lock_slowly" in report
    assert "sleep_behind+0x" in report and "lockup - CPU" not in output


def test_nothing_is_said_when_it_is_off(run):
    output = run("nowatchdog test_lockup.disable_irq", 2, 6)
    assert "lockup" not in output.lower().replace("test_lockup", "")


def test_self_test_of_locks(run):
    assert "locks: all rules are checked" in run("nowatchdog", 1, 1)
