# SPDX-License-Identifier: GPL-2.0
"""What the guest sends over its status port: the begin of its job, blobs, then one status.

    @begin\n
    @blob NAME LENGTH\n + LENGTH raw bytes + \n
    @status WORD TEXT\n
"""

from collections.abc import Callable

OnBlob = Callable[[str, bytes], None]


class FrameError(Exception):
    """The guest sent something that is not a frame."""


class Frames:
    """Takes bytes as they arrive and passes on complete frames."""

    def __init__(self, on_blob: OnBlob) -> None:
        self.status: tuple[str, str] | None = None
        self.began = False             # the machine has booted as far as its job
        self.blobs = 0                 # how many have arrived
        self.last = ""                 # the name of the last one
        self._on_blob = on_blob
        self._buffer = bytearray()

    def feed(self, data: bytes) -> None:
        """Take in @data. Ignore what comes after the status."""
        self._buffer += data
        while self.status is None and self._take():
            pass

    def _take(self) -> bool:
        """Take one complete frame off the buffer; return False if there is none."""
        end = self._buffer.find(b"\n")
        if end < 0:
            return False
        line = self._buffer[:end].decode(errors="replace")
        match line.split(" ", 2):
            case ["@blob", name, length] if length.isdigit():
                start, size = end + 1, int(length)
                if len(self._buffer) <= start + size:
                    return False
                if self._buffer[start + size:start + size + 1] != b"\n":
                    raise FrameError(f"{line!r}: its {size} bytes do not end it")
                content = bytes(self._buffer[start:start + size])
                del self._buffer[:start + size + 1]
                self.blobs, self.last = self.blobs + 1, name
                self._on_blob(name, content)
            case ["@begin"]:
                self.began = True
                del self._buffer[:end + 1]
            case ["@status", ("PASS" | "FAIL" | "INCONCLUSIVE") as word, text]:
                self.status = (word, text)
            case _:
                raise FrameError(f"not a frame: {line[:80]!r}")
        return True
