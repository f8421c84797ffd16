# SPDX-License-Identifier: BSD-2-Clause
"""The command `alba` by itself: options, packing, dependencies, streams, signals, statuses. QEMU is
fake_qemu.py, which runs the packed program as a process of this system."""
import hashlib
import os
import pathlib
import signal
import subprocess
import sys
import time

import pexpect
import pytest

FAKE = pathlib.Path(__file__).with_name("fake_qemu.py")
LIMIT = 60  # seconds; catches hangs only


@pytest.fixture(name="environment")
def fixture_environment(tmp_path):
    kernel = tmp_path / "kernel"
    kernel.write_bytes(b"")
    return dict(os.environ, ALBA_QEMU=str(FAKE), ALBA_KERNEL=str(kernel), TMPDIR=str(tmp_path))


@pytest.fixture(name="alba")
def fixture_alba(built, environment):
    """Runs alba to its end: alba(arguments..., fake=behaviour, and what subprocess.run takes)."""
    command = built("alba")

    def run(*arguments, fake="", env=None, **options):
        options.setdefault("capture_output", True)
        options.setdefault("stdin", None if "input" in options else subprocess.DEVNULL)
        if options["stdin"] is None:
            del options["stdin"]
        environ = dict(environment, FAKE_QEMU=fake, **(env or {}))
        return subprocess.run([command, *arguments], env=environ, timeout=LIMIT, check=False,
                              **options)

    return run


@pytest.fixture(name="run")
def fixture_run(alba):
    return lambda *arguments, **options: alba("run", "--accel", "tcg", *arguments, **options)


@pytest.fixture(name="start")
def fixture_start(built, environment):
    """Starts alba and leaves it running."""
    started = []

    def start(*arguments, fake="", **options):
        process = subprocess.Popen([built("alba"), "run", "--accel", "tcg", *arguments],
                                   env=dict(environment, FAKE_QEMU=fake), **options)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture(name="pack")
def fixture_pack(run, tmp_path):
    """Packs without starting: the image as {name: (mode, bytes)}, and what alba said."""

    def pack(*arguments):
        done = run("--dry-run", *arguments)
        assert done.returncode == 0, done.stderr
        image, = tmp_path.glob("alba-*.cpio")
        entries = read_archive(image.read_bytes())
        image.unlink()
        return entries

    return pack


def read_archive(data):
    entries = {}
    at = 0
    while True:
        assert data[at:at + 6] == b"070701"
        field = [int(data[at + 6 + 8 * i:at + 14 + 8 * i], 16) for i in range(13)]
        mode, size, name_size = field[1], field[6], field[11]
        assert 1 <= name_size <= 4096
        name = data[at + 110:at + 110 + name_size].split(b"\0")[0].decode()
        start = (at + 110 + name_size + 3) & ~3
        if name == "TRAILER!!!":
            assert start == len(data)
            return entries
        if size >= 4096:
            assert start % 4096 == 0, f"{name} is not aligned"
        entries[name] = (mode, data[start:start + size], field)
        at = (start + size + 3) & ~3


def said(done):
    """What alba said in its one line."""
    lines = done.stderr.decode().splitlines()
    assert len(lines) == 1 and lines[0].startswith("alba: "), lines
    return lines[0]


# The command line.

def test_help_and_version(alba):
    for arguments in (["--help"], ["run", "--help"], ["--version"]):
        done = alba(*arguments)
        assert done.returncode == 0 and b"alba" in done.stdout and done.stderr == b""


@pytest.mark.parametrize("option", ["--memory", "--smp", "--env", "--volume", "--workdir", "--root",
                                    "--entry", "--kernel", "--append", "--machine", "--accel",
                                    "--timeline", "--gdb", "--dry-run"])
def test_help_and_manual_know_the_option(alba, root, option):
    assert option in alba("run", "--help").stdout.decode()
    assert "Fl -" + option[2:] in (root / "doc" / "alba.1").read_text() or \
        ", -" + option[2:] in (root / "doc" / "alba.1").read_text()


