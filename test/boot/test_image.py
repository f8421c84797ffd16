# SPDX-License-Identifier: BSD-2-Clause
"""`alba image` by itself: its options, and what it writes as the tools of others read it. That the
disks start is test_image_boot.py's."""
import hashlib
import os
import re
import resource
import signal
import struct
import subprocess
import time
import uuid

import pytest

from alba_command import fixture_alba, fixture_environment, read_archive, said

ESP_OFFSET = 2048 * 512


@pytest.fixture(name="image")
def fixture_image(alba, tmp_path):
    """Makes an image that nothing is said about; returns its path."""

    def make(name, *arguments, **options):
        path = tmp_path / name
        done = alba("image", "-o", str(path), *arguments, **options)
        assert done.returncode == 0 and done.stdout == b"" and done.stderr == b"", done.stderr
        return path

    return make


def tool(*command):
    """What a tool says; it must like what it sees."""
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=60, check=False,
                          env=dict(os.environ, PATH=os.environ["PATH"] + ":/usr/sbin:/sbin"))
    assert done.returncode == 0, done.stdout.decode()
    return done.stdout.decode()


def read_files(esp):
    """The files of a FAT file system in a file, as mtools finds them, by name."""
    names = re.findall(r"^::(/\S+[^/\s])$", tool("mdir", "-b", "-/", "-i", esp, "::"), re.M)
    assert set(names) == {"/ALBA/ALBA.CFG", "/ALBA/KERNEL.IMG", "/ALBA/INITRD.IMG",
                          "/EFI/BOOT/BOOTX64.EFI"}
    read = lambda name: subprocess.run(["mtype", "-i", esp, "::" + name], check=True,
                                       capture_output=True).stdout
    return {name: read(name) for name in names}


def check_files(esp, kernel, verify=False):
    """A good FAT file system with what abi/disk.h says; returns the configuration and the archive."""
    assert "8 files" in tool("fsck.fat", "-n", esp)
    files = read_files(esp)
    assert files["/ALBA/KERNEL.IMG"] == files["/EFI/BOOT/BOOTX64.EFI"] == kernel.read_bytes()
    lines = [line.split("=", 1) for line in files["/ALBA/ALBA.CFG"].decode().splitlines()
             if line and line[0] != "#"]
    keys = ["timeout", "default", "title", "kernel", "initrd", "cmdline"]
    digests = ["kernel_sha256", "initrd_sha256"]
    assert [key for key, _ in lines] == keys + (digests if verify else [])
    config = dict(lines)
    assert config["kernel"] == "/alba/kernel.img" and config["initrd"] == "/alba/initrd.img"
    for name in ["kernel", "initrd"] if verify else []:
        data = files[f"/ALBA/{name.upper()}.IMG"]
        assert config[name + "_sha256"] == hashlib.sha256(data).hexdigest()
    return config, read_archive(files["/ALBA/INITRD.IMG"])


def cut(path, name, start, size):
    with open(path, "rb") as file:
        file.seek(start)
        part = path.parent / name
        part.write_bytes(file.read(size))
    return part


def test_help_and_manual_know_the_options(alba, root):
    text = alba("image", "--help").stdout.decode()
    manual = (root / "doc" / "alba.1").read_text()
    manual = manual[manual.index("\n.Sh DISKS"):manual.index("\n.Sh ENVIRONMENT")]
    for option in "output", "format", "title", "timeout", "verify", "kernel", "append", "quiet":
        assert "--" + option in text
        assert "Fl -" + option in manual or ", -" + option in manual
    assert "alba image" in alba("--help").stdout.decode()


