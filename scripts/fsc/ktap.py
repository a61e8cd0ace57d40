# SPDX-License-Identifier: GPL-2.0
"""KTAP: one list of results, written as they arrive, with lists below it.

See Documentation/dev-tools/ktap.rst. Only leaves are counted: a result that stands for a list
of its own is not another test.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

_PLAN = re.compile(r"1\.\.(\d+)")
_RESULT = re.compile(r"(ok|not ok) (\d+)(?: -)? ?(.*)")
_SKIP = re.compile(r"(.*?) ?# SKIP ?(.*)")
_LAST_NOTES = 8     # of a failure that are shown once more at the end


@dataclass
class Count:
    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __iadd__(self, other: Self) -> Self:
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped
        return self

    def __str__(self) -> str:
        return f"{self.passed} passed, {self.failed} failed" + (
            f", {self.skipped} skipped" if self.skipped else "")


@dataclass
class Failure:
    """A leaf that failed, with the names of the lists it is in, and what was said last before it."""
    name: str
    notes: list[str]


class Ktap:
    """One list. @write takes a line; if @plan is None, the plan comes through feed()."""

    def __init__(self, write: Callable[[str], None], plan: int | None = None) -> None:
        self.count = Count()
        self.failures: list[Failure] = []
        self._notes: list[str] = []     # since the last result
        self._write = write
        self._planned = plan
        self._seen = 0
        self._header = plan is not None
        if self._header:
            write("KTAP version 1")
            write(f"1..{plan}")

    def result(self, good: bool, name: str, detail: str = "") -> None:
        """One leaf; @detail is shown before it."""
        self.note(detail)
        if not good:
            self.failures.append(Failure(name, self._notes[-_LAST_NOTES:]))
        self._line(good, name)
        self.count += Count(passed=int(good), failed=int(not good))

    def note(self, text: str) -> None:
        for line in text.splitlines():
            self._write(f"# {line}")
            self._notes.append(line)

    def skip(self, name: str, why: str) -> None:
        self._line(True, f"{name} # SKIP {why}")
        self.count.skipped += 1

    def show(self, lines: list[str]) -> None:
        """Write the lines of a list below, before the result that stands for it."""
        for line in lines:
            self._write(f"  {line}")

    def below(self, plan: int | None = None) -> Self:
        """A list below; end it with end()."""
        return Ktap(lambda line: self._write(f"  {line}"), plan)

    def end(self, below: Self, name: str) -> None:
        """Write the result that stands for the list @below."""
        below.close()
        self.count += below.count
        self.failures += [Failure(f"{name}: {failure.name}", failure.notes) for failure in below.failures]
        self._line(below.count.failed == 0, name)

    def feed(self, line: str) -> None:
        """Take in a line of another program's list. A line that is not KTAP becomes a diagnostic."""
        if line == "KTAP version 1" and not self._header:
            self._header = True
            self._write(line)
        elif (plan := _PLAN.fullmatch(line)) and self._header and self._planned is None:
            self._planned = int(plan[1])
            self._write(line)
        elif result := _RESULT.fullmatch(line):
            if int(result[2]) != self._seen + 1:
                what = f"result {result[2]} comes after {self._seen}"
                self.note(what)
                self.count.failed += 1
                self.failures.append(Failure(what, []))
            if skip := _SKIP.fullmatch(result[3]):
                self.skip(skip[1], skip[2])
            else:
                self.result(result[1] == "ok", result[3])
        else:
            self.note(line.removeprefix("# "))

    def close(self) -> None:
        """End the list; more or fewer results than planned are a failure."""
        if self._planned is None:
            self._planned = 1
            if not self._header:
                self._write("KTAP version 1")
            self._write("1..1")
            self.result(False, "says what it is going to test")
            self._planned = self._seen      # there may have been others, and this is reported once
        elif self._seen != self._planned:
            planned, self._planned = self._planned, self._seen + 1    # reported once, even if it is closed again
            self.result(False, f"planned {planned}, ended after {self._seen}")

    def repeat_failures(self) -> None:
        """Write once more what failed, for who reads only the end of a long list."""
        for failure in self.failures:
            self._write(f"# failed: {failure.name}")
            for line in failure.notes:
                self._write(f"# failed:   {line}")

    def _line(self, good: bool, name: str) -> None:
        self._seen += 1
        self._notes.clear()
        self._write(f"{'ok' if good else 'not ok'} {self._seen} {name}")
