# SPDX-License-Identifier: BSD-2-Clause
"""Further CPUs: they come up on every machine, by every door and table, as many as are asked for;
and what tables may say that is not so."""
import re
import struct

import doors_util
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
    ran = sum(int(last or first) - int(first) + 1
              for first, last in re.findall(r"(\d+)(?:-(\d+))?", online))
    assert f"ran on {ran}\n" in result.output and "bye\n" in result.output, result
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


def test_interrupts_and_cpuinfo(boot):
    """A column of /proc/interrupts and a block of /proc/cpuinfo for each CPU that runs."""
    result = assert_online(boot("0-2", "/proc/interrupts /proc/cpuinfo", "maxcpus=3"), "0-2")
    rows = contents(result, "/proc/interrupts").splitlines()
    assert rows[0].split() == ["CPU0", "CPU1", "CPU2"], result
    counts = {row.split()[0]: row.split()[1:4] for row in rows[1:]}
    assert all(int(count) > 0 for count in counts["RES:"][1:]), result
    assert counts["NMI:"] == ["0", "0", "0"] and {"LOC:", "SPU:", "CAL:", "TLB:"} < set(counts), result
    info = contents(result, "/proc/cpuinfo")
    for name in ("processor", "core id", "apicid"):
        assert re.findall(rf"^{name}\t+: (\d+)$", info, re.M) == ["0", "1", "2"], result


def test_panic_is_one_report(built):
    """Whoever reports stops the others first."""
    initrd = newc.root(built("guest/leave").read_bytes())
    result = qemu.Machine(built("x86_64/alba.elf"), initrd=initrd, smp=4, append="console=ttyS0").run()
    assert result.status == 1, result
    assert len(re.findall("^Kernel panic", result.output, re.M)) == 1, result
    assert "Attempted to kill init" in result.output.splitlines()[-1], result


# What tables may say: an RSDP, an XSDT and a MADT of ours, on a machine with two processors.

TABLES = doors_util.BLOBS + 0x40000
ENABLED = 1


def summed(table, place):
    """With the byte at `place` such that all bytes add up to nothing."""
    table = bytearray(table)
    table[place] = -sum(table) & 0xff
    return bytes(table)


def table(signature, body):
    return summed(signature + struct.pack("<IBB6s8sIII", 36 + len(body), 1, 0, b"ALBA", b"TESTTEST", 1, 0,
                                          0) + body, 9)


def apic(number, flags=ENABLED):
    return struct.pack("<BBBBI", 0, 8, 0, number, flags)


def x2apic(number, flags=ENABLED):
    return struct.pack("<BBHIII", 9, 16, 0, number, flags, 0)


IO_APIC = struct.pack("<BBBBII", 1, 12, 0, 0, 0xfec00000, 0)


def acpi(entries):
    """RSDP, XSDT and MADT, as they lie in memory from TABLES on."""
    madt = table(b"APIC", struct.pack("<II", 0xfee00000, 1) + entries)
    xsdt = table(b"XSDT", struct.pack("<Q", TABLES + 0x100))
    rsdp = summed(b"RSD PTR \0ALBA  \2" + bytes(4), 8)
    rsdp = summed(rsdp + struct.pack("<IQ", 36, TABLES + 0x40) + bytes(4), 32)
    return rsdp.ljust(0x40, b"\0") + xsdt.ljust(0xc0, b"\0") + madt


@pytest.fixture(scope="module", name="forged")
def fixture_forged(built):
    doors_util.build()

    def start(entries, online, files="", append="", tables=None, **options):
        return doors_util.pvh(
            image=built("x86_64/alba.elf"), initrd=newc.root(built("guest/cpus").read_bytes()), smp=2,
            cmdline=f"console=ttyS0 {append} -- {online} {files}".encode(), rsdp=TABLES,
            blobs=[(TABLES, tables or acpi(entries))], **options)
    return start


def missing(result):
    return re.findall(r"CPU (\d+) \(APIC id (\d+)\) did not come up", result.output)


def test_tables_as_they_should_be(forged):
    result = assert_online(forged(apic(0) + apic(1) + IO_APIC, "0-1"), "0-1")
    assert not re.search("did not come up|damaged", result.output), result


@pytest.mark.parametrize("entries", [
    apic(0) + apic(1) + apic(1) + apic(0) + x2apic(1),              # twice and more
    apic(0) + apic(1) + apic(7, 0) + x2apic(9, 0) + apic(8, 2),     # disabled, for hot-plug
    x2apic(1) + x2apic(0),                                          # the boot CPU last
    apic(1),                                                        # the boot CPU not at all
    apic(0) + apic(1) + apic(0xff) + x2apic(0xffffffff),            # "everybody" is nobody
    apic(0) + apic(1) + bytes([0x80, 4, 1, 2]) + bytes([0x7f, 2]),  # entries of another time
    apic(0) + apic(1) + apic(5)[:6],                                # cut off
], ids=["duplicates", "disabled", "order", "no boot CPU", "broadcast ids", "unknown", "cut"])
def test_odd_tables(forged, entries):
    result = assert_online(forged(entries + (IO_APIC if len(entries) % 4 == 0 else b""), "0-1",
                                  "/sys/devices/system/cpu/present"), "0-1")
    assert "damaged" not in result.output, result
    assert contents(result, "/sys/devices/system/cpu/present") == "0-1\n", result


def test_more_processors_than_there_are(forged):
    """The others are up long before; that some are missing is said after ten seconds."""
    present = "/sys/devices/system/cpu/present"
    result = assert_online(forged(apic(0) + apic(3) + apic(1) + apic(77), "0,2",
                                  f"wait=2 {present}"), "0,2")
    assert missing(result) == [("1", "3"), ("3", "77")], result
    assert contents(result, present) == "0-3\n", result


def test_full_tables(forged):
    """All 255 ids, of which two are: a block for each."""
    result = assert_online(forged(b"".join(apic(i) for i in range(256)), "0-1", "wait=253",
                                  memmap=[(0, 0x9fc00, 1), (0x100000, 0xff00000, 1)],
                                  memory="256M"), "0-1")
    assert missing(result) == [(str(i), str(i)) for i in range(2, 255)], result


def test_ids_that_need_an_x2apic(forged):
    result = assert_online(forged(apic(0) + apic(1) + x2apic(0x1000), "0-1", cpu="max,-x2apic"), "0-1")
    assert "CPU 2 (APIC id 4096) is left out: only an x2APIC reaches it" in result.output, result


@pytest.mark.parametrize("damage", [9, 0x40 + 9, 0x100 + 9, 0x100 + 4])
def test_damaged_tables(forged, damage):
    """A sum or length that is wrong: the MP table counts."""
    tables = bytearray(acpi(apic(0) + apic(1) + apic(2)))
    tables[damage] ^= 0x55
    result = assert_online(forged(b"", "0-1", tables=bytes(tables)), "0-1")
    assert not missing(result), result


def test_no_memory_below_1_mib(forged):
    result = assert_online(forged(apic(0) + apic(1), "0", memmap=[(0x100000, 0x3f00000, 1)]), "0")
    assert "smp: no memory below 1 MiB" in result.output, result
