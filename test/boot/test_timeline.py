# SPDX-License-Identifier: BSD-2-Clause
"""The boot timeline: what the guest sees of it, what the clock of an emulated machine counts, and the
files of `alba run --timeline`. Pictures are checked as what they are to the eye: no text lies on
another one or on a bar, and nothing leaves the canvas."""
import itertools
import json
import re
import subprocess
import xml.etree.ElementTree

import pytest
from PIL import ImageFont

import newc
import qemu
from alba_command import fixture_alba, fixture_environment, said

LIMIT = 120  # seconds; catches hangs only
FONTS = "/usr/share/fonts/truetype/dejavu/DejaVuSans"
SVG = "{http://www.w3.org/2000/svg}"
STEPS = re.compile(r"^STEP\((\w+), +(\w+), +(\w+),", re.M)


@pytest.fixture(name="steps")
def fixture_steps(root):
    """(name, phase, on) of each step of the kernel's, in order."""
    return STEPS.findall((root / "kernel/init/steps.def").read_text())


@pytest.fixture(name="machine")
def fixture_machine(built):
    """`alba run` with the real machine."""
    built("x86_64/alba.elf")

    def run(*arguments):
        return subprocess.run([built("alba"), "run", "--accel", "tcg", *arguments], timeout=LIMIT,
                              check=False, capture_output=True, stdin=subprocess.DEVNULL)

    return run


def table(text):
    """Lines of a table as dicts, by the names of its columns."""
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    names = lines[0].split()
    return [dict(zip(names, line.split())) for line in lines[1:]]


# In the guest.

@pytest.mark.parametrize("cpus", [1, 4])
def test_guest_sees_every_step(machine, steps, cpus):
    # The further CPUs are awaited: their last record is that they idle.
    script = f"""f=/sys/kernel/boot_timeline
        until [ $(grep -c 'event idle' $f) -ge {cpus - 1} ]; do :; done
        cat $f; echo; cat $f.json"""
    done = machine("-q", "--smp", str(cpus), "--clock", "time", "busybox", "sh", "-c", script)
    text, machine_text = done.stdout.decode().split("\n\n")
    assert text.startswith("# door pvh; ")
    rows = table(text)
    names = {(row["cpu"], row["kind"], row["name"]) for row in rows}
    for stage in ("door", "loader", "unpack", "place", "jump"):
        assert ("0", "stage", stage) in names
    for name, phase, on in steps:
        found = sum(row["kind"] == phase.lower() and row["name"] == name for row in rows)
        assert found == (cpus if on == "EACH" else 1), name
    for cpu in range(1, cpus):
        own = [row["name"] for row in rows if row["cpu"] == str(cpu) and row["kind"] != "user"]
        assert own[:1] == ["start-up"] and "idle" in own
    assert sum(row["kind"] == "user" for row in rows) == 2, "PID 1 and the shell"
    boot_cpu = [int(row["start_cycles"]) for row in rows if row["kind"] in ("stage", "early", "main")
                and row["cpu"] == "0"]
    assert boot_cpu == sorted(boot_cpu) and boot_cpu[0] == 0
    records = json.loads(machine_text)["records"]
    assert [record["name"] for record in records][:len(rows)] == [row["name"] for row in rows]


def test_dmesg_as_linux_says_it(machine, steps):
    """The lines that Linux's scripts/bootgraph.pl and pm-graph look for."""
    text = machine("--append", "initcall_debug", "busybox", "dmesg").stdout.decode()
    calling = re.findall(r"^\[ *[0-9]+\.[0-9]{6}\] calling  init_(\w+)\+0x0 @ ([01])$", text, re.M)
    returned = re.findall(r"^\[ *[0-9]+\.[0-9]{6}\] initcall init_(\w+)\+0x0 returned 0 after "
                          r"[0-9]+ usecs$", text, re.M)
    told = steps[[name for name, _, _ in steps].index("cmdline") + 1:]
    assert calling == [(name, "1" if phase == "LATE" else "0") for name, phase, _ in told]
    assert returned == [name for name, _ in calling]
    assert "initcall" not in machine("busybox", "dmesg").stdout.decode()


def test_init_alone_is_the_program(built):
    """Where PID 1 is all there is, one program begins; the door is the one that was taken."""
    result = qemu.Machine(built("x86_64/alba.bzImage"), append="console=ttyS0 initcall_debug",
                          initrd=newc.root(built("guest/hello").read_bytes())).run()
    assert "calling  init_init+0x0 @ 1" in result.output and "hello from pid 1" in result.output


