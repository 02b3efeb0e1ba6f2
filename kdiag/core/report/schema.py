"""The published JSON Schema of `kdiag.report/v1`: what `kdiag schema` prints and every report is tested against."""

from __future__ import annotations

from importlib.resources import files


def text() -> str:
    """The schema as the package carries it."""
    return files("kdiag.core.report").joinpath("schema.json").read_text(encoding="utf-8")
