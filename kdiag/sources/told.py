"""Turns what a probe told into types: the one place where an answer that is none of ours becomes an error.

Separate because each of the modules that know a sensor's answer does just that.
"""

from __future__ import annotations

from typing import TypeVar

import msgspec

from kdiag.sources.tools import SourceError

Kind = TypeVar("Kind", bound=msgspec.Struct)


def decoded(told: object, kind: type[Kind], what: str, hint: str = "") -> Kind:
    """An answer by type; `what` begins the error's message, as in "the probe told of its dicts".

    Raises:
        SourceError: `probe-protocol`.
    """
    try:
        return msgspec.convert(told, kind)
    except msgspec.ValidationError as error:
        message = f"What {what} is nothing that we know: {error}."
        raise SourceError("probe-protocol", message, hint=hint) from error
