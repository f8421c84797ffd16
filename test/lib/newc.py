# SPDX-License-Identifier: BSD-2-Clause
"""A small writer of initramfs archives ("newc" cpio), good ones and broken ones.

`pack({"init": File(b"...", 0o755), "dev": Dir()})` gives the bytes. Every field of an entry can be
set to nonsense by `raw`, for tests of what the kernel does with foreign bytes.
"""
import dataclasses
import os
import stat


@dataclasses.dataclass
class Entry:
    mode: int
    data: bytes = b""
    device: tuple = (0, 0)
    links: int = 1
    inode: int = 0
    raw: dict = dataclasses.field(default_factory=dict)


def File(data, mode=0o644, **more):
    return Entry(stat.S_IFREG | mode, data, **more)


def Dir(mode=0o755):
    return Entry(stat.S_IFDIR | mode)


def Link(target):
    return Entry(stat.S_IFLNK | 0o777, os.fsencode(target))


def Char(major, minor, mode=0o600):
    return Entry(stat.S_IFCHR | mode, device=(major, minor))


def entry_bytes(name, entry, inode):
    """One archive member: header, name and data, each padded to four bytes."""
    name = os.fsencode(name)
    fields = {
        "ino": entry.inode or inode, "mode": entry.mode, "uid": 0, "gid": 0, "nlink": entry.links,
        "mtime": 0, "filesize": len(entry.data), "devmajor": 0, "devminor": 0,
        "rdevmajor": entry.device[0], "rdevminor": entry.device[1], "namesize": len(name) + 1,
        "check": 0,
    }
    magic = entry.raw.get("magic", b"070701")
    text = b""
    for key, value in fields.items():
        value = entry.raw.get(key, value)
        text += value if isinstance(value, bytes) else b"%08X" % value
    out = magic + text + name + b"\0"
    out += b"\0" * (-len(out) % 4) + entry.data
    return out + b"\0" * (-len(entry.data) % 4)


def pack(entries, trailer=True):
    """Entries by name; parents must come first, as in the archives of others."""
    parts = [entry_bytes(name, entry, number)
             for number, (name, entry) in enumerate(entries.items(), 1)]
    if trailer:
        parts.append(entry_bytes("TRAILER!!!", Entry(0), 0))
        parts.append(b"\0" * (-sum(map(len, parts)) % 512))
    return b"".join(parts)


def root(init, files=None):
    """A root file system with this program as /init, a console and more files by path."""
    entries = {"dev": Dir(), "dev/console": Char(5, 1), "proc": Dir(), "sys": Dir(), "tmp": Dir()}
    if init is not None:
        entries["init"] = File(init, 0o755)
    for path, entry in (files or {}).items():
        parts = path.split("/")
        for depth in range(1, len(parts)):
            entries.setdefault("/".join(parts[:depth]), Dir())
        entries[path] = entry if isinstance(entry, Entry) else File(entry, 0o755)
    return pack(entries)
