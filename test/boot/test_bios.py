# SPDX-License-Identifier: BSD-2-Clause
"""The BIOS door: disks and CDs that start with our boot sector and boot manager, under SeaBIOS.

A good disk boots hello as PID 1 to its end. What is wrong with a bad one is one line, on the serial
line here and on the screen, after which the boot manager waits for a key.
"""
import hashlib
import os
import re
import struct
import subprocess

import bios_disk
import debian_kernel
import doors_util
import fat_image
import monitor
import newc
import pytest
import qemu

DOOR_BIOS = 8
STAGES = {"sector": 5, "manager": 6, "read": 7}  # enum boot_stage
SHORT = 60
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


VIRTIO = "-drive file={},format=raw,if=virtio"
USB = " -drive file={},format=raw,if=none,id=d -device usb-storage,drive=d"


@pytest.mark.parametrize("machine,how", [
    ("pc", "-drive file={},format=raw"),
    ("q35", "-drive file={},format=raw"),
    ("q35", VIRTIO),
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


def test_options_for_boot_loaders(parts, files):
    """vga= sets the mode, mem= is a limit for the initramfs."""
    out = doors_util.build()
    told = dict(files) | {KERNEL: (out / "alba.bzImage").read_bytes()}

    def report(cmdline):
        told[CONFIG] = bios_disk.config(initrd="/" + INITRD, cmdline=cmdline)
        disk = bios_disk.disk(*parts, bytes(fat(told).data))
        return doors_util.Report(Disk(disk, extra=["-vga", "std"]).run())
    wanted = report("vga=0x315 mem=32M").check()
    wanted.find(r"^screen 800x600 0x[1-9a-f]\w+$")
    assert 0x1000000 < int(wanted.initrd, 0) < 0x2000000
    plain = report("vga=normal mem=nothing").check()
    plain.find(r"^screen 0x0 0$")
    assert 0x2000000 < int(plain.initrd, 0) < 0x4000000


@pytest.mark.parametrize("table,options", [
    ("gpt", {"bits": 12, "cluster_sectors": 8}),
    ("gpt", {"bits": 32, "cluster_sectors": 1, "tables": 1}),
    ("mbr", {"bits": 16, "cluster_sectors": 2, "spread": True}),
    ("mbr", {"bits": 12, "sector": 2048, "cluster_sectors": 2, "long_names": False}),
    ("none", {"bits": 16, "cluster_sectors": 1, "reserved": 128}),
], ids=str)
def test_file_systems(parts, files, table, options):
    volume = fat(files, **options)
    assert_hello(Disk(bios_disk.disk(*parts, bytes(volume.data), table=table)).run())


def test_other_peoples_file_system(parts, files, tmp_path):
    """As mtools make it, with names they choose to shorten."""
    image = tmp_path / "fat"
    image.write_bytes(bytes(16 << 20))
    def mtools(*command):
        subprocess.run([command[0], "-i", image, *command[1:]], check=True, timeout=60,
                       stdin=subprocess.DEVNULL, capture_output=True)
    mtools("mformat", "-T", str((16 << 20) // 512), "-h", "16", "-s", "63", "-c", "4", "::")
    for folder in ("alba", "A long name with blanks"):
        mtools("mmd", f"::{folder}")
    long_one = "A long name with blanks/initramfs of today.cpio"
    for name, data in ((CONFIG, bios_disk.config(initrd="/" + long_one, cmdline="console=ttyS0")),
                       (KERNEL, files[KERNEL]), (long_one, files[INITRD])):
        (tmp_path / "file").write_bytes(data)
        mtools("mcopy", tmp_path / "file", f"::{name}")
    assert_hello(Disk(bios_disk.disk(*parts, image.read_bytes())).run())


def test_sectors_of_4096_bytes(parts, files):
    volume = fat(files, sector=4096, cluster_sectors=1)
    disk = bios_disk.disk(*parts, bytes(volume.data), sector_size=4096)
    nvme = "-drive file={},format=raw,if=none,id=d -device nvme,id=n,serial=1 " \
        "-device nvme-ns,drive=d,logical_block_size=4096,physical_block_size=4096"
    assert_hello(Disk(disk, nvme, "q35").run())


def test_digests(parts, files):
    def with_digests(kernel, initrd):
        more = f"kernel_sha256={kernel}\ninitrd_sha256={initrd}\n"
        return bios_disk.disk(*parts, bytes(fat(files | {CONFIG: files[CONFIG] + more.encode()}).data))
    kernel, initrd = (hashlib.sha256(files[name]).hexdigest() for name in (KERNEL, INITRD))
    assert_hello(Disk(with_digests(kernel, initrd)).run())
    wrong = "the SHA-256 digest is not the one that the configuration has"
    assert_says(Disk(with_digests(initrd, initrd)), f"/{KERNEL}: {wrong}")
    assert_says(Disk(with_digests(kernel, kernel.upper())), f"/{INITRD}: {wrong}")


# What is wrong, and the way back.

def assert_says(machine, line):
    """That line and nothing of a boot; the boot manager waits for a key then."""
    with machine:
        machine.expect("^Alba: " + re.escape(line) + "\n", SHORT)
        machine.expect("^Press a key to try again.\n", SHORT)
        assert machine.text().count("Alba:") == 1, machine.text()


def changed(parts, files, **more):
    """A disk with other files: CONFIG=..., KERNEL=... (None: not there)."""
    all_files = dict(files)
    for name, data in more.items():
        path = {"config": CONFIG, "kernel": KERNEL, "initrd": INITRD}[name]
        all_files[path] = data
    all_files = {name: data for name, data in all_files.items() if data is not None}
    return bios_disk.disk(*parts, bytes(fat(all_files).data))


def header(kernel, *changes):
    data = bytearray(kernel)
    for offset, form, value in changes:
        struct.pack_into("<" + form, data, offset, value)
    return bytes(data)


NOT_AN_IMAGE = "this is not a kernel image (bzImage): it has no setup header"


@pytest.mark.parametrize("name,make,line", [
    ("config", lambda _: None, "/alba/alba.cfg on the EFI system partition: there is no such file"),
    ("config", lambda _: bytes(70000),
     "/alba/alba.cfg on the EFI system partition: the file is too large"),
    ("config", lambda _: b"", "/alba/alba.cfg, line 0: there is no entry"),
    ("config", lambda _: b"# x\ntitle=a\nkernle=/b\n", "/alba/alba.cfg, line 3: unknown key"),
    ("config", lambda _: b"title=a\nkernel=/alba\n", "/alba: that is a folder, not a file"),
    ("config", lambda _: b"title=a\nkernel=/alba/alba.cfg/x\n",
     "/alba/alba.cfg/x: a part of the path is a file, not a folder"),
    ("kernel", lambda _: None, "/alba/kernel.img: there is no such file"),
    ("kernel", lambda _: b"", "/alba/kernel.img: the file is empty"),
    ("kernel", lambda _: b"x" * 100, "/alba/kernel.img: " + NOT_AN_IMAGE),
    ("kernel", lambda _: b"x" * 100000, "/alba/kernel.img: " + NOT_AN_IMAGE),
    ("kernel", lambda kernel: kernel[:4096], "/alba/kernel.img: the kernel image is cut off"),
    ("kernel", lambda kernel: header(kernel, (0x206, "H", 0x201)), "/alba/kernel.img: the kernel "
     "image is of an old kind: a bzImage of protocol 2.02 or later is needed"),
    ("kernel", lambda kernel: header(kernel, (0x1f1, "B", 100)),
     "/alba/kernel.img: the real-mode part of the kernel image is too large"),
    ("kernel", lambda kernel: header(kernel, (0x238, "I", 3)),
     "the command line has 13 bytes, and the kernel takes 3"),
    ("kernel", lambda kernel: header(kernel, (0x260, "I", 0x7fffffff)), "/alba/kernel.img: "
     "not enough memory: the kernel needs 2097151 KiB from 1 MiB on"),
    ("initrd", lambda _: None, "/alba/initrd.img: there is no such file"),
    ("initrd", lambda _: b"", "/alba/initrd.img: the file is empty"),
], ids=lambda value: value if isinstance(value, str) else "")
def test_wrong_files(parts, files, name, make, line):
    assert_says(Disk(changed(parts, files, **{name: make(files[KERNEL])})), line)


def test_little_memory(parts, files):
    disk = changed(parts, files, initrd=bytes(7 << 20))
    assert_says(Disk(disk, memory="8M"),
                "/alba/initrd.img: not enough memory: no place for 7169 KiB")


def test_lies(parts, files):
    """File systems that contradict themselves."""
    def lie(change, line, **options):
        volume = fat(files | {INITRD: bytes(1 << 20)}, **options)
        change(volume)
        assert_says(Disk(bios_disk.disk(*parts, bytes(volume.data)), VIRTIO), line)
    damaged = "the file system is damaged: "

    def circle(volume):  # of 32 MiB
        chain = volume.clusters[INITRD]
        volume.set_next(chain[-1], chain[0])
        volume.patch(INITRD, "I", 28, 32 << 20)
    lie(circle, f"/{INITRD}: {damaged}its clusters go on after its end", clusters=20000)

    def folder_circle(volume):
        at = volume.clusters["alba"]
        volume.set_next(at[-1], at[0])
        volume.data[volume.cluster_at(at[0]):volume.cluster_at(at[0]) + volume.cluster_bytes] = \
            b"\xe5".ljust(32, b"x") * (volume.cluster_bytes // 32)
    lie(folder_circle, f"/{CONFIG} on the EFI system partition: {damaged}a folder goes round in a circle")
    lie(lambda volume: volume.set_next(volume.clusters[KERNEL][20], 0xffef),
        f"/{KERNEL}: {damaged}a chain of clusters leads nowhere")
    lie(lambda volume: volume.set_next(volume.clusters[KERNEL][20], 0xffff),
        f"/{KERNEL}: {damaged}the file's clusters end too early")
    lie(lambda volume: volume.patch(KERNEL, "H", 26, 0),
        f"/{KERNEL}: {damaged}the file has no clusters")
    lie(lambda volume: volume.patch(KERNEL, "I", 28, 0xffffffff),
        f"/{KERNEL}: {damaged}the file is larger than the volume")
    lie(lambda volume: volume.data.__setitem__(13, 0), f"/{CONFIG} on the EFI system partition: "
        "this is not a FAT file system: its clusters have an impossible size")
    lie(lambda volume: struct.pack_into("<H", volume.data, 19, 0xffff),
        f"/{CONFIG} on the EFI system partition: the FAT file system is larger than its partition")


def test_damaged_partition_tables(parts, files):
    """The copy at the end serves where the first is damaged, and the boot record where both are."""
    disk = bios_disk.disk(*parts, bytes(fat(files).data))
    disk[512 + 60] ^= 1
    assert_hello(Disk(disk).run())
    disk[1024 + 130] ^= 1  # the table of the first, whose header is good again
    disk[512 + 60] ^= 1
    assert_hello(Disk(disk).run())
    disk[-512:] = bytes(512)
    with Disk(disk) as machine:
        machine.expect("^Alba: /alba/alba.cfg on the whole disk: this is not a FAT file system", SHORT)
    first = bios_disk.ESP_LBA
    struct.pack_into("<B3sB3sII", disk, 446 + 16, 0, b"", 0xef, b"", first, len(disk) // 512 - first)
    assert_hello(Disk(disk).run())


# Errors of the disk: QEMU's blkdebug.

def faulty(disk, errors, *, folder):
    """QEMU's line for a disk that has these errors: (sector, "on" for once, else "off")."""
    rules = "".join(f'[inject-error]\nevent = "read_aio"\nerrno = "5"\nsector = "{sector}"\n'
                    f'once = "{once}"\n' for sector, once in errors)
    (folder / "rules").write_text(rules)
    (folder / "faulty").write_bytes(disk)
    return (f"-drive if=none,id=d,format=raw,file=blkdebug:{folder}/rules:{folder}/faulty "
            "-device ide-hd,drive=d")


def sector_of(volume, path, number=0):
    return bios_disk.ESP_LBA + volume.cluster_at(volume.clusters[path][number]) // 512


def test_disk_errors(parts, files, tmp_path):
    volume = fat(files)
    disk = bios_disk.disk(*parts, bytes(volume.data))
    kernel, initrd, config = (sector_of(volume, name, number) for name, number in
                              ((KERNEL, 40), (INITRD, 3), (CONFIG, 0)))

    def machine(*errors):
        return Disk(b"", faulty(disk, errors, folder=tmp_path))
    for bad, name in ((kernel, KERNEL), (initrd, INITRD)):
        with machine((bad, "off")) as one:
            one.expect(rf"^Alba: /{name}: the disk cannot be read: BIOS error 0x\w+ at sector {bad}\n",
                       SHORT)
    with machine((config, "off")) as one:
        one.expect(r"^Alba: /alba/alba.cfg on the EFI system partition: the disk cannot be read: "
                   rf"BIOS error 0x\w+ at sector {config}\n", SHORT)
    with machine((bios_disk.MANAGER_LBA, "off")) as one:
        one.expect("Alba: disk read error", SHORT)
    # What goes away is tried again, and a bad first partition table has a copy.
    assert_hello(machine((kernel, "on"), (initrd, "on"), (config, "on")).run())
    assert_hello(machine((bios_disk.MANAGER_LBA, "on")).run())
    assert_hello(machine((1, "off")).run())


def test_short_disk(parts, files):
    volume = fat(files)
    end = sector_of(volume, KERNEL, 10)
    disk = bios_disk.disk(*parts, bytes(volume.data))[:end * 512]
    with Disk(disk) as machine:
        machine.expect(rf"^Alba: /{KERNEL}: the disk cannot be read: BIOS error 0x\w+ at sector {end}\n",
                       SHORT)


def test_boot_sector(parts, files):
    """What the boot sector itself can find wrong."""
    disk = bios_disk.disk(*parts, bytes(fat(files).data))
    with Disk(disk, "-drive file={},format=raw,if=floppy") as machine:
        machine.expect("Alba: BIOS without LBA", SHORT)
    disk[bios_disk.MANAGER_LBA * 512 + 5000] ^= 0x10
    with Disk(disk) as machine:
        machine.expect("Alba: boot manager damaged", SHORT)
    disk[bios_disk.PATCH:bios_disk.PATCH + 16] = bytes(16)
    with Disk(disk) as machine:
        machine.expect("Alba: boot manager damaged", SHORT)
    image = bios_disk.cd(*parts, bytes(fat(files).data))
    image[24 * 2048 + 9000] ^= 1
    with Disk(image, "-cdrom {}") as machine:
        machine.expect("Alba: boot manager damaged", SHORT)


def test_old_cpu(parts, files):
    """Neither boot sector nor boot manager need more than a 386; the kernel says what it needs."""
    disk = bios_disk.disk(*parts, bytes(fat(files).data))
    with Disk(disk, cpu="486") as machine:
        machine.expect("(?i)64", SHORT)


# A BIOS that does less than SeaBIOS (shim/worse_bios.S).

NO_PARAMETERS, FEW_SECTORS, THIRD_TIME, NO_EXTENSIONS, NO_E820, NO_E801 = 1, 2, 3, 4, 5, 6


@pytest.fixture(scope="session", name="worse")
def fixture_worse(parts, files):
    """A function: a machine whose BIOS is that bad."""
    doors_util.OUT.mkdir(parents=True, exist_ok=True)
    elf, binary = doors_util.OUT / "worse_bios.elf", doors_util.OUT / "worse_bios.bin"
    doors_util.run("gcc", "-m32", "-nostdlib", "-static", "-no-pie", "-Wl,-Ttext=0,--build-id=none",
                   "-o", elf, doors_util.ROOT / "test" / "boot" / "shim" / "worse_bios.S")
    doors_util.run("objcopy", "-O", "binary", "-j", ".text", elf, binary)
    shim, mode_at, real = bytearray(binary.read_bytes()), 500, 62

    def machine(mode):
        disk = bios_disk.disk(*parts, bytes(fat(files).data))
        disk[real * 512:(real + 1) * 512] = disk[:512]
        shim[mode_at] = mode
        disk[:446] = shim[:446]
        disk[mode_at] = mode
        return Disk(disk, VIRTIO)
    return machine


@pytest.mark.parametrize("mode", [NO_PARAMETERS, FEW_SECTORS, THIRD_TIME, NO_E820, NO_E801])
def test_bios_that_does_less(worse, mode):
    assert_hello(worse(mode).run())


def test_bios_without_extensions(worse):
    assert_says(worse(NO_EXTENSIONS),
                "the BIOS cannot read drive 0x80 by sector numbers (no int 13h extensions)")


# The menu.

NEW_LINES = re.compile(r"\x1b\[([0-9;]*H|2J)")
COLOURS = re.compile(r"\x1b\[[0-9;]*[mK]")
UP, DOWN, LEFT, HOME, DELETE = "\x1b[A", "\x1b[B", "\x1b[D", "\x1b[1~", "\x1b[3~"


class Menu(Disk):
    """A machine whose disk has two good entries and, between them, one without a kernel."""

    def __init__(self, parts, files, *lines, extra=(), **options):
        text = "\n".join([*lines, ""]).encode() + b"".join(
            bios_disk.config(kernel=kernel, initrd="/" + INITRD, title=title,
                             cmdline=f"console=ttyS0 {title}")
            for title, kernel in (("first", "/" + KERNEL), ("second", "/none"), ("third", "/" + KERNEL)))
        super().__init__(changed(parts, files, config=text), **options)
        self.socket = os.path.join(self.files.name, "monitor")
        self.command += [*monitor.options(self.socket), *extra]
        self.talk = None

    def text(self):
        return COLOURS.sub("", NEW_LINES.sub("\n", super().text()))

    def ask(self, line):
        """QEMU's monitor, which is there a moment after QEMU."""
        while self.talk is None:
            assert self.process.poll() is None
            if os.path.exists(self.socket):
                self.talk = monitor.Monitor(self.socket)
        return self.talk.ask(line)

    def screen(self):
        """What the VGA text screen shows, as 25 lines, and the rows that are dark on light."""
        self.ask("info status")
        cells = b"".join(word.to_bytes(8, "little") for word in self.talk.words(0xb8000, 500))
        rows = [cells[i:i + 160] for i in range(0, 4000, 160)]
        return [row[::2].decode("cp437").rstrip("\0 ") for row in rows], \
            [i for i, row in enumerate(rows) if row[1] == 0x70]


VGA = ["-vga", "std"]


def test_menu_by_serial_line(parts, files):
    with Menu(parts, files, "timeout=-1") as machine:
        machine.expect("(?s)Alba boot manager.*1  first.*2  second.*3  third", SHORT)
        machine.send(DOWN + UP + UP + DOWN + DOWN + DOWN + "\r")
        machine.expect("argument <third>", SHORT)
        assert_hello(machine.wait())
    with Menu(parts, files, "timeout=-1", "default=3") as machine:  # as other terminals send it
        machine.expect("boot manager", SHORT)
        machine.send("\x1bOA\x1bOA\n")
        machine.expect("argument <first>", SHORT)
        assert_hello(machine.wait())


def test_menu_takes_the_default_after_its_time(parts, files):
    with Menu(parts, files, "timeout=1", "default=3") as machine:
        machine.expect("Starting in 1 s", SHORT)
        machine.expect("argument <third>", SHORT)
        assert_hello(machine.wait())


def test_menu_where_there_is_a_choice(parts, files):
    """Without a timeout in the file; and a key stops the clock."""
    with Menu(parts, files) as machine:
        machine.expect("Starting in 5 s", SHORT)
        machine.send("x")
        machine.send(DOWN)
        machine.send(DOWN)
        machine.send("\r")
        machine.expect("argument <third>", SHORT)
        assert "Starting in 1 s" not in machine.text()


def test_no_menu(parts, files):
    with Menu(parts, files, "timeout=0") as machine:
        machine.expect("argument <first>", SHORT)
        assert "boot manager" not in machine.text()
    with Menu(parts, files, "timeout=0", extra=["-S"]) as machine:  # a key that came early
        machine.send("x")
        machine.ask("cont")
        machine.expect("boot manager", SHORT)
        machine.send("\r")
        machine.expect("argument <first>", SHORT)


def test_back_to_the_menu(parts, files):
    """What fails leads back; from there another entry starts."""
    with Menu(parts, files, "timeout=1", "default=2") as machine:
        machine.expect("^Alba: /none: there is no such file\n", SHORT)
        machine.expect("^Press a key to try again.\n", SHORT)
        machine.send(" ")
        machine.expect("(?s)try again.*3  third", SHORT)
        machine.send(DOWN + "\r")
        machine.expect("argument <third>", SHORT)
        assert_hello(machine.wait())


def test_edit(parts, files):
    with Menu(parts, files, "timeout=-1") as machine:
        machine.expect("3  third", SHORT)
        machine.send("e")
        machine.expect("(?s)Command line:.*console=ttyS0 first", SHORT)
        machine.send(" not this\x1b")          # Esc alone: back
        machine.expect("(?s)not this.*boot manager", SHORT)
        machine.send("e")
        machine.send("x" * 100 + "\x7f" * 100)  # longer than the screen is wide
        machine.send(LEFT * 5 + DELETE * 5 + "\b 5th" + HOME + "a.b=c " + "\r")
        machine.expect("argument <5th>", SHORT)
        assert "environment <TERM=linux>" in machine.wait().output


def test_menu_on_the_screen(parts, files):
    """By keyboard and screen, as QEMU's monitor presses and sees them."""
    with Menu(parts, files, "timeout=-1", "default=3", machine="q35", extra=VGA) as machine:
        machine.expect("Enter: start", SHORT)
        rows, chosen = machine.screen()
        assert rows[1] == "  Alba boot manager"
        assert rows[3:6] == ["  1  first", "  2  second", "  3  third"] and chosen == [5]
        machine.ask("sendkey up")
        machine.expect("(?s)Enter: start.*2  second", SHORT)
        assert machine.screen()[1] == [4]
        machine.ask("sendkey ret")
        machine.expect("try again.\n", SHORT)
        assert machine.screen()[0][:2] == ["Alba: /none: there is no such file", "Press a key to try again."]
        machine.ask("sendkey spc")
        machine.expect("(?s)try again.*Enter: start", SHORT)
        for key in ("e", "left", "home", "a", "delete", "end", "spc", "shift-x", "backspace", "y"):
            machine.ask(f"sendkey {key}")
        machine.expect("a?onsole=ttyS0 third y", SHORT)
        assert machine.screen()[0][19] == "  aonsole=ttyS0 third y"
        machine.ask("sendkey esc")
        machine.expect("(?s) y.*Enter: start", SHORT)
        machine.ask("sendkey up")
        machine.ask("sendkey up")
        machine.ask("sendkey ret")
        machine.expect("argument <first>", SHORT)
        assert_hello(machine.wait())


def test_linux(parts, files):
    """Any kernel of the Linux boot protocol: Debian's, which moves itself out of the way."""
    kernel = debian_kernel.vmlinuz(doors_util.ROOT / "build").read_bytes()
    disk = changed(parts, files, kernel=kernel, config=bios_disk.config(
        initrd="/" + INITRD, cmdline="console=ttyS0 quiet panic=-1 told"))
    with Disk(disk, VIRTIO, memory="256M") as machine:
        machine.expect("hello from pid 1", 3 * SHORT)
        machine.expect("argument <told>", SHORT)
        machine.expect("bye", SHORT)


def test_menu_where_the_bios_has_the_serial_line(parts, files):
    """SeaBIOS shows its screen on the serial line and takes keys from it: nothing is said twice."""
    with Menu(parts, files, "timeout=-1", machine="pc,graphics=off") as machine:
        machine.expect("Enter: start", SHORT)
        assert machine.text().count("Alba boot manager") == 1
        machine.send(DOWN)
        machine.expect("(?s)Enter: start.*2  second", SHORT)
        machine.send(DOWN)
        machine.expect("(?s)Enter: start.*3  third", SHORT)
        machine.send("\r")
        machine.expect("argument <third>", SHORT)


def test_shift_key(parts, files):
    """Held while the BIOS waits for its own key."""
    with Menu(parts, files, "timeout=0", extra=[*VGA, "-boot", "menu=on,splash-time=500"]) as machine:
        while not any("boot menu" in row for row in machine.screen()[0]):
            assert machine.process.poll() is None
        machine.ask("sendkey shift 20000")
        machine.expect("Alba boot manager", SHORT)
        machine.send("\r")
        machine.expect("argument <first>", SHORT)
