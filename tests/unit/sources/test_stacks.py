"""One thread over several looks, by whichever tool they were taken."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kdiag.core.model import Frame, ThreadSample
from kdiag.sources.pyspy import nameless
from kdiag.sources.stacks import main_named, recognised

IDENT = 0x7F0000001000
FRAMES = (Frame("/srv/shop/pool.py", 3, "ask"),)
BEFORE = ThreadSample(42, IDENT, "prices_0", FRAMES)


@pytest.mark.parametrize(
    ("now", "name"),
    [
        (replace(BEFORE, name=nameless(IDENT)), "prices_0"),  # py-spy could not read the names
        (replace(BEFORE, ident=42), "prices_0"),  # pystack
        (replace(BEFORE, name="renamed"), "renamed"),
    ],
)
def test_a_thread_stays_the_same_whoever_looks(now: ThreadSample, name: str) -> None:
    assert recognised(now, BEFORE) == replace(BEFORE, name=name)


def test_a_thread_that_was_never_seen_is_what_it_is() -> None:
    unknown = replace(BEFORE, name=nameless(IDENT))
    assert recognised(unknown, None) is unknown


def test_the_main_thread_of_a_program_without_names_is_known_by_its_number() -> None:
    unknown = replace(BEFORE, name=nameless(IDENT))
    assert main_named(unknown, pid=42).name == "MainThread"
    assert main_named(unknown, pid=41) is unknown
    assert main_named(BEFORE, pid=42) is BEFORE
