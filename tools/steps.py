#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""doc/boot.md tells the story of kernel/init/steps.def: a heading "## name" or "### name" for each
step, in the same order, and `name` for each stage of the boot timeline; doc/how-others-boot.md names
each of them, and none that is not there. (That needs come after gives is proved by
test/unit/test_steps.c.)
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
# In the timeline, and not a row of a table in the code.
OTHERS = {"wake", "start-up", "idle", "exec", "program"}

problems = []


def read(name):
    return (ROOT / name).read_text()


def headings(story, steps):
    found = [h for h in re.findall(r"^#{2,3} `?(\w+)`?", story, re.M) if h in steps]
    missing = [step for step in steps if step not in found]
    problems.extend(f"doc/boot.md has no heading for step {step}" for step in missing)
    if not missing and found != steps:
        problems.append(f"doc/boot.md has the steps in another order: {' '.join(found)}")


def stages(story, names):
    problems.extend(f"doc/boot.md does not explain stage {name}" for name in names
                    if f"`{name}`" not in story)


def others(page, known):
    """Tables whose last column is called "Alba": `names` in it are ours."""
    named, ours = set(), False
    for number, line in enumerate(page.splitlines(), 1):
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if not line.startswith("|"):
            ours = False
        elif cells[-1] == "Alba":
            ours = True
        elif ours and not set(line) <= set("|- :"):
            words = re.findall(r"`([^`]+)`", cells[-1])
            named.update(words)
            problems.extend(f"doc/how-others-boot.md:{number}: there is no step or stage {word}"
                            for word in words if word not in known)
    problems.extend(f"doc/how-others-boot.md has no counterpart of {name}"
                    for name in sorted(known - named - OTHERS))


def main():
    steps = re.findall(r"^STEP\((\w+),", read("kernel/init/steps.def"), re.M)
    names = re.findall(r'\[BOOT_STAGE_\w+\] = "(\w+)"', read("kernel/base/timeline.c"))
    story = read("doc/boot.md")
    headings(story, steps)
    stages(story, names)
    others(read("doc/how-others-boot.md"), {*steps, *names, *OTHERS})
    for problem in problems:
        print("steps: " + problem)
    if problems:
        sys.exit(1)
    print(f"steps: {len(steps)} and {len(names)} stages, each in doc/boot.md and doc/how-others-boot.md")


if __name__ == "__main__":
    main()
