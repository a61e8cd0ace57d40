# SPDX-License-Identifier: GPL-2.0
"""Run herd7 on tests and their variants, and say which verdicts are not as they must be."""

import concurrent.futures
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .. import repo
from .herd import NEVER, Herd, Verdict
from .suite import BUG, WITHOUT, Test

OUT = repo.BUILD / "litmus"
HEADS = ("test", "bad outcome", "without", "negative controls")


@dataclass(frozen=True)
class Decided:
    """A test and the verdict of each of its variants; the one without a name is the test itself."""
    test: Test
    verdicts: dict[tuple[str, ...], Verdict]

    @property
    def verdict(self) -> Verdict:
        return self.verdicts[()]

    def wrong(self) -> list[str]:
        """What is not as it must be, a line each."""
        return [line for variant in self.verdicts if (line := self._wrong(variant))]

    def _wrong(self, variant: tuple[str, ...]) -> str:
        verdict, test = self.verdicts[variant], self.test
        if test.stands(variant):
            if verdict == Verdict(NEVER):
                return ""
            must = "Never" if not variant else f"Never, as it says without {variant[0]}"
        elif verdict.bad:
            return ""
        else:
            must = "Sometimes, or the test says why it stays Never" if len(variant) == 1 else "Sometimes"
        return f"{title(test, variant)} is {verdict}, and must be {must}: {file(test, variant)}"

    def row(self) -> list[str]:
        """For the table: the test, its verdict, its variants, its negative controls."""
        return [f"`{self.test.name}`", str(self.verdict), self._of(WITHOUT), self._of(BUG)]

    def _of(self, kind: str) -> str:
        said: dict[str, list[str]] = {}
        for variant, verdict in self.verdicts.items():
            if variant and self.test.marks[variant[0]] == kind:
                said.setdefault(str(verdict), []).append(" and ".join(variant))
        return "; ".join(f"{', '.join(names)}: {verdict}" for verdict, names in said.items())


def title(test: Test, variant: Sequence[str]) -> str:
    if not variant:
        return test.name
    return f"{test.name} {'with the bug' if test.marks[variant[0]] == BUG else 'without'} {' and '.join(variant)}"


def file(test: Test, variant: Sequence[str]) -> Path:
    """Where a variant is written for herd7."""
    return OUT / f"{'.'.join([test.name.replace('/', '-'), *variant])}.litmus"


def write(tests: Sequence[Test]) -> list[tuple[Test, tuple[str, ...]]]:
    """Write every variant to a file of its own, and return them."""
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    every = [(test, variant) for test in tests for variant in test.variants()]
    for test, variant in every:
        file(test, variant).write_text(test.generate(variant), encoding="utf-8")
    return every


def decide(herd: Herd, tests: Sequence[Test]) -> list[Decided]:
    every = write(tests)
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        names = ((test.name, variant) for test, variant in every)
        verdicts = dict(zip(names, pool.map(lambda one: herd.decide(file(*one)), every)))
    return [Decided(test, {variant: verdicts[test.name, variant] for variant in test.variants()}) for test in tests]


def table(decided: Sequence[Decided]) -> str:
    """In Markdown."""
    rows = [HEADS, ("---",) * len(HEADS), *(one.row() for one in decided)]
    return "\n".join(f"| {' | '.join(row)} |".replace("|  |", "| |") for row in rows)
