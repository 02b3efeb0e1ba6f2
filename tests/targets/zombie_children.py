"""Sick: zombie-children. A service starts a helper program twice a second, up to 100, and never asks how it ended.

To blame: the line that starts it. From outside the number, the age and the command of the zombies can be seen.
"""

from __future__ import annotations

import subprocess
import time

from tests.targets._ready import ready

BEFORE_READY = 5
AT_MOST = 100

helpers: list[subprocess.Popen[bytes]] = []


def convert() -> None:
    helpers.append(subprocess.Popen(["true"]))  # CULPRIT


def main() -> None:
    for _ in range(BEFORE_READY):
        convert()
    ready()
    while True:
        time.sleep(0.5)
        if len(helpers) < AT_MOST:
            convert()


if __name__ == "__main__":
    main()
