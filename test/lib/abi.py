# SPDX-License-Identifier: BSD-2-Clause
"""Runs the Linux ABI programs on the host and on Alba, and takes their output apart.

An outcome is {program: {case: text}}; the text of a case is everything the program said under its
"# case" heading. A program that ended the machine, or hung, loses its later cases ("" each), and
the machine is started again for the programs that follow.
"""
import os
import pathlib
import re
import select
import struct
import subprocess
import tempfile

import newc
import qemu

SOURCES = pathlib.Path(__file__).resolve().parent.parent / "linux"
KERNEL_LINE = re.compile(r"^(<\d>)?\[ *\d+\.\d+\] .*\n?", re.M)


def programs():
    return sorted(p.stem for p in SOURCES.glob("*.c") if p.stem != "runner")


def cases(program):
    """The names of a program's cases, from its source."""
    text = (SOURCES / f"{program}.c").read_text()
    for header in re.findall(r'#include "(test/linux/[a-z_]+\.h)"', text):
        if not header.endswith("check.h"):
            text += (SOURCES.parent.parent / header).read_text()
    if "cases: abi/linux.def" in text:
        table = (SOURCES.parent.parent / "abi" / "linux.def").read_text()
        skipped = set(re.findall(r"SKIP\((\w+)\)", text))
        calls = re.findall(r"^LINUX_(?:CALL|PARTIAL)\(\d+, (\w+),", table, re.M)
        return [n for n in calls if n not in skipped]
    return re.findall(r"\bENTRY\((?!name\))(\w+)\)", text)


def take_apart(output):
    """Outcome, and the name of a program that has begun but not ended, if there is one."""
    outcome, unfinished = {}, None
    for part in re.split(r"^@@ begin ", KERNEL_LINE.sub("", output), flags=re.M)[1:]:
        program, _, text = part.partition("\n")
        text, end, status = text.partition(f"@@ end {program} ")
        sections = re.split(r"^# (\w+)\n", text, flags=re.M)
        outcome[program] = dict(zip(sections[1::2], sections[2::2]))
        if end and not status.startswith("0\n"):
            outcome[program][""] = sections[0] + "ended with status " + status.split()[0]
        unfinished = None if end else program
    return outcome, unfinished


def on_host(build, names):
    """With a terminal as output, as on Alba's console."""
    as_root = [] if os.geteuid() == 0 else ["sudo"]
    with tempfile.TemporaryDirectory(prefix="alba-abi-", dir="/dev/shm") as work:
        os.chmod(work, 0o755)
        listing = pathlib.Path(work) / "list"
        listing.write_text("".join(f"{build / 'abi' / name}\n" for name in names))
        ours, theirs = os.openpty()
        runner = subprocess.Popen(as_root + [build / "abi" / "runner", listing, work],
                                  stdin=subprocess.DEVNULL, stdout=theirs, stderr=theirs)
        os.close(theirs)
        output = b""
        while not output.endswith(b"@@ done\r\n"):
            ready, _, _ = select.select([ours], [], [], 300)
            if not ready:
                runner.kill()
                raise AssertionError(f"hangs on the host: {output[-2000:]!r}")
            output += os.read(ours, 65536)
        runner.wait()
        os.close(ours)
        subprocess.run(as_root + ["rm", "-rf"] + [f"{work}/{name}" for name in names], check=False)
    return take_apart(output.decode(errors="replace").replace("\r", ""))[0]


def interpreter(program):
    """The path in the program's PT_INTERP segment, or None."""
    elf = pathlib.Path(program).read_bytes()
    phoff, = struct.unpack_from("<Q", elf, 32)
    size, count = struct.unpack_from("<HH", elf, 54)
    for at in range(phoff, phoff + size * count, size):
        if struct.unpack_from("<I", elf, at)[0] == 3:
            start, length = struct.unpack_from("<Q16xQ", elf, at + 8)
            return elf[start:start + length - 1].decode()
    return None


def libraries(program):
    """What a dynamic program needs at run time: {path: bytes}; nothing for a static one."""
    loader = interpreter(program)
    if loader is None:
        return {}
    paths = {loader}
    if "musl" not in loader:  # musl's interpreter is its library
        done = subprocess.run(["ldd", program], capture_output=True, text=True, check=True)
        paths.update(re.findall(r"(/\S+)(?= \(0x)", done.stdout))
    return {path.lstrip("/"): pathlib.Path(path).read_bytes() for path in sorted(paths)}


def on_alba(kernel, build, names, memory="256M", smp=1, **options):
    """Boots as often as needed; returns the outcome and a note for each program that broke off."""
    outcome, notes, left = {}, {}, list(names)
    words = options.pop("append", "")
    while left:
        files = {"list": newc.File("".join(f"/bin/{n}\n" for n in left).encode())}
        for name in left:
            program = build / "abi" / name
            files[f"bin/{name}"] = program.read_bytes()
            files.update(libraries(program))
        image = newc.root((build / "abi" / "runner").read_bytes(), files)
        result = qemu.Machine(kernel, initrd=image, append=f"console=ttyS0 quiet {words}",
                              memory=memory, smp=smp, **options).run(limit=300)
        seen, unfinished = take_apart(result.output)
        outcome.update(seen)
        if unfinished is None and all(n in seen for n in left):
            return outcome, notes
        culprit = unfinished or left[0]
        notes[culprit] = str(result)
        left = left[left.index(culprit) + 1:] if culprit in left else []
    return outcome, notes
