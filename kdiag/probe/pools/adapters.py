"""The adapters that are loaded, and how they are asked: one that fails is given up, and what it did not answer is None.

Separate from what they are asked for, which is the sensor's.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, NamedTuple

from . import BUILT_IN, looking
from .contributed import CONTRIBUTED

if TYPE_CHECKING:
    from collections.abc import Container
    from types import FrameType

    from ..sensors.frames import Stack

ROLES = frozenset({"busy", "idle", "waits", "holds", "manages"})
_PACKAGE = __name__.rpartition(".")[0]


class Found(NamedTuple):
    """A frame that an adapter knows. `pool` is what all frames of one pool share."""

    adapter: str
    role: str
    pool: Any


class Adapters:
    """Those of libraries that the service has imported, by their names.

    Attributes:
        failed: by the name of an adapter that was given up: how it failed.
    """

    def __init__(self) -> None:
        self.failed: dict[str, str] = {}
        self._loaded: dict[str, Any] = {}
        self._frames: dict[str, list[tuple[str, str, Any]]] = {}  # by function: module, adapter, role

    @property
    def names(self) -> list[str]:
        """Those that can be asked."""
        return list(self._loaded)

    @property
    def functions(self) -> Container[str]:
        """The names of the functions that any of them knows: most frames are of none, and need not be asked about."""
        return self._frames

    def load(self) -> None:
        """Load what the service has imported the library of by now."""
        known = {**BUILT_IN, **{f"contributed.{name}": library for name, library in CONTRIBUTED.items()}}
        for name, library in known.items():
            if library in sys.modules and name not in self._loaded and name not in self.failed:
                try:
                    __import__(f"{_PACKAGE}.{name}")
                    adapter = self._loaded[name] = sys.modules[f"{_PACKAGE}.{name}"]
                    for (module, function), role in adapter.FRAMES.items():
                        self._frames.setdefault(function, []).append((module, name, role))
                except Exception as error:
                    self._give_up(name, "loading", error)

    def constant(self, name: str, what: str) -> Any:
        """What an adapter says of itself; None where it does not."""
        return getattr(self._loaded.get(name), what, None)

    def ask(self, name: str, function: str, *arguments: Any) -> Any:
        """Call a function of an adapter's; None where it has none, or failed."""
        try:
            called = getattr(self._loaded.get(name), function, None)
            return called(*arguments, looking) if called is not None else None
        except Exception as error:
            return self._give_up(name, function, error)

    def found(self, stack: Stack, depth: int) -> list[Found]:
        """What the adapters know of one frame of a stack."""
        frame = stack[depth]
        return [
            Found(name, role, pool)
            for module, name, role in self._frames.get(frame.f_code.co_name, ())
            if looking.is_in(frame, module)
            for role in (self._role(name, role, frame, stack[:depth]),)
            if role in ROLES
            for pool in (self.ask(name, "pool_of", frame),)
            if pool is not None
        ]

    def _role(self, name: str, role: Any, frame: FrameType, inner: Stack) -> Any:
        try:
            return role if isinstance(role, str) else role(frame, inner, looking)
        except Exception as error:
            return self._give_up(name, "FRAMES", error)

    def _give_up(self, name: str, where: str, error: Exception) -> None:
        self._loaded.pop(name, None)
        self.failed[name] = f"{type(error).__name__} in {where}"
        for frames in self._frames.values():
            frames[:] = [frame for frame in frames if frame[1] != name]
