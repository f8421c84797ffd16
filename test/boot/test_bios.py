# SPDX-License-Identifier: BSD-2-Clause
"""The BIOS door: disks and CDs that start with our boot sector and boot manager, under SeaBIOS.

A good disk boots hello as PID 1 to its end. What is wrong with a bad one is one line, on the serial
line here and on the screen, after which the boot manager waits for a key.
"""
import bios_disk
import doors_util
import fat_image
import newc
import pytest
import qemu

DOOR_BIOS = 8
STAGES = {"sector": 5, "manager": 6, "read": 7}  # enum boot_stage
CONFIG, KERNEL, INITRD = "alba/alba.cfg", "alba/kernel.img", "alba/initrd.img"


@pytest.fixture(scope="session", name="parts")
def fixture_parts(built):
    """(boot sector, boot manager)"""
    return (built("x86_64/bios-sector.bin").read_bytes(),
            built("x86_64/bios-manager.bin").read_bytes())


@pytest.fixture(scope="session", name="files")
def fixture_files(built):
    return {CONFIG: bios_disk.config(initrd="/" + INITRD, cmdline="console=ttyS0"),
            KERNEL: built("x86_64/alba.bzImage").read_bytes(),
            INITRD: newc.root(built("guest/hello").read_bytes())}


def fat(files, **options):
    options.setdefault("cluster_sectors", 4)
    return fat_image.Fat(files, **options)


class Disk(qemu.Machine):
    """A machine with this disk; `how` is the rest of QEMU's line, with the disk's file as {}."""

    def __init__(self, data, how="-drive file={},format=raw", machine="pc", **options):
        super().__init__(machine=machine, **options)
        path = self._path("disk", data)
        self.command += how.format(path).split()


def assert_hello(result):
    assert result.status == 0, result
    assert "hello from pid 1\n" in result.output and "bye\n" in result.output, result


USB = " -drive file={},format=raw,if=none,id=d -device usb-storage,drive=d"


@pytest.mark.parametrize("machine,how", [
    ("pc", "-drive file={},format=raw"),
    ("q35", "-drive file={},format=raw"),
    ("q35", "-drive file={},format=raw,if=virtio"),
    ("pc", "-device virtio-scsi -drive file={},format=raw,if=none,id=d -device scsi-hd,drive=d"),
    ("q35", "-drive file={},format=raw,if=none,id=d -device nvme,drive=d,serial=1"),
    ("pc", "-usb" + USB),
    ("q35", "-device qemu-xhci" + USB),
], ids=["ide", "ahci", "virtio", "scsi", "nvme", "uhci", "xhci"])
def test_disk(parts, files, machine, how):
    disk = bios_disk.disk(*parts, bytes(fat(files).data))
    assert_hello(Disk(disk, how, machine).run())


@pytest.mark.parametrize("machine", ["pc", "q35"])
def test_cd(parts, files, machine):
    assert_hello(Disk(bios_disk.cd(*parts, bytes(fat(files).data)), "-cdrom {}", machine).run())


def test_hand_over(parts, files):
    """What the kernel is told: the door, the times before it, command line and initramfs, in 16 GiB."""
    out = doors_util.build()
    words = "x" * 3000 + " end"
    told = dict(files) | {
        KERNEL: (out / "alba.bzImage").read_bytes(), INITRD: b"these are the bytes " * 100000,
        CONFIG: bios_disk.config(initrd="/" + INITRD, cmdline=words)}
    disk = bios_disk.disk(*parts, bytes(fat(told).data))
    report = doors_util.Report(Disk(disk, machine="q35", memory="16G", smp=4).run()).check()
    assert report.door == DOOR_BIOS
    assert int(report.cmdline_size) == len(words)
    assert int(report.initrd_size) == 2000000 and report.initrd_text == "these are the by"
    assert 0x7f000000 < int(report.initrd, 0) < 0x80000000  # as high as initrd_addr_max allows
    assert len(report.cpus) == 4
    for stage in ("sector", "manager", "read"):
        report.find(f"^stage {STAGES[stage]}$")
