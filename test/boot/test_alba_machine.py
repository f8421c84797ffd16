# SPDX-License-Identifier: BSD-2-Clause
"""`alba run` with the real machine: what a person does at a terminal and in scripts."""
import hashlib
import json
import os
import pathlib
import shlex
import signal
import socket
import subprocess
import time

import pexpect
import pytest

LIMIT = 120  # seconds; catches hangs only
BUSYBOX = "busybox"


@pytest.fixture(name="command")
def fixture_command(built):
    built("x86_64/alba.elf")
    return [str(built("alba")), "run"]


@pytest.fixture(name="run")
def fixture_run(command):
    def run(*arguments, **options):
        if "stdin" not in options and "input" not in options:
            options["stdin"] = subprocess.DEVNULL
        for stream in ("stdout", "stderr"):
            options.setdefault(stream, subprocess.PIPE)
        return subprocess.run([*command, *arguments], timeout=LIMIT, check=False, **options)

    return run


@pytest.fixture(name="sh")
def fixture_sh(run):
    """Runs a script in busybox's shell: sh(script, options of alba...)."""
    return lambda script, *options, **more: run(*options, BUSYBOX, "sh", "-c", script, **more)


def test_pipes_and_status(run, sh):
    assert run(BUSYBOX, "sed", "s/i/o/", input=b"hi\n").stdout == b"ho\n"
    assert sh("exit 7").returncode == 7
    assert sh("kill -9 $$").returncode == 137
    done = sh("echo out; echo err >&2; cat", input=b"\0\xff\r\n\n\x04\x1a")
    assert done.stdout == b"out\n\0\xff\r\n\n\x04\x1a" and done.stderr == b"err\n"


def test_arguments_and_environment(run, sh):
    words = ["a b", "q'\"", "n\nl", "é", "", "\\", "*"]
    done = run(BUSYBOX, "printf", "[%s]", *words)
    assert done.stdout == "".join(f"[{word}]" for word in words).encode()
    done = sh("echo $A; pwd; hostname; echo $HOME; id -u; id -g", "-e", "A=x  y".replace("  ", " "),
              "-w", "/made/here", "--hostname", "box", "--user", "12:34")
    assert done.stdout == b"x y\n/made/here\nbox\n/\n12\n34\n"


def test_missing_and_broken_programs(run, tmp_path):
    (tmp_path / "file").write_text("#!/bin/sh\n")
    (tmp_path / "file").chmod(0o644)
    for name, status in [("/nowhere", 127), ("nowhere", 127), ("/file", 126)]:
        done = run("-q", "--root", tmp_path, name)
        lines = done.stderr.decode().splitlines()
        assert done.returncode == status and len(lines) == 1 and lines[0].startswith("alba: ")


def test_missing_interpreter(run, tmp_path):
    (tmp_path / "script").write_text("#!/nowhere/sh\n")
    (tmp_path / "script").chmod(0o755)
    done = run("-q", "--root", tmp_path, "/script")
    assert done.returncode == 127 and b"interpreter of /script" in done.stderr


def test_dynamic_programs(run):
    done = run("-v", "/etc/debian_version:/a/b", "/usr/bin/sort", "/a/b")
    assert done.stdout == pathlib.Path("/etc/debian_version").read_bytes(), done.stderr
    # /lib is a link to /usr/lib on this system and in the machine
    done = run("-v", "/etc/debian_version:/lib/x", "/usr/bin/sort", "/usr/lib/x")
    assert done.stdout == pathlib.Path("/etc/debian_version").read_bytes(), done.stderr
    done = run("/bin/bash", "-c", "echo $((6 * 7)); exit 5")
    assert (done.stdout, done.returncode) == (b"42\n", 5), done.stderr


@pytest.mark.parametrize("compiler, flags", [
    ("gcc", []), ("gcc", ["-static"]), ("gcc", ["-static-pie"]), ("gcc", ["-pthread"]),
    ("musl-gcc", []), ("musl-gcc", ["-static"])])
def test_kinds_of_programs(run, tmp_path, compiler, flags):
    source = tmp_path / "program.c"
    source.write_text('#include <stdio.h>\n'
                      'int main(int c, char **v) { printf("%s %d\\n", v[1], c); return 3; }\n')
    subprocess.run([compiler, *flags, "-o", tmp_path / "program", source], check=True)
    done = run(tmp_path / "program", "word")
    assert (done.stdout, done.returncode) == (b"word 2\n", 3), done.stderr


def test_script(run, tmp_path):
    script = tmp_path / "script"
    script.write_text("#!/usr/bin/env sh\necho \"$0 $1\"\n")
    script.chmod(0o755)
    assert run(script, "x").stdout == f"{script} x\n".encode()


