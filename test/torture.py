#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Looks for what goes wrong once in a while: programs that others run once are run again and again on
2, 4 and 8 CPUs, in random order, until something fails.

    test/torture.py [--seconds N] [--seed N] [--jobs abi,scripts,busybox,stress] [--smp 2,4,8]
                    [--kernel build/x86_64-debug] [--keep-going]

A run that fails leaves build/torture/NUMBER/: the command, what was said, what was expected, QEMU's
log of CPU resets (a triple fault has its registers there), and for a machine that hung, where each
CPU was. The kernel is at its link address, so that gdb knows it, too.
"""
import argparse
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "test/lib"), str(ROOT / "test/real")]
import abi  # noqa: E402
import debian_root  # noqa: E402
import debian_source  # noqa: E402
import monitor  # noqa: E402
import newc  # noqa: E402
import suite  # noqa: E402
import test_programs  # noqa: E402
import test_stress  # noqa: E402

BUILD = ROOT / "build"
LIMIT = 300  # seconds of silence; catches hangs only
# Makes a monitor and a log of every machine that `alba run` starts.
WRAPPER = """#!/bin/sh
exec qemu-system-x86_64 "$@" -monitor unix:{0}/monitor,server=on,wait=off -d cpu_reset,guest_errors -D {0}/resets
"""


class Failure(Exception):
    pass


class Run:
    """One machine: its command, and the folder where it leaves things."""

    def __init__(self, kernel, smp):
        self.kernel = kernel / "alba.elf"
        self.symbols = kernel / "kernel.elf"
        self.smp = smp
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="alba-torture-"))
        self.command = []

    def finish(self, command, env=None):
        """What it said on both streams; Failure when it hangs."""
        self.command = list(map(str, command))
        said = self.folder / "said"
        with open(said, "wb") as output:
            process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=output,
                                       stderr=subprocess.STDOUT, env=env,
                                       preexec_fn=suite.usual_signals)
            if not self.ends(process, said):
                try:
                    places = monitor.places(self.folder / "monitor", self.symbols)
                except OSError as error:
                    places = f"no answer from the monitor: {error}\n"
                (self.folder / "places").write_text(places)
                process.kill()
                process.wait()
                raise Failure("hangs\n" + places)
        return said.read_text(errors="replace").replace("\r", "")

    @staticmethod
    def ends(process, said):
        """Waits for the end, or until nothing was said for a while."""
        size = -1
        while said.stat().st_size > size:
            size = said.stat().st_size
            try:
                process.wait(LIMIT)
                return True
            except subprocess.TimeoutExpired:
                pass
        return False

    def qemu(self, initrd, memory="256M"):
        (self.folder / "initrd").write_bytes(initrd)
        return self.finish(
            ["qemu-system-x86_64", "-M", "microvm", "-accel", "tcg", "-m", memory, "-smp", self.smp,
             "-cpu", "max", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
             "-serial", "stdio", "-device", "pvpanic", "-action", "panic=exit-failure", "-kernel",
             self.kernel, "-initrd", self.folder / "initrd", "-append", "console=ttyS0 nokaslr quiet",
             "-d", "cpu_reset,guest_errors", "-D", self.folder / "resets",
             *monitor.options(self.folder / "monitor")])

    def alba(self, *words):
        wrapper = self.folder / "qemu"
        wrapper.write_text(WRAPPER.format(self.folder))
        wrapper.chmod(0o755)
        return self.finish([BUILD / "alba", "run", "--accel", "tcg", "--smp", self.smp, "--kernel",
                            self.kernel, "--append", "nokaslr", *words], env=dict(os.environ, ALBA_QEMU=str(wrapper)))


class Abi:
    """Some of the programs of test/linux, several times."""

    def __init__(self):
        self.expected = abi.on_host(BUILD, abi.programs())
        self.files = {}
        for name in abi.programs():
            program = BUILD / "abi" / name
            self.files[name] = {f"bin/{name}": program.read_bytes(), **abi.libraries(program)}

    def __call__(self, run):
        names = random.sample(abi.programs(), random.randint(1, 6))
        files = {"list": newc.File("".join(f"/bin/{n}\n" for n in names).encode())}
        for name in names:
            files.update(self.files[name])
        said = run.qemu(newc.root((BUILD / "abi/runner").read_bytes(), files))
        outcome, _ = abi.take_apart(said)
        for name in names:
            for case, text in self.expected[name].items():
                got = outcome.get(name, {}).get(case)
                if got != text:
                    (run.folder / "expected").write_text(text)
                    (run.folder / "got").write_text(got or "")
                    raise Failure(f"{name}: {case}: {got!r}, and not {text!r}")
        return " ".join(names)


class Scripts:
    """One of the scripts of test/real/programs."""

    def __init__(self, place):
        self.root = debian_root.make(place / "programs", test_programs.COMMON +
                                     test_programs.BUILD + test_programs.GIT,
                                     test_programs.trees())
        self.expected = {}

    def __call__(self, run):
        name = random.choice(sorted(path.stem for path in test_programs.SCRIPTS.glob("*.sh")))
        command = test_programs.command(name, self.root)
        if name not in self.expected:
            self.expected[name] = test_programs.run(suite.in_chroot(self.root, *command))[:-1]
        said = run.alba("-m", "2G", "--root", self.root, "--entry", command[0], "--",
                        *command[1:]).splitlines()
        for got, line in zip(said + ["(the end)"], self.expected[name] + ["(the end)"]):
            if test_programs.NUMBER.sub(r"\1 N", got) != test_programs.NUMBER.sub(r"\1 N", line):
                (run.folder / "expected").write_text("\n".join(self.expected[name]))
                raise Failure(f"{name}: {got!r}, and not {line!r}")
        return name


class Busybox:
    """Some groups of busybox's own test suite."""

    def __init__(self, place):
        source = debian_source.fetch(BUILD, "busybox")
        self.names = suite.groups(source)
        self.root = suite.make_root(source, place / "busybox")
        self.expected = {}

    def __call__(self, run):
        names = random.sample(self.names, 6)
        for name in names:
            if name not in self.expected:
                self.expected[name] = suite.on_host(self.root, [name])[0]
        said = run.alba("-m", "1G", "--root", self.root, "--entry", *suite.script(names))
        outcome, _ = suite.take_apart(said)
        for name in names:
            for key, verdict in self.expected[name].items():
                if verdict == "passed" and outcome.get(key) != "passed":
                    raise Failure(f"{key}: {outcome.get(key)}")
        return " ".join(names)


