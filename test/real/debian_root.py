# SPDX-License-Identifier: BSD-2-Clause
"""Root file systems with programs of this system, and all that they need to run.

    make(root, ["bash", "ls"], trees=["/usr/include"])
"""
import os
import pathlib
import re
import shutil
import subprocess


def paths_of(program):
    """A program's file, the links that lead there, and its libraries."""
    found = shutil.which(program, path="/usr/bin:/bin:/usr/sbin:/sbin")
    if found is None and shutil.which("gcc"):
        found = subprocess.run(["gcc", f"-print-prog-name={program}"], capture_output=True,
                               text=True, check=True).stdout.strip()
    assert found and os.path.isabs(found), f"{program} is not installed here"
    libraries = subprocess.run(["ldd", found], capture_output=True, text=True, check=False).stdout
    return [found, *re.findall(r"(/\S+) \(0x", libraries)]


def copy(path, root):
    """To the same place below root: each link on the way, then the file or tree. The root's own
    layout is /usr with links to it, as in Debian."""
    place = pathlib.Path(os.path.realpath(os.path.dirname(path))) / os.path.basename(path)
    target = root / place.relative_to("/")
    target.parent.mkdir(parents=True, exist_ok=True)
    if place.is_symlink():
        if not os.path.lexists(target):
            os.symlink(os.readlink(place), target)
        copy(os.path.normpath(place.parent / os.readlink(place)), root)
    elif place.is_dir():
        shutil.copytree(place, target, symlinks=True, dirs_exist_ok=True)
    elif not target.exists():
        shutil.copy2(place, target)


def make(root, programs, trees=()):
    for name in ("dev", "proc", "sys", "tmp", "root", "etc", "usr/bin", "usr/sbin", "usr/lib",
                 "usr/lib64"):
        (root / name).mkdir(parents=True)
    root.chmod(0o755)
    (root / "tmp").chmod(0o1777)
    for name in ("bin", "sbin", "lib", "lib64"):
        os.symlink(f"usr/{name}", root / name)
    (root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    (root / "etc/group").write_text("root:x:0:\n")
    for program in programs:
        for path in paths_of(program):
            copy(path, root)
    for tree in trees:
        copy(tree, root)
    return root
