# SPDX-License-Identifier: BSD-2-Clause
"""The screen: text in frame buffers of every depth and in the VGA's text mode, the keyboard, which
console= means what, and how a failing kernel and a failing loader say so there."""
import doors_util
import newc
import pytest
from screen import PALETTE, Screen

GREY, RED, YELLOW, WHITE = PALETTE[7], PALETTE[4], PALETTE[14], PALETTE[15]
BLACK, BLUE = PALETTE[0], PALETTE[1]
PICTURE = """plain bold reverse red yellow
┌─┐ äßé ┌─┐ ▄▀
top
next
         here"""


@pytest.fixture(name="show")
def fixture_show(built):
    """A machine whose first program is guest/screen.c."""
    guest = newc.root(built("guest/screen").read_bytes())

    def start(append, kernel="alba.bzImage", **options):
        return Screen(built("x86_64/" + kernel), initrd=guest, append=append, **options)
    return start


def is_drawn(picture):
    return picture.text == PICTURE


# Bits a pixel by VESA mode: 101h has 8, 110h 15, 111h 16, 112h 24, 142h 32. 192h is large.
@pytest.mark.parametrize("mode,rows,columns,scale", [
    (0x301, 30, 80, 1), (0x310, 30, 80, 1), (0x311, 30, 80, 1), (0x312, 30, 80, 1),
    (0x342, 30, 80, 1), (0x392, 33, 120, 2)])
def test_frame_buffer(show, mode, rows, columns, scale):
    with show(f"vga={mode:#x}", scale=scale) as machine:
        machine.expect(f"^size {rows} {columns}$")
        picture = machine.wait_for(is_drawn)
        if mode >= 0x312:  # the others have no such colours, but the nearest ones
            assert picture.colours_of("plain") == (GREY, BLACK)
            assert picture.colours_of("bold") == (WHITE, BLACK)
            assert picture.colours_of("reverse") == (BLACK, GREY)
            assert picture.colours_of("red") == (RED, BLACK)
            assert picture.colours_of("yellow") == (YELLOW, BLUE)
        machine.keys("Typed it\n")
        machine.expect("^typed <Typed it>$")


@pytest.mark.parametrize("kernel", ["alba.bzImage", "alba.elf"])
def test_text_mode(show, kernel):
    with show("wait", kernel=kernel) as machine:
        machine.expect("^size 25 80$")
        picture = machine.wait_for(is_drawn, machine.cells)
        assert picture.colours_of("bold") == (WHITE, BLACK)
        assert picture.colours_of("reverse") == (BLACK, GREY)
        assert picture.colours_of("yellow") == (YELLOW, BLUE)
        machine.keys("a|B\n")
        machine.expect(r"^typed <a\|B>$")
        machine.wait_for(lambda picture: picture.rows[7].startswith("a|B"), machine.cells)


def test_console_is_elsewhere(show):
    """With console=ttyS0 alone nothing is drawn, until there is a panic."""
    with show("vga=0x342 console=ttyS0", panic_device=False) as machine:
        machine.expect("^size 0 0$")
        assert set(machine.pixels().data) == {0}
        machine.send("on the line\n")
        machine.expect("^---.*Attempted to kill init|Attempted to kill init")
        picture = machine.wait_for(lambda picture: "Attempted to kill init! exitcode" in picture.text)
        assert "here" not in picture.text


@pytest.mark.parametrize("consoles,elsewhere", [("console=ttyS0 console=tty0", False),
                                                ("console=tty1 console=ttyS0", True)])
def test_two_consoles(show, consoles, elsewhere):
    """The kernel speaks on both, the program on the last."""
    with show(f"{consoles} nr_cpus=x", panic_device=False) as machine:
        machine.expect("^size 25 80" if not elsewhere else "^size 0 0")
        if elsewhere:
            machine.send("\n")
        else:
            machine.wait_for(is_drawn, machine.cells)
            machine.keys("\n")
        machine.expect("Attempted to kill init")
        machine.wait_for(lambda picture: "Attempted to kill init" in picture.text, machine.cells)


def test_panic_after_colours(show):
    """It is legible whatever the program left behind."""
    with show("", panic_device=False) as machine:
        machine.expect("^size")
        machine.wait_for(is_drawn, machine.cells)
        machine.keys("\n")
        picture = machine.wait_for(lambda picture: "Attempted to kill init" in picture.text,
                                   machine.cells)
        assert picture.colours_of("Kernel panic - not syncing") == (GREY, BLACK)
        machine.expect("Kernel panic - not syncing: Attempted to kill init")


