# SPDX-License-Identifier: BSD-2-Clause
"""The Linux boot protocol 2.15, field by field: what the image tells boot loaders, and what boot
loaders tell it. Names are those of Documentation/x86/boot.rst and zero-page.rst of Linux 6.1."""
import hashlib
import pathlib
import re
import struct
import subprocess
import zlib

import pytest

import debian_kernel
import doors_util
import newc
import qemu
from doors_util import BLOBS, INITRD, Report

INITRAMFS = b"these are the bytes of the initramfs"
NODE = BLOBS + 0x30000
CMDLINE = BLOBS + 0x20000
GIB = 1 << 30
INDIRECT = 1 << 31


@pytest.fixture(scope="session", name="out")
def fixture_out():
    return doors_util.build()


def fails(result, pattern):
    """One line of ours that has the text, nothing of the kernel's, and QEMU's failure status."""
    lines = [line for line in result.output.splitlines() if line.startswith("Alba:")]
    assert len(lines) == 1 and pattern in lines[0], f"no {pattern!r}: {result}"
    assert "report" not in result.output and result.status == 1, str(result)


def linux(cmdline=None, initrd=None, **options):
    """A start by hand with a command line and an initramfs."""
    patch, blobs = list(options.pop("patch", ())), list(options.pop("blobs", ()))
    if cmdline is not None:
        patch.append((0x228, "I", CMDLINE))
        blobs.append((CMDLINE, cmdline.encode() + b"\0"))
    if initrd is not None:
        patch += [(0x218, "I", INITRD), (0x21c, "I", len(initrd))]
        blobs.append((INITRD, initrd))
    return doors_util.linux(patch=patch, blobs=blobs, **options)


# What the image says.

class Header:
    FIELDS = {"setup_sects": (0x1f1, "B"), "syssize": (0x1f4, "I"), "vid_mode": (0x1fa, "H"),
              "boot_flag": (0x1fe, "H"), "jump": (0x200, "B"), "header": (0x202, "I"),
              "version": (0x206, "H"), "realmode_swtch": (0x208, "I"),
              "kernel_version": (0x20e, "H"), "type_of_loader": (0x210, "B"),
              "loadflags": (0x211, "B"), "code32_start": (0x214, "I"),
              "heap_end_ptr": (0x224, "H"), "initrd_addr_max": (0x22c, "I"),
              "kernel_alignment": (0x230, "I"), "relocatable_kernel": (0x234, "B"),
              "min_alignment": (0x235, "B"), "xloadflags": (0x236, "H"),
              "cmdline_size": (0x238, "I"), "hardware_subarch": (0x23c, "I"),
              "payload_offset": (0x248, "I"), "payload_length": (0x24c, "I"),
              "setup_data": (0x250, "Q"), "pref_address": (0x258, "Q"), "init_size": (0x260, "I"),
              "kernel_info_offset": (0x268, "I")}

    def __init__(self, data):
        for name, (offset, form) in self.FIELDS.items():
            setattr(self, name, struct.unpack_from("<" + form, data, offset)[0])
        self.image = data[(self.setup_sects + 1) * 512:]


@pytest.fixture(name="data")
def fixture_data(out):
    return (out / "alba.bzImage").read_bytes()


def test_header(data):
    header = Header(data)
    assert header.boot_flag == 0xaa55 and header.jump == 0xeb
    assert header.header == 0x53726448 and header.version == 0x020f
    assert 4 <= header.setup_sects <= 63  # 32 KiB at most
    assert header.loadflags == 1 and header.type_of_loader == 0  # LOADED_HIGH
    assert header.code32_start == header.pref_address == 0x100000
    assert header.relocatable_kernel == 1 and header.kernel_alignment == 1 << header.min_alignment
    # A 64-bit entry, also with 5-level paging, and anything may lie above 4 GiB.
    assert header.xloadflags & 0x23 == 0x23
    assert header.cmdline_size == 65535 and header.hardware_subarch == 0
    assert header.initrd_addr_max >= 0x37ffffff and header.setup_data == 0
    assert header.vid_mode == 0xffff and header.realmode_swtch == 0
    assert header.kernel_version < header.setup_sects * 512
    assert data[header.kernel_version + 0x200:].split(b"\0")[0] == b"Alba"
    assert (header.setup_sects + 1) * 512 <= header.heap_end_ptr + 0x200 < 0x10000
    # The header's end by its jump is where the fields end, before the code.
    assert 0x26c <= 0x202 + data[0x201] < 0x280


