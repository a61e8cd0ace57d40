# SPDX-License-Identifier: GPL-2.0
"""litmus: decide the litmus tests beside the module's code by herd7 and the kernel's memory model."""

import argparse
import shlex
import sys

from ..litmus import coverage, herd, runs, suite
from ..verdict import EXIT_STATUS, FAIL, PASS

ARGUMENTS = {"test": {"nargs": "*", "help": "a .litmus below module/, or its last part (all)"}}


def main(args: argparse.Namespace) -> int:
    every = suite.load()
    tests = suite.chosen(args.test, every)
    decides = herd.ready()
    decided = runs.decide(decides, tests)
    print(runs.table(decided))
    wrong = [line for one in decided for line in one.wrong()]
    if args.test:
        for test in tests:
            for variant in test.variants():
                print(f"\n{runs.title(test, variant)}:\n  cd {shlex.quote(str(decides.folder))} && "
                      f"{shlex.join(decides.words(runs.file(test, variant)))}")
    else:
        uncovered, said = coverage.judged(tests)
        wrong += uncovered
        print(f"\n{said}")
    for line in wrong:
        print(f"folioscale: {line}", file=sys.stderr)
    return EXIT_STATUS[FAIL if wrong else PASS]
