"""Loops, polls, retries and groups of threads, after client-go's `wait`.

- A loop whose stop is already done never calls its function. Once the stop is done there is no further call, and a
  wait of any length ends at once.
- A crash of a loop's function goes through `handle_crash`, and then ends the loop or, with `really_crash=False`,
  does not. That it was interrupted once the stop is done is no crash: it was told to.
- Periods are counted from the end of a call (sliding) or from its start; late ticks are dropped, never queued.
- A condition ends a poll by returning true or by raising: what it raises comes out as it is. A poll that ends without
  either raises `WaitTimeout`, or its context's error where it was given a context.
- Nothing is left behind: no thread and no timer outlives the call that needed it.

`wait.aio` has the same for asyncio.
"""

from .backoff import Backoff, BackoffManager, exponential_backoff, exponential_backoff_with_context
from .errors import WaitTimeout, interrupted
from .group import Group
from .jitter import Rng, jitter
from .loops import (
    Period,
    jitter_until,
    jitter_until_with_context,
    non_sliding_until,
    non_sliding_until_with_context,
    until,
    until_with_context,
)
from .poll import (
    TickSource,
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

__all__ = [
    "Backoff",
    "BackoffManager",
    "Group",
    "Period",
    "Rng",
    "TickSource",
    "WaitTimeout",
    "every",
    "exponential_backoff",
    "exponential_backoff_with_context",
    "interrupted",
    "jitter",
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
