#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Measures Alba and prints each figure next to its budget.

    bench/run.py [boot] [doors] [memory] [images] [micro] [mitigations] [scaling]      (without a name: everything)

Instructions are counted by bench/count.c inside QEMU's TCG and are the same to the last digit every
time. Exit status 1 when something could not be measured; a figure over its budget is only marked.
"""
import os
import pathlib
import re
import struct
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "test" / "lib"))
import doors  # noqa: E402
import newc  # noqa: E402
import qemu  # noqa: E402

BUILD = ROOT / "build"
ELF = BUILD / "x86_64/alba.elf"
BZIMAGE = BUILD / "x86_64/alba.bzImage"
CPU = "max,erms=off,fsrm=off"
ICOUNT = ["-icount", "shift=0,sleep=off", "-rtc", "base=2026-01-01T00:00:00,clock=vm", "-seed", "1"]
BEGIN, END, DONE = 1, 2, 3

failures = 0


def row(name, value, budget, unit=""):
    global failures
    if value is None:
        failures += 1
        print(f"  {name:<44} {'not measured':>14} {budget:>12,} {unit}")
        return
    verdict = "" if value <= budget else f"OVER by {100 * (value / budget - 1):.0f} %"
    shown = f"{value:,.3f}" if isinstance(value, float) else f"{value:,}"
    print(f"  {name:<44} {shown:>14} {budget:>12,} {unit:<13} {verdict}", flush=True)


def title(text):
    print(f"\n{text}\n  {'figure':<44} {'Alba':>14} {'budget':>12}")


def pvh_entry(path):
    """The address in the XEN_ELFNOTE_PHYS32_ENTRY note (xen/include/public/elfnote.h, number 18)."""
    elf = path.read_bytes()
    wide = elf[4] == 2
    phoff, = struct.unpack_from("<Q" if wide else "<I", elf, 32 if wide else 28)
    size, count = struct.unpack_from("<HH", elf, 54 if wide else 42)
    for at in range(phoff, phoff + size * count, size):
        if struct.unpack_from("<I", elf, at)[0] != 4:
            continue
        start, length = struct.unpack_from("<Q16xQ", elf, at + 8) if wide else \
            struct.unpack_from("<I8xI", elf, at + 4)
        notes, pos = elf[start:start + length], 0
        while pos + 12 <= len(notes):
            namesize, descsize, kind = struct.unpack_from("<III", notes, pos)
            name = pos + 12
            desc = name + (namesize + 3 & ~3)
            if kind == 18 and notes[name:name + 4] == b"Xen\0":
                return int.from_bytes(notes[desc:desc + descsize], "little")
            pos = desc + (descsize + 3 & ~3)
    raise SystemExit(f"bench: {path} has no PVH entry")


def counted(program=None, *, initrd=None, memory="64M", machine="microvm", stop=None, trace=False,
            limit=600, cpus=None, cpu=CPU, words=""):
    """Boots with the plugin. Returns the log's lines about counts and devices, and the output."""
    if initrd is None:
        initrd = newc.root((BUILD / "bench" / program).read_bytes())
    with tempfile.TemporaryDirectory(prefix="alba-bench-") as folder:
        log = pathlib.Path(folder) / "log"
        plugin = f"{BUILD}/bench/count.so,entry={pvh_entry(ELF):#x}"
        plugin += ",cpus=on" if cpus else ""
        extra = ([] if cpus else ICOUNT) + ["-D", str(log), "-d", "plugin", "-plugin",
                          plugin + (f",stop={stop}" if stop is not None else "")]
        if trace:
            extra += ["-trace", "memory_region_ops_read", "-trace", "memory_region_ops_write"]
        result = qemu.Machine(ELF, initrd=initrd, append=f"console=ttyS0 {words}", memory=memory, cpu=cpu,
                              machine=machine, smp=cpus or 1, extra=extra).run(limit)
        lines = log.read_text(errors="replace").splitlines() if log.exists() else []
    if "cannot set up guest memory" in result.output:
        print("  (this host has not enough memory for the guest)")
    return lines, result


def instructions_until_done(lines):
    for line in lines:
        if line.startswith(f"count mark {DONE} "):
            return int(line.split()[3])
    return None


def boot_count(**options):
    lines, result = counted("hello", stop=DONE, **options)
    count = instructions_until_done(lines)
    if count is None:
        print("  " + str(result).replace("\n", "\n  "))
    return count


