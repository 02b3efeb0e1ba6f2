"""Computes conditions: CEL, by the library `common-expression-language` (see docs/decisions/0018).

The only module that knows the library. A condition that asks for a value that was not seen is neither true nor false.
"""

from __future__ import annotations

import re
import sys
from functools import lru_cache
from types import ModuleType
from typing import TYPE_CHECKING, Any

# The library imports its own command line and with it a whole toolkit for terminals: a sixth of the start of a triage.
sys.modules.setdefault("cel.cli", ModuleType("cel.cli"))
from cel import Program  # noqa: E402
from cel import compile as compile_cel  # noqa: E402

from kdiag.core.playbooks.evidence import FIELDS, nested  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kdiag.core.playbooks.model import Playbook

_PLACE = re.compile(r"<input>:\d+:(\d+): (?:Syntax error: )?(.*?)(?: expecting .*)?$", re.MULTILINE)
_SAMPLES: dict[str, bool | float | str | None] = {"number": 1.5, "bool": True, "text": "x"}


@lru_cache(maxsize=2000)
def _program(condition: str) -> Program:
    return compile_cel(condition)


def evaluate(condition: str, values: Mapping[str, Any]) -> bool | None:
    """Whether a condition holds; None where it asks for what was not seen, or cannot be computed of what was."""
    try:
        held = _program(condition).execute(dict(values))
    except (KeyError, TypeError, RuntimeError, ZeroDivisionError, ValueError, LookupError, OverflowError):
        return None
    return held if isinstance(held, bool) else None


def check_part(part: str, playbook: Playbook) -> tuple[str, str, int] | None:
    """What is wrong with a part of a condition, by computing it of values of the right types: rule, message, offset."""
    try:
        program = _program(part)
    except ValueError as error:
        match = _PLACE.search(str(error))
        offset = int(match[1]) - 1 if match else 0
        return "bad-condition", f"This is no CEL: {match[2] if match else error}.", min(offset, len(part))
    values = nested([(path, _SAMPLES[field.kind]) for path, field in FIELDS.items()])
    try:
        held = program.execute(values | {"params": floats(playbook.params)})
    except RuntimeError as error:
        return "undefined-variable", f"{str(error).partition('.')[0]}.", 0
    except TypeError:
        return "wrong-type", f"{part!r} joins values of types that do not go together; numbers need a point: 1.0", 0
    except (KeyError, LookupError, ZeroDivisionError, ValueError, OverflowError) as error:
        return "wrong-type", f"{part!r} cannot be computed: {error}.", 0
    if not isinstance(held, bool):
        return "wrong-type", f"{part!r} is neither true nor false.", 0
    return None


def floats(params: Mapping[str, Any]) -> dict[str, Any]:
    """Parameters as conditions see them: all numbers are doubles."""
    return {name: value if isinstance(value, bool | str) else float(value) for name, value in params.items()}
