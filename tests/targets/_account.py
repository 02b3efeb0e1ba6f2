"""What a target can say of itself: that no unit of its work was lost or doubled, and what has changed in it.

Separate from `_ready`, because only the targets that are attached to again and again need it. It is asked for by
SIGUSR1 and comes as the JSON line `{"account-N": {...}}`, N counting from 0.

- A signal's handler runs in the main thread, between two of its bytecodes or instead of its wait for a lock: so a
  target that is deadlocked as a whole can answer too. A main thread that works itself answers at a point of its own.
- Everything in `residue` must be the same before a visitor comes and after it has left.
"""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from tests.targets._ready import say
from tests.targets._residue import snapshot

if TYPE_CHECKING:
    from collections.abc import Callable

_MODULUS = (1 << 61) - 1


class Ledger:
    """Counts units of work by number; a unit that is lost, doubled or out of turn does not go unseen."""

    def __init__(self) -> None:
        self.done = 0
        self.problems: list[str] = []
        self._sum = 0
        self._chain = 0
        self._checked = (0, 0)  # done and chain at the last check

    def enter(self, number: int) -> None:
        """Write unit `number` down; it must be the next."""
        self.done += 1
        self._sum += number
        self._chain = (self._chain * 31 + number) % _MODULUS
        if number != self.done:
            self.problems.append(f"unit {number} came as number {self.done}")

    def right(self) -> bool:
        """Whether the books agree with what they must be by reckoning."""
        done, chain = self._checked
        for number in range(done + 1, self.done + 1):
            chain = (chain * 31 + number) % _MODULUS
        self._checked = (self.done, self._chain)
        return not self.problems and self._sum == self.done * (self.done + 1) // 2 and self._chain == chain


class Inquiry:
    """Answers SIGUSR1, at once or when the main thread comes by."""

    def __init__(self, account: Callable[[], dict[str, object]], *, at_once: bool = True) -> None:
        self._account = account
        self._at_once = at_once
        self._asked = 0
        self._answered = 0
        self._answering = False
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
        signal.signal(signal.SIGUSR1, self.ask)

    def open(self) -> None:
        """Hear questions from now on: the main thread is in the midst of saying nothing else any more."""
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGUSR1})

    def ask(self, _signal: int = 0, _frame: object = None) -> None:
        """Take the question down."""
        self._asked += 1
        if self._at_once:
            self.answer()

    def answer(self) -> None:
        """Answer what was asked since the last time; for a main thread that works, where its books agree."""
        # A signal may come while the last one is being answered: then the outer call goes round once more.
        while self._answered < self._asked and not self._answering:
            self._answering = True
            number, self._answered = self._answered, self._answered + 1
            say(**{f"account-{number}": {**self._account(), "residue": snapshot()}})
            self._answering = False
