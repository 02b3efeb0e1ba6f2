"""The keeper of a preloaded door, at the moments that no process can be held at."""

from __future__ import annotations

import os
from pathlib import Path

from kdiag.probe.door import PARENTS
from kdiag.probe.preloaded import _Keeper


def test_who_has_just_seen_a_host_off_opens_no_door_when_it_was_taken_away_meanwhile() -> None:
    keeper = _Keeper()
    keeper.occupied = True  # so it was when the service asked for the end, and could not be waited for
    assert not keeper.end()
    keeper.retire()
    assert keeper._next_host() is None
    assert not [Path(parent) for parent in PARENTS if Path(parent, f".kdiag-{os.geteuid()}-{os.getpid()}").exists()]
