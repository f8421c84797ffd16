# SPDX-License-Identifier: BSD-2-Clause
"""The kernel's place in the address space: another one at each start, through every door; where it was
linked with nokaslr. The kernel is the one that reports (report/report.c)."""
import os
import struct

import pytest

import bios_disk
import doors_util
import fat_image
import qemu
import test_bios
import test_efi
import test_multiboot
from doors_util import BLOBS, Report

ELF, BZIMAGE = "alba.elf", "alba.bzImage"
TEXT = BLOBS + 0x20000
# Without a generator of random numbers the time, and what the door offers, must do.
CPUS = ["max", "qemu64"]


@pytest.fixture(scope="session", name="out")
def fixture_out():
    return doors_util.build()


def by_qemu(image, machine):
    return lambda out, words, cpu: qemu.Machine(out / image, append=words, machine=machine,
                                                cpu=cpu).run()


def by_linux(wide):
    return lambda out, words, cpu: doors_util.linux(
        wide=wide, cpu=cpu, patch=[(0x228, "I", TEXT)], blobs=[(TEXT, words.encode() + b"\0")])


def by_multiboot1(out, words, cpu):
    return test_multiboot.multiboot1(flags=0x44, cmdline=test_multiboot.TEXT, cpu=cpu,
                                     text=words.encode())


def by_multiboot2(out, words, cpu):
    return test_multiboot.multiboot2(test_multiboot.map2(), cpu=cpu,
                                     text=words.encode())


def by_uefi(out, words, cpu):
    return test_efi.machine(out / BZIMAGE, append=words, cpu=cpu).run()


def by_bios(out, words, cpu):
    built = doors_util.ROOT / "build" / os.environ.get("ALBA_BUILD", "x86_64")
    parts = [(built / name).read_bytes()
             for name in ("bios-sector.bin", "bios-manager.bin")]
    files = {"alba/alba.cfg": bios_disk.config(cmdline=words),
             "alba/kernel.img": (out / BZIMAGE).read_bytes()}
    disk = bios_disk.disk(*parts, bytes(fat_image.Fat(files, cluster_sectors=4).data))
    return test_bios.Disk(disk, cpu=cpu).run()


DOORS = {
    "bios": by_bios,
    "pvh": by_qemu(ELF, "microvm"),
    "linux16": by_qemu(BZIMAGE, "pc"),
    "linux32": by_linux(False),
    "linux64": by_linux(True),
    "multiboot1": by_multiboot1,
    "multiboot2": by_multiboot2,
    "uefi": by_uefi,
}


@pytest.mark.parametrize("door", DOORS)
def test_door(out, door):
    # One start of UEFI takes seconds; its generator is the CPU's.
    starts = ["max", "max"] if door == "uefi" else 2 * CPUS
    slides = [Report(DOORS[door](out, "quiet", cpu)).check().slide for cpu in starts]
    assert len(set(slides)) == len(slides), slides  # none is a place like any other
    assert all(slide % 4096 == 0 for slide in slides)
    assert Report(DOORS[door](out, "quiet nokaslr", "max")).check().slide == 0


def seeded(seed):
    """A start in which nothing differs but the seed that the boot loader gives."""
    node = BLOBS + 0x30000
    shim = doors_util.linux_shim(cpu="qemu64", patch=[(0x250, "Q", node)], blobs=[
        (node, struct.pack("<QII", 0, 9, len(seed)) + seed)])
    shim.machine.command += ["-icount", "shift=0,sleep=off", "-seed", "1", "-rtc",
                             "base=2026-01-01T00:00:00,clock=vm"]
    return Report(shim.run()).check().slide


def test_seed(out):
    """The boot loader's seed counts (setup_data, SETUP_RNG_SEED), each of its bytes."""
    seed = bytes(range(32))
    assert seeded(seed) == seeded(seed)
    slides = {seeded(other) for other in (seed, b"\1" + seed[1:], seed[:-1] + b"\0", seed[:-1])}
    assert len(slides) == 4
