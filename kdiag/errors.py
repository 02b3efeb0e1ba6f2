"""The one error type that reaches a person, with what they need to act on it.

It is separate, and imports nothing of ours, so that every layer can raise it and only the front ends render it.
"""

from __future__ import annotations

USAGE = 2
CANNOT_OBSERVE = 3


class KdiagError(Exception):
    """A failure that a person can act on.

    Attributes:
        reference: kebab-case name of the kind of failure; stable, searchable, documented.
        message: one sentence that says what went wrong.
        cause: why it went wrong, as far as it is known; empty when the message says it all.
        hint: the next command or step; empty only where there is none.
        exit_code: what the process exits with when this error ends it (see the README's table).
    """

    def __init__(
        self, reference: str, message: str, *, cause: str = "", hint: str = "", exit_code: int = CANNOT_OBSERVE
    ) -> None:
        super().__init__(message)
        self.reference = reference
        self.message = message
        self.cause = cause
        self.hint = hint
        self.exit_code = exit_code
