# SPDX-License-Identifier: BSD-2-Clause
"""Fixtures of conversations: each test that takes `talk` is held on Linux first, then on Alba."""
import pytest
import talk as talks


@pytest.fixture(name="start")
def fixture_start(built, tmp_path):
    """Starts a conversation: start("alba", program=..., options=...)."""
    begun = []

    def start(place, **options):
        begun.append(talks.Talk(place, built("alba"), tmp_path, **options))
        return begun[-1]

    yield start
    for talk in begun:
        talk.child.close(force=True)


@pytest.fixture(name="talk", params=[*talks.PLACES, "alba-smp4"])
def fixture_talk(request, start):
    """With busybox's shell, in both places, and on several CPUs."""
    place, _, smp = request.param.partition("-smp")
    return start(place, options=["--smp", smp] if smp else [])


@pytest.fixture(name="guest")
def fixture_guest(start):
    """With busybox's shell, on Alba only: for what differs from machine to machine."""
    return start("alba")
