"""All views, in the order of their keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kdiag.tui.views.crashes import CrashesView
from kdiag.tui.views.findings import FindingsView
from kdiag.tui.views.flame import FlameView
from kdiag.tui.views.gc import CollectorView
from kdiag.tui.views.locks import LocksView
from kdiag.tui.views.log import LogView
from kdiag.tui.views.maps import MapsView
from kdiag.tui.views.memory import MemoryView
from kdiag.tui.views.pools import PoolsView
from kdiag.tui.views.tasks import TasksView
from kdiag.tui.views.threads import ThreadsView

if TYPE_CHECKING:
    from kdiag.engine.live import Feed
    from kdiag.tui.frames import Tally
    from kdiag.tui.views.view import View


def views(feed: Feed, tally: Tally) -> list[View[Any]]:
    """Of one screen."""
    return [
        FindingsView(feed.source),
        ThreadsView(feed.source),
        TasksView(),
        CollectorView(),
        PoolsView(),
        LocksView(),
        CrashesView(feed.source),
        MapsView(),
        FlameView(),
        MemoryView(),
        LogView(tally),
    ]
