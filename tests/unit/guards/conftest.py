"""Two threads that do as they are told, and what the ledger says of one test."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from kdiag.probe.guards import ledger
from tests.unit.guards.threads import Obedient

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Conflicts = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def one() -> Iterator[Obedient]:
    with Obedient("one") as thread:
        yield thread


@pytest.fixture
def two() -> Iterator[Obedient]:
    with Obedient("two") as thread:
        yield thread


@pytest.fixture
def conflicts() -> Iterator[Conflicts]:
    """Asks for the conflicts that were seen since the test began."""
    before = ledger.LEDGER.sequence
    yield lambda: ledger.conflicts(before)
    ledger.LEDGER.clear()
