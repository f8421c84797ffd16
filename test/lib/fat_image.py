# SPDX-License-Identifier: BSD-2-Clause
"""FAT file systems made in memory, good ones, and bad ones by changing a good one.

    fat = fat_image.Fat({"alba/alba.cfg": b"...", "A long name.txt": b"..."}, bits=16)
    fat.set_next(fat.clusters["alba/alba.cfg"][0], 7)
    disk = bytes(fat.data)

Written from the Microsoft FAT Specification of 2005; every name gets a long name, and a short one
that is no use for finding it.
"""
import struct

SIZES = {12: 2000, 16: 6000, 32: 66000}  # clusters: enough for each kind
END = {12: 0xfff, 16: 0xffff, 32: 0x0fffffff}


def name_sum(short):
    total = 0
    for byte in short:
        total = ((total & 1) << 7) + (total >> 1) + byte & 0xff
    return total


def long_entries(name, short):
    """The entries of a long name, last part first."""
    text = name.encode("utf-16-le") + b"\0\0"
    text += b"\xff" * (-len(text) % 26) if len(text) % 26 else b""
    if len(name.encode("utf-16-le")) % 26 == 0:
        text = name.encode("utf-16-le")
    parts = [text[i:i + 26] for i in range(0, len(text), 26)]
    out = b""
    for order in range(len(parts), 0, -1):
        part = parts[order - 1]
        out += struct.pack("<B10sBBB12sH4s", order | (0x40 if order == len(parts) else 0), part[:10],
                           0x0f, 0, name_sum(short), part[10:22], 0, part[22:])
    return out


class Fat:
    def __init__(self, files, *, bits=16, sector=512, cluster_sectors=1, tables=2, clusters=None,
                 root_entries=512, long_names=True, spread=False, reserved=0):
        self.bits, self.sector, self.cluster_sectors = bits, sector, cluster_sectors
        self.long_names = long_names
        self.step = 2 if spread else 1  # every other cluster: nothing lies together
        count = clusters or SIZES[bits]
        self.root_entries = 0 if bits == 32 else root_entries
        root_sectors = self.root_entries * 32 // sector
        table_sectors = -(-(count + 2) * bits // 8 // sector) + 1
        self.reserved = reserved or (32 if bits == 32 else 1)
        self.table_at = self.reserved * sector
        self.table_bytes = table_sectors * sector
        self.tables = tables
        self.root_at = self.table_at + tables * self.table_bytes
        self.data_at = self.root_at + root_sectors * sector
        self.cluster_bytes = cluster_sectors * sector
        total = self.data_at // sector + count * cluster_sectors
        self.data = bytearray(total * sector)
        small = total < 65536 and bits != 32
        struct.pack_into("<3s8sHBHBHHBHHHII", self.data, 0, b"\xeb\x3c\x90", b"ALBATEST", sector,
                         cluster_sectors, self.reserved, tables, self.root_entries,
                         total if small else 0, 0xf8, 0 if bits == 32 else table_sectors, 63, 255, 0,
                         0 if small else total)
        self.data[510:512] = b"\x55\xaa"
        self.free = 2
        self.clusters = {}  # path: its clusters
        self.entries = {}   # path: where its entry lies
        if bits == 32:
            struct.pack_into("<IHHI", self.data, 36, table_sectors, 0, 0, 2)
        self._directory("", self._tree(files), None)

    @staticmethod
    def _tree(files):
        tree = {}
        for path, data in files.items():
            *folders, name = path.strip("/").split("/")
            place = tree
            for folder in folders:
                place = place.setdefault(folder, {})
            place[name] = data
        return tree

    def set_next(self, cluster, value):
        """An entry of all tables."""
        for table in range(self.tables):
            at = self.table_at + table * self.table_bytes + cluster * self.bits // 8
            if self.bits == 32:
                struct.pack_into("<I", self.data, at, value)
            elif self.bits == 16:
                struct.pack_into("<H", self.data, at, value & 0xffff)
            else:
                old, = struct.unpack_from("<H", self.data, at)
                value12 = value & 0xfff
                new = old & 0x000f | value12 << 4 if cluster & 1 else old & 0xf000 | value12
                struct.pack_into("<H", self.data, at, new)

    def cluster_at(self, cluster):
        return self.data_at + (cluster - 2) * self.cluster_bytes

    def _allocate(self, path, size):
        count = -(-size // self.cluster_bytes)
        chain = [self.free + i * self.step for i in range(count)]
        self.free += count * self.step
        for here, there in zip(chain, chain[1:] + [END[self.bits]]):
            self.set_next(here, there)
        self.clusters[path] = chain
        return chain

    def _write(self, chain, data):
        for i, cluster in enumerate(chain):
            part = data[i * self.cluster_bytes:(i + 1) * self.cluster_bytes]
            self.data[self.cluster_at(cluster):self.cluster_at(cluster) + len(part)] = part

    def _directory(self, path, tree, parent):
        """Writes a directory and all below it; returns its first cluster."""
        size = sum(32 * (len(long_entries(name, b"")) // 32 + 1) for name in tree) + 96
        root_area = path == "" and self.bits != 32
        chain = [] if root_area else self._allocate(path, size)
        start = chain[0] if chain else 0
        content, where = b"", {}
        if path:
            content = self._entry(b".          ", 0x10, start, 0) + \
                      self._entry(b"..         ", 0x10, parent, 0)
        for number, (name, what) in enumerate(tree.items()):
            below = f"{path}/{name}" if path else name
            base, _, extension = name.upper().partition(".")
            short = f"{base:8}{extension:3}".encode() if not self.long_names else \
                f"X{number:07}{'':3}".encode()
            if isinstance(what, dict):
                first, bytes_, attributes = self._directory(below, what, start if path else 0), 0, 0x10
            else:
                file_chain = self._allocate(below, len(what))
                self._write(file_chain, what)
                first, bytes_, attributes = (file_chain or [0])[0], len(what), 0x20
            if self.long_names:
                content += long_entries(name, short)
            where[below] = len(content)
            content += self._entry(short, attributes, first, bytes_)
        if root_area:
            self.data[self.root_at:self.root_at + len(content)] = content
        else:
            self._write(chain, content)
        for below, at in where.items():
            self.entries[below] = self.root_at + at if root_area else \
                self.cluster_at(chain[at // self.cluster_bytes]) + at % self.cluster_bytes
        return start

    @staticmethod
    def _entry(short, attributes, cluster, size):
        return struct.pack("<11sB8xH4xHI", short, attributes, cluster >> 16, cluster & 0xffff, size)

    def patch(self, path, form, offset, value):
        """A field of a file's entry: 11 attributes, 20 and 26 first cluster, 28 size."""
        struct.pack_into("<" + form, self.data, self.entries[path] + offset, value)
