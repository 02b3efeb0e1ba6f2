"""Healthy: starts four helper programs a second and waits for each; one of them now and then lives for a second."""

from __future__ import annotations

import subprocess
import time

from tests.targets._ready import ready


def main() -> None:
    ready()
    started = 0
    while True:
        started += 1
        subprocess.run(["sleep", "1.0" if started % 8 == 0 else "0.01"], check=True)
        time.sleep(0.25)


if __name__ == "__main__":
    main()
