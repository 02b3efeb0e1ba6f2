"""Generators and coroutines, each made while a collection starts: all must stay what they are."""

from __future__ import annotations

import gc
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).parents[3]))
from tests.targets.sensors._load import say, sensor

if TYPE_CHECKING:
    from collections.abc import Iterator

ROUNDS = 1000


def numbers(first: int) -> Iterator[int]:
    number = first
    while True:
        number += 1
        yield number


async def answer(first: int) -> int:
    return first + 1


def other(*values: int) -> int:
    """Uses the stack where the frame of a generator was made."""
    return sum(values)


looks = [sensor("gc"), sensor("threads")]
for each in looks:
    each.start()
wrong = 0
gc.set_threshold(1, 1000, 1000)
for n in range(ROUNDS):
    generator: Any = numbers(n)
    coroutine: Any = answer(n)
    other(1, 2, 3)
    next(generator)
    frame = generator.gi_frame
    wrong += frame.f_code is not numbers.__code__ or frame.f_locals != {"first": n, "number": n + 1}
    frame = coroutine.cr_frame
    wrong += frame.f_code is not answer.__code__ or frame.f_locals != {"first": n}
    coroutine.close()
    if n % 100 == 0:
        looks[0].tick()
gc.set_threshold(700)
data = looks[0].data(0)
say(wrong=wrong, collections=sum(data["collections"]), places=data["places"])
