"""What kdiag writes as JSON, held against the schema that it publishes for it."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator

from kdiag.core.report import schema


@cache
def validator(name: str) -> Draft202012Validator:
    """That of one of the published schemas."""
    return Draft202012Validator(json.loads(schema.text(name)))


def checked(document: Any) -> Any:
    """The document, which must keep the contract that it names; one that names none is any JSON."""
    named = document.get("schema", "") if isinstance(document, dict) else ""
    name = named.removeprefix("kdiag.").partition("/")[0]
    if name in schema.NAMES:
        validator(name).validate(document)
    return document
