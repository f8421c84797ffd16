# SPDX-License-Identifier: BSD-2-Clause
"""The Multiboot doors, 1 and 2: from GRUB, with modules and with a frame buffer; and information made
by hand, good and bad. The kernel is the one that reports (report/report.c)."""
import re
import struct

import pytest

import doors_util
import qemu
import test_efi
from doors_util import BLOBS, INITRD, Report

INITRAMFS = b"these are the bytes of the initramfs"
MAP = [(0, 0x9fc00, 1), (0x9fc00, 0x400, 2), (0x100000, 0x3f00000, 1)]
DOORS = {1: doors_util.DOOR_MULTIBOOT1, 2: doors_util.DOOR_MULTIBOOT2}


@pytest.fixture(scope="session", name="out")
def fixture_out():
    return doors_util.build()


def fails(result, pattern):
    lines = [line for line in result.output.splitlines() if line.startswith("Alba:")]
    assert len(lines) == 1 and re.search(pattern, lines[0]), f"no {pattern!r}: {result}"
    assert "report" not in result.output and result.status == 1, str(result)


# From GRUB.

def grub(out, tmp_path, *menu):
    iso = doors_util.grub_iso(tmp_path, (out / "alba.elf").read_bytes(), INITRAMFS, "\n".join(menu))
    return Report(qemu.Machine(machine="pc", extra=["-vga", "std", "-cdrom", str(iso)]).run()).check()


@pytest.mark.parametrize("version,command", [(1, "multiboot"), (2, "multiboot2")])
def test_grub(out, tmp_path, version, command):
    module = command.replace("multiboot", "module")
    report = grub(out, tmp_path, f"{command} /boot/alba from grub", f"{module} /boot/initrd name")
    assert report.door == DOORS[version]
    assert report.cmdline == "from grub"
    assert report.initrd_text == INITRAMFS[:16].decode()
    assert int(report.initrd_size) == len(INITRAMFS)
    assert report.rsdp != 0
    assert report.total("free", "kernel", "loader", "initrd") > 62 << 20
    report.find(r"^screen \d{4}x\d+ 0x\w+$")  # a mode of GRUB's choice


def test_grub_text(out, tmp_path):
    grub(out, tmp_path, "multiboot2 /boot/alba", "set gfxpayload=text").find("^screen 0x0 0\n.*\ntext 80x25$")


@pytest.mark.parametrize("command", ["multiboot", "multiboot2"])
def test_grub_screen_and_modules(out, tmp_path, command):
    """A frame buffer of the mode that was asked for; modules follow each other at multiples of 4."""
    module = command.replace("multiboot", "module")
    report = grub(out, tmp_path, f"{command} /boot/alba", "set gfxpayload=800x600x32",
                  f"{module} /boot/initrd", f"{module} /boot/initrd")
    report.find(r"^screen 800x600 0x[1-9a-f]\w+$")
    assert report.initrd_text == INITRAMFS[:16].decode()
    assert int(report.initrd_size) == 2 * len(INITRAMFS)
    assert report.total("initrd") == 4096


def test_grub_efi(out, tmp_path):
    """GRUB leaves the firmware, and says what it knew: ACPI's tables, the screen, its memory map."""
    iso = doors_util.grub_iso(
        tmp_path, (out / "alba.elf").read_bytes(), INITRAMFS,
        "insmod efi_gop\nmultiboot2 /boot/alba from grub\nmodule2 /boot/initrd\nmodule2 /boot/initrd",
        platform="x86_64-efi")
    report = Report(test_efi.machine(smp=2, extra=["-vga", "std", "-cdrom", str(iso)]).run()).check()
    assert report.door == DOORS[2] and report.cmdline == "from grub"
    assert report.initrd_text == INITRAMFS[:16].decode()
    assert int(report.initrd_size) == 2 * len(INITRAMFS)
    assert report.rsdp != 0 and len(report.cpus) == 2
    report.find(r"^screen \d{3,4}x\d{3,4} 0x[1-9a-f]\w+\n.*\ntext 0x0$")
    for kind in ("reserved", "acpi", "nvs"):
        assert report.total(kind) > 0, report.text


# By hand, version 1.

FIELDS = {"flags": 0, "lower": 4, "upper": 8, "cmdline": 16, "count": 20, "modules": 24, "map_size": 44,
          "map": 48}
TABLE = BLOBS + 0x2000
LIST = BLOBS + 0x10000
TEXT = BLOBS + 0x20000
SMALL = "qemu64,phys-bits=32"  # nothing lies beyond 4 GiB


