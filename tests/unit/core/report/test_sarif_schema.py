"""Our SARIF against the standard's own schema, where somebody has it: it is not ours to carry.

The npm package @microsoft/sarif-multitool-linux brings it along (sarif-2.1.0.json), and its program's `validate` says
more. Without it the tests of machine formats hold what we write against what the standard says of it.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from jsonschema.validators import validator_for

from kdiag.core.playbooks.model import At, Problem
from kdiag.core.report import playbook_problems, sarif
from kdiag.engine.diagnosis import diagnosed

from . import samples

SCHEMA = os.environ.get("KDIAG_SARIF_SCHEMA", "")
RECORDINGS = Path(__file__).parents[3] / "recordings"


@pytest.mark.skipif(not SCHEMA, reason="KDIAG_SARIF_SCHEMA names no sarif-schema-2.1.0.json")
def test_all_that_is_written_keeps_the_standard() -> None:
    schema = json.loads(Path(SCHEMA).read_text(encoding="utf-8-sig"))
    validator = validator_for(schema)(schema)
    reports = [*samples.ALL.values(), *(diagnosed([file]) for file in sorted(RECORDINGS.glob("*.kdiag")))]
    for report in reports:
        validator.validate(json.loads("\n".join(sarif.render(report))))
    lint = [("a b.yaml", (Problem(At(3, 4), "cycle", "They lead back.", "Use retry."),)), ("good.yaml", ())]
    validator.validate(json.loads("\n".join(playbook_problems.render(lint, "sarif"))))
