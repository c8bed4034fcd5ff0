"""The header of a PLY file: elements, their properties, comments, and where the data begins."""

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import BinaryIO, Literal

import numpy as np

from point_sam.clouds.cloud import PointCloudError

MAX_HEADER = 1 << 18  # bytes; a Gaussian splat with 60 properties has 2,000
_END = re.compile(rb"[\r\n]end_header[ \t]*(\r\n|\n|\r|$)")
_CODES = {"i1": "char int8", "u1": "uchar uint8", "i2": "short int16", "u2": "ushort uint16", "i4": "int int32"}
_CODES |= {"u4": "uint uint32", "f4": "float float32", "f8": "double float64"}
_TYPES = {name: code for code, names in _CODES.items() for name in names.split()}
_BYTE_ORDERS: dict[str, Literal["", "<", ">"]] = {"ascii": "", "binary_little_endian": "<", "binary_big_endian": ">"}


@dataclass(frozen=True)
class Property:
    """A scalar, or with `count_type` a list: a count followed by so many values. Types as numpy codes."""

    name: str
    type: str
    count_type: str | None = None


@dataclass(frozen=True)
class Element:
    """`count` rows of the same properties."""

    name: str
    count: int
    properties: list[Property] = field(default_factory=list)


@dataclass(frozen=True)
class Header:
    """What the header says. `byte_order` is "" for ASCII; the file stands at the first byte of the data."""

    byte_order: Literal["", "<", ">"]
    elements: list[Element]
    comments: list[str]

    @property
    def vertex(self) -> Element:
        """The element that holds the points."""
        return next(element for element in self.elements if element.name == "vertex")


def read_header(file: BinaryIO) -> Header:
    """Parse the header of a file that stands at its beginning, and leave it at the data.

    Raises:
        PointCloudError: not PLY, no end, or a line that is wrong, with its number.
    """
    head = file.read(MAX_HEADER)
    if not re.match(rb"ply[ \t]*[\r\n]", head):
        raise PointCloudError("is not a PLY file: it does not begin with a line 'ply'")
    end = _END.search(head)
    if end is None:
        raise PointCloudError(f"header: no end_header within the first {len(head)} bytes")
    # With bare CR line ends a following LF is the first byte of the data.
    bare_cr = re.match(rb"ply[ \t]*\r(?!\n)", head) is not None
    file.seek(end.end() - (1 if bare_cr and end[1] == b"\r\n" else 0))
    lines = head[: end.start()].decode("utf-8", errors="backslashreplace").replace("\r\n", "\n").replace("\r", "\n")
    return _parse(lines.split("\n"))


def _parse(lines: list[str]) -> Header:
    byte_order: Literal["", "<", ">"] | None = None
    elements: list[Element] = []
    comments: list[str] = []
    for number, line in enumerate(lines[1:], start=2):
        words = line.split()
        if not words:
            continue
        keyword = words[0]
        if keyword in ("comment", "obj_info"):
            comments.append(line.strip()[len(keyword) :].strip())
        elif keyword == "format":
            if byte_order is not None or len(words) != 3 or words[1] not in _BYTE_ORDERS or words[2] != "1.0":
                raise _wrong(number, line, f"expected one line 'format {'|'.join(_BYTE_ORDERS)} 1.0'")
            byte_order = _BYTE_ORDERS[words[1]]
        elif keyword == "element":
            if len(words) != 3 or not re.fullmatch(r"[0-9]{1,18}", words[2]):
                raise _wrong(number, line, "expected 'element NAME COUNT'")
            if any(element.name == words[1] for element in elements):
                raise _wrong(number, line, "this element is declared twice")
            elements.append(Element(words[1], int(words[2])))
        elif keyword == "property":
            if not elements:
                raise _wrong(number, line, "a property before any element")
            elements[-1].properties.append(_property(number, line, words))
        else:
            raise _wrong(number, line, "unknown keyword")
    if byte_order is None:
        raise PointCloudError("header: no format line")
    _check_vertex(elements)
    return Header(byte_order, elements, comments)


def _property(number: int, line: str, words: list[str]) -> Property:
    is_list = len(words) > 1 and words[1] == "list"
    if len(words) != (5 if is_list else 3):
        raise _wrong(number, line, "expected 'property TYPE NAME' or 'property list COUNT_TYPE TYPE NAME'")
    for word in words[2:4] if is_list else words[1:2]:
        if word not in _TYPES:
            raise _wrong(number, line, f"unknown type {word!r}; known are {' '.join(list(_TYPES))}")
    if is_list and _TYPES[words[2]].startswith("f"):
        raise _wrong(number, line, "the count of a list must be an integer")
    return Property(words[-1], _TYPES[words[-2]], _TYPES[words[2]] if is_list else None)


def _check_vertex(elements: list[Element]) -> None:
    vertex = next((element for element in elements if element.name == "vertex"), None)
    if vertex is None:
        names = ", ".join(element.name for element in elements) or "none"
        raise PointCloudError(f"header: no element 'vertex' (elements: {names})")
    if vertex.count == 0:
        raise PointCloudError("header: element vertex has 0 points")
    properties = [prop.name for prop in vertex.properties]
    twice = next((name for name, count in Counter(properties).items() if count > 1), None)
    if twice is not None:
        raise PointCloudError(f"header: vertex has two properties {twice!r}")
    lists = next((prop.name for prop in vertex.properties if prop.count_type is not None), None)
    if lists is not None:
        raise PointCloudError(f"header: vertex has a list property {lists!r}, which no point can keep; remove it")
    if not properties:
        raise PointCloudError("header: element vertex has no properties")


def record_type(element: Element, byte_order: str) -> np.dtype:
    """One row of scalars as a packed record with fields f0, f1, ... In text (no byte order) coordinates are doubles.

    A decimal in text often has more digits than the `float` it is declared as, and UTM coordinates need them.
    """
    wide = {"x": "f8", "y": "f8", "z": "f8"} if not byte_order else {}
    return np.dtype(
        [(f"f{i}", byte_order + wide.get(prop.name.lower(), prop.type)) for i, prop in enumerate(element.properties)]
    )


def _wrong(number: int, line: str, reason: str) -> PointCloudError:
    return PointCloudError(f"header line {number} ({line.strip()[:80]!r}): {reason}")