def info1(framebuffer=b"", **fields):
    info = bytearray(116)
    for name, value in fields.items():
        struct.pack_into("<I", info, FIELDS[name], value)
    info[88:88 + len(framebuffer)] = framebuffer
    return bytes(info)


def map1(ranges=tuple(MAP), more=0):
    return b"".join(struct.pack("<IQQI", 20 + more, *r) + bytes(more) for r in ranges)


def multiboot1(ranges=map1(), modules=(), framebuffer=b"", flags=0x40, blobs=(), cpu="max",
               text=b"by hand", **fields):
    fields = {"map": TABLE, "map_size": len(ranges), "modules": LIST, "count": len(modules), **fields}
    blobs = [(LIST, b"".join(struct.pack("<IIII", *m, 0, 0) for m in modules) or b"\0"),
             (TABLE, ranges or b"\0"), (TEXT, text + b"\0"), *blobs]
    return doors_util.multiboot(1, info1(flags=flags, framebuffer=framebuffer, **fields), blobs=blobs,
                                cpu=cpu)


@pytest.mark.parametrize("more", [0, 4, 13])
def test_1_by_hand(out, more):
    """With entries that are larger than they need be."""
    report = Report(multiboot1(map1(more=more), flags=0x4c, cmdline=TEXT, blobs=[(INITRD, INITRAMFS)],
                               modules=[(INITRD, INITRD + len(INITRAMFS))])).check()
    assert report.door == DOORS[1] and report.cmdline == "by hand"
    assert report.initrd_text == INITRAMFS[:16].decode()
    assert report.total("free", "kernel", "loader", "initrd") == 0x3f00000 + 0x9e000


def test_1_without_map(out):
    report = Report(multiboot1(flags=1, lower=639, upper=0xfc00)).check()
    assert report.total("free", "kernel", "loader") == 0x3f00000 + 0x9e000


def test_1_modules(out):
    """In any order, of any size; what lies between them does not count."""
    parts = [b"first", b"second module", b"3rd!"]
    places = [INITRD + 0x4000, INITRD, INITRD + 0x2000]
    modules = [(at, at + len(part)) for at, part in zip(places, parts)]
    report = Report(multiboot1(flags=0x48, modules=[*modules, (0, 0)],
                               blobs=[(at, part + b"garbage") for at, part in zip(places, parts)])).check()
    assert report.initrd_text == "first" and int(report.initrd_size) == 8 + 16 + 4
    assert report.total("initrd") == 4096


def test_1_modules_and_command_line(out):
    """What is made of the modules does not come to lie where the command line is."""
    for low in (0x140000, 0x180000, 0x2f0000):
        report = Report(multiboot1(flags=0x4c, cmdline=low, blobs=[(low, b"in the way\0")], modules=[
            (INITRD, INITRD + 0x200000), (INITRD + 0x200000, INITRD + 0x201000)])).check()
        assert report.cmdline == "in the way" and int(report.initrd_size) == 0x201000


def framebuffer1(**change):
    fb = {"address": 0xe0000000, "stride": 4096, "width": 1024, "height": 768, "depth": 32, "type": 1,
          "colours": bytes((16, 8, 8, 8, 0, 8))} | change
    return struct.pack("<QIIIBB", *(v for k, v in fb.items() if k != "colours")) + fb["colours"]


@pytest.mark.parametrize("change,found", [
    ({}, "1024x768 0xe0000000"),
    ({"address": 0x40e0000000}, "1024x768 0x40e0000000"),
    ({"type": 2, "address": 0xb8000, "width": 80, "height": 25, "depth": 16, "stride": 160}, "0x0 0"),
    ({"type": 0}, "0x0 0"),
    ({"stride": 4095}, "0x0 0"),
    ({"width": 0xffffffff}, "0x0 0"),
    ({"height": 0}, "0x0 0"),
    ({"depth": 8}, "0x0 0"),
    ({"address": 0xffffffffffffff00}, "0x0 0"),
    ({"colours": bytes((30, 8, 8, 8, 0, 8))}, "0x0 0"),
])
def test_1_framebuffer(out, change, found):
    """One that contradicts itself is none."""
    report = Report(multiboot1(flags=0x1040, framebuffer=framebuffer1(**change)))
    report.find(f"^screen {found}$")
    report.find("^text 80x25$" if change.get("type") == 2 else "^text 0x0$")


