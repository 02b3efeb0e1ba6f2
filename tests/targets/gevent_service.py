"""Healthy: greenlets that sleep and work, in a process whose threads gevent has replaced."""

from __future__ import annotations

from gevent import monkey

monkey.patch_all()

import time  # noqa: E402

import gevent  # noqa: E402

from tests.targets._ready import ready, stay  # noqa: E402


def work() -> None:
    while True:
        time.sleep(0.05)
        sum(range(2_000))


if __name__ == "__main__":
    for _ in range(20):
        gevent.spawn(work)
    ready()
    stay()
