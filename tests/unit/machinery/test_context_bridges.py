"""From signals to contexts, and from contexts to asyncio (item 25)."""

from __future__ import annotations

import asyncio
import signal
import threading

import pytest

from kdiag.machinery.clock import FakeClock
from kdiag.machinery.context import (
    Cancelled,
    Context,
    DeadlineExceeded,
    SignalReceived,
    as_asyncio,
    background,
    from_signal,
    with_cancel,
    with_cancel_cause,
    with_timeout,
)
from kdiag.machinery.context.kinds import CancelContext
from tests.unit.machinery.background import HANGING_S, Background


@pytest.mark.parametrize("number", [signal.SIGUSR1, signal.SIGUSR2])
def test_a_signal_ends_the_context_and_is_its_cause(number: signal.Signals) -> None:
    ctx, give_back = from_signal(signal.SIGUSR1, signal.SIGUSR2)
    assert not ctx.done.is_set()
    signal.raise_signal(number)
    assert ctx.done.wait(HANGING_S)
    assert isinstance(ctx.err(), Cancelled)
    cause = ctx.cause()
    assert isinstance(cause, SignalReceived)
    assert cause.number == number
    assert str(cause) == f"received {number.name}"
    give_back()


def test_further_signals_change_nothing_until_they_are_given_back() -> None:
    ctx, give_back = from_signal(signal.SIGUSR1)
    signal.raise_signal(signal.SIGUSR1)
    assert ctx.done.wait(HANGING_S)
    cause = ctx.cause()
    signal.raise_signal(signal.SIGUSR1)
    assert ctx.cause() is cause
    give_back()


def test_giving_back_restores_the_handlers_and_ends_the_context() -> None:
    def mine(*_: object) -> None: ...

    before = signal.signal(signal.SIGUSR1, mine)
    try:
        ctx, give_back = from_signal(signal.SIGUSR1, signal.SIGUSR2)
        assert signal.getsignal(signal.SIGUSR1) is not mine
        give_back()
        give_back()
        assert signal.getsignal(signal.SIGUSR1) is mine
        assert signal.getsignal(signal.SIGUSR2) is signal.SIG_DFL
        assert isinstance(ctx.err(), Cancelled)
        assert ctx.cause() is ctx.err()
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_giving_back_leaves_a_handler_alone_that_was_put_on_top() -> None:
    def on_top(*_: object) -> None: ...

    _, give_back = from_signal(signal.SIGUSR1)
    signal.signal(signal.SIGUSR1, on_top)
    give_back()
    assert signal.getsignal(signal.SIGUSR1) is on_top
    signal.signal(signal.SIGUSR1, signal.SIG_DFL)


def test_signals_that_cannot_all_be_caught_are_all_given_back() -> None:
    with pytest.raises(OSError, match="Invalid argument"):
        from_signal(signal.SIGUSR1, signal.SIGKILL)
    assert signal.getsignal(signal.SIGUSR1) is signal.SIG_DFL


def test_the_end_of_the_parent_ends_a_signals_context() -> None:
    parent, cancel = with_cancel(background())
    ctx, give_back = from_signal(signal.SIGUSR1, parent=parent)
    cancel()
    assert ctx.done.is_set()
    give_back()


def test_a_signal_may_come_while_this_thread_holds_the_contexts_locks() -> None:
    ctx, give_back = from_signal(signal.SIGUSR1)
    assert isinstance(ctx, CancelContext)
    ctx.done.wait(0)
    event = ctx.node._event
    assert event is not None
    with ctx.node._lock, event._cond:  # type: ignore[attr-defined]
        signal.raise_signal(signal.SIGUSR1)
    assert ctx.done.wait(HANGING_S)
    give_back()


async def forever() -> None:
    await asyncio.Event().wait()


async def cancel_soon(ctx_cancel: object) -> None:
    await asyncio.sleep(0)
    assert callable(ctx_cancel)
    ctx_cancel()


def subscribers(ctx: Context) -> int:
    assert isinstance(ctx, CancelContext)
    return len(ctx.node._children)


def test_the_end_of_a_context_cancels_the_block() -> None:
    async def main() -> None:
        ctx, cancel = with_cancel(background())
        seen: list[type[BaseException]] = []
        soon = asyncio.ensure_future(cancel_soon(cancel))
        with pytest.raises(Cancelled):
            async with as_asyncio(ctx):
                try:
                    await forever()
                except asyncio.CancelledError as error:
                    seen.append(type(error))
                    raise
        assert seen == [asyncio.CancelledError]
        await soon
        await asyncio.sleep(0)  # the task itself goes on, and can wait again

    asyncio.run(main())


