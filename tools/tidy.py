#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""What a reviewer would forget (doc/style.md): headings, lengths, words, blanks.

Functions are found by the form that clang-format gives them: an opening brace in column 0 ends a
heading, a closing brace in column 0 ends the body.
"""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
FOLDERS = ["abi", "lib", "boot", "kernel", "user", "host", "test", "bench", "tools"]
FILE_LINES = 600
TABLE_LINES = 1000
FUNCTION_LINES = 70
PARAMETERS = 5
SPDX = "SPDX-License-Identifier: BSD-2-Clause"
UNFINISHED = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X)\b")

problems = []
exceptions, used = set(), set()


def report(path, line, text):
    """Unless tools/tidy.exceptions has it: a list of "path: text" that may only shrink."""
    known = f"{path.relative_to(ROOT)}: {text}"
    if known in exceptions:
        used.add(known)
    else:
        problems.append(f"{path.relative_to(ROOT)}:{line}: {text}")


def heading(path, lines):
    """SPDX in the first line (second after #!), and a comment that says what the file is."""
    first = 1 if lines and lines[0].startswith("#!") else 0
    if len(lines) <= first or SPDX not in lines[first]:
        report(path, first + 1, "the licence line (SPDX) is not first")
        return
    rest = "\n".join(lines[first + 1:first + 6])
    if path.suffix in (".c", ".h", ".S") and "/*" not in rest:
        report(path, first + 2, "no comment says what this file is")
    if path.suffix == ".py" and '"""' not in rest and "\n#" not in "\n" + rest:
        report(path, first + 2, "no text says what this file is")


def lengths(path, lines):
    limit = TABLE_LINES if path.suffix == ".def" else FILE_LINES
    if len(lines) > limit:
        report(path, limit, f"{len(lines)} lines, {limit} are the most")


def blanks(path, lines, data):
    if b"\r" in data:
        report(path, 1, "carriage returns")
    if data and not data.endswith(b"\n"):
        report(path, len(lines), "no end of line at the end")
    for number, line in enumerate(lines, 1):
        if line != line.rstrip():
            report(path, number, "blanks at the end of the line")
        if UNFINISHED.search(line):
            report(path, number, "an unfinished word: say the reason or finish it")


def parameters(head):
    """How many parameters the last (...) of a function's heading has."""
    inside = re.sub(r"__attribute__\s*\(\(.*?\)\)", "", head)
    start = inside.find("(")
    depth, count = 0, 1
    for c in inside[start + 1:]:
        if c == "(":
            depth += 1
        elif c == ")":
            if depth == 0:
                break
            depth -= 1
        elif c == "," and depth == 0:
            count += 1
    return count


def functions(path, lines):
    start, head = None, ""
    for number, line in enumerate(lines, 1):
        if line.startswith("{"):
            start = number
            words = []
            for before in reversed(lines[max(0, number - 12):number - 1]):
                if not before or before[0] in "}#/*" or before.startswith(" *"):
                    break
                words.insert(0, before)
            head = " ".join(words)
            if "(" in head and not head.startswith("LINUX_CALL") and parameters(head) > PARAMETERS:
                report(path, number, f"{parameters(head)} parameters, {PARAMETERS} are the most")
        elif line.startswith("}") and start:
            if "(" in head and number - start + 1 > FUNCTION_LINES:
                report(path, start, f"a function of {number - start + 1} lines, "
                                    f"{FUNCTION_LINES} are the most")
            start = None


def conditionals(path, lines):
    for number, line in enumerate(lines, 1):
        if re.match(r"\s*#\s*(if|ifdef|ifndef|elif)\b", line):
            report(path, number, "#if in a .c file: choose by file or by if (CONFIG_...)")


def tracked():
    """Files of the tree, whether committed or not, without what is ignored."""
    done = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT,
                          capture_output=True, text=True)
    names = done.stdout.split() if done.returncode == 0 else \
        [str(p.relative_to(ROOT)) for p in ROOT.glob("**/*") if "build" not in p.parts]
    return sorted(ROOT / n for n in names if n.split("/")[0] in FOLDERS)


def main():
    count = 0
    listed = (ROOT / "tools" / "tidy.exceptions").read_text().splitlines()
    exceptions.update(line for line in listed if line and not line.startswith("#"))
    for path in tracked():
        if path.suffix not in (".c", ".h", ".S", ".def", ".py", ".mk", ".lds") or not path.is_file():
            continue
        count += 1
        data = path.read_bytes()
        lines = data.decode(errors="replace").splitlines()
        blanks(path, lines, data)
        lengths(path, lines)
        if path.suffix in (".c", ".h", ".S", ".py"):
            heading(path, lines)
        if path.suffix in (".c", ".h"):
            functions(path, lines)
        if path.suffix == ".c":
            conditionals(path, lines)
    problems.extend(f"tools/tidy.exceptions lists what is not there any more: {known}"
                    for known in sorted(exceptions - used))
    for problem in problems:
        print("tidy: " + problem)
    if problems:
        sys.exit(1)
    print(f"tidy: {count} files")


if __name__ == "__main__":
    main()
