# SPDX-License-Identifier: BSD-2-Clause
"""Another kernel instead of this one, with Debian's kexec(8) as it is: Alba and Linux, by both
system calls, on machines of all kinds; what is refused, as Linux refuses it; and that nothing is
lost when it is."""
import os
import pathlib
import re
import subprocess
import sys

import pytest

import debian_kernel
import newc
import qemu

TEST = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(TEST / "real"))
import debian_root  # noqa: E402

CALLS = ["-c", "-s"]  # kexec(8)'s options: kexec_load, kexec_file_load
BEGIN = """#!/bin/sh
/bin/busybox --install -s /bin
export PATH=/bin:/usr/sbin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
value() { sed -n "s/.*$1=\\([^ ]*\\).*/\\1/p" /proc/cmdline; }
"""
GO = """
kexec -e -x
echo "kexec -e has come back: $?"
poweroff -f
"""


def script(text):
    return newc.File((BEGIN + text).encode(), 0o755)


def root(init, **files):
    """An initramfs with busybox and kexec(8), these files, and this script as /init."""
    entries = {"tmp": newc.Dir()}
    for path in ["/bin/busybox", *debian_root.paths_of("kexec")]:
        data = pathlib.Path(os.path.realpath(path)).read_bytes()
        entries[path.lstrip("/")] = newc.File(data, 0o755)
    entries["bin/sh"] = newc.Link("busybox")
    entries["init"] = script(init)
    entries |= {name: newc.File(data, 0o755) for name, data in files.items()}
    return newc.root(None, entries)


@pytest.fixture(scope="session", name="bzimage")
def fixture_bzimage(built):
    return built("x86_64/alba.bzImage").read_bytes()


@pytest.fixture(name="boot")
def fixture_boot(built):
    def boot(initrd, *, append="", image="alba.elf", **options):
        append = f"console=ttyS0 {append}"
        return qemu.Machine(built(f"x86_64/{image}"), initrd=initrd, append=append, **options).run()

    return boot


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("machine,memory,smp", [
    ("microvm", "64M", 1), ("microvm,acpi=off", "64M", 4), ("q35", "1G", 4), ("pc", "1G", 1),
    ("q35", "5G", 4)])
def test_alba_to_alba(boot, built, bzimage, call, machine, memory, smp):
    """The program in the second kernel is the same as if it had been the first."""
    second = newc.root(built("guest/hello").read_bytes())
    first = root("""
        echo "first, with $(nproc) CPUs"
        kexec $(value call) -l /kernel --initrd=/initrd --reuse-cmdline && echo loaded
        """ + GO, kernel=bzimage, initrd=second)
    result = boot(first, append=f"call={call}", machine=machine, memory=memory, smp=smp)
    assert result.status == 0 and f"first, with {smp} CPUs\nloaded\n" in result.output, result
    assert "hello from pid 1\nargument </init>\nenvironment <HOME=/>\n" in result.output, result
    assert f"environment <call={call}>" in result.output, result
    assert "kexec_jump_back_entry" not in result.output, result
    assert result.output.endswith("bye\n"), result


@pytest.mark.parametrize("entry", ["--entry-32bit", "--real-mode"])
def test_other_entries(boot, built, bzimage, entry):
    """kexec(8)'s own code goes on to 32-bit and to real mode, where the BIOS still answers."""
    second = newc.root(built("guest/hello").read_bytes())
    result = boot(root(f"kexec -c {entry} -l /kernel --initrd=/initrd --reuse-cmdline" + GO,
                       kernel=bzimage, initrd=second), machine="q35", smp=2)
    assert result.status == 0 and result.output.endswith("bye\n"), result


# Each loads the next, by both calls in turn, as long as left= is not 0; all say what they see.
CHAIN = """
        left=$(value left)
        screen=/sys/kernel/boot_params/data
        echo left $left: $(nproc) CPUs, $(md5sum </proc/iomem) \
            $(cd /sys/firmware/memmap; ls; cat */*) screen type $(od -A n -t x1 -j 15 -N 1 $screen) \
            $(md5sum <$screen)
        [ $left = 0 ] && poweroff -f
        cd /
        { find bin/busybox bin/sh kernel init lib* usr dev; echo proc; echo sys; echo tmp; } |
            cpio -o -H newc >/tmp/initrd 2>/dev/null
        call=-s
        [ $((left % 2)) = 0 ] && call=-c
        kexec $call -l /kernel --initrd=/tmp/initrd --append="console=ttyS0 left=$((left - 1))"
        """ + GO


def check_chain(result, length, screen):
    said = re.findall(rf"left (\d): (4 CPUs.*System RAM.* screen type {screen} .*)$", result.output, re.M)
    assert result.status == 0 and [int(left) for left, _ in said] == list(range(length, -1, -1)), result
    assert len({machine for _, machine in said}) == 1, result


@pytest.mark.parametrize("machine,cpu,image,vga,screen", [
    ("q35", "max", "alba.elf", "", "00"), ("microvm,acpi=off", "qemu64", "alba.elf", "", "00"),
    ("q35", "Haswell", "alba.bzImage", "normal", "22"), ("pc", "max", "alba.bzImage", "0x315", "23")])