def test_volumes_and_links(sh, tmp_path):
    (tmp_path / "directory").mkdir()
    (tmp_path / "directory" / "one").write_bytes(os.urandom(5000))
    (tmp_path / "directory" / "two").hardlink_to(tmp_path / "directory" / "one")
    (tmp_path / "link").symlink_to("directory/one")
    expected = hashlib.sha1((tmp_path / "link").read_bytes()).hexdigest()
    done = sh("cd /v; for f in link directory/*; do sha1sum $f; done; "
              "[ directory/one -ef directory/two ] && echo same", "-v", f"{tmp_path}:/v")
    assert done.stdout.decode().splitlines() == [
        f"{expected}  link", f"{expected}  directory/one", f"{expected}  directory/two", "same"]


def test_many_bytes(run, tmp_path):
    data = os.urandom(20 << 20)
    (tmp_path / "data").write_bytes(data)
    with open(tmp_path / "data", "rb") as file:
        done = run(BUSYBOX, "cat", stdin=file)
    assert hashlib.sha1(done.stdout).digest() == hashlib.sha1(data).digest()


def test_slow_and_leaving_readers(command):
    def start(script):
        return subprocess.Popen([*command, BUSYBOX, "sh", "-c", script], stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE)

    process = start("head -c 3000000 /dev/zero; exit 4")
    time.sleep(1)
    assert len(process.stdout.read()) == 3000000 and process.wait(LIMIT) == 4
    process = start("yes; echo $? >&2; exit 9")
    assert process.stdout.read(4) == b"y\ny\n"
    process.stdout.close()
    assert process.wait(LIMIT) == 9


