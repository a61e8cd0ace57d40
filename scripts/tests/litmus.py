#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""The litmus tests beside the module's code: what herd7 says of them, that they cover the code, and some on the CPU. KTAP."""

import sys
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(SCRIPTS))

# pylint: disable=wrong-import-position
from fsc import repo  # noqa: E402
from fsc.cmd import kernels, litmus  # noqa: E402
from fsc.ktap import Ktap  # noqa: E402
from fsc.litmus import coverage, herd, klitmus, runs, suite  # noqa: E402
from fsc.litmus.suite import Test  # noqa: E402
from fsc.verdict import PASS, SetupError  # noqa: E402
from fsc.vm import accel, versions  # noqa: E402

TRUST = repo.ROOT / "results/trust.md"
# What is run on the CPU, with all variants: one whose variant without a barrier x86 shows, if nothing else runs here.
RUN = "protocols/hazptr"
# Its every outcome is the bad one, and how many it has does not depend on the machine.
CONTROL = """C control

{
	int a = 1;
}

P0(int *a)
{
	int r_a;

	r_a = READ_ONCE(*a);
}

P1(int *a)
{
	int r_a;
	int r_never;

	r_a = READ_ONCE(*a);
	if (r_a == 2) {
		r_never = 1;
	}
}

exists (0:r_a=1 /\\ 1:r_never=0)
"""


def _on_cpu(out: Ktap, tests: list[Test]) -> None:
    """Run some in a kernel that is a process."""
    control = Test("control", CONTROL, {}, {}, ())
    try:
        where = kernels.build(kernels.UM, versions.known().default)
        wanted, left_out = klitmus.chosen([*suite.chosen([RUN], tests), control], 2)
        modules, refused = klitmus.build(where, wanted, klitmus.OUT / "check")
        (seen, always), boot = litmus.run(where, accel.UML, modules, vcpus=2, memory_mb=512)
    except SetupError as error:
        out.result(False, f"{klitmus.PROGRAM}'s modules can be run", str(error))
        return
    trouble = "" if boot.state == PASS else f"{boot.state}: {boot.reason}"
    trouble = trouble or "\n".join(f"{reason}: {names}" for reason, names in (left_out | refused).items())
    out.result(not trouble, f"{klitmus.PROGRAM}'s modules of {len(modules)} variants run on {where.release}", trouble)
    out.result(not (wrong := seen.wrong()), f"{RUN}: no bad outcome on this CPU", "\n".join(wrong))
    out.note(klitmus.table([seen]).splitlines()[-1])
    counted = always.counted.get(())
    told = counted and counted.bad == counted.executions > 0 and len(always.wrong()) == 1
    out.result(bool(told), "a bad outcome that is always there is seen each time, and told", "" if told else f"{counted}")


def main() -> int:
    """Return the exit status."""
    tests = suite.load()
    try:
        decided = runs.decide(herd.ready(), tests)
    except SetupError as error:
        out = Ktap(lambda line: print(line, flush=True), 1)
        out.result(False, "herd7 can be run", str(error))
        return 1
    out = Ktap(lambda line: print(line, flush=True), len(tests) + 5)
    for one in decided:
        wrong = one.wrong()
        out.result(not wrong, f"{one.test.name}: {one.verdict}", "\n".join(wrong))
    table = runs.table(decided)
    out.result(f"\n\n{table}\n\n" in TRUST.read_text(encoding="utf-8"), f"{TRUST.relative_to(repo.ROOT)} has the table", table)
    wrong, said = coverage.judged(tests)
    out.result(not wrong, said, "\n".join(wrong))
    _on_cpu(out, tests)
    return 1 if out.count.failed else 0


if __name__ == "__main__":
    sys.exit(main())
