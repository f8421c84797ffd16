# SPDX-License-Identifier: BSD-2-Clause
"""The EFI door (step A7) under OVMF, Debian's UEFI: as the application that a disk boots, from boot
loaders, from QEMU itself. Each start of the firmware takes its time, so each test here asks for much
at once; what needs no firmware is in test/unit/test_efi.c."""
import hashlib
import os
import pathlib
import struct
import subprocess
import zlib

import pytest

import doors_util
import newc
import qemu
from doors_util import Report

DOOR_EFI = 7
STAGE_EXIT = 9
INITRAMFS = b"these are the bytes of the initramfs"
FIRMWARE = "/usr/share/OVMF/OVMF_{}.fd"
DISK = 64 << 20  # bytes: FAT16 of a size that is no question to any firmware


@pytest.fixture(scope="session", name="out")
def fixture_out():
    return doors_util.build()


def pflash(code="CODE_4M", variables="VARS_4M"):
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
                            initrd=INITRAMFS, extra=["-vga", "std", "-device", "virtio-rng-pci"]
                            ).run()).check()
    assert report.door == DOOR_EFI
    report.find(f"^stage {STAGE_EXIT}$")
    assert report.cmdline.startswith('one  two="three four"'), report.cmdline
    assert report.initrd_text == INITRAMFS[:16].decode()
    assert int(report.initrd_size) == len(INITRAMFS)
    assert report.rsdp != 0 and len(report.cpus) == 2
    report.find(r"^screen \d{3,4}x\d{3,4} 0x[1-9a-f]\w+$")
    for kind in ("reserved", "acpi", "nvs"):
        assert report.total(kind) > 0, report.text
    assert report.total("free", "kernel", "loader", "initrd") > 240 << 20



def config(**keys):
    return "".join(f"{key}={value}\n" for key, value in keys.items()).encode()


def test_disks(built, tmp_path):
    """As BOOTX64.EFI with a disk's configuration, to the end of a program. The first disk's names an
    initramfs that is not there, the second's one that was changed: each is said, and the firmware
    goes on to the next disk."""
    kernel = built("x86_64/alba.bzImage").read_bytes()
    initrd = newc.root(built("guest/hello").read_bytes())
    digest = hashlib.sha256(initrd).hexdigest()
    named = {"title": "a", "kernel": "/k", "initrd": "/alba/initrd.img", "initrd_sha256": digest}
    disks = [fat(tmp_path / name, {"EFI/BOOT/BOOTX64.EFI": kernel, **files}) for name, files in {
        "none": {"alba/alba.cfg": config(title="a", kernel="/k", initrd="/alba/no such.img")},
        "other": {"alba/alba.cfg": config(**named), "alba/initrd.img": initrd[:-1] + b"x"},
        "good": {"alba/alba.cfg": config(default=2, timeout=9, title="b", kernel="/k") +
                                  config(**named, cmdline="console=ttyS0 from=disk"),
                 "alba/initrd.img": initrd},
    }.items()]
    result = machine(disks=disks).run()
    assert result.status == 0, str(result)
    for line in ("hello from pid 1", "environment <from=disk>", "bye"):
        assert line in result.output, str(result)
    for line in ("Alba: the initramfs /alba/no such.img is not there\n",
                 "Alba: the initramfs /alba/initrd.img is not the one that was meant (SHA-256)\n"):
        assert result.output.count(line) == 1, str(result)


def test_options(out, tmp_path):
    """Load options from a boot manager, systemd-boot, which makes `initrd=` of its lines, and offers
    the same by LoadFile2, which wins. On the older board."""
    disk = fat(tmp_path / "disk", {
        "EFI/BOOT/BOOTX64.EFI": pathlib.Path("/usr/lib/systemd/boot/efi/systemd-bootx64.efi"),
        "loader/loader.conf": b"timeout 0\ndefault alba.conf\n",
        "loader/entries/alba.conf": b"title Alba\nlinux /alba.efi\ninitrd /one\ninitrd /two\n"
                                    b"options from systemd-boot \xc3\xa4\n",
        "alba.efi": out / "alba.bzImage", "one": INITRAMFS[:8], "two": INITRAMFS[8:]})
    report = Report(machine(disks=[disk], machine="pc").run()).check()
    assert report.door == DOOR_EFI
    assert report.cmdline == "initrd=\\one initrd=\\two from systemd-boot \xe4"
    assert report.initrd_text == INITRAMFS[:16].decode()


