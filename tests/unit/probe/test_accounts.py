"""What is concluded from writes to one container, in their order: unlocked ones, lost updates, and who wrote last."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from kdiag.probe.guards.accounts import LOST, UNLOCKED, Account
from kdiag.probe.guards.expressions import read
from kdiag.probe.guards.watcher import ADDED, DELETED, MODIFIED, Moment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

LOCK = threading.Lock()
COUNTS = {"hits": 0}
A, B = 1, 2  # threads


def assigns(value: int) -> None:
    COUNTS["hits"] = value


def counts() -> None:
    before = COUNTS["hits"]
    COUNTS["hits"] = before + 1


def counts_back() -> None:
    before = COUNTS["hits"]
    COUNTS["hits"] = before - 1


def counts_locked() -> None:
    with LOCK:
        COUNTS["hits"] += 1


def moment(
    ident: int, value: int, by: Callable[..., None] = assigns, event: int = MODIFIED, at: int = 0, key: int | None = 7
) -> Moment:
    site = (by.__code__, read(by.__code__).writes[0].offset)
    return Moment(at, ident, (event, 1000, 2000, 3000), key, value, (site,))


def account() -> Account:
    return Account(1, 1000, "shop.COUNTS", "dict", 0)


def conflicts(moments: Iterable[Moment]) -> list[str]:
    noted = account()
    return [kind for each in moments for kind, *_ in noted.note(each)]


def test_a_number_that_does_not_grow_beyond_what_another_thread_wrote_is_lost() -> None:
    assert LOST in conflicts([moment(A, 6, counts), moment(B, 6, counts)])
    assert LOST not in conflicts([moment(A, 6, counts), moment(B, 7, counts)])
    assert LOST not in conflicts([moment(A, 6, counts), moment(A, 6, counts)])


def test_under_one_lock_nothing_is_a_conflict() -> None:
    assert conflicts(moment(n % 2 + 1, 6, counts_locked) for n in range(20)) == []


def test_a_number_by_other_code_only_grows_when_it_was_seen_to() -> None:
    growing = [moment(A, n) for n in range(1, 20)]
    assert LOST not in conflicts([moment(A, 6), moment(B, 6)])
    assert LOST in conflicts([*growing, moment(B, 19)])
    assert LOST not in conflicts([*growing, moment(A, 3), moment(B, 3)])


@pytest.mark.parametrize("writers", [(counts, counts_back), (counts_back, counts)])
def test_a_number_that_code_subtracts_from_may_fall(writers: tuple[Callable[..., None], Callable[..., None]]) -> None:
    growing = [moment(A, n, counts) for n in range(1, 20)]
    one, other = writers
    assert LOST not in conflicts([*growing, moment(A, 20, one), moment(B, 19, other)])


def test_after_a_gap_nothing_follows_from_what_was_before() -> None:
    noted = account()
    noted.note(moment(A, 6, counts))
    noted.gap()
    assert noted.note(moment(B, 6, counts)) == []


def test_what_has_no_key_or_no_number_is_no_counter() -> None:
    assert LOST not in conflicts([moment(A, 6, counts, key=None), moment(B, 6, counts, key=None)])


def test_writes_by_turns_without_a_lock_are_told_from_the_third_on() -> None:
    turns = [moment(n % 2 + 1, n, counts) for n in range(6)]
    assert conflicts(turns) == [UNLOCKED] * 3
    assert conflicts(moment(A, n, counts) for n in range(6)) == []


def test_the_writer_of_a_broken_loop_is_the_other_thread_that_changed_keys_last() -> None:
    noted = account()
    for each in (
        moment(A, 1, event=ADDED, at=1), moment(B, 2, event=DELETED, at=2), moment(A, 3, event=ADDED, at=3),
        moment(B, 4, event=MODIFIED, at=4), moment(B, 5, event=ADDED, at=9),
    ):  # fmt: skip
        noted.note(each)
    found = noted.writer_before(5, A)
    assert found is not None
    assert (found.ident, found.at_ns) == (B, 2)
    alone = noted.writer_before(1, A)
    assert alone is not None
    assert alone.ident == A
    assert account().writer_before(5, A) is None
