# SPDX-License-Identifier: GPL-2.0
"""Which kernel to boot, and the module built for it."""

import fcntl
import os
import platform
import re
import struct
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from .. import repo
from ..verdict import SetupError
from . import compiler, fetch, kbuild, uml, versions


@dataclass(frozen=True)
class Kernel:
    """A kernel that can be booted and have modules built for it."""
    name: str      # series and flavour; for the user's own kernel its release
    release: str   # as uname -r says
    image: Path    # bzImage, or with um the program
    build: Path    # for make -C

    @property
    def um(self) -> bool:
        """Whether it runs as a process of this machine (ARCH=um)."""
        return compiler.config_of(self.build).get("UML") == "y"


DEFAULT = "amd64"
# Debian's flavours other than DEFAULT.
FLAVOURS = ("rt-amd64",)


def debian(series: str, flavour: str = "", suite: str = "") -> Kernel:
    """Return Debian's kernel of a series, from @suite if that is given; fetch it if it does not exist."""
    root = fetch.kernel(series, flavour or DEFAULT, suite)
    image = next((root / "boot").glob("vmlinuz-*"))
    release = image.name.removeprefix("vmlinuz-")
    return Kernel(root.name, release, image, root / "usr/src" / f"linux-headers-{release}")


def tree(kdir: str, image: str | None = None) -> Kernel:
    """Return the user's own kernel, to build modules for; its image may not exist."""
    build = Path(kdir).expanduser().resolve()
    release = kbuild.release_of(build)
    own = Kernel(release, release, Path(image).expanduser().resolve() if image else build / "arch/x86/boot/bzImage", build)
    return replace(own, image=build / "linux") if own.um and not image else own


def custom(kdir: str, image: str | None) -> Kernel:
    """Return the user's own kernel; @image defaults to the one built in @kdir."""
    own = tree(kdir, image)
    booted = uml.release_of(own.image) if own.um else _release_of_image(own.image)
    if booted != own.release:
        raise SetupError(f"KERNEL={own.image} is {booted}, KDIR={own.build} builds modules for {own.release}")
    return own


def running() -> Kernel:
    """Return the host's own kernel, for modules that are loaded right here (HOST=1)."""
    release = platform.release()
    build = Path("/lib/modules") / release / "build"
    if not build.is_dir():
        raise SetupError(f"no {build}: install linux-headers-{release}")
    return Kernel(release, release, Path("/boot") / f"vmlinuz-{release}", build.resolve())


def choose(kdir: str | None, image: str | None, kver: str | None = None) -> Kernel:
    """Return the kernel that KDIR and KERNEL or KVER ask for, Debian's newest when none is set."""
    refuse_both(kdir, image, kver)
    return custom(kdir, image) if kdir else debian(versions.chosen(kver)[0])


def refuse_both(kdir: str | None, image: str | None, kver: str | None) -> None:
    """A kernel is either the user's own or Debian's."""
    if kver and (kdir or image):
        name, own = ("KDIR", kdir) if kdir else ("KERNEL", image)
        raise SetupError(f"KVER={kver} and {name}={own}: KVER is a kernel of Debian's, {name} is your own; set one of them")
    if image and not kdir:
        raise SetupError("KERNEL is of no use without the KDIR that it was built in")


# Also build the hand-written loop that the module's instructions are compared with.
WITH_OPENCODED = ("FSC_OPENCODED=1",)


def build_module(kernel: Kernel, variant: str = "", variables: tuple[str, ...] = (),
                 root: Path = repo.ROOT) -> Path:
    """Build the module for @kernel and return the folder its .ko files are in.

    Each kernel, and each @variant (with its make @variables, such as "W=1"), gets its own tree
    of links to the sources, so that none overwrites the objects of another. kbuild has no
    separate output folder for external modules before MO= in 6.13. @root holds Kbuild, module/
    and include/. build.log has the output of the build.
    """
    objects = repo.BUILD / "modules" / (kernel.release + (f"-{variant}" if variant else ""))
    objects.mkdir(parents=True, exist_ok=True)
    # Tests build at the same time; all but the first have nothing to do.
    with (objects / "lock").open("w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _link_sources(root, objects)
        make_modules(kernel, objects, variables)
    return objects


def clean_env() -> dict[str, str]:
    """The environment without what a make that called us has put there (KDIR=, --jobserver-auth)."""
    # The compiler's messages are parsed.
    return {name: value for name, value in os.environ.items()
            if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "GNUMAKEFLAGS")} | {"LC_ALL": "C"}


def make_modules(kernel: Kernel, objects: Path, variables: tuple[str, ...] = ()) -> None:
    """Build what the Kbuild or Makefile in @objects names; raise SetupError with the first complaint."""
    if any(character.isspace() for character in f"{objects}{kernel.build}"):
        raise SetupError(f"kbuild takes no path with a space in it: {objects}, {kernel.build}")
    kbuild.check(kernel.build)
    tools, log = compiler.choose(kernel.build), objects / "build.log"
    command = ["make", "-C", str(kernel.build), f"M={objects}", f"-j{os.cpu_count()}", *tools.variables, *variables,
               *(uml.MAKE if kernel.um else ())]
    done = subprocess.run(command, env=tools.env(clean_env()), text=True, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    said = kbuild.notable(done.stdout, kernel.build)
    log.write_text(" ".join(command) + "\n" + said)
    if warnings := kbuild.warnings(said):
        print(warnings, file=sys.stderr)
    if done.returncode != 0:
        raise SetupError(f"the module does not build for {kernel.release}: {kbuild.explain(said, kernel.build)} ({log})")


def _link_sources(root: Path, objects: Path) -> None:
    sources = [root / "Kbuild", *(path for folder in ("module", "include") for path in (root / folder).rglob("*")
                                  if path.suffix in (".c", ".h", ".def", ".S") or path.name in ("Kbuild", "Makefile"))]
    wanted = {objects / source.relative_to(root): source for source in sources if not source.name.endswith(".mod.c")}
    for link, source in wanted.items():
        if link.is_symlink() and link.readlink() == source:
            continue
        link.parent.mkdir(parents=True, exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(source)
    for path in list(objects.rglob("*")):
        if path.is_symlink() and path not in wanted:
            # This source is gone. Remove its objects, too, so that no stale one is linked.
            for stale in set(path.parent.glob(path.stem + ".*")) - wanted.keys():
                stale.unlink()


def _release_of_image(image: Path) -> str:
    """Read the release out of a bzImage (Documentation/arch/x86/boot.rst, kernel_version)."""
    try:
        with image.open("rb") as file:
            head = file.read(0x10000)
    except OSError as error:
        raise SetupError(f"KERNEL={image}: {error.strerror}") from None
    if len(head) < 0x210 or head[0x202:0x206] != b"HdrS":
        raise SetupError(f"KERNEL={image} is not a bzImage")
    at = struct.unpack_from("<H", head, 0x20e)[0] + 0x200
    return re.match(rb"[^ \0]*", head[at:at + 256]).group().decode()
