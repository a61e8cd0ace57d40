# SPDX-License-Identifier: GPL-2.0
"""kernels: build debug kernels, and one for times, from Debian's source, into a cache."""

import argparse
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from .. import repo
from ..show.table import size
from ..verdict import SetupError
from ..vm import accel, archive, fetch, kernel, steal, uml, versions
from ..vm.accel import Accel
from ..vm.fetch import Source
from ..vm.kernel import Kernel
from . import options

FRAGMENTS = repo.SCRIPTS / "kernels"
ARGUMENTS = options.of("kver") | {
    "name": {"nargs": "?", "default": "all", "help": "one of the debug kernels (all)"},
    "--list": {"action": "store_true", "help": "name all kernels, and what is here of them"}}


@dataclass(frozen=True)
class Recipe:
    """What a kernel is built of: these fragments. One for a single series, such as base-1.2, is added to its namesake."""
    fragments: tuple[str, ...]
    um: bool = False              # ARCH=um: runs as a process of this machine (vm/uml.py)
    since: str = "0.0"            # the first kernel that it can be built from


# ARCH=um has several CPUs since 6.19.
UM = "uml"
KERNELS = {
    "kasan": Recipe(("base", "kasan")),
    "recycle": Recipe(("base", "recycle")),
    "kcsan": Recipe(("base", "kcsan")),
    "rt": Recipe(("base", "rt")),
    "strict": Recipe(("base", "kasan", "strict")),
    UM: Recipe((UM,), um=True, since="6.19"),
    "uml-kasan": Recipe((UM, "uml-debug", "kasan"), um=True, since="6.19"),
    "uml-lockdep": Recipe((UM, "uml-debug", "recycle"), um=True, since="6.19"),
}
DEBUG = tuple(name for name in KERNELS if name != UM)
# HZ is no option of ARCH=um; this is what Debian's kernels have.
_UM_HZ = 250
ALL = "all"
# What a build takes on two idle CPUs, and of the disk; printed before it begins.
_MINUTES, _DISK = 6, "0.5G"
_SOURCE_DISK = "1.7G"
# The host's compiler: modules are built with the same one later.
_COMPILER = "gcc"
_SETUP = repo.SCRIPTS / "setup.sh"
_SETTING = re.compile(r"(CONFIG_\w+)=(.+)")


def series_of(name: str) -> list[str]:
    """The series that a kernel can be built from."""
    return [one for one in versions.known().series if versions.numbers(one) >= versions.numbers(KERNELS[name].since)]


def fragment(name: str, series: str) -> str:
    """All settings of a kernel."""
    files = [FRAGMENTS / f"{part}{own}.config" for part in KERNELS[name].fragments for own in ("", f"-{series}")]
    return "".join(file.read_text(encoding="utf-8") for file in files if file.is_file())


def lost(wanted: str, config: str) -> list[str]:
    """Settings that Kconfig did not take: a dependency is off, or the setting no longer exists.

    If a setting is wanted twice, the later one counts, as it does for Kconfig.
    """
    found = dict(_SETTING.findall(config))
    return [f"{name}={value}" for name, value in dict(_SETTING.findall(wanted)).items() if found.get(name, "n") != value]


def _run(command: list[str], log: Path, what: str) -> None:
    """Run a command with its output in @log; a failure's SetupError quotes the end."""
    with log.open("a", encoding="utf-8") as out:
        print(" ".join(command), file=out, flush=True)
        done = subprocess.run(command, check=False, stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                              env=kernel.clean_env(), close_fds=False)
    if done.returncode:
        end = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
        raise SetupError(f"{what} failed ({log}):\n{end}")


def _unpacked(found: Source) -> Path:
    """The source, shared by all kernels; complete or absent."""
    source = repo.cache() / f"source-{found.version}"

    def unpack() -> None:
        print(f"Unpacking {found.tar.name} {found.version} into {source}: {_SOURCE_DISK} of disk", file=sys.stderr, flush=True)
        aside = source.with_name(f".{source.name}")
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir()
        _run(["tar", "-xJf", str(found.tar), "-C", str(aside), "--strip-components=1"], source.with_name("unpack.log"), "unpacking")
        aside.rename(source)

    archive.once(source, unpack)
    return source


def _kbuild(found: Source, build: Path, compiler: str = _COMPILER, um: bool = False) -> list[str]:
    source, kconfig = _unpacked(found), build / "Kconfig"
    if um:
        # HZ is no option of ARCH=um, but a default: one that comes earlier counts.
        text = (source / "Kconfig").read_text(encoding="utf-8")
        kconfig.write_text(re.sub(r"^mainmenu .*\n", rf"\g<0>config HZ\n\tint\n\tdefault {_UM_HZ}\n", text, flags=re.MULTILINE))
    return ["make", "-C", str(source), f"O={build}", f"CC={compiler}", f"HOSTCC={_COMPILER}",
            *((*uml.MAKE, f"KBUILD_KCONFIG={kconfig}") if um else ())]


def _build(name: str, found: Source, settings: str, where: Path) -> None:
    make, config, log = _kbuild(found, where, um=KERNELS[name].um), where / ".config", where / "build.log"
    print(f"Building kernel {name} of {found.version} into {where}: about {_MINUTES} minutes on two idle CPUs, {_DISK} of disk"
          f"{', going on where it was interrupted' * config.is_file()}", flush=True)
    begin = time.monotonic()
    if not config.is_file():
        (where / "fragment").write_text(settings, encoding="utf-8")
        _run([*make, f"KCONFIG_ALLCONFIG={where / 'fragment'}", "allnoconfig"], log, f"the configuration of {name}")
    if gone := lost(settings, config.read_text(encoding="utf-8")):
        config.unlink()
        raise SetupError(f"{name}: Kconfig does not take {', '.join(gone)}")
    # make continues where it was interrupted.
    # The release has the folder's name in it: a module for another kernel of that name does not load.
    _run([*make, f"-j{os.cpu_count()}", f"LOCALVERSION=-folioscale-{where.name}",
          "linux" if KERNELS[name].um else "bzImage", "modules"], log, f"building {name}")
    (where / "done").touch()
    used = sum(file.lstat().st_blocks * 512 for file in where.rglob("*"))
    print(f"{name}: {(time.monotonic() - begin) / 60:.1f} minutes, {size(used)}B", flush=True)


