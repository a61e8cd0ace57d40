# SPDX-License-Identifier: GPL-2.0
"""The guest's root: busybox, init, a job and the files it needs, as a newc cpio archive.

Not written by cpio(1): so no staging folder, no root, and the same bytes each time.
See Documentation/driver-api/early-userspace/buffer-format.rst.
"""

import stat
import subprocess
import tempfile
from pathlib import Path, PurePosixPath

from .. import repo
from ..verdict import SetupError

BUSYBOX = Path("/bin/busybox")
_FOLDERS = ("bin", "dev", "proc", "sys", "tmp")


class _Archive:
    def __init__(self) -> None:
        self.data = bytearray()
        self.names: set[str] = set()

    def add(self, name: str, mode: int, content: bytes = b"") -> None:
        raw = name.encode() + b"\0"
        # magic, ino, mode, uid, gid, nlink, mtime, size, dev and rdev (major, minor), namesize, check
        fields = (len(self.names) + 1, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(raw), 0)
        self.data += b"070701" + b"".join(b"%08X" % field for field in fields) + raw
        self._pad()
        self.data += content
        self._pad()
        self.names.add(name)

    def folder(self, name: str) -> None:
        for path in (*reversed(PurePosixPath(name).parents), PurePosixPath(name)):
            if str(path) not in self.names | {"."}:
                self.add(str(path), stat.S_IFDIR | 0o755)

    def _pad(self) -> None:
        self.data += b"\0" * (-len(self.data) % 4)


def _stripped(module: Path) -> bytes:
    """The module without debug information, nine tenths of its size: the guest loads it hundreds of times."""
    module.read_bytes()     # raises OSError with the reason if the file cannot be read
    with tempfile.NamedTemporaryFile(suffix=".ko") as small:
        subprocess.run(["strip", "--strip-debug", "-o", small.name, module], check=True)
        return Path(small.name).read_bytes()


def write(target: Path, job: str, files: dict[str, Path]) -> None:
    """Write to @target an archive with @job as /job and @files (guest path: host path)."""
    archive = _Archive()
    for name in _FOLDERS:
        archive.folder(name)
    contents = {"bin/busybox": BUSYBOX}
    contents |= {name: repo.SCRIPTS / "guest" / name for name in ("init", "protocol.sh")}
    contents |= {name.lstrip("/"): path for name, path in files.items()}
    for name, path in contents.items():
        try:
            content = _stripped(path) if path.suffix == ".ko" else path.read_bytes()
        except OSError as error:
            raise SetupError(f"{path}: {error.strerror}") from None
        if path == BUSYBOX and b"/ld-linux" in content[:4096]:  # an ELF interpreter
            raise SetupError(f"{path} is not static: install busybox-static")
        archive.folder(str(PurePosixPath(name).parent))
        archive.add(name, stat.S_IFREG | 0o755, content)
    archive.add("job", stat.S_IFREG | 0o755, job.encode())
    archive.add("TRAILER!!!", 0)
    target.write_bytes(archive.data)
