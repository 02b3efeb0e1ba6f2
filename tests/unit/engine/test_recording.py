"""Recordings: what is written is read again, as far as it goes, and nothing else is taken for one."""

from __future__ import annotations

import gzip
import json
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kdiag.core.model import (
    Child,
    Cost,
    CrashAccount,
    CrashFrame,
    CrashGroup,
    Frame,
    Limitation,
    Observation,
    Sample,
    Samples,
    StackSample,
    ThreadSample,
    Window,
)
from kdiag.engine.recording import SCHEMA, Header, Recording, RecordingWriter, read_recording
from kdiag.engine.recording.format import ENTRY_OF, Known, Seen, decode, encode
from kdiag.engine.recording.stacks import KnownStacks, Stacks
from kdiag.engine.reporting import counted
from kdiag.errors import KdiagError
from kdiag.machinery.clock import REAL
from kdiag.sources.source_lines import SourceReader
from tests.support.inside import with_probe
from tests.support.windows import APP, idle_main, scene, stuck

if TYPE_CHECKING:
    from collections.abc import Iterator

LIMIT = Limitation("no-collector", "It cannot be read.", "look from inside")
SEEN = with_probe(scene(idle_main(), stuck("worker", Frame(APP, 3, "work"))))
OBSERVED = Observation(
    "2024-01-01T00:00:00.000+00:00", 10.0, "probe", Samples(51, missed=3), Cost(), limitations=(LIMIT,)
)


def samples_of(window: Window) -> Iterator[Sample]:
    for kind in (window.stacks, window.process, window.collector, window.profile, window.probe, window.heap):
        yield from kind


def begun(file: Path, root: Path | str = "/nowhere", window: Window = SEEN) -> RecordingWriter:
    writer = RecordingWriter(file, SourceReader(str(root)), REAL)
    writer.begin(Header(SCHEMA, "1.0", window.target, OBSERVED.started_at, window.started_at, True, "ptrace", (LIMIT,)))
    for sample in samples_of(window):
        writer.add(sample)
    return writer


def recorded(file: Path, window: Window = SEEN, root: Path | str = "/nowhere") -> Recording:
    begun(file, root, window).finish(window, OBSERVED)
    return read_recording(file)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "shop.kdiag"


def test_what_is_written_is_read_again(file: Path) -> None:
    window = replace(SEEN, limitations=(LIMIT,), ended=True)
    recording = recorded(file, window)

    assert recording.whole == window
    assert recording.observation == replace(OBSERVED, samples=counted(window, OBSERVED.samples.missed))
    assert recording.duration_s == window.duration_s
    assert recording.window() == window


def test_a_moment_of_it_is_what_was_seen_before(file: Path) -> None:
    recording = recorded(file, replace(SEEN, ended=True))
    part = recording.window(at=SEEN.started_at + 6.0, window_s=2.0)

    assert {4.0 <= sample.at - SEEN.started_at <= 6.0 for sample in samples_of(part)} == {True}
    assert part.duration_s == pytest.approx(2.0)
    assert not part.ended, "not then"
    assert recording.window(window_s=1.0).ended


def test_the_report_of_a_part_says_of_what_it_is(file: Path) -> None:
    recording = recorded(file)
    whole, part = (recording.report(recording.window(window_s=seconds)).observation for seconds in (None, 2.0))

    assert whole == recording.observation
    assert part.started_at == "2024-01-01T00:00:08.000+00:00"
    assert part.duration_s == 2.0
    assert part.samples.missed == 0
    assert 0 < part.samples.stacks < whole.samples.stacks


def test_stacks_are_written_once(file: Path) -> None:
    recorded(file)
    text = gzip.decompress(file.read_bytes()).decode()

    assert text.count(f'"file":"{APP}","line":3,"function":"work"') == 1


