# SPDX-License-Identifier: BSD-2-Clause
"""The command `alba` by itself: its options, streams, signals and statuses."""
import hashlib
import json
import os
import pathlib
import resource
import signal
import subprocess
import sys
import time

import pytest

from alba_command import (FAKE, LIMIT, fixture_alba, fixture_environment, fixture_run,
                          fixture_start, said)

def test_help_and_version(alba):
    for arguments in (["--help"], ["run", "--help"], ["--version"]):
        done = alba(*arguments)
        assert done.returncode == 0 and b"alba" in done.stdout and done.stderr == b""


@pytest.mark.parametrize("option", ["--memory", "--smp", "--env", "--volume", "--workdir", "--root",
                                    "--entry", "--kernel", "--append", "--machine", "--accel",
                                    "--timeline", "--clock", "--gdb", "--dry-run", "--strace"])
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
    (["run", "-itZ", "true"], "unknown option -Z"),
    (["run", "--quiet=1", "true"], "--quiet takes no value"),
    (["run", "--e", "true"], "unknown option --e"),
    (["run", "--memory"], "needs a value"),
    (["run", "-m", "lots", "true"], "'lots' should be a size"),
    (["run", "-m", "99999999999999999999G", "true"], "should be a size"),
    (["run", "-m", "17179869184G", "true"], "should be a size"),
    (["run", "-m", "1k", "true"], "should be a size"),
    (["run", "-m", "-1", "true"], "should be a size"),
    (["run", "--smp", "0", "true"], "should be a number"),
    (["run", "--smp", "2x", "true"], "should be a number"),
    (["run", "--smp", "abc", "true"], "should be a number"),
    (["run", "--smp", "-1", "true"], "should be a number"),
    (["run", "--smp", "256", "true"], "'256' should be a number from 1 to 255"),
    (["run", "--machine", "isapc", "true"], "microvm, q35 or pc"),
    (["run", "--accel", "hope", "true"], "auto, kvm or tcg"),
    (["run", "--clock", "sand", "true"], "auto, time or instructions"),
    (["run", "--clock", "instructions", "--accel", "kvm", "true"], "--accel tcg"),
    (["run", "--gdb=99999", "true"], "should be a number"),
    (["run", "--user", "root", "true"], "should be numbers"),
    (["run", "--workdir", "here", "true"], "absolute path"),
    (["run", "--volume", "/etc", "true"], "HOST:GUEST"),
    (["run", "--volume", "/nowhere:/x", "true"], "No such file"),
    (["run", "--volume", "/etc:/x:z", "true"], "HOST:GUEST or HOST:GUEST:ro"),
    (["run", ""], "name is empty"),
    (["run", "--root", "/nowhere", "true"], "No such file"),
    (["run", "--root", "/etc/passwd", "true"], "neither a directory nor a tar archive"),
    (["run", "--env", "=x", "true"], "NAME or NAME=VALUE"),
    (["run", "--env-file", "/nowhere", "true"], "No such file"),
    (["run", "--kernel", "/nowhere", "true"], "No such file"),
])
def test_wrong_command_lines_say_so_in_one_line(alba, arguments, words):
    done = alba(*arguments)
    assert done.returncode == (127 if "empty" in words else 125)
    assert words in said(done) and done.stdout == b""


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


def test_dry_run_that_fails_leaves_nothing(run, tmp_path):
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "file").write_bytes(bytes(100000))

    def limit_files():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (50000, 50000))

    done = run("--dry-run", "--root", tmp_path / "root", "sh", preexec_fn=limit_files,
               restore_signals=False)
    assert done.returncode == 125 and "cannot pack" in said(done)
    assert not list(tmp_path.glob("alba-*"))


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


@pytest.mark.parametrize("redirection, words", [
    (">/dev/full", b"cannot write standard output: No space left on device"),
    (">&-", b"cannot write standard output: Bad file descriptor"),
    ("1</dev/null", b"cannot write standard output: Bad file descriptor"),
    ("2>/dev/full", b""),
    ("2>&-", b""),
    ("</tmp", b"cannot read standard input: Is a directory"),
])
def test_streams_that_fail(run, redirection, words):
    """Told in one line, and never a success; to the program it is a closed pipe."""
    def shell(script):
        return subprocess.run(["sh", "-c", f'"$@" {redirection}', "sh", *run("true").args[:4], "-q",
                               "/bin/sh", "-c", script],
                              env=dict(os.environ, ALBA_QEMU=str(FAKE), ALBA_KERNEL="/dev/null"),
                              capture_output=True, timeout=LIMIT, check=False)

    done = shell("cat; echo out; echo error >&2")
    assert done.returncode == 125 and done.stderr.count(b"alba:") == (words != b"")
    assert words in done.stderr
    assert shell("cat; echo out; echo error >&2; exit 3").returncode == 3


