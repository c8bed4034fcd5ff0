"""LZF decompression (the scheme of Marc Lehmann's LibLZF, which PCD uses), with a hard bound on what comes out.

A control byte below 32 copies the next control + 1 bytes. Else its upper three bits are a length (7: one more byte is
added) and its lower five with the next byte a distance back; length + 2 bytes are copied from there.
"""

from point_sam.clouds.cloud import PointCloudError

MAX_RATIO = 264 / 3  # the longest copy, 264 bytes, takes three


def decompress(data: bytes, size: int) -> bytearray:
    """Exactly `size` bytes out of `data`.

    Raises:
        PointCloudError: `data` gives more or fewer, ends inside a copy, or points before the beginning.
    """
    if size > len(data) * MAX_RATIO:
        raise PointCloudError(f"LZF: {len(data)} bytes cannot unpack to {size}; the sizes are wrong")
    out = bytearray()
    end = len(data)
    i = 0
    try:
        while i < end:
            control = data[i]
            i += 1
            if control < 32:
                out += data[i : i + control + 1]
                i += control + 1
            else:
                length = control >> 5
                if length == 7:
                    length += data[i]
                    i += 1
                length += 2
                start = len(out) - ((control & 31) << 8) - data[i] - 1
                i += 1
                if start < 0:
                    raise PointCloudError(f"LZF: byte {i} points before the beginning; the data are damaged")
                block = out[start : start + length]
                if len(block) < length:  # the copy overlaps what it writes: it repeats itself
                    block = (block * (length // len(block) + 1))[:length]
                out += block
            if len(out) > size:
                raise PointCloudError(f"LZF: unpacks to more than the {size} bytes announced; the data are damaged")
    except IndexError:
        raise PointCloudError("LZF: ends inside a copy; the file is cut short") from None
    if i > end or len(out) != size:
        raise PointCloudError(f"LZF: unpacks to {len(out)} bytes, {size} were announced; the file is cut short")
    return out
