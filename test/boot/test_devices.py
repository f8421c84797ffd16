# SPDX-License-Identifier: BSD-2-Clause
"""Devices in real machines: virtio serial ports over each transport, the serial line, and both
kinds of terminal under load."""
import hashlib
import os
import socket
import threading
import tty

import newc
import pexpect
import pytest
import qemu

LIMIT = 120  # seconds; catches hangs only

# A machine like Firecracker's: neither ACPI nor the devices of a PC, and what there is on the command line.
BARE = "microvm,acpi=off,pic=off,pit=off,rtc=off,auto-kernel-cmdline=off"

TRANSPORTS = {
    "mmio-legacy": ("microvm,acpi=off", "virtio-serial-device", ()),
    "mmio-modern": ("microvm,acpi=off", "virtio-serial-device",
                    ("-global", "virtio-mmio.force-legacy=false")),
    "mmio-option": (BARE, "virtio-serial-device", (), "virtio_mmio.device=512@0xfeb00000:5 "
                    "virtio_mmio.device=4K@0xfeb00e00:12:7 virtio_mmio.device=4K@0xd0000000:6"),
    "mmio-acpi": ("microvm", "virtio-serial-device", ()),
    "pci-q35": ("q35", "virtio-serial-pci", ()),
    "pci-pc": ("pc", "virtio-serial-pci", ()),
    "pci-modern": ("q35", "virtio-serial-pci,disable-legacy=on", ()),
}


def echo(server):
    """Sends back what comes until it is "bye"; then says "last" and hangs up."""
    connection, _ = server.accept()
    with connection:
        while data := connection.recv(65536):
            if data.endswith(b"bye"):
                connection.sendall(data[:-3] + b"last")
                return
            connection.sendall(data)


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_stream(built, tmp_path, transport):
    machine, device, extra, *words = TRANSPORTS[transport]
    path = str(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        server.listen()
        threading.Thread(target=echo, args=(server,), daemon=True).start()
        result = qemu.Machine(
            built("x86_64/alba.elf"), initrd=newc.root(built("guest/streams").read_bytes()),
            append=" ".join(["console=ttyS0", *words]), machine=machine,
            extra=[*extra, "-device", device + ",max_ports=3",
                   "-chardev", f"socket,id=echo,path={path}",
                   "-device", "virtserialport,nr=1,chardev=echo,name=echo"]).run()
    assert result.status == 0 and "good\n" in result.output, result
    assert "line " not in result.output, result


@pytest.mark.parametrize("smp", [1, 4])
def test_readers_of_the_log(built, smp):
    """They are woken by the next message, on whichever CPU it is said."""
    result = qemu.Machine(
        built("x86_64/alba.elf"), initrd=newc.root(built("guest/log_readers").read_bytes()),
        append="console=ttyS0", smp=smp).run()
    assert result.status == 0 and "good\n" in result.output, result
    assert "line " not in result.output, result


PATTERN = bytes((i * 7 + i // 251) % 256 for i in range(100_000)).replace(b"\x01", b"\x02")


def spawn(command, **options):
    command = list(map(str, command))
    child = pexpect.spawn(command[0], command[1:], timeout=LIMIT,
                          dimensions=(24, 80), **options)
    tty.setraw(child.child_fd)
    return child


def shell_on_serial_line(built):
    script = b"""#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t devtmpfs dev /dev
mount -t proc proc /proc
while :; do setsid sh -c 'PS1="# " exec sh </dev/ttyS0 >/dev/ttyS0 2>&1'; done
"""
    files = {name: newc.Dir() for name in ("dev", "proc", "bin", "tmp")}
    with open("/bin/busybox", "rb") as f:
        files["bin/busybox"] = newc.File(f.read(), 0o755)
    files["bin/sh"] = newc.Link("busybox")
    files["init"] = newc.File(script, 0o755)
    machine = qemu.Machine(built("x86_64/alba.elf"), initrd=newc.pack(files),
                           append="console=ttyS0")
    child = spawn(machine.command)
    child.files = machine.files
    return child


def shell_in_alba(built):
    built("x86_64/alba.elf")
    return spawn([built("alba"), "run", "busybox", "sh"])


@pytest.fixture(params=[shell_on_serial_line, shell_in_alba], ids=["serial", "virtio"])
def shell(built, request):
    child = request.param(built)
    child.expect("# ")
    yield child
    child.close(force=True)


def test_much_output(shell):
    """All of it arrives, in order, through a device that is full most of the time."""
    shell.send("stty raw -echo; seq 1 150000; stty sane; echo 'EN''D'\r")
    shell.expect(b"END")
    numbers = [int(word) for word in shell.before.split(b"stty sane")[-1].split()
               if word.isdigit()]
    assert numbers == list(range(1, 150_001))


def test_much_input(shell):
    """Faster than the reader: the terminal holds the device back, and nothing is lost."""
    shell.send(f"stty raw -echo; echo 'RE''ADY'; sleep 1; head -c {len(PATTERN)} | md5sum; "
               "stty sane; echo 'EN''D'\r")
    shell.expect(b"READY")
    at = 0
    while at < len(PATTERN):
        at += os.write(shell.child_fd, PATTERN[at:at + 4096])
    shell.expect(b"END")
    assert hashlib.md5(PATTERN).hexdigest().encode() in shell.before


def test_editing(shell):
    shell.send("cat\r")
    shell.expect("cat\r*\n")
    shell.send("abc\x7fd\x15one twp\x17two\x16\x04\r")
    shell.expect(r"two\^.\^D\r*\none two\x04\r*\n")
    shell.send("\x04")
    shell.expect("# ")


def test_job_control(shell):
    shell.send("sleep 1000\r")
    shell.expect("1000\r*\n")
    shell.send("\x1a")
    shell.expect("Stopped")
    shell.expect("# ")
    shell.send("bg; jobs\r")
    shell.expect("Running")
    shell.expect("# ")
    shell.send("fg\r")
    shell.expect("sleep 1000\r*\n")
    shell.send("\x03")
    shell.expect(r"\^C")
    shell.expect("# ")
    shell.send("echo status $?\r")
    shell.expect("status 130")
    shell.expect("# ")
    shell.send("cat &\r")
    shell.expect("# ")
    shell.send("sleep 0.2; jobs\r")
    shell.expect("tty input")


def test_hang_up(built):
    """The session's leader ends: what others have open of the terminal is dead, a new shell lives."""
    shell = shell_on_serial_line(built)
    shell.expect("# ")
    shell.send("(while echo tick; do sleep 0.1; done; echo HANG''UP >/dev/console) 2>/dev/null &\r")
    shell.expect("tick")
    shell.send("exec true\r")
    shell.expect("HANGUP")
    shell.send("\recho ALI''VE\r")
    shell.expect("ALIVE")
    shell.close(force=True)
