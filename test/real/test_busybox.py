# SPDX-License-Identifier: BSD-2-Clause
"""Busybox's own test suite, with Debian's busybox: what passes on the host's Linux passes on Alba.

The suite comes from Debian's source package (test/real/fetch). Both systems get the same root file
system; on the host it is entered by chroot with a name space of processes of its own.
"""
import os
import pathlib
import re
import shutil
import stat
import subprocess

import newc
import pytest
import qemu

HERE = pathlib.Path(__file__).resolve().parent
BUSYBOX = pathlib.Path("/bin/busybox").resolve()
LIMIT = 900  # seconds without a line

# Left out: mdev, mount and wget need what Alba has not got yet (block devices, network), all_sourcecode
# checks busybox's own text, and bc and dc only compute.
APPLETS = """
    ar ash awk basename bunzip2 busybox bzcat cal cat cmp comm cp cpio cryptpw cut date dd diff dirname
    du echo expand expr factor false find fold grep gunzip gzip head hexdump hostid hostname id ln ls
    makedevs md5sum mkdir mkfs.minix mv nl od parse paste patch pidof printf pwd readlink realpath rev
    rm rmdir rx sed seq sha1sum sha256sum sha3sum sha512sum sort start-stop-daemon strings sum tail tar
    taskset tee test touch tr true uncompress unexpand uniq unlzma unzip uptime uuencode wc which xargs
    xxd""".split()
SHELLS = """
    ash-alias ash-arith ash-comm ash-getopts ash-glob ash-heredoc ash-invert ash-misc ash-parsing
    ash-psubst ash-quoting ash-read ash-redir ash-signals ash-standalone ash-vars""".split()


def tree(source):
    """The root file system: {path: Entry}."""
    files = {"bb": newc.Dir(), "tmp": newc.Dir(0o1777), "root": newc.Dir(0o700),
             "bin/busybox": newc.File(BUSYBOX.read_bytes(), 0o755),
             "bb/busybox": newc.File(BUSYBOX.read_bytes(), 0o755),
             "bb/.config": newc.File((source / "debian/config/pkg/static").read_bytes()),
             "etc/passwd": newc.File(b"root:x:0:0:root:/root:/bin/sh\n"),
             "etc/group": newc.File(b"root:x:0:\n"),
             "applets": newc.File(" ".join(APPLETS).encode()),
             "shells": newc.File(" ".join(SHELLS).encode())}
    for name in subprocess.run([BUSYBOX, "--list-full"], capture_output=True, text=True,
                               check=True).stdout.split():
        if name != "bin/busybox":
            files[name] = newc.Link("/bin/busybox")
    for folder in ("testsuite", "shell/ash_test"):
        for path in sorted((source / folder).rglob("*")):
            name = "bb/" + str(path.relative_to(source))
            if path.is_symlink():
                files[name] = newc.Link(os.readlink(path))
            elif path.is_dir():
                files[name] = newc.Dir()
            else:
                files[name] = newc.File(path.read_bytes(), stat.S_IMODE(path.stat().st_mode))
    return files


def take_apart(output):
    """{suite: {test: "PASS" or "FAIL" or ...}}; tests of the same name count together."""
    suites = {}
    for part in re.split(r"^@@ begin ", output.replace("\r", ""), flags=re.M)[1:]:
        suite, _, text = part.partition("\n")
        if f"@@ end {suite}\n" not in text:
            continue  # broke off
        found = suites.setdefault(suite, {})
        for result, name in re.findall(r"^(PASS|FAIL|SKIPPED|UNTESTED): (.*)$", text, re.M):
            found[name] = "FAIL" if "FAIL" in (result, found.get(name)) else result
        for name, result in re.findall(r"^(ash-\S+?): (ok|fail)$", text, re.M):
            found[name] = "PASS" if result == "ok" else "FAIL"
    return suites


@pytest.fixture(scope="session")
def files(root):
    source = root / "build/real/busybox"
    done = subprocess.run([HERE / "fetch", "busybox", source], capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip("the source package of busybox cannot be fetched: " + done.stderr[-500:])
    source = source / "source"
    programs = {}
    for name in ("printenv", "recho", "zecho"):
        program = root / "build/real" / name
        subprocess.run(["musl-gcc", "-static", "-w", "-O1", "-o", program,
                        source / f"shell/ash_test/{name}.c"], check=True)
        programs[f"bb/shell/ash_test/{name}"] = newc.File(program.read_bytes(), 0o755)
    return tree(source) | programs | {
        "bb/shell/ash_test/ash": newc.Link("/bb/busybox"),
        "bb/shell/ash_test/.config": newc.File((source / "debian/config/pkg/static").read_bytes())}


@pytest.fixture(scope="session")
def host(root, files):
    """On a file system in memory, as on Alba; as root, because device nodes are made."""
    where = pathlib.Path(f"/dev/shm/alba-busybox-{os.getpid()}")
    archive = root / "build/real/busybox.cpio"
    archive.write_bytes(newc.root((HERE / "run-busybox-tests").read_bytes(), files))
    prepare = f"""
        mkdir {where} && mount -t tmpfs tmpfs {where} && cd {where} &&
        cpio -idmu --quiet < {archive} &&
        mknod -m 666 dev/null c 1 3 && mknod -m 666 dev/zero c 1 5 && mknod -m 666 dev/tty c 5 0 &&
        mknod -m 666 dev/full c 1 7 && mknod -m 666 dev/urandom c 1 9 && mknod -m 666 dev/random c 1 8 &&
        mount -t proc proc proc && (chroot . /init; true)"""
    as_root = [] if os.geteuid() == 0 else ["sudo"]
    try:
        # The script must not be process 1, which gets no signals: "; true" keeps a shell above it.
        done = subprocess.run(as_root + ["unshare", "--mount", "--pid", "--fork", "sh", "-c", prepare],
                              capture_output=True, text=True, errors="replace", timeout=LIMIT)
    finally:
        shutil.rmtree(where, ignore_errors=True)
    suites = take_apart(done.stdout)
    if "@@ done" not in done.stdout:
        pytest.skip("the suite does not run on this host: " + done.stderr[-500:])
    return suites


@pytest.fixture(scope="session")
def alba(built, files):
    init = b"""#!/bin/sh
mount -t devtmpfs devtmpfs /dev
mount -t proc proc /proc
mount -t sysfs sysfs /sys
sh /tests
poweroff -f
"""
    initrd = newc.root(init, files | {"tests": newc.File((HERE / "run-busybox-tests").read_bytes(), 0o755)})
    result = qemu.Machine(built("x86_64/alba.elf"), initrd=initrd, memory="512M",
                          append="console=ttyS0 quiet").run(LIMIT)
    return take_apart(result.output), result


@pytest.mark.parametrize("suite", APPLETS + SHELLS)
def test_busybox(suite, host, alba):
    suites, result = alba
    assert suite in host, "did not end on the host"
    if suite not in suites:
        pytest.fail(f"{suite} did not end: {result}", pytrace=False)
    wrong = [f"{name}: {suites[suite].get(name, 'missing')}"
             for name, outcome in host[suite].items()
             if outcome == "PASS" and suites[suite].get(name) != "PASS"]
    passed = sum(r == "PASS" for r in suites[suite].values())
    print(f"{suite}: {passed} passed here, {sum(r == 'PASS' for r in host[suite].values())} there")
    assert not wrong, "\n".join(wrong)