@pytest.mark.parametrize("arguments, words", [
    ([], "--help"),
    (["walk"], "'walk' is not a command"),
    (["run"], "which program"),
    (["run", "--nonsense", "true"], "unknown option --nonsense"),
    (["run", "-Z", "true"], "unknown option -Z"),
    (["run", "--memory"], "needs a value"),
    (["run", "-m", "lots", "true"], "'lots' should be a size"),
    (["run", "-m", "99999999999999999999G", "true"], "should be a size"),
    (["run", "-m", "17179869184G", "true"], "should be a size"),
    (["run", "-m", "1k", "true"], "should be a size"),
    (["run", "-m", "-1", "true"], "should be a size"),
    (["run", "--smp", "0", "true"], "should be a number"),
    (["run", "--smp", "2x", "true"], "should be a number"),
    (["run", "--machine", "isapc", "true"], "microvm, q35 or pc"),
    (["run", "--accel", "hope", "true"], "auto, kvm or tcg"),
    (["run", "--gdb=99999", "true"], "should be a number"),
    (["run", "--user", "root", "true"], "should be numbers"),
    (["run", "--workdir", "here", "true"], "absolute path"),
    (["run", "--volume", "/etc", "true"], "HOST:GUEST"),
    (["run", "--volume", "/nowhere:/x", "true"], "No such file"),
    (["run", "--root", "/nowhere", "true"], "No such file"),
    (["run", "--root", "/etc/passwd", "true"], "/etc/passwd: "),
    (["run", "--env", "=x", "true"], "NAME or NAME=VALUE"),
    (["run", "--env-file", "/nowhere", "true"], "No such file"),
    (["run", "--kernel", "/nowhere", "true"], "No such file"),
])
def test_wrong_command_lines_say_so_in_one_line(alba, arguments, words):
    done = alba(*arguments)
    assert done.returncode == 125 and words in said(done) and done.stdout == b""


def test_options_end_at_the_program(run):
    assert run("/bin/echo", "-m", "--help", "--", "-e").stdout == b"-m --help -- -e\n"
    assert run("--", "/bin/echo", "x").stdout == b"x\n"
    assert run("-q", "--entry", "/bin/echo", "a", "b").stdout == b"a b\n"


@pytest.mark.parametrize("missing, words", [
    ({"ALBA_QEMU": "/nowhere"}, "ALBA_QEMU=/nowhere"),
    ({"ALBA_QEMU": "", "PATH": "/nowhere"}, "apt install qemu-system-x86"),
    ({"ALBA_KERNEL": "/nowhere"}, "kernel /nowhere: No such file"),
])
def test_missing_parts_say_what_to_do(run, missing, words):
    done = run("/bin/true", env=missing)
    assert done.returncode == 125 and words in said(done)


def test_missing_kernel(built, environment, tmp_path):
    alone = tmp_path / "alba"
    alone.write_bytes(built("alba").read_bytes())
    alone.chmod(0o755)
    if pathlib.Path("/usr/local/lib/alba/alba.elf").exists():
        pytest.skip("an installed kernel is found")
    del environment["ALBA_KERNEL"]
    done = subprocess.run([alone, "run", "--accel", "tcg", "/bin/true"], env=environment,
                          capture_output=True, timeout=LIMIT, check=False)
    assert done.returncode == 125 and "make all" in said(done)


def test_qemu_command(run, tmp_path, environment):
    record = tmp_path / "record"
    done = run("-q", "-m", "64M", "--smp", "3", "--append", "a b=\"c d\"", "--machine", "q35",
               "/bin/true", env={"FAKE_QEMU_RECORD": str(record)})
    assert done.returncode == 0, done.stderr
    words = record.read_text().split("\n")
    pairs = list(zip(words, words[1:]))
    for pair in [("-m", "size=65536k"), ("-smp", "3"), ("-machine", "q35"), ("-accel", "tcg"),
                 ("-kernel", environment["ALBA_KERNEL"]), ("-action", "panic=exit-failure"),
                 ("-append", "console=ttyS0 rdinit=/.alba/init a b=\"c d\"")]:
        assert pair in pairs
    assert any(word.startswith("virtio-serial-pci") for word in words)


def test_dry_run_prints_a_command_for_a_shell(run, tmp_path):
    done = run("--dry-run", "--append", "it's", "/bin/true")
    assert done.returncode == 0
    words = subprocess.run(["sh", "-c", "printf '%s\\n' " + done.stdout.decode()],
                           capture_output=True, check=True).stdout.decode().splitlines()
    assert words[0] == str(FAKE)
    assert words[words.index("-append") + 1].endswith("it's")
    assert pathlib.Path(words[words.index("-initrd") + 1]).parent == tmp_path
    assert not any("fd=" in word for word in words)


# What is packed.

