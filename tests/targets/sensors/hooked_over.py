"""Others hook before us and after us, and stay: what they hold must call on, and hold nothing of ours."""

from __future__ import annotations

import asyncio
import concurrent.futures
import gc
import logging
import sys
import threading
import weakref
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[3]))
from tests.targets.sensors._load import say, sensor

called: dict[str, list[str]] = {}


def hook(owner: Any, name: str, who: str) -> None:
    """Put a function before another one, as anybody may."""
    before = getattr(owner, name)

    def hooked(*args: Any, **kwargs: Any) -> Any:
        called.setdefault(name, []).append(who)
        return before(*args, **kwargs)

    setattr(owner, name, hooked)


def quiet(*_: object) -> None:
    """What would be printed is nobody's business."""


def use_all() -> dict[str, list[str]]:
    """Have each hook called once."""
    called.clear()
    failure = failed()
    sys.excepthook(KeyError, failure, None)
    thread = threading.Thread(target=fails)
    thread.start()
    thread.join()
    living.append(thread)
    loop = asyncio.new_event_loop()
    loop.set_exception_handler(quiet)
    loop.call_exception_handler({"message": "", "exception": failure})
    loop.close()
    future: Any = concurrent.futures.Future()
    future.set_exception(exception=failure)
    future.exception()
    logging.getLogger("x").warning("", exc_info=failure)
    return dict(called)


def failed() -> Exception:
    try:
        fails()
    except KeyError as exc:
        return exc
    raise AssertionError


def fails() -> None:
    raise KeyError(2)


HOOKED: list[tuple[Any, str]] = [
    (sys, "excepthook"), (threading, "excepthook"), (logging, "_logRecordFactory"),
    (asyncio.BaseEventLoop, "call_exception_handler"), (concurrent.futures.Future, "set_exception"),
]  # fmt: skip
living: list[threading.Thread] = []
logging.getLogger().addHandler(logging.NullHandler())
sys.excepthook = threading.excepthook = quiet
for owner, name in HOOKED:
    hook(owner, name, "before")
crashes = sensor("crashes")
crashes.start()
for owner, name in HOOKED:
    hook(owner, name, "after")
over = [getattr(owner, name) for owner, name in HOOKED]
during = use_all()
data = crashes.data(0)
crashes.stop()
untouched = all(getattr(owner, name) is each for (owner, name), each in zip(HOOKED, over))
afterwards = use_all()
late = crashes.data(data["sequence"])["groups"]
del crashes
modules = [weakref.ref(sys.modules.pop(name)) for name in list(sys.modules) if name.startswith("_private")]
gc.collect()
say(
    data=data, during=during, untouched=untouched, afterwards=afterwards, late=late,
    alive=[module().__name__ for module in modules if module() is not None],  # type: ignore[union-attr]
)  # fmt: skip