def test_chain(boot, bzimage, machine, cpu, image, vga, screen):
    """Kernels after the first: all see the same machine, and its screen as the BIOS left it."""
    length = 5 if cpu == "max" and not vga else 2
    result = boot(root(CHAIN, kernel=bzimage), append=f"left={length} vga={vga}", machine=machine,
                  cpu=cpu, smp=4, memory="128M", image=image, extra=["-vga", "std"] if vga else [])
    check_chain(result, length, screen)


def test_chain_under_efi(bzimage):
    """Only the first kernel hears from the firmware where ACPI's tables and the screen are."""
    firmware = [word for name in ("CODE", "VARS") for word in (
        "-drive", f"if=pflash,format=raw,snapshot=on,file=/usr/share/OVMF/OVMF_{name}_4M.fd")]
    result = qemu.Machine(bzimage, initrd=root(CHAIN, kernel=bzimage), machine="q35", smp=4,
                          memory="256M", append="console=ttyS0 left=2",
                          extra=[*firmware, "-vga", "std"]).run()
    check_chain(result, 2, "23")


def test_states_and_options(boot, bzimage):
    """What kexec(8) does besides: unload, load again, ask; and a kernel for crashes, for which no
    memory is set aside, is refused in clear words."""
    result = boot(root("""
        for call in -c -s; do
            kexec -S; echo "status $?"
            kexec $call -l /kernel --command-line=x; echo "load $?, $(cat /sys/kernel/kexec_loaded)"
            kexec $call -l /kernel --command-line=y; echo "again $?, $(cat /sys/kernel/kexec_loaded)"
            kexec $call -l /init 2>/tmp/why; echo "bad $?, $(cat /sys/kernel/kexec_loaded)"
            kexec $call -u; echo "unload $?, $(cat /sys/kernel/kexec_loaded)"
            kexec $call -p /kernel 2>&1; echo "crash $?"
            kexec $call -e -x 2>&1; echo "nothing to run $?"
        done
        cat /proc/iomem; su -s /bin/sh nobody -c "head -n 1 /proc/iomem"
        poweroff -f""", kernel=bzimage, **{"etc/passwd": b"nobody:x:99:99::/:/bin/sh\n"}))
    each = """load 0, 1
again 0, 1
bad 255, 1
unload 0, 0
Memory for crashkernel is not reserved
Please reserve memory by passing"crashkernel=Y@X" parameter to kernel
Then try to loading kdump kernel
crash 1
Nothing has been loaded!
nothing to run 1
"""
    assert result.status == 0 and result.output.count(each) == 2, result
    assert re.search(r"^00000000-00000fff : Reserved\n00001000-\w+ : System RAM$", result.output,
                     re.M), result
    assert result.output.endswith("00000000-00000000 : Reserved\n"), result


def test_other_kernel_is_linux(boot, built, bzimage):
    """Debian's kernel after Alba, with all CPUs and memory; and both say the same to arguments of all
    kinds (guest/kexec_errors.c)."""
    linux = debian_kernel.vmlinuz(TEST.parent / "build").read_bytes()
    second = root("""
        echo "this is $(uname -r) with $(nproc) CPUs, $(cat /proc/cmdline)"
        /errors
        poweroff -f""", kernel=bzimage, errors=built("guest/kexec_errors").read_bytes())
    result = boot(root("""
        kexec -s -l /linux --initrd=/second --append="console=ttyS0 loglevel=1 panic=-1"
        """ + GO, linux=linux, second=second), machine="q35", smp=2, memory="512M")
    assert result.status == 0 and re.search(
        r"this is 6\.1\.\S+-amd64 with 2 CPUs, console=ttyS0 loglevel=1 panic=-1\n", result.output), result

    def said(by):  # messages of the kernel would fall into lines: loglevel=1
        whole = by.output
        return whole[whole.index("crash loaded"):whole.index("that was all")]

    assert said(boot(second, machine="q35", memory="512M")) == said(result), result


@pytest.mark.parametrize("smp", [1, 4])
def test_memory(boot, built, smp):
    result = boot(newc.root(built("guest/kexec_memory").read_bytes()), machine="q35", smp=smp)
    assert result.status == 0 and result.output == """small: done, loaded 1
large: Out of memory, loaded 1
large again: Out of memory, loaded 1
medium: done, loaded 1
with room: done, loaded 1
unload: done, loaded 0
0 processes failed
0 processes failed
nothing is lost
""", result


def test_exit_status_comes_from_the_second_kernel(built, tmp_path):
    """As alba's own: the machine's devices are as they were before the first kernel, and a program
    runs to its end with its streams."""
    def alba(*arguments):
        return subprocess.run([built("alba"), "run", "--accel", "tcg", *arguments], timeout=120,
                              capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False,
                              env=dict(os.environ, TMPDIR=str(tmp_path)))

    made = alba("--dry-run", "/bin/busybox", "sh", "-c", "echo then $(nproc) CPUs; exit 42")
    assert made.returncode == 0, made
    packed, = tmp_path.glob("alba-*.cpio")
    done = alba("--tty", "--smp", "2", "-v", f"{packed}:/initrd",
                "-v", f"{built('x86_64/alba.bzImage')}:/kernel", built("guest/kexec_go"))
    assert done.returncode == 42 and done.stdout.split() == ["going", "then", "2", "CPUs"], done
