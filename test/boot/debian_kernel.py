# SPDX-License-Identifier: BSD-2-Clause
"""The kernel of the Debian that these tests run on, fetched once and kept under build/debian: tests
of kexec start it from Alba, and Alba from it.

    vmlinuz(build)  ->  the path of the bzImage

Only the bzImage is taken out of the package: installing it would want an initramfs to be made.
"""
import pathlib
import re
import subprocess

import once

LIMIT = 600  # seconds; catches hangs only
PACKAGE = "linux-image-amd64"


def run(command, where, **options):
    done = subprocess.run(command, cwd=where, timeout=LIMIT, check=False, capture_output=True,
                          stdin=subprocess.DEVNULL, **options)
    assert done.returncode == 0, f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}"
    return done.stdout


def package_of(where):
    """The package with the kernel of that version which PACKAGE stands for now."""
    try:
        text = run(["apt-cache", "depends", PACKAGE], where, text=True)
    except AssertionError:  # there are no lists of packages, or no longer
        run(["apt-get", "-q", "update"], where)
        text = run(["apt-cache", "depends", PACKAGE], where, text=True)
    return re.search(r"Depends: (linux-image-\S+)", text)[1]


def vmlinuz(build):
    place = pathlib.Path(build).resolve() / "debian"
    kernel = place / "vmlinuz"
    with once.lock(place):
        if not kernel.exists():
            fetch(place, kernel)
    return kernel


def fetch(place, kernel):
    run(["apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", package_of(place)], place)
    package, = place.glob("linux-image-*.deb")
    tree = place / "tree.tar"
    with open(tree, "wb") as out:
        subprocess.run(["dpkg-deb", "--fsys-tarfile", package.name], cwd=place, stdout=out,
                       timeout=LIMIT, check=True)
    name = next(line for line in run(["tar", "-tf", tree.name], place, text=True).splitlines()
                if "/boot/vmlinuz-" in line)
    data = run(["tar", "-xOf", tree.name, name], place)
    tree.unlink()
    package.unlink()
    new = place / "vmlinuz.new"
    new.write_bytes(data)
    new.rename(kernel)
