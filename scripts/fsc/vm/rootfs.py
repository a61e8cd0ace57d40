# SPDX-License-Identifier: GPL-2.0
"""The root of a guest: a small initramfs of its own, or this machine's root, read-only."""

import shlex
from dataclasses import dataclass
from pathlib import Path

from .. import repo
from ..verdict import SetupError
from . import initramfs

_SERVE = repo.SCRIPTS / "serve-root.sh"
_INIT = repo.SCRIPTS / "guest/init-host-root"
_TAG = "hostroot"
# What the server makes in the machine's folder.
SOCKET = "root.sock"
MOUNT = "root"


@dataclass(frozen=True)
class Prepared:
    """What a root adds to a machine that runs in the folder it was prepared in."""
    arguments: tuple[str, ...] = ()  # for QEMU
    initrd: str = ""                 # a file in that folder
    cmdline: tuple[str, ...] = ()    # for the guest's kernel
    server: tuple[str, ...] = ()     # a command that has to run beside QEMU, and makes SOCKET

    def script(self) -> str:
        """Shell lines that start the server, for run-vm.sh."""
        if not self.server:
            return ""
        return (f"rm -f {SOCKET}\n{shlex.join(self.server)} 2>root.log &\n"
                "server=$!\ntrap 'kill $server 2>/dev/null' EXIT INT TERM\n"
                f"until [ -S {SOCKET} ] || ! kill -0 $server; do sleep 0.1; done\n")


class Initramfs:
    """busybox, the job and its files; nothing else."""

    def prepare(self, folder: Path, job: str, files: dict[str, Path], _memory_mb: int) -> Prepared:
        """Write what a machine needs into @folder. @files are guest path: host path."""
        initramfs.write(folder / "initramfs.cpio", job, files)
        return Prepared(initrd="initramfs.cpio")


class HostRoot:
    """This machine's root over virtiofs, for jobs that want its programs: bpftrace, perf, gdb.

    Everything has its host path, @files too, whatever their guest paths.
    """

    def prepare(self, folder: Path, job: str, files: dict[str, Path], memory_mb: int) -> Prepared:
        """Write what a machine needs into @folder."""
        folder = folder.resolve()
        for path in (folder, _INIT):
            if any(character.isspace() or character == '"' for character in str(path)):
                raise SetupError(f"{path}: a kernel's command line takes no path with a space in it")
        (folder / "job").write_text(job)
        kept = dict.fromkeys((repo.ROOT, folder, *(path.resolve() for path in files.values())))
        (folder / "keep").write_text("".join(f"{path}\n" for path in kept))
        return Prepared(
            # vhost-user: the daemon reads and writes the guest's memory itself.
            arguments=("-object", f"memory-backend-memfd,id=memory,size={memory_mb}M,share=on",
                       "-numa", "node,memdev=memory",
                       "-chardev", f"socket,id=root,path={SOCKET}",
                       "-device", f"vhost-user-fs-pci,chardev=root,tag={_TAG}"),
            cmdline=("rootfstype=virtiofs", f"root={_TAG}", "ro", f"init={_INIT}", f"FSC_OUTDIR={folder}"),
            server=(str(_SERVE), SOCKET))