@pytest.fixture(name="damaged")
def fixture_damaged(built):
    image = bytearray(built("x86_64/alba.bzImage").read_bytes())
    image[len(image) // 2] ^= 1
    return bytes(image)


@pytest.mark.parametrize("vga", ["vga=0x342", "vga=normal"])
def test_loader_fails(damaged, vga):
    with Screen(damaged, append=vga, panic_device=False) as machine:
        machine.expect("^Alba: kernel image is damaged")
        picture = machine.cells() if vga == "vga=normal" else machine.picture()
        assert picture.colours_of("Alba: kernel image is damaged") == (WHITE, RED)


def test_kernel_cannot_go_on(built):
    """Before there are terminals, and whatever console= says."""
    with Screen(built("x86_64/alba.bzImage"), append="vga=0x342 console=ttyS0", initrd=b"no archive" * 99,
                panic_device=False) as machine:
        machine.expect("^Kernel panic - not syncing: initramfs: the archive is not a cpio archive")
        machine.wait_for(lambda picture: "initramfs: the archive is not a cpio" in picture.text)


@pytest.fixture(name="shell")
def fixture_shell(built):
    script = b"#!/bin/busybox sh\n/bin/busybox mount -t devtmpfs dev /dev\ncd /root\n" \
             b"export PS1='> '\nexec /bin/busybox setsid /bin/busybox cttyhack /bin/sh\n"
    names = ["sh", "ls", "vi", "cat", "sleep", "clear", "reboot", "stty"]
    files = {"bin/busybox": open("/bin/busybox", "rb").read(), "root/blue": newc.Dir(),
             "root/green": newc.File(b"", 0o755), "root/text": newc.File(b"one\ntwo\nthree\n")}
    files.update({f"bin/{name}": newc.Link("busybox") for name in names})
    return Screen(built("x86_64/alba.bzImage"), append="vga=0x342",
                  initrd=newc.root(script, files), memory="128M")


def test_shell(shell):
    """A person at the machine: commands, colours, Ctrl-C, history by arrows, an editor, a reset."""
    with shell as machine:
        machine.wait_for(lambda picture: picture.text.endswith(">"))
        machine.keys("clear; ls --color; stty size\n")
        picture = machine.wait_for(lambda picture: "30 80\n>" in picture.text)
        assert picture.colours_of("blue") == (PALETTE[9], BLACK)
        assert picture.colours_of("green") == (PALETTE[10], BLACK)
        machine.keys("clear; sleep 1000\n")
        machine.wait_for(lambda picture: picture.text == "")
        machine.press("ctrl-c")
        machine.wait_for(lambda picture: picture.text == "^C\n>")
        machine.press("up")
        machine.wait_for(lambda picture: picture.text == "^C\n> clear; sleep 1000")
        machine.press("ctrl-u")
        machine.keys("vi text\n")
        machine.wait_for(lambda picture: picture.text.startswith("one\ntwo\nthree\n~\n~"))
        machine.press("down")
        machine.press("end")
        machine.keys("Oabove")
        machine.press("esc")
        machine.wait_for(lambda picture: picture.text.startswith("one\nabove\ntwo\nthree\n~"))
        machine.keys(":wq\n")
        machine.keys("clear; cat text\n")
        machine.wait_for(lambda picture: picture.text == "one\nabove\ntwo\nthree\n>")
        machine.press("ctrl-alt-delete")
        assert machine.wait().status == 0


FIRMWARE = [word for flash, how in (("CODE", "readonly"), ("VARS", "snapshot")) for word in
            ("-drive", f"if=pflash,format=raw,{how}=on,file=/usr/share/OVMF/OVMF_{flash}_4M.fd")]


def under_uefi(image, **options):
    """UEFI's frame buffer is of its own choice; OVMF takes 1280 by 800."""
    return Screen(image, machine="q35", memory="256M", extra=FIRMWARE, panic_device=False, **options)


def test_uefi(built):
    guest = newc.root(built("guest/screen").read_bytes())
    with under_uefi(built("x86_64/alba.bzImage"), append="vga=0x342", initrd=guest) as machine:
        machine.expect("size 50 160$")
        picture = machine.wait_for(is_drawn)
        assert picture.colours_of("yellow") == (YELLOW, BLUE)
        machine.keys("UEFI\n")
        machine.expect("^typed <UEFI>$")
        machine.wait_for(lambda picture: "Attempted to kill init" in picture.text)


def test_loader_fails_under_uefi(damaged):
    with under_uefi(damaged) as machine:
        machine.expect("Alba: kernel image is damaged")
        picture = machine.picture()
        assert picture.colours_of("Alba: kernel image is damaged") == (WHITE, RED)


def test_grub(built, tmp_path):
    """In the mode that GRUB chose, by Multiboot 2."""
    guest = newc.root(built("guest/screen").read_bytes())
    iso = doors_util.grub_iso(tmp_path, built("x86_64/alba.elf").read_bytes(), guest,
                              "insmod all_video\nmultiboot2 /boot/alba\nmodule2 /boot/initrd")
    with Screen(extra=["-cdrom", str(iso)]) as machine:
        size = machine.expect(r"^size (\d+) (\d+)\n")
        picture = machine.wait_for(is_drawn)
        assert (int(size[1]), int(size[2])) == (len(picture.rows), len(picture.rows[0]))
