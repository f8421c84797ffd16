# SPDX-License-Identifier: BSD-2-Clause
"""What `alba image` writes starts: the program has the console, people read there how it ended, and
the machine is switched off. UEFI's firmware takes its time, so it starts twice only."""
import re
import socket
import subprocess

import pytest

import monitor
import qemu

END = "hello, disk\nalba: the program ended with status 7\n"
PROGRAM = ["busybox", "sh", "-c", "echo hello, disk; exit 7"]
OVMF = ["-drive", "if=pflash,format=raw,readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.fd",
        "-drive", "if=pflash,format=raw,snapshot=on,file=/usr/share/OVMF/OVMF_VARS_4M.fd"]


@pytest.fixture(name="image")
def fixture_image(built, tmp_path):
    def make(name, *arguments):
        path = tmp_path / name
        subprocess.run([built("alba"), "image", "-o", path, *arguments], check=True, timeout=60)
        return path

    return make


def boot(*how, machine="q35", **options):
    return qemu.Machine(machine=machine, memory="256M", extra=how, **options)


@pytest.mark.parametrize("name, machine, how", [
    ("ide.img", "pc", "-drive file={},format=raw"),
    ("virtio.qcow2", "q35", "-drive file={},format=qcow2,if=virtio"),
    ("cd.iso", "pc", "-cdrom {}"),
    ("verify.img", "q35", "-drive file={},format=raw"),
])
def test_starts_under_a_bios(image, name, machine, how):
    path = image(name, *(["--verify"] if name == "verify.img" else []), *PROGRAM)
    result = boot(*how.format(path).split(), machine=machine).run()
    assert result.status == 0 and result.output.endswith(END), result


@pytest.mark.parametrize("name, how", [
    ("disk.img", "-drive file={},format=raw"),
    ("cd.iso", "-cdrom {}"),
])
def test_starts_under_uefi(image, name, how):
    """The disk's digests are verified there, too."""
    path = image(name, *(["--verify"] if name == "disk.img" else []), *PROGRAM)
    result = boot(*OVMF, *how.format(path).split()).run()
    assert result.status == 0 and result.output.endswith(END), result


def test_parts_start_under_another_boot_loader(image, tmp_path):
    image("parts.bzImage", *PROGRAM)
    part = lambda suffix: tmp_path / f"parts.{suffix}"
    result = boot("-kernel", part("bzImage"), "-initrd", part("initrd"), "-append",
                  part("cmdline").read_text().strip()).run()
    assert result.status == 0 and result.output == END, result


def screen_text(talk):
    """What stands on a screen in text mode: characters and colours, a byte each, from 0xb8000 on."""
    words = re.findall(r"0x([0-9a-f]{4})\b", talk.ask("xp /2000xh 0xb8000"))
    return "".join(chr(int(word, 16) & 0x7f) for word in words)


def test_the_disk_that_is_built_has_a_prompt(built, tmp_path):
    """On the serial line and on the screen, with job control; poweroff switches the machine off."""
    disk = built("x86_64/alba.img")
    with boot("-drive", f"file={disk},format=raw,snapshot=on", "-vga", "std",
              *monitor.options(tmp_path / "monitor")) as machine:
        machine.expect(r"^~ # ")
        machine.send("sh -c 'echo job $((6*7)); sleep 1000'\n")
        machine.expect(r"^job 42$")
        machine.send("\x03")
        machine.expect(r"\^C\n~ # ")
        machine.send("echo $?; tty; echo $TERM $PWD\n")
        machine.expect(r"^130\n/dev/tty\nlinux /root\n~ # ")
        talk = monitor.Monitor(tmp_path / "monitor")
        for key in [*"echo", "spc", *"keys", "ret"]:
            talk.ask("sendkey " + key)
        machine.expect(r"^keys\n~ # ")
        assert re.search(r"linux /root +~ # .*echo keys +keys ", screen_text(talk))
        machine.send("poweroff\n")
        result = machine.wait()
    assert result.status == 0 and "alba:" not in result.output, result


def test_two_consoles_are_one_terminal(image, tmp_path):
    """What either of two lines types, both show; the end is on both."""
    image("parts.bzImage", "--append", "console=ttyS1", "-e", "PS1=% ", "busybox", "sh")
    part = lambda suffix: tmp_path / f"parts.{suffix}"
    ours = socket.socket(socket.AF_UNIX)
    path = tmp_path / "serial"
    heard = b""

    def expect_second(pattern):
        nonlocal heard
        while not re.search(pattern, heard.replace(b"\r", b"")):
            more = ours.recv(4096)
            assert more, heard
            heard += more

    with boot("-serial", f"unix:{path},server=on,wait=on", "-kernel", part("bzImage"), "-initrd",
              part("initrd"), "-append", part("cmdline").read_text().strip()) as machine:
        machine.expect("waiting for connection")
        ours.connect(str(path))
        ours.settimeout(qemu.HANG)
        machine.expect(r"^% ")
        expect_second(rb"\n% ")
        machine.send("echo one $((6*7))\n")
        machine.expect(r"^one 42\n% ")
        expect_second(rb"\none 42\n% ")
        ours.sendall(b"echo two $((6*8))\n")
        machine.expect(r"^two 48\n% ")
        expect_second(rb"\ntwo 48\n% ")
        ours.sendall(b"sh -c 'echo job $((6*7)); sleep 1000'\n")
        machine.expect(r"^job 42$")
        ours.sendall(b"\x03")
        machine.expect(r"\^C\n% ")
        machine.send("exit 3\n")
        machine.expect(r"^alba: the program ended with status 3$")
        expect_second(rb"alba: the program ended with status 3")
        assert machine.wait().status == 0


def test_a_signal_that_ended_the_program_is_told(image, tmp_path):
    image("parts.bzImage", "--entry", "busybox", "sh", "-c", "kill -SEGV $$")
    part = lambda suffix: tmp_path / f"parts.{suffix}"
    result = boot("-kernel", part("bzImage"), "-initrd", part("initrd"), "-append",
                  part("cmdline").read_text().strip()).run()
    assert result.output.endswith("alba: signal 11 ended the program\n"), result
