"""The frames between host and probe: whatever comes, nothing but `WireError`, and no more memory than a message."""

from __future__ import annotations

import os
import struct

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kdiag.probe import wire

SLOW_CASES = 2_000 if os.environ.get("KDIAG_SLOW") == "short" else 100_000
LIMIT = 64

values = st.recursive(st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(), st.lists, max_leaves=5)
bodies = st.binary(max_size=LIMIT)
almost_messages = st.one_of(
    st.binary(max_size=3 * LIMIT),
    bodies.map(lambda body: struct.pack(">I", len(body)) + body),
    st.tuples(st.integers(0, 2**32 - 1), bodies).map(lambda pair: struct.pack(">I", pair[0]) + pair[1]),
    st.text(alphabet='{}[]":,0123456789eE+-.idmethoparsu \\', max_size=LIMIT).map(
        lambda text: struct.pack(">I", len(text)) + text.encode()
    ),
)


def feed_all(chunks: list[bytes]) -> None:
    decoder = wire.Decoder(LIMIT)
    held = 0
    for chunk in chunks:
        try:
            found = decoder.feed(chunk)
        except wire.WireError:
            assert decoder.buffered == 0
            return
        held = held + len(chunk) - sum(len(body) + wire.HEADER_BYTES for body in found)
        assert decoder.buffered == held <= LIMIT + wire.HEADER_BYTES
        for body in found:
            assert len(body) <= LIMIT
            try:
                request = wire.decode_request(body)
            except wire.WireError:
                continue
            assert 0 <= request.number <= wire.MAX_ID


@given(st.lists(almost_messages, max_size=6))
@example([b"\xff\xff\xff\xff"])
@example([b"\0\0\0\0"])
def test_any_bytes(chunks: list[bytes]) -> None:
    feed_all(chunks)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@settings(max_examples=SLOW_CASES)
@given(st.lists(almost_messages, max_size=6))
def test_any_bytes_many_times(chunks: list[bytes]) -> None:
    feed_all(chunks)


@given(st.lists(bodies, max_size=6), st.integers(1, 20))
def test_messages_come_out_as_they_went_in_however_they_are_cut(sent: list[bytes], size: int) -> None:
    stream = b"".join(wire.frame(body, LIMIT) for body in sent)
    decoder = wire.Decoder(LIMIT)
    received = [body for at in range(0, len(stream), size) for body in decoder.feed(stream[at : at + size])]
    assert received == sent
    assert decoder.buffered == 0


@given(st.integers(0, wire.MAX_ID), st.text(max_size=20), st.dictionaries(st.text(max_size=5), values, max_size=3))
def test_requests_and_answers(number: int, method: str, params: wire.Message) -> None:
    (body,) = wire.Decoder(wire.MAX_REQUEST_BYTES).feed(wire.encode_request(number, method, params))
    request = wire.decode_request(body)
    assert (request.number, request.method, request.params) == (number, method, params)
    (body,) = wire.Decoder(wire.MAX_ANSWER_BYTES).feed(wire.encode_answer(number, params))
    assert wire.decode(body) == {"id": number, "result": params}


def test_an_error() -> None:
    (body,) = wire.Decoder(wire.MAX_ANSWER_BYTES).feed(wire.encode_error(7, "unknown-method", "no"))
    assert wire.decode(body) == {"id": 7, "error": {"reference": "unknown-method", "message": "no"}}


@pytest.mark.parametrize(
    "body",
    [
        b"", b"null", b"[]", b"1", b'"x"', b"{", b"{}", b"\xff", b'{"id":1}', b'{"id":true,"method":"x"}',
        b'{"id":-1,"method":"x"}', b'{"id":1e3,"method":"x"}', b'{"id":1,"method":2}',
        b'{"id":1,"method":"x","params":[]}',
        b'{"id":9007199254740993,"method":"x"}', b"[" * 10_000, b'{"a":' * 10_000, b"1" * 60_000,
    ],
)  # fmt: skip
def test_what_is_no_request(body: bytes) -> None:
    with pytest.raises(wire.WireError) as error:
        wire.decode_request(body)
    assert not error.value.framing_lost


def test_a_length_beyond_the_limit_loses_the_frame() -> None:
    decoder = wire.Decoder(LIMIT)
    with pytest.raises(wire.WireError) as error:
        decoder.feed(struct.pack(">I", LIMIT + 1))
    assert error.value.framing_lost


def test_what_is_too_long_is_not_sent() -> None:
    with pytest.raises(wire.WireError):
        wire.encode_request(1, "x", {"text": "x" * wire.MAX_REQUEST_BYTES})
    with pytest.raises(wire.WireError):
        wire.encode_answer(1, {"text": "x" * wire.MAX_ANSWER_BYTES})


def test_nesting_does_not_exhaust_the_host() -> None:
    with pytest.raises(wire.WireError):
        wire.decode(b"[" * 100_000)
