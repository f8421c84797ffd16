# SPDX-License-Identifier: BSD-2-Clause
"""Looks at a machine's screen through QEMU's monitor: as pixels, in which the glyphs of the font are
looked for, or as the cells of the VGA's text mode. The font is read from the Debian package itself.

    with Screen(kernel, append="vga=0x342", initrd=bytes) as machine:
        machine.expect(r"^ready")
        machine.wait_for(lambda picture: "hello" in picture.text)
        machine.keys("ls\n")
"""
import gzip
import os
import re
import struct
import time

import monitor
import qemu

FONT = "/usr/share/consolefonts/Uni2-VGA16.psf.gz"
WIDTH, HEIGHT = 8, 16
MEMORY, COLUMNS, ROWS = 0xb8000, 80, 25
# What our font has beyond the package's (lib/glyphs.c).
DRAWN = {"▀": b"\xff" * 8 + bytes(8), "▄": bytes(8) + b"\xff" * 8}
PALETTE = ["000000", "0000aa", "00aa00", "00aaaa", "aa0000", "aa00aa", "aa5500", "aaaaaa",
           "555555", "5555ff", "55ff55", "55ffff", "ff5555", "ff55ff", "ffff55", "ffffff"]
KEYS = {" ": "spc", "\n": "ret", "-": "minus", ".": "dot", "/": "slash", "=": "equal",
        ";": "semicolon", "'": "apostrophe", ",": "comma", "\t": "tab", "\\": "backslash"}
SHIFTED = {"|": "\\", ">": ".", "<": ",", '"': "'", "$": "4", ":": ";", "!": "1", "_": "-",
           "&": "7", "*": "8", "(": "9", ")": "0", "+": "="}


def rank(character):
    """Of characters that look the same a test names the first one."""
    return character > "~", not "─" <= character <= "╿", character


def font():
    """{bitmap: character}, of the characters that a test may look for."""
    data = gzip.open(FONT).read()
    assert data[:2] == b"\x36\x04" and data[3] == HEIGHT
    count = 512 if data[2] & 1 else 256
    glyphs = [data[4 + i * HEIGHT:4 + (i + 1) * HEIGHT] for i in range(count)]
    found, at = {}, 0
    for code, in struct.iter_unpack("<H", data[4 + count * HEIGHT:]):
        if code == 0xffff:
            at += 1
        elif code != 0xfffe:
            found[glyphs[at]] = min(found.get(glyphs[at], "\uffff"), chr(code), key=rank)
    found.update({bitmap: character for character, bitmap in DRAWN.items()})
    found[bytes(HEIGHT)] = " "
    return found


class Picture:
    """`rows`: strings; `text`: all of them without blanks at their ends; `colours`: per row, a pair
    of colours (foreground, background) for each character."""

    def __init__(self, rows, colours):
        self.rows, self.colours = rows, colours
        self.text = "\n".join(row.rstrip() for row in rows).rstrip()

    def colours_of(self, word):
        """Those that all characters of some words have, where they are first."""
        for row, colours in zip(self.rows, self.colours):
            at = row.find(word)
            if at >= 0:
                pairs = {pair for pair, letter in zip(colours[at:], word) if letter != " "}
                assert len(pairs) == 1, (word, pairs)
                return pairs.pop()
        raise AssertionError(f"no {word!r} in\n{self.text}")