@pytest.mark.parametrize("arguments, words", [
    ([], "which program"),
    (["true"], "where to?"),
    (["-o", "x.img"], "which program"),
    (["-o", "x.vmdk", "true"], "say --format"),
    (["-o", "x.img", "--format", "vmdk", "true"], "raw, qcow2, iso or bzimage+initrd"),
    (["-o", "x.img", "--timeout", "soon", "true"], "a number of seconds"),
    (["-o", "x.img", "--timeout", "-2", "true"], "a number of seconds"),
    (["-o", "x.img", "--title", "", "true"], "at least one character"),
    (["-o", "x.img", "-m", "1G", "true"], "belong to `alba run`"),
    (["-o", "x.img", "--smp", "2", "true"], "belong to `alba run`"),
    (["-o", "x.img", "--append", "a\nkernel=/b", "true"], "one line"),
    (["-o", "x.img", "--append", "a" * 65600, "true"], "too long"),
    (["-o", "x.img", "--nonsense", "true"], "see alba image --help"),
    (["-o", "x.img", "no-such-program-here"], "no-such-program-here"),
    (["-o", "x.img", "--kernel", "/nowhere", "true"], "No such file"),
    (["-o", "x.img", "--kernel", "/etc/passwd", "true"], "not a bzImage"),
    (["-o", "x.img", "--kernel", "/etc", "true"], "not a bzImage"),
    (["-o", "x.img", "--root", "/nowhere", "true"], "No such file"),
    (["-o", "/nowhere/x.img", "true"], "cannot write /nowhere/x.img: No such file"),
    (["-o", "/etc/passwd/x.img", "true"], "Not a directory"),
    (["-o", "here/", "true"], "not the name of a file"),
    (["-o", "", "true"], "not the name of a file"),
    (["-o", ".", "--format", "raw", "true"], "is a directory"),
    (["-o", "/dev/null", "true"], "copy it with dd"),
])
def test_wrong_command_lines_say_so_and_leave_nothing(alba, tmp_path, arguments, words):
    here = tmp_path / "here"
    here.mkdir()
    done = alba("image", *arguments, cwd=here)
    assert done.returncode == (127 if "program-here" in words else 125)
    assert words in said(done) and done.stdout == b""
    assert list(here.iterdir()) == []


@pytest.mark.parametrize("value", ["yesterday", "-1", "1e9", "99999999999"])
def test_a_wrong_epoch_is_told(alba, tmp_path, value):
    done = alba("image", "-o", str(tmp_path / "x.img"), "/bin/true",
                env={"SOURCE_DATE_EPOCH": value})
    assert done.returncode == 125 and "SOURCE_DATE_EPOCH" in said(done)


def test_raw_disk(image, built):
    disk = image("disk.img", "--timeout", "3", "--append", "loglevel=7 a=#b", "-e", "X=y",
                 "busybox", "sh", "-c", "exit 7")
    assert disk.stat().st_size % (1 << 20) == 0
    assert disk.stat().st_blocks * 512 < 4 << 20  # the rest are holes
    assert "No problems found" in tool("sgdisk", "-v", disk)
    listing = tool("sfdisk", "-l", disk)
    assert re.search(r"img1 +64 +2047 .* BIOS boot", listing), listing
    assert re.search(r"img2 +2048 .* EFI System", listing), listing
    esp = cut(disk, "esp", ESP_OFFSET, 33 << 20)
    config, archive = check_files(esp, built("x86_64/alba.bzImage"))
    assert config["timeout"] == "3" and config["default"] == "1"
    assert config["title"] == "busybox sh -c exit 7"
    assert config["cmdline"] == \
        "console=tty0 console=ttyS0 console_join rdinit=/.alba/init loglevel=7 a=#b"
    spec = archive[".alba/spec"][1].split(b"\0")
    for record in b"stdin=console", b"arg=exit 7", b"env=X=y", b"env=TERM=linux":
        assert record in spec
    assert archive["init"][1] == b"/.alba/init"


def test_boot_sector_and_partition_tables(image):
    data = image("disk.img", "/bin/true").read_bytes()
    sector = data[:512]
    assert sector[510:] == b"\x55\xaa"
    entries = [struct.unpack_from("<B3xB3xII", sector, 446 + 16 * i) for i in range(4)]
    esp_sectors = len(data) // 512 - 2 * 2048
    assert entries == [(0, 0xee, 1, 2047), (0x80, 0xef, 2048, esp_sectors), (0,) * 4, (0,) * 4]
    lba, count, zero, total = struct.unpack_from("<QHHI", sector, 424)
    assert lba == 64 and 1 <= count <= 127 and zero == 0
    words = struct.unpack_from(f"<{count * 128}I", data, 64 * 512)
    assert (sum(words) + total) % (1 << 32) == 0
    assert struct.unpack_from("<I", sector, 440)[0] != 0
    ids = [uuid.UUID(bytes_le=data[at:at + 16]) for at in (512 + 56, 1024 + 16, 1024 + 144)]
    assert len(set(ids)) == 3
    assert all(i.version == 8 and i.variant == uuid.RFC_4122 for i in ids)


def test_qcow2_is_the_same_disk(image):
    raw = image("disk.img", "busybox", "sh")
    packed = image("disk.qcow2", "busybox", "sh")
    assert "No errors" in tool("qemu-img", "check", packed)
    assert "identical" in tool("qemu-img", "compare", raw, packed)
    assert packed.stat().st_size < 6 << 20


