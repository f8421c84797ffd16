#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""doc/locking.md and kernel/base/lock_rank.def say the same of the same locks, in ascending order,
the table has every spinlock and mutex of the kernel, and all its classes are used."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
KINDS = {"MUTEX": "mutex", "SPIN": "spin", "IRQ": "spin, irq"}
# The word in a remark by which a reader sees that two locks of the class may be held.
PAIRS = {"ADDRESS": "by address", "PARENT": "parent before child"}

problems = []


def table():
    text = (ROOT / "kernel/base/lock_rank.def").read_text()
    return re.findall(r'^LOCK_CLASS\((\w+),\s*(\d+),\s*(\w+),\s*(\w+),\s*"([^"]+)"\)', text, re.M)


def document():
    """class: (rank, lock, kind, remarks), in order."""
    rows = {}
    for line in (ROOT / "doc/locking.md").read_text().splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("|") and cells[0].isdigit():
            rows[cells[1]] = (cells[0], cells[2].strip("`"), cells[3], cells[5])
    return rows


def compare(rows, documented):
    for name, rank, kind, pair, lock in rows:
        if name not in documented:
            problems.append(f"doc/locking.md has no row for {name}")
            continue
        said = documented[name]
        if said[:3] != (rank, lock, KINDS.get(kind)):
            problems.append(f"{name}: doc/locking.md says {said[:3]}, lock_rank.def "
                            f"{(rank, lock, KINDS.get(kind))}")
        if pair in PAIRS and PAIRS[pair] not in said[3]:
            problems.append(f"{name}: doc/locking.md does not say in which order ({PAIRS[pair]})")
    known = [row[0] for row in rows]
    problems.extend(f"lock_rank.def has no row for {name}" for name in documented if name not in known)
    if [name for name in documented if name in known] != known:
        problems.append("doc/locking.md and lock_rank.def have their rows in different order")
    if len(set(known)) != len(known):
        problems.append("a class has two rows in lock_rank.def")
    ranks = [int(row[1]) for row in rows]
    if ranks != sorted(ranks):
        problems.append("lock_rank.def: ranks do not ascend")
    kinds = [list(KINDS).index(row[2]) for row in rows]
    if kinds != sorted(kinds):
        problems.append("lock_rank.def: mutexes come before spinlocks, those before irq ones")


def declared(text):
    """The locks that a file declares, as the table calls them: variable, variable.member, or
    struct->member."""
    for head, body, name in re.findall(r"^(?:static )?struct (\w*) ?\{\n(.*?)^\} ?(\w*)", text,
                                       re.M | re.S):
        owner = f"{head}->" if head else f"{name}."
        for members in re.findall(r"^ +struct (?:spinlock|mutex|rwmutex) ([^;*]+);", body, re.M):
            for member in members.split(","):
                yield owner + member.split("[")[0].strip()
    for name in re.findall(r"^ *(?:static )?struct (?:spinlock|mutex|rwmutex) (\w+)(?: =[^;]*)?;", text, re.M):
        if not re.search(rf"^ +struct (?:spinlock|mutex|rwmutex) {name};", text, re.M):
            yield name


def initialised(rows):
    """Every lock that the kernel declares is in the table, and every class is some lock's."""
    classes, locks = {row[0] for row in rows}, {row[4] for row in rows}
    used, found = set(), set()
    for path in sorted((ROOT / "kernel").glob("**/*.[ch]")):
        if "debug" in path.parts:  # the self-test has locks of other locks' classes
            continue
        text = path.read_text()
        used.update(re.findall(r"\bLOCK_([A-Z0-9_]+)\b", text))
        for lock in declared(text):
            found.add(lock)
            if lock not in locks:
                problems.append(f"{path.relative_to(ROOT)}: {lock} is not in lock_rank.def")
        for lock in re.findall(r"^ *static struct (?:spinlock|mutex|rwmutex) (\w+);", text, re.M):
            problems.append(f"{path.relative_to(ROOT)}: {lock} has no initialiser")
    problems.extend(f"lock_rank.def: nobody initialises a lock with LOCK_{name}"
                    for name in sorted(classes - used))
    problems.extend(f"lock_rank.def: there is no lock {lock}" for lock in sorted(locks - found))


def main():
    rows = table()
    compare(rows, document())
    initialised(rows)
    for problem in problems:
        print("locks: " + problem)
    if problems:
        sys.exit(1)
    print(f"locks: {len(rows)} classes, each in doc/locking.md")


if __name__ == "__main__":
    main()
