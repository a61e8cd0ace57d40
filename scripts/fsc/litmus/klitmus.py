# SPDX-License-Identifier: GPL-2.0
"""Run tests and their variants in a kernel, on a CPU: klitmus7 makes a module of each.

A module runs its test many times, with all threads at once, and counts the outcomes. That shows what one CPU did, where herd7
says what any may do: a bad outcome refutes a test, its absence proves nothing.
"""

import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .. import repo
from ..verdict import SetupError
from ..vm import kernel
from ..vm.kernel import Kernel
from . import herd, runs
from .suite import Test

PROGRAM, BLOB, NOT_LOADED = "klitmus7", "litmus", "not-loaded"
OUT = repo.BUILD / "klitmus"
# Of its modules' names: each is loaded alone.
LOADED = "litmus[0-9]*"
HEADS = ("test", "outcomes", "bad outcome", "variants that had it", "variants that did not, here")
RUNS = 10
# Executions in a run. A grace period takes a thousand times as long as all the rest.
_SIZE, _SIZE_OF_GRACE_PERIODS = 100_000, 200
# A test of a million executions, with its build. All of them end long before the limit.
SECONDS_OF_EACH, TIMEOUT_S = 2, 4 * 3600.0

# A test and the names of one of its variants; and each with its module.
Variant = tuple[Test, tuple[str, ...]]
Modules = list[tuple[Variant, Path]]

_COUNTED = re.compile(r"^Histogram \((\d+) states\)$.*^Observation (\S+) \w+ (\d+) (\d+)$", re.M | re.S)
_THREAD = re.compile(r"^P\d+\(", re.M)
# herd7's own name of an operation, with its order in braces.
_NO_FUNCTION = re.compile(r"\b__\w+\{\w+\}")
_REGISTER = re.compile(r"^(\t+int \*?\w+);$", re.M)
_NAME = re.compile(r'^static char \*name = "(.*)";$', re.M)
# A thread counts itself as done before its last instruction. If it is preempted there, rmmod takes away the code that it
# returns to. And a reader that is killed does not wait for the threads.
_ENDS = (
    ("static atomic_t done", "static DECLARE_COMPLETION(ended);\nstatic atomic_t done"),
    ("wake_up(wq);", "kthread_complete_and_exit(&ended, 0);"),
    ("wait_event_interruptible(*wq, atomic_read(&done) == nth);", "for (int _e = 0; _e < nth; _e++) wait_for_completion(&ended);"),
)
_FLAGS = "ccflags-y += -Wno-unused-variable -Wno-unused-but-set-variable\n"


@dataclass(frozen=True)
class Counted:
    """What a module has counted: different outcomes, executions with the bad one, and all of them."""
    name: str
    outcomes: int
    bad: int
    executions: int

    def __str__(self) -> str:
        return f"{self.bad:,} of {self.executions:,}"


def parse(said: str) -> Counted | None:
    """What a module prints in /proc/litmus; None if it did not come to an end."""
    if not (found := _COUNTED.search(said)):
        return None
    bad, others = int(found[3]), int(found[4])
    return Counted(found[2], int(found[1]), bad, bad + others)


@dataclass(frozen=True)
class Ran:
    """A test, and what was counted of each of its variants that was run; the one without a name is the test itself."""
    test: Test
    counted: dict[tuple[str, ...], Counted]

    def wrong(self) -> list[str]:
        """Bad outcomes that herd7 excludes, a line each."""
        return [f"{runs.title(self.test, variant)}: the bad outcome was seen {one}, and must never be: either the test is wrong "
                f"or the kernel or the CPU is ({runs.file(self.test, variant).name})"
                for variant, one in self.counted.items() if one.bad and self.test.stands(variant)]

    def row(self) -> list[str]:
        whole = self.counted.get(())
        had, had_not = ([(" and ".join(variant), one) for variant, one in self.counted.items() if variant and bool(one.bad) == seen]
                        for seen in (True, False))
        return [f"`{self.test.name}`", *((str(whole.outcomes), str(whole)) if whole else ("", "")),
                ", ".join(f"{name} ({one.bad:,})" for name, one in had), ", ".join(name for name, _ in had_not)]


def table(ran: Sequence[Ran]) -> str:
    """In Markdown."""
    rows = [HEADS, ("---",) * len(HEADS), *(one.row() for one in ran if one.counted)]
    return "\n".join(f"| {' | '.join(row)} |".replace("|  |", "| |") for row in rows)


def name(one: Variant) -> str:
    """Its name in what klitmus7 makes: no two are the same."""
    return runs.file(*one).stem


