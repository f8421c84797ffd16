# SPDX-License-Identifier: BSD-2-Clause
"""What the tests of doors and loader share: the report kernel in images of its own, its answers
taken apart, and machines that enter an image with parameters made by hand (shim/shim.S)."""
import pathlib
import re
import socket
import struct
import subprocess

import once
import qemu

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
OUT = ROOT / "build" / "report"
PARAMETERS = 0x2810000  # shim.S
LA57 = 2                # the mode in which it uses 5-level paging
BLOBS = 0x2900000       # where tests put what they make
INITRD = 0x3800000
IMAGE = 0x100000
DOOR_LINUX16, DOOR_LINUX32, DOOR_LINUX64, DOOR_PVH, DOOR_MULTIBOOT1, DOOR_MULTIBOOT2 = range(1, 7)
FLAGS = """-std=gnu17 -O2 -I. -ffreestanding -fno-strict-aliasing -mno-red-zone -mgeneral-regs-only
    -fcf-protection=none -fPIE -fvisibility=hidden -fno-stack-protector -Wall -Wextra -Werror
    -fno-asynchronous-unwind-tables -ftls-model=local-exec -nostdlib""".split()


def run(*command):
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600,
                          stdin=subprocess.DEVNULL)
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"


def set_relro(path):
    """Makes the last program header a PT_GNU_RELRO over the first page of the data segment."""
    elf = bytearray(path.read_bytes())
    table = struct.unpack_from("<Q", elf, 32)[0]
    vaddr = struct.unpack_from("<Q", elf, table + 2 * 56 + 16)[0]
    offset = struct.unpack_from("<Q", elf, table + 2 * 56 + 8)[0]
    struct.pack_into("<IIQQQQQQ", elf, table + 5 * 56, 0x6474e552, 4, offset, vaddr, vaddr, 0x1000,
                     0x1000, 1)
    path.write_bytes(elf)


def build():
    """The images with the report kernel, and the shim, under build/report."""
    with once.lock(OUT):
        build_images()
        make_shim()
    return OUT


def build_images():
    here = pathlib.Path(__file__).resolve().parent
    new = OUT / "kernel.new"
    run("gcc", *FLAGS, "-Wl,-pie,--no-dynamic-linker,-z,pack-relative-relocs,-z,text",
        "-Wl,-z,max-page-size=4096,-z,noexecstack,--build-id=none", "-Wl,--no-warn-rwx-segments",
        "-T", here / "report" / "report.lds", "-o", new, here / "report" / "report.c",
        "lib/format.c", "lib/string.c", "lib/mem.c")
    set_relro(new)
    kernel = OUT / "kernel.elf"
    if once.replace(new, kernel):
        for old in OUT.glob("b/payload_*"):  # for make -o, the kernel is never newer
            old.unlink()
    run("make", "-s", f"B={OUT.relative_to(ROOT)}", "-o", kernel.relative_to(ROOT),
        OUT.relative_to(ROOT) / "alba.elf", OUT.relative_to(ROOT) / "alba.bzImage",
        OUT.relative_to(ROOT) / "kernel.sha256")


def make_shim():
    here = pathlib.Path(__file__).resolve().parent
    new = OUT / "shim.new"
    run("gcc", "-nostdlib", "-static", "-no-pie", "-Wl,-Ttext=0x2800000,--build-id=none",
        "-o", new, here / "shim" / "shim.S")
    once.replace(new, OUT / "shim.elf")


def build_shim():
    with once.lock(OUT):
        make_shim()