def test_sizes_and_checksum(data):
    header = Header(data)
    assert len(header.image) == header.syssize * 16
    assert header.init_size >= len(header.image) and header.init_size < 2 << 20
    assert zlib.crc32(data) == 0xffffffff  # 0 without the final inversion


def test_kernel_info(data):
    header = Header(data)
    magic, size, total, type_max = struct.unpack_from("<4sIII", header.image,
                                                      header.kernel_info_offset)
    assert magic == b"LToP" and size == total == 16
    assert type_max == INDIRECT | 9


def test_payload(out, data, tmp_path):
    """Others can unpack it, and its digest is the one that the build tells."""
    header = Header(data)
    payload = header.image[header.payload_offset:header.payload_offset + header.payload_length]
    assert payload[:2] == b"\x02\x21"
    packed = tmp_path / "payload.lz4"
    packed.write_bytes(payload[:-4])
    kernel = subprocess.run(["lz4", "-dc", packed], check=True, capture_output=True,
                            timeout=60).stdout
    assert kernel[:4] == b"\x7fELF" and len(kernel) == struct.unpack("<I", payload[-4:])[0]
    assert hashlib.sha256(kernel).hexdigest() == kernel_digest(out)


# What the boot loader says.

@pytest.mark.parametrize("type_of_loader,ext_type,ext_version,said", [
    (0x72, 0x55, 0, "7.2"),        # GRUB; the extended type counts for E only
    (0xe4, 0x05, 0x23, "21.564"),  # boot.rst's example: T = 0x15, V = 0x234
])
def test_type_of_loader(out, type_of_loader, ext_type, ext_version, said):
    report = Report(linux(patch=[(0x210, "B", type_of_loader), (0x227, "B", ext_type),
                                 (0x226, "B", ext_version)])).check()
    report.find(f"^loader {said}$")


@pytest.mark.parametrize("subarch", [1, 2, 3, 4, 0xffffffff])
def test_hardware_subarch(out, subarch):
    fails(linux(patch=[(0x23c, "I", subarch)]), f"hardware_subarch {subarch} ")


@pytest.mark.parametrize("wide", [False, True])
def test_alignment(out, wide):
    fails(linux(wide=wide, at=0x100800), "not at a multiple of 4 KiB")


def test_code32_start_hook(out):
    """A hook of the boot loader's in protected mode: says so, and goes on to the image."""
    hook = b"\x66\xba\xf8\x03\xb0?\xee\xb0\n\xee\xb8\0\0\x10\0\xff\xe0"  # prints "?"; jmp 0x100000
    header = [(0x211, "B", 0x81), (0x224, "H", 0xde00), (0x214, "I", 0x30000)]
    result = doors_util.real_mode(header=header, blobs=[(0x30000, hook)])
    Report(result).check()
    assert "?\n" in result.output


def setup_node(following, kind, data):
    return struct.pack("<QII", following, kind, len(data)) + data


def indirect(kind, size, address):
    return struct.pack("<IIQQ", INDIRECT | kind, 0, size, address)


def setup_data(*nodes, **options):
    """A start with a list of (type, data)."""
    blobs = list(options.pop("blobs", ()))
    for i, (kind, data) in enumerate(nodes):
        at = NODE + 0x100 * i
        blobs.append((at, setup_node(at + 0x100 if i + 1 < len(nodes) else 0, kind, data)))
    return linux(patch=[(0x250, "Q", NODE)], blobs=blobs, **options)


