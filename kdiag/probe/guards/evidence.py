"""What is written down of a conflict: who, when, where, and which key; places and names, never values.

It is separate from the guards because what may be told of a service's data is decided here, in one place.

A key is shown as it is only where it stands as a constant in the code that is named anyway: then it is source, not
data. Of any other key the type is told, and of built-in ones a short hash, salted anew in each process: enough to see
whether two reports speak of the same key, too little to guess it back.
"""

from __future__ import annotations

import hashlib
import os
import sys
import threading
import time
from _thread import get_ident
from typing import TYPE_CHECKING, NamedTuple

from ..sensors.places import Place, instance_dict, place, text

if TYPE_CHECKING:
    from types import CodeType, FrameType
    from typing import Any

DEEPEST = 16
LONGEST_KEY = 64
NO_KEY: Any = object()
_HERE = (lambda: None).__code__.co_filename.rpartition("/")[0] + "/"
_SALT = os.urandom(8)


class Side(NamedTuple):
    """One side of a conflict: a thread, what it did last, and where; innermost place first, at most `DEEPEST`."""

    thread: str
    ident: int
    at: float
    frames: tuple[Place, ...]


class Moment(NamedTuple):
    """One side, with the code that its places are of: there its constants are looked up."""

    side: Side
    codes: tuple[CodeType, ...]


def service_frame() -> FrameType | None:
    """The innermost frame of the calling thread that is not ours; None where all are."""
    frame: FrameType | None = sys._getframe()
    while frame is not None and frame.f_code.co_filename.startswith(_HERE):
        frame = frame.f_back
    return frame


def made_at() -> str:
    """Where the calling thread is, as a name for what it makes there: "cache.py:12"."""
    frame = service_frame()
    return f"{frame.f_code.co_filename.rpartition('/')[2]}:{frame.f_lineno}" if frame is not None else ""


def moment(frame: FrameType | None) -> Moment:
    """What the calling thread does now, from one of its frames outwards."""
    ident = get_ident()
    places: list[Place] = []
    codes: list[CodeType] = []
    while frame is not None and len(codes) < DEEPEST:
        places.append(place(frame.f_code, frame.f_lineno or 0))
        codes.append(frame.f_code)
        frame = frame.f_back
    return Moment(Side(thread_name(ident), ident, time.perf_counter(), tuple(places)), tuple(codes))


def thread_name(ident: int) -> str:
    """The name of a thread, by no code of the service's; "" where it has none."""
    thread = threading._active.get(ident)  # type: ignore[attr-defined]
    return text(instance_dict(thread).get("_name")) if thread is not None else ""


def is_alive(ident: int, native_id: int) -> bool:
    """Whether that very thread still runs; False for one that `threading` does not know of."""
    thread = threading._active.get(ident)  # type: ignore[attr-defined]
    return thread is not None and instance_dict(thread).get("_native_id") == native_id


def name_of(target: object, frame: FrameType | None) -> str:
    """What the calling thread's functions call an object in their modules: "module.NAME", "" where they do not."""
    for _ in range(DEEPEST):
        if frame is None:
            return ""
        module = module_name(frame.f_globals)
        for name, value in frame.f_globals.copy().items():
            if value is target and type(name) is str:
                return f"{module}.{name}"
        frame = frame.f_back
    return ""


def module_name(names: dict[str, Any]) -> str:
    """The name of the module whose names these are; of the main program its file's."""
    name, file = text(names.get("__name__")), text(names.get("__file__"))
    return file.rpartition("/")[2].rpartition(".")[0] if name == "__main__" and file else name


def key_in_words(key: object, *moments: Moment) -> str:
    """A key as it may be told; runs no code of the key's."""
    if key is NO_KEY:
        return ""
    kind = type(key)
    if kind not in {str, bytes, int, float, bool, type(None)}:
        return text(kind.__name__)
    if any(_is_constant(key, code) for each in moments for code in each.codes):
        return repr(key)[:LONGEST_KEY]
    digest = hashlib.blake2b(repr(key).encode("utf-8", "replace"), digest_size=2, key=_SALT)
    return f"{kind.__name__}#{digest.hexdigest()}"


def _is_constant(key: object, code: CodeType) -> bool:
    return any(type(each) is type(key) and each == key for each in code.co_consts)