def code(one: Variant) -> str:
    """The C that klitmus7 reads.

    A register that is not assigned is 0 for herd7. For a compiler it is anything, such as what another branch assigns.
    """
    test, variant = one
    # As it is generated, the name is the test's for all its variants.
    return re.sub(r"\AC .*", f"C {name(one)}", _REGISTER.sub(r"\1 = 0;", test.generate(variant)))


def chosen(tests: Sequence[Test], cpus: int) -> tuple[list[Variant], dict[str, list[str]]]:
    """What can be run on so many CPUs, and what cannot, by the reason."""
    wanted: list[Variant] = []
    others: dict[str, list[str]] = {}
    for one in ((test, variant) for test in tests for variant in test.variants()):
        if reason := _left_out(one, cpus):
            others.setdefault(reason, []).append(runs.title(*one))
        else:
            wanted.append(one)
    if not wanted:
        raise SetupError(f"no test can be run: {'; '.join(others)}")
    return wanted, others


def _left_out(one: Variant, cpus: int) -> str:
    """Why it cannot be run; empty if it can."""
    text = code(one)
    if found := _NO_FUNCTION.search(text):
        return f"the kernel has no function for {found[0]}"
    if (threads := len(_THREAD.findall(text))) > cpus:
        return f"it has {threads} threads, each for a CPU of its own, and there are {cpus}"
    return ""


def build(where: Kernel, wanted: Sequence[Variant], folder: Path) -> tuple[Modules, dict[str, list[str]]]:
    """Make a module of each; return the modules, and what klitmus7 did not take, by its reason."""
    shutil.rmtree(folder, ignore_errors=True)
    (tests := folder / "tests").mkdir(parents=True)
    for one in wanted:
        (tests / f"{name(one)}.litmus").write_text(code(one), encoding="utf-8")
    command = [*herd.command(PROGRAM), "-rcu", "yes", "-o", str(folder), *(str(tests / f"{name(one)}.litmus") for one in wanted)]
    done = subprocess.run(command, check=False, text=True, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    found = {}
    for file in sorted(folder.glob("*.c")):
        if known := _NAME.search(text := file.read_text(encoding="utf-8")):
            file.write_text(_ended(text), encoding="utf-8")
            found[known[1]] = file.with_suffix(".ko")
    refused: dict[str, list[str]] = {}
    for one in wanted:
        if name(one) not in found:
            said = [line for line in done.stdout.splitlines() if f"/{name(one)}.litmus" in line]
            refused.setdefault(f"{PROGRAM} does not take it: {said[-1] if said else 'it does not say why'}", []).append(runs.title(*one))
    if not found:
        raise SetupError(f"{PROGRAM} makes no module (exit {done.returncode}): {(done.stdout.strip().splitlines() or ['it says nothing'])[-1]}")
    # The Makefile's targets are for the running kernel.
    makefile = folder / "Makefile"
    (folder / "Kbuild").write_text(makefile.read_text(encoding="utf-8") + _FLAGS, encoding="utf-8")
    makefile.unlink()
    kernel.make_modules(where, folder)
    return [(one, found[name(one)]) for one in wanted if name(one) in found], refused


def _ended(text: str) -> str:
    """A module's code with threads that have left it when they are done."""
    for theirs, ours in _ENDS:
        if theirs not in text:
            raise SetupError(f"this {PROGRAM} is another one than that of Debian's {herd.PACKAGE} 7.58: its modules have no '{theirs}'")
        text = text.replace(theirs, ours)
    return text


def job(modules: Sequence[tuple[Variant, str]], times: int = RUNS) -> str:
    """A script that runs the modules, which it finds at these paths, and sends what each prints."""
    lines = []
    for one, module in modules:
        size = _SIZE_OF_GRACE_PERIODS if "synchronize_rcu" in code(one) else _SIZE
        # affincr=-1: for each run other CPUs are drawn, one for each thread.
        lines += [f"insmod {module} size={size} nruns={times} affincr=-1 2>\"$FSC_TMP/error\" || "
                  f"{{ emit {NOT_LOADED} \"$FSC_TMP/error\"; exit 1; }}",
                  f"emit {BLOB} /proc/litmus && rmmod {Path(module).stem} || exit"]
    return "\n".join([*lines, ""])


def ran(which: Sequence[Variant], said: dict[str, Counted]) -> list[Ran]:
    """What was counted of these, test by test."""
    found: dict[str, Ran] = {}
    for test, variant in which:
        one = found.setdefault(test.name, Ran(test, {}))
        if counted := said.get(name((test, variant))):
            one.counted[variant] = counted
    return list(found.values())