# What the clock counts.

def ticks(done):
    lines = done.stdout.decode().splitlines()
    assert len(lines) == 6, done
    return [int(line.split()[1]) for line in lines[:5]], [int(n) for n in lines[5].split()[1:]]


def test_a_tick_is_an_instruction(machine, built):
    """And a nanosecond: 200,000 instructions take as many ticks, and a few for looking."""
    counts, (rate_ticks, rate_ns) = ticks(machine("--clock", "instructions", built("guest/ticks")))
    assert 200_000 <= min(counts) < 200_100, "the others may have met a timer interrupt"
    assert abs(rate_ticks / rate_ns - 1) < 0.01


def test_clock_option(alba):
    def command(*options):
        return alba("run", "--accel", "tcg", "--dry-run", *options, "/bin/true").stdout.decode()

    assert "-icount" not in command()
    assert "-icount" not in command("--timeline", "x.svg", "--clock", "time")
    assert "-icount" not in command("--timeline", "x.svg", "--smp", "65")
    for options in (["--timeline", "x.svg"], ["--clock", "instructions"]):
        assert "-icount shift=0" in command(*options)
        assert "timeline.unit=instructions" in command(*options)


# Files.

def check_json(data, cpus, steps):
    """Whole, and fit for a viewer of trace events."""
    assert data["alba"]["version"] == 1 and data["alba"]["cpus"] == cpus
    assert data["alba"]["door"] == "pvh" and data["alba"]["lost"] == 0
    assert data["alba"]["unit"] == "instructions" and data["cycles_per_second"] == 10**9
    records = data["records"]
    assert all(set(r) == {"kind", "name", "cpu", "start", "cycles", "what"} for r in records)
    for name, phase, on in steps:
        of_step = [r for r in records if (r["kind"], r["name"]) == (phase.lower(), name)]
        assert len(of_step) == (cpus if on == "EACH" else 1)
        assert of_step[0]["what"]
    assert [r["name"] for r in records if r["kind"] == "user"] == ["exec", "init", "program"]
    for cpu in range(1, cpus):
        assert ["start-up"] == [r["name"] for r in records if r["cpu"] == cpu and r["kind"] == "cpu"]
    program = next(r for r in records if (r["kind"], r["name"]) == ("user", "program"))
    assert 200_000 < program["start"] <= data["alba"]["total"] < 2_000_000
    events = data["traceEvents"]
    assert {e["ph"] for e in events} == {"X", "i", "M"}
    assert len([e for e in events if e["ph"] != "M"]) == len(records)
    assert all(e["ts"] >= 0 and e["tid"] >= 0 and e["name"] for e in events if e["ph"] != "M")
    named = {e["tid"]: e["args"]["name"] for e in events if e["name"] == "thread_name"}
    assert {e["tid"] for e in events if e["ph"] != "M"} <= set(named)


@pytest.mark.parametrize("cpus", [1, 4])
def test_files(machine, tmp_path, steps, cpus):
    """All three forms from one boot; the program is not disturbed."""
    files = [tmp_path / f"boot.{kind}" for kind in ("txt", "json", "svg")]
    options = [word for file in files for word in ("--timeline", file)]
    # It waits for the others, so that all that they do is there.
    script = "until [ $(grep -c 'event idle' /sys/kernel/boot_timeline) -ge $0 ]; do :; done; exit 7"
    done = machine("-q", *options, "--smp", str(cpus), "busybox", "sh", "-c", script, str(cpus - 1))
    assert (done.returncode, done.stderr) == (7, b"")
    check_json(json.loads(files[1].read_text()), cpus, steps)
    rows = table(files[0].read_text())
    assert [row["name"] for row in rows[:3]] == ["door", "loader", "unpack"]
    assert "start_instr" in rows[0]
    check_picture(files[2].read_text())
    assert f"{cpus} CPU" in files[2].read_text()


@pytest.mark.parametrize("machine_type", ["pc", "q35"])
def test_door_by_real_mode(machine, built, tmp_path, machine_type):
    """The real-mode part is what runs first, and then every other stage in its order."""
    file = tmp_path / "boot.json"
    done = machine("-q", "--machine", machine_type, "--kernel", built("x86_64/alba.bzImage"),
                   "--timeline", file, "busybox", "true")
    assert done.returncode == 0, done.stderr.decode()
    data = json.loads(file.read_text())
    assert data["alba"]["door"] == "linux16"
    stages = [record for record in data["records"] if record["kind"] == "stage"]
    assert [stage["name"] for stage in stages] == ["setup", "door", "loader", "unpack", "place",
                                                   "jump"]
    for a, b in zip(stages, stages[1:]):
        assert a["start"] + a["cycles"] == b["start"]


