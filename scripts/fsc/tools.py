# SPDX-License-Identifier: GPL-2.0
"""Programs of Debian's archive that run on a host with another C library, or with none of their libraries.

They are unpacked, not installed. A line of shell takes the place of each program and has it run by the C library that
was unpacked for it. That takes neither root nor a user namespace, which a chroot would, and the programs that they
start find theirs by themselves.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from . import archive, fetch, repo, versions
from .archive import Suite
from .verdict import SetupError

_LOADER = "ld-linux-x86-64.so.2"


def folder(package: str, version: str = "") -> Path:
    """The folder with the programs of a package, unpacked with all that it needs when it is not there yet."""
    tools = repo.cache() / "tools"
    target = tools / (f"{package}-{version}" if version else package)

    def unpacked() -> None:
        archive.ready()
        fetch.look(versions.known().compilers, f"{package} {version}".strip(),
                   lambda suite: _unpack(suite, package, version, target))

    archive.once(target, unpacked)
    return target / "usr/bin"


def _unpack(suite: Suite, package: str, version: str, target: Path) -> bool:
    if package not in suite.names() or not suite.version(package).startswith(version):
        return False
    root, debs = target.with_name(f".{target.name}"), target.with_name(f".{target.name}-debs")
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    for deb in suite.download_closure([package], debs, f"{package} for {target}"):
        archive.unpack(deb, root)
    wrap([root / "usr/bin", root / "usr/libexec", root / "usr/lib/gcc"], root)
    root.rename(target)
    shutil.rmtree(debs)
    return True


def programs(folders: Iterable[Path]) -> list[Path]:
    """Every program below these folders that a machine runs by itself: no script, no library."""
    return [path for below in folders for path in sorted(below.rglob("*"))
            if path.is_file() and not path.is_symlink() and os.access(path, os.X_OK) and ".so" not in path.name
            and _is_elf(path)]


def _is_elf(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(4) == b"\x7fELF"


def run_here(found: Iterable[Path]) -> bool:
    """Whether this machine has the libraries of these programs, in a version that serves."""
    for program in found:
        done = subprocess.run(["ldd", program], check=False, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if "not found" in done.stdout:
            return False
    return True


def wrap(folders: Iterable[Path], libraries: Path) -> None:
    """Have the programs in these folders run by the C library in @libraries, both below a folder that may be moved.

    Not by LD_LIBRARY_PATH, which the host's programs that they start would inherit.
    """
    where = [libraries / name for name in ("usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu")]
    loader = next((path for below in where if (path := below / _LOADER).is_file()), None)
    if not loader:
        raise SetupError(f"no {_LOADER} below {libraries}")
    for program in programs(folders):
        real = program.with_name(f".{program.name}.real")
        program.rename(real)

        def here(path: Path, start: Path = program.parent) -> str:
            return f'"${{0%/*}}/{os.path.relpath(path, start)}"'

        search = ":".join(map(here, where))
        program.write_text(f'#!/bin/sh\nexec {here(loader)} --library-path {search} --argv0 "$0" {here(real)} "$@"\n')
        program.chmod(0o755)
