"""Makes what is shown out of pictures, in a thread of its own: the newest picture only, and at a bounded price.

It is separate from the screen because a picture of thousands of threads takes long to word, and keys must not wait.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from rich.text import Text

from kdiag.engine.live import Picture
from kdiag.tui.present.headline import headline, status
from kdiag.tui.present.signs import signs
from kdiag.tui.views.view import View

_SHORTEST_S = 0.2  # between two frames: more often nobody can read
_MARGIN = 4  # columns beside what a view shows: padding, and a scroll bar
_DUTY = 0.1  # of the time, at most, goes into making frames


@dataclass(frozen=True, slots=True)
class Frame:
    """What to put up: the parts that are always there, and what the open view shows."""

    picture: Picture
    status: Text
    headline: Text
    signs: Text
    view: View[Any]
    shown: Any


@dataclass
class Tally:
    """What became of the pictures; written by one thread each, read by any."""

    offered: int = 0
    made: int = 0
    longest_s: float = 0.0  # to make a frame
    drawn: int = 0
    longest_draw_s: float = 0.0  # in the screen's thread

    @property
    def dropped(self) -> int:
        """Pictures that a newer one overtook."""
        return max(0, self.offered - self.made)


@dataclass
class Frames:
    """The maker of frames.

    Attributes:
        title: of the target.
        post: takes each frame; called in the maker's thread.
    """

    title: str
    post: Callable[[Frame], None]
    tally: Tally = field(default_factory=Tally)
    _wake: threading.Condition = field(default_factory=threading.Condition, init=False)
    _picture: Picture | None = field(default=None, init=False)  # all below is guarded by _wake
    _held: Picture | None = field(default=None, init=False)
    _view: View[Any] | None = field(default=None, init=False)
    _width: int = field(default=80, init=False)
    _due: bool = field(default=False, init=False)
    _hurry: bool = field(default=False, init=False)
    _stopped: bool = field(default=False, init=False)

    def offer(self, picture: Picture) -> None:
        """Take a newer picture; from any thread."""
        with self._wake:
            self.tally.offered += 1
            self._picture, self._due = picture, self._due or self._held is None
            self._wake.notify()

    @property
    def newest(self) -> Picture | None:
        """The last one that was offered, though another one may be held."""
        with self._wake:
            return self._picture

    def hold(self, picture: Picture | None) -> None:
        """Show nothing but this picture from now on; None: the newest one again."""
        with self._wake:
            self._held = picture
            self._due = self._hurry = True
            self._wake.notify()

    def look(self, view: View[Any], width: int) -> None:
        """Show this view from now on, at once."""
        with self._wake:
            self._view, self._width = view, width
            self._due = self._hurry = True
            self._wake.notify()

    def stop(self) -> None:
        """Have `run` return."""
        with self._wake:
            self._stopped = True
            self._wake.notify()

    def run(self) -> None:
        """Make frames until `stop`."""
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._stopped or (self._due and self._picture and self._view))
                if self._stopped:
                    return
                picture, view, width = self._held or self._picture, self._view, self._width
                self._due = self._hurry = False
            assert picture is not None and view is not None  # noqa: S101, PT018 - just waited for
            frame, took = self.made(picture, view, width)
            self.post(frame)
            with self._wake:
                self._wake.wait_for(lambda: self._stopped or self._hurry, max(_SHORTEST_S, took / _DUTY))

    def made(self, picture: Picture, view: View[Any], width: int) -> tuple[Frame, float]:
        """One frame, and the seconds that it took."""
        began = time.perf_counter()
        frame = Frame(
            picture, status(picture, self.title), headline(picture), signs(picture.signs, width - 2), view,
            view.prepare(picture, width - _MARGIN),
        )  # fmt: skip
        took = time.perf_counter() - began
        self.tally.made += 1
        self.tally.longest_s = max(self.tally.longest_s, took)
        return frame, took