def elf_programs(count):
    found = []
    for path in sorted(pathlib.Path("/usr/bin").iterdir()):
        if path.is_file() and os.access(path, os.R_OK | os.X_OK):
            with open(path, "rb") as file:
                if file.read(5) == b"\x7fELF\x02":
                    found.append(path)
    return found[::max(1, len(found) // count)][:count]


def ldd(program):
    """What the dynamic linker itself finds, or None for static programs and where ldd fails."""
    done = subprocess.run(["ldd", program], capture_output=True, check=False)
    if done.returncode != 0 or b"not found" in done.stdout:
        return None
    words = [line.split() for line in done.stdout.decode().splitlines()]
    paths = [w[2] if "=>" in w else w[0] for w in words]
    return {os.path.realpath(path) for path in paths if path.startswith("/")}


def test_libraries_are_those_that_the_dynamic_linker_finds(run, tmp_path):
    compared = 0
    for program in elf_programs(50):
        expected = ldd(program)
        if expected is None:
            continue
        done = run("--dry-run", "--verbose", program)
        next(tmp_path.glob("alba-*.cpio")).unlink()
        assert done.returncode == 0, done.stderr
        packed = {os.path.realpath(line.split("packs ")[1])
                  for line in done.stderr.decode().splitlines() if "packs " in line}
        packed.discard(os.path.realpath(program))
        # Also packed for programs whose threads end or are cancelled; ldd does not know.
        extra = {path for path in packed - expected if "libgcc_s.so" not in path}
        assert not extra and not expected - packed, program
        compared += 1
    assert compared >= 10


def compile_c(directory, name, source, *flags, compiler="gcc"):
    file = directory / f"{name}.c"
    file.write_text(source)
    subprocess.run([compiler, "-o", directory / name, file, *flags], check=True)
    return directory / name


@pytest.mark.parametrize("tags", ["--enable-new-dtags", "--disable-new-dtags"])
def test_run_paths_and_links(pack, tmp_path, tags):
    """$ORIGIN in RPATH and RUNPATH, a library of a library, and symbolic links on the way."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")
    deep = "int deep(void){return 0;}"
    compile_c(tmp_path / "real", "libdeep.so", deep, "-shared", "-fPIC", "-Wl,-soname,libdeep.so.1")
    (tmp_path / "real" / "libdeep.so.1").symlink_to("libdeep.so")
    compile_c(tmp_path / "real", "libouter.so", "int deep(void); int outer(void){return deep();}",
              "-shared", "-fPIC", f"-L{tmp_path}/real", "-ldeep", "-Wl,-rpath,$ORIGIN",
              f"-Wl,{tags}")
    program = compile_c(tmp_path, "program", "int outer(void); int main(void){return outer();}",
                        f"-L{tmp_path}/real", "-louter", "-Wl,-rpath,${ORIGIN}/link",
                        f"-Wl,-rpath-link,{tmp_path}/real", f"-Wl,{tags}")
    entries = pack(program)
    here = str(tmp_path)[1:]
    assert entries[f"{here}/link"][:2] == (0o120777, b"real")
    assert entries[f"{here}/real/libdeep.so.1"][1] == b"libdeep.so"
    assert entries[f"{here}/real/libdeep.so"][1] == (tmp_path / "real" / "libdeep.so").read_bytes()
    assert f"{here}/real/libouter.so" in entries
    assert b"/link/libouter.so" in entries["etc/ld.so.cache"][1]


def test_library_path_and_missing_library(run, pack, tmp_path):
    (tmp_path / "lib").mkdir()
    compile_c(tmp_path / "lib", "libfar.so", "int far(void){return 0;}", "-shared", "-fPIC")
    program = compile_c(tmp_path, "program", "int far(void); int main(void){return far();}",
                        f"-L{tmp_path}/lib", "-lfar")
    done = run("--dry-run", program)
    assert done.returncode == 127 and "needs libfar.so" in said(done)
    entries = pack("-e", f"LD_LIBRARY_PATH=/nowhere:{tmp_path}/lib", program)
    assert f"{tmp_path}/lib/libfar.so"[1:] in entries


def test_musl_program(pack, tmp_path):
    linker = pathlib.Path("/lib/ld-musl-x86_64.so.1")
    if not linker.exists():
        pytest.skip("musl is not installed")
    program = compile_c(tmp_path, "program", "int main(void){return 0;}", compiler="musl-gcc")
    entries = pack(program)
    assert os.path.realpath(linker)[1:] in entries and "etc/ld.so.cache" not in entries


def test_static_program_brings_nothing(pack, tmp_path):
    program = compile_c(tmp_path, "program", "int main(void){return 0;}", "-static")
    entries = pack(program)
    assert not any("lib" in pathlib.Path(name).parts for name in entries)


def test_script_brings_its_interpreters(pack, tmp_path):
    script = tmp_path / "script"
    script.write_text("#!/usr/bin/env -S sh -e\necho x\n")
    script.chmod(0o755)
    entries = pack(script)
    assert "usr/bin/env" in entries and os.path.realpath("/bin/sh")[1:] in entries


@pytest.mark.parametrize("content, mode, status, words", [
    (b"", 0o755, 126, "neither"),
    (b"hello\n", 0o755, 126, "neither"),
    (b"#!/nowhere/sh\n", 0o755, 127, "interpreter /nowhere/sh"),
    (b"#!\n", 0o755, 126, "neither"),
    (b"#!/bin/sh\n", 0o644, 126, "not executable"),
    (b"\x7fELF" + bytes(60), 0o755, 126, "not for x86-64"),
    (b"\x7fELF\x01\x01\x01" + bytes(57), 0o755, 126, "not for x86-64"),
    (b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\0\x3e\0\x01\0\0\0" + bytes(40), 0o755, 126,
     "damaged"),
])
def test_files_that_are_no_programs(run, tmp_path, content, mode, status, words):
    file = tmp_path / "file"
    file.write_bytes(content)
    file.chmod(mode)
    done = run(file)
    assert done.returncode == status and words in said(done)


def test_programs_that_are_not_there(run, tmp_path):
    for name, status in [("no-such-program", 127), (tmp_path / "none", 127), (tmp_path, 126),
                         ("", 127)]:
        done = run(name)
        assert done.returncode == status
        said(done)


def test_damaged_elf_files_are_refused_or_packed(run, tmp_path):
    """Every byte of the headers and of the dynamic section set to other values: no crash."""
    whole = pathlib.Path("/bin/true").read_bytes()
    file = tmp_path / "damaged"
    for at in list(range(16, 64)) + list(range(64, 64 + 56 * 8, 7)):
        for value in (0, 0xff):
            file.write_bytes(whole[:at] + bytes([value]) + whole[at + 1:])
            file.chmod(0o755)
            done = run("--dry-run", file)
            assert done.returncode in (0, 126, 127), (at, value, done)
            for image in tmp_path.glob("alba-*.cpio"):
                image.unlink()
    for size in range(0, 4096, 61):
        file.write_bytes(whole[:size])
        file.chmod(0o755)
        assert run("--dry-run", file).returncode == 126


@pytest.fixture(name="tree")
def fixture_tree(tmp_path):
    tree = tmp_path / "tree"
    (tree / "bin").mkdir(parents=True)
    (tree / "bin" / "program").write_bytes(os.urandom(10000))
    (tree / "bin" / "program").chmod(0o4755)
    (tree / "bin" / "second").hardlink_to(tree / "bin" / "program")
    (tree / "bin" / "link").symlink_to("../empty dir")
    (tree / "empty dir").mkdir(mode=0o1777)
    (tree / "empty dir").chmod(0o1777)
    (tree / "é").write_bytes(b"")
    with open(tree / "sparse", "wb") as file:
        file.write(b"start")
        file.seek(100000)
        file.write(b"end")
    os.mkfifo(tree / "fifo")
    return tree


@pytest.mark.parametrize("form", ["directory", "", "--gzip", "--xz", "--zstd", "--sparse"])
def test_roots(pack, tree, tmp_path, form):
    source = tree
    if form != "directory":
        source = tmp_path / "root.tar"
        subprocess.run(["tar", "-C", tree, "-cf", source, *filter(None, [form]), "."], check=True)
    entries = pack("--root", source, "program")
    content = (tree / "bin" / "program").read_bytes()
    links = [entries["bin/program"], entries["bin/second"]]
    assert {entry[0] for entry in links} == {0o104755}
    assert sorted(len(entry[1]) for entry in links) == [0, 10000]
    assert content in [entry[1] for entry in links]
    assert len({entry[2][0] for entry in links}) == 1, "one inode"
    assert all(entry[2][4] == 2 for entry in links if entry[1]), "two links"
    assert entries["bin/link"][:2] == (0o120777, b"../empty dir")
    assert entries["empty dir"][0] == 0o041777
    assert entries["é"][1] == b""
    assert entries["sparse"][1] == (tree / "sparse").read_bytes()
    assert entries["fifo"][0] & 0o170000 == 0o010000
    assert ".alba/init" in entries and ".alba/spec" in entries


def test_archive_with_dots_is_refused(run, tmp_path):
    archive = tmp_path / "bad.tar"
    subprocess.run(["tar", "-P", "-cf", archive, "--transform", "s,^etc,../../etc,", "-C", "/",
                    "etc/passwd"], check=True)
    done = run("--root", archive, "sh")
    assert done.returncode == 125 and "'..'" in said(done)


def test_truncated_archive_is_refused(run, tree, tmp_path):
    archive = tmp_path / "root.tar"
    subprocess.run(["tar", "-C", tree, "-cf", archive, "."], check=True)
    archive.write_bytes(archive.read_bytes()[:9000])
    done = run("--root", archive, "sh")
    assert done.returncode == 125 and "root.tar" in said(done)


def test_volumes_win_and_make_directories(pack, tree):
    entries = pack("--root", tree, "-v", "/etc/passwd:/a/b/c:ro", "-v", f"{tree}/bin:/copy",
                   "-v", "/etc/passwd:/sparse", "sh")
    passwd = pathlib.Path("/etc/passwd").read_bytes()
    assert entries["a/b/c"][1] == passwd and entries["sparse"][1] == passwd
    assert entries["a/b"][0] == 0o040755
    assert "copy/program" in entries and "copy/link" in entries


def test_root_that_does_not_fit_the_memory(run, tmp_path):
    (tmp_path / "root").mkdir()
    with open(tmp_path / "root" / "big", "wb") as file:
        file.truncate(100 << 20)
    done = run("-m", "64M", "--root", tmp_path / "root", "sh")
    assert done.returncode == 125 and "does not hold" in said(done)


# Streams, arguments, environment.

def test_arguments_arrive_byte_for_byte(run):
    arguments = ["", " ", "a b", "\"q'", "line\nline", "tab\t", "é", "$HOME", "\\", "-", "x=y"]
    raw = [word.encode() for word in arguments] + [b"\xff\xfe"]
    program = "import sys,os; sys.stdout.buffer.write(b'|'.join(map(os.fsencode,sys.argv[1:])))"
    done = run(sys.executable, "-c", program, *raw, env={"PYTHONUTF8": "1"})
    assert done.stdout == b"|".join(raw)


def test_environment(run, tmp_path):
    file = tmp_path / "env"
    file.write_text("# comment\nFROM_FILE=1 2\n\nTAKEN\nTAKEN_NOT\n")
    done = run("-e", "A=1", "-e", "A=2=3", "-e", "TAKEN", "--env-file", file, "-e", "EMPTY=",
               "-e", "HOME=/h", "/usr/bin/env", env={"TAKEN": "x\ny", "SECRET": "s"})
    lines = done.stdout.decode().splitlines()
    for line in ["A=2=3", "TAKEN=x", "FROM_FILE=1 2", "EMPTY=", "HOME=/h", "HOSTNAME=alba"]:
        assert lines.count(line) == 1, (line, lines)
    assert not any(line.startswith(("SECRET", "TAKEN_NOT", "A=1", "TERM")) for line in lines)


def test_streams_are_separate_and_binary(run):
    done = run("-q", "/bin/sh", "-c", "cat; echo error >&2", input=bytes(range(256)) * 100)
    assert done.stdout == bytes(range(256)) * 100
    assert done.stderr == b"error\n"


def test_kernel_messages_go_to_standard_error(run):
    assert run("/bin/true").stderr == b"the kernel speaks\n"
    assert run("-q", "/bin/true").stderr == b""


def test_hundred_megabytes(run, tmp_path):
    source = tmp_path / "source"
    block = os.urandom(1 << 20)
    with open(source, "wb") as file:
        for _ in range(100):
            file.write(block)
    with open(source, "rb") as file, open(tmp_path / "copy", "wb") as copy:
        done = run("/bin/cat", capture_output=False, stdin=file, stdout=copy)
    assert done.returncode == 0

    def digest(path):
        return hashlib.sha256(path.read_bytes()).digest()

    assert digest(source) == digest(tmp_path / "copy")


def test_slow_reader_loses_nothing(start):
    process = start("-q", "/bin/sh", "-c", "head -c 3000000 /dev/zero; exit 4",
                    stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    size = 0
    while data := os.read(process.stdout.fileno(), 65536):
        size += len(data)
        time.sleep(0.001)
    assert size == 3000000 and process.wait(LIMIT) == 4


def test_end_of_input_and_of_output(run, start):
    assert run("-q", "/bin/cat", stdin=subprocess.DEVNULL).returncode == 0
    assert run("-q", "/bin/cat", input=b"").returncode == 0
    process = start("-q", "/usr/bin/yes", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    assert process.stdout.read(4) == b"y\ny\n"
    process.stdout.close()
    # The stand-in gives the program the socket itself, which may also say "connection reset".
    assert process.wait(LIMIT) in (128 + signal.SIGPIPE, 1)


def test_closed_streams(run):
    for closed in ("<&-", ">&-", "2>&-", "<&- >&- 2>&-"):
        done = subprocess.run(["sh", "-c", f'"$@" {closed}', "sh", *run("true").args[:4], "/bin/sh",
                               "-c", "exit 9"], env=dict(os.environ, ALBA_QEMU=str(FAKE),
                                                         ALBA_KERNEL="/dev/null"),
                              capture_output=True, timeout=LIMIT, check=False)
        assert done.returncode == 9, (closed, done)


# How it ends.

@pytest.mark.parametrize("status", [0, 1, 7, 125, 126, 127, 255])
def test_exit_status(run, status):
    assert run("/bin/sh", "-c", f"exit {status}").returncode == status


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM])
def test_status_of_a_signal(run, number):
    assert run("/bin/sh", "-c", f"kill -{int(number)} $$").returncode == 128 + number


@pytest.mark.parametrize("fake, words", [
    ("panic", "the machine failed"),
    ("silent", "stopped without saying"),
    ("crash", "QEMU was ended by signal 6"),
])
def test_machine_failures(run, fake, words):
    done = run("-q", "/bin/true", fake=fake)
    assert done.returncode == 125 and words in done.stderr.decode()
    if fake == "panic":
        assert b"PANIC: no way on" in done.stderr
    if fake == "crash":
        assert b"qemu: something is wrong" in done.stderr


def test_garbage_on_the_control_port(run):
    assert run("-q", "/bin/true", fake="garbage").returncode == 5


def wait_for(file, text):
    data = b""
    while text not in data:
        more = os.read(file.fileno(), 4096)
        assert more, data
        data += more


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1,
                                    signal.SIGUSR2, signal.SIGQUIT])
def test_signals_reach_the_program(start, number):
    script = f"trap 'echo got; exit 3' {int(number)}; echo ready; while :; do sleep 0.05; done"
    process = start("-q", "/bin/sh", "-c", script, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    wait_for(process.stdout, b"ready")
    process.send_signal(number)
    wait_for(process.stdout, b"got")
    assert process.wait(LIMIT) == 3


def test_second_signal_ends_a_deaf_machine(start):
    process = start("-q", "/bin/sh", "-c", "echo ready; exec sleep 50", fake="deaf",
                    stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    wait_for(process.stdout, b"ready")
    process.send_signal(signal.SIGINT)
    time.sleep(1.2)
    process.send_signal(signal.SIGINT)
    assert process.wait(5) == 128 + signal.SIGINT


def test_first_signal_ends_a_hanging_machine_in_time(start):
    process = start("-q", "/bin/true", fake="hang", stdin=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL)
    time.sleep(0.3)
    process.send_signal(signal.SIGTERM)
    assert process.wait(LIMIT) == 128 + signal.SIGTERM


def test_machine_that_does_not_switch_off(run):
    assert run("-q", "/bin/sh", "-c", "exit 6", fake="lingering").returncode == 6


def test_qemu_does_not_outlive_alba(start, tmp_path):
    note = tmp_path / "pid"
    process = start("-q", "/bin/sh", "-c", f"echo $PPID > {note}; echo ready; sleep 50",
                    stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    wait_for(process.stdout, b"ready")
    qemu = int(note.read_text())
    process.kill()
    process.wait()
    for _ in range(500):
        if not pathlib.Path(f"/proc/{qemu}").exists() or \
                pathlib.Path(f"/proc/{qemu}/stat").read_text().split()[2] == "Z":
            return
        time.sleep(0.02)
    pytest.fail("QEMU is still there")


def test_timeline(run, tmp_path):
    text, file = tmp_path / "timeline", tmp_path / "timeline.json"
    assert run("--timeline", text, "/bin/true").returncode == 0
    assert text.read_text() == "the timeline as text\n"
    assert run("--timeline", file, "/bin/true").returncode == 0
    assert file.read_text() == "the timeline as json\n"
    done = run("-q", "--timeline", "/nowhere/file", "/bin/sh", "-c", "exit 3")
    assert done.returncode == 3 and "/nowhere/file" in said(done)


# The terminal.

# The programs print `ready` in a way that the shell's echo of the command does not contain.

def modes(child):
    """The terminal's modes, as stty prints them."""
    return subprocess.run(["stty", "-a"], stdin=child.child_fd, capture_output=True,
                          check=True).stdout


@pytest.fixture(name="spawn")
def fixture_spawn(built, environment):
    """Starts alba on a terminal of its own, below a shell, as people do."""
    children = []

    def spawn(command, fake=""):
        environ = dict(environment, FAKE_QEMU=fake, PS1="prompt> ", ENV="", TERM="vt100")
        child = pexpect.spawn("/bin/sh", ["-i"], env=environ, timeout=LIMIT, dimensions=(30, 100),
                              echo=True)
        child.expect_exact("prompt> ")
        child.before_modes = modes(child)
        child.sendline(command.replace("ALBA", f"{built('alba')} run --accel tcg -q"))
        children.append(child)
        return child

    yield spawn
    for child in children:
        child.close(force=True)


def assert_restored(child):
    child.expect_exact("prompt> ")
    assert modes(child) == child.before_modes
    child.sendline("echo status $?")
    child.expect_exact("status ")


def test_terminal_is_raw_and_restored(spawn):
    child = spawn('''ALBA /bin/sh -c 'echo r"ea"dy; head -c 3 | od -An -tx1' ''')
    child.expect_exact("ready")
    child.send("\x03\x1a\r")  # Ctrl-C, Ctrl-Z and Enter are bytes for the program
    child.expect_exact("03 1a 0d")
    assert_restored(child)


@pytest.mark.parametrize("how", ["crash", "kill -9", "kill -11", "kill -15"])
def test_terminal_is_restored_whatever_happens(spawn, how):
    if how == "crash":
        child = spawn("ALBA /bin/true", fake="crash")
    else:
        child = spawn('''ALBA /bin/sh -c 'echo r"ea"dy; exec sleep 50' ''')
        child.expect_exact("ready")
        alba = subprocess.run(["pgrep", "-P", str(child.pid)], capture_output=True, check=True)
        os.kill(int(alba.stdout.split()[0]), int(how[6:]))
    assert_restored(child)


def test_escape_keys_end_a_machine(spawn):
    child = spawn('''ALBA /bin/sh -c 'echo r"ea"dy; exec sleep 50' ''')
    child.expect_exact("ready")
    child.send("\x1d\x1d\x1d")
    assert_restored(child)
    child.expect_exact("137")


def test_window_size_is_passed_on(spawn):
    child = spawn('''ALBA --verbose /bin/sh -c 'echo r"ea"dy; head -c 1' ''')
    child.expect_exact("ready")
    child.setwinsize(40, 120)
    child.expect_exact("winsize 40 120")
    child.setwinsize(30, 100)
    child.send("x")
    assert_restored(child)


def test_keyboard_interrupt_without_raw_mode(spawn):
    """Standard output is a pipe, so the terminal is left alone and Ctrl-C is a signal."""
    child = spawn('''ALBA /bin/sh -c 'echo r"ea"dy >&2; sleep 50' | cat; echo done ''')
    child.expect_exact("ready")
    assert modes(child) == child.before_modes
    child.send("\x03")
    child.expect_exact("prompt> ")


def test_stop_and_continue(spawn):
    child = spawn('''set -m; ALBA /bin/sh -c 'echo r"ea"dy >&2; sleep 1; echo end' | cat ''')
    child.expect_exact("ready")
    child.send("\x1a")
    child.expect_exact("prompt> ")
    assert modes(child) == child.before_modes
    child.sendline("fg")
    child.expect_exact("end")
    child.expect_exact("prompt> ")


def test_terminal_option_types_standard_input(run):
    done = run("-q", "-t", "/usr/bin/head", "-n1", input=b"typed\n")
    assert done.stdout == b"typed\n"
