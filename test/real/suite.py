# SPDX-License-Identifier: BSD-2-Clause
"""Runs busybox's own test suite, on this system's Linux or on Alba, and takes what it says apart.

The root file system is the same in both places: Debian's busybox, its links, the suite's tree, and
busybox_suite.sh beside this file, which runs the tests. An outcome is {(group, test): verdict},
with verdicts "passed", "failed", "skipped"; texts are {group: what was said}.
"""
import os
import pathlib
import re
import shutil
import signal
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
BUSYBOX = pathlib.Path("/bin/busybox")
VERDICTS = {"PASS": "passed", "FAIL": "failed", "SKIPPED": "skipped", "UNTESTED": "skipped"}
LIMIT = 2400  # seconds; catches hangs only
# These, and the shell's many_ifs, calculate for minutes in an emulator and ask little of a kernel.
HEAVY = {"bc.tests": ["bc parsing of numbers", "bc printing of numbers"]}

# A private /dev, and nothing that stays behind: the mounts end with their namespace.
ON_HOST = """set -e
mount --make-rprivate /
mount -t tmpfs tmpfs "$1/tmp"
mount -t tmpfs tmpfs "$1/dev"
for node in null:3 zero:5 full:7 random:8 urandom:9; do
    mknod -m 666 "$1/dev/${node%:*}" c 1 "${node#*:}"
done
mkdir "$1/dev/shm"
ln -s /proc/self/fd "$1/dev/fd"
for name in stdin:0 stdout:1 stderr:2; do ln -s "/proc/self/fd/${name#*:}" "$1/dev/${name%:*}"; done
mount -t proc proc "$1/proc"
mount -t sysfs -o ro sysfs "$1/sys"
root=$1
shift
exec chroot "$root" "$@"
"""


def usual_signals():
    """Python ignores some signals, and a build may; children would go on doing so."""
    for number in (signal.SIGPIPE, signal.SIGINT, signal.SIGQUIT, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)


def groups(source):
    """Everything that has tests: the applets, then the shell's directories."""
    suite = source / "testsuite"
    names = {path.stem for path in suite.glob("*.tests")}
    names |= {path.name for path in suite.iterdir() if path.is_dir()}
    applets = set(subprocess.run([BUSYBOX, "--list"], capture_output=True, text=True,
                                 check=True).stdout.split())
    shell = sorted(path.name for path in (source / "shell" / "ash_test").glob("ash-*"))
    return sorted(names & applets) + shell


def make_root(source, root):
    """The root file system at `root`, from the source tree."""
    shutil.rmtree(root, ignore_errors=True)
    for name in ("bin", "etc", "root", "tmp", "dev", "proc", "sys", "suite"):
        (root / name).mkdir(parents=True)
    shutil.copy(BUSYBOX, root / "bin" / "busybox")
    os.symlink("busybox", root / "bin" / "sh")
    (root / "etc" / "passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    (root / "etc" / "group").write_text("root:x:0:\n")
    shutil.copy(HERE / "busybox_suite.sh", root)
    suite = root / "suite"
    shutil.copytree(source / "testsuite", suite / "testsuite", symlinks=True)
    shutil.copytree(source / "shell" / "ash_test", suite / "shell" / "ash_test", symlinks=True)
    shutil.copy(source / "debian" / "config" / "pkg" / "static", suite / ".config")
    os.symlink("/bin/busybox", suite / "busybox")
    (suite / "shell" / "ash_test" / "ash-z_slow" / "many_ifs.tests").unlink()
    for name, tests in HEAVY.items():
        path = suite / "testsuite" / name
        text = path.read_text()
        for test in tests:
            text = text.replace(f'testing "{test}"', f'SKIP=1 testing "{test}"')
        path.write_text(text)
    ash = suite / "shell" / "ash_test"
    for helper in ("recho", "zecho", "printenv"):
        subprocess.run(["gcc", "-static", "-O1", "-w", "-s", "-o", ash / helper,
                        ash / f"{helper}.c"], check=True)
    os.symlink("/bin/busybox", ash / "ash")
    return root


def script(names):
    return ["/bin/sh", "/busybox_suite.sh", *names]


def in_chroot(root, *command):
    """The command that runs it there, with a mount and a process namespace of its own."""
    as_root = [] if os.geteuid() == 0 else ["sudo"]
    return [*as_root, "unshare", "--mount", "--pid", "--fork", "sh", "-c", ON_HOST, "sh", root,
            *command]


def on_host(root, names):
    return finish(in_chroot(root, "/bin/busybox", "env", "-i", *script(names)))


def on_alba(alba, root, names):
    command = [alba, "run", "--memory", "1G", "--root", root, "--entry", *script(names)]
    return finish(command)


def finish(command):
    ended = subprocess.run(list(map(str, command)), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, timeout=LIMIT, check=False,
                           preexec_fn=usual_signals)
    text = ended.stdout.decode(errors="replace")
    assert text.endswith("@@ done\n"), f"status {ended.returncode}: {text[-3000:]}"
    return take_apart(text)


def take_apart(text):
    outcome, texts = {}, {}
    for part in re.split(r"^@@ group ", text, flags=re.M)[1:]:
        group, _, said = part.partition("\n")
        texts[group] = said
        for kind, name in re.findall(r"(PASS|FAIL|SKIPPED|UNTESTED): (.*)", said):
            # Some tests share a name; the later ones are told apart by a number.
            key, number = (group, name), 1
            while key in outcome:
                number += 1
                key = (group, f"{name} ({number})")
            outcome[key] = VERDICTS[kind]
    return outcome, texts
