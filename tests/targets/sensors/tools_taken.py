"""Both tool numbers of `sys.monitoring` that we may use are taken, or none is; each stays whose it was."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[3]))
from tests.targets.sensors._load import say, sensor

monitoring: Any = sys.monitoring  # type: ignore[attr-defined, unused-ignore]


def tools() -> list[str | None]:
    return [monitoring.get_tool(number) for number in range(6)]


crashes = sensor("crashes")
free = tools()
crashes.start()
during = tools()
sees = crashes.data(0)["raises"]
crashes.stop()
freed = tools()
for number in (3, 4):
    monitoring.use_tool_id(number, "somebody")
crashes.start()
blind = crashes.data(0)
crashes.stop()
say(free=free, during=during, freed=freed, sees=sees, blind=blind["raises"], taken=tools(), crashes=blind["crashes"])
