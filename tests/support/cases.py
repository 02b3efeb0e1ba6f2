"""Brings a line of the truth table to life: the target with its traffic, once it is as sick as it is meant to be.

Separate from `targets`, which knows nothing of verdicts, and from the table, which starts nothing.
"""

from __future__ import annotations

import contextlib
import importlib.util
from typing import TYPE_CHECKING

import psutil
import pytest

from tests.support.targets import Target, start_target

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.support.interpreters import Interpreter
    from tests.targets.truth import Case


@contextlib.contextmanager
def running(case: Case, python: Interpreter | None = None, env: Mapping[str, str] | None = None) -> Iterator[Target]:
    """Start the case's target and its traffic, and wait for what the traffic is to bring about.

    Whatever is done to it meanwhile, it must live on.

    Skips the running test where a framework that the case needs is not installed.
    """
    missing = [name for name in case.needs if importlib.util.find_spec(name) is None]
    if missing:
        pytest.skip(f"{case.name}: {', '.join(missing)} not installed (dependency group `targets`)")
    with contextlib.ExitStack() as stack:
        target = stack.enter_context(start_target(case.script, *case.arguments, python=python, env=env))
        if case.load:
            load = case.load
            bounds = {"requests": load.requests} if load.requests else {}
            traffic = target.traffic(load.path, clients=load.clients, pause_s=load.pause_s, **bounds)
            stack.enter_context(traffic)
            if load.requests:
                traffic.wait()
            if load.until:
                target.wait_for(load.until)
        yield target
        assert psutil.Process(target.pid).status() != psutil.STATUS_ZOMBIE, f"{case.name} was killed\n{target.stderr}"
