# SPDX-License-Identifier: BSD-2-Clause
"""Every door on every machine that has it, with a kernel that reports what it was handed
(report/report.c); boot loaders from ISO and disk images; and parameters within the protocols that no
boot loader at hand would make."""
import os
import re
import shutil
import struct
import subprocess

import pytest

import doors_util
import qemu
from doors_util import BLOBS, INITRD, Report

ELF, BZIMAGE = "alba.elf", "alba.bzImage"
DOORS = {ELF: doors_util.DOOR_PVH, BZIMAGE: doors_util.DOOR_LINUX16}
INITRAMFS = b"these are the bytes of the initramfs"


@pytest.fixture(scope="session", name="out")
def fixture_out():
    return doors_util.build()


def boot(image, **options):
    return Report(qemu.Machine(image, **options).run()).check()


@pytest.mark.parametrize("image", [ELF, BZIMAGE])
@pytest.mark.parametrize("machine", ["microvm", "microvm,acpi=off", "q35", "pc"])
@pytest.mark.parametrize("smp", [1, 8])
def test_machine(out, image, machine, smp):
    report = boot(out / image, machine=machine, smp=smp, append="one  two=\"three four\"",
                  initrd=INITRAMFS)
    assert report.door == DOORS[image]
    assert report.cmdline == 'one  two="three four"'
    assert int(report.cmdline_size) == len(report.cmdline)
    assert report.initrd_text == INITRAMFS[:16].decode()
    assert int(report.initrd_size) == len(INITRAMFS)
    assert len(report.cpus) == smp
    assert sorted(int(cpu[0]) for cpu in report.cpus) == list(range(smp))
    assert (report.rsdp != 0) == (machine != "microvm,acpi=off")
    assert report.total("initrd") == 4096
    assert report.total("free", "kernel", "loader", "initrd") > 62 << 20


@pytest.mark.parametrize("image", [ELF, BZIMAGE])
@pytest.mark.parametrize("machine", ["microvm", "microvm,acpi=off", "q35", "pc"])
def test_4_mib(out, image, machine):
    report = boot(out / image, machine=machine, memory="4M")
    assert report.total("free") > 2 << 20


@pytest.mark.parametrize("image", [ELF, BZIMAGE])
@pytest.mark.parametrize("cpu", ["max", "qemu64", "qemu64,+pdpe1gb", "Nehalem", "EPYC"])
def test_16_gib(out, image, cpu):
    report = boot(out / image, machine="q35", memory="16G", cpu=cpu)
    assert report.total("free") > 15.9 * (1 << 30)


def test_more_cpus_than_fit_an_apic_id(out):
    report = boot(out / ELF, machine="q35,kernel-irqchip=split", memory="64M", smp=255)
    assert len(report.cpus) == 255


def test_more_cpus_than_memory_for_them(out):
    report = boot(out / ELF, machine="q35", memory="4M", smp=200)
    assert 1 < len(report.cpus) < 200
    report.find(f"^dropped {200 - len(report.cpus)}$")
    assert report.total("free") > 2 << 20


def test_kaslr(out):
    slides = {boot(out / ELF).slide for _ in range(3)}
    assert len(slides) == 3 and all(slide % 4096 == 0 for slide in slides)
    assert boot(out / ELF, append="quiet nokaslr").slide == 0
    assert boot(out / ELF, append="notnokaslr nokaslr2").slide != 0
    # On a CPU without a generator the time and the boot loader's seed must do.
    boot(out / BZIMAGE, machine="pc", cpu="qemu64")


def test_command_line_of_all_sizes(out):
    for image in (ELF, BZIMAGE):
        report = boot(out / image)
        assert report.cmdline_size == "0"
    for size in (2000, 65535):
        report = boot(out / BZIMAGE, append="x" * size)
        assert int(report.cmdline_size) == size
        assert report.cmdline == "x" * 200


