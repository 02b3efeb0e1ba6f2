"""Errors on standard error: what is in them may be the target's own words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kdiag.cli import diagnostics
from kdiag.errors import KdiagError

if TYPE_CHECKING:
    import pytest


def test_what_an_error_tells_cannot_act_on_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    diagnostics.error(KdiagError("not-python", "process 7 (\x1b[2J) is none", cause="one\ntwo", hint="first\nsecond"))

    assert capsys.readouterr().err.splitlines() == [
        "error[not-python]: process 7 (\\x1b[2J) is none",
        "  cause: one",
        "         two",
        "  hint: first",
        "        second",
    ]
