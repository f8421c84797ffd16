# SPDX-License-Identifier: BSD-2-Clause
"""The part `doors` of bench/run.py: what each door costs.

Counted is what is ours: from the first instruction of the door's code (found by its bytes, wherever it
was loaded) to the loader's jump into the kernel, and on to the end of hello's output. What the firmware
does on our behalf in between (BIOS calls, boot services) is counted apart, and interrupts with it; by the
BIOS that is all code from 0xa0000 to 0xfffff, by UEFI all that is not the image's.
"""
import pathlib
import re
import struct
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[1:1] = [str(ROOT / "test" / "lib"), str(ROOT / "test" / "boot")]
import bios_disk  # noqa: E402
import doors_util  # noqa: E402
import fat_image  # noqa: E402
import newc  # noqa: E402
import qemu  # noqa: E402

BUILD = ROOT / "build"
B = BUILD / "x86_64"
ELF, BZIMAGE = B / "alba.elf", B / "alba.bzImage"
ALBA_SYMBOLS, IMAGE_SYMBOLS, SETUP_SYMBOLS = B / "b/alba.sym.elf", B / "b/image.elf", B / "b/setup.elf"
CPU = "max,erms=off,fsrm=off"
ICOUNT = ["-icount", "shift=0,sleep=off", "-rtc", "base=2026-01-01T00:00:00,clock=vm", "-seed", "1"]
DONE = 3
BIOS = "not=0xa0000:0x100000"
WORDS = "console=ttyS0"
FIRMWARE = "/usr/share/OVMF/OVMF_{}_4M.fd"


def symbol(elf, name):
    for line in subprocess.run(["nm", elf], capture_output=True, text=True, check=True).stdout.split("\n"):
        words = line.split()
        if len(words) == 3 and words[2] == name:
            return int(words[0], 16)
    raise SystemExit(f"bench: {elf} has no {name}")


def code(elf, name, size=16):
    """The first bytes of a function, in hexadecimal."""
    data, at = elf.read_bytes(), symbol(elf, name)
    wide = data[4] == 2
    phoff, = struct.unpack_from("<Q" if wide else "<I", data, 32 if wide else 28)
    step, count = struct.unpack_from("<HH", data, 54 if wide else 42)
    for ph in range(phoff, phoff + step * count, step):
        offset, vaddr, length = struct.unpack_from("<8xQQ8xQ" if wide else "<4xII4xI", data, ph)
        if data[ph] == 1 and vaddr <= at < vaddr + length:
            return data[offset + at - vaddr:][:size].hex()
    raise SystemExit(f"bench: {name} is in no segment of {elf}")


def measure(machine, entry, *more):
    """(instructions to the jump, the firmware's among them, instructions to the end of hello)."""
    arguments = ",".join([f"{BUILD}/bench/count.so", f"entry={entry}", f"stop={DONE}",
                          f"jump={code(IMAGE_SYMBOLS, 'machine_enter', 12)}", *more])
    with tempfile.TemporaryDirectory(prefix="alba-bench-") as folder:
        log = pathlib.Path(folder) / "log"
        machine.command += [*ICOUNT, "-D", str(log), "-d", "plugin", "-plugin", arguments]
        result = machine.run(600)
        text = log.read_text(errors="replace") if log.exists() else ""
    jump = re.search(r"^count jump 0 (\d+) \d+ (\d+)$", text, re.M)
    done = re.search(rf"^count mark {DONE} (\d+) ", text, re.M)
    if not jump or not done:
        print("  " + str(result).replace("\n", "\n  "))
        return None, None, None
    return int(jump[1]), int(jump[2]), int(done[1])


def hello():
    return newc.root((BUILD / "bench/hello").read_bytes())


def machine(kernel=None, **options):
    return qemu.Machine(kernel, **{"memory": "64M", "cpu": CPU, **options})


def from_qemu(image, kind="microvm"):
    return machine(image, machine=kind, initrd=hello(), append=WORDS)


def from_disk(folder):
    """A disk as `alba image` makes it, but with hello as PID 1."""
    config = bios_disk.config(initrd="/alba/initrd.img", cmdline=WORDS)
    files = {"alba/alba.cfg": config, "alba/kernel.img": BZIMAGE.read_bytes(), "alba/initrd.img": hello()}
    disk = pathlib.Path(folder) / "disk"
    disk.write_bytes(bios_disk.disk((B / "bios-sector.bin").read_bytes(),
                                    (B / "bios-manager.bin").read_bytes(),
                                    bytes(fat_image.Fat(files, cluster_sectors=4).data)))
    return machine(machine="pc", extra=["-drive", f"file={disk},format=raw"])


