"""Profiles in the formats of other programs, and for the terminal."""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from kdiag.core.model import Frame, ProfiledStack
from kdiag.core.profile import Profile, parse_collapsed
from kdiag.core.report import flamegraph, profile
from kdiag.core.report.layout import cells
from kdiag.core.report.style import COLOUR, PLAIN

from . import strategies

PROFILE = parse_collapsed(
    """\
thread (11): worker;run (/usr/lib/python3.11/threading.py:982);work (/srv/app/hot.py:7);A.b (/srv/app/hot.py:4) 60
thread (11): worker;run (/usr/lib/python3.11/threading.py:982);work (/srv/app/hot.py:7) 20
thread (10): MainThread;<module> (/srv/app/hot.py:11) 20
""",
    100,
)

# What speedscope's file format demands of a sampled profile (its file-format-spec), and nothing beyond it.
SPEEDSCOPE: dict[str, Any] = {
    "type": "object",
    "required": ["$schema", "shared", "profiles"],
    "additionalProperties": False,
    "properties": {
        "$schema": {"const": "https://www.speedscope.app/file-format-schema.json"},
        "name": {"type": "string"},
        "exporter": {"type": "string"},
        "activeProfileIndex": {"type": "number"},
        "shared": {
            "type": "object",
            "required": ["frames"],
            "properties": {
                "frames": {
                    "type": "array",
                    "items": {
                        "type": "object",
                        "required": ["name"],
                        "additionalProperties": False,
                        "properties": {
                            "name": {"type": "string"},
                            "file": {"type": "string"},
                            "line": {"type": "number"},
                            "col": {"type": "number"},
                        },
                    },
                }
            },
        },
        "profiles": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["type", "name", "unit", "startValue", "endValue", "samples", "weights"],
                "additionalProperties": False,
                "properties": {
                    "type": {"const": "sampled"},
                    "name": {"type": "string"},
                    "unit": {"enum": ["none", "nanoseconds", "microseconds", "milliseconds", "seconds", "bytes"]},
                    "startValue": {"type": "number"},
                    "endValue": {"type": "number"},
                    "samples": {"type": "array", "items": {"type": "array", "items": {"type": "integer"}}},
                    "weights": {"type": "array", "items": {"type": "number"}},
                },
            },
        },
    },
}
stacks = st.builds(
    ProfiledStack,
    thread_id=strategies.counts,
    thread=strategies.texts,
    frames=st.lists(strategies.frames, max_size=5).map(tuple),
    count=st.integers(0, 10**6),
)
profiles = st.builds(Profile, st.lists(stacks, max_size=5).map(tuple), st.none() | st.floats(1, 1000))


def test_collapsed() -> None:
    run, work = "run (/usr/lib/python3.11/threading.py:982)", "work (/srv/app/hot.py:7)"
    assert list(profile.collapsed(PROFILE)) == [
        f"thread (11): worker;{run};{work};A.b (/srv/app/hot.py:4) 60",
        f"thread (11): worker;{run};{work} 20",
        "thread (10): MainThread;<module> (/srv/app/hot.py:11) 20",
    ]


def test_speedscope() -> None:
    data = json.loads("".join(profile.speedscope(PROFILE, "hot.py")))
    assert data["name"] == "hot.py"
    assert [thread["name"] for thread in data["profiles"]] == ["worker (11)", "MainThread (10)"]
    worker = data["profiles"][0]
    assert worker["unit"] == "seconds"
    assert worker["weights"] == [0.6, 0.2]
    assert worker["endValue"] == pytest.approx(0.8)
    names = [[data["shared"]["frames"][index]["name"] for index in sample] for sample in worker["samples"]]
    assert names == [["run", "work", "A.b"], ["run", "work"]]
    assert data["shared"]["frames"][2] == {"name": "A.b", "file": "/srv/app/hot.py", "line": 4}


@given(profiles)
def test_speedscope_of_any_profile_is_valid(any_profile: Profile) -> None:
    text = "".join(profile.speedscope(any_profile, "x"))
    text.encode("utf-8")
    data = json.loads(text)
    Draft202012Validator(SPEEDSCOPE).validate(data)
    for thread in data["profiles"]:
        assert len(thread["samples"]) == len(thread["weights"])
        assert all(index < len(data["shared"]["frames"]) for sample in thread["samples"] for index in sample)


