"""Who wants to know of forks hangs on a list; `boot.at_fork` makes what reads it, once for the life of the process.

It is separate because not all who come and go have a door.
"""

from __future__ import annotations

from .boot import at_fork

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class Forked(Protocol):
        """Whoever wants to know of forks. No lock may be waited for: a thread that is gone may have held it."""

        def before_fork(self) -> None:
            """In the process that is about to fork."""

        def after_fork_in_parent(self) -> None:
            """In the same process, afterwards."""

        def after_fork_in_child(self) -> None:
            """In its child."""


SLOT = "_kdiag_at_fork"


def register(who: Forked) -> None:
    """Have every fork tell `who`, until that is unregistered."""
    at_fork().append(who)


def unregister(who: Forked) -> None:
    """Have it told no more."""
    slot = at_fork()
    if who in slot:
        slot.remove(who)