EXTRA = struct.pack("<QQI", 0x4000000, 0x1000000, 2)
DTB, PCI, EFI, APPLE, JAILHOUSE, CC_BLOB, IMA, SEED = 2, 3, 4, 5, 6, 7, 8, 9


def test_setup_data_that_is_passed_over(out):
    """Each type that means nothing to us, empty and filled, in front of one that does."""
    kinds = [DTB, PCI, EFI, APPLE, CC_BLOB, IMA, 10, 0x7fffffff, 0, INDIRECT | 77]
    nodes = [(kind, b"\xff" * (0 if i % 2 else 40)) for i, kind in enumerate(kinds)]
    report = Report(setup_data(*nodes, (1, EXTRA))).check()
    assert ("reserved", 0x4000000, 0x1000000) in report.ranges


def test_setup_indirect(out):
    data = NODE + 0x10001  # no need to be aligned
    report = Report(setup_data((INDIRECT, indirect(1, len(EXTRA), data)),
                               (INDIRECT, indirect(SEED, 32, NODE + 0x11000)),
                               (INDIRECT, indirect(DTB, 4096, data)),
                               blobs=[(data, EXTRA), (NODE + 0x11000, bytes(range(32)))])).check()
    assert ("reserved", 0x4000000, 0x1000000) in report.ranges


def test_seed(out):
    """It changes the seed, and is not found in memory afterwards."""
    seeds = set()
    for seed in (bytes(32), b"\1" * 32):
        report = Report(setup_data((SEED, seed), cpu="qemu64")).check()
        seeds.add(report.find(r"^seed (\S+) size 32$")[1])
    assert len(seeds) == 2


BAD_LISTS = {
    "Jailhouse": ([(JAILHOUSE, bytes(8))], "a cell of Jailhouse"),
    "indirect short": ([(INDIRECT, bytes(23))], "an indirection of 23 bytes"),
    "indirect wild": ([(INDIRECT, indirect(1, 20, 1 << 60))], "out of reach"),
    "indirect huge": ([(INDIRECT, indirect(1, (1 << 64) - 1, NODE))], "out of reach"),
    "indirect null": ([(INDIRECT, indirect(1, 20, 0))], "out of reach"),
    "map huge": ([(INDIRECT, indirect(1, 1 << 20, NODE))], "a memory map of 1048576 bytes"),
    "seed huge": ([(SEED, bytes(4097))], "a seed of 4097 bytes"),
}


@pytest.mark.parametrize("name", BAD_LISTS)
def test_bad_setup_data(out, name):
    nodes, pattern = BAD_LISTS[name]
    fails(setup_data(*nodes), pattern)


@pytest.mark.parametrize("patch,found", [
    ([], "1024x768 0x1e0000000"),
    ([(0x36, "I", 0)], "1024x768 0xe0000000"),  # the upper half does not count
    ([(0x16, "H", 0)], "0x0 0"), ([(0x16, "H", 64)], "0x0 0"), ([(0x24, "H", 4095)], "0x0 0"),
    ([(0x14, "H", 0)], "0x0 0"), ([(0x18, "I", 0), (0x3a, "I", 0)], "0x0 0"),
])
def test_screen_info(out, patch, found):
    """A linear frame buffer above 4 GiB; numbers that cannot be give none."""
    report = Report(linux(patch=[
        (0x0f, "B", 0x70), (0x12, "H", 1024), (0x14, "H", 768), (0x16, "H", 32),
        (0x18, "I", 0xe0000000), (0x36, "I", 2), (0x3a, "I", 1), (0x24, "H", 4096), *patch])).check()
    report.find(f"^screen {found}$")


