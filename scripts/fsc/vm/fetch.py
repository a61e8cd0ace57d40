# SPDX-License-Identifier: GPL-2.0
"""Fetch kernels with their headers, and kernel sources, from Debian's archive; tools.py fetches compilers."""

import re
import shutil
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from .. import repo
from ..verdict import SetupError
from . import archive, tools, versions
from .archive import Gone, Suite, unpack

KERNELS = repo.BUILD / "kernels"
Found = TypeVar("Found")


@dataclass(frozen=True)
class Packages:
    """The packages of a kernel: image, configuration, headers, and the tools that come with the headers."""
    release: str
    names: tuple[str, ...]


def newest(names: set[str], series: str, flavour: str) -> Packages | None:
    """The newest release of @series for which @names has an image and all that module builds need."""
    pattern = re.compile(rf"linux-headers-({re.escape(series)}(?:\.\d+)*(?:\+[\w.]+)?)-{re.escape(flavour)}")
    found = [match[1] for name in names if (match := pattern.fullmatch(name))]
    found.sort(key=lambda version: [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", version)], reverse=True)
    return next(filter(None, (_packages(names, version, flavour) for version in found)), None)


def _packages(names: set[str], version: str, flavour: str) -> Packages | None:
    release = f"{version}-{flavour}"
    # Up to 6.12 rt has common headers of its own. From 7.x on linux-image only depends on other packages.
    choices = ([(f"linux-headers-{release}",)], [(f"linux-kbuild-{version}",)],
               [(f"linux-headers-{version}-common{'-rt' * flavour.startswith('rt-')}",), (f"linux-headers-{version}-common",)],
               [(f"linux-binary-{release}", f"linux-base-{release}"),
                (f"linux-binary-unsigned-{release}", f"linux-base-{release}"),
                (f"linux-image-{release}",), (f"linux-image-{release}-unsigned",)])
    chosen = [next((some for some in choice if names.issuperset(some)), None) for choice in choices]
    return Packages(release, tuple(name for some in chosen for name in some)) if all(chosen) else None


# apt's errors that are not the suite's fault and may go away.
_PASSES = re.compile("resolv|[Cc]onnect|timed out|unreachable|No space left")


def look(suites: Iterable[str | Suite], what: str, get: Callable[[Suite], Found | None]) -> Found:
    """What @get returns for the first suite that has it.

    Old package lists may name packages that the archive has replaced since: if @get fails, read them again, once.
    """
    trouble = []
    for suite in (one if isinstance(one, Suite) else Suite(one) for one in suites):
        try:
            try:
                found = get(suite)
            except Gone:
                suite.update()
                found = get(suite)
        except (Gone, SetupError) as error:
            # Another suite's kernel would be kept forever because the network failed once.
            if _PASSES.search(str(error)):
                raise SetupError(f"{what}: {suite.name}: {error}; try again, or set {archive.MIRROR}=") from None
            trouble.append(str(error) if suite.name in str(error) else f"{suite.name}: {error}")
            continue
        if found:
            if trouble:
                print(f"{what}: from {suite.name} ({'; '.join(trouble)})", file=sys.stderr, flush=True)
            return found
        trouble.append(f"{suite.name}: none")
    raise SetupError(f"no {what} in Debian's archive ({'; '.join(trouble)})")


def kept(target: Path, suites: Iterable[str | Suite], what: str, get: Callable[[Suite, Path], bool]) -> Path:
    """@target; if it does not exist, @get makes it as "root" in a temporary folder, from a suite that has it."""
    aside = target.with_name(f".{target.name}")

    def fetch() -> None:
        archive.ready()
        look(suites, what, lambda suite: get(suite, aside))
        (aside / "root").rename(target)
        shutil.rmtree(aside)

    archive.once(target, fetch)
    return target


def kernel(series: str, flavour: str, suite: str = "") -> Path:
    """The folder with Debian's kernel: boot/vmlinuz-RELEASE, usr/src/linux-headers-RELEASE. Complete or absent.

    The kernel is from the first of the series' suites that has it, or from @suite.
    """
    return kept(kernel_folder(series, flavour, suite), [suite] if suite else versions.known().series[series],
                f"kernel {series} {flavour} with its headers", lambda one, aside: _kernel(one, series, flavour, aside))


def kernel_folder(series: str, flavour: str, suite: str = "") -> Path:
    return KERNELS / "-".join(filter(None, (series, flavour, suite)))


def _kernel(suite: Suite, series: str, flavour: str, aside: Path) -> bool:
    if not (packages := newest(suite.names(), series, flavour)):
        return False
    debs = suite.download(packages.names, aside / "deb", f"kernel {packages.release}")
    root = aside / "root"
    shutil.rmtree(root, ignore_errors=True)
    (root / "boot").mkdir(parents=True)
    for deb in debs:
        # The kernel's own modules are nine tenths of linux-image, and no guest loads any.
        unpack(deb, root, *(["./boot"] if deb.name.startswith("linux-image-") else []))
    modules = root / "usr/lib/modules" / packages.release
    for name in ("vmlinuz", "vmlinuz.unsigned", "config"):
        if (modules / name).is_file():
            (modules / name).rename(root / "boot" / f"{name.removesuffix('.unsigned')}-{packages.release}")
    if not (root / "boot" / f"vmlinuz-{packages.release}").is_file():
        raise SetupError(f"no kernel in {', '.join(packages.names)}")
    _relocate(root / "usr/src" / f"linux-headers-{packages.release}")
    kbuild = root / "usr/lib" / next(name for name in packages.names if name.startswith("linux-kbuild-"))
    if not tools.run_here(tools.programs([kbuild])):
        # This machine is older than the kernel's suite: modpost, objtool and the like need the libraries of the suite.
        libraries = root / "libraries"
        libraries.mkdir()
        needed = [name for name in archive.depends(next(deb for deb in debs if deb.name.startswith("linux-kbuild-")))
                  if name != "pahole"]
        what = f"libraries for {kbuild.name}"
        for deb in look([suite.base.name], what, lambda base: base.download(needed, aside / "libraries", what, closure=True)):
            unpack(deb, libraries)
        tools.wrap([kbuild], libraries)
    return True


def _relocate(headers: Path) -> None:
    """Make the headers' Makefile relative: it names the folders that the packages are installed in."""
    makefile = headers / "Makefile"
    text = re.sub(r"^include /usr/src/", "include ../", makefile.read_text(), flags=re.MULTILINE)
    # make runs in this folder, wherever it is moved to.
    text = re.sub(r"^KBUILD_OUTPUT=/usr/src/\S+$", "KBUILD_OUTPUT=.", text, flags=re.MULTILINE)
    if "include ../" not in text or "/usr/src" in text:
        raise SetupError(f"{makefile}: not as expected")
    makefile.write_text(text)


@dataclass(frozen=True)
class Source:
    tar: Path
    version: str


def source(series: str) -> Source:
    """The newest source of a series, as a tar file; fetched if it does not exist."""
    target = kept(KERNELS / f"source-{series}", versions.known().series[series], f"source of kernel {series}",
                  lambda suite, aside: _source(suite, series, aside))
    return Source(next(target.glob("*.tar.*")), (target / "version").read_text().strip())


def _source(suite: Suite, series: str, aside: Path) -> bool:
    package = f"linux-source-{series}"
    if package not in suite.names():
        return False
    version = suite.version(package)
    [deb] = suite.download([package], aside / "deb", f"source {version}")
    root, below = aside / "root", aside / "unpacked"
    for folder in (root, below):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
    unpack(deb, below)
    tar = next((below / "usr/src").glob(f"{package}.tar.*"))
    tar.rename(root / tar.name)
    (root / "version").write_text(f"{version}\n")
    return True