def test_top() -> None:
    assert list(profile.top(PROFILE, PLAIN, 64, rows=3)) == [
        "100 stacks, 1 s of threads' time; the 3 hottest of 4 functions",
        "    SELF     TOTAL  FUNCTION",
        "  60.0 %    60.0 %  A.b  /srv/app/hot.py:4",
        "  20.0 %    80.0 %  work  /srv/app/hot.py:7",
        "  20.0 %    20.0 %  <module>  /srv/app/hot.py:11",
    ]
    assert list(profile.top(PROFILE, PLAIN, 60, rows=9))[-2:] == [
        "   0.0 %    80.0 %  run",
        "                      /usr/lib/python3.11/threading.py:982",
    ]
    assert list(profile.top(Profile(()))) == ["No stack was seen."]


@given(profiles, st.sampled_from([60, 80, 120]))
def test_top_of_any_profile(any_profile: Profile, width: int) -> None:
    lines = list(profile.top(any_profile, PLAIN, width))
    assert all(line.isprintable() for line in lines)
    painted = [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in profile.top(any_profile, COLOUR, width)]
    assert painted == lines
    assert cells(lines[0]) <= width


SVG = "{http://www.w3.org/2000/svg}"


def picture(any_profile: Profile, title: str = "hot.py") -> ET.Element:
    return ET.fromstring("\n".join(flamegraph.render(any_profile, title)))  # noqa: S314


def test_flamegraph() -> None:
    root = picture(PROFILE)
    boxes = [box for box in root.iter(f"{SVG}svg") if "box" in box.get("class", "")]
    told = {box.get("data-name"): (box.get("data-start"), box.get("data-count"), box.get("width")) for box in boxes}
    assert told == {
        "all": ("0", "100", "100.0000%"),
        "thread MainThread": ("0", "20", "20.0000%"),
        "<module>": ("0", "20", "20.0000%"),
        "thread worker": ("20", "80", "80.0000%"),
        "run": ("20", "80", "80.0000%"),
        "work": ("20", "80", "80.0000%"),
        "A.b": ("20", "60", "60.0000%"),
    }
    tip = next(box.findtext(f"{SVG}title") for box in boxes if box.get("data-name") == "work")
    assert tip == "work\n/srv/app/hot.py:7\n80 % (80 stacks, 800 ms) in all\n20 % (20 stacks, 200 ms) of its own"
    assert {box.get("class", "").split()[1] for box in boxes if box.get("data-name") in {"work", "A.b"}} == {"own"}
    assert "library" in next(box.get("class", "") for box in boxes if box.get("data-name") == "run")


def test_the_same_profile_gives_the_same_picture_in_any_order() -> None:
    turned = Profile(tuple(reversed(PROFILE.stacks)), PROFILE.rate_hz)
    assert list(flamegraph.render(turned, "x")) == list(flamegraph.render(PROFILE, "x"))


def test_a_box_too_narrow_to_be_seen_is_left_out() -> None:
    wide, narrow = (ProfiledStack(1, "t", (Frame("a.py", 1, name),), count) for name, count in (("w", 10**6), ("n", 1)))
    names = {box.get("data-name") for box in picture(Profile((wide, narrow))).iter(f"{SVG}svg")}
    assert "w" in names
    assert "n" not in names


def test_hostile_names_are_text_in_the_picture() -> None:
    names = [
        "<lambda>",
        "a & b",
        "]]>",
        '"quoted"',
        "größe 日本",
        "\x1b[0m",
        "\udc80",
        "</svg><script>alert(1)</script>",
    ]
    hostile = Profile(tuple(ProfiledStack(1, name, (Frame(name, 1, name),), 1) for name in names))
    root = picture(hostile, "</title><script>")
    texts = {text.text for text in root.iter(f"{SVG}text")}
    assert {
        "<lambda>",
        "a & b",
        "]]>",
        '"quoted"',
        "größe 日本",
        "\\x1b[0m",
        "</svg><script>alert(1)</script>",
    } <= texts
    assert len(list(root.iter(f"{SVG}script"))) == 1


@given(profiles)
def test_the_picture_of_any_profile_is_well_formed(any_profile: Profile) -> None:
    root = picture(any_profile)
    assert root.get("data-total") == str(any_profile.total)


def test_the_picture_needs_nothing_else_and_knows_the_dark() -> None:
    text = "\n".join(flamegraph.render(PROFILE, "x"))
    assert set(re.findall(r"https?://[^\"\s]+", text)) == {"http://www.w3.org/2000/svg"}
    assert "prefers-color-scheme: dark" in text
