"""Which way `--attach auto` takes, of those that are open."""

from __future__ import annotations

import pytest

from kdiag.engine.ways import WayIn, taken_by_itself
from kdiag.errors import KdiagError

CLOSED = KdiagError("closed", "closed")
FORBIDDEN = KdiagError("remote-debugging-disabled", "the service wants nobody in")


@pytest.mark.parametrize(
    ("preloaded", "pep768", "ptrace", "taken"),
    [
        (None, None, None, "preloaded"),
        (CLOSED, None, None, "pep768"),
        (CLOSED, CLOSED, None, "ptrace"),
        (CLOSED, CLOSED, CLOSED, None),
        (CLOSED, FORBIDDEN, None, None),
        (None, FORBIDDEN, None, "preloaded"),
    ],
)
def test_the_first_that_is_open(
    preloaded: KdiagError | None, pep768: KdiagError | None, ptrace: KdiagError | None, taken: str | None
) -> None:
    ways = (WayIn("preloaded", preloaded), WayIn("pep768", pep768), WayIn("ptrace", ptrace))
    assert taken_by_itself(ways) == taken
