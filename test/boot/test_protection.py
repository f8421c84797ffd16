# SPDX-License-Identifier: BSD-2-Clause
"""What the page tables allow, walked from outside while a program runs; and what the kernel says
when it fails itself. The machine's memory is a file that the test reads, and pokes.
"""
import json
import mmap
import re
import socket
import subprocess

import newc
import pytest
import qemu

PRESENT, WRITE, USER, LARGE, NX = 1, 2, 4, 1 << 7, 1 << 63
ADDRESS = 0x000ffffffffff000
CR0_WP, CR4_UMIP, CR4_SMEP, CR4_SMAP = 1 << 16, 1 << 11, 1 << 20, 1 << 21
CR4_PGE, CR4_PCIDE = 1 << 7, 1 << 17
MEMORY = 64 << 20


class Watched(qemu.Machine):
    """A machine with 64 MiB whose memory and registers can be looked at."""

    def __init__(self, tmp_path, kernel, words="", **options):
        self.ram_path = tmp_path / "ram"
        self.qmp_path = tmp_path / "qmp"
        extra = ["-object", f"memory-backend-file,id=ram,size=64M,mem-path={self.ram_path},share=on",
                 "-qmp", f"unix:{self.qmp_path},server=on,wait=off"]
        super().__init__(kernel, memory="64M", machine="microvm,memory-backend=ram", extra=extra,
                         append=f"console=ttyS0 nokaslr {words}", **options)

    def monitor(self, line):
        """The answer to a command of QEMU's monitor; the machine stands still afterwards."""
        with socket.socket(socket.AF_UNIX) as s:
            s.connect(str(self.qmp_path))
            f = s.makefile("rw")
            f.readline()
            for command in ({"execute": "qmp_capabilities"}, {"execute": "stop"},
                            {"execute": "human-monitor-command",
                             "arguments": {"command-line": line}}):
                f.write(json.dumps(command) + "\n")
                f.flush()
                while True:
                    answer = json.loads(f.readline())
                    if "return" in answer or "error" in answer:
                        break
            return answer["return"]

    def resume(self):
        self.monitor("cont")

    def registers(self):
        text = self.monitor("info registers")
        return {name: int(value, 16) for name, value in re.findall(r"(CR\d)=([0-9a-f]+)", text)}

    def ram(self):
        with open(self.ram_path, "r+b") as f:
            return mmap.mmap(f.fileno(), MEMORY)


def leaves(ram, table, level=4, base=0, rights=WRITE | USER, no_exec=0):
    """(virtual address, size, physical address, flags) of everything that is mapped."""
    for index in range(512):
        at = table + 8 * index
        entry = int.from_bytes(ram[at:at + 8], "little")
        if not entry & PRESENT:
            continue
        address = base | index << (12 + 9 * (level - 1))
        if level == 4 and index >= 256:
            address |= 0xffff << 48
        below, never = rights & entry, no_exec | entry & NX
        if level == 1 or entry & LARGE:
            size = 1 << (12 + 9 * (level - 1))
            yield address, size, entry & ADDRESS & ~(size - 1), below | never
        else:
            yield from leaves(ram, entry & ADDRESS, level - 1, address, below, never)


@pytest.fixture
def machine(built, tmp_path):
    initrd = newc.root(built("guest/order").read_bytes())
    with Watched(tmp_path, built("x86_64/alba.elf"), initrd=initrd) as watched:
        watched.expect("^ready$")
        yield watched


def test_page_tables(machine):
    registers = machine.registers()
    assert registers["CR0"] & CR0_WP
    for bit in (CR4_SMEP, CR4_SMAP, CR4_UMIP):
        assert registers["CR4"] & bit
    ram = machine.ram()
    executable = 0
    for address, size, _, flags in leaves(ram, registers["CR3"] & ADDRESS):
        where = f"{address:#x} ({size:#x} bytes)"
        assert flags & NX or not flags & WRITE, f"{where} is writable and executable"
        kernel_half = address >= 1 << 63
        assert kernel_half or flags & USER, f"{where} is the kernel's, in the user half"
        assert not (kernel_half and flags & USER), f"{where} is open to programs"
        executable += kernel_half and not flags & NX
        assert address >= 4096 or kernel_half, "page 0 is mapped"
    assert executable > 0


