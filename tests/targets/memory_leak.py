"""Sick: memory-leak. Every request is remembered for ever: 5 MB a second, up to 600 MB.

To blame: the line that appends to the module's list. From outside only the growth can be seen, not the line.
"""

from __future__ import annotations

import time

from tests.targets._ready import ready

CHUNK = 100_000
AT_MOST = 6_000

answers: list[bytes] = []


def main() -> None:
    ready()
    while True:
        if len(answers) < AT_MOST:
            answers.append(bytes([len(answers) % 255 + 1]) * CHUNK)  # CULPRIT
        time.sleep(0.02)


if __name__ == "__main__":
    main()
