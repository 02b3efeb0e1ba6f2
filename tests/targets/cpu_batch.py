"""Healthy: a batch program that computes. It serves nobody and starves nobody; cpu-hot-loop at info at most.

To blame, if anything is said: the line that computes.
"""

from __future__ import annotations

from tests.targets._ready import ready


def collatz(number: int) -> int:
    steps = 0
    while number != 1:
        number = number // 2 if number % 2 == 0 else 3 * number + 1  # CULPRIT
        steps += 1  # CULPRIT
    return steps


def main() -> None:
    ready()
    number = 1
    while True:
        collatz(number)
        number += 1


if __name__ == "__main__":
    main()
