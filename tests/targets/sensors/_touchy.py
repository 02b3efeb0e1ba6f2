"""Classes that note whatever of their own code runs: what looks at a service's objects must run none of it."""

from __future__ import annotations

from typing import Any

ran: list[str] = []


class Touchy(type):
    """Notes whatever is asked of a class."""

    def __hash__(cls) -> int:
        ran.append("hash of the class")
        return id(cls)

    def __eq__(cls, other: object) -> bool:
        ran.append("eq of the class")
        return cls is other

    def __subclasscheck__(cls, subclass: type) -> bool:
        ran.append("subclass")
        return False


class Object(metaclass=Touchy):
    """Notes whatever is asked of it."""

    def __getattribute__(self, name: str) -> Any:
        ran.append(f"attribute {name}")
        return object.__getattribute__(self, name)

    def __eq__(self, other: object) -> bool:
        ran.append("eq")
        return self is other

    def __hash__(self) -> int:
        ran.append("hash")
        return 1

    def __len__(self) -> int:
        ran.append("len")
        return 1
