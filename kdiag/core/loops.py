"""asyncio event loops: which threads run one, and the callback that a loop is in.

Separate from its detector because others ask, too: whether the process serves, and whether its loop idles.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kdiag.core.frames import library_function
from kdiag.core.model import Frame, Wait, Window

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kdiag.core.threads import Track

_CALLBACK = ("asyncio/events.py", "_run")
_MACHINERY = {
    _CALLBACK,
    ("asyncio/base_events.py", "_run_once"),
    ("asyncio/base_events.py", "run_forever"),
    ("asyncio/base_events.py", "run_until_complete"),
}
# uvloop's own frames are C: of a loop of its kind only the functions that start it are seen.
_STARTERS = {("asyncio/runners.py", "run"), ("uvloop/__init__.py", "run")}


@dataclass(frozen=True, slots=True)
class LoopState:
    """What a loop's thread is doing: the callback's frames, innermost first; none when it turns or waits for events."""

    callback: tuple[Frame, ...]


def loop_state(frames: Sequence[Frame]) -> LoopState | None:
    """The state of the loop that runs on this stack; None when no loop does."""
    for depth, frame in enumerate(frames):
        function = library_function(frame)
        if function == _CALLBACK:
            return LoopState(tuple(frames[:depth]))
        if function in _MACHINERY:
            return LoopState(())  # selecting, or between callbacks
        if function in _STARTERS:
            return LoopState(tuple(frames[:depth]))
    return None


def loop_tracks(tracks: Sequence[Track]) -> tuple[Track, ...]:
    """The threads that run a loop. They do so for long if they do at all: the first or the last stack tells."""
    return tuple(track for track in tracks if loop_state(track.frames) or loop_state(track.looks[0].thread.frames))


def idles(track: Track) -> bool:
    """Whether the loop waited for events when it was seen last."""
    state = loop_state(track.frames)
    return state is not None and not state.callback and track.last.wait in {Wait.POLL, Wait.UNKNOWN}


def serves(window: Window, tracks: Sequence[Track]) -> bool:
    """Whether anybody depends on this process: it listens, or runs a loop."""
    return any(sample.listening for sample in window.process) or bool(loop_tracks(tracks))
