# SPDX-License-Identifier: GPL-2.0
"""Run programs of Debian's archive on a host that has another C library, or lacks their libraries.

They are unpacked, not installed. A line of shell replaces each program, and runs it with the C library that was
unpacked for it. Unlike a chroot, this needs neither root nor a user namespace, and the programs that they start find
their own libraries.
"""

import os
import shutil
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

from .. import repo
from ..verdict import SetupError
from . import archive, fetch, versions
from .archive import Suite

_LOADER = "ld-linux-x86-64.so.2"


def folder(package: str, version: str = "", suites: Sequence[Suite] = ()) -> Path:
    """The folder with the programs of a package; if it does not exist, unpack the package with its dependencies.

    It is from the first of @suites that has it; if none are given, of those that have compilers.
    """
    target = repo.cache() / "tools" / (f"{package}-{version}" if version else package)

    def unpack(suite: Suite, aside: Path) -> bool:
        if package not in suite.names() or not suite.version(package).startswith(version):
            return False
        root = aside / "root"
        shutil.rmtree(root, ignore_errors=True)
        root.mkdir(parents=True)
        for deb in suite.download([package], aside / "deb", f"{package} for {target}", closure=True):
            archive.unpack(deb, root)
        wrap([root / "usr/bin", root / "usr/libexec", root / "usr/lib/gcc"], root)
        return True

    return fetch.kept(target, suites or versions.known().compilers, f"{package} {version}".strip(), unpack) / "usr/bin"


def programs(folders: Iterable[Path]) -> list[Path]:
    """All ELF programs below these folders: no scripts, no libraries."""
    return [path for below in folders for path in sorted(below.rglob("*"))
            if path.is_file() and not path.is_symlink() and os.access(path, os.X_OK) and ".so" not in path.name
            and _is_elf(path)]


def _is_elf(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"\x7fELF"


def run_here(found: Iterable[Path]) -> bool:
    """Whether this machine has the libraries of these programs, in a version that works."""
    return not any("not found" in subprocess.run(["ldd", program], check=False, text=True, stdout=subprocess.PIPE,
                                                 stderr=subprocess.STDOUT).stdout for program in found)


def wrap(folders: Iterable[Path], libraries: Path) -> None:
    """Make the programs in these folders run with the C library in @libraries. A folder above both may be moved.

    Not with LD_LIBRARY_PATH: programs of the host that they start would inherit it.
    """
    where = [libraries / name for name in ("usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu")]
    if not (loader := next((path for below in where if (path := below / _LOADER).is_file()), None)):
        raise SetupError(f"no {_LOADER} below {libraries}")
    for program in programs(folders):
        real = program.with_name(f".{program.name}.real")
        program.rename(real)

        def here(path: Path, start: Path = program.parent) -> str:
            return f'"${{0%/*}}/{os.path.relpath(path, start)}"'

        search = ":".join(map(here, where))
        program.write_text(f'#!/bin/sh\nexec {here(loader)} --library-path {search} --argv0 "$0" {here(real)} "$@"\n')
        program.chmod(0o755)