def grub_iso(directory, kernel, initrd, menu, *, platform="i386-pc"):
    """An ISO image whose GRUB runs the menu's commands with /boot/alba and /boot/initrd."""
    tree = directory / "tree"
    (tree / "boot" / "grub").mkdir(parents=True)
    (tree / "boot" / "alba").write_bytes(kernel)
    (tree / "boot" / "initrd").write_bytes(initrd)
    (tree / "boot" / "grub" / "grub.cfg").write_text(
        f"set timeout=0\nmenuentry alba {{\n{menu}\n}}\n")
    modules = "linux multiboot multiboot2 iso9660 normal configfile test "
    modules += {"i386-pc": "linux16 biosdisk", "x86_64-efi": "efi_gop"}[platform]
    iso = directory / "grub.iso"
    run("grub-mkrescue", "-d", f"/usr/lib/grub/{platform}", "-o", iso, "--compress=no", "--locales=",
        "--fonts=", "--themes=",
        f"--install-modules={modules}", tree)
    return iso


class Report:
    """The report kernel's lines; `ranges` as (type, start, size), `cpus` as dicts."""

    def __init__(self, result):
        self.result = result
        self.text = result.output
        assert "end of report" in self.text, str(result)
        self.door = int(self.find(r"door (\d+)")[1])
        self.rsdp = int(self.find(r"rsdp (\S+)")[1], 0)
        self.cmdline_size, self.cmdline = self.find(r"^cmdline (\d+) (.*)$").groups()
        self.initrd, self.initrd_size, self.initrd_text = \
            self.find(r"^initrd (\S+) (\d+) ?(.*)$").groups()
        self.ranges = [(t, int(s, 0), int(n, 0)) for t, s, n in
                       re.findall(r"^range (\w+) (\w+) (\w+)$", self.text, re.M)]
        self.cpus = re.findall(r"^cpu (\d+) flags (\d+) (.*)$", self.text, re.M)
        self.kernel, self.slide = (int(x, 0) for x in
                                   self.find(r"^kernel (\S+) slide (\S+)$").groups())

    def find(self, pattern):
        match = re.search(pattern, self.text, re.M)
        assert match, f"no {pattern!r} in\n{self.text}"
        return match

    def total(self, *types):
        return sum(size for kind, _, size in self.ranges if kind in types)

    def check(self):
        """What must hold after every boot, whatever the door."""
        assert "BAD" not in self.text and "HOLES" not in self.text, self.text
        self.find(r"^direct-map whole rw-$")
        self.find(r"^rights text r-x rodata r-- relro r-- data rw- bss rw-$")
        self.find(r"^writable-code 0$")
        self.find(r"^entry stack good thread-pointer good$")
        for (_, flags, rest), boot in zip(self.cpus, [True] + [False] * len(self.cpus)):
            assert int(flags) == (3 if boot else 2)
            assert rest == "block good stack rw- guard ---"
        end = 0
        for kind, start, size in self.ranges:
            assert start >= end and size > 0, self.text
            assert start % 4096 == 0 and size % 4096 == 0, self.text
            end = start + size
        initrd, size = int(self.initrd, 0), int(self.initrd_size)
        assert size == 0 or any(kind == "initrd" and start <= initrd and initrd + size <= start + length
                                for kind, start, length in self.ranges), self.text
        assert 0xffffffff80000000 <= self.kernel < 0xffffffffc0000000
        assert self.kernel - self.slide == 0xffffffff80000000
        return self


class Shim:
    """A machine whose image is entered by the shim; `put` places bytes in its memory first."""

    def __init__(self, entry, *, wide=False, memory="64M", cpu="max", smp=1):
        self.machine = qemu.Machine(OUT / "shim.elf", machine="microvm,acpi=off", memory=memory,
                                    cpu=cpu, smp=smp)
        self.count = 0
        self.argument = BLOBS
        self.magic = 0  # in EAX
        self.mode = (int(wide), entry)

    def put(self, address, data):
        self.count += 1
        path = self.machine._path(f"blob{self.count}", data)
        self.machine.command += ["-device", f"loader,file={path},addr={address:#x},force-raw=on"]

    def ready(self):
        """The machine, which can be run."""
        wide, entry = self.mode
        self.put(PARAMETERS, struct.pack("<6I", wide, entry & 0xffffffff, self.argument & 0xffffffff,
                                         self.magic, entry >> 32, self.argument >> 32))
        return self.machine

    def run(self):
        return self.ready().run()


