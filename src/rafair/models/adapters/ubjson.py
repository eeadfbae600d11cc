"""Whether bytes are one whole value of Universal Binary JSON, as XGBoost writes it.

XGBoost reads past the end of a file that is cut short, and what it finds there may pass for a
model.
"""

from __future__ import annotations

import struct

SIZES = {
    b"Z": 0,
    b"T": 0,
    b"F": 0,
    b"i": 1,
    b"U": 1,
    b"C": 1,
    b"I": 2,
    b"l": 4,
    b"L": 8,
    b"d": 4,
    b"D": 8,
}
"""How many bytes follow the mark of a value of a fixed size."""

INTEGERS = {b"i": ">b", b"U": ">B", b"I": ">h", b"l": ">i", b"L": ">q"}


def is_whole_ubjson(content: bytes) -> bool:
    """Whether one value begins with the first byte and ends with the last.

    Example:
        >>> is_whole_ubjson(b"{i" + bytes([1]) + b"a[U" + bytes([7]) + b"]}")
        True
        >>> is_whole_ubjson(b"{i" + bytes([1]) + b"a[U" + bytes([7]) + b"]")
        False
    """
    try:
        return _Walk(content).value() == len(content)
    except (ValueError, struct.error, RecursionError):
        return False


class _Walk:
    """Passes over values; each method returns where the walk stands after it."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._place = 0

    def value(self) -> int:
        """Passes over any value."""
        mark = self._take(1)
        if mark == b"{":
            while not self._found(b"}"):
                self._take(self._integer())  # the key
                self.value()
        elif mark == b"[":
            self._array()
        elif mark in (b"S", b"H"):
            self._take(self._integer())
        elif mark in SIZES:
            self._take(SIZES[mark])
        else:
            raise ValueError(f"no value begins with {mark!r}")
        return self._place

    def _array(self) -> None:
        """Passes over values of one kind, a number of values, or values up to the bracket."""
        kind = self._take(1) if self._found(b"$") else None
        if self._found(b"#"):
            count = self._integer()
            if kind is not None:
                self._take(count * SIZES[kind] if kind in SIZES else -1)
                return
            for _ in range(count):
                self.value()
            return
        while not self._found(b"]"):
            self.value()

    def _integer(self) -> int:
        mark = self._take(1)
        if mark not in INTEGERS:
            raise ValueError(f"expected a length, found {mark!r}")
        (found,) = struct.unpack(INTEGERS[mark], self._take(SIZES[mark]))
        return int(found)

    def _found(self, mark: bytes) -> bool:
        if self._content[self._place : self._place + 1] != mark:
            return False
        self._place += 1
        return True

    def _take(self, size: int) -> bytes:
        start, end = self._place, self._place + size
        if size < 0 or end > len(self._content):
            raise ValueError("cut short")
        self._place = end
        return self._content[start:end]
