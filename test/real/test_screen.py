# SPDX-License-Identifier: BSD-2-Clause
"""Programs that fill a terminal's screen, and those that tell about the system."""
import re

from talk import CTRL_Z, ENTER, ESC


def test_vi_edits_and_saves(talk):
    talk.line("cd $(mktemp -d)")
    talk.begin("vi note")
    talk.expect("- note 1/1 100%")
    talk.keys("ione", ENTER, "two", ENTER, "three")
    talk.expect("\x1b[3;1Hthree")
    talk.keys(ESC)
    talk.expect("- note [Modified] 3/3 100%")
    talk.keys("ggdd")
    talk.expect("Delete 1 lines")
    talk.keys(":s/two/2/", ENTER)
    talk.expect("\x1b[1;1H2  ")
    talk.keys(":wq", ENTER)
    talk.prompt()
    assert talk.line("cat note") == "2\nthree"
    talk.begin("vi note")
    talk.expect("1/2 50%")
    talk.keys("x:q", ENTER)
    talk.expect("No write since last change")
    talk.keys(":q!", ENTER)
    talk.prompt()
    assert talk.line("cat note") == "2\nthree"


def test_vi_stops_and_goes_on(talk):
    talk.line("cd $(mktemp -d); echo text > note")
    talk.begin("vi note")
    talk.expect("1/1 100%")
    talk.keys(CTRL_Z)
    talk.prompt()
    assert "icanon" in talk.line("stty -a")
    talk.begin("fg")
    talk.expect("1/1 100%")
    talk.keys("A!", ESC)
    talk.expect("[Modified]")
    talk.keys(":x", ENTER)
    talk.prompt()
    assert talk.line("cat note") == "text!"


def test_less(talk):
    talk.line("cd $(mktemp -d); seq 1000 > numbers")
    talk.begin("less numbers")
    talk.expect("23\r\n")
    talk.keys(" ")
    talk.expect("46\r\n")
    talk.keys("/777", ENTER)
    talk.expect("777")
    talk.keys("G")
    talk.expect("1000\r\n")
    talk.keys("q")
    talk.prompt()
    talk.begin("seq 500 | less")
    talk.expect("23\r\n")
    talk.keys("q")
    talk.prompt()


def test_more(talk):
    talk.begin("seq 100 | more")
    talk.expect("--More-- ")
    talk.keys(" ")
    talk.expect("--More-- ")
    talk.keys("q")
    talk.prompt()


def test_top(talk):
    """What it shows of a machine at rest, refreshed by a key."""
    talk.begin("top -d 1000")
    for text in ("Mem: ", "CPU: ", "Load average: ", "COMMAND"):
        talk.expect(text)
    talk.keys(" ")
    for text in ("Mem: ", "CPU: ", "COMMAND"):
        talk.expect(text)
    talk.keys("q")
    talk.prompt()
    assert "icanon" in talk.line("stty -a")


def test_top_in_batch_mode(guest):
    shown = guest.line("top -b -n 2 -d 1")
    assert shown.count("Mem: ") == 2 and shown.count("{init}" if "{init}" in shown else "init") >= 2
    usage = [int(n) for n in re.findall(r"CPU: .* (\d+)% idle", shown)]
    assert len(usage) == 2 and usage[1] > 50


def test_ed(talk):
    talk.line("cd $(mktemp -d)")
    talk.line("echo zero > note")
    talk.begin("ed note")
    talk.expect("\x1b[6n")
    for typed in ("a", "first", "second", ".", "2s/first/1st/p", "w", "q"):
        talk.begin(typed)
        talk.expect("\x1b[6n")
    assert talk.line("cat note") == "zero\n1st\nsecond"


def test_ps(guest):
    guest.line("sleep 1000 &")
    rows = [line.split(None, 2) for line in guest.line("ps").split("\n")]
    assert rows[0] == ["PID", "USER", "COMMAND"]
    assert rows[1][0] == "1" and "init" in rows[1][2]
    assert rows[2][:3] == ["2", "root", "[kthreadd]"]
    assert any(row[2] == "sleep 1000" for row in rows)
    assert guest.line("pidof sleep") == guest.line("echo $!")
    said = guest.line("ps -o pid,ppid,pgid,stat,tty,vsz,rss,comm")
    assert re.search(r"\d+ +\d+ +\d+ S\S* +\S+ +\S+ +\d+ sleep", said), said
    guest.line("kill $!; wait")


def test_about_the_system(guest):
    assert guest.line("uname -s -m") == "Linux x86_64"
    assert guest.line("hostname") == "alba"
    assert guest.line("id -u; whoami") == "0\nroot" or guest.line("id -u").startswith("0")
    assert guest.line("tty") == "/dev/hvc0"
    mounts = guest.line("mount")
    for words in ("on / type", "on /proc type proc", "on /sys type sysfs", "on /dev type devtmpfs"):
        assert words in mounts
    total, used, free = map(int, re.search(r"Mem: +(\d+) +(\d+) +(\d+)", guest.line("free")).groups())
    assert 240000 < total <= 262144 and 0 < used < 20000 and free <= total - used
    assert re.search(r"^\S+ +\d+ +\d+ +\d+ +\d+% /dev/shm$", guest.line("df"), re.M)
    assert re.search(r"^\d\d:\d\d:\d\d up 0 min, .*load average: [0-9., ]+$", guest.line("uptime").strip())
    assert "[    0.0" in guest.line("dmesg | head -n 1")
    assert guest.line("nproc") == "1"
    assert guest.line("cat /proc/sys/kernel/ostype /proc/loadavg | wc -l") == "2"
    assert guest.line("ls -1d /proc/self/fd /sys/devices /dev/null").count("\n") == 2


def test_clock_of_the_guest(guest):
    assert guest.line("date -u +%Y") == guest.line("date -u -d @$(date +%s) +%Y")
    started = int(guest.line("date +%s"))
    guest.line("sleep 1.1")
    assert int(guest.line("date +%s")) > started