def elf_shim(image, blobs=(), **options):
    """A shim that enters alba.elf, or another image, where its ELF header says."""
    shim = Shim(struct.unpack_from("<Q", image.read_bytes(), 24)[0], **options)
    shim.machine.command += ["-device", f"loader,file={image}"]
    for address, data in blobs:
        shim.put(address, data)
    return shim


def multiboot(version, information, *, at=BLOBS, magic=None, blobs=(), **options):
    """A Multiboot start of the report kernel with these bytes as the information."""
    shim = elf_shim(OUT / "alba.elf", blobs, **options)
    shim.magic = magic if magic is not None else {1: 0x2badb002, 2: 0x36d76289}[version]
    shim.argument = at
    shim.put(BLOBS, information)
    return shim.run()


def pvh(start_info=None, *, memmap=None, version=1, entries=None, cmdline=b"", cmdline_at=None,
        modules=None, module_count=None, initrd=None, rsdp=0, magic=0x336ec578, memmap_at=None,
        modules_at=None, image=None, blobs=(), **options):
    """A PVH start of the report kernel, or another image, with this start info."""
    shim = elf_shim(image or OUT / "alba.elf", blobs, **options)
    if memmap is None:
        memmap = [(0, 0x9fc00, 1), (0x100000, 0x3f00000, 1)]
    table = b"".join(struct.pack("<QQII", *entry_, 0) for entry_ in memmap)
    if initrd is not None:
        shim.put(INITRD, initrd)
        modules = [(INITRD, len(initrd))]
    modules = modules or []
    info = struct.pack("<IIIIQQQQII", magic, version, 0,
                       len(modules) if module_count is None else module_count,
                       BLOBS + 0x1000 if modules_at is None else modules_at,
                       (BLOBS + 0x20000 if cmdline else 0) if cmdline_at is None else cmdline_at,
                       rsdp, BLOBS + 0x2000 if memmap_at is None else memmap_at,
                       len(memmap) if entries is None else entries, 0)
    shim.put(BLOBS, start_info or info)
    if modules:
        shim.put(BLOBS + 0x1000, b"".join(struct.pack("<QQQQ", *m, 0, 0) for m in modules))
    if table:
        shim.put(BLOBS + 0x2000, table)
    if cmdline:
        shim.put(BLOBS + 0x20000, cmdline + b"\0")
    return shim.run()


def zero_page(header, *, e820=((0, 0x9fc00, 1), (0x100000, 0x3f00000, 1)), patch=()):
    """A zero page around the setup header of a bzImage; patch: (offset, format, value)..."""
    page = bytearray(4096)
    page[0x1f1:0x1f1 + len(header)] = header
    page[0x1e8] = len(e820)
    for i, (start, size, kind) in enumerate(e820):
        struct.pack_into("<QQI", page, 0x2d0 + 20 * i, start, size, kind)
    for offset, form, value in patch:
        struct.pack_into("<" + form, page, offset, value)
    return bytes(page)


def linux(**options):
    """A Linux-protocol start of the report kernel, or another: by its entry for 32 bits, for 64
    (wide=True), or for 64 with 5-level paging (wide=LA57)."""
    return linux_shim(**options).run()


def linux_shim(*, wide=False, at=IMAGE, patch=(), e820=None, blobs=(), page_at=BLOBS, image=None,
               **options):
    """A machine that enters the image of the report kernel, or another's bytes, loaded at `at`."""
    image = image or (OUT / "alba.bzImage").read_bytes()
    setup = (image[0x1f1] + 1) * 512
    header = image[0x1f1:0x202 + image[0x201]]
    shim = Shim(at + (0x200 if wide else 0), wide=wide, **options)
    shim.put(at, image[setup:])
    more = {} if e820 is None else {"e820": e820}
    shim.argument = page_at
    shim.put(page_at, zero_page(header, patch=patch, **more))
    for address, data in blobs:
        shim.put(address, data)
    return shim