def test_the_same_every_time(built, root, tmp_path):
    """Counted, with nothing random: to the last digit."""
    texts = []
    for i in range(2):
        file = tmp_path / f"{i}.svg"
        subprocess.run([root / "tools/boot-picture", built("alba"), "busybox", "true"], check=True,
                       stdout=file.open("wb"), timeout=LIMIT)
        texts.append(file.read_text())
    assert texts[0] == texts[1]
    check_picture(texts[0])


def test_a_machine_that_fails_leaves_no_file(machine, alba, tmp_path):
    file = tmp_path / "boot.svg"
    done = machine("-q", "--timeline", file, "--append", "rdinit=/nowhere", "busybox", "true")
    assert done.returncode == 125 and b"--timeline: the machine sent none" in done.stderr
    assert not file.exists()
    done = alba("run", "--accel", "tcg", "-q", "--timeline", file, "/bin/true", fake="panic")
    assert done.returncode == 125 and not file.exists()


def test_a_machine_that_lies(alba, tmp_path):
    lie, file = tmp_path / "lie", tmp_path / "boot.json"
    lie.write_text('{"unit":"cycles"}\n')
    done = alba("run", "--accel", "tcg", "-q", "--timeline", file, "/bin/true",
                env={"FAKE_QEMU_TIMELINE": str(lie)})
    assert done.returncode == 0 and "sent none that can be read" in said(done)
    assert not file.exists()


def test_of_a_machine_without_a_host(alba, steps, tmp_path):
    """`alba timeline` on what a serial line brought, and on what is none."""
    sent, files = tmp_path / "log", [tmp_path / "boot.svg", tmp_path / "boot.json"]
    sent.write_bytes(b"SeaBIOS\r\n" + made_up(steps).replace("\n", "\r\n").encode() + b"bye\r\n")
    done = alba("timeline", "-o", files[0], "-o", files[1], "--program", "my own", sent)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    check_picture(files[0].read_text())
    assert json.loads(files[1].read_text())["alba"]["program"] == "my own"
    done = alba("timeline", input=made_up(steps).encode())
    assert done.returncode == 0 and b"until the program begins" in done.stdout


@pytest.mark.parametrize("arguments, words", [
    (["/dev/null"], "there is no timeline"),
    (["/nowhere"], "No such file"),
    (["-o"], "needs a value"),
    (["--nonsense"], "is no option"),
    (["a", "b"], "one timeline at a time"),
])
def test_what_is_no_timeline(alba, arguments, words):
    done = alba("timeline", *arguments)
    assert done.returncode == 125 and words in said(done)


def test_unwritable_files(alba, steps, tmp_path):
    sent = tmp_path / "sent"
    sent.write_text(made_up(steps))
    for name in ("/nowhere/boot.svg", "/dev/full"):
        done = alba("timeline", "-o", name, sent)
        assert done.returncode == 125 and name in said(done)


# Pictures.

def font(style):
    size = float(style.get("font-size"))
    bold = "-Bold" if style.get("font-weight") == "bold" else ""
    return ImageFont.truetype(f"{FONTS}{bold}.ttf", 1000), size / 1000


def box_of_text(element):
    """Left, top, right, bottom; of a line of text, whatever letters are in it."""
    face, scale = font(element)
    width = face.getlength(element.text) * scale
    x, y, size = (float(element.get(key)) for key in ("x", "y", "font-size"))
    x -= {"middle": width / 2, "end": width}.get(element.get("text-anchor"), 0)
    return x, y - 0.74 * size, x + width, y + 0.22 * size


def box_of_bar(element):
    x, y, width, height = (float(element.get(key)) for key in ("x", "y", "width", "height"))
    return x, y, x + width, y + height


def overlap(a, b):
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]


