"""The published JSON Schemas: what `kdiag schema` prints, and what every document that we write is tested against."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_FILES: Mapping[str, str] = {"report": "schema.json", "triage": "schema_triage.json", "diff": "schema_diff.json"}
NAMES = tuple(_FILES)


def text(name: str = "report") -> str:
    """The schema of this name. Those that refer to the report's carry it, so that each is complete."""
    own = _read(name)
    if name == "report":
        return own
    schema: dict[str, Any] = json.loads(own)
    schema["$defs"]["report"] = json.loads(_read("report"))
    return json.dumps(schema, indent=2)


def _read(name: str) -> str:
    return files("kdiag.core.report").joinpath(_FILES[name]).read_text(encoding="utf-8")
