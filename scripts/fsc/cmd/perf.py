# SPDX-License-Identifier: GPL-2.0
"""perf: one run of the module under perf, and where its time goes."""

import argparse
import json
from shlex import quote

from .. import repo
from ..perf import flame, parts, recording, traced
from ..perf.traced import Traced
from ..vm import accel, kernel
from . import options

TOOLS = repo.SCRIPTS / "perf"
_RECORDED = ("where", "flamegraph", "record")
_TOP = 10
_EMULATED = {
    True: "emulated: a nanosecond is an instruction, and neither caches nor contention cost any",
    False: "emulated: times are none, and what is in a block of code is charged to the next one",
}


def _counted(args: argparse.Namespace) -> None:
    """Sample by instructions if time is emulated.

    An emulated CPU takes interrupts only between blocks of code, so a sample in a block is
    charged to the next one. If it counts instructions, it stops at the exact one, and the
    host's load is in no sample. But scheduling is not the same, because there is one CPU.
    """
    if args.what not in _RECORDED or args.accel != "auto" or args.host:
        return
    if accel.choose(args.accel, kernel.choose(args.kdir, args.kernel, args.kver)) is accel.TCG:
        print("Emulated: sampled by instructions, with one CPU (ACCEL=icount); ACCEL=tcg has several")
        args.accel = "icount"


def _read(run: Traced, what: str) -> str:
    if what not in ("where", "flamegraph") or not {"script.txt", "window.json"} <= run.blobs.keys():
        return run.text("output")
    found = recording.load(run.folder)
    if run.accel and run.accel.emulated:
        found.note = "; ".join(filter(None, (found.note, _EMULATED[run.accel is accel.ICOUNT])))
    if what == "flamegraph":
        return flame.write(found, run.folder / "flamegraph.svg")
    split = parts.document(found)
    (run.folder / "where.json").write_text(json.dumps(split, indent=1) + "\n")
    text = parts.render(split, _TOP)
    (run.folder / "where.txt").write_text(text)
    return text


# What perf can tell; scripts/perf has a program for each.
WHAT = ("where", "stat", "sched", "flamegraph", "record")
ARGUMENTS = options.of(*options.MACHINE, "params", "out", "host", "yes") | {
    "what": {"nargs": "?", "default": "where", "choices": WHAT, "help": "(where)"}}


def main(args: argparse.Namespace) -> int:
    _counted(args)
    run = traced.prepare(args, f"perf-{args.what}")
    tool = "record" if args.what in _RECORDED else args.what
    boot = run.boot(f"perf_tool {tool} {quote(run.params)}\n", names={"output": f"{args.what}.txt"})
    print(_read(run, args.what), end="")
    return run.conclude(boot)
