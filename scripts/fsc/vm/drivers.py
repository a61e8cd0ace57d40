# SPDX-License-Identifier: GPL-2.0
"""Modules of the kernel's own that a guest loads: Debian has disks and file systems only as modules."""

import gzip
import lzma
import re
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

from .. import repo
from ..verdict import SetupError
from . import fetch, versions
from .archive import Suite, unpack
from .kernel import Kernel

_DEPENDS = re.compile(rb"\0depends=([^\0]*)\0")
_OPEN: dict[str, Callable[[bytes], bytes]] = {".xz": lzma.decompress, ".gz": gzip.decompress, ".ko": bytes}


def _name(file: Path) -> str:
    return file.name.partition(".ko")[0].replace("-", "_")


def _builtin_of(folder: Path) -> set[str]:
    return {_name(Path(line)) for file in folder.rglob("modules.builtin") for line in file.read_text().splitlines()}


def _take(names: Iterable[str], found: dict[str, Path], builtin: set[str], into: Path) -> None:
    """Put @names and what they depend on into @into, numbered in the order in which they are loaded."""
    order: dict[str, bytes] = {}

    def add(name: str) -> None:
        if name in order or name in builtin:
            return
        if name not in found:
            raise SetupError(f"the kernel has no {name}.ko, and it is not built in")
        file = found[name]
        content = _OPEN[file.suffix](file.read_bytes())
        depends = _DEPENDS.search(b"\0" + content)
        for other in filter(None, depends[1].decode().split(",") if depends else []):
            add(other.replace("-", "_"))
        order[name] = content

    for name in names:
        add(name)
    into.mkdir(parents=True)
    for number, (name, content) in enumerate(order.items()):
        (into / f"{number:02}-{name}.ko").write_bytes(content)


def _package(suite: Suite, release: str, names: Iterable[str], aside: Path) -> bool:
    """From 7.x on the modules have a package of their own."""
    choices = (f"linux-modules-{release}", f"linux-image-{release}", f"linux-image-{release}-unsigned")
    if not (package := next((name for name in choices if name in suite.names()), "")):
        return False
    debs = suite.download([package], aside / "deb", f"modules of kernel {release}")
    below = aside / "unpacked"
    for folder in (below, aside / "root"):
        shutil.rmtree(folder, ignore_errors=True)
    below.mkdir(parents=True)
    unpack(debs[0], below)
    _take(names, {_name(file): file for file in below.rglob("*.ko*")}, _builtin_of(below), aside / "root")
    return True


def of(kernel: Kernel, names: tuple[str, ...]) -> list[Path]:
    """Files of the modules @names of @kernel, and of what they depend on, in the order in which they are loaded."""
    if kernel.build.is_relative_to(fetch.KERNELS):
        series = kernel.name.partition("-")[0]
        folder = fetch.KERNELS / f"drivers-{kernel.release}"
        fetch.kept(folder, versions.known().series[series], f"modules of kernel {kernel.release}",
                   lambda suite, aside: _package(suite, kernel.release, names, aside))
    else:
        folder = repo.BUILD / f"drivers-{kernel.release}"
        shutil.rmtree(folder, ignore_errors=True)
        own = {_name(file): file for file in kernel.build.rglob("*.ko")}
        _take(names, own, _builtin_of(kernel.build), folder)
    return sorted(folder.glob("*.ko"))