def test_acpi_rsdp(out):
    """By the field, and by the command line as kexec gives it: the MADT there lists two CPUs."""
    at = BLOBS + 0x40000

    def sums(table, field):
        table[field] = -sum(table) & 0xff
        return bytes(table)

    madt = bytearray(b"APIC" + struct.pack("<IB", 44 + 16, 1)).ljust(44, b"\0")
    madt += struct.pack("<BBBBI", 0, 8, 0, 0, 1) + struct.pack("<BBBBI", 0, 8, 1, 1, 1)
    rsdt = bytearray(b"RSDT" + struct.pack("<IB", 40, 1)).ljust(36, b"\0")
    rsdt += struct.pack("<I", at + 0x200)
    rsdp = bytearray(b"RSD PTR \0ALBA  \0" + struct.pack("<I", at + 0x100))
    blobs = [(at, sums(rsdp, 8)), (at + 0x100, sums(rsdt, 9)), (at + 0x200, sums(madt, 9))]
    for options in ({"patch": [(0x70, "Q", at)]}, {"cmdline": f"acpi_rsdp={at:#x} more"}):
        report = Report(linux(blobs=blobs, smp=2, **options)).check()
        assert report.rsdp == at and len(report.cpus) == 2


@pytest.mark.parametrize("cpu,wide", [("max", True), ("qemu64", True), ("max", doors_util.LA57)])
def test_above_4_gib(out, cpu, wide):
    """xloadflags bit 1: the image, the zero page, the command line, the initramfs, all of it; on a
    CPU with pages of 1 GiB and on one without, with 4 and with 5 levels of tables."""
    high = 5 * GIB
    page, text, initrd = high + 0x1000000, high + 0x1100000, high + 0x2000000
    report = Report(doors_util.linux(
        wide=wide, at=high, page_at=page, memory="6G", cpu=cpu,
        e820=((0, 0x9fc00, 1), (0x100000, 0xbff00000, 1), (4 * GIB, 3 * GIB, 1)),
        patch=[(0x228, "I", text & 0xffffffff), (0x0c8, "I", 1), (0x0c0, "I", 1),
               (0x218, "I", initrd & 0xffffffff), (0x21c, "I", len(INITRAMFS))],
        blobs=[(text, b"from above\0"), (initrd, INITRAMFS)])).check()
    assert report.cmdline == "from above" and int(report.initrd, 0) == initrd
    assert report.initrd_text == INITRAMFS[:16].decode()
    assert any(kind == "loader" and start <= high < start + size
               for kind, start, size in report.ranges)


def test_inputs_above_4_gib_by_the_32_bit_entry(out):
    """ext_cmd_line_ptr, ext_ramdisk_image: they count whatever the entry."""
    report = Report(doors_util.linux(
        memory="6G", e820=((0, 0x9fc00, 1), (0x100000, 0xbff00000, 1), (4 * GIB, 3 * GIB, 1)),
        patch=[(0x228, "I", 0x1000), (0x0c8, "I", 1), (0x0c0, "I", 1), (0x218, "I", 0x2000),
               (0x21c, "I", len(INITRAMFS))],
        blobs=[(4 * GIB + 0x1000, b"from above\0"), (4 * GIB + 0x2000, INITRAMFS)])).check()
    assert report.cmdline == "from above" and int(report.initrd, 0) == 4 * GIB + 0x2000
    assert report.initrd_text == INITRAMFS[:16].decode()


def test_5_level_paging(out):
    """xloadflags bit 5. The pages that the way out borrows have what they had: here the command
    line and the initramfs."""
    report = Report(doors_util.linux(
        wide=doors_util.LA57, patch=[(0x228, "I", 0x8004), (0x218, "I", 0x9000), (0x21c, "I", 36)],
        blobs=[(0x8000, b"low with five\0".rjust(18)), (0x9000, INITRAMFS)])).check()
    assert report.cmdline == "low with five" and report.initrd_text == INITRAMFS[:16].decode()