def from_grub(image, command, initrd, folder):
    iso = doors_util.grub_iso(pathlib.Path(folder), image.read_bytes(), hello(),
                              f"{command} /boot/alba {WORDS}\n{initrd} /boot/initrd")
    return machine(machine="pc", extra=["-vga", "std", "-cdrom", str(iso)])


def by_hand_64(folder):
    doors_util.build_shim()
    shim = doors_util.linux_shim(image=BZIMAGE.read_bytes(), wide=True, cpu=CPU, patch=[
        (0x228, "I", doors_util.BLOBS + 0x20000), (0x218, "I", doors_util.INITRD),
        (0x21c, "I", len(hello()))], blobs=[(doors_util.BLOBS + 0x20000, WORDS.encode() + b"\0"),
                                            (doors_util.INITRD, hello())])
    return shim.ready()


def from_uefi():
    drives = ["-drive", f"if=pflash,format=raw,readonly=on,file={FIRMWARE.format('CODE')}",
              "-drive", f"if=pflash,format=raw,snapshot=on,file={FIRMWARE.format('VARS')}"]
    return machine(BZIMAGE, machine="q35", memory="256M", initrd=hello(), append=WORDS, extra=drives)


def in_image(name):
    """For UEFI's image, which lies anywhere."""
    return f"image={symbol(IMAGE_SYMBOLS, name):#x}:{symbol(IMAGE_SYMBOLS, 'image_end'):#x}"


def objects(*folders):
    """Bytes of code and constant data in the objects of these folders."""
    files = [path for folder in folders for path in (B / "b" / folder).glob("*.o")]
    lines = subprocess.run(["size", *files], capture_output=True, text=True, check=True).stdout.split("\n")
    return sum(sum(map(int, line.split()[:2])) for line in lines[1:] if line)


def doors(folder):
    """(name, machine, arguments of the plugin, budget to the jump and to hello)."""
    def place(name):
        path = pathlib.Path(folder) / name
        path.mkdir()
        return path

    setup = code(SETUP_SYMBOLS, "start_of_setup")
    linux32 = code(IMAGE_SYMBOLS, "linux_entry32")
    multiboot = code(ALBA_SYMBOLS, "multiboot_entry")
    yield "BIOS disk (IDE)", from_disk(folder), ["0x7c00", BIOS], 5_000_000
    yield "PVH (QEMU, microvm)", from_qemu(ELF), [code(ALBA_SYMBOLS, "pvh_entry")], 600_000
    yield "PVH (QEMU, q35)", from_qemu(ELF, "q35"), [code(ALBA_SYMBOLS, "pvh_entry")], 600_000
    yield ("Multiboot 1 (GRUB)", from_grub(ELF, "multiboot", "module", place("1")), [multiboot, BIOS],
           600_000)
    yield ("Multiboot 2 (GRUB)", from_grub(ELF, "multiboot2", "module2", place("2")), [multiboot, BIOS],
           600_000)
    yield "bzImage, real mode (QEMU)", from_qemu(BZIMAGE, "pc"), [setup, BIOS], 3_000_000
    yield ("bzImage, real mode (GRUB linux16)",
           from_grub(BZIMAGE, "linux16", "initrd16", place("16")), [setup, BIOS], 3_000_000)
    yield ("bzImage, 32 bits (GRUB linux)", from_grub(BZIMAGE, "linux", "initrd", place("32")),
           [linux32, BIOS], 3_000_000)
    yield "bzImage, 64 bits (by hand)", by_hand_64(folder), ["0x100200"], 3_000_000
    yield "UEFI (OVMF)", from_uefi(), [code(IMAGE_SYMBOLS, "efi_entry"), in_image("efi_entry")], 3_000_000


def bench(row, title):
    title("Doors: instructions of ours to the loader's jump, and to the end of hello's output (1 CPU)")
    with tempfile.TemporaryDirectory(prefix="alba-bench-") as folder:
        for name, booted, arguments, budget in doors(folder):
            jump, firmware, done = measure(booted, *arguments)
            row(name, jump, budget, "to the jump")
            row("", done, budget, "to hello")
            if firmware:
                print(f"    (and {firmware:,} of the firmware's, at our request or by interrupts)")
    for name, size, budget in (
            ("BIOS, boot sector", (B / "bios-sector.bin").stat().st_size, 512),
            ("BIOS, boot manager", (B / "bios-manager.bin").stat().st_size, 65024),
            ("PVH", objects("boot/door/pvh"), 1024),
            ("Multiboot 1 and 2", objects("boot/door/multiboot"), 4096),
            ("Linux, real mode", (B / "b/setup.bin").stat().st_size, 10240),
            ("Linux, 32 and 64 bits", objects("boot/door/linux"), 3072),
            ("UEFI", objects("boot/door/efi"), 12288)):
        row(f"{name}: bytes of code", size, budget, "bytes")
