#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The layer rule (doc/map.md): who may include whom, and who may call whom.

Checks every #include "..." of the tree and, with --objects DIR, every undefined symbol of the
kernel's objects against the object that defines it. Exceptions stand in tools/layers.exceptions;
one that is not needed any more is an error, so the list can only shrink.
"""
import argparse
import collections
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent

# Layer: the layers it may use beyond itself.
RULES = {
    "abi": "",
    "lib": "abi",
    "boot": "abi lib",
    "arch": "abi lib",
    "base": "abi lib arch",
    "mm": "abi lib arch base",
    "machine": "abi lib arch base mm",
    "core": "abi lib arch base mm",
    "dev-api": "abi lib arch base mm core",
    "dev": "abi lib arch base mm core dev-api",
    "fs": "abi lib arch base mm core dev-api",
    "net": "abi lib arch base mm core dev-api",
    "linux": "abi lib arch base mm core fs net dev-api",
    "native": "abi lib arch base mm core",
    "debug": "abi lib arch base mm core",
    "user": "abi lib",
    "host": "abi lib",
    "init": "*",
    "test": "*",
    "bench": "abi lib",
    "tools": "abi lib",
}
RULES = {layer: set(allowed.split()) | {layer} for layer, allowed in RULES.items()}

KERNEL = [  # longest first
    ("kernel/personality/linux/", "linux"), ("kernel/personality/native/", "native"),
    ("kernel/dev/api/", "dev-api"), ("kernel/init/", "init"), ("kernel/base/", "base"),
    ("kernel/debug/", "debug"), ("kernel/core/", "core"), ("kernel/dev/", "dev"), ("kernel/net/", "net"),
    ("kernel/fs/", "fs"), ("kernel/mm/", "mm"),
]



def layer_of(path):
    for prefix, layer in KERNEL:
        if path.startswith(prefix):
            return layer
    if path.startswith("kernel/arch/"):
        # The headers under include/ are a machine's half of the contract.
        return "machine" if path.count("/") > 2 and "/include/" not in path else "arch"
    top = path.split("/")[0]
    return top if top in RULES else None


# What the compiler calls by itself is part of every layer.
COMPILER = {"__stack_chk_fail"}


def allowed(user, used):
    return "*" in RULES[user] or used in RULES[user]


def includes():
    """(user, used) for every include that crosses a border it may not cross."""
    pattern = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)
    for path in sorted(ROOT.glob("*/**/*.[chS]")):
        name = str(path.relative_to(ROOT))
        user = layer_of(name)
        if user is None:
            continue
        for used_name in pattern.findall(path.read_text(errors="replace")):
            used = layer_of(used_name) if (ROOT / used_name).exists() else None
            if used and not allowed(user, used):
                yield f"{name} includes {used_name}", f"{user} -> {used}"


def declarations():
    """Layer of each function and variable by the header that declares it: the port contract and
    its upcalls are declared in one layer and defined in another, and the declaration counts."""
    found = {}
    pattern = re.compile(r"^(?!\s|#|typedef\b|(?:struct|enum) \w+ \{|static\b).*?\b(\w+)(?:\(|\[|;)",
                         re.M)
    for path in sorted(ROOT.glob("*/**/*.h")):
        layer = layer_of(str(path.relative_to(ROOT)))
        if layer in (None, "test", "host", "user"):
            continue
        for name in pattern.findall(path.read_text(errors="replace")):
            found.setdefault(name, layer)
    return found


def symbols(directory):
    """The same for symbols: undefined ones against who declares or defines them."""
    home, wanted = {}, collections.defaultdict(set)
    objects = sorted(pathlib.Path(directory).glob("**/*.o"))
    if not objects:
        return
    text = subprocess.run(["nm", "-A", *objects], capture_output=True, text=True, check=True).stdout
    for line in text.splitlines():
        place, _, rest = line.partition(":")
        name = str(pathlib.Path(place).relative_to(directory))
        *_, kind, symbol = rest.split()
        if kind == "U":
            wanted[name].add(symbol)
        elif kind.isupper():
            home[symbol] = name
    declared = declarations()
    for name in sorted(wanted):
        user = layer_of(name)
        for symbol in sorted(wanted[name]):
            if user is None or symbol not in home or symbol in COMPILER:
                continue
            used = declared.get(symbol) or layer_of(home[symbol])
            if used and not allowed(user, used):
                yield f"{name} uses {symbol} of {home[symbol]}", f"{user} -> {used}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--objects", help="folder of the kernel's objects")
    options = parser.parse_args()
    found = list(includes())
    if options.objects:
        found += symbols(options.objects)
    exceptions_file = ROOT / "tools" / "layers.exceptions"
    exceptions = {line.strip() for line in exceptions_file.read_text().splitlines()
                  if line.strip() and not line.startswith("#")}
    failed = False
    for what, how in found:
        if what not in exceptions:
            print(f"layers: {what} ({how})")
            failed = True
    for what in sorted(exceptions - {what for what, _ in found}):
        if options.objects or " uses " not in what:
            print(f"layers: tools/layers.exceptions lists what is not there any more: {what}")
            failed = True
    if failed:
        sys.exit(1)
    print(f"layers: fine, {len(exceptions)} exceptions")


if __name__ == "__main__":
    main()
