"""What `kdiag explain` says."""

from __future__ import annotations

import pytest

from kdiag.core.catalog import VERDICTS, entry
from kdiag.core.detectors import THRESHOLDS as THRESHOLDS_BY_VERDICT
from kdiag.core.model import Threshold
from kdiag.core.report import explain
from kdiag.core.report.layout import cells
from kdiag.core.report.style import COLOUR, PLAIN

THRESHOLDS = (
    Threshold("gc.share", "ratio", 0.1, 0.4, "JMC 5 and 10 %, Datadog 10 %"),
    Threshold("gc.pause_max", "s", 0.1, 1.0, "Clinic Doctor"),
    Threshold("gc.useless", "count", None, None, ""),
)

_COUNT = Threshold("children.zombies", "processes", warning=3, critical=100, learnt_from="experience", info=1)


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("verdict", VERDICTS)
def test_every_verdict_is_explained_within_the_width(verdict: str, width: int) -> None:
    lines = list(explain.render(entry(verdict), THRESHOLDS, PLAIN, width))
    assert lines[0] == verdict
    assert "How it is detected" in lines
    assert any(line.startswith("  1. ") for line in lines)
    assert not any("\x1b" in line for line in lines)
    assert not [line for line in lines if cells(line) > width and " | " not in line and not line.startswith("      ")]


def test_thresholds_come_from_the_detector_with_where_they_were_learnt() -> None:
    shown = "\n".join(explain.render(entry("gc-pressure"), THRESHOLDS, PLAIN, 80))
    assert (
        """\
Thresholds
  metric        warning  critical  learnt from
  gc.share      10 %     40 %      JMC 5 and 10 %, Datadog 10 %
  gc.pause_max  100 ms   1 s       Clinic Doctor
  gc.useless    -        -
"""
        in shown
    )


def test_a_narrow_terminal_gets_the_origin_below() -> None:
    shown = "\n".join(explain.render(entry("gc-pressure"), THRESHOLDS, PLAIN, 60))
    assert (
        """\
  metric        warning  critical
  gc.share      10 %     40 %
    JMC 5 and 10 %, Datadog 10 %
  gc.pause_max  100 ms   1 s
    Clinic Doctor
  gc.useless    -        -
"""
        in shown
    )


def test_a_threshold_for_information_gets_its_column() -> None:
    shown = "\n".join(explain.render(entry("zombie-children"), (_COUNT,), PLAIN, 80))
    assert (
        """\
  metric            info       warning      critical       learnt from
  children.zombies  1 process  3 processes  100 processes  experience
"""
        in shown
    )


@pytest.mark.parametrize("verdict", THRESHOLDS_BY_VERDICT)
def test_every_detector_s_thresholds_can_be_shown(verdict: str) -> None:
    shown = "\n".join(explain.render(entry(verdict), THRESHOLDS_BY_VERDICT[verdict], PLAIN, 80))
    for threshold in THRESHOLDS_BY_VERDICT[verdict]:
        assert threshold.metric in shown


def test_without_a_detector_there_are_no_thresholds_and_no_claim_to_see_it_from_outside() -> None:
    shown = "\n".join(explain.render(entry("dict-mutation"), (), PLAIN, 80))
    assert "Thresholds" not in shown
    assert "outside  It cannot be told from outside." in shown


def test_colour_paints_headings_and_commands() -> None:
    lines = list(explain.render(entry("deadlock"), (), COLOUR, 80))
    assert "\x1b[1;4mWhat to do\x1b[0m" in lines
    assert any(line.startswith("\x1b[36m") and "kdiag stacks PID" in line for line in lines)
