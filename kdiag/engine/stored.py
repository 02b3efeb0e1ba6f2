"""Reads what kdiag has written of an observation: a report as JSON, or a recording, of which a report is made.

Separate from recordings: a report holds what was concluded, and nothing that was seen.
"""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec

from kdiag.core.model import Report
from kdiag.core.report.json_ import SCHEMA
from kdiag.engine.diagnosis import diagnosed
from kdiag.errors import KdiagError

if TYPE_CHECKING:
    from pathlib import Path

_GZIP_MAGIC = b"\x1f\x8b"
_MAKE_ONE = "kdiag diagnose PID --format json --output FILE  makes one; so does --record FILE"


def read_report(file: Path) -> Report:
    """The report in a file, or the one of a recording.

    Raises:
        KdiagError: `unreadable-file`, `bad-report`, or what is wrong with the recording.
    """
    try:
        with file.open("rb") as stream:
            content = stream.read(len(_GZIP_MAGIC))
            if content == _GZIP_MAGIC:
                return diagnosed([file])
            content += stream.read()
    except OSError as error:
        raise KdiagError(
            "unreadable-file", f"Cannot read {file}: {error.strerror or error}.", hint=_MAKE_ONE
        ) from error
    try:
        return _report(json.loads(content))
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        cause = f"It has no {error}" if isinstance(error, KeyError) else f"{error}"
        raise KdiagError(
            "bad-report", f"{file} is neither a report of kdiag as JSON nor a recording.", cause=f"{cause}.",
            hint=_MAKE_ONE,
        ) from error  # fmt: skip


def _report(tree: Any) -> Report:
    if tree["schema"] != SCHEMA:
        raise ValueError(f"Its schema is {tree['schema']}, and this kdiag reads {SCHEMA}")
    for finding in tree["findings"]:
        for number in finding["evidence"]:
            number["value"] = math.nan if number["value"] is None else number["value"]
    children = tuple(map(_report, tree.pop("children")))
    vitals = {name: value for name, value in tree["vitals"].items() if value is not None}
    report = msgspec.convert(tree | {"vitals": vitals}, Report, str_keys=False)
    # What the tree as a whole is said to be is its worst process's; each one's own is that of its first finding.
    own = report.findings[0].verdict if report.findings else report.verdict
    return replace(report, verdict=own, children=children)
