# SPDX-License-Identifier: BSD-2-Clause
"""The first program: which one is taken, with what arguments, and what is said when none is."""
import newc
import pytest
import qemu


@pytest.fixture
def boot(built):
    def start(entries, append=""):
        return qemu.Machine(built("x86_64/alba.elf"), initrd=newc.root(None, entries),
                            append="console=ttyS0 " + append).run()
    return start


@pytest.fixture
def hello(built):
    return newc.File(built("guest/hello").read_bytes(), 0o755)


def assert_started(result, path):
    assert result.status == 0 and f"argument <{path}>" in result.output, result
    assert "hello from pid 1\n" in result.output, result


@pytest.mark.parametrize("path", ["init", "sbin/init", "etc/init", "bin/init", "bin/sh"])
def test_fallbacks(boot, hello, path):
    assert_started(boot({path: hello}), "/" + path)


def test_order_of_fallbacks(boot, hello):
    assert_started(boot({"bin/sh": hello, "sbin/init": hello, "etc/init": hello}), "/sbin/init")


def test_init_of_initramfs_comes_first(boot, hello):
    assert_started(boot({"init": hello, "other": hello}, "init=/other"), "/init")


def test_init_parameter(boot, hello):
    assert_started(boot({"other": hello}, "init=/other"), "/other")


def test_rdinit_parameter(boot, hello):
    assert_started(boot({"init": hello, "other": hello}, "rdinit=/other"), "/other")


def test_unknown_words_go_to_init(boot, hello):
    result = boot({"init": hello}, 'one NAME=value "two words" V="a b" -- three four=4')
    assert_started(result, "/init")
    for word in ["argument <one>", "argument <three>", "argument <four=4>",
                 "environment <NAME=value>", "environment <V=a b>"]:
        assert word in result.output, result


def test_script_as_init(boot, hello):
    script = newc.File(b"#!/bin/hello first\n", 0o755)
    result = boot({"init": script, "bin/hello": hello})
    assert result.status == 0 and "argument <first>\nargument </init>" in result.output, result


def assert_panics(result, *texts):
    assert result.status == 1, result
    for text in texts:
        assert text in result.output, result


def test_nothing_to_start(boot):
    assert_panics(boot({}), "No working init found", "init=", "/sbin/init", "/bin/sh")


def test_init_does_not_exist(boot, hello):
    """As Linux: an init= that was asked for and fails is fatal."""
    assert_panics(boot({"sbin/init": hello}, "init=/none"), "/none", "init=")


def test_rdinit_does_not_exist(boot, hello):
    """As Linux: rdinit= falls back to the other places."""
    assert_started(boot({"sbin/init": hello}, "rdinit=/none"), "/sbin/init")


def test_init_is_not_executable(boot, built):
    data = built("guest/hello").read_bytes()
    assert_panics(boot({"init": newc.File(data, 0o644)}), "No working init found")


def test_init_is_not_a_program(boot):
    assert_panics(boot({"init": newc.File(b"\0" * 1000, 0o755)}), "No working init found")


def test_interpreter_of_init_is_missing(boot, built):
    """A dynamic program without its interpreter, and then another that works."""
    dynamic = newc.File(built("abi/glibc_dynamic").read_bytes(), 0o755)
    assert_panics(boot({"init": dynamic}), "No working init found")


def test_init_ends(built):
    initrd = newc.root(built("guest/leave").read_bytes())
    result = qemu.Machine(built("x86_64/alba.elf"), initrd=initrd, append="console=ttyS0").run()
    assert_panics(result, "leaving\n", "Attempted to kill init! exitcode=0x00000300")


@pytest.mark.parametrize("smp", [2, 4, 8])
def test_init_ends_while_all_cpus_are_busy(built, smp):
    """One report, and nothing after it."""
    initrd = newc.root(built("guest/leave").read_bytes())
    result = qemu.Machine(built("x86_64/alba.elf"), initrd=initrd, smp=smp,
                          append="console=ttyS0 -- busy").run()
    assert_panics(result, "leaving\n", "Attempted to kill init! exitcode=0x00000300")
    said = result.output[result.output.index("leaving"):].splitlines()
    assert len([line for line in said if "init!" in line]) == 1 and "init!" in said[-1], result


def test_no_initramfs(built):
    result = qemu.Machine(built("x86_64/alba.elf"), append="console=ttyS0").run()
    assert_panics(result, "No working init found")
