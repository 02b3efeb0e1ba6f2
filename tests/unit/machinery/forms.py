"""The two forms of a loop, for tests that hold for both: a thread's, and a task's in an event loop of its own."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from kdiag.machinery import wait
from kdiag.machinery.wait import aio

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable


class ThreadForm:
    """Calls the functions of `wait`."""

    def run(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Run `wait.<name>` to its end."""
        getattr(wait, name)(*args, **kwargs)

    def function(self, f: Callable[..., Any]) -> Callable[..., Any]:
        """Return `f` as the form's loops take it."""
        return f

    def source(self, ticks: Callable[..., Any]) -> Callable[..., Any]:
        """Return a tick source as the form's `wait_for` takes it."""
        return ticks


class AsyncioForm:
    """Awaits the functions of `wait.aio`, with the same functions as coroutine functions."""

    def run(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Run `wait.aio.<name>` to its end."""
        asyncio.run(getattr(aio, name)(*args, **kwargs))

    def function(self, f: Callable[..., Any]) -> Callable[..., Any]:
        """Return `f` as the form's loops take it."""

        async def coroutine_function(*args: Any) -> Any:
            return f(*args)

        return coroutine_function

    def source(self, ticks: Callable[..., Any]) -> Callable[..., Any]:
        """Return a tick source as the form's `wait_for` takes it."""

        async def asynchronous(*args: Any) -> AsyncGenerator[object, None]:
            for tick in ticks(*args):
                yield tick

        return asynchronous


Form = ThreadForm | AsyncioForm

both_forms = pytest.mark.parametrize("form", [ThreadForm(), AsyncioForm()], ids=["thread", "asyncio"])
