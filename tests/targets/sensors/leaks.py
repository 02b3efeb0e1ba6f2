"""Things that a pool has lent, kept wherever a leak may be: what is found, and the line that put it there."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[3]))
from tests.targets.sensors._load import part, say


class Lent:
    """What is lent. Nothing of it may be run."""

    def __eq__(self, other: object) -> bool:
        raise AssertionError

    def __repr__(self) -> str:
        raise AssertionError

    __hash__ = None  # type: ignore[assignment]


class Proxy:
    """As those of werkzeug: even its class is a question to be answered."""

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        raise AssertionError


PROXY = Proxy()


class Service:
    latest: Any = None
    by_name: dict[str, Any] = {}  # noqa: RUF012 - it is what is sick

    def __init__(self) -> None:
        self.open: list[Any] = []
        self.current: Any = None

    def fill(self) -> None:
        self.open.append(Lent())  # PUT Service.open
        self.current = Lent()  # PUT Service.current
        Service.by_name["a"] = Lent()  # PUT Service.by_name


KEPT: list[Any] = []
NESTED: dict[str, Any] = {"a": {"b": []}}
service = Service()
ALONE = Lent()


def fill() -> None:
    def inner() -> None:
        KEPT.append(Lent())  # PUT leaks.KEPT, whose line is that of the name: two above

    inner()
    NESTED["a"]["b"] += [Lent(), Lent()]
    service.fill()


def closure() -> Any:
    lent = Lent()
    return lambda: lent


CALLBACK = closure()
fill()
found, complete = part("pools.keepers").kept(frozenset({Lent}), lambda _: True)
say(kept=sorted([each.name, each.filled_at] for each in found), complete=complete)
