#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""doc/boot.md tells the story of kernel/init/steps.def: a heading "## name" or "### name" for each
step, in the same order. (That needs come after gives is proved by test/unit/test_steps.c.)
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent


def main():
    table = (ROOT / "kernel/init/steps.def").read_text()
    steps = re.findall(r"^STEP\((\w+),", table, re.M)
    headings = [h for h in re.findall(r"^#{2,3} `?(\w+)`?", (ROOT / "doc/boot.md").read_text(), re.M)
                if h in steps]
    missing = [s for s in steps if s not in headings]
    for step in missing:
        print(f"steps: doc/boot.md has no heading for step {step}")
    if not missing and headings != steps:
        print(f"steps: doc/boot.md has the steps in another order: {' '.join(headings)}")
    if missing or headings != steps:
        sys.exit(1)
    print(f"steps: {len(steps)}, each with a heading in doc/boot.md")


if __name__ == "__main__":
    main()
