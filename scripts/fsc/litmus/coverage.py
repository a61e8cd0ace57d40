# SPDX-License-Identifier: GPL-2.0
"""Ordered operations in the module's code: each is in a litmus test, or exempt with a reason."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from .. import repo
from ..verdict import SetupError
from .suite import BUG, Test

EXEMPT = repo.ROOT / "module/litmus-exempt"
_FOLDERS = ("module", "include/folioscale")
_NOT_THE_MODULE = ("module/tests/",)
# What orders other accesses: barriers, acquires and releases; read-modify-writes that return a value; RCU's updates and
# grace periods; and functions of the kernel that the module uses for their order.
_OPERATION = re.compile(r"""(?<![\w.>])(
    smp_(?!processor_id\b)\w+
  | rcu_(?:dereference\w*|assign_pointer|replace_pointer)
  | atomic(?:64|_long)?_\w*(?:_return|fetch_|xchg|_and_test|_unless|_negative|_not_zero|_if_positive|_acquire|_release)\w*
  | (?:try_)?cmpxchg\w* | xchg\w* | test_and_\w+_bit\w* | clear_bit_unlock\w*
  | refcount_\w+ | rcuref_(?:get|put)\w*
  | (?:raw_)?read_seqcount_\w+ | raw_read_seqcount | (?:raw_)?write_seqcount_\w+
  | folio_(?:try_get|put_testzero|ref_freeze|ref_unfreeze|ref_sub_and_test)
  | (?:call|kfree)_rcu\w* | (?:cond_)?synchronize_rcu\w*
  | (?:start_)?poll_(?:state_)?synchronize_rcu\w* | get_(?:state|completed)_synchronize_rcu\w*
  )\s*\(""", re.VERBOSE)
_COMMENT_OR_STRING = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"', re.S)
_FUNCTION = re.compile(r"(\w+)\s*\(")
# Names in front of a function's own that look like its name.
_ATTRIBUTES = ("__attribute__", "__printf", "__acquires", "__releases", "__must_hold")
_BUG = re.compile(r'\.bug\.name\s*= "(\w+)"')


@dataclass(frozen=True, order=True)
class Place:
    """One operation; the second of its name in a function is name[2]."""
    file: str
    function: str
    operation: str

    def __str__(self) -> str:
        return f"{self.file}:{self.function}: {self.operation}"


@dataclass(frozen=True)
class Exempt:
    """A line of the list. The file may be a pattern, the operation * for all of a function, and the function * as well."""
    file: str
    function: str
    operation: str
    reason: str

    def covers(self, place: Place) -> bool:
        return (fnmatchcase(place.file, self.file) and self.function in ("*", place.function)
                and self.operation in ("*", place.operation))

    def __str__(self) -> str:
        return f"{self.file}:{self.function}: {self.operation}"


def functions(text: str) -> Iterator[tuple[str, str]]:
    """Each function of a file in the kernel's style, with its body."""
    blank = _COMMENT_OR_STRING.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), text)
    head, name, body = "", "", []
    for line in blank.splitlines():
        if name:
            body.append(line)
            if line.startswith("}"):
                yield name, "\n".join(body)
                head, name, body = "", "", []
        elif line.startswith("{"):
            names = [found for found in _FUNCTION.findall(head) if found not in _ATTRIBUTES]
            name, head = names[0] if names else "", ""
        elif not line.strip() or line.startswith(("#", "}")) or line.endswith(("; ", ";", "}")):
            # What stands outside of functions: an operation in it, such as in a macro, is of no function.
            yield "", f"{head}\n{line}"
            head = ""
        else:
            head += f"{line}\n"
    yield "", head


def places(name: str, text: str) -> Iterator[Place]:
    """The ordered operations of a file."""
    seen: Counter[tuple[str, str]] = Counter()
    for function, body in functions(text):
        for operation in _OPERATION.findall(body):
            if operation.endswith("_relaxed"):
                continue
            seen[function, operation] += 1
            nr = seen[function, operation]
            yield Place(name, function, operation if nr == 1 else f"{operation}[{nr}]")


