# SPDX-License-Identifier: BSD-2-Clause
"""The Linux ABI programs: what they say on the host's Linux is what they must say on Alba, on one
CPU and on several.

They run on the host twice: a program that does not say the same both times is a wrong test.
"""
import abi
import pytest

CASES = [(program, case) for program in abi.programs() for case in abi.cases(program)]


@pytest.fixture(scope="session")
def host(root):
    return abi.on_host(root / "build", abi.programs())


@pytest.fixture(scope="session")
def host_again(root):
    return abi.on_host(root / "build", abi.programs())


@pytest.fixture(scope="session", params=[1, 2, 4, 8], ids=lambda n: f"smp{n}")
def alba(request, root, built):
    return abi.on_alba(built("x86_64/alba.elf"), root / "build", abi.programs(), smp=request.param)


@pytest.mark.parametrize("program", abi.programs())
def test_programs_are_repeatable(program, host, host_again):
    assert "" not in host[program], host[program].get("")
    assert host[program] == host_again[program]
    assert set(host[program]) == set(abi.cases(program))


@pytest.mark.parametrize("program,case", CASES, ids=[f"{p}-{c}" for p, c in CASES])
def test_as_on_linux(program, case, host, alba):
    outcome, notes = alba
    got = outcome.get(program, {}).get(case)
    if got is None:
        pytest.fail(f"{program} did not get to {case}: " + notes.get(program, "not run"),
                    pytrace=False)
    assert got == host[program][case], notes.get(program, "")


@pytest.mark.parametrize("smp", [1, 4])
def test_clock_that_programs_cannot_read(root, built, host, smp):
    """As where the CPUs' counters differ: time is the kernel's to tell, and never goes back."""
    outcome, notes = abi.on_alba(built("x86_64/alba.elf"), root / "build", ["times"], smp=smp,
                                 append="tsc=unstable")
    assert outcome["times"] == host["times"], notes.get("times", "")


@pytest.mark.parametrize("smp", [1, 4])
@pytest.mark.parametrize("options", [{"append": "pti=on"}, {"cpu": "Haswell"}], ids=["pti", "Haswell"])
def test_guarded_ways_in_and_out(root, built, host, options, smp):
    """With page-table isolation, and with buffers cleared as well, other code enters and leaves the
    kernel: system calls, faults, interrupts and signals by the thousand."""
    names = ["faults", "fork", "memory", "signals", "threads"]
    outcome, notes = abi.on_alba(built("x86_64/alba.elf"), root / "build", names, smp=smp, **options)
    assert outcome == {name: host[name] for name in names}, "".join(notes.values())
