"""The loops, polls and retries of `wait` for asyncio: the same names and the same contract, with coroutine functions.

The task is suspended, not the thread, while they wait. A stop may be closed from any thread. Cancelling the task ends
them at once, as any other await.
"""

from .loops import (
    jitter_until,
    jitter_until_with_context,
    non_sliding_until,
    non_sliding_until_with_context,
    until,
    until_with_context,
)
from .poll import (
    every,
    poll,
    poll_immediate,
    poll_immediate_until,
    poll_infinite,
    poll_until,
    poll_until_context_cancel,
    poll_until_context_timeout,
    wait_for,
)
from .retry import exponential_backoff, exponential_backoff_with_context

__all__ = [
    "every",
    "exponential_backoff",
    "exponential_backoff_with_context",
    "jitter_until",
    "jitter_until_with_context",
    "non_sliding_until",
    "non_sliding_until_with_context",
    "poll",
    "poll_immediate",
    "poll_immediate_until",
    "poll_infinite",
    "poll_until",
    "poll_until_context_cancel",
    "poll_until_context_timeout",
    "until",
    "until_with_context",
    "wait_for",
]
