"""The adapters: each knows the pools of one library, and nothing else. `docs/pools.md` tells how to write one.

- A pool is found from the frames of threads that work in it, wait for it or hold something of it; never by searching
  the heap.
- An adapter is a module with `KIND`, `FRAMES`, `pool_of` and `state_of`, and what else of `Adapter` it has use for. It
  is handed `looking` and imports nothing of ours, so those of others, which travel as their source, are written alike.
- One is loaded when the service has imported its library; what fails in it costs its own pools only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, Union

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from types import FrameType, ModuleType

    # What a thread does in a pool: "busy" and "idle" are workers; "waits" is one that waits for what the pool lends,
    # "holds" one that has it; "manages" is a thread of the library's own, whose frame knows the pool best.
    Role = Union[str, Callable[[FrameType, Sequence[FrameType], ModuleType], Union[str, None]]]

# By the module of an adapter in here: the module of the library that its frames are of.
BUILT_IN = {
    "futures": "concurrent.futures.thread",
    "processes": "concurrent.futures.process",
    "multiprocessing": "multiprocessing.pool",
    "anyio": "anyio._backends._asyncio",
    "waitress": "waitress.task",
    "uvicorn": "uvicorn.server",
    "sqlalchemy": "sqlalchemy.pool.impl",
    "psycopg": "psycopg_pool.pool",
    "urllib3": "urllib3.connectionpool",
    "httpcore": "httpcore",
    "aiohttp": "aiohttp.connector",
    "dramatiq": "dramatiq.worker",
    "celery": "celery.worker.loops",
    "rq": "rq.worker",
}


class Adapter(Protocol):
    """What an adapter's module has.

    Attributes:
        KIND: the library whose pools they are.
        FRAMES: by module and function, what a thread does in whose stack such a frame is.
    """

    KIND: str
    FRAMES: Mapping[tuple[str, str], Role]

    def pool_of(self, frame: FrameType, look: ModuleType) -> object | None:
        """The object that is the pool, or what all its threads share; None where this frame is of none."""

    def state_of(self, pool: Any, frame: FrameType | None, look: ModuleType) -> dict[str, Any]:
        """What is known of a pool: any of the keys of `STATE`.

        Args:
            frame: one of its frames, a managing thread's where there is any; None where none was seen.
        """


# What an adapter may have besides: `LENDS`, what its pools lend; `known(look)`, the pools that a module of the library
# itself knows; `LENT`, by module and name the classes of what is lent, and `pool_of_lent(value, look)`, whose it is;
# `result_of(frame, look)`, the future that a busy worker will set.

# The keys of `state_of`, all of which may be left out:
#   name    its name for people
#   size    how many workers it can have, or how many it can lend
#   taken   how many of them are busy or lent, where threads do not tell
#   queued  how many tasks wait for a worker; how many wait to be lent one, where threads do not tell
#   items   the queued tasks' futures, to prove that a worker waits for one of them
#   first   the object that has waited for longest, or a number that stays the same while nothing that waits is served
#   done    how many tasks are done since the pool's start
#   runs    the functions that its workers run now, where they are other processes
#   out     for each thing that is lent what tells this loan from all others: a number, an object that is made for it
#           alone or a weak reference to one; None for one that is not known, and then nothing can be told of any
