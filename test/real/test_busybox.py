# SPDX-License-Identifier: BSD-2-Clause
"""busybox's own test suite (applets and shell, from Debian's source package) with Debian's busybox:
what passes on this system's Linux passes on Alba.

Prints how many passed, failed and were skipped in both places. Most failures that both share come
from Debian's configuration, or from the lack of a network.
"""
import collections
import concurrent.futures

import debian_source
import pytest
import suite

# Tests that need what Alba does not have yet: (group, test): cause.
KNOWN = {}
TRIES = 3  # some tests race against a clock, which a loaded machine that emulates may lose


class Run:
    """Both outcomes of the whole suite; groups that differ are tried again on Alba."""

    def __init__(self, alba, names, here, there):
        with concurrent.futures.ThreadPoolExecutor() as pool:
            host = pool.submit(suite.on_host, here, names)
            self.alba, self.alba_texts = suite.on_alba(alba, there, names)
            self.host, self.host_texts = host.result()
        self.again = {}
        for _ in range(1, TRIES):
            groups = sorted({group for group, _ in self.lost()})
            if not groups:
                break
            outcome, texts = suite.on_alba(alba, there, groups)
            self.again.update({key: self.alba.get(key) for key in self.lost()})
            self.alba.update(outcome)
            self.alba_texts.update(texts)

    def lost(self):
        return [key for key, verdict in self.host.items()
                if verdict == "passed" and self.alba.get(key) != "passed" and key not in KNOWN]

    def table(self):
        lines = [f"{'':24}{'here':>24}{'on Alba':>24}",
                 f"{'':24}" + f"{'passed':>8}{'failed':>8}{'skipped':>8}" * 2]
        rows = collections.defaultdict(lambda: [0] * 6)
        for column, outcome in ((0, self.host), (3, self.alba)):
            for (group, _), verdict in outcome.items():
                at = column + ["passed", "failed", "skipped"].index(verdict)
                rows[group][at] += 1
                rows["all"][at] += 1
        for group in [*sorted(set(rows) - {"all"}), "all"]:
            lines.append(f"{group:24}" + "".join(f"{n or '.':>8}" for n in rows[group]))
        return "\n".join(lines)


@pytest.fixture(scope="module", name="both")
def fixture_both(built):
    build = built("x86_64/alba.elf").parent.parent
    source = debian_source.fetch(build, "busybox")
    place = build / "real"
    roots = [suite.make_root(source, place / name) for name in ("busybox-here", "busybox-alba")]
    return Run(built("alba"), suite.groups(source), *roots)


def test_the_suite_runs(both, summary):
    summary(both.table())
    for (group, test), verdict in both.again.items():
        summary(f"tried again: {group}: {test} ({verdict})")
    assert sum(verdict == "passed" for verdict in both.host.values()) > 1100


def test_what_passes_here_passes_on_alba(both):
    lost = both.lost()
    told = "\n".join(f"{group}: {test}: {both.alba.get((group, test), 'did not run')} on Alba"
                     for group, test in lost)
    said = "\n".join(f"== {group} on Alba\n{both.alba_texts.get(group, '')[-4000:]}"
                     for group in sorted({group for group, _ in lost}))
    assert not lost, f"{told}\n{said}"


def test_known_differences_are_still_there(both):
    gone = [key for key in KNOWN if both.alba.get(key) == "passed"]
    assert not gone, "these pass now: take them out of KNOWN"