def bench_cpus():
    """How many instructions of all CPUs together a further CPU costs until hello has run. CPUs run
    side by side, and timers go by the host's clock, so figures differ from run to run: medians."""
    medians = {}
    for count in (1, 2, 4, 8):
        counts = [boot_count(cpus=count) for _ in range(7)]
        medians[count] = None if None in counts else sorted(counts)[3]
    for count in (2, 4, 8):
        known = medians[1] is not None and medians[count] is not None
        row(f"each further CPU, of {count}",
            max(medians[count] - medians[1], 0) // (count - 1) if known else None, 15_000)


def accesses(lines):
    """Port and MMIO accesses between the loader's entry and the mark, by device."""
    found, counting = {}, False
    for line in lines:
        if line.startswith("count entry"):
            counting = True
        elif line.startswith(f"count mark {DONE} "):
            break
        elif counting and "memory_region_ops_" in line:
            name = re.search(r"name '([^']*)'", line)
            key = name.group(1) if name else "?"
            found[key] = found.get(key, 0) + 1
    return found


def bench_boot():
    title("Boot: loader's entry to the end of hello's output (PVH, microvm, 1 CPU, 64 MiB)")
    base = boot_count()
    row("instructions", base, 600_000)
    row("instructions, machine without ACPI", boot_count(machine="microvm,acpi=off"), 600_000)
    lines, _ = counted("hello", stop=DONE, trace=True)
    devices = accesses(lines)
    total = sum(devices.values()) if instructions_until_done(lines) else None
    row("port and MMIO accesses", total, 100)
    print("    " + ", ".join(f"{k} {v}" for k, v in sorted(devices.items(), key=lambda d: -d[1])))
    if not base:
        return
    bench_cpus()
    big = boot_count(memory="16G")
    row("16 GiB against 64 MiB", big and big / base, 1.05, "times")
    hello = (BUILD / "bench/hello").read_bytes()
    small = boot_count(memory="2G")
    for count in (1, 256):
        files = {f"data/{i}": newc.File(b"alba" * (2**28 // count)) for i in range(count)}
        lines, _ = counted(initrd=newc.root(hello, files), stop=DONE, memory="2G")
        large = instructions_until_done(lines)
        row(f"1 GiB of initramfs in {count} files against 20 kB",
            large and small and large / small, 1.05, "times")


def boots(image, kib):
    initrd = newc.root((BUILD / "bench/hello").read_bytes())
    result = qemu.Machine(image, initrd=initrd, append="console=ttyS0", memory=f"{kib}K").run(20)
    return "hello, world" in result.output


def bench_memory():
    title("Smallest memory that works")
    for image in (ELF, BZIMAGE):
        low, high = 1024, 16384
        if not boots(image, high):
            row(image.name, None, 4096, "KiB")
            continue
        while high - low > 64:
            middle = (low + high) // 128 * 64
            low, high = (low, middle) if boots(image, middle) else (middle, high)
        row(image.name, high, 4096, "KiB")


def bench_images():
    title("Images")
    with tempfile.TemporaryDirectory(prefix="alba-bench-") as folder:
        stripped = pathlib.Path(folder) / "alba.elf"
        subprocess.run(["strip", "-o", stripped, ELF], check=True)
        row("alba.elf, stripped", stripped.stat().st_size, 1_000_000, "bytes")
    row("alba.bzImage", BZIMAGE.stat().st_size, 500_000, "bytes")


def baseline():
    """Linux's figures: {name: instructions}."""
    lines = (ROOT / "bench/linux.tsv").read_text().splitlines()
    return {line.split("\t")[0]: int(line.split("\t")[1]) for line in lines if line[0] != "#"}


def operations(**options):
    """Each operation's cost in instructions, and what the guest said."""
    lines, result = counted("microbench", memory="512M", limit=1200, **options)
    marks = [line.split() for line in lines if line.startswith("count mark")]
    spans = [int(end[3]) - int(begin[3]) for begin, end in zip(marks, marks[1:])
             if int(begin[2]) == BEGIN and int(end[2]) == END]
    names = re.findall(r"^op (\S+) (\d+)$", result.output, re.M)
    if "microbench done" not in result.output or len(spans) != len(names):
        return {}, result
    return {name: span / int(times) for (name, times), span in zip(names, spans)}, result


GUARDED = """getppid page_fault_anon signal_self_deliver futex_pingpong pipe_pingpong_threads
pipe_pingpong_procs fork_exit_wait""".split()


def bench_mitigations():
    """What is done on a CPU with every fault: page tables for programs alone, buffers cleared."""
    global failures
    print(f"\nMitigations on a Haswell, in instructions (an emulator does not show what CR3 and VERW "
          f"cost)\n  {'operation':<28} {'off':>10} {'auto':>10} {'of off':>9}")
    costs = {}
    for words in ("off", "auto"):
        costs[words], result = operations(cpu="Haswell", words=f"mitigations={words}")
        if not costs[words]:
            failures += 1
            print("  " + str(result).replace("\n", "\n  "))
            return
    for name in GUARDED:
        off, auto = costs["off"][name], costs["auto"][name]
        print(f"  {name:<28} {off:>10,.0f} {auto:>10,.0f} {100 * auto / off:>7.0f} %")


def bench_micro():
    print(f"\nOperations, in instructions; the budget is half of Linux's\n"
          f"  {'operation':<28} {'Alba':>10} {'Linux':>10} {'of Linux':>9}")
    global failures
    costs, result = operations()
    for name in re.findall(r"^fail (\S+)$", result.output, re.M):
        failures += 1
        print(f"  {name:<28} failed")
    if not costs:
        failures += 1
        print("  " + str(result).replace("\n", "\n  "))
    linux = baseline()
    over = 0
    for name, cost in costs.items():
        theirs = linux.get(name)
        ratio = cost / theirs if theirs else None
        counts = ratio is not None
        over += counts and ratio > 0.5
        print(f"  {name:<28} {cost:>10,.0f} {theirs or 0:>10,} {100 * (ratio or 0):>7.0f} %  "
              f"{'OVER' if counts and ratio > 0.5 else ''}")
    print(f"  {over} of {len(costs)} over half of Linux's")


def rates(text):
    """{(operation, kind): {workers: best rate}}"""
    found = {}
    for name, kind, workers, rate in re.findall(r"^scale (\w+) (\w+) (\d+) (\d+)$", text, re.M):
        best = found.setdefault((name, kind), {})
        best[int(workers)] = max(best.get(int(workers), 0), int(rate))
    return found


def bench_scaling():
    """Times, and therefore the one part whose figures vary; each is the best of several rounds."""
    global failures
    print(f"\nScaling: work done by 2 and by 4 against that of 1, on 4 CPUs (multi-threaded TCG on "
          f"{os.cpu_count()} cores);\nthe budget is 1.8 times by two. The compute row is what the "
          f"emulator can reach; Linux is this system's, not emulated.\n"
          f"  {'operation':<14}{'workers':<12}{'one, per s':>12}{'by 2':>8}{'by 4':>8}"
          f"{'Linux by 2':>14}{'by 4':>8}")
    initrd = newc.root((BUILD / "bench/scaling").read_bytes())
    result = qemu.Machine(ELF, initrd=initrd, append="console=ttyS0", memory="512M", smp=4,
                          extra=["-accel", "tcg,thread=multi"]).run(600)
    with tempfile.TemporaryDirectory(prefix="alba-bench-", dir="/dev/shm") as folder:
        here = rates(subprocess.run([BUILD / "bench/scaling", folder], capture_output=True,
                                    text=True, check=True).stdout)
    found = rates(result.output)
    if "scaling done" not in result.output:
        failures += 1
        print("  " + str(result).replace("\n", "\n  "))
    for (name, kind), best in found.items():
        linux = here[name, kind]
        by = [best.get(n, 0) / best[1] for n in (2, 4)] + [linux[n] / linux[1] for n in (2, 4)]
        print(f"  {name:<14}{kind:<12}{best[1]:>12,}{by[0]:>8.2f}{by[1]:>8.2f}{by[2]:>14.2f}"
              f"{by[3]:>8.2f}  {'BELOW 1.8' if by[0] < 1.8 else ''}")


def bench_doors():
    doors.bench(row, title)


PARTS = {"boot": bench_boot, "doors": bench_doors, "memory": bench_memory, "images": bench_images,
         "micro": bench_micro, "mitigations": bench_mitigations, "scaling": bench_scaling}


def main():
    wanted = sys.argv[1:] or list(PARTS)
    for name in wanted:
        if name not in PARTS:
            raise SystemExit(f"bench: no part {name}; there are {', '.join(PARTS)}")
        PARTS[name]()
    if failures:
        print(f"\nbench: {failures} figures could not be measured")
        sys.exit(1)


if __name__ == "__main__":
    main()
