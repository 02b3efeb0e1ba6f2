"""Runs the screen in a process that has nothing else to do.

Separate from the application, which must not meddle with the collector of whoever embeds or tests it.
"""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

from kdiag.tui.app import KdiagApp

if TYPE_CHECKING:
    from kdiag.engine.live import Feed

# With thousands of threads a full collection takes 100 to 170 ms, in which no key is heard, and by default there is one
# or two a second. These make it one in a minute or so; what they free later is some tens of megabytes.
_THRESHOLDS = (50_000, 20, 50)


def show(feed: Feed, *, others: bool = False) -> KdiagApp:
    """Put up the screen until somebody leaves it, and give it as it was then; see `KdiagApp`."""
    calm_collector()
    app = KdiagApp(feed, others=others)
    app.run()
    return app


def calm_collector() -> None:
    """Keep our own garbage collector from making keys wait: what is loaded stays, and what comes is looked at less."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
