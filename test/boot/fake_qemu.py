#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Stands in for QEMU in tests of the command alone: reads the image that `alba run` packed and does
what PID 1 of the machine would do, with the program as an ordinary process of this system.

FAKE_QEMU chooses a misbehaviour: panic, silent, crash, hang, deaf, lingering, garbage.
FAKE_QEMU_RECORD names a file that gets the arguments, one a line; FAKE_QEMU_TIMELINE one with what
PID 1 sends as the boot timeline, TIMELINE without it; FAKE_QEMU_REFUSED has what the kernel refused.
"""
import ctypes
import os
import select
import signal
import socket
import subprocess
import sys
import time


TIMELINE = """{"unit":"cycles","cycles_per_second":1000000000,"door":"pvh","lost":0,"records":[
{"kind":"stage","name":"loader","cpu":0,"start":0,"cycles":1000,"what":"checks"},
{"kind":"early","name":"trap","cpu":0,"start":1000,"cycles":2000,"what":""}]}
"""


def option_values(name):
    return [sys.argv[i + 1] for i, word in enumerate(sys.argv) if word == name]


def open_channels():
    channels = {}
    for value in option_values("-chardev"):
        fields = dict(word.split("=", 1) for word in value.split(",")[1:])
        channels[fields["id"]] = socket.socket(fileno=int(fields["fd"]))
    return channels


def read_image(path):
    """The files of a newc archive: name to bytes."""
    files = {}
    with open(path, "rb") as file:
        data = file.read()
    at = 0
    while True:
        field = [int(data[at + 6 + 8 * i:at + 14 + 8 * i], 16) for i in range(13)]
        size, name_size = field[6], field[11]
        name = data[at + 110:at + 110 + name_size].split(b"\0")[0].decode(errors="surrogateescape")
        start = (at + 110 + name_size + 3) & ~3
        if name == "TRAILER!!!":
            return files
        files[name] = data[start:start + size]
        at = (start + size + 3) & ~3


def read_spec(text):
    spec = {"arg": [], "env": []}
    for record in text.split(b"\0")[:-1]:
        key, value = record.split(b"=", 1)
        if key in (b"arg", b"env"):
            spec[key.decode()].append(value)
        else:
            spec[key.decode()] = value.decode(errors="surrogateescape")
    return spec


def die_with_qemu():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def start_program(spec, channels):
    streams = []
    for name in ("stdin", "stdout", "stderr"):
        channel = {"port": name, "tty": "terminal"}.get(spec[name])
        streams.append(channels[channel] if channel else subprocess.DEVNULL)
    env = dict(word.split(b"=", 1) for word in spec["env"])
    env[b"PATH"] = os.environb[b"PATH"]
    return subprocess.Popen(spec["arg"], executable=spec["program"], env=env, stdin=streams[0],
                            stdout=streams[1], stderr=streams[2], start_new_session=True,
                            restore_signals=True, preexec_fn=die_with_qemu)


class Control:
    def __init__(self, channel):
        self.channel = channel
        self.lines = b""
        self.sizes = []

    def say(self, line):
        self.channel.sendall(line.encode() + b"\n")

    def obey(self, process):
        try:
            self.lines += self.channel.recv(4096)
        except ConnectionError:
            return
        *lines, self.lines = self.lines.split(b"\n")
        for line in lines:
            words = line.decode().split()
            if words[0] == "winsize":
                self.say(f"sized {words[1]} {words[2]}")
                print("\r\nwinsize", *words[1:], file=sys.stderr, flush=True)
            elif os.environ.get("FAKE_QEMU") != "deaf":
                number = int(words[1])
                (os.killpg if words[0] == "group" else os.kill)(process.pid, number)
                self.say(f"signalled {number}")


def run(channels):
    spec = read_spec(read_image(option_values("-initrd")[0])[".alba/spec"])
    control = Control(channels["control"])
    try:
        process = start_program(spec, channels)
    except OSError as error:
        control.say(f"error {error.errno} run {spec['program']}")
        return
    for name in ("stdin", "stdout", "stderr", "terminal"):
        if name in channels:
            channels[name].close()
    control.say(f"started {process.pid}")
    while process.poll() is None:
        if select.select([channels["control"]], [], [], 0.02)[0]:
            control.obey(process)
    if spec["timeline"] != "none":
        text = TIMELINE
        if "FAKE_QEMU_TIMELINE" in os.environ:
            with open(os.environ["FAKE_QEMU_TIMELINE"], encoding="utf-8") as file:
                text = file.read()
        control.channel.sendall(f"timeline {len(text)}\n{text}".encode())
    if spec["strace"] == "1":
        for line in os.environ.get("FAKE_QEMU_REFUSED", "").splitlines():
            control.say(f"refused {line}")
    status = process.returncode
    control.say(f"exit {status}" if status >= 0 else f"killed {-status}")


def main():
    behaviour = os.environ.get("FAKE_QEMU", "")
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    if "FAKE_QEMU_RECORD" in os.environ:
        with open(os.environ["FAKE_QEMU_RECORD"], "w", encoding="utf-8") as file:
            file.write("\n".join(sys.argv) + "\n")
    channels = open_channels()
    if behaviour == "panic":
        channels["serial"].sendall(b"first words\r\nPANIC: no way on\r\n")
        sys.exit(1)
    if behaviour == "silent":
        sys.exit(0)
    if behaviour == "crash":
        print("qemu: something is wrong", file=sys.stderr, flush=True)
        os.kill(os.getpid(), signal.SIGABRT)
    if behaviour == "hang":
        time.sleep(60)
    if behaviour == "garbage":
        channels["control"].sendall(b"\0\xff" * 3000 + b"\nexit\nexit x\ntimeline 99999999\n"
                                    b"error\nkilled\nexit 5\nexit 6\n")
        sys.exit(0)
    channels["serial"].sendall(b"the kernel speaks\r\n")
    run(channels)
    if behaviour == "lingering":
        time.sleep(60)


main()
