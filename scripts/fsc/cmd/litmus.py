# SPDX-License-Identifier: GPL-2.0
"""litmus: decide the litmus tests beside the module's code by herd7 and the kernel's memory model, or run them on a CPU."""

import argparse
import os
import shlex
import sys
from collections.abc import Sequence

from ..litmus import coverage, herd, klitmus, runs, suite
from ..litmus.klitmus import Ran
from ..litmus.suite import Test
from ..verdict import EXIT_STATUS, FAIL, PASS, SetupError
from ..vm import host, kernel, setup_errors, vm
from ..vm.accel import Accel
from ..vm.kernel import Kernel
from ..vm.vm import Boot
from . import kernels, options

ARGUMENTS = options.of(*options.MACHINE, "host", "yes") | {
    "test": {"nargs": "*", "help": "a .litmus below module/, or its last part (all)"},
    "--vm": {"action": "store_true", "help": "run the tests in a virtual machine, as --host does here, and count outcomes"}}


def main(args: argparse.Namespace) -> int:
    tests = suite.chosen(args.test, suite.load())
    if args.host or args.vm:
        return _run(args, tests)
    if given := next((name for name in ("kver", "kdir", "kernel") if getattr(args, name)), ""):
        raise SetupError(f"{given.upper()}={getattr(args, given)}: herd7 runs no kernel: allowed with VM=1")
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
    return _told(wrong)


def _told(wrong: list[str]) -> int:
    for line in wrong:
        print(f"folioscale: {line}", file=sys.stderr)
    return EXIT_STATUS[FAIL if wrong else PASS]


def _machine(args: argparse.Namespace) -> tuple[Kernel, Accel | None]:
    if args.host and args.vm:
        raise SetupError("HOST=1 and VM=1: the tests run here or in a virtual machine; set one")
    if not args.host:
        return kernels.chosen(args, cpu=True)
    host.refuse_kver(args.kver)
    host.refuse_loaded(klitmus.LOADED)
    setup_errors.check_loading()
    return kernel.running(), None


def _run(args: argparse.Namespace, tests: Sequence[Test]) -> int:
    where, how = _machine(args)
    wanted, left_out = klitmus.chosen(tests, args.vcpus if how else os.cpu_count() or 1)
    if not how:
        host.ask(f"{len(wanted)} modules, one after the other,", host.busy(len(wanted) * klitmus.SECONDS_OF_EACH), args.yes)
    print(f"{len(wanted)} of {len(wanted) + sum(map(len, left_out.values()))} tests and variants, about {klitmus.SECONDS_OF_EACH} s each",
          flush=True)
    modules, refused = klitmus.build(where, wanted, klitmus.OUT / where.release)
    ran, boot = run(where, how, modules, vcpus=args.vcpus, memory_mb=args.memory)
    print(f"{where.release}, {how.name if how else 'this machine'}:\n\n{klitmus.table(ran)}\n")
    for reason, names in (left_out | refused).items():
        print(f"Left out, as {reason}: {', '.join(names)}")
    if how and how.emulated:
        print(f"{how.name} emulates: what it did not show says nothing of any CPU")
    wrong = [line for one in ran for line in one.wrong()]
    if boot.state != PASS:
        wrong.append(f"{boot.state}: {boot.reason} ({boot.console})")
    return _told(wrong)


def run(where: Kernel, how: Accel | None, modules: klitmus.Modules, **machine: int) -> tuple[list[Ran], Boot]:
    """Run the modules, in a machine or without @how here; return what they counted, and how that ended."""
    said: dict[str, klitmus.Counted] = {}
    not_loaded: list[str] = []

    def on_blob(name: str, data: bytes) -> None:
        text = data.decode(errors="replace")
        if name == klitmus.NOT_LOADED:
            not_loaded.append(text)
        elif name == klitmus.BLOB and (one := klitmus.parse(text)):
            said[one.name] = one

    if how:
        boot = vm.boot(vm.BootSpec(
            kernel=where, accel=how, outdir=klitmus.OUT, timeout_s=klitmus.TIMEOUT_S, on_blob=on_blob, **machine,
            job=klitmus.job([(one, f"/{module.name}") for one, module in modules]), files={module.name: module for _, module in modules}))
    else:
        boot = host.boot(klitmus.job([(one, str(module)) for one, module in modules]), modules[0][1], on_blob, klitmus.TIMEOUT_S,
                         klitmus.OUT, klitmus.LOADED)
    if not_loaded:
        raise SetupError(setup_errors.not_loaded(not_loaded[0]))
    if boot.state == PASS and (missing := [runs.title(*one) for one, _ in modules if klitmus.name(one) not in said]):
        boot.state, boot.reason = FAIL, f"no figures of {', '.join(missing)}"
    return klitmus.ran([one for one, _ in modules], said), boot
