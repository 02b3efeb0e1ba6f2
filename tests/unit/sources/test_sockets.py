"""The kernel's table of TCP sockets."""

from __future__ import annotations

import os
import socket

import pytest

from kdiag.sources.sockets import parse_sockets, read_sockets

TABLE = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F90 00000000:0000 0A 00000000:00000003 00:00000000 00000000     0        0 100 1 0000 100 0 0 10 0
   1: 0100007F:1F90 0100007F:C350 01 00000000:0000001A 00:00000000 00000000     0        0 101 1 0000 20 4 30 10 -1
   2: 0100007F:1F90 0100007F:C351 01 00000000:00000000 00:00000000 00000000     0        0 102 1 0000 20 4 30 10 -1
   3: 0100007F:9C40 0100007F:1F90 08 00000000:00000000 00:00000000 00000000     0        0 999 1 0000 20 4 30 10 -1
"""


def test_states_are_counted_for_our_inodes_only() -> None:
    assert parse_sockets(TABLE.splitlines(), {100, 101, 102}).by_state == {"LISTEN": 1, "ESTABLISHED": 2}


def test_the_backlog_is_what_nobody_accepted_or_read() -> None:
    assert parse_sockets(TABLE.splitlines(), {100, 101, 102}).backlog == 3 + 1


def test_peers_are_named() -> None:
    assert parse_sockets(TABLE.splitlines(), {999}).peers == {"TCP CLOSE_WAIT to 127.0.0.1:8080": 1}


@pytest.mark.parametrize(
    ("peer", "name"),
    [
        ("0000000000000000FFFF00000100007F:1F90", "127.0.0.1:8080"),
        ("B80D0120000000000000000001000000:0050", "[2001:0db8:0000:0000:0000:0000:0000:0001]:80"),
    ],
)
def test_ipv6_peers(peer: str, name: str) -> None:
    line = f"0: 00000000000000000000000001000000:1F90 {peer} 01 0:0 0:0 0 0 0 7 1"
    assert parse_sockets([line], {7}).peers == {f"TCP ESTABLISHED to {name}": 1}


def test_a_real_listener_is_found() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        inode = os.fstat(server.fileno()).st_ino
        assert read_sockets(os.getpid(), {inode}).listening_ports == (server.getsockname()[1],)
