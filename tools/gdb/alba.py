# SPDX-License-Identifier: BSD-2-Clause
"""gdb commands for a running Alba kernel: `make debug`, or `source tools/gdb/alba.py`.

    alba-relocate   where the kernel lies (KASLR): loads its symbols there
    alba-log        the kernel's log
    alba-timeline   stages and steps of the boot, with their costs
    alba-threads    all threads of programs: process, state, name
    alba-stack TID  where a thread sleeps in the kernel
    alba-walk ADDR  the page-table entries for an address
"""
import re

import gdb

KERNEL_ELF = "build/x86_64/kernel.elf"
CHUNK = 64  # of kernel/personality/linux/process/pid.c
PTE_BITS = ((0, "present"), (1, "write"), (2, "user"), (5, "accessed"), (6, "dirty"), (7, "large"),
            (8, "global"), (63, "nx"))


def value(expression):
    return gdb.parse_and_eval(expression)


def in_file(file, name):
    """A static variable, by the file that has it."""
    return value(f"'{file}'::{name}")


class Command(gdb.Command):
    def __init__(self):
        super().__init__("alba-" + self.name, gdb.COMMAND_USER)

    def invoke(self, argument, from_tty):
        self.run(argument)


class Relocate(Command):
    name = "relocate"

    def run(self, argument):
        """The IDT's address, which the processor knows, tells how far the kernel was moved."""
        text = gdb.execute("monitor info registers", to_string=True)
        idt = re.search(r"IDT=\s*([0-9a-f]+)", text)
        if not idt or int(idt.group(1), 16) < 0xffffffff80000000:
            print("the kernel has not been entered yet")
            return
        linked = int(in_file("kernel/arch/x86_64/cpu.c", "idt").address)
        slide = int(idt.group(1), 16) - linked
        gdb.execute("symbol-file")
        gdb.execute(f"symbol-file {KERNEL_ELF} -o {slide:#x}")
        print(f"the kernel is {slide:#x} above where it was linked")


class Log(Command):
    name = "log"

    def run(self, argument):
        file = "kernel/base/log.c"
        ring = in_file(file, "ring")
        size = ring.type.sizeof
        data = bytes(gdb.selected_inferior().read_memory(int(ring.address), size))
        at, head = int(in_file(file, "tail")), int(in_file(file, "head"))
        record = gdb.lookup_type("struct record").sizeof

        def piece(start, count):
            start %= size
            return (data + data)[start:start + count]

        while at < head:
            header = piece(at, record)
            ns, length = int.from_bytes(header[:8], "little"), int.from_bytes(header[8:10], "little")
            text = piece(at + record, length).decode(errors="replace")
            print(f"[{ns / 1e9:12.6f}] {text}")
            at += record + length


class Timeline(Command):
    name = "timeline"

    def run(self, argument):
        records = in_file("kernel/base/timeline.c", "records")
        more = in_file("kernel/base/timeline.c", "more")
        count = int(in_file("kernel/base/timeline.c", "claimed"))
        first = records.type.range()[1] + 1
        for i in range(min(count, first + int(in_file("kernel/base/timeline.c", "more_count")))):
            one = records[i] if i < first else more[i - first]
            if int(one["end"]):
                print(f"{int(one['start']):>16} {int(one['end']) - int(one['start']):>12} "
                      f"{int(one['cpu']):>3} {one['name'].string()}")


def linux_threads():
    """(tid, struct thread *) of every thread of a program."""
    chunks = in_file("kernel/personality/linux/process/pid.c", "chunks")
    for i in range(chunks.type.range()[1] + 1):
        for k in range(CHUNK if int(chunks[i]) else 0):
            linux = chunks[i][k]["thread"]
            if int(linux):
                yield i * CHUNK + k, linux["thread"]


class Threads(Command):
    name = "threads"

    def run(self, argument):
        for tid, thread in linux_threads():
            print(f"{tid:>6} {str(thread['state']):<18} {thread['name'].string():<16} "
                  f"{int(thread):#x}")


class Stack(Command):
    name = "stack"

    def run(self, argument):
        """Where a thread sleeps: the frame of the switch, then along the frame pointers."""
        thread = dict(linux_threads())[int(argument)]
        frame = thread["arch"]["kernel_sp"].cast(gdb.lookup_type("struct switch_frame").pointer())
        ip, frame_pointer = int(frame["rip"]), int(frame["rbp"])
        while ip > 0xffff << 48:
            symbol = gdb.execute(f"info symbol {ip:#x}", to_string=True).split(" in section")[0]
            print(f"  {ip:#x} {symbol}")
            if not frame_pointer > 0xffff << 48:
                break
            words = gdb.Value(frame_pointer).cast(gdb.lookup_type("long").pointer())
            ip, frame_pointer = int(words[1]) & (1 << 64) - 1, int(words[0]) & (1 << 64) - 1


class Walk(Command):
    name = "walk"

    def run(self, argument):
        address = int(value(argument)) & (1 << 64) - 1
        text = gdb.execute("monitor info registers", to_string=True)
        table = int(re.search(r"CR3=([0-9a-f]+)", text).group(1), 16) & ~0xfff
        for level in (4, 3, 2, 1):
            at = table + 8 * (address >> (12 + 9 * (level - 1)) & 511)
            line = gdb.execute(f"monitor xp/1gx {at:#x}", to_string=True)
            entry = int(line.split(":")[1], 16)
            rights = " ".join(name for bit, name in PTE_BITS if entry >> bit & 1)
            print(f"level {level}: {entry:#018x} {rights}")
            if not entry & 1 or level == 1 or entry & 0x80:
                return
            table = entry & 0x000ffffffffff000


for command in (Relocate, Log, Timeline, Threads, Stack, Walk):
    command()