class Pixels:
    """A picture in PPM format, P6, 8 bits."""

    def __init__(self, data):
        kind, size, depth, self.data = data.split(b"\n", 3)
        assert kind == b"P6" and depth == b"255"
        self.width, self.height = map(int, size.split())

    def row(self, y, scale):
        """Every pixel of a row, as it would be without scaling; it must be scaled evenly."""
        line = self.data[y * self.width * 3:(y + 1) * self.width * 3]
        pixels = [line[x:x + 3] for x in range(0, len(line), 3)]
        for i in range(scale):
            assert pixels[i::scale] == pixels[::scale]
            assert self.data[(y + i) * self.width * 3:][:len(line)] == line
        return pixels[::scale]

    def picture(self, scale, glyphs):
        rows, colours = [], []
        for top in range(0, self.height - HEIGHT * scale + 1, HEIGHT * scale):
            lines = [self.row(top + y * scale, scale) for y in range(HEIGHT)]
            cells = [self.cell([line[x:x + WIDTH] for line in lines], glyphs)
                     for x in range(0, len(lines[0]) - WIDTH + 1, WIDTH)]
            rows.append("".join(cell[0] for cell in cells))
            colours.append([cell[1] for cell in cells])
        return Picture(rows, colours)

    @staticmethod
    def cell(lines, glyphs):
        """The character and its colours; a cursor in the last two lines does not matter."""
        for last in (HEIGHT, HEIGHT - 2):
            found = {pixel for line in lines[:last] for pixel in line}
            for back in sorted(found):
                fore = (found - {back} or {back}).pop()
                bitmap = bytes(sum((pixel != back) << (WIDTH - 1 - x) for x, pixel in enumerate(line))
                               for line in lines[:last]) + bytes(HEIGHT - last)
                if len(found) <= 2 and bitmap in glyphs:
                    return glyphs[bitmap], (fore.hex(), back.hex())
        return "\x00", ("", "")


class Screen(qemu.Machine):
    def __init__(self, kernel=None, *, scale=1, vga="std", extra=(), **options):
        super().__init__(kernel, machine=options.pop("machine", "pc"),
                         extra=["-vga", vga, *extra], **options)
        self.socket = os.path.join(self.files.name, "monitor")
        self.command += monitor.options(self.socket)
        self.scale, self.monitor, self.glyphs = scale, None, font()

    def ask(self, line):
        while self.monitor is None:
            try:
                self.monitor = monitor.Monitor(self.socket)
            except (FileNotFoundError, ConnectionRefusedError):
                assert self.process.poll() is None, self.text()  # it starts
        return self.monitor.ask(line)

    def keys(self, text):
        for character in text:
            key = SHIFTED.get(character, character)
            key = KEYS.get(key, key.lower())
            shift = character in SHIFTED or character.isupper()
            self.press(("shift-" if shift else "") + key)

    def press(self, key):
        """When the keyboard's last word has been read (port 64h, bit 0): it holds few. Held for an
        instant only, since a long press would repeat."""
        end = time.monotonic() + 10
        while (int(re.search(r"= (0x\w+)", self.ask("i /xb 0x64"))[1], 16) & 1 and
               time.monotonic() < end):
            pass
        self.ask(f"sendkey {key} 1")

    def _dump(self, command, name):
        path = os.path.join(self.files.name, name)
        said = self.ask(command.format(f'"{path}"'))
        with open(path, "rb") as file:
            data = file.read()
        assert data, said
        return data

    def pixels(self):
        return Pixels(self._dump("screendump {}", "screen.ppm"))

    def picture(self):
        return self.pixels().picture(self.scale, self.glyphs)

    def cells(self):
        """The VGA's text mode."""
        data = self._dump(f"pmemsave {MEMORY:#x} {2 * ROWS * COLUMNS} {{}}", "cells")
        pairs = [(PALETTE[c & 15], PALETTE[c >> 4 & 7]) for c in data[1::2]]
        text = data[::2].decode("cp437")
        cut = range(0, ROWS * COLUMNS, COLUMNS)
        return Picture([text[i:i + COLUMNS] for i in cut], [pairs[i:i + COLUMNS] for i in cut])

    def wait_for(self, condition, look=None, limit=qemu.HANG):
        """Looks until the condition holds for the picture, which it returns."""
        end = time.monotonic() + limit
        while True:
            picture = (look or self.picture)()
            if condition(picture):
                return picture
            assert time.monotonic() < end, f"not on the screen:\n{picture.text}\n{self.text()}"