def test_overlapping_inputs(out):
    """What lies in one another is read, or refused; nothing of the loader's is written over."""
    fails(linux(patch=[(0x218, "I", 0x110000), (0x21c, "I", 0x1000)]), "initramfs at 0x110000")
    report = Report(linux(patch=[(0x218, "I", CMDLINE), (0x21c, "I", 0x1000),
                                 (0x228, "I", CMDLINE + 16)],
                          blobs=[(CMDLINE, INITRAMFS + b"\0")])).check()
    assert report.cmdline == INITRAMFS[16:].decode()
    assert report.initrd_text == INITRAMFS[:16].decode()


def test_mem(out):
    """Linux's mem=: memory behind it is as if it were not there, also for the initramfs."""
    report = Report(linux("quiet mem=60M", INITRAMFS)).check()
    assert max(start + size for _, start, size in report.ranges) == 60 << 20
    fails(linux("mem=0x3000000", INITRAMFS), "initramfs at")
    for text in ("mem=", "mem=banana", "mem=8X", "xmem=8M"):
        assert Report(linux(text)).check().total("free") > 60 << 20


# Digests.

def kernel_digest(out):
    return (out / "kernel.sha256").read_text().strip()


def test_digests(out):
    """The initramfs and the kernel are what the command line says."""
    initrd = hashlib.sha256(INITRAMFS).hexdigest()
    both = f"a initrd_sha256={initrd} kernel_sha256={kernel_digest(out).upper()} b"
    for report in (Report(linux(both, INITRAMFS)), Report(linux(both, INITRAMFS, wide=True)),
                   Report(doors_util.pvh(cmdline=both.encode(), initrd=INITRAMFS)),
                   Report(qemu.Machine(out / "alba.bzImage", machine="pc", append=both,
                                       initrd=INITRAMFS).run())):
        assert report.check().cmdline == both[:200]


WRONG = "0123456789abcdef" * 4


@pytest.mark.parametrize("name", ["initrd_sha256", "kernel_sha256"])
@pytest.mark.parametrize("value,pattern", [
    (WRONG, "names: its SHA-256 is"), ("", "64 hexadecimal"), (WRONG[1:], "64 hexadecimal"),
    (WRONG + "0", "64 hexadecimal"), ("g" + WRONG[1:], "64 hexadecimal"),
])
def test_wrong_digests(out, name, value, pattern):
    fails(doors_util.pvh(cmdline=f"quiet {name}={value} more".encode(), initrd=INITRAMFS), pattern)


def test_digest_of_nothing(out):
    fails(linux(f"initrd_sha256={WRONG}"), "the initramfs is missing")


def test_digest_is_the_last_one(out):
    good = hashlib.sha256(INITRAMFS).hexdigest()
    Report(linux(f"initrd_sha256={WRONG} initrd_sha256={good}", INITRAMFS)).check()
    fails(linux(f"initrd_sha256={good} initrd_sha256={WRONG}", INITRAMFS), good)


# An initramfs that is packed as Linux takes it.

def lz4(data, *options):
    return subprocess.run(["lz4", "-c", *options], input=data, check=True, capture_output=True,
                          timeout=60).stdout


@pytest.mark.parametrize("start", [linux, lambda **more: doors_util.pvh(
    initrd=more["initrd"], cmdline=more["cmdline"].encode())])
def test_packed_initramfs(out, start):
    """The digest is that of the file. What was taken for the worst case is free again."""
    data = INITRAMFS + bytes(3 << 20) + b"and more"
    packed = lz4(data, "-l")
    digest = hashlib.sha256(packed).hexdigest()
    report = Report(start(initrd=packed, cmdline=f"initrd_sha256={digest}")).check()
    assert report.initrd_text == INITRAMFS[:16].decode()
    assert int(report.initrd_size) == len(data)
    assert report.total("initrd") == (len(data) + 4095) // 4096 * 4096
    assert report.total("free", "kernel", "loader", "initrd") > 62 << 20


