# SPDX-License-Identifier: BSD-2-Clause
"""Machines: starts QEMU, waits for what comes over the serial line, and says how it ended.

    result = Machine(kernel, initrd=bytes, append="console=ttyS0").run()
    assert result.status == 0 and "hello" in result.output

Waiting is for events only; limits are there to end hangs and are generous, because machines may be
slow. A panic ends QEMU with a failure status (pvpanic), power off with 0; so does a triple fault,
and therefore a test also looks for what the guest says last.
"""
import dataclasses
import os
import re
import select
import subprocess
import tempfile
import time

QEMU = "qemu-system-x86_64"
HANG = 120  # seconds without an end, or without output where output is awaited


@dataclasses.dataclass
class Result:
    status: int  # QEMU's exit status; None when it had to be killed
    output: str  # what came over the serial line, without carriage returns

    def __str__(self):
        how = "hung and was killed" if self.status is None else f"ended with {self.status}"
        return f"the machine {how}; its serial line said:\n{self.output[-8000:]}"


class Machine:
    def __init__(self, kernel=None, *, initrd=None, append="", machine="microvm", memory="64M",
                 smp=1, cpu="max", extra=(), panic_device=True):
        self.files = tempfile.TemporaryDirectory(prefix="alba-test-")
        command = [QEMU, "-M", machine, "-accel", "tcg", "-m", str(memory), "-smp", str(smp),
                   "-cpu", cpu, "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
                   "-serial", "stdio"]
        if panic_device:
            command += ["-device", "pvpanic", "-action", "panic=exit-failure"]
        if kernel is not None:
            command += ["-kernel", self._path("kernel", kernel)]
        if append:
            command += ["-append", append]
        if initrd is not None:
            command += ["-initrd", self._path("initrd", initrd)]
        self.command = command + list(extra)
        self.output = b""
        self.process = None

    def _path(self, name, what):
        """Bytes become a file; a path stays."""
        if not isinstance(what, (bytes, bytearray)):
            return str(what)
        path = os.path.join(self.files.name, name)
        with open(path, "wb") as f:
            f.write(what)
        return path

    def __enter__(self):
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        os.set_blocking(self.process.stdout.fileno(), False)
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()
        self.files.cleanup()

    def text(self):
        return self.output.decode(errors="replace").replace("\r", "")

    def read(self, limit=HANG):
        """Waits for more output: False at the end of the machine, TimeoutError after limit."""
        ready, _, _ = select.select([self.process.stdout], [], [], limit)
        if not ready:
            raise TimeoutError
        more = os.read(self.process.stdout.fileno(), 1 << 16)
        self.output += more
        return bool(more)

    def expect(self, pattern, limit=HANG):
        """Waits until the output matches; returns the match, or fails with the output."""
        end = time.monotonic() + limit
        while True:
            match = re.search(pattern, self.text(), re.M)
            if match:
                return match
            try:
                alive = self.read(max(0, end - time.monotonic()))
            except TimeoutError:
                alive = False
            if not alive and not re.search(pattern, self.text(), re.M):
                raise AssertionError(f"no {pattern!r}; " + str(Result(self.process.poll(), self.text())))

    def send(self, data):
        self.process.stdin.write(data.encode() if isinstance(data, str) else data)
        self.process.stdin.flush()

    def wait(self, limit=HANG):
        """Waits for the end of the machine; limit counts the time since the last output."""
        try:
            while self.read(limit):
                pass
            return Result(self.process.wait(HANG), self.text())
        except (TimeoutError, subprocess.TimeoutExpired):
            self.process.kill()
            return Result(None, self.text())

    def run(self, limit=HANG):
        with self:
            return self.wait(limit)