@pytest.mark.parametrize("kind", ENTRY_OF, ids=lambda kind: str(kind.__name__))
def test_any_sample_is_the_same_when_it_is_read(kind: type[Sample]) -> None:
    st.register_type_strategy(float, st.floats(allow_nan=False, allow_infinity=False))
    st.register_type_strategy(int, st.integers(-(2**63), 2**64 - 1))

    @settings(max_examples=40, deadline=None)
    @given(st.from_type(kind))
    def check(sample: Sample) -> None:
        stacks, known = Stacks(), KnownStacks()
        bare, numbers = stacks.taken_out(sample)
        news = stacks.news()
        if news is not None:
            told = decode(encode(news))
            assert isinstance(told, Known)
            known.add(told)
        entry = decode(encode(ENTRY_OF[kind](sample=bare, stacks=numbers)))
        assert isinstance(entry, Seen)
        assert known.put_back(entry.sample, entry.stacks) == sample

    check()


def test_a_name_that_is_no_utf_8_is_kept_readable(file: Path) -> None:
    odd = StackSample(1.0, (ThreadSample(1, 1, "odd\udc80", (Frame("/srv/\udcff.py", 1, "f"),)),))
    (sample,) = recorded(file, replace(scene(), stacks=(odd,))).whole.stacks

    assert sample.threads[0].name == "odd\\udc80"
    assert sample.threads[0].frames[0].file == "/srv/\\udcff.py"


def test_one_that_is_cut_off_is_good_until_there(file: Path) -> None:
    recorded(file)
    whole = file.read_bytes()
    counts = set()
    for length in range(300, len(whole) - 8, 97):
        file.write_bytes(whole[:length])
        recording = read_recording(file)
        counts.add(len(list(samples_of(recording.whole))))
        assert recording.whole.stacks == SEEN.stacks[: len(recording.whole.stacks)]
        assert [each.reference for each in recording.whole.limitations] == ["no-collector", "recording-cut-off"]
    assert len(counts) > 3


def test_one_without_its_end_says_how_it_was_looked_as_far_as_it_knows(file: Path) -> None:
    writer = begun(file)
    writer._write(writer._taken())
    writer.close()
    observation = read_recording(file).observation

    assert observation.access == "probe"
    assert observation.attach_method == "ptrace"
    assert observation.samples.stacks == len(SEEN.stacks)
    assert observation.duration_s == pytest.approx(10.0, abs=0.5)


def line(entry: object) -> bytes:
    return gzip.compress(json.dumps(entry).encode() + b"\n")


@pytest.mark.parametrize(
    ("content", "reference"),
    [
        (b"", "bad-recording"),
        (b"\x7fELF", "bad-recording"),
        (b'{"schema": "kdiag.report/v1"}', "bad-recording"),
        (gzip.compress(b"\xff\xff\n"), "bad-recording"),
        (line([]), "bad-recording"),
        (line({"schema": "kdiag.report/v1"}), "bad-recording"),
        (line({"kind": "header", "schema": SCHEMA}), "bad-recording"),
        (line({"kind": "known", "schema": SCHEMA, "frames": [], "stacks": []}), "bad-recording"),
        (line({"kind": "header", "schema": "kdiag.recording/v2", "new": 1}), "newer-recording"),
    ],
    ids=["empty", "elf", "report", "no-utf-8", "list", "schema", "no-target", "no-header", "newer"],
)
def test_what_is_no_recording_is_refused(file: Path, content: bytes, reference: str) -> None:
    file.write_bytes(content)
    with pytest.raises(KdiagError) as caught:
        read_recording(file)
    assert caught.value.reference == reference
    assert caught.value.hint


def test_a_file_that_is_not_there(file: Path) -> None:
    with pytest.raises(KdiagError, match="No such file") as caught:
        read_recording(file)
    assert caught.value.reference == "unreadable-file"


@given(st.binary(min_size=1, max_size=20), st.floats(0, 1))
@settings(max_examples=50, deadline=None)
def test_damage_has_a_reason_or_the_recording_is_good_until_there(noise: bytes, where: float) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "shop.kdiag"
        recorded(file)
        text = gzip.decompress(file.read_bytes())
        position = int(where * len(text))
        file.write_bytes(gzip.compress(text[:position] + noise + text[position + len(noise) :]))
        stacks, reason = 0, ""
        try:
            stacks = len(read_recording(file).whole.stacks)
        except KdiagError as error:
            reason = error.reference
        assert stacks <= len(SEEN.stacks)
        assert reason in {"", "bad-recording", "newer-recording"}