BAD_1 = {
    "no map": (dict(flags=0), "gave no memory map"),
    "empty map": (dict(map_size=0), "gave no memory map"),
    "map beyond": (dict(map=0xfffffff0, map_size=0x8000, cpu=SMALL), "memory map is out of reach"),
    "map at 0": (dict(map=0), "memory map is out of reach"),
    "map long": (dict(map_size=0x10000000), "memory map is out of reach or too long"),
    "map cut": (dict(map_size=24 * 3 - 1), "an entry of the memory map does not fit"),
    "map ends in a size": (dict(map_size=24 * 2 + 2), "an entry of the memory map does not fit"),
    "entry small": (dict(ranges=struct.pack("<IQQI", 19, *MAP[0])), "does not fit"),
    "entry huge": (dict(ranges=struct.pack("<IQQI", 0xfffffffc, *MAP[0])), "does not fit"),
    "too many ranges": (dict(ranges=map1([(i << 13, 4096, 2) for i in range(600)])),
                        "too many ranges"),
    "too many modules": (dict(flags=0x48, modules=[(INITRD, INITRD + 1)] * 33), "too many modules"),
    "modules many": (dict(flags=0x48, count=0x10000001), "list of modules is out of reach or too long"),
    "module backwards": (dict(flags=0x48, modules=[(INITRD + 5, INITRD)]), "ends before it starts"),
    "module on the image": (dict(flags=0x48, modules=[(0x101000, 0x102000)]), "initramfs at 0x101000"),
    "module beyond": (dict(flags=0x48, modules=[(0x5000000, 0x5001000)]), "initramfs at 0x5000000"),
    "modules overlap": (dict(flags=0x48, modules=[(INITRD, INITRD + 0x2000), (INITRD + 0x1000, INITRD + 0x3000)]),
                        "initramfs at 0x3801000"),
    "command line beyond": (dict(flags=0x44, cmdline=0xffffffff, cpu=SMALL), "command line at 0xffffffff"),
    "memory too small": (dict(flags=1, lower=639, upper=64), "does not fit the memory"),
}


@pytest.mark.parametrize("name", BAD_1)
def test_1_bad(out, name):
    options, pattern = BAD_1[name]
    fails(multiboot1(**options), pattern)


@pytest.mark.parametrize("version,at", [(1, 0), (1, 0xffffffff), (2, 0), (2, 0xfffffff8), (2, BLOBS + 4)])
def test_information_out_of_reach(out, version, at):
    fails(doors_util.multiboot(version, b"\0", at=at, cpu=SMALL),
          "Multiboot information at .*: it is out of reach")


def test_neither_magic(out):
    fails(doors_util.multiboot(1, b"\0", magic=0x2badb003), "no PVH start info")


# By hand, version 2.

def tag(kind, data=b"", size=None):
    text = struct.pack("<II", kind, 8 + len(data) if size is None else size) + data
    return text + bytes(-len(text) % 8)


def map2(ranges=tuple(MAP), step=24):
    return tag(6, struct.pack("<II", step, 0) +
               b"".join(struct.pack("<QQII", *r, 0).ljust(step, b"\xff") for r in ranges))


def efi_map(descriptors, step=48):
    return tag(17, struct.pack("<II", step, 1) + b"".join(
        struct.pack("<IIQQQQ", kind, 0, start, 0, pages, 0xf).ljust(step, b"\xff")
        for kind, start, pages in descriptors))


def info2(*tags, total=None, end=tag(0)):
    text = b"".join(tags) + end
    return struct.pack("<II", 8 + len(text) if total is None else total, 0) + text


def multiboot2(*tags, blobs=(), cpu="max", text=None, **options):
    tags = tags if text is None else [tag(1, text + b"\0"), *tags]
    return doors_util.multiboot(2, info2(*tags, **options), blobs=blobs, cpu=cpu)


def module(start, end, text=b"x\0"):
    return tag(3, struct.pack("<II", start, end) + text)


OLD_RSDP = b"RSD PTR " + bytes(12)


def test_2_by_hand(out):
    rsdp = b"RSD PTR " + bytes(28)
    report = Report(multiboot2(tag(1, b"by hand\0"), tag(2, b"loader\0"), map2(step=40),
                               tag(15, rsdp), tag(14, OLD_RSDP), tag(13, bytes(8) + b"_SM_" + bytes(27)),
                               module(INITRD, INITRD + len(INITRAMFS)), tag(77, b"of another time"),
                               blobs=[(INITRD, INITRAMFS)])).check()
    assert report.door == DOORS[2] and report.cmdline == "by hand"
    assert report.initrd_text == INITRAMFS[:16].decode()
    assert report.total("free", "kernel", "loader", "initrd") == 0x3f00000 + 0x9e000
    start, size = next((s, n) for t, s, n in report.ranges if t == "loader" and s <= report.rsdp < s + n)
    assert start <= report.rsdp < start + size


