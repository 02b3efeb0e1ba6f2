"""The text of `/proc/PID/maps` into mappings."""

from __future__ import annotations

import os

from kdiag.attach.maps import mapped_files, parse_maps

# Recorded: Debian's python3 from a binary with an odd name, deleted after its start; libc; kernel areas.
RECORDED = """\
00400000-0041f000 r--p 00000000 fe:00 2146325                            /tmp/my (odd) name (deleted)
0041f000-006d2000 r-xp 0001f000 fe:00 2146325                            /tmp/my (odd) name (deleted)
00946000-00a85000 rw-p 00545000 fe:00 2146325                            /tmp/my (odd) name (deleted)
00a85000-00aca000 rw-p 00000000 00:00 0 
176fe000-177a2000 rw-p 00000000 00:00 0                                  [heap]
7f7f24455000-7f7f2447b000 r--p 00000000 fe:00 339380                     /usr/lib/x86_64-linux-gnu/libc.so.6
7f7f2447b000-7f7f245d1000 r-xp 00026000 fe:00 339380                     /usr/lib/x86_64-linux-gnu/libc.so.6
7f7f24763000-7f7f2476a000 r--s 00000000 fe:00 338846                     /usr/lib/gconv/gconv-modules.cache
7f7f24772000-7f7f24774000 r-xp 00000000 00:00 0                          [vdso]
7f7f24770000-7f7f24772000 r--p 00000000 00:0"""  # noqa: W291 - as recorded; the last line was cut off


def test_a_line_becomes_a_mapping() -> None:
    second = parse_maps(RECORDED)[1]
    assert (second.start, second.end, second.permissions) == (0x41F000, 0x6D2000, "r-xp")
    assert (second.offset, second.device, second.inode) == (0x1F000, os.makedev(0xFE, 0), 2146325)
    assert second.path == "/tmp/my (odd) name (deleted)"  # noqa: S108 - recorded


def test_the_mark_of_a_deleted_file_is_no_part_of_its_name() -> None:
    assert parse_maps(RECORDED)[0].name == "my (odd) name"


def test_a_line_that_is_cut_off_is_left_out() -> None:
    assert len(parse_maps(RECORDED)) == 9


def test_an_escaped_newline_is_one() -> None:
    assert parse_maps("1000-2000 r--p 00000000 fe:00 7 /a\\012b\n")[0].path == "/a\nb"


def test_files_come_in_the_order_of_their_addresses_with_all_their_mappings() -> None:
    files = mapped_files(parse_maps(RECORDED))
    assert [file.name for file in files] == ["my (odd) name", "libc.so.6", "gconv-modules.cache"]
    assert [len(file.mappings) for file in files] == [3, 2, 1]
    assert files[1].identity == (os.makedev(0xFE, 0), 339380)


def test_anonymous_memory_is_no_file() -> None:
    heap = parse_maps(RECORDED)[4]
    assert not heap.is_file
    assert heap.path == "[heap]"


def test_no_text_gives_no_mappings() -> None:
    assert parse_maps("") == ()
