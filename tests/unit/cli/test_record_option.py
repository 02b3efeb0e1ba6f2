"""Every command that observes for a time can record, and those that docs/recordings.md names cannot."""

from __future__ import annotations

import click
import pytest

from kdiag.cli.registry import COMMANDS, LazyGroup

RECORDING = {"watch", "diagnose", "triage", "profile", "guard", "pools", "locks", "gc", "memory"}


@pytest.mark.parametrize("name", COMMANDS)
def test_what_observes_for_a_time_has_the_option(name: str) -> None:
    group = LazyGroup("kdiag")
    command = group.get_command(click.Context(group), name)
    assert command is not None
    options = {option for each in command.params for option in each.opts}
    assert ("--record" in options) == (name in RECORDING)
