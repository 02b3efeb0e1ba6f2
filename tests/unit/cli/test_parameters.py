"""Durations, as people write them."""

from __future__ import annotations

import pytest

from kdiag.cli.parameters import Duration
from kdiag.errors import USAGE, KdiagError


@pytest.mark.parametrize(
    ("text", "seconds"), [("10s", 10.0), ("500ms", 0.5), ("2m", 120.0), ("1h", 3600.0), ("1.5", 1.5), (" 3 s ", 3.0)]
)
def test_good_durations(text: str, seconds: float) -> None:
    assert Duration().convert(text, None, None) == seconds


@pytest.mark.parametrize("text", ["-5s", "0", "10ms", "2h", "99999999", "soon", "", "1e3", "nan", "5 days"])
def test_bad_durations_name_themselves(text: str) -> None:
    with pytest.raises(KdiagError) as caught:
        Duration().convert(text, None, None)
    assert (caught.value.reference, caught.value.exit_code) == ("bad-duration", USAGE)
    assert caught.value.hint