def test_packed_initramfs_and_little_memory(out):
    data = bytes(2 << 20)
    e820 = ((0, 0x9fc00, 1), (0x100000, 0x500000, 1), (INITRD, 0x10000, 1), (BLOBS, 0x40000, 1))
    report = Report(linux(initrd=lz4(data, "-l"), e820=e820)).check()
    assert int(report.initrd_size) == len(data)
    fails(linux(initrd=lz4(bytes(6 << 20), "-l"), e820=e820), "LZ4, does not fit the memory")


def test_damaged_packed_initramfs(out):
    packed = lz4(INITRAMFS * 1000, "-l")
    for bad in (packed[:-1], packed[:4], packed[:4] + b"\xff" + packed[5:],
                packed[:8] + b"\0" + packed[9:], packed + b"\0\0\0\0\1"):
        fails(linux(initrd=bad), "LZ4, is damaged, or something follows")


# kexec from Debian's kernel.

LINUX_INIT = """#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sysfs /sys
/usr/sbin/kexec {} -l /alba.bzImage --initrd=/alba.initrd --command-line="{}" &&
/usr/sbin/kexec -e
/bin/busybox poweroff -f
"""
ALBA_INIT = """#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
read -r type </proc/sys/kernel/bootloader_type
read -r line </proc/cmdline
echo "Alba by loader $type with $(/bin/busybox nproc) CPUs: $line"
/bin/busybox sh -c 'exit 42'
echo "its status: $?"
/bin/busybox poweroff -f
"""


def tree(init, *paths, **files):
    """An archive with these files of this system and others, and /init."""
    entries = {name: newc.Dir() for name in ("dev", "proc", "sys")}
    entries["dev/console"] = newc.Char(5, 1)
    contents = {path[1:]: pathlib.Path(path).read_bytes() for path in paths}
    contents |= {name.replace("_", "."): data for name, data in files.items()}
    for path, data in {**contents, "init": init.encode()}.items():
        for parent in reversed(pathlib.PurePath(path).parents[:-1]):
            entries.setdefault(str(parent), newc.Dir())
        entries[path] = newc.File(data, 0o755)
    return newc.pack(entries)


def libraries(program):
    text = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    return re.findall(r"(/\S+) \(0x", text)


@pytest.mark.parametrize("call,options", [
    ("--kexec-syscall", {"memory": "512M", "cpu": "qemu64", "smp": 2}),
    # The kernel chooses where things lie: above 4 GiB. It uses 5-level paging on this CPU.
    ("--kexec-file-syscall", {"memory": "6G", "cpu": "max"}),
])
def test_kexec_from_linux(built, call, options):
    """kexec_load and kexec_file_load: Debian's kernel starts Alba, which runs a program."""
    cmdline = f"console=ttyS0 quiet by {call}"
    busybox, kexec = "/bin/busybox", "/usr/sbin/kexec"
    alba = tree(ALBA_INIT, busybox)
    initrd = tree(LINUX_INIT.format(call, cmdline), busybox, kexec, *libraries(kexec),
                  alba_initrd=alba, alba_bzImage=built("x86_64/alba.bzImage").read_bytes())
    result = qemu.Machine(debian_kernel.vmlinuz(doors_util.ROOT / "build"), initrd=initrd,
                          machine="q35", append="console=ttyS0 quiet panic=-1", **options).run()
    cpus = options.get("smp", 1)
    assert f"Alba by loader 208 with {cpus} CPUs: {cmdline}\nits status: 42\n" in result.output, str(result)
    assert result.status == 0, str(result)


# Machines whose BIOS knows little, or does not tell the truth. (On the way to the code at 0x600.)

