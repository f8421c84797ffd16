# SPDX-License-Identifier: BSD-2-Clause
"""Limits that follow from memory and from the number of CPUs, as Linux works them out, and what
happens at them."""
import re

import newc
import pytest
import qemu


@pytest.mark.parametrize("memory,smp", [("64M", 1), ("512M", 4), ("512M", 64)])
def test_limits(built, memory, smp):
    initrd = newc.root(built("guest/limits").read_bytes())
    result = qemu.Machine(built("x86_64/alba.elf"), initrd=initrd, smp=smp, memory=memory,
                          machine="q35", append="console=ttyS0").run()
    said = result.output
    assert result.status == 0 and "bye\n" in said, result
    number = {name: int(re.search(rf"^{name}:? +(\d+)", said, re.M)[1])
              for name in ("MemTotal", "threads-max", "file-max", "pid_max", "NPROC")}
    # The boot's own memory is given back only after they were worked out.
    threads = number["MemTotal"] * 1024 / (8 * 16384)
    assert 0.95 * threads < number["threads-max"] <= threads, result
    assert number["NPROC"] == number["threads-max"] // 2, result
    assert f"SIGPENDING {number['NPROC']}\n" in said, result
    assert 0.95 * number["MemTotal"] / 10 < max(number["file-max"], 8192), result
    assert number["file-max"] <= max(number["MemTotal"] / 10, 8192), result
    assert number["pid_max"] == max(32768, 1024 * smp), result
    lines = [line for line in said.split("bye")[0].splitlines() if "VFS:" not in line]
    assert lines[-10:] == [
        "threads 40 then Resource temporarily unavailable", "one less: goes",
        "files Too many open files in system", "root's files go on, counted right", "closed all",
        "pid_max 22 22 0", "pids 300 to 319", "beyond: Invalid argument",
        "within: No error information", "next: No such file or directory"], result
