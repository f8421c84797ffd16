# SPDX-License-Identifier: BSD-2-Clause
"""Foreign bytes that are wrong: one clear line and a halt or an error; no hang, no wrong boot.

A machine that halts without a failure status would look like a hang, so each of these must end by
itself: by the panic device, or with the message and a switched-off machine.
"""
import struct

import newc
import pytest
import qemu

SHORT = 60


def run(kernel, **options):
    options.setdefault("append", "console=ttyS0")
    return qemu.Machine(kernel, **options).run(limit=SHORT)


@pytest.fixture
def kernel(built):
    return built("x86_64/alba.elf")


@pytest.fixture
def good_root(built):
    return newc.root(built("guest/hello").read_bytes())


def assert_says(result, *texts):
    assert result.status == 1, result
    for text in texts:
        assert text in result.output.lower(), result


def assert_booted(result):
    assert result.status == 0 and "hello from pid 1\n" in result.output, result


def stops(kernel, **options):
    """For the loader's errors: it halts, perhaps without a status. Waits for a line, then ends."""
    options.setdefault("append", "console=ttyS0")
    with qemu.Machine(kernel, **options) as machine:
        match = machine.expect(r"(?i)^.*(alba|error|cannot|damaged|memory|cpu|processor).*\n", SHORT)
        assert "hello" not in machine.text()
        return match.group(0)


# The payload

def load_segments(elf):
    """(file offset, size) of an ELF file's loadable segments, 32 or 64 bits."""
    wide = elf[4] == 2
    phoff = struct.unpack_from("<Q" if wide else "<I", elf, 32 if wide else 28)[0]
    size, count = struct.unpack_from("<HH", elf, 54 if wide else 42)
    for at in range(phoff, phoff + size * count, size):
        kind = struct.unpack_from("<I", elf, at)[0]
        offset, length = struct.unpack_from("<Q16xQ", elf, at + 8) if wide else \
            struct.unpack_from("<I8xI", elf, at + 4)
        if kind == 1 and length:
            yield offset, length


@pytest.mark.parametrize("place", [0.3, 0.6, 0.9])
def test_damaged_kernel_in_elf(kernel, good_root, place):
    image = bytearray(kernel.read_bytes())
    offset, size = max(load_segments(image), key=lambda s: s[1])
    image[offset + int(size * place)] ^= 0xff
    assert "damaged" in stops(bytes(image), initrd=good_root)


@pytest.mark.parametrize("place", [0.2, 0.4, 0.6, 0.8, 0.99])
def test_damaged_kernel_in_bzimage(built, good_root, place):
    image = bytearray(built("x86_64/alba.bzImage").read_bytes())
    start = (image[0x1f1] + 1) * 512 + 0x8000
    image[start + int((len(image) - start) * place)] ^= 0xff
    assert "damaged" in stops(bytes(image), initrd=good_root)


@pytest.mark.parametrize("image,memory", [("alba.elf", "1280K"), ("alba.elf", "1536K"),
                                          ("alba.bzImage", "1M"), ("alba.bzImage", "1536K")])
def test_kernel_that_does_not_fit(built, good_root, image, memory):
    line = stops(built(f"x86_64/{image}"), memory=memory, initrd=good_root)
    assert "memory" in line, line


@pytest.mark.parametrize("image", ["alba.elf", "alba.bzImage"])
@pytest.mark.parametrize("memory", ["1792K", "1920K", "2M", "2304K", "3M", "4M"])
def test_little_memory(built, good_root, image, memory):
    """It boots, or says in one line what it lacks."""
    result = run(built(f"x86_64/{image}"), memory=memory, initrd=good_root)
    if result.status == 0:
        assert_booted(result)
    else:
        assert_says(result, "memory")


@pytest.mark.parametrize("image", ["alba.elf", "alba.bzImage"])
@pytest.mark.parametrize("cpu,word", [("qemu32", "64-bit"), ("max,-lm", "64-bit"),
                                      ("max,-nx", "nx")])
def test_processor_that_will_not_do(built, good_root, image, cpu, word):
    line = stops(built(f"x86_64/{image}"), cpu=cpu, initrd=good_root)
    assert word in line.lower() or "long mode" in line.lower(), line


# The command line

def test_long_command_line(kernel, good_root):
    append = "console=ttyS0 last=" + "x" * 60000
    assert_booted(run(kernel, initrd=good_root, append=append))