def test_cd(image, built, tmp_path):
    disk = image("disk.iso", "--verify", "busybox", "sh")
    assert disk.stat().st_size < 6 << 20
    report = tool("xorriso", "-indev", disk, "-report_el_torito", "plain")
    assert "El Torito cat path : /BOOT.CAT" in report
    assert re.search(r"boot img : +1 +BIOS +y +none", report), report
    assert re.search(r"boot img : +2 +UEFI +y +none", report), report
    assert re.search(r"img path : +1 +/BIOS.BIN", report), report
    assert re.search(r"img path : +2 +/ESP.IMG", report), report
    esp, boot = tmp_path / "esp", tmp_path / "boot"
    tool("xorriso", "-osirrox", "on", "-indev", disk, "-extract", "/ESP.IMG", esp, "-extract",
         "/BIOS.BIN", boot)
    check_files(esp, built("x86_64/alba.bzImage"), verify=True)
    lba, count, _, _ = struct.unpack_from("<QHHI", boot.read_bytes(), 424)
    assert lba == 0 and boot.stat().st_size == 512 * (1 + count)


def test_parts_for_another_boot_loader(image, built, tmp_path):
    image("parts.bzImage", "--append", "x", "/bin/true")
    assert (tmp_path / "parts.bzImage").read_bytes() == built("x86_64/alba.bzImage").read_bytes()
    assert "bin/true" in str(list(read_archive((tmp_path / "parts.initrd").read_bytes())))
    assert (tmp_path / "parts.cmdline").read_text() == \
        "console=tty0 console=ttyS0 console_join rdinit=/.alba/init x\n"
    image("other", "--format", "bzimage+initrd", "--verify", "/bin/true")
    initrd = (tmp_path / "other.initrd").read_bytes()
    assert initrd == (tmp_path / "parts.initrd").read_bytes()
    assert (tmp_path / "other.cmdline").read_text() == \
        "console=tty0 console=ttyS0 console_join rdinit=/.alba/init initrd_sha256=" + \
        hashlib.sha256(initrd).hexdigest() + "\n"


def test_a_kernel_that_uefi_cannot_start_is_told(alba, built, tmp_path):
    kernel = bytearray(built("x86_64/alba.bzImage").read_bytes())
    kernel[0:2] = b"\xeb\xfe"  # no "MZ"
    (tmp_path / "kernel").write_bytes(kernel)
    done = alba("image", "-o", str(tmp_path / "disk.img"), "--kernel", str(tmp_path / "kernel"),
                "/bin/true")
    assert done.returncode == 0 and "start under a BIOS only" in said(done)


def test_title_is_one_line_that_screens_can_show(image, tmp_path):
    disk = image("disk.img", "--title", "a\nkernel=/b\t\u00e4" + "x" * 100, "/bin/true")
    config = read_files(cut(disk, "esp", ESP_OFFSET, 33 << 20))["/ALBA/ALBA.CFG"].decode()
    assert re.search(r"^title=a\?kernel=/b\?\?\?x{46}$", config, re.M), config
    assert config.count("kernel=/") == 2


FORMATS = ["img", "qcow2", "iso", "bzImage"]


@pytest.mark.parametrize("epoch", ["", "1000000000"])
def test_the_same_files_make_the_same_disk(alba, built, tmp_path, epoch):
    """Whoever makes it, wherever, whenever."""
    tree = tmp_path / "tree"
    names = [f"{i * 7919 % 100:02}" for i in range(60)]
    results = []
    for run, order in enumerate([names, sorted(names), list(reversed(names))]):
        here = tmp_path / f"here{run}" / ("deep" * run or "x")
        here.mkdir(parents=True)
        subprocess.run(["rm", "-rf", tree], check=True)
        tree.mkdir()
        for name in order:  # directories list their names in the order of their making
            (tree / name).write_text(name)
            os.utime(tree / name, (1500000000, 1500000000 + (run if epoch else 0)))
        environ = {"TZ": ["UTC", "Asia/Tokyo", "America/Lima"][run], "TERM": f"vt{run}",
                   "LANG": "C", "HOME": str(here), "USER": f"user{run}",
                   "SOURCE_DATE_EPOCH": epoch}
        for kind in FORMATS:
            done = alba("image", "-o", f"disk.{kind}", "-v", f"{tree}:/data", "busybox", "ls",
                        cwd=here, env=environ, umask=[0o22, 0o77, 0][run])
            assert done.returncode == 0, done.stderr
        results.append({path.name: hashlib.sha256(path.read_bytes()).hexdigest()
                        for path in here.iterdir()})
    assert len(results[0]) == 6
    assert results[0] == results[1] == results[2]


