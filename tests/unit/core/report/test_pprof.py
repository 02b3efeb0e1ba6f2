"""pprof's format, read back by Google's protocol buffers with the message types of pprof's own profile.proto."""

from __future__ import annotations

import gzip
import shutil
import subprocess
from typing import TYPE_CHECKING, Any

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from hypothesis import given

from kdiag.core.report import pprof

from .test_profile import PROFILE, profiles

if TYPE_CHECKING:
    from pathlib import Path

    from kdiag.core.profile import Profile

# name: (number, type, repeated); of profile.proto, what is not here would be unknown to the reader.
_MESSAGES: dict[str, dict[str, tuple[int, str, bool]]] = {
    "ValueType": {"type": (1, "int64", False), "unit": (2, "int64", False)},
    "Label": {"key": (1, "int64", False), "str": (2, "int64", False)},
    "Sample": {"location_id": (1, "uint64", True), "value": (2, "int64", True), "label": (3, "Label", True)},
    "Line": {"function_id": (1, "uint64", False), "line": (2, "int64", False)},
    "Location": {"id": (1, "uint64", False), "line": (4, "Line", True)},
    "Function": {
        "id": (1, "uint64", False), "name": (2, "int64", False), "system_name": (3, "int64", False),
        "filename": (4, "int64", False),
    },
    "Profile": {
        "sample_type": (1, "ValueType", True), "sample": (2, "Sample", True), "location": (4, "Location", True),
        "function": (5, "Function", True), "string_table": (6, "string", True), "period_type": (11, "ValueType", False),
        "period": (12, "int64", False),
    },
}  # fmt: skip


def _profile_class() -> Any:
    kinds = descriptor_pb2.FieldDescriptorProto
    scalars = {"int64": kinds.TYPE_INT64, "uint64": kinds.TYPE_UINT64, "string": kinds.TYPE_STRING}
    file = descriptor_pb2.FileDescriptorProto(name="profile.proto", package="pprof", syntax="proto3")
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, (number, kind, repeated) in fields.items():
            label = kinds.LABEL_REPEATED if repeated else kinds.LABEL_OPTIONAL
            added = message.field.add(name=field, number=number, label=label)
            added.type = scalars.get(kind, kinds.TYPE_MESSAGE)
            if kind not in scalars:
                added.type_name = f".pprof.{kind}"
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("pprof.Profile"))


_READER = _profile_class()


def read(profile: Profile) -> Any:
    message = _READER.FromString(gzip.decompress(pprof.render(profile)))
    again = message.SerializeToString()
    assert _READER.FromString(again) == message
    return message


def test_stacks_times_and_threads_are_read_back() -> None:
    told = read(PROFILE)
    strings = told.string_table
    assert strings[0] == ""
    assert [(strings[each.type], strings[each.unit]) for each in told.sample_type] == [
        ("samples", "count"),
        ("time", "nanoseconds"),
    ]
    assert (told.period, strings[told.period_type.unit]) == (10_000_000, "nanoseconds")
    functions = {each.id: each for each in told.function}
    locations = {each.id: each.line[0] for each in told.location}
    first = told.sample[0]
    frames = [
        (strings[functions[line.function_id].name], strings[functions[line.function_id].filename], line.line)
        for line in (locations[number] for number in first.location_id)
    ]
    assert frames == [
        ("A.b", "/srv/app/hot.py", 4),
        ("work", "/srv/app/hot.py", 7),
        ("run", "/usr/lib/python3.11/threading.py", 982),
    ]
    assert list(first.value) == [60, 600_000_000]
    assert (strings[first.label[0].key], strings[first.label[0].str]) == ("thread", "worker")


@given(profiles)
def test_any_profile_is_consistent(any_profile: Profile) -> None:
    told = read(any_profile)
    assert len(told.sample) == len(any_profile.stacks)
    functions, locations = {each.id for each in told.function}, {each.id for each in told.location}
    assert 0 not in functions | locations
    assert all(line.function_id in functions for each in told.location for line in each.line)
    for sample in told.sample:
        assert set(sample.location_id) <= locations
        assert len(sample.value) == len(told.sample_type)
    assert all(each.name < len(told.string_table) and each.filename < len(told.string_table) for each in told.function)


@pytest.mark.skipif(shutil.which("go") is None, reason="no go on PATH, whose `go tool pprof` reads the format")
def test_go_tool_pprof_opens_it(tmp_path: Path) -> None:
    file = tmp_path / "profile.pb.gz"
    file.write_bytes(pprof.render(PROFILE))
    read = subprocess.run(["go", "tool", "pprof", "-raw", str(file)], capture_output=True, text=True, check=False)
    assert read.returncode == 0, read.stderr
    assert "samples/count time/nanoseconds" in read.stdout
    functions = {frame.function for stack in PROFILE.stacks for frame in stack.frames}
    assert all(function in read.stdout for function in functions)
