# SPDX-License-Identifier: BSD-2-Clause
"""Further CPUs: they come up on every machine, by every door and table, as many as are asked for;
and what tables may say that is not so."""
import re

import newc
import pytest
import qemu

MACHINES = ["microvm", "microvm,acpi=off", "q35", "pc", "pc,acpi=off"]
IMAGES = ["alba.elf", "alba.bzImage"]
CPU_FILES = "/sys/devices/system/cpu/possible /sys/devices/system/cpu/present"


@pytest.fixture
def boot(built):
    """Boots until the CPUs of `online` are there; prints files."""
    def start(online, files="", append="", image="alba.elf", smp=4, **options):
        initrd = newc.root(built("guest/cpus").read_bytes())
        return qemu.Machine(built(f"x86_64/{image}"), initrd=initrd, smp=smp,
                            append=f"console=ttyS0 {append} -- {online} {files}", **options).run()
    return start


def assert_online(result, online):
    assert result.status == 0 and f"online {online}\n" in result.output, result
    assert "bye\n" in result.output, result
    return result


def contents(result, path):
    return re.search(rf"^file {re.escape(path)}\n(.*?)^(file |bye)", result.output, re.M | re.S)[1]


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("image", IMAGES)
def test_all_come_up(boot, image, machine):
    # The MP table that SeaBIOS makes has one processor for each socket.
    result = assert_online(boot("0-3", CPU_FILES, image=image, machine=machine,
                                smp="4,sockets=4,cores=1,threads=1"), "0-3")
    for path in CPU_FILES.split():
        assert contents(result, path) == "0-3\n", result
    assert "CPU" not in result.output, result  # nothing to complain about


@pytest.mark.parametrize("cpu", ["qemu64", "max,-x2apic", "Haswell", "EPYC", "max,-smap,-smep,-umip",
                                 "max,-xsave", "max,-fsgsbase"])
@pytest.mark.parametrize("machine", ["microvm", "q35"])
def test_processor(boot, machine, cpu):
    assert_online(boot("0-1", smp=2, cpu=cpu, machine=machine), "0-1")


@pytest.mark.parametrize("smp", [2, 3, 8, 64, 255])
def test_many(boot, smp):
    """255 processors: as many as an xAPIC can tell apart."""
    assert_online(boot(f"0-{smp - 1}", smp=smp, machine="q35", memory="512M"), f"0-{smp - 1}")


def test_topology(boot):
    """APIC ids with holes: they are not the CPUs' numbers."""
    assert_online(boot("0-5", smp="6,sockets=2,cores=3,threads=1", machine="q35"), "0-5")


@pytest.mark.parametrize("option,online,present", [
    ("nosmp", "0", "0"), ("maxcpus=0", "0", "0"), ("maxcpus=1", "0", "0-3"),
    ("maxcpus=3", "0-2", "0-3"), ("maxcpus=9", "0-3", "0-3"), ("nr_cpus=1", "0", "0"),
    ("nr_cpus=2", "0-1", "0-1"), ("nr_cpus=99", "0-3", "0-3"), ("nr_cpus=3 maxcpus=2", "0-1", "0-2"),
])
def test_options(boot, option, online, present):
    """As Linux's: admin-guide/kernel-parameters."""
    result = assert_online(boot(online, CPU_FILES, option), online)
    assert contents(result, "/sys/devices/system/cpu/present") == present + "\n", result


@pytest.mark.parametrize("option,text", [
    ("nr_cpus=0", "nr_cpus=0 leaves no CPU"), ("nr_cpus=two", "nr_cpus=two is not a number"),
    ("maxcpus=-1", "maxcpus=-1 is not a number"),
    ("nr_cpus=99999999999999999999", "nr_cpus=99999999999999999999 is not a number"),
])
def test_bad_options(boot, option, text):
    assert text in assert_online(boot("0-3", append=option), "0-3").output
