"""What happens when code crashes: seen by every handler, never swallowed by accident, never masked by a handler.

- `handle_crash` guards a block, function or coroutine: the global `panic_handlers` run in order, then its own ones,
  then the exception goes on, unless `really_crash=False`.
- Exceptions that mean "end quietly" (`quiet_exceptions`, asyncio's cancellation) pass untouched: no handler, no log.
- `handle_error` is for errors that can only be noted: logged with the caller's place, and slowed down when they storm.
- A handler that raises loses neither the original exception nor the handlers after it.

It is at the bottom of machinery, and imports nothing of ours.
"""

from .caller import Caller, get_caller
from .crash import RecoveredPanic, handle_crash, log_panic, panic_handlers, quiet_exceptions, recover_from_panic
from .errors import ErrorBackoff, error_handlers, handle_error, log_error, must

__all__ = [
    "Caller",
    "ErrorBackoff",
    "RecoveredPanic",
    "error_handlers",
    "get_caller",
    "handle_crash",
    "handle_error",
    "log_error",
    "log_panic",
    "must",
    "panic_handlers",
    "quiet_exceptions",
    "recover_from_panic",
]
