import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from point_sam.clouds import PointCloudError
from point_sam.clouds.lzf import decompress

# A stream is a list of steps: literal bytes, or (length, distance) to copy from what is there already.
steps = st.lists(st.binary(min_size=1, max_size=32) | st.tuples(st.integers(3, 264), st.integers(1, 8192)), max_size=20)


def pack(stream):
    """Independent of the decoder: builds the packed bytes and, byte by byte, what they mean."""
    packed, plain = bytearray(), bytearray()
    for step in stream:
        if isinstance(step, bytes):
            packed += bytes([len(step) - 1]) + step
            plain += step
            continue
        length, distance = step
        if distance > len(plain):
            continue
        low, high = (distance - 1) & 255, (distance - 1) >> 8
        packed += bytes([(length - 2) << 5 | high, low] if length < 9 else [7 << 5 | high, length - 9, low])
        for _ in range(length):
            plain.append(plain[-distance])
    return bytes(packed), bytes(plain)


@given(steps)
def test_unpacks_literals_and_copies(stream):
    packed, plain = pack(stream)
    assert bytes(decompress(packed, len(plain))) == plain


def test_a_known_stream():
    assert bytes(decompress(b"\x01ab\x80\x01", 8)) == b"abababab"


@given(steps)
def test_every_truncation_is_an_error(stream):
    packed, plain = pack(stream)
    for end in range(len(packed)):
        with pytest.raises(PointCloudError):
            decompress(packed[:end], len(plain))


@given(st.binary(max_size=200), st.integers(0, 5000))
def test_garbage_gives_the_announced_size_or_an_error(data, size):
    try:
        assert len(decompress(data, size)) == size
    except PointCloudError as err:
        assert "LZF" in str(err)  # noqa: PT017 - both outcomes are right


def test_a_bomb_is_refused_before_it_unpacks():
    started = time.perf_counter()
    with pytest.raises(PointCloudError, match="cannot unpack"):
        decompress(b"\x00a" + b"\xe0\xff\x00" * 1000, 10**12)
    with pytest.raises(PointCloudError, match="more than the 100 bytes"):
        decompress(b"\x00a" + b"\xe0\xff\x00" * 100_000, 100)
    assert time.perf_counter() - started < 0.5


def test_a_copy_from_before_the_beginning_is_refused():
    with pytest.raises(PointCloudError, match="before the beginning"):
        decompress(b"\x00a\x20\x05", 4)