BIOS = """
    cmpw $0xe820, %ax
    je e820
    cmpw $0xe801, %ax
    je e801
    cmpb $0x88, %ah
    je e88
bios:
    ljmpw *%cs:0x5fc
none:                       /* the function is not there */
    movw $0x8600, %ax
carry:
    pushw %bp
    movw %sp, %bp
    orw $1, 6(%bp)
    popw %bp
    iretw
good:
    movl $0x534d4150, %eax
    pushw %bp
    movw %sp, %bp
    andw $~1, 6(%bp)
    popw %bp
    iretw
"""
ENTRY = """
    movl ${start:#x}, %es:(%di)
    movl $0, %es:4(%di)
    movl ${size:#x}, %es:8(%di)
    movl ${high:#x}, %es:12(%di)
    movl ${kind}, %es:16(%di)
    movl ${following}, %ebx
"""


def e820(*entries):
    """Code for a list of (start, low and high half of the size, type), and what comes behind each:
    0 ends it."""
    code = ""
    for i, (start, size, high, kind, following) in enumerate(entries):
        code += f"cmpl ${i}, %ebx\njne {i + 1}f\n" + ENTRY.format(
            start=start, size=size, high=high, kind=kind, following=following) + f"jmp good\n{i + 1}:"
    return code + "jmp none\n"


def with_bios(tmp_path, *, e820_is="jmp none\n", e801="jmp bios\n", e88="jmp bios\n", **options):
    code = f"{BIOS}e820: {e820_is}e801: {e801}e88: {e88}"
    header = options.pop("header", [(0x211, "B", 0x81), (0x224, "H", 0xde00)])
    return doors_util.real_mode(int15=doors_util.assemble(code, 0x600, tmp_path), header=header,
                                **options)


NONE = "jmp none\n"
GOOD_MAP = [(0, 0x9fc00, 0, 1, 1), (0x100000, 0x3ee0000, 0, 1, 0)]
# What int 15h e820, e801 and 88 do, and how much memory is found then (of 64 MiB).
BIOSES = {
    "no e820": (NONE, "jmp bios\n", "jmp bios\n", 63 << 20),
    "88 only": (NONE, NONE, "jmp bios\n", 63 << 20),
    "e801 in CX and DX": (NONE, "xorw %ax, %ax\nxorw %bx, %bx\nmovw $0x3c00, %cx\n"
                          "movw $0x100, %dx\niretw\n", NONE, 32 << 20),
    "e801 with a hole": (NONE, "movw $0x2000, %ax\nmovw $0x100, %bx\nxorw %cx, %cx\n"
                         "xorw %dx, %dx\niretw\n", NONE, 9 << 20),
    "e820 that never ends": (e820((0x100000, 0x3ee0000, 0, 1, 1), (0, 0x9fc00, 0, 1, 0)), NONE, NONE,
                             63 << 20),
    "e820 that loses its way": ("cmpl $0, %ebx\nje bios\nmovl $7, %eax\niretw\n", "jmp bios\n", NONE,
                                63 << 20),
    "e820 with nonsense": (e820(*[(s, n, h, k, i + 1) for i, (s, n, h, k, _) in enumerate(
        [(0x5000, 0, 0, 1, 0), (0x3000000, 0x1000, 0, 99, 0), (0xffffe000, 0x1000, 0, 0, 0),
         (0xfffff000, 0xfffff000, 0xffffffff, 7, 0), (0x3000000, 0xffffffff, 0, 9, 0), *GOOD_MAP])]),
                           NONE, NONE, 47 << 20),
}


@pytest.mark.parametrize("name", BIOSES)
def test_bios(out, tmp_path, name):
    table, e801, e88, found = BIOSES[name]
    result = with_bios(tmp_path, e820_is=table, e801=e801, e88=e88)
    total = Report(result).check().total("free", "kernel", "loader")
    assert found - (1 << 20) < total <= found + (1 << 20)


