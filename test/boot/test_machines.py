# SPDX-License-Identifier: BSD-2-Clause
"""Machines of all kinds: each boots a small program to its end and switches itself off."""
import newc
import pytest
import qemu

MACHINES = ["microvm", "microvm,acpi=off", "q35", "pc"]
IMAGES = ["alba.elf", "alba.bzImage"]


def boot(built, image="alba.elf", program="hello", append="console=ttyS0", **options):
    initrd = newc.root(built(f"guest/{program}").read_bytes())
    return qemu.Machine(built(f"x86_64/{image}"), initrd=initrd, append=append, **options).run()


def assert_good(result):
    assert result.status == 0 and "hello from pid 1\n" in result.output, result
    assert "bye\n" in result.output, result
    return result


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("image", IMAGES)
def test_machine(built, image, machine):
    result = assert_good(boot(built, image, machine=machine))
    assert "argument </init>" in result.output, result
    assert "environment <HOME=/>" in result.output, result
    assert "environment <TERM=linux>" in result.output, result


@pytest.mark.parametrize("image", IMAGES)
@pytest.mark.parametrize("memory", ["8M", "16M", "64M", "1G", "3G", "5G", "16G"])
def test_memory_size(built, memory, image):
    result = assert_good(boot(built, image, memory=memory))
    said = int(result.output.split("memory ")[1].split()[0])
    given = int(memory[:-1]) * (1024 if memory[-1] == "G" else 1)
    assert given * 0.5 <= said <= given, result


@pytest.mark.parametrize("machine", MACHINES)
def test_eight_processors(built, machine):
    assert_good(boot(built, machine=machine, smp=8))


@pytest.mark.parametrize("cpu", ["max", "qemu64", "Haswell", "EPYC", "max,la57=off", "max,-x2apic",
                                 "max,-smap,-smep,-umip", "max,-xsave", "max,-fsgsbase",
                                 "max,-rdrand,-rdseed", "max,-pdpe1gb", "max,-invtsc"])
def test_processor(built, cpu):
    assert_good(boot(built, cpu=cpu))


def test_without_panic_device(built):
    assert_good(boot(built, panic_device=False))


def test_without_serial_console_argument(built):
    """Without console= there is no console; the machine still runs to its end."""
    result = boot(built, append="quiet")
    assert result.status == 0, result


def test_quiet_boot_says_nothing(built):
    result = assert_good(boot(built))
    assert result.output.startswith("hello from pid 1"), result


def test_same_every_time(built):
    """Two boots with the same seed say the same."""
    results = [boot(built, extra=["-icount", "shift=0,sleep=off", "-seed", "1"]) for _ in range(2)]
    assert results[0].output == assert_good(results[1]).output


def test_memory_can_run_out(built):
    result = boot(built, program="eat", memory="32M")
    assert result.status == 0 and "still here\n" in result.output, result
    assert "files: exit 20\n" in result.output, result
    assert "processes: exit 30\n" in result.output or "processes: killed" in result.output, result
    assert "pages: killed by signal 9\n" in result.output, result
    assert "Out of memory" in result.output, result


@pytest.mark.parametrize("memory", ["12M", "64M"])
@pytest.mark.parametrize("seed", [1000, 2000])
def test_random_system_calls(built, seed, memory):
    """Every call with arguments that hurt, thousands of times, as root and not: it stands."""
    result = boot(built, program="random_calls", memory=memory,
                  append=f"console=ttyS0 seed={seed} rounds=200")
    assert result.status == 0 and "still here\n" in result.output, result
    assert "Kernel panic" not in result.output, result
