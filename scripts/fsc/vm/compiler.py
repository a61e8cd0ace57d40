# SPDX-License-Identifier: GPL-2.0
"""The compiler that a module is built with: the one that its kernel was configured with.

The host's is used if it has the same major version; if not, gcc and pahole come from Debian's archive (tools.py).
"""

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from ..verdict import SetupError
from . import tools

GCC, CLANG = "gcc", "clang"
# The prefix of tool names in Debian's headers.
_CROSS = "x86_64-linux-gnu-"
_SETTING = re.compile(r"^CONFIG_(\w+)=(.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Wanted:
    """The tools that a kernel was configured with."""
    kind: str
    major: int
    text: str = ""       # CONFIG_CC_VERSION_TEXT
    cross: str = ""      # the prefix of tool names in its Makefile
    lld: bool = False
    pahole: int = 0      # 130 is v1.30; 0 if no BTF is made


@dataclass(frozen=True)
class Toolchain:
    """Variables and PATH for make."""
    variables: tuple[str, ...] = ()
    path: tuple[Path, ...] = ()  # folders to put before the host's

    def env(self, env: dict[str, str]) -> dict[str, str]:
        return env | {"PATH": os.pathsep.join([*map(str, self.path), env.get("PATH", os.defpath)])}


def config_of(build: Path) -> dict[str, str]:
    """The settings of a kernel tree, as kbuild reads them."""
    for name in ("include/config/auto.conf", ".config"):
        if (build / name).is_file():
            found = _SETTING.findall((build / name).read_text(encoding="utf-8"))
            return {key: value.strip('"') for key, value in found}
    return {}


def wanted(build: Path) -> Wanted:
    config = config_of(build)
    kind = CLANG if config.get("CC_IS_CLANG") == "y" else GCC
    version = config.get(f"{kind.upper()}_VERSION", "")
    if not version.isdigit() or not int(version):
        raise SetupError(f"KDIR={build}: its configuration does not say which compiler it is for: run make olddefconfig there")
    variables = build / ".kernelvariables"
    cross = _CROSS if variables.is_file() and _CROSS in variables.read_text() else ""
    btf = config.get("DEBUG_INFO_BTF_MODULES") == "y" and (build / "vmlinux").is_file()
    return Wanted(kind, int(version) // 10000, config.get("CC_VERSION_TEXT", ""), cross,
                  config.get("LD_IS_LLD") == "y", int(config.get("PAHOLE_VERSION") or 0) if btf else 0)


def _said(program: str, flag: str) -> str:
    """What a program says of its version; empty if there is none of that name."""
    if not shutil.which(program):
        return ""
    return subprocess.run([program, flag], check=False, text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout


def major_of(program: str) -> int:
    """The major version of a compiler; 0 if there is none of that name."""
    match = re.match(r"\d+", _said(program, "-dumpversion"))
    return int(match[0]) if match else 0


def choose(build: Path) -> Toolchain:
    """The compiler and the pahole for modules of the kernel in @build."""
    want = wanted(build)
    found = _clang(want) if want.kind == CLANG else _gcc(want)
    return Toolchain((*found.variables, f"PAHOLE={_pahole(want)}"), found.path) if want.pahole else found


def _clang(want: Wanted) -> Toolchain:
    name = next((name for name in (f"{CLANG}-{want.major}", CLANG) if major_of(name) == want.major), None)
    suffix = f"-{want.major}"
    if not name:
        raise SetupError(f"the kernel was built with {want.text or CLANG + suffix}: install the package {CLANG}{suffix}")
    if not want.lld:
        return Toolchain((f"CC={name}",))
    suffix = name.removeprefix(CLANG)
    for tool, package in (("ld.lld", "lld"), ("llvm-objcopy", "llvm")):
        if not shutil.which(tool + suffix):
            raise SetupError(f"the kernel was built with LLVM, and there is no {tool}{suffix}: install the package "
                             f"{package}-{want.major}")
    return Toolchain((f"LLVM={suffix or 1}",))


def _gcc(want: Wanted) -> Toolchain:
    if shutil.which(f"{want.cross}ld"):
        for name in (f"{want.cross}gcc-{want.major}", f"gcc-{want.major}", f"{want.cross}gcc", "gcc"):
            if major_of(name) == want.major:
                return Toolchain((f"CC={name}",))
    package = f"gcc-{want.major}"
    try:
        folder = tools.folder(package)
    except SetupError as error:
        raise SetupError(f"the kernel was built with {want.text or package}: install the package {package} ({error})") from None
    return Toolchain((f"CC={_CROSS}gcc-{want.major}",), (folder,))


def _pahole(want: Wanted) -> str:
    """The pahole that made the kernel's BTF, which a module's refers to; or a newer one. An older one fails."""
    match = re.match(r"v(\d+)\.(\d+)", _said("pahole", "--version"))
    here = int(match[1]) * 100 + int(match[2]) if match else 0
    if here == want.pahole:
        return "pahole"
    dotted = f"1.{want.pahole % 100}"
    try:
        return str(tools.folder("pahole", dotted) / "pahole")
    except SetupError as error:
        if here > want.pahole:
            return "pahole"
        raise SetupError(f"the kernel's BTF was made by pahole {dotted}: install the package pahole of that version or a "
                         f"newer one ({error})") from None
