# SPDX-License-Identifier: BSD-2-Clause
"""Disks for machines with a BIOS, made around a file system: with a GPT, a boot record only, or
nothing, and as a CD. The boot sector and the boot manager are ours (abi/disk.h)."""
import struct
import zlib

MANAGER_LBA, ESP_LBA, PATCH = 64, 2048, 424
ESP_TYPE = bytes.fromhex("28732ac11ff8d211ba4b00a0c93ec93b")
BOOT_TYPE = b"Hah!IdontNeedEFI"


def config(*lines, kernel="/alba/kernel.img", initrd=None, cmdline="", title="one"):
    text = list(lines) + [f"title={title}", f"kernel={kernel}"]
    if initrd:
        text.append(f"initrd={initrd}")
    text.append(f"cmdline={cmdline}")
    return ("\n".join(text) + "\n").encode()


def sector(boot, manager, lba):
    """The boot sector with the manager's place, and the manager filled up to whole sectors."""
    manager = manager + bytes(-len(manager) % 512)
    total = sum(struct.unpack(f"<{len(manager) // 4}I", manager)) & 0xffffffff
    boot = bytearray(boot)
    struct.pack_into("<QHHI", boot, PATCH, lba, len(manager) // 512, 0, -total & 0xffffffff)
    return boot, manager


def gpt(size, partitions, sector_size):
    """(header, entries) for sector 1, and the copy at the end: entries first, then the header."""
    entries = b"".join(struct.pack("<16s16sQQQ72s", kind, bytes([i + 1] * 16), first, last, 0, b"")
                       for i, (kind, first, last) in enumerate(partitions)).ljust(128 * 128, b"\0")
    last = size // sector_size - 1
    table = len(entries) // sector_size

    def header(own, other, at):
        def pack(crc):
            return struct.pack("<8sIIIIQQQQ16sQIII", b"EFI PART", 0x10000, 92, crc, 0, own, other,
                               2 + table, last - table - 1, b"A" * 16, at, 128, 128,
                               zlib.crc32(entries))
        return pack(zlib.crc32(pack(0)))
    return header(1, last, 2), entries, header(last, 1, last - table)


def disk(boot, manager, fat, *, table="gpt", sector_size=512, kind=None):
    """A whole disk; table: "gpt", "mbr" or "none" (the file system has the whole disk)."""
    start = ESP_LBA * 512
    size = start + len(fat) + (1 << 20)
    size += -size % sector_size
    out = bytearray(size)
    boot, manager = sector(boot, manager, MANAGER_LBA)
    if table == "none":
        out = bytearray(fat)
        parameters = bytes(out[3:62])  # the file system keeps its own
        out[0:512] = boot
        out[3:62] = parameters
        out[MANAGER_LBA * 512:MANAGER_LBA * 512 + len(manager)] = manager
        return out
    out[0:512] = boot
    out[MANAGER_LBA * 512:MANAGER_LBA * 512 + len(manager)] = manager
    out[start:start + len(fat)] = fat
    first, count = start // sector_size, len(fat) // sector_size
    if table == "mbr":
        struct.pack_into("<B3sB3sII", out, 446 + 16, 0x80, b"", 0x0c if kind is None else kind, b"",
                         first, count)
        return out
    struct.pack_into("<B3sB3sII", out, 446, 0, b"", 0xee, b"", 1, size // sector_size - 1)
    head, entries, copy = gpt(size, [
        (BOOT_TYPE, MANAGER_LBA * 512 // sector_size, first - 1),
        (ESP_TYPE, first, first + count - 1)], sector_size)
    out[sector_size:sector_size + len(head)] = head
    out[2 * sector_size:2 * sector_size + len(entries)] = entries
    out[size - sector_size - len(entries):size - sector_size] = entries
    out[size - sector_size:size - sector_size + len(copy)] = copy
    return out


def cd(boot, manager, fat):
    """An ISO image with nothing in its directory: El Torito entries for BIOS and EFI."""
    boot, manager = sector(boot, manager, 0)
    image = bytes(boot) + manager
    at = {"catalogue": 20, "bios": 24, "efi": 64}
    out = bytearray(at["efi"] * 2048 + len(fat) + -len(fat) % 2048)

    def place(lba, data):
        out[lba * 2048:lba * 2048 + len(data)] = data
    place(16, b"\x01CD001\x01")
    struct.pack_into("<I", out, 16 * 2048 + 80, len(out) // 2048)
    place(17, b"\0CD001\1EL TORITO SPECIFICATION".ljust(0x47, b"\0") +
          struct.pack("<I", at["catalogue"]))
    place(18, b"\xffCD001\x01")
    validation = bytearray(struct.pack("<BBH24sHBB", 1, 0, 0, b"Alba", 0, 0x55, 0xaa))
    total = sum(struct.unpack("<16H", validation))
    struct.pack_into("<H", validation, 28, -total & 0xffff)
    initial = struct.pack("<BBHBBHI20x", 0x88, 0, 0, 0, 0, len(image) // 512, at["bios"])
    section = struct.pack("<BBH28x", 0x91, 0xef, 1)
    efi = struct.pack("<BBHBBHI20x", 0x88, 0, 0, 0, 0, min(len(fat) // 512, 0xffff), at["efi"])
    place(at["catalogue"], bytes(validation) + initial + section + efi)
    place(at["bios"], image)
    place(at["efi"], fat)
    return out