def test_unified_image(out, tmp_path):
    """One file of systemd's stub, command line, kernel and initramfs, which comes by LoadFile2 alone."""
    image, parts = tmp_path / "image", {"cmdline": b"from one file", "initrd": INITRAMFS,
                                        "linux": (out / "alba.bzImage").read_bytes()}
    command = ["objcopy", "/usr/lib/systemd/boot/efi/linuxx64.efi.stub", image]
    for number, (name, data) in enumerate(parts.items(), 1):
        (tmp_path / name).write_bytes(data)
        command += ["--add-section", f".{name}={tmp_path / name}",
                    "--change-section-vma", f".{name}={number << 24:#x}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    disk = fat(tmp_path / "disk", {"EFI/BOOT/BOOTX64.EFI": image})
    report = Report(machine(disks=[disk]).run()).check()
    assert report.cmdline == "from one file"
    assert report.initrd_text == INITRAMFS[:16].decode()


@pytest.mark.parametrize("form,device", [
    ("iso", ["-cdrom", "{}"]),
    ("raw", ["-drive", "file={},format=raw,if=none,id=disk", "-device", "qemu-xhci", "-device",
             "usb-storage,drive=disk"])])
def test_image(built, tmp_path, form, device):
    """What `alba image` makes, from a CD and from a USB stick, to the end of its program."""
    image = tmp_path / "image"
    done = subprocess.run([built("alba"), "image", "--format", form, "-o", image,
                           built("abi/musl_static")], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    result = machine(extra=[word.format(image) for word in device]).run()
    assert result.status == 0 and "# stack_is_aligned" in result.output, str(result)


def test_shell(out, tmp_path):
    """The UEFI Shell puts the program's name in front of the options, which the kernel must not see."""
    disk = fat(tmp_path / "disk", {
        "startup.nsh": b"fs0:\r\nalba.efi one initrd=/initrd two\r\n", "alba.efi": out / "alba.bzImage",
        "initrd": INITRAMFS})
    with machine(disks=[disk]) as shell:
        shell.expect("any other key to continue")
        shell.send("\r")
        report = Report(shell.wait()).check()
    assert report.cmdline == "one initrd=/initrd two"
    assert report.initrd_text == INITRAMFS[:16].decode()


GRUB = "part_gpt part_msdos fat normal configfile linux linuxefi chain boot efi_gop"


@pytest.mark.parametrize("commands,door", [
    ("linuxefi /alba from grub\ninitrdefi /initrd", DOOR_EFI),
    ("linux /alba from grub\ninitrd /initrd", doors_util.DOOR_LINUX32),
    ("chainloader /alba initrd=/folder/one from=grub initrd=\\\\initrd", DOOR_EFI)])
def test_grub(out, tmp_path, commands, door):
    """By the handover protocol; with the firmware left by GRUB; and as any application."""
    image = tmp_path / "grub.efi"
    subprocess.run(["grub-mkimage", "-O", "x86_64-efi", "-p", "(hd0)/", "-o", image, *GRUB.split()],
                   check=True, timeout=600)
    disk = fat(tmp_path / "disk", {
        "EFI/BOOT/BOOTX64.EFI": image, "alba": out / "alba.bzImage", "initrd": INITRAMFS,
        "folder/one": b"before", "grub.cfg": f"{commands}\nboot\n".encode()})
    report = Report(machine(disks=[disk], extra=["-vga", "std"]).run()).check()
    assert report.door == door
    assert "from" in report.cmdline and "grub" in report.cmdline
    assert report.rsdp != 0
    report.find(r"^screen \d{3,4}x\d{3,4} 0x[1-9a-f]\w+$")
    if "chain" in commands:  # each from a multiple of four on
        assert int(report.initrd_size) == 8 + len(INITRAMFS) and report.initrd_text == "before"
    else:
        assert int(report.initrd_size) == len(INITRAMFS)
        assert report.initrd_text == INITRAMFS[:16].decode()


def test_secure_boot(out, tmp_path):
    """Signed with the key that Debian's test firmware trusts, it starts with secure boot on."""
    shared = pathlib.Path("/usr/share/ovmf")
    key, signed = tmp_path / "key", tmp_path / "signed"
    for command in (["openssl", "rsa", "-in", shared / "PkKek-1-snakeoil.key", "-passin",
                     "pass:snakeoil", "-out", key],
                    ["sbsign", "--key", key, "--cert", shared / "PkKek-1-snakeoil.pem", "--output",
                     signed, out / "alba.bzImage"],
                    ["sbverify", "--cert", shared / "PkKek-1-snakeoil.pem", signed]):
        done = subprocess.run(command, capture_output=True, text=True, timeout=600)
        assert done.returncode == 0, f"{command}: {done.stderr}"
        assert "warning" not in done.stderr.lower(), done.stderr
    disk = fat(tmp_path / "disk", {"EFI/BOOT/BOOTX64.EFI": signed})
    report = Report(machine(disks=[disk], machine="q35,smm=on",
                            firmware=pflash("CODE_4M.secboot", "VARS_4M.snakeoil")).run()).check()
    assert report.door == DOOR_EFI


def test_pe(built):
    """What UEFI's own loader does not ask for: sections apart and nothing both writable and
    executable, all of the file in them, and both sums."""
    image = built("x86_64/alba.bzImage").read_bytes()
    at, = struct.unpack_from("<I", image, 0x3c)
    assert image[:2] == b"MZ" and image[at:at + 4] == b"PE\0\0"
    machine_type, count = struct.unpack_from("<HH", image, at + 4)
    entry, = struct.unpack_from("<I", image, at + 24 + 16)
    align, file_align = struct.unpack_from("<II", image, at + 24 + 32)
    size, headers, checksum = struct.unpack_from("<III", image, at + 24 + 56)
    subsystem, flags = struct.unpack_from("<HH", image, at + 24 + 68)
    assert (machine_type, subsystem, flags & 0x100, align) == (0x8664, 10, 0x100, 4096)
    table = at + 24 + struct.unpack_from("<H", image, at + 20)[0]
    next_rva, next_file = 4096 * -(-headers // 4096), headers
    for section in range(count):
        name, memory, rva, length, offset, _, rights = struct.unpack_from(
            "<8sIIII12sI", image, table + 40 * section)
        assert rva == next_rva and rva % align == 0 and offset == next_file, name
        assert length % file_align == 0
        assert rights & 0xa0000000 in (0, 0x20000000, 0x80000000), name
        if rva <= entry < rva + memory:
            assert rights & 0x20000000
        next_rva, next_file = 4096 * -(-(rva + memory) // 4096), offset + length
    assert size == next_rva and next_file == len(image)
    words = struct.unpack(f"<{len(image) // 2}H", image)
    folded = sum(words) - (checksum & 0xffff) - (checksum >> 16)
    while folded > 0xffff:
        folded = (folded & 0xffff) + (folded >> 16)
    assert folded + len(image) == checksum
    assert zlib.crc32(image[:-4]) ^ 0xffffffff == struct.unpack("<I", image[-4:])[0]