@pytest.mark.parametrize("mode", ["normal", "ext", "0x315", "0x9999"])
def test_screen(out, tmp_path, mode):
    report = grub(out, tmp_path, f"linux16 /boot/alba vga={mode}", None)
    if mode == "0x315":  # VESA 115h: 800 by 600, 24 bits
        report.find(r"^screen 800x600 0x[1-9a-f]\w+$")
    else:
        report.find(r"^screen 0x0 0$")


def from_disk(*arguments):
    """A machine that boots from a medium; it has a screen, as boot loaders like."""
    return Report(qemu.Machine(machine="pc", extra=["-vga", "std", *arguments]).run()).check()


def grub(out, tmp_path, kernel, initrd):
    iso = doors_util.grub_iso(tmp_path, (out / BZIMAGE).read_bytes(), INITRAMFS,
                              f"{kernel}\n{initrd or ''}")
    return from_disk("-cdrom", str(iso))


@pytest.mark.parametrize("command,door", [("linux", doors_util.DOOR_LINUX32),
                                          ("linux16", doors_util.DOOR_LINUX16)])
def test_grub(out, tmp_path, command, door):
    initrd = "initrd16" if command == "linux16" else "initrd"
    report = grub(out, tmp_path, f"{command} /boot/alba from grub", f"{initrd} /boot/initrd")
    assert report.door == door
    assert report.cmdline == "BOOT_IMAGE=/boot/alba from grub"
    assert report.initrd_text == INITRAMFS[:16].decode()
    report.find(r"^loader 7\.\d+$")


def test_grub_linux_graphics(out, tmp_path):
    """GRUB's own graphics mode is handed over; mem= is also for GRUB, which puts the initramfs below."""
    report = grub(out, tmp_path, "insmod all_video\nset gfxpayload=800x600x32\nlinux /boot/alba mem=48M",
                  "initrd /boot/initrd")
    report.find(r"^screen 800x600 0x[1-9a-f]\w+$")
    assert report.initrd_text == INITRAMFS[:16].decode()
    assert int(report.initrd, 0) < 48 << 20


DISK = 32 << 20  # bytes; large enough for FAT16
SYSLINUX_CFG = "default alba\nprompt 0\nlabel alba\n  kernel alba\n  initrd initrd\n  append from {}\n"


def check_syslinux(report, name):
    assert report.door == doors_util.DOOR_LINUX16
    assert f"from {name}" in report.cmdline
    assert report.initrd_text == INITRAMFS[:16].decode()


def test_isolinux(out, tmp_path):
    tree = tmp_path / "tree"
    tree.mkdir()
    shutil.copy("/usr/lib/ISOLINUX/isolinux.bin", tree)
    shutil.copy("/usr/lib/syslinux/modules/bios/ldlinux.c32", tree)
    shutil.copy(out / BZIMAGE, tree / "alba")
    (tree / "initrd").write_bytes(INITRAMFS)
    (tree / "isolinux.cfg").write_text(SYSLINUX_CFG.format("isolinux vga=0x315 mem=48M quiet"))
    iso = tmp_path / "isolinux.iso"
    subprocess.run(["xorriso", "-as", "mkisofs", "-quiet", "-o", iso, "-b", "isolinux.bin", "-c",
                    "boot.cat", "-no-emul-boot", "-boot-load-size", "4", "-boot-info-table", tree],
                   check=True, timeout=600, capture_output=True)
    report = from_disk("-cdrom", str(iso))
    check_syslinux(report, "isolinux vga=0x315 mem=48M quiet")
    report.find(r"^screen 800x600 0x[1-9a-f]\w+$")
    report.find(r"^loader 3\.\d+$")
    assert max(start + size for kind, start, size in report.ranges
               if kind != "reserved") <= 48 << 20


