"""A process that ends with the hooks still in, and crashes while it is taken apart: that must be all that it says."""

from __future__ import annotations

import contextlib
import json
import logging
import sys
import threading
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[3]))
from tests.targets.sensors._load import sensor

node: Any = None


class Late:
    """Crashes when it is freed, which is when its module is."""

    def __del__(self, log: Any = logging.getLogger("late")) -> None:  # noqa: B008
        try:
            _ = None.name  # type: ignore[attr-defined]
        except AttributeError:
            log.warning("", exc_info=True)
        _ = None.name  # type: ignore[attr-defined]


def swallows() -> None:
    with contextlib.suppress(AttributeError):
        _ = node.name


def again() -> None:
    while True:
        swallows()
        time.sleep(0.0001)


logging.getLogger().addHandler(logging.NullHandler())
sys.unraisablehook = lambda _: None
crashes = sensor("crashes")
crashes.start()
late = Late()
late.itself = late  # type: ignore[attr-defined]
threading.Thread(target=again, daemon=True).start()
print(json.dumps({"hooks": crashes.data(0)["hooks"]}), flush=True)
