# SPDX-License-Identifier: GPL-2.0
"""trace: one run of the module under a bpftrace script or hist: triggers."""

import argparse
from pathlib import Path
from shlex import quote

from .. import repo
from ..perf import traced
from ..verdict import SetupError
from . import options

_FOLDERS = {".bt": repo.SCRIPTS / "bpftrace", ".hist": repo.SCRIPTS / "hist"}
ARGUMENTS = options.of(*options.MACHINE, "params", "out", "host", "yes") | {
    "script": {"help": "name in scripts/bpftrace or scripts/hist, or path of a .bt or .hist"}}


def find(name: str) -> Path:
    """A script by its name in scripts/bpftrace or scripts/hist, or by its file."""
    own = [folder / f"{name}{suffix}" for suffix, folder in _FOLDERS.items()]
    for file in (*own, Path(name)):
        if file.is_file() and file.suffix in _FOLDERS:
            return file.resolve()
    known = sorted(path.stem for suffix, folder in _FOLDERS.items() for path in folder.glob(f"*{suffix}"))
    raise SetupError(f"SCRIPT={name}: no such script, nor a .bt or .hist file; known: {' '.join(known)}")


def main(args: argparse.Namespace) -> int:
    script = find(args.script)
    run = traced.prepare(args, f"trace-{script.stem}")
    boot = run.boot(f"trace {quote(str(script))} {quote(run.params)}\n", files=(script,),
                    names={"output": f"{script.stem}.txt"})
    print(run.text("output"), end="")
    return run.conclude(boot)
