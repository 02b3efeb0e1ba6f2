"""A process that ends while it is watched: all that was seen until then is told."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess

import pytest

from kdiag.engine.guarding import guarding
from tests.support.interpreters import of_minor
from tests.support.kdiag import command
from tests.support.targets import start_target


@pytest.mark.parametrize(("words", "target", "arguments", "told"), [
    ("gc", "gc_pressure", (), "of the time goes to the collector"),
    ("memory", "leaks", ("closure",), "walks from the service"),
], ids=["gc", "memory"])  # fmt: skip
def test_the_total_is_told(words: str, target: str, arguments: tuple[str, ...], told: str) -> None:
    with start_target(target, *arguments) as running:
        watched = command(words, running.pid, "--for", "1m")
        with subprocess.Popen(watched, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as watch:
            assert watch.stdout is not None
            for _ in range(4):  # a line comes as soon as its second is over
                watch.stdout.readline()
            os.kill(running.pid, signal.SIGKILL)
            out, err = watch.communicate(timeout=60)
    assert watch.returncode == 0, err
    assert told in out
    assert f"rocess {running.pid}" in err
    assert "told is what was seen until then" in err


def test_what_a_guard_saw_is_told() -> None:
    with start_target("lost_update", python=of_minor((3, 12))) as target:
        looks = itertools.count()

        def show(*_: object) -> None:
            if next(looks) == 8:
                os.kill(target.pid, signal.SIGKILL)

        seen = guarding(target.pid, ["lost_update:COUNTS"], window_s=60.0, way="auto").run(show)
    assert f"rocess {target.pid}" in seen.lost
    assert [each.name for each in seen.account.watched] == ["lost_update.COUNTS"]
    assert seen.account.watched[0].writes > 0
    assert not seen.interrupted
