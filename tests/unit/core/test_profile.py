"""Profiles as py-spy writes them, and what is added up over them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from kdiag.core.model import Frame, ProfiledStack
from kdiag.core.profile import FunctionTotal, Profile, parse_collapsed, totals, tree
from kdiag.core.report import profile as formats

# As py-spy 0.4 writes it with --threads --full-filenames, with --native, and with --subprocesses.
THREADS = """\
thread (23523): wör;ker 1;Thread.run (/lib/python3.11/threading.py:982);w (/srv/hot.py:7);A.b (/srv/hot.py:4) 33
thread (23523): wör;ker 1;Thread.run (/lib/python3.11/threading.py:982);w (/srv/hot.py:7) 2
thread (0x7F18): MainThread;<module> (/srv/hot.py:11) 48
"""
NATIVE = "0x7f18ed1278ec (libc.so.6);thread_run (libpython3.11.so.1.0);w (hot.py:7);realloc (libc.so.6) 1\n"
CHILDREN = 'process 23521:"/v/python app.py --token abc;def -v";w (hot.py:5);A.b (hot.py:3) 4\n'


def test_threads() -> None:
    profile = parse_collapsed(THREADS, 100)
    assert profile.total == 83
    assert profile.stacks[0] == ProfiledStack(
        23523,
        "wör;ker 1",
        (Frame("/srv/hot.py", 4, "A.b"), Frame("/srv/hot.py", 7, "w"),
         Frame("/lib/python3.11/threading.py", 982, "Thread.run")),
        33,
    )  # fmt: skip
    assert profile.stacks[2] == ProfiledStack(0x7F18, "MainThread", (Frame("/srv/hot.py", 11, "<module>"),), 48)


def test_native_frames() -> None:
    (stack,) = parse_collapsed(NATIVE).stacks
    assert stack.frames[0] == Frame("libc.so.6", 0, "realloc", native=True)
    assert stack.frames[1] == Frame("hot.py", 7, "w")
    assert stack.frames[3] == Frame("libc.so.6", 0, "0x7f18ed1278ec", native=True)


def test_a_child_process_is_the_outermost_frame_and_its_command_is_redacted() -> None:
    (stack,) = parse_collapsed(CHILDREN).stacks
    assert [frame.function for frame in stack.frames] == [
        "A.b",
        "w",
        'process 23521:"/v/python app.py --token *** -v"',
    ]


def test_names_that_break_the_format() -> None:
    (stack,) = parse_collapsed("f (a;b.py:3);operator() (int; int) (lib.so);plain 7").stacks
    assert stack.frames == (
        Frame("", 0, "plain", native=True),
        Frame("lib.so", 0, "operator() (int; int)", native=True),
        Frame("a;b.py", 3, "f"),
    )


def test_what_is_no_stack_is_left_out() -> None:
    assert parse_collapsed("").stacks == ()
    assert parse_collapsed("\nno count\n 3\nf (a.py:1) many\n").stacks == ()


@given(st.text())
def test_any_text_is_read(text: str) -> None:
    profile = parse_collapsed(f"{text} 3")
    tree(profile)
    totals(profile)


frames = st.builds(
    Frame,
    file=st.sampled_from(["/srv/a.py", "/srv/b c.py", "<string>"]),
    line=st.integers(1, 99),
    function=st.sampled_from(["f", "<lambda>", "A.b.<locals>.<listcomp>", "größe"]),
)
profiles = st.lists(
    st.builds(
        ProfiledStack,
        thread_id=st.integers(1, 9),
        thread=st.sampled_from(["MainThread", "pool (1)", "x y"]),
        frames=st.lists(frames, min_size=1, max_size=6).map(tuple),
        count=st.integers(1, 1000),
    ),
    max_size=6,
).map(lambda stacks: Profile(tuple(stacks), 100))


@given(profiles)
def test_collapsed_text_reads_back(profile: Profile) -> None:
    assert parse_collapsed("\n".join(formats.collapsed(profile)), 100) == profile


def test_totals_count_a_recursive_function_once() -> None:
    text = "f (a.py:1);g (a.py:5);f (a.py:2);f (a.py:3) 10\nf (a.py:1) 5\nf (a.py:1);g (a.py:6) 1"
    assert totals(parse_collapsed(text)) == [
        FunctionTotal("f", "a.py", 3, self_count=15, total_count=16),
        FunctionTotal("g", "a.py", 6, self_count=1, total_count=11),
    ]


@given(profiles)
def test_self_counts_add_up_to_the_whole(profile: Profile) -> None:
    assert sum(function.self_count for function in totals(profile)) == profile.total
    assert all(function.self_count <= function.total_count <= profile.total for function in totals(profile))


@given(profiles)
def test_no_box_of_the_tree_is_narrower_than_what_it_holds(profile: Profile) -> None:
    root = tree(profile)
    assert root.count == profile.total
    pending = [root]
    while pending:
        node = pending.pop()
        assert node.count == node.self_count + sum(child.count for child in node.ordered())
        pending.extend(node.ordered())


def test_a_very_deep_stack_is_no_trouble() -> None:
    stack = ProfiledStack(1, "deep", tuple(Frame("a.py", 1, f"f{n}") for n in range(20_000)), 1)
    assert tree(Profile((stack,))).count == 1
