# SPDX-License-Identifier: BSD-2-Clause
"""Debian's own programs, unmodified, in scripts as people write them (programs/*.sh): what they say in
a chroot of this system is what they say on Alba, on one CPU and on four."""
import os
import pathlib
import re
import shutil
import subprocess

import debian_root
import pytest
import suite

SCRIPTS = pathlib.Path(__file__).resolve().parent / "programs"
LIMIT = 600  # seconds; catches hangs only
NUMBER = re.compile(r"(line \d+:|^\[\d+\]) +\d+\b")  # bash numbers processes that were killed

COMMON = """bash dash sh ls cp mv ln rm mkdir rmdir cat du df stat touch sort split tee timeout
nohup env seq shuf grep sed awk mawk find xargs tar gzip zcat diff cmp perl head tail wc tr od echo date
sleep kill uname id whoami tty dd chmod chown readlink realpath md5sum truncate fallocate mkfifo mknod
nice chroot install tac nproc renice ionice chrt taskset setpriv prlimit cut yes true false printf xz""".split()
BUILD = "gcc make as ld nm cc1 collect2 ar".split()
GIT = ["git"]


def run(command):
    done = subprocess.run(list(map(str, command)), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, timeout=LIMIT, check=False,
                          preexec_fn=suite.usual_signals)
    return done.stdout.decode(errors="replace").splitlines() + [f"status {done.returncode}"]


def command(name, root):
    """Both streams are one in the guest as here, so that their order is the same."""
    shutil.copy(SCRIPTS / f"{name}.sh", root / "script.sh")
    return ["env", "-i", "PATH=/usr/bin:/bin:/usr/sbin:/sbin", "HOME=/root", "LC_ALL=C", "bash", "-c",
            "bash /script.sh 2>&1"]


@pytest.fixture(scope="module", name="here")
def fixture_here():
    """What a script says on this system; it is asked once."""
    said = {}

    def ask(name, root):
        if name not in said:
            said[name] = run(suite.in_chroot(root, *command(name, root)))
        return said[name]

    return ask


@pytest.fixture(name="same", params=[1, 4], ids=lambda n: f"smp{n}")
def fixture_same(request, built, here):
    def same(root, name, memory="512M"):
        program, *arguments = command(name, root)
        there = run([built("alba"), "run", "-m", memory, "--smp", request.param, "--root", root,
                     "--entry", program, "--", *arguments])
        expected = [NUMBER.sub(r"\1 N", line) for line in here(name, root)]
        assert [NUMBER.sub(r"\1 N", line) for line in there] == expected
        assert len(expected) > 15 and expected[-1] == "status 0"

    return same


@pytest.fixture(scope="module", name="common")
def fixture_common(tmp_path_factory):
    return debian_root.make(tmp_path_factory.mktemp("root"), COMMON)


def trees():
    """What gcc and git need besides programs."""
    library = subprocess.run(["gcc", "-print-libgcc-file-name"], capture_output=True, text=True,
                             check=True).stdout.strip()
    folder, place = os.path.dirname(library), "/usr/lib/x86_64-linux-gnu"
    return [f"{folder}/include", "/usr/include", "/usr/lib/git-core", "/usr/share/git-core",
            *(f"{folder}/{name}" for name in ("libgcc.a", "libgcc_s.so", "crtbeginS.o", "crtendS.o",
                                              "liblto_plugin.so")),
            *(f"{place}/{name}" for name in ("Scrt1.o", "crti.o", "crtn.o", "libc.so",
                                             "libc_nonshared.a", "libgcc_s.so.1", "libm.so.6"))]


@pytest.fixture(scope="module", name="everything")
def fixture_everything(tmp_path_factory):
    """With a compiler and git."""
    return debian_root.make(tmp_path_factory.mktemp("root"), COMMON + BUILD + GIT, trees())


@pytest.mark.parametrize("name", ["files", "text", "jobs", "scheduling"])
def test_common_programs(same, common, name):
    same(common, name)


@pytest.mark.parametrize("name", ["build", "git", "parallel"])
def test_compiler_and_git(same, everything, name):
    same(everything, name, "2G")


TRY_PRIORITIES = """nice -n -5 nice 2>/dev/null; nice -n -6 nice 2>/dev/null
chrt -f 10 echo ten 2>/dev/null; chrt -r 11 echo eleven 2>/dev/null
chrt -i 0 chrt -o 0 echo back 2>/dev/null; echo"""


@pytest.mark.parametrize("nice,rtprio,said", [(0, 0, "0 0"), (25, 10, "-5 0 ten back")])
def test_limits_of_priorities(built, common, nice, rtprio, said):
    """RLIMIT_NICE and RLIMIT_RTPRIO of somebody without rights (getrlimit(2)). This system's root may
    lack the right to raise them, so only Alba is asked."""
    there = run([built("alba"), "run", "-m", "512M", "--root", common, "--entry", "env", "sh", "-c",
                 f"chmod 755 /; prlimit --nice={nice} --rtprio={rtprio} setpriv --reuid=65534"
                 f" --clear-groups sh -c '{TRY_PRIORITIES}'"])
    assert there == [*said.split(), "", "status 0"]