def test_a_bit_that_flips_is_never_overlooked(file: Path) -> None:
    recorded(file)
    whole = file.read_bytes()
    for position in range(10, len(whole), 59):  # behind the header of gzip, which nothing depends on
        file.write_bytes(whole[:position] + bytes([whole[position] ^ 4]) + whole[position + 1 :])
        try:
            limits = [each.reference for each in read_recording(file).whole.limitations]
        except KdiagError as error:
            limits = [error.reference]
        assert {"recording-cut-off", "bad-recording", "newer-recording"} & set(limits), position


@pytest.mark.parametrize("numbers", [(), (0,), (0, 0, 0), (0, -1), (0, 2)])
def test_stacks_that_nobody_told_of_are_damage(numbers: tuple[int, ...]) -> None:
    stacks, known = Stacks(), KnownStacks()
    bare, _ = stacks.taken_out(SEEN.stacks[0])
    news = stacks.news()
    assert news is not None
    known.add(news)
    with pytest.raises(LookupError):
        known.put_back(bare, numbers)


def test_a_full_disk_ends_the_recording_and_nothing_else() -> None:
    writer = begun(Path("/dev/full"))
    writer.finish(SEEN, OBSERVED)

    assert writer.problem is not None
    assert writer.problem.reference == "recording-failed"
    assert "No space left" in writer.problem.message


def test_what_cannot_be_written_ends_the_recording_and_nothing_else(file: Path) -> None:
    odd = replace(SEEN.process[0], rss=object())  # type: ignore[arg-type]
    writer = begun(file, window=replace(SEEN, process=(odd, *SEEN.process)))
    writer.finish(SEEN, OBSERVED)
    writer.add(odd)

    assert writer.problem is not None
    assert writer.problem.reference == "recording-failed"
    assert read_recording(file).whole.process == ()


def test_a_file_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KdiagError) as caught:
        begun(tmp_path / "no-folder" / "shop.kdiag")
    assert caught.value.reference == "output-unwritable"


TOLD = "hunter2hunter2"
SOURCE = f'''"""Opens what it is told to: token={TOLD}."""
import shop
# password: {TOLD}
API_KEY = "{TOLD}"


def work(node=None):
    shop.connect(f"https://me:{TOLD}@db/{{node}}", password="{TOLD}"); return node.name
'''


def test_no_secret_gets_into_it(file: Path, tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "srv/shop").mkdir(parents=True)
    (root / "srv/shop/app.py").write_text(SOURCE)
    place = SOURCE.splitlines().index(next(line for line in SOURCE.splitlines() if "connect" in line)) + 1
    crash = CrashGroup(
        1, "AttributeError", "", "nil", 1, 1, 1.0, 1.0, {"thread": 1}, (), (),
        (CrashFrame(APP, place, "work", place - 1, (place, place, 92, 101)),),
    )  # fmt: skip
    probe = tuple(replace(sample, crashes=CrashAccount(groups=(crash,))) for sample in SEEN.probe)
    child = Child(5, f"worker token={TOLD}", 1.0, zombie=True)
    named = {f"/data/password={TOLD}": 2, "/data/password=other": 3}
    process = tuple(replace(sample, children=(child,), descriptor_names=named) for sample in SEEN.process)
    stands = replace(scene(stuck("worker", Frame(APP, place, "work"))), probe=probe, process=process)
    recording = recorded(file, stands, root)

    assert TOLD not in gzip.decompress(file.read_bytes()).decode()
    assert "password=***" in gzip.decompress(file.read_bytes()).decode()
    assert recording.whole.process[0].descriptor_names == {"/data/password=***": 5}
    assert "node.name" in recording.whole.lines[APP, place].text
    assert recording.whole.sources[APP].splitlines()[place - 1].index("node.name") == 92
