# SPDX-License-Identifier: BSD-2-Clause
"""A conversation with a shell on a terminal: on this system's Linux ("here") or on Alba.

    with Talk(place, alba, directory) as talk:
        assert talk.line("echo hi") == "hi"       types a line, waits for the prompt, returns what came
        talk.run("cat"); talk.keys(CTRL_D); talk.prompt()       types to a program that runs

Nothing here waits for a time: only for what must come, with a limit that catches hangs.
"""
import os
import pathlib
import re
import time

import pexpect

from suite import usual_signals

LIMIT = int(os.environ.get("TALK_LIMIT", "120"))  # seconds; catches hangs only
PS1 = "@> "
# busybox's editor asks where the cursor is after a prompt, but not when it draws a line again.
PROMPT = PS1 + "\x1b[6n"
CTRL_A, CTRL_C, CTRL_D, CTRL_E = "\x01", "\x03", "\x04", "\x05"
CTRL_U, CTRL_W, CTRL_Z, CTRL_BACKSLASH, ESC, ENTER = "\x15", "\x17", "\x1a", "\x1c", "\x1b", "\r"
UP, LEFT, DELETE, BACKSPACE, TAB = "\x1b[A", "\x1b[D", "\x1b[3~", "\x7f", "\t"
PLACES = ["here", "alba"]


class Talk:
    def __init__(self, place, alba, directory, program=("busybox", "sh"), options=()):
        environment = {"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "PS1": PS1, "TERM": "vt100",
                       "HOME": "/root", "LC_ALL": "C", "HISTFILE": "", "ENV": ""}
        command = list(program)
        if place == "alba":
            command = [str(alba), "run", "-it", *options]
            for name, value in environment.items():
                command += ["-e", f"{name}={value}"]
            command += program
            environment = dict(os.environ, TERM="vt100")
        self.place = place
        self.child = pexpect.spawn(command[0], command[1:], env=environment, cwd=directory,
                                   timeout=LIMIT, dimensions=(24, 200), encoding="utf-8",
                                   codec_errors="replace", preexec_fn=usual_signals)
        # What a test types is an answer to what it saw; no pause is needed before it.
        self.child.delaybeforesend = None
        self.prompt()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.child.close(force=True)

    def expect(self, text):
        """Waits for this text; what came before it."""
        self.child.expect_exact(text)
        return self.child.before.replace("\r\n", "\n")

    def prompt(self):
        return self.expect(PROMPT).strip("\n")

    def keys(self, *keys):
        self.child.send("".join(keys))

    def begin(self, line):
        """Types a line and waits until the terminal has shown it."""
        self.keys(line, ENTER)
        self.expect(line + "\r\n")

    def line(self, line):
        self.begin(line)
        return self.prompt()

    def run(self, line):
        """Starts a command that reads what is typed next: until the shell has given the terminal
        back from its editor, a key would be the editor's."""
        self.begin(f'echo rea""dy; {line}')
        self.expect("ready\r\n")

    def script(self, text, after=""):
        """Starts a script of its own that says that it runs: a signal from now on is for it."""
        self.begin(f"sh -c 'echo rea\"\"dy; {text}'{after}")
        self.expect("ready\r\n")

    def status(self):
        return int(self.line("echo $?").split()[-1])

    def ended(self):
        """Waits for the end; the exit status as a shell would show it."""
        self.child.expect(pexpect.EOF)
        self.child.close()
        return self.child.exitstatus if self.child.signalstatus is None \
            else 128 + self.child.signalstatus


def on_screen(text):
    """What was said, without the sequences that move the cursor and choose colours."""
    return re.sub(r"\x1b(\[[0-9;?]*[A-Za-z]|[()][A-Z0-9]|[=>78])", "", text)


def parent_of(pid):
    stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
    return int(stat.rpartition(")")[2].split()[1])


def children_of(pid):
    found = []
    for path in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            if parent_of(path.name) == pid:
                found.append(int(path.name))
        except (FileNotFoundError, ProcessLookupError):
            pass
    return found


def descendants_of(pid):
    found = children_of(pid)
    for child in list(found):
        found += descendants_of(child)
    return found


def wait_until(what):
    """Polls for something that no event announces; fails after LIMIT."""
    end = time.monotonic() + LIMIT
    while not what():
        assert time.monotonic() < end, "it does not happen"
        time.sleep(0.02)
