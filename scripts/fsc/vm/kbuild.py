# SPDX-License-Identifier: GPL-2.0
"""Why a module cannot be built in a kernel tree, in one line with the cure."""

import re
from pathlib import Path

from ..verdict import SetupError
from . import compiler

# kbuild's warning about compilers, which Debian's headers do not print. compiler.py has compared the major versions.
_COMPILER_DIFFERS = re.compile(r"^warning: the compiler differs .*\n(  .*\n)*", re.MULTILINE)
# Irrelevant without BTF.
_PAHOLE_DIFFERS = re.compile(r"^warning: pahole version differs .*\n(  .*\n)*", re.MULTILINE)
_UNDEFINED = re.compile(r'^ERROR: modpost: "(\S+)" \[\S+\] undefined!', re.MULTILINE)
_MORE_UNDEFINED = re.compile(r"Suppressed \d+ unresolved symbol")
_BTF = re.compile(r"^.*(pahole|libbpf|resolve_btfids|\bBTF\b).*$", re.MULTILINE | re.IGNORECASE)
_BTF_FAILS = re.compile(r"error|fail|not found|invalid|unrecognized|undefined|mismatch", re.IGNORECASE)
_COMPILED = re.compile(r"^.*\.[chS]:\d+.*\berror:.*$", re.MULTILINE)
_ERROR = re.compile(r"^.*\berror:.*$", re.MULTILINE | re.IGNORECASE)
_MAKE_FAILS = re.compile(r"^make.*: \*\*\* .*$", re.MULTILINE)
_CRC = re.compile(r"^(0x[0-9a-f]+)\t(\S+)\tvmlinux\t", re.MULTILINE)


def release_of(build: Path) -> str:
    """The release of a tree that modules can be built in; else raise SetupError with what it lacks."""
    kdir = f"KDIR={build}"
    if not build.is_dir():
        raise SetupError(f"{kdir}: no such folder")
    if not (build / "Makefile").is_file():
        raise SetupError(f"{kdir} is not a kernel tree: it has no Makefile")
    link = build / "source"     # of a build folder made with O=
    if link.is_symlink() and not (build / "Kbuild").exists() and not (link / "Makefile").is_file():
        raise SetupError(f"{kdir} was built from {build / link.readlink()}, which is gone: build it again")
    release = build / "include/config/kernel.release"
    if not release.is_file():
        if not (build / "Kbuild").is_file() and not (build / ".config").is_file():
            raise SetupError(f"{kdir} is not a kernel tree: it has neither Kbuild nor .config")
        raise SetupError(f"{kdir} is not built (no include/config/kernel.release): build the kernel there, or name the "
                         "folder that it was built into with O=")
    return release.read_text(encoding="utf-8").strip()


def check(build: Path) -> None:
    """Refuse a tree in which no module can be built, before kbuild fails with a hundred lines."""
    kdir = f"KDIR={build}"
    release_of(build)
    config = compiler.config_of(build)
    if config.get("MODULES") != "y":
        raise SetupError(f"{kdir} was built without CONFIG_MODULES: it loads no module; enable it and build the kernel again")
    for name, cure in (("scripts/mod/modpost", "modules_prepare"), ("Module.symvers", "modules")):
        if not (build / name).is_file():
            raise SetupError(f"{kdir} has no {name}: run make {cure} there")
    if config.get("MODVERSIONS") == "y":
        _check_versions(build)


def _check_versions(build: Path) -> None:
    """With CONFIG_MODVERSIONS a module has the CRCs in Module.symvers, and loads only if they are the kernel's."""
    kdir = f"KDIR={build}"
    found = dict((name, crc) for crc, name in _CRC.findall((build / "Module.symvers").read_text(encoding="utf-8")))
    if not any(int(crc, 16) for crc in found.values()):
        raise SetupError(f"{kdir} has CONFIG_MODVERSIONS, and no CRC of the kernel's in Module.symvers: run make there")
    built = build / "vmlinux.symvers"
    if not built.is_file():
        return
    for crc, name in _CRC.findall(built.read_text(encoding="utf-8")):
        if found.get(name, crc) != crc:
            raise SetupError(f"{kdir}: Module.symvers is of another build than vmlinux ({name} is {found[name]} and {crc}): "
                             "run make modules there")


def warnings(said: str) -> str:
    return "\n".join(dict.fromkeys(line for line in said.splitlines() if "warning:" in line))


def notable(said: str, build: Path) -> str:
    """kbuild's output without warnings about tools that compiler.py has chosen with care."""
    said = _COMPILER_DIFFERS.sub("", said)
    return said if compiler.config_of(build).get("DEBUG_INFO_BTF_MODULES") == "y" else _PAHOLE_DIFFERS.sub("", said)


def explain(said: str, build: Path) -> str:
    """The cause of a build that failed, in one line."""
    config = compiler.config_of(build)
    if names := list(dict.fromkeys(_UNDEFINED.findall(said))):
        symbols = ", ".join(names) + (" and more" if _MORE_UNDEFINED.search(said) else "")
        if config.get("TRIM_UNUSED_KSYMS") == "y":
            return (f"the kernel has CONFIG_TRIM_UNUSED_KSYMS, which took away what the module needs: {symbols}; disable it "
                    "and build the kernel again")
        return f"the kernel does not export what the module needs, or Module.symvers is of another build: {symbols}"
    if match := _COMPILED.search(said):
        return match[0].strip()
    if config.get("DEBUG_INFO_BTF_MODULES") == "y":
        if step := next((match[0].strip() for match in _BTF.finditer(said) if _BTF_FAILS.search(match[0])), ""):
            version = int(config.get("PAHOLE_VERSION") or 0)
            return (f"the module's BTF cannot be made ({step}): vmlinux and pahole do not match; build vmlinux again, or "
                    f"install pahole {version // 100}.{version % 100:02}, which it was built with")
    if match := _ERROR.search(said):
        return match[0].strip()
    # The failed command's last line is before make's first.
    failed = _MAKE_FAILS.search(said)
    before = [line for line in said[:failed.start() if failed else None].splitlines()
              if line.strip() and not line.startswith(("make", "  "))]
    return before[-1].strip() if before else failed[0].strip() if failed else "make says nothing"
