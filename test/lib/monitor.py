# SPDX-License-Identifier: BSD-2-Clause
"""Asks QEMU's monitor where each CPU of a machine is, for machines that hang. The machine must have
been started with options() and, for names of functions, with nokaslr."""
import bisect
import re
import socket
import subprocess

WORDS = 96  # of a stack that are looked at


def options(path):
    return ["-monitor", f"unix:{path},server=on,wait=off"]


class Symbols:
    def __init__(self, elf):
        lines = subprocess.run(["nm", "-n", elf], capture_output=True, text=True, check=True).stdout
        triples = [line.split() for line in lines.splitlines()]
        self.names = [(int(words[0], 16), words[2]) for words in triples if words[1] in "tT"]
        self.starts = [start for start, _ in self.names]

    def name(self, address):
        at = bisect.bisect_right(self.starts, address) - 1
        if at < 0 or address - self.starts[at] > 0x4000:
            return f"{address:#x}"
        return f"{self.names[at][1]}+{address - self.starts[at]:#x}"


class Monitor:
    def __init__(self, path):
        self.talk = socket.socket(socket.AF_UNIX)
        self.talk.settimeout(20)
        self.talk.connect(str(path))
        self._answer()

    def _answer(self):
        said = b""
        while not said.endswith(b"(qemu) "):
            more = self.talk.recv(65536)
            if not more:
                break
            said += more
        return said.decode(errors="replace").replace("\r", "")

    def ask(self, line):
        self.talk.sendall(line.encode() + b"\n")
        return self._answer()

    def words(self, address, count):
        found = re.findall(r"0x([0-9a-f]{16})", self.ask(f"x /{count}gx {address:#x}"))
        return [int(word, 16) for word in found]


def register(text, name):
    return int(re.search(rf"\b{name}=([0-9a-f]+)", text).group(1), 16)


def trace(monitor, symbols, text):
    """What lies on the stack of the chosen CPU and is an address of code: a back trace, and some that
    are left over from earlier calls."""
    names = [symbols.name(word) for word in monitor.words(register(text, "RSP"), WORDS)]
    return ["    " + name for name in names if not name.startswith("0x")]


def places(path, elf):
    """Where each CPU is, as text."""
    monitor, symbols = Monitor(path), Symbols(elf)
    monitor.ask("stop")
    lines = []
    for number in re.findall(r"CPU #(\d+)", monitor.ask("info cpus")):
        monitor.ask(f"cpu {number}")
        text = monitor.ask("info registers")
        address = register(text, "RIP")
        lines.append(f"cpu {number}: {symbols.name(address)} CR3 {register(text, 'CR3'):#x} RFL "
                     f"{register(text, 'RFL'):#x} HLT {register(text, 'HLT')}")
        if address >> 47:
            lines += trace(monitor, symbols, text)
    return "\n".join(lines) + "\n"
