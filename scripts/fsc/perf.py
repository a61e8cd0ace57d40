# SPDX-License-Identifier: GPL-2.0
"""scripts/folioscale perf: one run of the module under perf, and what that says."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from shlex import quote

from . import accel, flame, kernel, parts, recording, repo, traced
from .bench import where_it_is
from .recording import Recording
from .traced import Traced
from .verdict import EXIT_STATUS, LOST, PASS, worst

TOOLS = repo.SCRIPTS / "perf"
_RECORDED = ("where", "flamegraph", "record")
_TOP = 10
_EMULATED = {
    True: "emulated: a nanosecond is an instruction, and neither caches nor contention cost any",
    False: "emulated: times are none, and what is in a block of code is charged to the next one",
}


def _where(found: Recording, folder: Path) -> str:
    split = parts.document(found)
    (folder / "where.json").write_text(json.dumps(split, indent=1) + "\n")
    text = parts.render(split, _TOP)
    (folder / "where.txt").write_text(text)
    return text


def _flamegraph(found: Recording, folder: Path) -> str:
    params = found.run["params"]
    stacks = flame.fold(found)
    title = f"folioscale {params['path']} {params['protocol']}, {found.event}{found.lost()}"
    (folder / "flamegraph.svg").write_text(flame.draw(stacks, title), encoding="utf-8")
    return f"flamegraph.svg: {len(stacks)} stacks{found.lost()}\n"


def _counted(args: argparse.Namespace) -> None:
    """Sample by instructions where time is emulated.

    An emulated CPU looks for interrupts between blocks of code, and what is in a block is
    charged to the next one. Counting instructions it stops at the very one; and the host's
    load is in no sample. The scheduler is another matter, as there is one CPU.
    """
    if args.what not in _RECORDED or args.accel != "auto" or args.host:
        return
    if accel.choose(args.accel, kernel.choose(args.kdir, args.kernel)) is accel.TCG:
        print("Emulated: sampled by instructions, with one CPU (ACCEL=icount); ACCEL=tcg has several")
        args.accel = "icount"


def _read(run: Traced, what: str) -> str:
    if what not in ("where", "flamegraph") or not {"script.txt", "window.json"} <= run.blobs.keys():
        return run.text("output")
    found = recording.load(run.folder)
    if run.accel and run.accel.emulated:
        found.note = "; ".join(filter(None, (found.note, _EMULATED[run.accel is accel.ICOUNT])))
    return _where(found, run.folder) if what == "where" else _flamegraph(found, run.folder)


def main(args: argparse.Namespace) -> int:
    """Return the exit status."""
    _counted(args)
    run = traced.prepare(args, f"perf-{args.what}")
    tool = "record" if args.what in _RECORDED else args.what
    here = [quote(str(traced.GUEST / name)) for name in ("trace.sh", "perf.sh")]
    boot = run.boot(f"FSC_PERF={quote(str(TOOLS))}\n. {here[0]}\n. {here[1]}\nperf_tool {tool} {quote(run.params)}\n",
                    names={"output": f"{args.what}.txt"})
    print(run.text("error") + _read(run, args.what), end="")
    verdicts, said = [boot.state], "" if boot.state == PASS else f": {boot.reason}"
    if "run.json" in run.blobs:
        verdict = json.loads(run.blobs["run.json"])["verdict"]
        verdicts.append(verdict)
        said += "" if verdict == PASS else f": the run is {verdict} (run.json has the reasons)"
    elif boot.state == PASS:
        verdicts.append(LOST)
    kept = sorted(path.name for path in run.folder.iterdir() if path.suffix in (".txt", ".json", ".svg", ".data"))
    print(f"{worst(verdicts)}{said}: {where_it_is(run.folder)} has {', '.join(kept)}, console.log, and the command")
    return EXIT_STATUS[worst(verdicts)]
