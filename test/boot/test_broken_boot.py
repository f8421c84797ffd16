# SPDX-License-Identifier: BSD-2-Clause
"""Boots that cannot succeed: each ends in one line that says why, and in a failure status."""
import pathlib
import random
import re
import struct

import pytest

import doors_util
import qemu
from doors_util import BLOBS, INITRD

ELF, BZIMAGE = "alba.elf", "alba.bzImage"
MASK = (1 << 64) - 1


@pytest.fixture(scope="session", name="out")
def fixture_out():
    return doors_util.build()


def fails(result, pattern):
    """One line of ours that matches, nothing of the kernel's, and QEMU's failure status."""
    lines = [line for line in result.output.splitlines() if line.startswith("Alba:")]
    assert len(lines) == 1 and re.search(pattern, lines[0]), f"no {pattern!r}: {result}"
    assert "report" not in result.output and result.status == 1, str(result)


def payload(image, out):
    """Where the payload and its header lie in an image: (header, start, size)."""
    data = image.read_bytes()
    form = "stored" if image.name == ELF else "lz4"
    packed = (out / "b" / f"payload_{form}.bin").read_bytes()
    start = data.index(packed)
    return data, data.rindex(b"ALBAKERN", 0, start), start, len(packed)


@pytest.mark.parametrize("name", [ELF, BZIMAGE])
def test_flipped_bytes(out, name):
    data, header, start, size = payload(out / name, out)
    rng = random.Random(1)
    places = [start, start + size - 1] + [start + rng.randrange(size) for _ in range(10)]
    places += [header + rng.randrange(96) for _ in range(4)]
    for place in places:
        bad = bytearray(data)
        bad[place] ^= 1 << rng.randrange(8)
        fails(qemu.Machine(bad, machine="microvm,acpi=off").run(), "kernel image is damaged")


def test_line_on_the_screen(out, tmp_path):
    """Whoever has no serial port reads it on the screen, if that is in text mode."""
    data, _, start, _ = payload(out / BZIMAGE, out)
    data = bytearray(data)
    data[start + 99] ^= 1
    iso = doors_util.grub_iso(tmp_path, data, b"", "linux /boot/alba vga=normal")
    machine = qemu.Machine(machine="pc", panic_device=False, extra=["-cdrom", str(iso)])
    text = doors_util.text_on_screen(machine, "^Alba: kernel image is damaged.*\n", tmp_path)
    assert "Alba: kernel image is damaged (checksum)" in text


