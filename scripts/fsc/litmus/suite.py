# SPDX-License-Identifier: GPL-2.0
"""The litmus tests beside the module's code, and the variants that each of them contains.

module/README.md, "Proofs", says how a test is written.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from .. import repo
from ..verdict import SetupError

MODULE = repo.ROOT / "module"
WITHOUT, BUG = "without", "bug"
# At the end of a line, one or several: what stands there instead in a variant.
_MARKS = re.compile(rf"//\s*(?P<kind>{WITHOUT}|{BUG}) (?P<name>\w+):(?P<code>.*?)\s*(?=//|$)")
_STAYS = re.compile(r"Never without (\w+):\s*(\S[^.]*\.)")
_PAIR = re.compile(r"Sometimes without (\w+(?: and \w+)+)\.")
_MODELS = re.compile(r"(?P<file>(?:module|include)/[\w./-]+):(?P<function>\w+)(?:: (?P<operations>.+))?")


@dataclass(frozen=True)
class Model:
    """A function that a test models, and the ordered operations in it."""
    file: str
    function: str
    operations: tuple[str, ...]


@dataclass(frozen=True)
class Test:
    """One file."""
    name: str                       # its path below module/, without the suffix
    text: str
    marks: dict[str, str]           # of each variant, by name: WITHOUT or BUG
    stays: dict[str, str]           # variants that must be Never as well, and why
    pairs: tuple[tuple[str, ...], ...]      # variants that together must be Sometimes
    models: tuple[Model, ...] = field(default=())

    def variants(self) -> list[tuple[str, ...]]:
        """What to leave out for each run of herd7: nothing, each mark, and each pair."""
        return [(), *((name,) for name in self.marks), *self.pairs]

    def stands(self, variant: tuple[str, ...]) -> bool:
        """Whether the bad outcome must be Never."""
        return not variant or len(variant) == 1 and variant[0] in self.stays

    def generate(self, variant: Iterable[str] = ()) -> str:
        """The C that herd7 reads, without marks."""
        wanted, lines = set(variant), []
        for line in self.text.splitlines():
            code, marks = _split(line)
            chosen = [found for found in marks if found["name"] in wanted]
            if len(chosen) > 1:
                raise SetupError(f"{self.name}: {' and '.join(found['name'] for found in chosen)} change the same line")
            if chosen:
                code = re.match(r"\s*", line)[0] + chosen[0]["code"].strip()
            if code.strip() or not marks:
                lines.append(code.rstrip())
        return "\n".join(lines) + "\n"


def _split(line: str) -> tuple[str, list[re.Match[str]]]:
    return line.partition("//")[0], list(_MARKS.finditer(line))


def _head(text: str) -> str:
    """The first comment, without its asterisks."""
    found = re.search(r"^\(\*\n(.*?)^ \*\)$", text, re.M | re.S)
    return re.sub(r"^ \*[ \t]?", "", found[1], flags=re.M) if found else ""


def _models(head: str, name: str) -> tuple[Model, ...]:
    block = head.partition("Models:\n")[2].partition("\n\n")[0]
    found = []
    for line in block.splitlines():
        if not (match := _MODELS.fullmatch(line.strip())):
            raise SetupError(f"{name}: '{line.strip()}' is not FILE:FUNCTION: OPERATION, ...")
        found.append(Model(match["file"], match["function"], tuple(filter(None, (match["operations"] or "").split(", ")))))
    return tuple(found)


def parse(name: str, text: str) -> Test:
    """Read a test; raise SetupError if something in it is not as module/README.md says."""
    marks: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        _, found = _split(line)
        rest = line.partition("//")
        if rest[1] and "".join(match[0] for match in found).replace(" ", "") != (rest[1] + rest[2]).replace(" ", ""):
            raise SetupError(f"{name}:{number}: a comment with // is '// {WITHOUT} NAME: C' or '// {BUG} NAME: C'")
        for match in found:
            if marks.setdefault(match["name"], match["kind"]) != match["kind"]:
                raise SetupError(f"{name}:{number}: {match['name']} is both {WITHOUT} and {BUG}")
    head = _head(text)
    words = " ".join(head.split())
    stays = dict(_STAYS.findall(words))
    pairs = tuple(tuple(one.split(" and ")) for one in _PAIR.findall(words))
    unknown = {one for names in (stays, *pairs) for one in names} - marks.keys()
    stem = name.rpartition("/")[2]
    for wrong, what in ((not text.startswith(f"C {stem}\n"), f"does not begin with 'C {stem}'"),
                        (unknown, f"has no mark for {', '.join(sorted(unknown))}"),
                        (not marks.keys() - stays.keys(), "has no variant that must be Sometimes"),
                        ("\nLeft out:" not in head, "does not say what it leaves out")):
        if wrong:
            raise SetupError(f"{name}: {what}")
    models = _models(head, name)
    if not models:
        raise SetupError(f"{name}: models nothing")
    return Test(name, text, marks, stays, pairs, models)


def load(root: Path = MODULE) -> list[Test]:
    return [parse(str(path.relative_to(root).with_suffix("")), path.read_text(encoding="utf-8"))
            for path in sorted(root.rglob("*.litmus"))]


def chosen(names: list[str], among: list[Test]) -> list[Test]:
    """The tests of these names: paths below module/, or their last part."""
    found = []
    for name in names:
        wanted = name.removeprefix("module/").removesuffix(".litmus")
        these = [test for test in among if wanted in (test.name, test.name.rpartition("/")[2])]
        if not these:
            raise SetupError(f"{name}: no such test; known: {' '.join(test.name for test in among)}")
        found += these
    return found or among
