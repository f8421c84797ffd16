# SPDX-License-Identifier: BSD-2-Clause
"""Processes with hundreds of threads, killed at random moments: nothing of them is left. Bombs of
processes and of threads: the shell that is beside them goes on."""
import subprocess

import newc
import pytest
import qemu


@pytest.mark.parametrize("smp,rounds,seed", [(1, 200, 1), (2, 300, 2), (4, 500, 3)])
def test_killed_at_random_moments(built, smp, rounds, seed):
    initrd = newc.root(built("guest/killed").read_bytes())
    result = qemu.Machine(built("x86_64/alba.elf"), initrd=initrd, smp=smp, memory="512M",
                          append=f"console=ttyS0 -- {rounds} 300 {seed}").run(limit=300)
    assert result.status == 0 and f"{rounds} rounds: all is free again\n" in result.output, result


def test_more_threads_than_memory_bears(built):
    """A machine of 96 MiB has room for some hundred: the others are refused, and nothing breaks."""
    initrd = newc.root(built("guest/killed").read_bytes())
    result = qemu.Machine(built("x86_64/alba.elf"), initrd=initrd, smp=2, memory="96M",
                          append="console=ttyS0 -- 10 4000 4").run(limit=300)
    assert result.status == 0 and "10 rounds: all is free again\n" in result.output, result


BOMB = """
bomb() { bomb | bomb & }
( LIMIT bomb ) 2>/tmp/errors
until read -r line </tmp/errors; do :; done
kill -9 -1
wait
# Who was killed ends in its own time; nothing here may need a process before that.
while read -r _ _ _ threads _ </proc/loadavg; [ "${threads#*/}" -gt 16 ]; do :; done
until echo "alive $(echo and forking)"; do :; done
cat /tmp/errors
"""


@pytest.mark.parametrize("user,limit,options,refusals", [
    ("1000:1000", "ulimit -u 60;", [], ["Resource temporarily unavailable"]),
    ("0:0", "", ["-m", "64M"], ["Resource temporarily unavailable", "Cannot allocate memory"]),
], ids=["RLIMIT_NPROC", "memory"])
def test_fork_bomb(built, user, limit, options, refusals):
    built("x86_64/alba.elf")
    done = subprocess.run([str(built("alba")), "run", "-q", "--smp", "4", "--user", user, *options,
                           "busybox", "sh", "-c", BOMB.replace("LIMIT", limit)],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=120, check=False)
    answer, _, errors = done.stdout.decode().partition("\n")
    assert answer == "alive and forking", done
    assert any(f"can't fork: {refusal}" in errors for refusal in refusals), done