def test_syslinux(out, tmp_path):
    disk = tmp_path / "disk"
    disk.write_bytes(bytes(DISK))
    config = tmp_path / "syslinux.cfg"
    config.write_text(SYSLINUX_CFG.format("syslinux"))
    initrd = tmp_path / "initrd"
    initrd.write_bytes(INITRAMFS)
    environment = dict(os.environ, MTOOLS_SKIP_CHECK="1")
    for command in (["mformat", "-i", disk, "-T", str(DISK // 512), "::"],
                    ["syslinux", "--install", disk],
                    ["mcopy", "-i", disk, out / BZIMAGE, "::alba"],
                    ["mcopy", "-i", disk, initrd, "::initrd"],
                    ["mcopy", "-i", disk, config, "::syslinux.cfg"]):
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, f"{command}: {done.stderr}"
    check_syslinux(from_disk("-drive", f"file={disk},format=raw"), "syslinux")


# Parameters made by hand.

def test_pvh_by_hand(out):
    report = Report(doors_util.pvh(cmdline=b"by hand", initrd=INITRAMFS)).check()
    assert report.door == doors_util.DOOR_PVH
    assert report.cmdline == "by hand"
    assert report.initrd_text == INITRAMFS[:16].decode()


def test_wild_memory_map(out):
    """Unsorted, overlapping, empty, beyond the address width, of unknown types: made sane."""
    report = Report(doors_util.pvh(memmap=[
        (0x3000000, 0x1000000, 1),
        (0x100000, 0x2400000, 1),
        (0x2000000, 0x1800000, 1),
        (0x2400000, 0x100800, 2),
        (0x5, 0, 1),
        (0, 0x9fc00, 1),
        (0x2600000, 0x1000, 77),
        (0x2700000, 0x1000, 3),
        (0x2700000, 0x2000, 4),
        (0xfff0000000000000, 0x1000000, 1),
        (0x100000000000000, 0xffffffffffffffff, 1),
        (0xffffffffffffffff, 0xffffffffffffffff, 2),
        (0xfff0000000000, 0x1000, 1),
    ])).check()
    assert ("reserved", 0x2400000, 0x101000) in report.ranges
    assert ("reserved", 0x2600000, 0x1000) in report.ranges
    assert ("nvs", 0x2700000, 0x2000) in report.ranges
    assert all(start + size <= 1 << 52 for _, start, size in report.ranges)
    assert report.total("free", "kernel", "loader") == \
        0x4000000 - 0x100000 + 0x9e000 - 0x101000 - 0x1000 - 0x2000


def test_firmware_tables_that_are_none(out):
    """An RSDP that points nowhere, or to nonsense, is as none: one CPU."""
    for rsdp in (0xfee00000, 0x1000, 0x7fffffffffffffff, 0xffffffffffffffff, 3):
        assert len(Report(doors_util.pvh(rsdp=rsdp)).check().cpus) == 1


@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("at", [0x100000, 0x123000, 0x1001000])
def test_linux_by_hand(out, wide, at):
    """The 32-bit and the 64-bit entry, at several load addresses."""
    report = Report(doors_util.linux(wide=wide, at=at, patch=[
        (0x228, "I", BLOBS + 0x20000), (0x218, "I", INITRD), (0x21c, "I", len(INITRAMFS)),
    ], blobs=[(BLOBS + 0x20000, b"by hand\0"), (INITRD, INITRAMFS)])).check()
    assert report.door == (doors_util.DOOR_LINUX64 if wide else doors_util.DOOR_LINUX32)
    assert report.cmdline == "by hand"
    assert report.initrd_text == INITRAMFS[:16].decode()
    assert any(kind == "loader" and start <= at < start + size
               for kind, start, size in report.ranges)


def test_vmlinux_by_hand(out):
    """alba.elf entered as Firecracker enters a vmlinux: at its ELF entry, in 64 bits, with a header that
    has little more than its magic number."""
    header = bytearray(0x77)
    struct.pack_into("<HHI", header, 0x1fe - 0x1f1, 0xaa55, 0, 0x53726448)
    header[0x210 - 0x1f1] = 0xff
    shim = doors_util.elf_shim(out / ELF, wide=True, blobs=[
        (BLOBS, doors_util.zero_page(header, patch=[
            (0x228, "I", BLOBS + 0x20000), (0x218, "I", INITRD), (0x21c, "I", len(INITRAMFS))])),
        (BLOBS + 0x20000, b"by hand\0"), (INITRD, INITRAMFS)])
    report = Report(shim.run()).check()
    assert report.door == doors_util.DOOR_LINUX64
    assert report.cmdline == "by hand"
    assert report.initrd_text == INITRAMFS[:16].decode()


def test_linux_without_e820(out):
    for patch in ([(0x1e0, "I", 0xfc00)], [(0x002, "H", 0xfc00)]):  # alt_mem_k, ext_mem_k
        report = Report(doors_util.linux(e820=(), patch=patch)).check()
        assert report.total("free", "kernel", "loader") == 0x3f00000 + 0x9e000


def test_linux_extended_fields(out):
    """The upper halves count, but not those of a page that the loader did not clear."""
    garbage = [(0x0c0, "I", 7), (0x0c4, "I", 7), (0x0c8, "I", 7), (0x070, "Q", 0x123456789)]
    fields = [(0x228, "I", BLOBS + 0x20000), (0x218, "I", INITRD), (0x21c, "I", 16)]
    blobs = [(BLOBS + 0x20000, b"sentinel\0"), (INITRD, INITRAMFS)]
    report = Report(doors_util.linux(patch=garbage + fields + [(0x1ef, "B", 0xff)],
                                     blobs=blobs)).check()
    assert report.cmdline == "sentinel" and report.initrd_size == "16"
    result = doors_util.linux(patch=garbage[:2] + fields, blobs=blobs)
    assert "Alba: the initramfs at 0x7" in result.output and result.status == 1, str(result)


def test_linux_setup_data(out):
    """More e820 entries, a seed, and a type that nobody knows."""
    node = BLOBS + 0x30000
    more = struct.pack("<QII", node + 0x100, 1, 20) + struct.pack("<QQI", 0x4000000, 0x1000000, 2)
    seed = struct.pack("<QII", node + 0x200, 9, 32) + bytes(range(32))
    other = struct.pack("<QII", 0, 0x12345, 4) + b"\0" * 4
    report = Report(doors_util.linux(patch=[(0x250, "Q", node)], blobs=[
        (node, more), (node + 0x100, seed), (node + 0x200, other)])).check()
    assert ("reserved", 0x4000000, 0x1000000) in report.ranges


def test_stages_of_the_boot_manager(out):
    """Time stamps of what ran before, in setup_data: sorted in, unknown ones kept, and no more than
    there is room for."""
    sector, manager, many = 5, 6, 4000
    node = BLOBS + 0x30000
    stamps = [(200, manager), (100, sector)] + [(300 + i, 1000 + i) for i in range(many)]
    data = b"".join(struct.pack("<QII", cycles, what, 0) for cycles, what in stamps)
    report = Report(doors_util.linux(patch=[(0x250, "Q", node)], blobs=[
        (node, struct.pack("<QII", 0, 0x53414c41, len(data)) + data)])).check()
    assert re.findall(r"^stage (\d+)$", report.text, re.M) == ["5", "6", "1000", "1001", "1002",
                                                               "1003"]


def test_stage_of_the_real_mode_part(out):
    assert boot(out / BZIMAGE).find(r"^stage (\d+)$")[1] == "8"
    assert "\nstage " not in boot(out / ELF).text


def test_linux_framebuffer(out):
    for kind, found in ((0x23, "1024x768 0xe0000000"), (0x70, "1024x768 0xe0000000"),
                        (0x22, "0x0 0")):
        report = Report(doors_util.linux(patch=[
            (0x0f, "B", kind), (0x12, "H", 1024), (0x14, "H", 768), (0x16, "H", 32),
            (0x18, "I", 0xe0000000), (0x24, "H", 4096), (0x27, "B", 16), (0x29, "B", 8)])).check()
        report.find(f"^screen {found}$")
        good = kind != 0x22
        report.find(f"^pixels {'rw- combining' if good else '--- -'} cells {'yes' if good else 'no'}$")


@pytest.mark.parametrize("what,patch", [
    ("in memory", (0x18, "I", 0x3000000)), ("half in memory", (0x18, "I", 0x4000000 - 0x1000)),
    ("at 0", (0x18, "I", 0)), ("rows overlap", (0x24, "H", 4095)), ("4 bits", (0x16, "H", 4)),
    ("no blue", (0x2b, "B", 16)), ("too far right", (0x27, "B", 32)), ("a single row", (0x14, "H", 1))])
def test_bad_framebuffer(out, what, patch):
    """Is as good as none: nothing is written where a lie leads."""
    report = Report(doors_util.linux(patch=[
        (0x0f, "B", 0x23), (0x12, "H", 1024), (0x14, "H", 768), (0x16, "H", 32),
        (0x18, "I", 0xe0000000), (0x24, "H", 4096), (0x27, "B", 16), (0x29, "B", 8), patch])).check()
    assert report.find(r"^pixels --- - cells no$"), what


# The 16-bit entry, from a boot sector.

CAN_USE_HEAP = 0x81  # with LOADED_HIGH
GOOD = [(0x211, "B", CAN_USE_HEAP), (0x224, "H", 0xde00)]


@pytest.mark.parametrize("stack,header", [
    ((0x1000, 0xf000), GOOD),
    ((0x1000, 0), GOOD),           # the whole segment
    ((0x1000, 0x0100), GOOD),      # inside the code
    ((0x2000, 0x4321), GOOD),      # another segment, odd
    ((0x0000, 0x7c00), [(0x211, "B", 1)]),  # no heap granted
    ((0x9000, 0xfffe), [(0x211, "B", CAN_USE_HEAP), (0x224, "H", 0xffff)]),
    ((0x9000, 0xfffe), [(0x211, "B", CAN_USE_HEAP), (0x224, "H", 0x0010)]),
])
def test_real_mode_stacks(out, stack, header):
    report = Report(doors_util.real_mode(stack=stack, header=header)).check()
    assert report.door == doors_util.DOOR_LINUX16


@pytest.mark.parametrize("segment", [0x0900, 0x1000, 0x8fc0])
def test_real_mode_segments(out, segment):
    Report(doors_util.real_mode(segment=segment, stack=(segment, 0xe000), header=GOOD)).check()


def test_old_command_line(out):
    """Protocol below 2.02: a magic number and an offset into the segment."""
    header = GOOD + [(0x20, "H", 0xa33f), (0x22, "H", 0xe000), (0x228, "I", 0)]
    report = Report(doors_util.real_mode(header=header, blobs=[(0x1e000, b"of old\0")])).check()
    assert report.cmdline == "of old"


def test_a20_shut(out):
    Report(doors_util.real_mode(header=GOOD, a20=False)).check()


def test_real_mode_hook(out):
    """realmode_swtch is called in place of switching interrupts and NMI off. This one also says so."""
    hook = b"\xfa\x50\x52\xba\xf8\x03\xb0!\xee\xb0\n\xee\x5a\x58\xcb"  # prints "!"; lret
    header = GOOD + [(0x208, "I", 0x30000000)]
    result = doors_util.real_mode(header=header, blobs=[(0x30000, hook)])
    Report(result).check()
    assert "!\n" in result.output


def test_image_as_a_disk(out):
    """Whoever boots the bzImage as a disk is told what it is."""
    disk = (out / BZIMAGE).read_bytes()
    machine = qemu.Machine(machine="pc,graphics=off")
    machine.command += ["-drive", "format=raw,file=" + machine._path("disk", disk)]
    with machine:
        machine.expect("This is a kernel, not a boot disk: use a boot loader")
