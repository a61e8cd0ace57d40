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


def _entry(number: int, name: str, mode: int, content: bytes = b"") -> bytes:
    raw = name.encode() + b"\0"
    # magic, ino, mode, uid, gid, nlink, mtime, size, dev and rdev (major, minor), namesize, check
    fields = (number, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(raw), 0)
    head = b"070701" + b"".join(b"%08X" % field for field in fields) + raw
    return b"".join(part + b"\0" * (-len(part) % 4) for part in (head, content))


def _stripped(module: Path) -> bytes:
    """The module without debug information, nine tenths of its size: the guest loads it hundreds of times."""
    module.read_bytes()     # raises OSError with the reason if the file cannot be read
    with tempfile.NamedTemporaryFile(suffix=".ko") as small:
        subprocess.run(["strip", "--strip-debug", "-o", small.name, module], check=True)
        return Path(small.name).read_bytes()


def write(target: Path, job: str, files: dict[str, Path]) -> None:
    """Write to @target an archive with @job as /job and @files (guest path: host path)."""
    entries: dict[str, bytes | None] = dict.fromkeys(_FOLDERS)      # None: a folder
    paths = {"bin/busybox": BUSYBOX} | {name: repo.SCRIPTS / "guest" / name for name in ("init", "protocol.sh")}
    for name, path in (paths | {name.lstrip("/"): path for name, path in files.items()}).items():
        try:
            content = _stripped(path) if path.suffix == ".ko" else path.read_bytes()
        except OSError as error:
            raise SetupError(f"{path}: {error.strerror}") from None
        if path == BUSYBOX and b"/ld-linux" in content[:4096]:  # an ELF interpreter
            raise SetupError(f"{path} is not static: install busybox-static")
        entries |= dict.fromkeys(str(folder) for folder in reversed(PurePosixPath(name).parents) if folder.name)
        entries[name] = content
    entries["job"] = job.encode()
    archive = [_entry(number, name, stat.S_IFDIR | 0o755) if content is None else _entry(number, name, stat.S_IFREG | 0o755, content)
               for number, (name, content) in enumerate(entries.items(), 1)]
    target.write_bytes(b"".join([*archive, _entry(len(archive) + 1, "TRAILER!!!", 0)]))
