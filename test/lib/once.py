# SPDX-License-Identifier: BSD-2-Clause
"""What several processes of a test run want made, and one may make: files in build/ that tests share.

    with once.lock(directory):
        ...                      # one process at a time
    once.replace(new, path)      # path changes at once, and only when the bytes are others
"""
import contextlib
import fcntl
import os


@contextlib.contextmanager
def lock(directory):
    directory.mkdir(parents=True, exist_ok=True)
    with open(directory / "lock", "w", encoding="ascii") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def replace(new, path):
    """True when it was replaced."""
    if path.exists() and path.read_bytes() == new.read_bytes():
        return False
    os.replace(new, path)
    return True
