# SPDX-License-Identifier: GPL-2.0
"""mutate: plant faults in the module, one at a time, and show that a test finds each.

A fault is a patch in scripts/tests/mutations, chosen from the module alone, by one who had not looked at what would find
it. Its head says what is wrong, what a user would see of it, and which test finds it, once that is known: "Found by: ".
"""

import argparse
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from .. import repo
from ..ktap import Ktap
from ..verdict import EXIT_STATUS, FAIL, PASS, SetupError
from ..vm import versions, vm
from . import kernels

PATCHES = repo.SCRIPTS / "tests/mutations"
OUT = repo.BUILD / "mutate"
TREE = OUT / "tree"
ARGUMENTS = {"name": {"nargs": "*", "metavar": "PATCH", "help": "only these, without .patch (all)"}}
# Who may find a fault, the fastest first. Where a patch names nobody, all are run until one does.
FINDERS = ("check um-lifecycle", "check um-shadow", "check litmus", "check-debug uml-kasan kunit", "check um-axes",
           "check-debug uml-kasan churn", "check-debug uml-kasan paths", "check-debug uml-kasan failslab",
           "check-debug uml-kasan nth", "check busted", "check params", "check paths", "check matrix", "check limbo")
NOBODY = "nothing"
# Ten times what the longest of them takes. A fault may let a machine hang; the test itself would wait longer for it.
_TIMEOUT_S = 1800
_HEAD = re.compile(r"^(What|Shows|Kind|Found by): (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Mutation:
    name: str
    what: str
    finder: str                   # one of FINDERS, NOBODY and why, or empty: not known

    @property
    def patch(self) -> Path:
        return PATCHES / f"{self.name}.patch"


def read(path: Path) -> Mutation:
    """A mutation by its file; a head that lacks something is a SetupError."""
    head = dict(_HEAD.findall(path.read_text(encoding="utf-8").partition("\ndiff --git ")[0]))
    if missing := [name for name in ("What", "Shows", "Kind") if name not in head]:
        raise SetupError(f"{path}: its head has no line that begins with '{missing[0]}: '")
    finder = head.get("Found by", "")
    if finder and finder not in FINDERS and not finder.startswith(f"{NOBODY}: "):
        raise SetupError(f"{path}: Found by: {finder}: allowed: {', '.join(FINDERS)}, or {NOBODY}: and why")
    return Mutation(path.stem, head["What"], finder)


def chosen(names: list[str]) -> list[Mutation]:
    known = {path.stem: path for path in sorted(PATCHES.glob("*.patch"))}
    if unknown := [name for name in names if name not in known]:
        raise SetupError(f"{unknown[0]}: no such mutation; known: {' '.join(known)}")
    return [read(path) for name, path in known.items() if not names or name in names]


def copy() -> None:
    """Make TREE what git would commit of this tree. What is the same is not touched, so that make builds the rest alone."""
    listed = subprocess.run(["git", "-C", str(repo.ROOT), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                            check=True, stdout=subprocess.PIPE, text=True).stdout.split("\0")
    wanted = {Path(name) for name in listed if name and (repo.ROOT / name).is_file()}
    for folder, folders, files in os.walk(TREE):
        if Path(folder) == TREE and "build" in folders:
            folders.remove("build")
        for path in (Path(folder, file) for file in files):
            if path.relative_to(TREE) not in wanted:
                path.unlink()
    for name in wanted:
        ours, theirs = repo.ROOT / name, TREE / name
        if not theirs.is_file() or theirs.read_bytes() != ours.read_bytes():
            theirs.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ours, theirs)
            shutil.copymode(ours, theirs)
    (TREE / "build").mkdir(exist_ok=True)
    for name in ("kernels", "apt", "accel.json"):
        if (repo.BUILD / name).exists() and not (TREE / "build" / name).exists():
            (TREE / "build" / name).symlink_to(repo.BUILD / name)


def plant(one: Mutation) -> None:
    copy()
    # Nothing of the repository around it.
    done = subprocess.run(["git", "apply", "--whitespace=nowarn", str(one.patch)], cwd=TREE, check=False, text=True,
                          stderr=subprocess.PIPE, env=os.environ | {"GIT_CEILING_DIRECTORIES": str(OUT)})
    if done.returncode:
        raise SetupError(f"{one.patch} does not apply: {done.stderr.strip().splitlines()[0]}")


def asked(finder: str) -> list[str]:
    """The command of a finder."""
    command, *words = finder.split()
    return [str(TREE / "scripts/folioscale"), command, "--only", words[-1], *words[:-1]]


def found(finder: str, log: Path) -> str:
    """What a test says of the fault that is planted; empty if it passes."""
    with log.open("w", encoding="utf-8") as out:
        try:
            done = subprocess.run(asked(finder), cwd=TREE, check=False, stdout=out, stderr=subprocess.STDOUT, timeout=_TIMEOUT_S,
                                  stdin=subprocess.DEVNULL, preexec_fn=vm.die_with(os.getpid()))
        except subprocess.TimeoutExpired:
            return f"not finished after {_TIMEOUT_S} s"
    said = log.read_text(encoding="utf-8", errors="replace").splitlines()
    if done.returncode == EXIT_STATUS[PASS]:
        return ""
    if done.returncode != EXIT_STATUS[FAIL]:
        raise SetupError(f"{finder}: {said[-1] if said else 'it says nothing'} ({log})")
    return next((line.removeprefix("# failed: ") for line in said if line.startswith("# failed: ")), "it fails")


def judge(out: Ktap, one: Mutation) -> None:
    """Plant a fault, and run who may find it."""
    if one.finder.startswith(NOBODY):
        out.skip(one.name, f"found by {one.finder}")
        return
    folder = OUT / one.name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        plant(one)
        for finder in (one.finder,) if one.finder else FINDERS:
            if said := found(finder, folder / finder.replace(" ", "-")):
                out.result(True, f"{one.name}: {finder}")
                out.note(said)
                return
    except SetupError as error:
        out.result(False, one.name, str(error))
        return
    out.result(False, one.name, f"not found: {one.what}")


def main(args: argparse.Namespace) -> int:
    mutations = chosen(args.name)
    for name in (kernels.UM, "uml-kasan"):
        kernels.build(name, versions.known().default)
    out = Ktap(lambda line: print(line, flush=True), len(mutations))
    for one in mutations:
        judge(out, one)
    out.repeat_failures()
    print(out.count)
    return EXIT_STATUS[FAIL if out.count.failed else PASS]
