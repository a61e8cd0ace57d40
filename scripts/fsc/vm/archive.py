# SPDX-License-Identifier: GPL-2.0
"""Debian's archive: kernels, sources and compilers, unpacked and never installed.

apt reads it with our own configuration under build/apt. It ignores the host's package lists, sources and installed
packages, so any user can read any suite, whatever the host runs. Each suite has its own lists, so a suite that cannot
be read does not stop the others. apt checks downloads against Debian's keys.
"""

import fcntl
import functools
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .. import repo
from ..verdict import SetupError

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
MIRROR = "DEBIAN_MIRROR"
_DEBIAN, _SECURITY = "Debian", "Debian-Security"
_TOOLS = {"apt-get": "apt", "apt-cache": "apt", "dpkg-deb": "dpkg", "tar": "tar"}


@dataclass(frozen=True)
class Mirrors:
    """Base addresses of Debian's archive."""
    main: str
    security: str = ""

    def of(self, suite: str) -> str:
        return self.security if suite.endswith("-security") else self.main


def mirrors_of(targets: str, is_debian: bool) -> Mirrors | None:
    """The mirrors in apt's own configuration. @targets has one source a line: address, release, label, origin.

    Label and origin are known only after apt-get update. On a Debian machine without lists, use the release's name.
    """
    found = {}
    for line in targets.splitlines():
        # A CD-ROM has neither backports nor newer kernels.
        if line.startswith("cdrom:"):
            continue
        address, release, label, origin = (line.split("|") + [""] * 4)[:4]
        if not label and not origin and is_debian:
            label, origin = _SECURITY if release.endswith("-security") else _DEBIAN, "Debian"
        if origin == "Debian":
            found.setdefault(label, address.rstrip("/"))
    return Mirrors(found[_DEBIAN], found.get(_SECURITY, "")) if _DEBIAN in found else None


def ready() -> None:
    """Raise SetupError if this machine lacks something that reading Debian's archive needs."""
    for tool, package in _TOOLS.items():
        if not shutil.which(tool):
            raise SetupError(f"no {tool} (package {package}), which fetches Debian's kernels; KDIR= takes your own")
    if not KEYRING.is_file():
        raise SetupError(f"no {KEYRING}, which Debian's kernels are checked against: install debian-archive-keyring; "
                         "KDIR= takes your own kernel")
    mirrors()


@functools.cache
def mirrors() -> Mirrors:
    """The host's mirrors, or the one in DEBIAN_MIRROR."""
    targets = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI)|$(RELEASE)|$(LABEL)|$(ORIGIN)", "Created-By: Packages"],
        check=False, text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    found = mirrors_of(targets, _is_debian())
    if own := os.environ.get(MIRROR):
        return Mirrors(own.rstrip("/"), found.security if found else "")
    if not found:
        raise SetupError(f"apt's configuration has no source of Debian's: set {MIRROR}= to the address of a Debian "
                         "mirror, or KDIR= to your own kernel")
    return found


@functools.cache
def proxies() -> str:
    """The proxy settings of the host's apt."""
    said = subprocess.run(["apt-config", "dump", "Acquire"], check=False, text=True, stdout=subprocess.PIPE).stdout
    return "".join(f"{line}\n" for line in said.splitlines() if re.match(r"Acquire::https?::", line))


def _is_debian() -> bool:
    try:
        return platform.freedesktop_os_release().get("ID") == "debian"
    except OSError:
        return False


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Lock @folder: if two processes want the same thing, the second waits and then finds it there.

    The lock lasts as long as any process has its descriptor, such as a child started with close_fds=False.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _say(f"Waiting for another process that works in {folder}")
            fcntl.flock(lock, fcntl.LOCK_EX)
        os.set_inheritable(lock.fileno(), True)
        yield


def once(target: Path, make: Callable[[], object]) -> None:
    """Call @make if @target does not exist; a second process that wants it waits."""
    if not target.exists():
        with alone(target.parent):
            if not target.exists():
                make()


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


class Gone(Exception):
    """apt failed: perhaps its lists name a package that the mirror no longer has."""