def test_bios_without_memory(out, tmp_path):
    fails(with_bios(tmp_path, e801=NONE, e88=NONE), "gave no memory map")
    fails(with_bios(tmp_path, e820_is=e820((0, 0x9fc00, 0, 1, 0)), e801=NONE, e88=NONE),
          "does not fit the memory")
    everything = [(0, 0xffffffff, 0xffffffff, 2, 1), (0x100000, 0x3ee0000, 0, 1, 0)]
    fails(with_bios(tmp_path, e820_is=e820(*everything), e801=NONE, e88=NONE), "no free memory")


def test_no_acpi(out):
    """Without ACPI's tables the CPUs are those of the MP table, which has one of each package."""
    report = Report(qemu.Machine(out / "alba.bzImage", machine="pc,acpi=off",
                                 smp="3,sockets=3").run()).check()
    assert report.rsdp == 0 and len(report.cpus) == 3


def test_disk_that_cannot_be_read(out):
    """Its first sector is asked for (EDD); a failure is no reason not to start."""
    machine = qemu.Machine(out / "alba.bzImage", machine="pc")
    path = machine._path("disk", bytes(1 << 20))
    machine.command += ["-drive", "if=ide,driver=raw,file.driver=blkdebug,file.image.driver=file,"
                        f"file.image.filename={path},file.inject-error.0.event=read_aio,"
                        "file.inject-error.0.errno=5"]
    Report(machine.run()).check()


def test_device_tree_of_qemu(out):
    """QEMU hands -dtb over as SETUP_DTB, which is passed over, before its seed, which is not."""
    machine = qemu.Machine(out / "alba.bzImage", machine="pc", cpu="qemu64")
    tree = struct.pack(">10I", 0xd00dfeed, 40, 40, 40, 40, 17, 16, 0, 0, 0)
    machine.command += ["-dtb", machine._path("tree", tree)]
    Report(machine.run()).check()


def test_pc_without_pci(out):
    report = Report(qemu.Machine(out / "alba.bzImage", machine="isapc", panic_device=False).run())
    assert report.check().rsdp == 0


def test_a20_stuck(out, tmp_path):
    """No machine here has a line that does not open, so the code that says so is told that it does
    not (test/unit/test_a20.c is about finding out): on the screen and the serial line."""
    symbols = subprocess.run(["nm", out / "b" / "setup.elf"], capture_output=True, text=True,
                             check=True, timeout=60).stdout
    at = int(re.search(r"^(\w+) . open_a20$", symbols, re.M)[1], 16)
    never = int.from_bytes(b"\x66\x31\xc0\x66\xc3", "little")  # xorl %eax, %eax; retl
    header = [(0x211, "B", 0x81), (0x224, "H", 0xde00), (at, "Q", never)]
    machine = doors_util.real_mode_machine(header=header, panic_device=False)
    text = doors_util.text_on_screen(machine, "^Alba: .*\n", tmp_path)
    line = "Alba: the address line A20 does not open; the machine cannot be used"
    assert line in text and line + "\n" in machine.text()


def test_line_of_the_32_bit_entry(out, tmp_path):
    """What is said before there is any C also stands on the screen."""
    iso = doors_util.grub_iso(tmp_path, (out / "alba.bzImage").read_bytes(), b"",
                              "linux /boot/alba")
    machine = qemu.Machine(machine="pc", cpu="qemu32", panic_device=False,
                           extra=["-cdrom", str(iso)])
    text = doors_util.text_on_screen(machine, "^Alba: .*\n", tmp_path)
    assert "Alba: this CPU has no long mode (64-bit)" in text


# Screens.

@pytest.mark.parametrize("flags,screen", [(0x81, r"800x600 0x[1-9a-f]\w+"), (0x01, "0x0 0")])
def test_vid_mode_and_the_heap(out, flags, screen):
    """A graphics mode needs the heap: without CAN_USE_HEAP the screen stays as it was."""
    header = [(0x211, "B", flags), (0x224, "H", 0xde00), (0x1fa, "H", 0x315)]
    report = Report(doors_util.real_mode(header=header, extra=["-vga", "std"])).check()
    report.find(f"^screen {screen}$")