def assemble(source, at, directory):
    """16-bit code that is to lie at `at` in segment 0."""
    path = directory / "code"
    path.with_suffix(".S").write_text(f".code16\n{source}\n")
    run("gcc", "-m16", "-nostdlib", "-static", "-no-pie", f"-Wl,-Ttext={at:#x},--build-id=none",
        "-Wl,--oformat=binary,-e,0", "-o", path, path.with_suffix(".S"))
    return path.read_bytes()


def real_mode(**options):
    """The 16-bit entry as a boot sector of ours enters it."""
    return real_mode_machine(**options).run()


def real_mode_machine(*, segment=0x1000, stack=(0x1000, 0xf000), header=(), blobs=(), a20=True,
                      int15=None, **options):
    """A boot sector that loads the image and enters it: with any stack, any header, A20 shut, and
    code at 0x600 in place of int 15h, which finds the BIOS's own by the far pointer at 0x5fc."""
    image = bytearray((OUT / "alba.bzImage").read_bytes())
    setup = (image[0x1f1] + 1) * 512
    for offset, form, value in header:
        struct.pack_into("<" + form, image, offset, value)
    # The BIOS scribbles over low memory as it starts: what belongs there comes from the disk.
    disk, code, packets = b"", b"\x31\xc0\x8e\xd8\x8e\xd0\xbc\x00\x7c", b""  # ds = ss = 0; sp
    if int15 is not None:
        blobs = [*blobs, (0x600, int15)]
    for address, data in [(segment << 4, bytes(image[:setup])), *blobs]:
        sectors = (len(data) + 511) // 512
        code += b"\xbe" + struct.pack("<H", 0x7d00 + len(packets))  # si: the packet
        code += b"\xb4\x42\xb2\x80\xcd\x13"                        # int 13h, extended read
        packets += struct.pack("<HHHHQ", 16, sectors, 0, address >> 4, 1 + len(disk) // 512)
        disk += data + bytes(-len(data) % 512)
    if int15 is not None:
        code += b"\x66\xa1\x54\0\x66\xa3\xfc\5"        # the vector of int 15h: kept at 0x5fc,
        code += b"\x66\xb8\0\6\0\0\x66\xa3\x54\0"      # and set to 0:0x600
    code += b"\xfa\xb8" + struct.pack("<H", segment) + b"\x8e\xd8\x8e\xc0"  # cli; ds, es
    if not a20:
        code += b"\xe4\x92\x24\xfc\xe6\x92"                    # port 92: A20 shut
    code += b"\xb8" + struct.pack("<H", stack[0]) + b"\x8e\xd0"  # ss
    code += b"\xbc" + struct.pack("<H", stack[1])                 # sp
    code += b"\xea" + struct.pack("<HH", 0, segment + 0x20)       # ljmp
    sector = (code + bytes(256 - len(code)) + packets).ljust(510, b"\0") + b"\x55\xaa"
    machine = qemu.Machine(machine="pc", **options)
    path = machine._path("disk", sector + disk + bytes(1 << 20))
    machine.command += ["-drive", f"format=raw,file={path}"]
    path = machine._path("image", bytes(image[setup:]))
    machine.command += ["-device", f"loader,file={path},addr={IMAGE:#x},force-raw=on"]
    return machine


def text_on_screen(machine, pattern, directory):
    """Runs a machine that has a VGA until the pattern comes over its serial line, then reads what
    stands on its screen in text mode."""
    monitor, screen = directory / "monitor", directory / "screen"
    machine.command += ["-vga", "std", "-monitor", f"unix:{monitor},server=on,wait=off"]
    with machine:
        machine.expect(pattern)
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(qemu.HANG)
            sock.connect(str(monitor))
            sock.sendall(f"pmemsave 0xb8000 4000 \"{screen}\"\nquit\n".encode())
            said = b""
            while more := sock.recv(4096):
                said += more
        machine.wait()
    assert screen.exists(), said.decode(errors="replace")
    text = screen.read_bytes()[::2].decode(errors="replace")
    return "\n".join(text[i:i + 80].rstrip() for i in range(0, len(text), 80))