def test_times_are_not_later_than_the_epoch(image, tmp_path):
    tree = tmp_path / "tree"
    tree.mkdir()
    for name, when in ("old", 100000000), ("new", 1600000000):
        (tree / name).write_text("x")
        os.utime(tree / name, (when, when))
    (tree / "link").symlink_to("old")
    image("parts.bzImage", "-v", f"{tree}:/data", "/bin/true",
          env={"SOURCE_DATE_EPOCH": "1000000000"})
    entries = read_archive((tmp_path / "parts.initrd").read_bytes())
    times = {name: field[5] for name, (_, _, field) in entries.items()}
    assert times["data/old"] == 100000000
    assert times["data/new"] == times["data/link"] == times["data"] == 1000000000
    assert max(times.values()) == 1000000000
    disk = image("disk.img", "/bin/true", env={"SOURCE_DATE_EPOCH": "1000000000"})
    listing = tool("mdir", "-i", cut(disk, "esp", ESP_OFFSET, 33 << 20), "::/ALBA")
    assert listing.count("2001-09-09   1:46") == 5, listing


def test_the_disk_that_is_built_does_not_tell_when(built, tmp_path):
    disk = tmp_path / "disk"
    disk.symlink_to(built("x86_64/alba.img"))
    _, archive = check_files(cut(disk, "esp", ESP_OFFSET, 33 << 20), built("x86_64/alba.bzImage"))
    epoch = int(os.environ.get("SOURCE_DATE_EPOCH") or 0)
    assert "bin/busybox" in archive and "etc/passwd" in archive
    assert {field[5] for name, (_, _, field) in archive.items()} <= {0, epoch}


def test_two_programs_make_disks_that_can_be_in_one_machine(image):
    one, two = (image(name + ".img", "/bin/" + name).read_bytes() for name in ("true", "false"))
    for place in slice(440, 444), slice(512 + 56, 512 + 72), slice(1024 + 16, 1024 + 32), \
            slice(ESP_OFFSET + 67, ESP_OFFSET + 71):
        assert one[place] != two[place]


def test_an_older_file_is_replaced_and_a_link_stays(image, tmp_path):
    target, link = tmp_path / "target.img", tmp_path / "link.img"
    target.write_text("old")
    link.symlink_to("target.img")
    image("link.img", "/bin/true")
    assert link.is_symlink() and target.stat().st_size > 1 << 20
    assert target.stat().st_mode & 0o777 == 0o666 & ~os.umask(os.umask(0o22))


@pytest.mark.parametrize("kind", ["img", "qcow2", "iso"])
def test_a_full_disk_leaves_what_was_there(alba, image, tmp_path, kind):
    image("parts.bzImage", "/bin/true")
    here = tmp_path / "here"
    here.mkdir()
    (here / f"disk.{kind}").write_text("old")
    # No file may be larger than what goes onto the disk.
    size = (tmp_path / "parts.initrd").stat().st_size + 4096
    done = alba("image", "-o", f"disk.{kind}", "/bin/true", cwd=here,
                preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)))
    assert done.returncode == 125
    assert f"cannot write disk.{kind}: File too large" in said(done)
    assert [path.name for path in here.iterdir()] == [f"disk.{kind}"]
    assert (here / f"disk.{kind}").read_text() == "old"


def test_parts_are_there_all_or_none(alba, tmp_path):
    here = tmp_path / "here"
    (here / "parts.cmdline").mkdir(parents=True)
    done = alba("image", "-o", "parts.bzImage", "/bin/true", cwd=here)
    assert done.returncode == 125 and "parts.cmdline: it is a directory" in said(done)
    assert [path.name for path in here.iterdir()] == ["parts.cmdline"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_while_writing_leaves_nothing(built, environment, tmp_path, number):
    """It is stopped while there is an unfinished file, and then ended."""
    here = tmp_path / "here"
    here.mkdir()
    size = 16 << 20
    while True:
        with open(tmp_path / "big", "wb") as big:
            big.truncate(size)
        process = subprocess.Popen([built("alba"), "image", "-o", "disk.img", "-v",
                                    f"{tmp_path}/big:/big", "/bin/true"], cwd=here,
                                   env=environment, stderr=subprocess.DEVNULL)
        while process.poll() is None and not list(here.iterdir()):
            time.sleep(0.001)
        process.send_signal(signal.SIGSTOP)
        unfinished = [path.name for path in here.iterdir()] != ["disk.img"]
        process.send_signal(number)
        process.send_signal(signal.SIGCONT)
        status = process.wait(60)
        if unfinished:
            break
        (here / "disk.img").unlink()
        size *= 2  # it was too fast
    assert status == -number
    assert list(here.iterdir()) == []
