# SPDX-License-Identifier: BSD-2-Clause
"""What is said of the CPU's faults and done about them, on emulated CPUs that have them and that do not.
test_protection.py looks at the tables, and test_mitigate.c knows more CPUs."""
import re

import newc
import pytest
import qemu

FOLDER = "/sys/devices/system/cpu/vulnerabilities"
NAMES = """itlb_multihit l1tf mds meltdown mmio_stale_data retbleed spec_store_bypass spectre_v1
spectre_v2 srbds tsx_async_abort""".split()
NOT_AFFECTED, VULNERABLE = "Not affected", "Vulnerable"
V1 = "Mitigation: usercopy/swapgs barriers and __user pointer sanitization"
V2 = "Vulnerable, IBPB: disabled, STIBP: disabled"
MDS = "Vulnerable: Clear CPU buffers attempted, no microcode; SMT Host state unknown"
AMD = {name: NOT_AFFECTED for name in NAMES} | {"spectre_v1": V1, "spectre_v2": V2 + ", RSB filling"}
HASWELL = {
    "itlb_multihit": "Processor vulnerable", "l1tf": "Mitigation: PTE Inversion", "mds": MDS,
    "meltdown": "Mitigation: PTI", "mmio_stale_data": NOT_AFFECTED, "retbleed": NOT_AFFECTED,
    "spec_store_bypass": VULNERABLE, "spectre_v1": V1, "spectre_v2": V2 + ", RSB filling",
    "srbds": "Unknown: Dependent on hypervisor status", "tsx_async_abort": NOT_AFFECTED}
OFF = {"mds": "Vulnerable; SMT Host state unknown", "meltdown": VULNERABLE, "spectre_v2": V2}


@pytest.mark.parametrize("cpu,words,expected", [
    ("qemu64", "", AMD),
    ("qemu64", "pti=on", AMD | {"meltdown": "Mitigation: PTI"}),
    ("qemu64", "mitigations=off", AMD | {"spectre_v2": V2}),
    ("Haswell", "", HASWELL),
    ("Haswell", "mitigations=auto", HASWELL),
    ("Haswell", "mitigations=off", HASWELL | OFF),
    ("Haswell", "mitigations=off pti=on", HASWELL | OFF | {"meltdown": "Mitigation: PTI"}),
    ("Haswell", "nopti", HASWELL | {"meltdown": VULNERABLE}),
    ("Haswell", "mds=off", HASWELL | {"mds": OFF["mds"]}),
    ("Haswell", "nospectre_v2 nospectre_v1 l1tf=off", HASWELL | {"spectre_v2": V2}),
], ids=lambda value: value if isinstance(value, str) else "")
@pytest.mark.parametrize("smp", [1, 3])
def test_vulnerabilities(built, cpu, words, expected, smp):
    initrd = newc.root(built("guest/cpus").read_bytes())
    paths = " ".join(f"{FOLDER}/{name}" for name in NAMES)
    online = "0" if smp == 1 else f"0-{smp - 1}"
    result = qemu.Machine(built("x86_64/alba.elf"), initrd=initrd, cpu=cpu, smp=smp, machine="q35",
                          append=f"console=ttyS0 {words} -- {online} {paths}").run()
    assert result.status == 0 and "bye\n" in result.output, result
    assert dict(re.findall(rf"^file {FOLDER}/(\w+)\n(.*)$", result.output, re.M)) == expected
