# SPDX-License-Identifier: BSD-2-Clause
"""What `alba run` packs: libraries, scripts, roots, volumes; and files that are no programs."""
import os
import pathlib
import pwd
import shutil
import subprocess
import tempfile

import pytest

from alba_command import (LIMIT, fixture_alba, fixture_environment, fixture_pack, fixture_run, said)

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


def test_short_names(pack):
    """/bin/sh is there for scripts and for system(3) where /bin is a link here."""
    entries = pack("/usr/bin/sh")
    if os.path.islink("/bin"):
        assert entries["bin"][1] == os.readlink("/bin").encode()
    assert "sbin" not in entries, "where it leads to is not packed"


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


def test_unreadable_files_say_why(built):
    """As an ordinary user, for root reads everything: where nobody can read the command, a copy."""
    nobody = pwd.getpwnam("nobody")
    user = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
    with tempfile.TemporaryDirectory() as name:
        place = pathlib.Path(name)
        place.chmod(0o755)
        shutil.copy(built("alba"), place / "alba")
        (place / "kernel").write_bytes(b"")
        (place / "tree").mkdir()
        (place / "tree" / "secret").mkdir(mode=0)
        done = subprocess.run([place / "alba", "run", "--accel", "tcg", "-v", f"{place}/tree:/x",
                               "/bin/true"],
                              env={"ALBA_QEMU": "/bin/false", "ALBA_KERNEL": f"{place}/kernel",
                                   "PATH": "/usr/bin:/bin"},
                              capture_output=True, timeout=LIMIT, check=False,
                              **(user if os.geteuid() == 0 else {}))
    assert done.returncode == 125 and "Permission denied" in said(done)


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


@pytest.fixture(name="merged")
def fixture_merged(tmp_path):
    """A root as distributions lay it out: /lib is a link."""
    root = tmp_path / "merged"
    (root / "usr" / "lib").mkdir(parents=True)
    (root / "etc").mkdir()
    (root / "etc" / "file").write_text("old")
    for link, target in [("lib", "usr/lib"), ("absolute", "/usr/lib"), ("up", "../../../usr/lib"),
                         ("chain", "lib"), ("loop", "loop"), ("dangling", "usr/new"),
                         ("etc/link", "file"), ("etc/lib", "../lib"), ("a file", "etc/file")]:
        (root / link).symlink_to(target)
    return root


@pytest.mark.parametrize("guest, name", [
    ("/lib/x", "usr/lib/x"), ("/absolute/x", "usr/lib/x"), ("/up/x", "usr/lib/x"),
    ("/chain/y/../x", "usr/lib/x"), ("/etc/lib/a/x", "usr/lib/a/x"), ("/dangling", "usr/new"),
    ("/dangling/x", "usr/new/x"), ("/etc/link", "etc/file"), ("/../../x", "x"),
])
@pytest.mark.parametrize("form", ["directory", "archive"])
def test_volumes_follow_links_of_the_root(pack, merged, tmp_path, guest, name, form):
    if form == "archive":
        subprocess.run(["tar", "-C", merged, "-cf", tmp_path / "tar", "."], check=True)
    (tmp_path / "new").write_text("new")
    entries = pack("--root", merged if form == "directory" else tmp_path / "tar", "-v",
                   f"{tmp_path}/new:{guest}", "sh")
    assert entries[name][1] == b"new"
    assert entries["lib"][1] == b"usr/lib" and entries["etc/link"][1] == b"file"
    assert not any(entry.startswith(("lib/", "absolute/", "up/", "chain/")) for entry in entries)


def test_tree_is_laid_over_the_root(pack, merged, tmp_path):
    """Directories meet links to directories as `cp -r` does it; a file takes the place of a link."""
    over = tmp_path / "over"
    (over / "lib").mkdir(parents=True)
    (over / "lib" / "x").write_text("new")
    (over / "lib" / "y").hardlink_to(over / "lib" / "x")
    (over / "etc").mkdir()
    (over / "etc" / "link").write_text("new")
    (over / "a file").mkdir()
    entries = pack("--root", merged, "-v", f"{over}:/", "sh")
    assert sorted(len(entries[f"usr/lib/{name}"][1]) for name in "xy") == [0, 3]
    assert entries["lib"][1] == b"usr/lib"
    assert entries["etc/link"][1] == b"new" and entries["etc/file"][1] == b"old"
    assert entries["a file"][0] & 0o170000 == 0o040000


@pytest.mark.parametrize("volume, words", [
    ("/etc/passwd:/loop/x", "Too many levels"), ("/etc/passwd:/etc/file/x", "is not a directory"),
    ("/etc/passwd:/lib", "a directory"), ("/etc/passwd:/", "a directory"),
    ("TMP:/etc/file", "not a directory"), ("/etc/passwd:/dev/x", "belongs to the machine"),
    ("/etc/passwd:/.alba/init", "belongs to the machine"),
])
def test_volumes_that_cannot_be(run, merged, tmp_path, volume, words):
    done = run("--root", merged, "-v", volume.replace("TMP", str(tmp_path)), "sh")
    assert done.returncode == 125 and words in said(done)


def test_own_files_are_real(pack, merged):
    (merged / ".alba").symlink_to("etc")
    entries = pack("--root", merged, "sh")
    assert entries[".alba"][0] & 0o170000 == 0o040000 and "etc/init" not in entries


def test_root_that_does_not_fit_the_memory(run, tmp_path):
    (tmp_path / "root").mkdir()
    with open(tmp_path / "root" / "big", "wb") as file:
        file.truncate(100 << 20)
    done = run("-m", "64M", "--root", tmp_path / "root", "sh")
    assert done.returncode == 125 and "does not hold" in said(done)
