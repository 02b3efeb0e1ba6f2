"""Small sick services of the package's own: what `kdiag demo` starts, each also usable by hand.

- Each is a real program with one disease that real services have: `python -m kdiag.demos.collector`.
- Each prints `{"ready": true, "pid": …, "port": …}` on stdout once the disease is in place.
- Each ends after `--for SECONDS` (300 by default) or with the thread that started it.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping


class Demo(NamedTuple):
    """One demo service: what to run with `-m`, what a diagnosis must say, and what is wrong in one sentence."""

    module: str
    verdict: str
    sentence: str


DEMOS: Mapping[str, Demo] = MappingProxyType(
    {
        "collector": Demo(
            "kdiag.demos.collector",
            "gc-pressure",
            "An order service links every order with its lines both ways, so only the cyclic collector can free them.",
        ),
        "pool": Demo(
            "kdiag.demos.pool",
            "pool-exhaustion",
            "A report service waits for a price server without a timeout; all of its workers are stuck.",
        ),
        "hot_loop": Demo(
            "kdiag.demos.hot_loop",
            "cpu-hot-loop",
            "A customer service compares every customer with every other to answer one request.",
        ),
        "event_loop": Demo(
            "kdiag.demos.event_loop",
            "event-loop-blocked",
            "A payment service on asyncio retries with time.sleep, which stops all other requests meanwhile.",
        ),
        "deadlock": Demo(
            "kdiag.demos.deadlock",
            "deadlock",
            "A warehouse locks stock before ledger when it ships, and ledger before stock when it takes back.",
        ),
        "nil": Demo(
            "kdiag.demos.nil",
            "nil-dereference",
            "A scheduler reads the name of a node that is gone, logs the failure, and places no pod any more.",
        ),
    }
)