class Stress:
    """Some stressors at once."""

    def __init__(self, place):
        self.root = debian_root.make(place / "stress", ["stress-ng"])

    def __call__(self, run):
        names = random.sample(test_stress.STRESSORS, random.randint(1, 5))
        words = [word for name in names for word in
                 [f"--{name}", "2", *test_stress.OPTIONS.get(name, "").split()]]
        said = run.alba("-m", "1G", "--root", self.root, "-u", "1000:1000", "-w", "/tmp", "--entry",
                        "stress-ng", "--", "-t", "5", "--temp-path", "/tmp", *words)
        if " successful run completed" not in said or re.search(r"^\[ *\d+\.\d+\] ", said, re.M):
            raise Failure(said[-2000:])
        return " ".join(names)


def jobs(wanted, place):
    made = {"abi": lambda: Abi(), "scripts": lambda: Scripts(place),
            "busybox": lambda: Busybox(place), "stress": lambda: Stress(place)}
    return {name: made[name]() for name in wanted}


def keep(run, name, failure):
    """Keeps what a failed run left; the folder."""
    place = BUILD / "torture"
    place.mkdir(parents=True, exist_ok=True)
    number = 1 + max([int(path.name) for path in place.iterdir() if path.name.isdigit()], default=0)
    (run.folder / "failure").write_text(f"{name} on {run.smp} CPUs\n{failure}\n")
    (run.folder / "command").write_text(" ".join(run.command) + "\n")
    shutil.copy(run.symbols, run.folder)
    shutil.move(run.folder, place / str(number))
    return place / str(number)


def options():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--seconds", type=int, default=10 ** 9)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--jobs", default="abi,scripts,busybox,stress")
    parser.add_argument("--smp", default="2,4,8")
    parser.add_argument("--kernel", type=pathlib.Path, default=BUILD / "x86_64")
    parser.add_argument("--keep-going", action="store_true")
    return parser.parse_args()


def main():
    chosen = options()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # "&" has these ignored, and so would
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)             # be what runs here for comparison
    random.seed(chosen.seed)
    print(f"torture: seed {chosen.seed}", flush=True)
    place = pathlib.Path(tempfile.mkdtemp(prefix="alba-torture-root-"))
    failed, end = 0, time.monotonic() + chosen.seconds
    try:
        made = jobs(chosen.jobs.split(","), place)
        while time.monotonic() < end and (chosen.keep_going or not failed):
            name = random.choice(list(made))
            run = Run(chosen.kernel, random.choice(chosen.smp.split(",")))
            begun = time.monotonic()
            try:
                what = made[name](run)
                print(f"torture: {name} -smp {run.smp}: {what}: {time.monotonic() - begun:.0f} s",
                      flush=True)
                shutil.rmtree(run.folder)
            except Failure as failure:
                failed += 1
                print(f"torture: {name} -smp {run.smp}: FAILED: {failure}\ntorture: kept in "
                      f"{keep(run, name, failure)}", flush=True)
    finally:
        shutil.rmtree(place, ignore_errors=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