@pytest.mark.parametrize("size", [65536, 100000])
def test_command_line_that_is_too_long(kernel, good_root, size):
    append = "console=ttyS0 " + "x " * (size // 2 - 7)
    line = stops(kernel, initrd=good_root, append=append)
    assert "command line" in line.lower(), line


@pytest.mark.parametrize("append", [
    "console=ttyS0 " + "a " * 2000, 'console=ttyS0 "unclosed quote', "console=ttyS0 =value = ==",
    "console=ttyS0 loglevel=banana", "console=ttyS0 console=nowhere", "console=ttyS0 \x01\x7f",
    "console=ttyS0 initcall_debug", "console=ttyS0 nokaslr", "console=ttyS0 --",
])
def test_strange_command_lines(kernel, good_root, append):
    assert_booted(run(kernel, initrd=good_root, append=append))


# The initramfs

def hello_entries(built):
    return {"dev": newc.Dir(), "dev/console": newc.Char(5, 1),
            "init": newc.File(built("guest/hello").read_bytes(), 0o755)}


def test_truncated_archive(built, kernel, good_root):
    for size in (len(good_root) // 2, 300, 111, 100, 6, 5, 1):
        assert_says(run(kernel, initrd=good_root[:size]), "initramfs")


def test_garbage_as_archive(kernel):
    assert_says(run(kernel, initrd=b"\x5a" * 100000), "initramfs")


@pytest.mark.parametrize("name", ["../escape", "a/../../b", "..", "dev/..", "dev/../x"])
def test_names_with_dots(built, kernel, name):
    entries = hello_entries(built)
    entries[name] = newc.File(b"outside")
    assert_says(run(kernel, initrd=newc.pack(entries)), "initramfs")


@pytest.mark.parametrize("raw", [
    {"filesize": 0xffffffff}, {"filesize": 0x7fffffff}, {"namesize": 0xffffffff},
    {"namesize": 0}, {"namesize": 1}, {"filesize": b"zzzzzzzz"}, {"namesize": b"-0000001"},
    {"magic": b"070707"}, {"magic": b"000000"},
], ids=str)
def test_absurd_fields(built, kernel, raw):
    entries = hello_entries(built)
    entries["bad"] = newc.File(b"data", raw=raw)
    assert_says(run(kernel, initrd=newc.pack(entries)), "initramfs")


def test_unknown_file_type(built, kernel):
    entries = hello_entries(built)
    entries["bad"] = newc.Entry(0o170644, b"data")
    result = run(kernel, initrd=newc.pack(entries))
    assert result.status in (0, 1), result
    assert "initramfs" in result.output.lower() or "hello from pid 1" in result.output, result


def test_strange_but_good_archives(built, kernel):
    """Leading slashes and dots, entries twice, hard links, devices, gaps: as Linux takes them."""
    hello = built("guest/hello").read_bytes()
    entries = {
        ".": newc.Dir(), "./dev": newc.Dir(), "/dev/console": newc.Char(5, 1),
        "first": newc.File(b"", 0o755, links=2, inode=77),
        "init": newc.File(hello, 0o755, links=2, inode=77),
        "empty": newc.File(b""), "fifo": newc.Entry(0o010644), "block": newc.Entry(0o060600, device=(8, 1)),
        "a" * 255: newc.File(b"x"),
    }
    assert_booted(run(kernel, initrd=newc.pack(entries)))
    one = {k: entries[k] for k in (".", "./dev", "/dev/console")}
    two = {"init": newc.File(hello, 0o755)}
    assert_booted(run(kernel, initrd=newc.pack(one) + b"\0" * 512 + newc.pack(two)))
    assert_booted(run(kernel, initrd=newc.pack({"init": newc.File(b"old", 0o755)}) + newc.pack(two)))


def test_archive_without_trailer(built, kernel):
    result = run(kernel, initrd=newc.pack(hello_entries(built), trailer=False))
    assert result.status in (0, 1), result
    assert "initramfs" in result.output.lower() or "hello from pid 1" in result.output, result


def test_archive_that_does_not_fit(built, kernel):
    """Made by the boot loader, then unpacked in place: no copy, so it boots, or says so."""
    entries = hello_entries(built)
    entries["big"] = newc.File(b"\0" * (20 << 20))
    result = run(kernel, initrd=newc.pack(entries), memory="32M")
    assert_booted(result)


def test_parent_is_a_file(built, kernel):
    entries = hello_entries(built)
    entries["file"] = newc.File(b"x")
    entries["file/below"] = newc.File(b"y")
    result = run(kernel, initrd=newc.pack(entries))
    assert result.status in (0, 1), result
    assert "initramfs" in result.output.lower() or "hello from pid 1" in result.output, result


# Programs

HEADER_FIELDS = [  # offset, size, wrong values
    (4, 1, [0, 1, 3]), (5, 1, [0, 2]), (16, 2, [0, 1, 4, 0xffff]), (18, 2, [0, 3, 183]),
    (24, 8, [0, 1, 0xffff800000000000, 2**64 - 1]), (32, 8, [1, 2**40, 2**64 - 1]),
    (54, 2, [0, 32, 55, 57, 0xffff]), (56, 2, [0, 0xffff]),
]
SEGMENT_FIELDS = [
    (8, 8, [1, 2**40, 2**64 - 1]), (16, 8, [0xffff800000000000, 2**64 - 4096, 7]),
    (32, 8, [2**40, 2**64 - 1]), (40, 8, [0, 2**47, 2**64 - 1]), (48, 8, [3, 2**63]),
]


def mutations(elf):
    """The program with every field of its headers wrong in turn."""
    def with_value(at, size, value):
        changed = bytearray(elf)
        changed[at:at + size] = (value & (1 << 8 * size) - 1).to_bytes(size, "little")
        return bytes(changed)

    for at, size, values in HEADER_FIELDS:
        for value in values:
            yield f"header+{at}={value:#x}", with_value(at, size, value)
    phoff, = struct.unpack_from("<Q", elf, 32)
    count, = struct.unpack_from("<H", elf, 56)
    for segment in range(count):
        start = phoff + 56 * segment
        if struct.unpack_from("<I", elf, start)[0] != 1:
            continue
        for at, size, values in SEGMENT_FIELDS:
            for value in values:
                yield f"segment{segment}+{at}={value:#x}", with_value(start + at, size, value)


def test_programs_with_wrong_headers(built, kernel):
    """All in one machine: each must end somehow (error, signal, exit), and the kernel go on."""
    elf = built("guest/leave").read_bytes()
    files, names = {}, []
    for number, (what, data) in enumerate(mutations(elf)):
        names.append(f"/bad/{number}")
        files[f"bad/{number}"] = newc.File(data, 0o755)
    files["list"] = newc.File("".join(n + "\n" for n in names).encode())
    initrd = newc.root(built("abi/runner").read_bytes(), files)
    result = run(kernel, initrd=initrd, append="console=ttyS0 quiet")
    assert result.status == 0 and "@@ done" in result.output, result
    assert result.output.count("@@ end ") == len(names), result