def test_signals(command):
    for number, script, status in [
            (signal.SIGTERM, "trap 'exit 3' TERM; echo ready; while :; do sleep 0.1; done", 3),
            (signal.SIGUSR1, "trap 'exit 4' USR1; echo ready; while :; do sleep 0.1; done", 4),
            (signal.SIGINT, "echo ready; exec sleep 100", 130)]:
        process = subprocess.Popen([*command, BUSYBOX, "sh", "-c", script],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(number)
        assert process.wait(LIMIT) == status


def test_signals_at_any_time(command):
    """A signal is not lost, however early it comes: also between fork and exec."""
    for i in range(20):
        process = subprocess.Popen([*command, BUSYBOX, "sleep", "30"], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE)
        time.sleep(0.01 + i * 0.012)
        process.send_signal(signal.SIGTERM)
        # Before alba blocks signals it ends like any program.
        assert process.wait(LIMIT) in (128 + signal.SIGTERM, -signal.SIGTERM)


def test_processes_left_behind_do_not_keep_the_machine(sh):
    done = sh("sleep 1000 & sh -c 'while :; do :; done' & echo started; exit 2")
    assert (done.stdout, done.returncode) == (b"started\n", 2)


def test_installed(root, command, tmp_path):
    """`make install` puts the kernel where alba finds it, wherever that is."""
    del command  # all is built
    subprocess.run(["make", "-s", "-C", root, "install", f"DESTDIR={tmp_path}", "PREFIX=/opt"],
                   check=True)
    environ = {name: value for name, value in os.environ.items() if name != "ALBA_KERNEL"}
    done = subprocess.run([tmp_path / "opt/bin/alba", "run", BUSYBOX, "echo", "hello"], env=environ,
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=LIMIT, check=False)
    assert done.stdout == b"hello\n", done.stderr
    assert (tmp_path / "opt/share/man/man1/alba.1").exists()


def test_kernel_without_a_way_on(run):
    done = run("--append", "rdinit=/nowhere", BUSYBOX, "true")
    assert done.returncode == 125 and b"/nowhere" in done.stderr
    done = run("-q", "--append", "rdinit=/nowhere", BUSYBOX, "true")
    assert done.returncode == 125 and b"/nowhere" in done.stderr, "quiet, but not about this"


@pytest.mark.parametrize("machine", ["microvm,acpi=on", "microvm,rtc=off,pit=off,pic=off"])
def test_other_machines(run, machine):
    done = run("--machine", machine, BUSYBOX, "echo", "hello")
    assert (done.stdout, done.returncode) == (b"hello\n", 0), done.stderr


def test_processors_and_memory(run):
    for options in (["--smp", "8"], ["-m", "32M"], ["-m", "4G"]):
        assert run(*options, BUSYBOX, "echo", "hello").stdout == b"hello\n"


def test_timeline(run, tmp_path):
    assert run("--timeline", tmp_path / "text", BUSYBOX, "true").returncode == 0
    assert "loader" in (tmp_path / "text").read_text()
    assert run("--timeline", tmp_path / "t.json", BUSYBOX, "true").returncode == 0
    names = [record["name"] for record in json.loads((tmp_path / "t.json").read_text())["records"]]
    assert "loader" in names


def test_strace(run, tmp_path):
    """Calls of the program and of its children, none of PID 1's, and what was refused."""
    source, program = tmp_path / "calls.c", tmp_path / "calls"
    source.write_text(r'''
        #include <sys/socket.h>
        #include <sys/syscall.h>
        #include <sys/wait.h>
        #include <unistd.h>
        int main(void)
        {
            socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
            syscall(SYS_ptrace, 0, 0, 0, 0);
            syscall(SYS_ptrace, 0, 0, 0, 0);
            if (fork() == 0) {
                _exit(write(1, "\0011\"\t\n", 5));
            }
            wait(NULL);
            return 4;
        }
    ''')
    subprocess.run(["gcc", "-static", "-o", program, source], check=True)
    done = run("--strace", program)
    lines = done.stderr.decode().splitlines()
    assert done.returncode == 4 and done.stdout == b'\0011"\t\n'
    calls = [line.split("] ", 1)[1] for line in lines if line.startswith("[pid ")]
    assert calls[0].startswith(f'execve("{program}", ["')
    for call in ("socket(AF_INET, SOCK_STREAM|SOCK_CLOEXEC, 0) = "
                 "-1 EAFNOSUPPORT (Address family not supported by protocol)",
                 r'write(1, "\0011\"\t\n", 5) = 5', "exit_group(5) = ?", "exit_group(4) = ?"):
        assert calls.count(call) == 1, call
    assert not any("/.alba" in call or "virtio-ports" in call for call in calls)
    title = next(i for i, line in enumerate(lines) if "refused" in line)
    told = [line.split(None, 4)[1:4] for line in lines[title + 1:]]
    assert told == [["1", "x", "socket:"], ["2", "x", "ptrace:"]]


@pytest.fixture(name="shell")
def fixture_shell(command, built):
    """The busybox prompt of `make run`."""
    root = built("x86_64/root")
    child = pexpect.spawn(command[0], ["run", "--root", str(root), "-w", "/root", "-e",
                                       "PS1=prompt> ", "sh"],
                          timeout=LIMIT, dimensions=(30, 100), encoding="utf-8")
    child.expect_exact("prompt> ")
    yield child
    child.close(force=True)


def ask(shell, line, *answers):
    """Types a line and waits for the answers and the next prompt."""
    shell.sendline(line)
    shell.expect_exact(line)
    for answer in answers:
        shell.expect_exact(answer)
    shell.expect_exact("prompt> ")


def test_prompt(shell):
    ask(shell, "echo a b c | wc -w", "3")
    ask(shell, "echo hi > /tmp/x; cat < /tmp/x", "hi")
    ask(shell, "ps", "/.alba/init", "kthreadd")
    ask(shell, "tty; stty size", "/dev/hvc0", "30 100")
    shell.setwinsize(40, 120)
    ask(shell, "sleep 0.2; stty size", "40 120")
    shell.sendline("poweroff")
    shell.expect(pexpect.EOF)
    shell.wait()
    assert shell.exitstatus == 0


def test_prompt_jobs(shell):
    shell.sendline("echo st''art; sleep 1000; echo $?")
    shell.expect_exact("start")
    shell.send("\x03")
    shell.expect_exact("prompt> ")
    shell.sendline("echo st''art; sleep 1001")
    shell.expect_exact("start")
    shell.send("\x1a")
    shell.expect_exact("Stopped")
    shell.expect_exact("prompt> ")
    ask(shell, "bg", "sleep 1001")
    ask(shell, "jobs", "Running")
    ask(shell, "kill %1; wait %1; echo $((100+43))", "143")
    shell.sendline("cat; exit 5")
    shell.send("line\n\x04")
    shell.expect(pexpect.EOF)
    shell.wait()
    assert shell.exitstatus == 5


def test_prompt_editor(shell):
    shell.sendline("vi /tmp/file")
    shell.expect_exact("~")
    shell.send("ifirst line")
    shell.expect_exact("first line")
    shell.send("\x1b")
    time.sleep(0.5)  # a real editor tells Escape from a key's sequence by time
    shell.send(":wq\r")
    shell.expect_exact("prompt> ")
    ask(shell, "cat /tmp/file", "first line")


def test_ports_that_appear_late(run, tmp_path):
    """PID 1 waits for a port that is plugged in when it runs already."""
    done = run("--dry-run", BUSYBOX, "echo", "hello", env=dict(os.environ, TMPDIR=str(tmp_path)))
    words = shlex.split(done.stdout.decode())
    at = next(i for i, word in enumerate(words) if "name=alba.terminal" in word)
    device = words[at]
    del words[at - 1:at + 1]
    monitor = tmp_path / "monitor"
    qemu = subprocess.Popen([*words, "-monitor", f"unix:{monitor},server=on,wait=off"],
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        with socket.socket(socket.AF_UNIX) as talk:
            for _ in range(200):
                try:
                    talk.connect(str(monitor))
                    break
                except (FileNotFoundError, ConnectionRefusedError):
                    time.sleep(0.05)
            time.sleep(1)  # the machine is up long before
            assert qemu.poll() is None
            talk.sendall(f"device_add {device}\n".encode())
            assert qemu.stdout.readline().strip() == b"hello"
    finally:
        qemu.kill()
        qemu.wait()