def test_a_context_may_end_in_another_thread() -> None:
    async def main() -> None:
        ctx, cancel = with_cancel(background())
        ready = threading.Event()

        def cancel_when_ready() -> None:
            ready.wait(HANGING_S)
            cancel()

        other = Background(cancel_when_ready)
        with pytest.raises(Cancelled):
            async with as_asyncio(ctx):
                ready.set()
                await forever()
        other.result()

    asyncio.run(main())


def test_a_deadline_and_a_cause_come_out_of_the_block() -> None:
    async def main() -> None:
        clock = FakeClock()
        timed, stop_timer = with_timeout(background(), 5.0, clock)
        soon = asyncio.ensure_future(cancel_soon(lambda: clock.step(5.0)))
        with pytest.raises(DeadlineExceeded):
            async with as_asyncio(timed):
                await forever()
        await soon
        stop_timer()
        ctx, cancel = with_cancel_cause(background())
        soon = asyncio.ensure_future(cancel_soon(lambda: cancel(ValueError("why"))))
        with pytest.raises(Cancelled) as caught:
            async with as_asyncio(ctx):
                await forever()
        assert str(caught.value.__cause__) == "why"
        await soon

    asyncio.run(main())


def test_a_scope_needs_a_task() -> None:
    async def main() -> None:
        asked = asyncio.get_running_loop().create_future()

        def outside_any_task() -> None:
            try:
                as_asyncio(background()).__aenter__().send(None)
            except RuntimeError as error:
                asked.set_result(str(error))

        asyncio.get_running_loop().call_soon(outside_any_task)
        assert "needs a running task" in await asked

    asyncio.run(main())


def test_a_context_that_has_ended_cancels_the_block_where_it_first_waits() -> None:
    async def main() -> None:
        ctx, cancel = with_cancel(background())
        cancel()
        reached: list[str] = []
        with pytest.raises(Cancelled):
            async with as_asyncio(ctx):
                reached.append("before")
                await asyncio.sleep(0)
                await forever()
                reached.append("after")
        assert reached == ["before"]

    asyncio.run(main())


def test_a_block_that_ends_by_itself_leaves_nothing_behind() -> None:
    async def main() -> None:
        ctx, cancel = with_cancel(background())
        async with as_asyncio(ctx):
            await asyncio.sleep(0)
            assert subscribers(ctx) == 1
        assert subscribers(ctx) == 0
        cancel()
        await asyncio.sleep(0)  # were the task cancelled now, it would show here

    asyncio.run(main())


def test_a_context_that_ends_as_the_block_does_cancels_nothing_after_it() -> None:
    async def main() -> None:
        ctx, cancel = with_cancel(background())
        async with as_asyncio(ctx):
            cancel()
        await asyncio.sleep(0)

    asyncio.run(main())


def test_a_failure_of_the_block_comes_out_as_it_is() -> None:
    async def main() -> None:
        ctx, cancel = with_cancel(background())
        with pytest.raises(ValueError, match="own"):
            async with as_asyncio(ctx):
                raise ValueError("own")
        soon = asyncio.ensure_future(cancel_soon(cancel))
        with pytest.raises(ValueError, match="while ending"):
            async with as_asyncio(ctx):
                try:
                    await forever()
                finally:
                    raise ValueError("while ending")
        await soon

    asyncio.run(main())


def test_a_cancellation_from_elsewhere_stays_one() -> None:
    async def main() -> None:
        ctx, cancel = with_cancel(background())

        async def scoped() -> None:
            async with as_asyncio(ctx):
                await forever()

        task = asyncio.ensure_future(scoped())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert subscribers(ctx) == 0
        cancel()

    asyncio.run(main())


def test_a_cancellation_from_elsewhere_wins_over_the_end_of_the_context() -> None:
    async def main() -> None:
        ctx, cancel = with_cancel(background())

        async def scoped() -> None:
            async with as_asyncio(ctx):
                await forever()

        task = asyncio.ensure_future(scoped())
        await asyncio.sleep(0)
        cancel()
        await asyncio.sleep(0)  # its request is made, not yet delivered
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())


def test_scopes_nest_and_the_outer_end_passes_through_the_inner() -> None:
    async def main() -> None:
        outer, cancel_outer = with_cancel_cause(background())
        inner, cancel_inner = with_cancel(background())
        soon = asyncio.ensure_future(cancel_soon(lambda: cancel_outer(ValueError("outer"))))
        with pytest.raises(Cancelled) as caught:
            async with as_asyncio(outer), as_asyncio(inner):
                await forever()
        assert str(caught.value.__cause__) == "outer"
        await soon
        cancel_inner()

    asyncio.run(main())


def test_the_end_of_a_context_whose_loop_has_closed_is_no_error() -> None:
    ctx, cancel = with_cancel(background())

    async def main() -> None:
        scope = as_asyncio(ctx)
        await scope.__aenter__()

    asyncio.run(main())
    cancel()
    assert subscribers(ctx) == 0