@dataclass(frozen=True)
class Suite:
    """A release of Debian. @aged: package lists that are past their date will do, such as a mirror's that is updated no more."""
    name: str
    aged: bool = False

    @property
    def folder(self) -> Path:
        return repo.BUILD / "apt" / self.name

    def _configure(self) -> Path:
        if not (address := mirrors().of(self.name)):
            raise SetupError(f"{self.name}: apt's configuration has no source of Debian's security archive")
        if any(character.isspace() for character in str(self.folder)):
            raise SetupError(f"apt takes no path with a space in it: {self.folder}")
        for name in ("lists/partial", "cache", "state", "etc"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        (self.folder / "state/status").touch()
        sources, text = self.folder / "sources.list", f"deb [signed-by={KEYRING}] {address} {self.name} main\n"
        if sources.exists() and sources.read_text() != text:
            # apt does not use lists that it read from another address.
            shutil.rmtree(self.folder / "lists")
            (self.folder / "lists/partial").mkdir(parents=True)
        sources.write_text(text)
        config = self.folder / "apt.conf"
        # Dir::Etc is an empty folder: apt reads neither hooks nor pins of the host.
        config.write_text(proxies() + "".join(f'{key} "{value}";\n' for key, value in {
            "Dir::Etc": self.folder / "etc", "Dir::Etc::SourceList": self.folder / "sources.list",
            "Dir::State": self.folder / "state", "Dir::State::Status": self.folder / "state/status",
            "Dir::State::Lists": self.folder / "lists", "Dir::Cache": self.folder / "cache",
            # Run by root, apt would download as user _apt, who may not write here.
            **({"APT::Sandbox::User": "root"} if os.geteuid() == 0 else {}), "APT::Architecture": "amd64",
            **({"Acquire::Check-Valid-Until": "false"} if self.aged else {}),
            "Acquire::Languages": "none", "Acquire::Retries": "3"}.items()))
        return config

    def _apt(self, *words: str, cwd: Path | None = None, program: str = "apt-get") -> str:
        """Return what apt prints; raise Gone if it fails."""
        # Kernels and compilers are fetched under different locks, but share the suite's lists.
        with alone(self.folder):
            done = subprocess.run([program, "-q", *words], cwd=cwd, check=False, text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
                                  env=os.environ | {"LC_ALL": "C", "APT_CONFIG": str(self._configure())})
        if done.returncode:
            errors = [line for line in done.stderr.splitlines() if line.startswith("E: ")]
            raise Gone(errors[0].removeprefix("E: ") if errors else f"{program} {words[0]} ended with {done.returncode}")
        return done.stdout

    def update(self) -> None:
        _say(f"Reading the package lists of Debian {self.name}")
        try:
            said = self._apt("update", "--error-on=any")
        except Gone as error:
            raise SetupError(f"Debian {self.name} cannot be read: {error}") from None
        for line in said.splitlines():
            if line.startswith("Fetched "):
                _say(line)

    @property
    def base(self) -> "Suite":
        """The suite that this one extends, which has the libraries."""
        return Suite("sid" if self.name == "experimental" else self.name.partition("-")[0])

    def _read(self) -> None:
        """Read the package lists if that was never done."""
        if not list((self.folder / "lists").glob("*_Packages*")):
            self.update()

    def names(self) -> set[str]:
        self._read()
        return set(self._apt("pkgnames", program="apt-cache").split())

    def version(self, package: str) -> str:
        """The version of @package that would be downloaded."""
        said = self._apt("policy", package, program="apt-cache")
        return re.search(r"Candidate: (\S+)", said)[1]

    def download(self, packages: Sequence[str], into: Path, what: str, closure: bool = False) -> list[Path]:
        """Download these packages, or with @closure all their dependencies as well, except those that are in @into already."""
        command = (["install", "-y", "--download-only", "--no-install-recommends"] if closure else ["download"]) + [*packages]
        self._read()
        for folder in (into / "partial", self.folder / "none/partial"):
            folder.mkdir(parents=True, exist_ok=True)
        # install lists only what Archives lacks: give it an empty folder.
        listed = self._apt(*command, "--print-uris", "-o", f"Dir::Cache::Archives={self.folder}/none")
        wanted = [line.split() for line in listed.splitlines() if line.startswith("'")]
        files = [into / words[1] for words in wanted]
        missing = [words for words, file in zip(wanted, files)
                   if not file.is_file() or file.stat().st_size != int(words[2])]
        if missing:
            _say(f"Downloading {what} from Debian {self.name} (nothing is installed): {len(missing)} packages, "
                 f"{sum(int(words[2]) for words in missing) / 1e6:.1f} MB")
            self._apt(*command, "-o", f"Dir::Cache::Archives={into}", cwd=into)
        return files


def depends(deb: Path) -> list[str]:
    done = subprocess.run(["dpkg-deb", "-f", deb, "Depends"], check=True, text=True, stdout=subprocess.PIPE)
    return re.findall(r"(?:^|,)\s*([a-z0-9][a-z0-9.+-]+)", done.stdout)


def unpack(deb: Path, root: Path, *only: str) -> None:
    """Unpack a package under @root, or just the folders in @only, such as ./boot."""
    with subprocess.Popen(["dpkg-deb", "--fsys-tarfile", deb], stdout=subprocess.PIPE) as tar:
        done = subprocess.run(["tar", "-x", "--no-same-owner", "-C", root, *only], stdin=tar.stdout, check=False)
    if done.returncode or tar.returncode:
        raise SetupError(f"cannot unpack {deb}")
