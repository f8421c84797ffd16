# SPDX-License-Identifier: BSD-2-Clause
"""The EFI door (step A7) under OVMF, Debian's UEFI: as the application that a disk boots, from boot
loaders, from QEMU itself. Each start of the firmware takes its time, so each test here asks for much
at once; what needs no firmware is in test/unit/test_efi.c."""
import os
import subprocess

import pytest

import doors_util
import qemu
from doors_util import Report

DOOR_EFI = 7
INITRAMFS = b"these are the bytes of the initramfs"
FIRMWARE = "/usr/share/OVMF/OVMF_{}_4M.fd"
DISK = 64 << 20  # bytes: FAT16 of a size that is no question to any firmware


@pytest.fixture(scope="session", name="out")
def fixture_out():
    return doors_util.build()


def pflash(code="CODE", variables="VARS"):
    """The firmware, and its variables in a copy that is thrown away."""
    return ["-drive", f"if=pflash,format=raw,readonly=on,file={FIRMWARE.format(code)}",
            "-drive", f"if=pflash,format=raw,snapshot=on,file={FIRMWARE.format(variables)}"]


def machine(kernel=None, *, disks=(), extra=(), firmware=None, **options):
    options = {"machine": "q35", "memory": "256M", **options}
    drives = [word for disk in disks for word in ("-drive", f"file={disk},format=raw,snapshot=on")]
    return qemu.Machine(kernel, extra=[*(firmware or pflash()), *drives, *extra], **options)


def fat(path, files):
    """A disk that is one FAT file system with these files: {"EFI/BOOT/BOOTX64.EFI": bytes}."""
    path.write_bytes(bytes(DISK))
    environment = dict(os.environ, MTOOLS_SKIP_CHECK="1")

    def tool(*command):
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, f"{command}: {done.stderr}"

    tool("mformat", "-i", path, "-T", str(DISK // 512), "::")
    made = set()
    for name, data in files.items():
        folders = name.split("/")[:-1]
        for depth in range(1, len(folders) + 1):
            folder = "/".join(folders[:depth])
            if folder not in made:
                tool("mmd", "-i", path, f"::{folder}")
                made.add(folder)
        if isinstance(data, bytes):
            source = path.with_suffix(".file")
            source.write_bytes(data)
            data = source
        tool("mcopy", "-i", path, data, f"::{name}")
    return path


def test_from_qemu(out):
    """Command line, initramfs by LoadFile2, the firmware's screen, all CPUs."""
    report = Report(machine(out / "alba.bzImage", append='one  two="three four"', smp=2,
                            initrd=INITRAMFS, extra=["-vga", "std"]).run()).check()
    assert report.door == DOOR_EFI
    assert report.cmdline.startswith('one  two="three four"'), report.cmdline
    assert report.initrd_text == INITRAMFS[:16].decode()
    assert int(report.initrd_size) == len(INITRAMFS)
    assert report.rsdp != 0 and len(report.cpus) == 2
    report.find(r"^screen \d{3,4}x\d{3,4} 0x[1-9a-f]\w+$")
    for kind in ("reserved", "acpi", "nvs"):
        assert report.total(kind) > 0, report.text
    assert report.total("free", "kernel", "loader", "initrd") > 240 << 20