def test_nothing_of_the_kernel_text_is_writable_elsewhere(machine):
    """The direct map shows the kernel's code too, but not for writing."""
    ram = machine.ram()
    cr3 = machine.registers()["CR3"] & ADDRESS
    code, writable = set(), set()
    for address, size, physical, flags in leaves(ram, cr3):
        pages = range(physical, min(physical + size, MEMORY), 4096)
        if address >= 1 << 63 and not flags & NX:
            code.update(pages)
        elif flags & WRITE:
            writable.update(pages)
    assert not code & writable


def in_program(machine):
    """Stops the machine while it runs the program: registers, which say so."""
    while True:
        text = machine.monitor("info registers")
        if "CPL=3" in text:
            return {name: int(value, 16) for name, value in re.findall(r"(CR\d)=([0-9a-f]+)", text)}
        machine.resume()


@pytest.mark.parametrize("cpu,words,isolated", [
    ("max", "", False), ("max", "pti=on", True), ("Haswell", "", True), ("Haswell", "nopti", False),
    ("Haswell", "mitigations=off", False)])
def test_isolation(built, tmp_path, cpu, words, isolated):
    """With page-table isolation, a program's tables show nothing of the kernel but its entries."""
    initrd = newc.root(built("guest/spin").read_bytes())
    with Watched(tmp_path, built("x86_64/alba.elf"), words, initrd=initrd, cpu=cpu) as machine:
        machine.expect("^ready$")
        registers = in_program(machine)
        ram = machine.ram()
        pages = list(leaves(ram, registers["CR3"] & ADDRESS))
        kernel = [page for page in pages if page[0] >= 1 << 63]
        assert len(pages) > len(kernel) > 0
        assert not any(flags & USER for _, _, _, flags in kernel)
        size = sum(size for _, size, _, _ in kernel)
        if not isolated:
            assert size >= MEMORY
            return
        # Two or three pages of entry.S, the gates, and a CPU's stacks, tables and control block.
        assert size <= 10 * 4096, [hex(page[0]) for page in kernel]
        assert all(flags & NX or not flags & WRITE for _, _, _, flags in kernel)
        assert not registers["CR4"] & (CR4_PGE | CR4_PCIDE)


def symbol(kernel, name):
    for line in subprocess.run(["nm", kernel], capture_output=True, text=True, check=True).stdout.splitlines():
        address, _, found = line.rpartition(" ")[0].split()[0], None, line.rpartition(" ")[2]
        if found == name:
            return int(address, 16)
    raise AssertionError(f"the kernel has no symbol {name}")


def poke(machine, kernel, name, code):
    """Writes code over the start of a kernel function that has not run yet."""
    target = symbol(kernel, name)
    ram = machine.ram()
    for address, size, physical, _ in leaves(ram, machine.registers()["CR3"] & ADDRESS):
        if address <= target < address + size:
            at = physical + target - address
            ram[at:at + len(code)] = code
            machine.resume()
            return
    raise AssertionError(f"{name} at {target:#x} is not mapped")


@pytest.mark.parametrize("code,what", [
    (b"\x0f\x0b", "invalid opcode"),                               # ud2
    (b"\x48\xc7\xc0\x30\x12\x00\x00\x48\x8b\x00", "0000000000001230"),  # mov $0x1230,%rax; mov (%rax),%rax
    (b"\x31\xc9\xf7\xf1", "divide"),                               # xor %ecx,%ecx; div %ecx
])
def test_kernel_fault(machine, built, code, what):
    poke(machine, built("x86_64/kernel.elf"), "linux_times", code)
    machine.send("call\n")
    result = machine.wait(60)
    assert result.status == 1, result
    text = result.output.lower()
    assert what in text, result
    assert "linux_times" in text, result
    assert "rip" in text and "rax" in text and "cr2" in text, result
    assert "syscall_entry" in text, result


def test_switch_off_after_a_look(machine):
    machine.registers()
    machine.resume()
    machine.send("off\n")
    assert machine.wait(60).status == 0
