#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""The litmus tests beside the module's code, by herd7 and the kernel's memory model, and that they cover the code. KTAP."""

import sys
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(SCRIPTS))

# pylint: disable=wrong-import-position
from fsc import repo  # noqa: E402
from fsc.ktap import Ktap  # noqa: E402
from fsc.litmus import coverage, herd, runs, suite  # noqa: E402
from fsc.verdict import SetupError  # noqa: E402

TRUST = repo.ROOT / "results/trust.md"


def main() -> int:
    """Return the exit status."""
    tests = suite.load()
    try:
        decided = runs.decide(herd.ready(), tests)
    except SetupError as error:
        out = Ktap(lambda line: print(line, flush=True), 1)
        out.result(False, "herd7 can be run", str(error))
        return 1
    out = Ktap(lambda line: print(line, flush=True), len(tests) + 2)
    for one in decided:
        wrong = one.wrong()
        out.result(not wrong, f"{one.test.name}: {one.verdict}", "\n".join(wrong))
    table = runs.table(decided)
    out.result(f"\n\n{table}\n\n" in TRUST.read_text(encoding="utf-8"), f"{TRUST.relative_to(repo.ROOT)} has the table", table)
    wrong, said = coverage.judged(tests)
    out.result(not wrong, said, "\n".join(wrong))
    return 1 if out.count.failed else 0


if __name__ == "__main__":
    sys.exit(main())