def sources(root: Path = repo.ROOT) -> dict[str, str]:
    """The module's files, by name."""
    paths = [path for folder in _FOLDERS for path in sorted((root / folder).rglob("*.[ch]"))]
    return {name: path.read_text(encoding="utf-8") for path in paths
            if not (name := str(path.relative_to(root))).startswith(_NOT_THE_MODULE)}


def exemptions(text: str, name: str = EXEMPT.name) -> list[Exempt]:
    """Read the list; raise SetupError with the line if one is wrong."""
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        match = re.fullmatch(r"(\S+):(\w+|\*): (.+?) -- (\S.*)", line)
        if not match:
            raise SetupError(f"{name}:{number}: '{line}' is not FILE:FUNCTION: OPERATION, ... -- REASON")
        found += [Exempt(match[1], match[2], operation, match[4]) for operation in match[3].split(", ")]
    return found


def wrong(tests: Iterable[Test], files: dict[str, str], exempt: list[Exempt]) -> list[str]:
    """What is in the code and in no test, or in a test and not in the code. One line each."""
    tests = list(tests)
    code = {place for name, text in files.items() for place in places(name, text)}
    known = {(name, function) for name, text in files.items() for function, _ in functions(text)}
    named: dict[Place, str] = {}
    said = []
    for test in tests:
        for model in test.models:
            if (model.file, model.function) not in known:
                said.append(f"{test.name} models {model.file}:{model.function}, which does not exist")
                continue
            for operation in model.operations:
                place = Place(model.file, model.function, operation)
                named[place] = test.name
                if place not in code:
                    said.append(f"{test.name} models {place}, which is not there")
    for place in sorted(code):
        excused = any(one.covers(place) for one in exempt)
        if place not in named and not excused:
            said.append(f"{place}: no litmus test models it, and {EXEMPT.name} gives no reason why none does")
        elif place in named and excused:
            said.append(f"{place}: {named[place]} models it, and {EXEMPT.name} says that none does")
    return said + [f"{EXEMPT.name}: {one}: nothing like that in the code"
                   for one in exempt if one.file != BUG and not any(map(one.covers, code))]


def counted(tests: Iterable[Test], files: dict[str, str]) -> str:
    """How much is proved, in words."""
    tests = list(tests)
    code = {place for name, text in files.items() for place in places(name, text)}
    named = {Place(model.file, model.function, operation) for test in tests for model in test.models for operation in model.operations}
    return (f"{len(tests)} tests, {sum(len(test.variants()) for test in tests)} runs of herd7; of {len(code)} ordered operations in the "
            f"code {len(code & named)} are in a test, and {len(code - named)} in {EXEMPT.name}, with the reason.")


def bugs(files: dict[str, str]) -> list[str]:
    """The negative controls."""
    return [name for text in files.values() for name in _BUG.findall(text)]


def wrong_bugs(tests: Iterable[Test], files: dict[str, str], exempt: list[Exempt]) -> list[str]:
    """Negative controls without a variant, and the other way round."""
    shown = {name for test in tests for name, kind in test.marks.items() if kind == BUG}
    excused = {one.operation for one in exempt if one.file == BUG}
    known = set(bugs(files))
    return [*(f"busted={name}: in no litmus test, and {EXEMPT.name} gives no reason" for name in sorted(known - shown - excused)),
            *(f"busted={name}: there is no such negative control" for name in sorted((shown | excused) - known)),
            *(f"busted={name}: a litmus test has it, and {EXEMPT.name} says that none does" for name in sorted(shown & excused))]


def judged(tests: Sequence[Test]) -> tuple[list[str], str]:
    """Of the tree: what is wrong, a line each, and how much is covered."""
    files, exempt = sources(), exemptions(EXEMPT.read_text(encoding="utf-8"))
    return [*wrong(tests, files, exempt), *wrong_bugs(tests, files, exempt)], counted(tests, files)