def test_truncated(out):
    data, _, start, size = payload(out / BZIMAGE, out)
    for length in (start + size // 2, len(data) - 1024):
        fails(qemu.Machine(data[:length], machine="pc").run(), "kernel image is damaged")
    fails(doors_util.linux(wide=True, image=data[:start + size // 2]), "kernel image is damaged")


def checksum(data):
    lanes = [0x616c6261, 0x6b65726e, 0, 0]
    words = struct.unpack(f"<{len(data) // 8}Q", data)
    for block in range(0, len(words), 32):
        lanes[0] += sum(words[block:block + 32:2])
        lanes[1] += sum(words[block + 1:block + 32:2])
        lanes[2] += lanes[0]
        lanes[3] += lanes[1]
    return struct.pack("<4Q", *(lane & MASK for lane in lanes))


def with_kernel(out, change):
    """alba.elf with its kernel changed, and a checksum that is right again."""
    data, header, start, size = payload(out / ELF, out)
    kernel = bytearray(data[start:start + size])
    change(kernel)
    head = bytearray(data[header:header + 128])
    assert head[32:64] == checksum(data[start:start + size])
    head[32:64] = checksum(kernel)
    struct.pack_into("<Q", head, 120, 0)
    struct.pack_into("<Q", head, 120, -sum(struct.unpack("<16Q", head)) & MASK)
    return data[:header] + head + data[header + 128:start] + kernel + data[start + size:]


def at(offset, form, value):
    return lambda kernel: struct.pack_into("<" + form, kernel, offset, value)


def phdr(index, field, value):
    """Sets a field of a program header; a function gets the old value."""
    offsets = {"type": (0, "I"), "flags": (4, "I"), "offset": (8, "Q"), "vaddr": (16, "Q"),
               "filesz": (32, "Q"), "memsz": (40, "Q"), "align": (48, "Q")}

    def change(kernel):
        offset, form = offsets[field]
        place = struct.unpack_from("<Q", kernel, 32)[0] + 56 * index + offset
        old = struct.unpack_from("<" + form, kernel, place)[0]
        struct.pack_into("<" + form, kernel, place, (value(old) if callable(value) else value) & MASK)
    return change


TEXT, RODATA, DATA, TLS, DYNAMIC = range(5)
BAD_KERNELS = {
    "magic": (at(0, "I", 0), "no ELF magic"),
    "class": (at(4, "B", 1), "not a 64-bit"),
    "order": (at(5, "B", 2), "not a 64-bit"),
    "version": (at(20, "I", 2), "version"),
    "type": (at(16, "H", 1), "not a program"),
    "machine": (at(18, "H", 183), "another machine"),
    "entry": (at(24, "Q", 0xffffffff90000000), "entry is not in its code"),
    "entry in data": (at(24, "Q", 0xffffffff80003000), "entry is not in its code"),
    "phoff": (at(32, "Q", 1 << 40), "program headers outside"),
    "phoff odd": (at(32, "Q", 65), "program headers outside"),
    "phentsize": (at(54, "H", 32), "program headers of unknown size"),
    "no phdrs": (at(56, "H", 0), "no program headers"),
    "many phdrs": (at(56, "H", 65535), "no program headers, or too many"),
    "offset": (phdr(DATA, "offset", 1 << 30), "outside the file"),
    "offset odd": (phdr(RODATA, "offset", lambda x: x + 8), "not aligned"),
    "vaddr odd": (phdr(RODATA, "vaddr", lambda x: x + 8), "not aligned"),
    "both odd": (lambda k: (phdr(RODATA, "vaddr", lambda x: x + 8)(k),
                            phdr(RODATA, "offset", lambda x: x + 8)(k)), "start at a page"),
    "vaddr low": (phdr(TEXT, "vaddr", 0x100000), "another address"),
    "vaddr high": (phdr(DATA, "vaddr", 0xfffffffff0000000), "another address"),
    "filesz": (phdr(TEXT, "filesz", 1 << 60), "outside the file"),
    "memsz small": (phdr(TEXT, "memsz", 1), "larger in the file"),
    "memsz huge": (phdr(DATA, "memsz", MASK), "out of range"),
    "overlap": (phdr(TEXT, "memsz", 0x3000), "overlap"),
    "order of segments": (lambda k: (phdr(TEXT, "vaddr", 0xffffffff80100000)(k)), "overlap|order"),
    "same file page": (phdr(RODATA, "offset", 0x1000), "share a page"),
    "writable code": (phdr(TEXT, "flags", 7), "both writable and executable"),
    "align": (phdr(TEXT, "align", 3), "not aligned"),
    "tls": (phdr(TLS, "filesz", 1 << 40), "outside the file"),
    "tls elsewhere": (phdr(TLS, "vaddr", 0xffffffff8f000000), "in no segment"),
    "tls huge": (phdr(TLS, "memsz", 1 << 40), "per-CPU segment is too large"),
    "tls align": (phdr(TLS, "align", 1 << 20), "per-CPU segment is too large"),
    "no dynamic": (phdr(DYNAMIC, "type", 0), "not position independent"),
    "dynamic elsewhere": (phdr(DYNAMIC, "vaddr", 0xffffffff8f000000), "in no segment"),
    "not loadable": (lambda k: [phdr(i, "type", 0)(k) for i in (TEXT, RODATA, DATA)],
                     "no segment to load"),
}


@pytest.mark.parametrize("name", BAD_KERNELS)
def test_bad_kernel(out, name):
    change, pattern = BAD_KERNELS[name]
    image = with_kernel(out, change)
    fails(qemu.Machine(image, machine="microvm,acpi=off").run(), f"the kernel's ELF file is not good: .*({pattern})")


def test_bad_relocation(out):
    """A relocation that points outside the kernel."""
    def change(kernel):
        base = 0xffffffff80000000
        table = next(i for i in range(0x1000, len(kernel) - 8, 8)
                     if struct.unpack_from("<Q", kernel, i)[0] == 36)  # DT_RELR
        struct.pack_into("<Q", kernel, table + 8, base + (1 << 29))
    fails(qemu.Machine(with_kernel(out, change), machine="microvm,acpi=off").run(),
          "the kernel's ELF file is not good: an address lies in no segment")


@pytest.mark.parametrize("name", [ELF, BZIMAGE])
@pytest.mark.parametrize("cpu,pattern", [
    ("qemu32", "no long mode .*give the machine a 64-bit CPU"),
    ("486", "no long mode"),
    ("qemu64,-nx", "no NX"),
    ("qemu64,-syscall", "lacks"),
    ("qemu64,-sse2", "lacks"),
])
def test_cpu(out, name, cpu, pattern):
    fails(qemu.Machine(out / name, machine="q35", cpu=cpu).run(), pattern)


def test_cpu_64_bit_entry(out):
    fails(doors_util.linux(wide=True, cpu="max,-nx"), "lacks NX")


def test_cpu_on_the_screen(out):
    """With a screen and its BIOS the real-mode code shows the line there too; the test sees the
    serial port, where it must not come twice."""
    fails(qemu.Machine(out / BZIMAGE, machine="pc", cpu="qemu32", extra=["-vga", "std"]).run(),
          "no long mode")


@pytest.mark.parametrize("memory", ["1M", "1056K"])
def test_memory_is_less_than_the_image(out, memory):
    fails(qemu.Machine(out / BZIMAGE, machine="microvm,acpi=off", memory=memory).run(), "does not fit")


def test_memory_is_less_than_the_image_pvh(out):
    fails(qemu.Machine(out / ELF, machine="microvm,acpi=off", memory="1056K").run(), "does not fit")


@pytest.mark.parametrize("name", [ELF, BZIMAGE])
def test_command_line_of_64_kib(out, name):
    fails(qemu.Machine(out / name, append="x" * 65536).run(), "longer than 65535 bytes")


# Start info and boot parameters that are wrong.

BAD_START = {
    "magic": (dict(magic=0x12345678), "no PVH start info"),
    "old": (dict(version=0), "no memory map"),
    "none": (dict(memmap=[]), "no memory map"),
    "many": (dict(entries=5000), "too many entries"),
    "map out of reach": (dict(memmap_at=1 << 60), "out of reach"),
    "map odd": (dict(memmap_at=BLOBS + 0x2001), "out of reach"),
    "all reserved": (dict(memmap=[(0, 1 << 30, 2)]), "no free memory"),
    "all beyond": (dict(memmap=[(1 << 56, 1 << 30, 1)]), "no free memory"),
    "empty": (dict(memmap=[(0x100000, 0, 1)]), "no memory map"),
    "too many ranges": (dict(memmap=[(i << 13, 4096, 2) for i in range(600)]), "too many ranges"),
    "not where the image is": (dict(memmap=[(0x800000, 0x3800000, 1)]), "does not fit the memory"),
    "image half in memory": (dict(memmap=[(0x100000, 0x18000, 1)]), "does not fit the memory"),
    "small": (dict(memmap=[(0x100000, 0x38000, 1)]), "not enough memory"),
    "modules out of reach": (dict(modules_at=1 << 62, module_count=1), "out of reach"),
    "modules many": (dict(module_count=1000), "too many modules"),
    "initrd beyond": (dict(modules=[(0x5000000, 0x1000)]), "initramfs at 0x5000000"),
    "initrd huge": (dict(modules=[(INITRD, MASK)]), "initramfs at"),
    "initrd on the image": (dict(modules=[(0x101000, 0x1000)]), "initramfs at 0x101000"),
    "command line out of reach": (dict(cmdline_at=1 << 55), "command line at .* out of reach"),
    "command line too long": (dict(cmdline=b"x" * 65536), "command line is longer than 65535"),
}


@pytest.mark.parametrize("name", BAD_START)
def test_pvh(out, name):
    options, pattern = BAD_START[name]
    fails(doors_util.pvh(**options), pattern)


NODE = BLOBS + 0x30000
BAD_PARAMS = {
    "no header": (dict(patch=[(0x202, "I", 0)]), "no HdrS"),
    "no memory map": (dict(e820=()), "gave no memory map"),
    "setup_data beyond": (dict(patch=[(0x250, "Q", 1 << 60)]), "setup_data .*out of reach"),
    "setup_data loop": (dict(patch=[(0x250, "Q", NODE)],
                             blobs=[(NODE, struct.pack("<QII", NODE, 77, 0))]), "does not end"),
    "setup_data long": (dict(patch=[(0x250, "Q", NODE)], cpu="qemu64,phys-bits=32",
                             blobs=[(NODE, struct.pack("<QII", 0, 9, 0xffffffff))]), "out of reach"),
    "seed too long": (dict(patch=[(0x250, "Q", NODE)],
                           blobs=[(NODE, struct.pack("<QII", 0, 9, 0x3000000))]), "a seed of"),
    "command line": (dict(patch=[(0x228, "I", 0x1000), (0x0c8, "I", 0x80000000)]), "out of reach"),
    "initrd": (dict(patch=[(0x218, "I", 0x7000000), (0x21c, "I", 0x1000)]), "initramfs"),
}


@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("name", BAD_PARAMS)
def test_linux(out, name, wide):
    options, pattern = BAD_PARAMS[name]
    fails(doors_util.linux(wide=wide, **options), pattern)


def test_setup_not_whole(out):
    """A boot loader that takes only the first sectors of the real-mode part."""
    data = bytearray(pathlib.Path(out / BZIMAGE).read_bytes())
    end = (data[0x1f1] + 1) * 512
    place = data.rindex(struct.pack("<I", 0x41424c41), 0, end)
    data[place] ^= 1
    fails(qemu.Machine(data, machine="pc").run(), "did not load all")
