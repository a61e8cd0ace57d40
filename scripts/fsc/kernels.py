# SPDX-License-Identifier: GPL-2.0
"""scripts/folioscale kernels: debug kernels, built from Debian's source into a cache outside the tree."""

from __future__ import annotations

import argparse
import dataclasses
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from . import kernel, repo
from .kernel import Kernel
from .table import size
from .verdict import EXIT_STATUS, PASS, SetupError

FRAGMENTS = repo.SCRIPTS / "kernels"
# Each is base with these on top.
KERNELS = {
    "kasan": ("kasan",),
    "recycle": ("recycle",),
    "kcsan": ("kcsan",),
    "rt": ("rt",),
    "strict": ("kasan", "strict"),
}
ALL = "all"
SOURCE = Path("/usr/src/linux-source-6.12.tar.xz")
# What each took on two idle CPUs, and takes of the disk; to be said before it begins.
_MINUTES, _DISK = 6, "0.5G"
_SOURCE_DISK = "1.7G"
# Debian's package of it, which setup.sh installs; a module wants the one that its kernel had.
_COMPILER = "gcc-12"
_SETTING = re.compile(r"(CONFIG_\w+)=(.+)")


def cache() -> Path:
    """Where kernels are kept: they outlive the tree that asked for them."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "folioscale"


def fragment(name: str) -> str:
    """All settings of a kernel."""
    return "".join((FRAGMENTS / f"{part}.config").read_text(encoding="utf-8") for part in ("base", *KERNELS[name]))


def lost(wanted: str, config: str) -> list[str]:
    """Settings that Kconfig did not take: what they depend on is off, or they are gone.

    Of a setting that is wanted twice the later one holds, as it does for Kconfig.
    """
    found = dict(_SETTING.findall(config))
    return [f"{name}={value}" for name, value in dict(_SETTING.findall(wanted)).items() if found.get(name, "n") != value]


def source_version() -> str:
    """Of Debian's package; its file has the same name whatever is in it."""
    done = subprocess.run(["dpkg-query", "-W", "-f", "${Version}", "linux-source-6.12"], check=False, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    if done.returncode or not SOURCE.is_file():
        raise SetupError(f"no {SOURCE}: run scripts/setup.sh kernels")
    return done.stdout.strip()


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Two trees may want the same kernel at once: the second one waits, and finds it there.

    The lock lasts as long as anybody has its descriptor: a make that outlives us has it, too.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w", encoding="utf-8") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"Waiting for who builds in {folder}", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        os.set_inheritable(lock.fileno(), True)
        yield


def _run(command: list[str], log: Path, what: str) -> None:
    """The log keeps what is said; of what fails its end is told."""
    with log.open("a", encoding="utf-8") as out:
        print(" ".join(command), file=out, flush=True)
        done = subprocess.run(command, check=False, stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                              env=kernel.clean_env(), close_fds=False)
    if done.returncode:
        end = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
        raise SetupError(f"{what} failed ({log}):\n{end}")


def _unpack(folder: Path, version: str) -> Path:
    """The source, shared by all kernels; whole or not there."""
    source = folder / f"source-{version}"
    if not source.is_dir():
        print(f"Unpacking {SOURCE.name} {version} into {source}: {_SOURCE_DISK} of disk", flush=True)
        aside = folder / f".source-{version}"
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir()
        _run(["tar", "-xJf", str(SOURCE), "-C", str(aside), "--strip-components=1"], folder / "unpack.log", "unpacking")
        aside.rename(source)
    return source


def _make(source: Path, build: Path, name: str) -> None:
    log, wanted = build / "build.log", build / "fragment"
    make = ["make", "-C", str(source), f"O={build}", f"CC={_COMPILER}", f"HOSTCC={_COMPILER}"]
    if not (build / ".config").is_file():
        wanted.write_text(fragment(name), encoding="utf-8")
        _run([*make, f"KCONFIG_ALLCONFIG={wanted}", "allnoconfig"], log, f"the configuration of {name}")
    if gone := lost(fragment(name), (build / ".config").read_text(encoding="utf-8")):
        (build / ".config").unlink()
        raise SetupError(f"{name}: Kconfig does not take {', '.join(gone)}")
    # make goes on where it was interrupted.
    # Its release is that of its folder: a module for another one of that name does not load.
    _run([*make, f"-j{os.cpu_count()}", f"LOCALVERSION=-folioscale-{build.name}", "bzImage", "modules"], log,
         f"building {name}")


def _build(name: str, version: str, where: Path) -> None:
    source = _unpack(cache(), version)
    print(f"Building kernel {name} into {where}: about {_MINUTES} minutes on two idle CPUs, {_DISK} of disk"
          f"{', going on where it was interrupted' if where.is_dir() else ''}", flush=True)
    begin = time.monotonic()
    where.mkdir(exist_ok=True)
    _make(source, where, name)
    (where / "done").touch()
    used = sum(file.lstat().st_blocks * 512 for file in where.rglob("*"))
    print(f"{name}: {(time.monotonic() - begin) / 60:.1f} minutes, {size(used)}B", flush=True)


def build(name: str) -> Kernel:
    """Return a debug kernel, built when it is not there yet."""
    if name not in KERNELS:
        raise SetupError(f"KERNEL={name}: allowed: {' '.join(KERNELS)} {ALL}")
    version = source_version()
    key = hashlib.sha256(f"{version}\n{fragment(name)}".encode()).hexdigest()[:12]
    where = cache() / f"{name}-{key}"
    if not (where / "done").is_file():
        with _alone(cache()):
            if not (where / "done").is_file():
                _build(name, version, where)
    return dataclasses.replace(kernel.tree(str(where)), make=(f"CC={_COMPILER}",))


def main(args: argparse.Namespace) -> int:
    """Return the exit status."""
    names = list(KERNELS) if args.name == ALL else [args.name]
    for name in names:
        found = build(name)
        print(f"{name}: {found.release}, KDIR={found.build}")
    return EXIT_STATUS[PASS]