@pytest.mark.parametrize("arguments", [["--help"], ["run", "--help"], ["--version"],
                                       ["run", "--dry-run", "/bin/true"]])
def test_own_output_that_fails(alba, arguments):
    with open("/dev/full", "wb") as full:
        done = alba(*arguments, capture_output=False, stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 125 and "cannot write standard output" in said(done)


def test_reader_that_leaves_is_no_failure(start):
    process = start("-q", "/bin/sh", "-c", "trap '' PIPE; while echo x; do :; done 2>&-; exit 0",
                    stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout.read(2) == b"x\n"
    process.stdout.close()
    assert process.wait(LIMIT) == 0 and process.stderr.read() == b""


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
    ("silent", "stopped before its program started"),
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


def test_ignored_signals_stay_ignored(start):
    """As under nohup(1), and in the background of a shell without job control."""
    process = start("-q", "/bin/sh", "-c", "echo ready; sleep 1; exit 3", stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE, restore_signals=False,
                    preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    wait_for(process.stdout, b"ready")
    process.send_signal(signal.SIGHUP)
    assert process.wait(LIMIT) == 3


def test_ignored_children(run):
    """Whoever starts alba may ignore SIGCHLD, which a program inherits."""
    done = run("-q", "/bin/sh", "-c", "exit 3", restore_signals=False,
               preexec_fn=lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN))
    assert done.returncode == 3


def test_signal_while_gdb_is_waited_for(start):
    process = start("-q", "--gdb=1", "/bin/true", fake="hang", stdin=subprocess.DEVNULL,
                    stderr=subprocess.PIPE)
    assert b"waiting for gdb" in process.stderr.readline()
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    assert process.wait(5) == 128 + signal.SIGINT


def test_debugger_gets_a_kernel_at_its_own_addresses(run, built):
    built("x86_64/alba.elf")
    done = run("--gdb", "--dry-run", "/bin/true")
    assert b"nokaslr" in done.stdout and b"nokaslr" not in run("--dry-run", "/bin/true").stdout


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
    text, file, picture = tmp_path / "timeline", tmp_path / "t.json", tmp_path / "t.svg"
    assert run("--timeline", text, "--timeline", file, "--timeline", picture,
               "/bin/true").returncode == 0
    assert [line.split()[:2] + line.split()[-2:] for line in text.read_text().splitlines()[2:]] == [
        ["start_cycles", "cycles", "kind", "name"], ["0", "1000", "stage", "loader"],
        ["1000", "2000", "early", "trap"]]
    assert json.loads(file.read_text())["records"][1]["name"] == "trap"
    assert picture.read_text().startswith("<svg ")
    assert b"stage loader" in run("-q", "--timeline", "-", "/bin/true").stdout
    done = run("-q", "--timeline", "/nowhere/file", "/bin/sh", "-c", "exit 3")
    assert done.returncode == 3 and "/nowhere/file" in said(done)


def strace(run, refused):
    done = run("--strace", "/bin/sh", "-c", "exit 3", env={"FAKE_QEMU_REFUSED": refused})
    assert done.returncode == 3 and b"the kernel speaks\n" in done.stderr
    return [line for line in done.stderr.decode().splitlines() if line.startswith("alba: ")]


def test_strace_tells_what_is_lacking(run):
    title, *lines = strace(run, "41 97 2\n156 38 1\n500 38 3\n512 38 4\n26 22 5\n1 22 9\n")
    assert "refused" in title
    words = [line[len("alba: "):].split(None, 2) for line in lines]
    assert [(count, rest.split(":")[0]) for count, _, rest in words] == [
        ("2", "socket"), ("1", "_sysctl"), ("3", "call 500"), ("4", "call 512 or higher"), ("5", "msync")]
    assert "AF_UNIX only" in lines[0] and "Address family not supported" in lines[0]
    assert "if not the program's mistake" in lines[4]


def test_strace_without_anything_to_tell(run, tmp_path, environment):
    assert len(strace(run, "1 22 9\n")) == 1  # EINVAL of a call that is complete
    assert len(strace(run, "x\n-1 -1\n99999999999 22 1\n1 22 1 1\n")) == 1
    assert len(strace(run, "41 97 1\n" * 1000)) == 257  # no more than that are believed
    record = tmp_path / "record"
    run("--strace", "/bin/true", env=dict(environment, FAKE_QEMU_RECORD=str(record)))
    assert " strace=program" in record.read_text()
    run("/bin/true", env=dict(environment, FAKE_QEMU_RECORD=str(record)))
    assert "strace=" not in record.read_text()
