"""Crashes as the hooks tell them: typed, and counted from this session's beginning."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from kdiag.core.model import ClassPlace, Frame, NilUsed
from kdiag.sources.probe_crashes import CrashCounts, Crashes

if TYPE_CHECKING:
    from collections.abc import Callable

HOOKS = ["sys.excepthook", "threading.excepthook", "logging"]


def group(number: int = 1, count: int = 1, **changes: Any) -> dict[str, Any]:
    """A thread that met a None, as the sensor tells it."""
    return {
        "number": number, "sequence": 10 + count, "type": "AttributeError",
        "message": "'NoneType' object has no attribute 'name'", "kind": "nil", "count": count, "ended": count,
        "first_at": 50.0, "last_at": 50.0 + count, "by": {"threading.excepthook": count, "logging": 0}, "loggers": [],
        "threads": ["worker-1"],
        "frames": [
            {"file": "/srv/cache.py", "line": 42, "function": "Cache.place", "first": 40, "span": [42, 42, 8, 17],
             "none": ["node"]},
            {"file": "/srv/app.py", "line": 9, "function": "<module>", "first": 1, "span": None, "none": []},
        ],
        "used": {"chain": ["self", "node"], "how": "attribute", "attribute": "name", "stored_at": 0, "argument": False,
                 "owner": ["shop.cache.Cache", "/srv/cache.py", 12]},
        **changes,
    }  # fmt: skip


def answer(*groups: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """What the sensor says."""
    return {
        "at": 100.0,
        "hooks": HOOKS,
        "raises": False,
        "groups": list(groups),
        "sequence": 20,
        "dropped": 0,
    } | changes


def decode(told: dict[str, Any]) -> Crashes:
    return msgspec.convert(told, Crashes)


def test_facts_of_a_traceback() -> None:
    account = CrashCounts().account(decode(answer(group(), dropped=3)))
    assert (account.hooks, account.raises, account.dropped) == (tuple(HOOKS), False, 3)
    (crash,) = account.groups
    assert (crash.type, crash.kind, crash.threads, crash.by) == (
        "AttributeError", "nil", ("worker-1",), {"threading.excepthook": 1},
    )  # fmt: skip
    assert crash.frames[0].span == (42, 42, 8, 17)
    assert crash.frames[0].none == ("node",)
    assert crash.frames[1].frame == Frame("/srv/app.py", 9, "<module>")
    assert crash.used == NilUsed(
        ("self", "node"), "attribute", "name", owner=ClassPlace("shop.cache.Cache", "/srv/cache.py", 12)
    )


def test_only_what_happened_since_the_answer_before_is_counted() -> None:
    counts = CrashCounts()
    counts.account(decode(answer(group(1, 5), group(2, 1))))
    told_again = answer(group(1, 7, ended=5, by={"threading.excepthook": 5, "logging": 2}), group(3, 4), dropped=2)
    account = counts.account(decode(told_again))
    assert [(each.number, each.count, each.ended, dict(each.by)) for each in account.groups] == [
        (1, 2, 0, {"logging": 2}),
        (3, 4, 4, {"threading.excepthook": 4}),
    ]
    assert account.dropped == 2
    assert counts.account(decode(answer(dropped=2))).groups == ()
    assert counts.account(decode(answer(dropped=2))).dropped == 0
    assert [each.count for each in counts.account(decode(answer(group(2, 2)))).groups] == [1]


def test_what_was_seen_when_raised_goes_over_to_the_hook_that_tells_of_it() -> None:
    counts = CrashCounts()
    counts.account(decode(answer(group(1, 2, ended=0, by={"sys.monitoring": 2}))))
    told = group(1, 2, ended=1, by={"sys.monitoring": 1, "threading.excepthook": 1})
    (moved,) = counts.account(decode(answer(told))).groups
    assert (moved.count, moved.ended, moved.by) == (0, 1, {"sys.monitoring": -1, "threading.excepthook": 1})


def test_a_group_that_only_changed_otherwise_is_no_news() -> None:
    counts = CrashCounts()
    counts.account(decode(answer(group(1, 5))))
    assert counts.account(decode(answer(group(1, 5, threads=["worker-1", "worker-2"])))).groups == ()


def test_what_was_none_may_be_unknown() -> None:
    (crash,) = CrashCounts().account(decode(answer(group(used=None, kind="other", message="")))).groups
    assert crash.used is None


def _without(name: str) -> Callable[[dict[str, Any]], None]:
    return lambda told: told.pop(name)


def _in_group(**changes: Any) -> Callable[[dict[str, Any]], None]:
    return lambda told: told["groups"][0].update(changes)


def _in_frame(**changes: Any) -> Callable[[dict[str, Any]], None]:
    return lambda told: told["groups"][0]["frames"][0].update(changes)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(_without("groups"), id="no groups"),
        pytest.param(_without("raises"), id="what is not seen"),
        pytest.param(_in_group(kind="strange"), id="a kind that we do not know"),
        pytest.param(_in_group(count=-1), id="a negative count"),
        pytest.param(_in_group(count="3"), id="a count that is text"),
        pytest.param(_in_group(by={"logging": -2}), id="a negative count of a hook"),
        pytest.param(_in_group(last_at=float("nan")), id="no time"),
        pytest.param(_in_group(used={"chain": [], "how": "attribute"}), id="used nothing"),
        pytest.param(_in_frame(span=[1, 2, 3]), id="half a span"),
        pytest.param(_in_frame(line=-1), id="a negative line"),
    ],
)
def test_what_is_no_answer_is_refused(change: Callable[[dict[str, Any]], None]) -> None:
    told = answer(group())
    change(told)
    with pytest.raises(msgspec.ValidationError):
        decode(told)