def test_2_without_map(out):
    report = Report(multiboot2(tag(4, struct.pack("<II", 639, 0xfc00)))).check()
    assert report.total("free", "kernel", "loader") == 0x3f00000 + 0x9e000


def test_2_efi_map(out):
    """UEFI's own map, where there is no other: boot services' memory is free, runtime's is not."""
    descriptors = [(7, 0, 0x9f), (0, 0x9f000, 1), (2, 0x100000, 0x700), (4, 0x800000, 0x100),
                   (6, 0x900000, 0x10), (9, 0x910000, 0x10), (10, 0x920000, 0x10), (8, 0x930000, 1),
                   (7, 0x931000, 0x4000000 - 0x931000 >> 12), (11, 0x5000000, 1), (77, 0x6000000, 1),
                   (7, 0xffffffffffff0000, 0xffffffffffffffff)]
    report = Report(multiboot2(efi_map(descriptors))).check()
    for kind, start, pages in (("reserved", 0x900000, 0x10), ("acpi", 0x910000, 0x10),
                               ("nvs", 0x920000, 0x10), ("bad", 0x930000, 1)):
        assert (kind, start, pages << 12) in report.ranges
    assert report.total("free", "kernel", "loader") == 0x9e000 + 0x3f00000 - 0x31000
    both = Report(multiboot2(efi_map(descriptors[:3]), map2())).check()
    assert both.total("free", "kernel", "loader") == 0x3f00000 + 0x9e000


def test_2_framebuffer(out):
    fb = framebuffer1()
    report = Report(multiboot2(map2(), tag(8, fb[:22] + bytes(2) + fb[22:]))).check()
    report.find("^screen 1024x768 0xe0000000$")
    text = framebuffer1(type=2, address=0xb8000, width=80, height=25, depth=16, stride=160)
    Report(multiboot2(map2(), tag(8, text[:22] + bytes(2)))).find("^screen 0x0 0\n.*\ntext 80x25$")
    text = framebuffer1(type=2, address=0xb8000, width=800, height=600, depth=16, stride=160)
    Report(multiboot2(map2(), tag(8, text[:22] + bytes(2)))).find("^screen 0x0 0\n.*\ntext 0x0$")


BAD_2 = {
    "no tags": ((), {}, "gave no memory map"),
    "no end": ((map2(),), dict(end=b""), "it has no end"),
    "total 0": ((map2(),), dict(total=0), "it has no end"),
    "total 8": ((map2(),), dict(total=8), "it has no end"),
    "total huge": ((map2(),), dict(total=0xfffffff8), "out of reach or too long"),
    "tag of 0 bytes": ((tag(99, size=0),), {}, "a tag is too short or too long"),
    "tag of 7 bytes": ((tag(99, size=7),), {}, "a tag is too short or too long"),
    "tag beyond": ((tag(99, size=1000),), {}, "a tag is too short or too long"),
    "tag of 4 GiB": ((tag(99, size=0xfffffffc),), {}, "a tag is too short or too long"),
    "end too short": ((map2(),), dict(end=struct.pack("<II", 0, 4)), "a tag is too short"),
    "map without entries' size": ((tag(6),), {}, "a tag is too short"),
    "entries of 0 bytes": ((map2(step=0),), {}, "entries of an impossible size"),
    "entries of 23 bytes": ((tag(6, struct.pack("<II", 23, 0) + bytes(24)),), {}, "impossible size"),
    "EFI entries of 24 bytes": ((efi_map([], step=24) + bytes(24),), {}, "impossible size"),
    "command line does not end": ((map2(), tag(1, b"x" * 8)), {}, "the command line does not end"),
    "module cut": ((map2(), tag(3, bytes(7))), {}, "a tag is too short"),
    "module backwards": ((map2(), module(INITRD + 1, INITRD)), {}, "ends before it starts"),
    "modules many": ((map2(), *[module(INITRD, INITRD + 1)] * 33), {}, "too many modules"),
    "module on the image": ((map2(), module(0x101000, 0x102000)), {}, "initramfs at 0x101000"),
    "boot services": ((map2(), tag(18)), {}, "boot services of the firmware still run"),
    "rsdp cut": ((map2(), tag(15, OLD_RSDP)), {}, "a tag is too short"),
}


@pytest.mark.parametrize("name", BAD_2)
def test_2_bad(out, name):
    tags, options, pattern = BAD_2[name]
    fails(multiboot2(*tags, **options), pattern)