def _place(name: str, series: str, version: str) -> Path:
    more = f"{_UM_HZ}\n{uml.BARRIERS.read_text(encoding='utf-8')}" if KERNELS[name].um else ""
    key = hashlib.sha256(f"{version}\n{fragment(name, series)}{more}".encode()).hexdigest()[:12]
    return repo.cache() / f"{name}-{key}"


def build(name: str, series: str) -> Kernel:
    """Return a kernel of our own configuration, of a series; build it if it does not exist."""
    if name not in KERNELS:
        raise SetupError(f"KERNEL={name}: allowed: {' '.join(KERNELS)} {ALL}")
    if series not in series_of(name):
        raise SetupError(f"KVER={series}: no {name} of it: allowed: {' '.join(series_of(name))}")
    found = fetch.source(series)
    where = _place(name, series, found.version)
    # Whoever asks for times does not ask for a build, and make has not installed what that takes.
    if KERNELS[name].um and not (where / "done").is_file() and subprocess.run([_SETUP, "kernels"], check=False).returncode:
        raise SetupError(f"the kernel of ACCEL=uml is not built: run {_SETUP.relative_to(repo.ROOT)} kernels as root first")
    archive.once(where / "done", lambda: _build(name, found, fragment(name, series), where))
    return kernel.tree(str(where))


def chosen(args: argparse.Namespace, times: bool = False, cpu: bool = False) -> tuple[Kernel, Accel]:
    """The kernel that KDIR and KERNEL, KVER, or ACCEL=uml ask for, and what executes it.

    @times: what is asked for is times, so that there must be no emulator. @cpu: it is what the CPU does, so that
    ACCEL=auto is an emulator only for a KDIR.
    """
    kernel.refuse_both(args.kdir, args.kernel, args.kver)
    if times:
        steal.check()
    um = args.accel == accel.UML.name and not args.kdir
    where = None if um else kernel.choose(args.kdir, args.kernel, args.kver)
    trouble = ""
    if (times or cpu and not args.kdir) and args.accel == "auto" and not where.um and (trouble := accel.kvm_trouble(where)):
        if args.kdir:
            raise SetupError(f"KDIR={args.kdir}: no times of this kernel, as KVM is not usable ({trouble}): allowed: KVM, "
                             "HOST=1, or no KDIR, for a kernel that runs as a process (ACCEL=uml)")
        um = True
    if um:
        where = build(UM, versions.chosen(args.kver)[0])
        if trouble:
            print(f"KVM is not usable ({trouble}): this is done in a kernel that runs as a process, on the CPU itself (ACCEL=uml)",
                  flush=True)
    how = accel.choose(args.accel, where)
    if times and how.emulated:
        raise SetupError(f"ACCEL={args.accel}: emulated times say nothing: allowed: auto kvm uml")
    return where, how


def prepared(series: str, compiler: str) -> Path:
    """A tree with Debian's configuration in which @compiler compiles modules; it has no kernel to link with."""
    debian, found = kernel.debian(series), fetch.source(series)
    where = repo.cache() / f"{compiler}-{debian.release}-of-{found.version}"

    def prepare() -> None:
        make, log = _kbuild(found, where, compiler), where / "build.log"
        shutil.copy(debian.build / ".config", where)
        _run([*make, "olddefconfig"], log, f"the configuration for {compiler}")
        _run([*make, f"-j{os.cpu_count()}", "modules_prepare"], log, f"modules_prepare by {compiler}")
        (where / "Module.symvers").touch()
        (where / "done").touch()

    archive.once(where / "done", prepare)
    return where


def table() -> str:
    """All kernels that are available, and which of them are on this machine."""
    lines = [f"{'KVER':<8}{'kernel':<12}here"]
    for series in versions.known().series:
        for flavour in (kernel.DEFAULT, *kernel.FLAVOURS):
            here = fetch.kernel_folder(series, flavour)
            lines.append(f"{series:<8}{flavour:<12}"
                         + (kernel.debian(series, flavour).release if here.is_dir() else "not fetched"))
        version = fetch.source(series).version if (fetch.KERNELS / f"source-{series}").is_dir() else None
        for name in KERNELS:
            where = _place(name, series, version) if version else None
            built = where is not None and (where / "done").is_file()
            lines.append(f"{series:<8}{name:<12}" + (
                kernel.tree(str(where)).release if built else
                "not built" if series in series_of(name) else f"not before {KERNELS[name].since}"))
    default = versions.known().default
    return "\n".join([*lines, "", f"Default: KVER={default}. {', '.join((kernel.DEFAULT, *kernel.FLAVOURS))}: Debian's, for "
                      f"bench and the like. {UM}: the one of ACCEL=uml. The others: KERNEL= of make kernels and make check-debug."])


def main(args: argparse.Namespace) -> None:
    if args.list:
        print(table())
        return
    [series] = versions.chosen(args.kver)
    names = [name for name in KERNELS if series in series_of(name)] if args.name == ALL else [args.name]
    for name in names:
        found = build(name, series)
        print(f"{name}: {found.release}, KDIR={found.build}")