def check_picture(svg):
    picture = xml.etree.ElementTree.fromstring(svg)
    assert picture.find(f"{SVG}title").text and picture.find(f"{SVG}desc").text
    width, height = float(picture.get("width")), float(picture.get("height"))
    assert picture.get("viewBox") == f"0 0 {width:.0f} {height:.0f}"
    texts = [(e.text, box_of_text(e)) for e in picture.iter(f"{SVG}text")]
    bars = [("a bar", box_of_bar(e)) for e in picture.iter(f"{SVG}rect") if e.get("rx")]
    assert len(texts) > 10 and len(bars) > 3
    for name, box in texts + bars:
        assert box[0] >= 0 and box[1] >= 0 and box[2] <= width and box[3] <= height, (name, box)
    for (a, box_a), (b, box_b) in itertools.chain(itertools.combinations(texts, 2),
                                                  itertools.product(texts, bars)):
        assert not overlap(box_a, box_b), f"{a!r} lies on {b!r}: {box_a} {box_b}"
    for group in picture.iter(f"{SVG}g"):
        assert group.find(f"{SVG}title").text, "what a pointer is shown"


def made_up(steps, *, cpus=1, unit="cycles", rate=10**9, slow=None, scale=1000):
    """A timeline as a machine would send it, with one stage that takes `slow` ticks."""
    records, now = [], 0

    def add(kind, name, cycles, cpu=0, start=None):
        nonlocal now
        what = "what it does, in a few words, as the kernel says it"
        records.append({"kind": kind, "name": name, "cpu": cpu, "what": what if cpu == 0 else "",
                        "start": now if start is None else start, "cycles": cycles})
        now += cycles if start is None else 0

    for i, stage in enumerate(["sector", "manager", "read", "setup", "door", "exit", "loader",
                               "unpack", "place", "jump"]):
        add("stage", stage, slow if slow and stage == "manager" else scale * (i * i % 7))
    for i, (name, phase, _) in enumerate(steps):
        add(phase.lower(), name, scale * (i % 5))
    begun = now
    for cpu in range(1, cpus):
        add("cpu", "start-up", scale, cpu, begun)
        for i, name in enumerate(name for name, _, on in steps if on == "EACH"):
            add("early", name, scale // 4, cpu, begun + scale + i * scale // 4)
        add("event", "idle", 0, cpu, begun + 3 * scale)
    now += scale
    add("user", "init", 0)
    now += 5 * scale
    add("user", "program", 0)
    keys = ("kind", "name", "cpu", "start", "cycles", "what")
    lines = ",".join("\n" + json.dumps({key: record[key] for key in keys}, separators=(",", ":"))
                     for record in records)
    return f'{{"unit":"{unit}","cycles_per_second":{rate},"door":"bios","lost":0,"records":[{lines}]}}\n'


SHAPES = {
    "tiny": {"scale": 1, "unit": "instructions"},
    "small": {"scale": 10000, "unit": "instructions"},
    "four": {"cpus": 4, "rate": 2593215000},
    "many": {"cpus": 64},
    "all": {"cpus": 256, "scale": 50},
    "slow": {"slow": 9_900_000_000},
    "half": {"slow": 70_000},
    "slow-instructions": {"slow": 10**13, "unit": "instructions"},
    "years": {"slow": 2**50 - 10**9, "rate": 1},
    "no-rate": {"rate": 0},
    "still": {"scale": 0},
}


@pytest.mark.parametrize("shape", SHAPES)
def test_picture_of_any_boot(alba, steps, tmp_path, shape):
    sent, file = tmp_path / "sent", tmp_path / "boot.svg"
    sent.write_text(made_up(steps, **SHAPES[shape]))
    done = alba("run", "--accel", "tcg", "-q", "--timeline", file, "/bin/true",
                env={"FAKE_QEMU_TIMELINE": str(sent)})
    assert (done.returncode, done.stderr) == (0, b"")
    check_picture(file.read_text())


def test_picture_of_a_program_with_any_name(alba, tmp_path):
    """Markup, a control character, what is not UTF-8, and more than there is room for."""
    program = tmp_path / ("<&\">" + "x" * 200)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    for name in (program, tmp_path / "ä\u4e16\x01\udcff"):
        if name != program:
            name.write_text("#!/bin/sh\n")
            name.chmod(0o755)
        files = tmp_path / "boot.svg", tmp_path / "boot.json"
        done = alba("run", "--accel", "tcg", "-q", "--timeline", files[0], "--timeline", files[1],
                    name)
        assert done.returncode == 0, done.stderr.decode()
        check_picture(files[0].read_text(encoding="utf-8"))
        json.loads(files[1].read_bytes().decode(errors="replace"))
