# SPDX-License-Identifier: GPL-2.0
"""A folder with a perf recording of a measured window, and all that is needed to read it."""

import json
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..verdict import SetupError
from . import perf_run
from .samples import SCRIPT, Frame, Inlined, Module, Sample, Script, parse

CLOCK_NOTE = ("no PMU: cpu-clock, a timer. It cannot look into what runs with interrupts off: that is "
              "charged to where they come on")
_BUILD_ID_BYTES = 20


def record(folder: Path, params: list[str], event: str = "", period_us: int = 250) -> str:
    """Make a run with @params and record the whole machine during its window; return a line about it."""
    if not event:
        event = "cycles" if perf_run.has_pmu() else "cpu-clock"
    rate = ["-c", str(1000 * period_us)] if event == "cpu-clock" else ["-F", str(10**6 // period_us)]
    data = folder / "perf.data"
    perf_run.set_params(params)
    threads, run = perf_run.record(["-g", "--switch-events", "-e", event, *rate, "-o", str(data)])
    with (folder / "script.txt").open("w") as script:
        done = subprocess.run([*SCRIPT, "-i", str(data)], check=False, text=True, stdout=script, stderr=subprocess.PIPE)
    if done.returncode:
        raise SetupError(f"perf script ends with status {done.returncode}: {done.stderr[-300:]}")
    (folder / "run.json").write_text(json.dumps(run))
    (folder / "window.json").write_text(json.dumps({
        "event": event, "note": CLOCK_NOTE if event == "cpu-clock" else "", "threads": threads,
        "text": int((perf_run.MODULE / "sections/.text").read_text(), 16),
        # The end of the module's ELF note.
        "build_id": (perf_run.MODULE / "notes/.note.gnu.build-id").read_bytes()[-_BUILD_ID_BYTES:].hex()}))
    return CLOCK_NOTE if event == "cpu-clock" else f"event {event}"


@dataclass
class Recording:
    """A recording, read from its folder."""
    script: Script
    lines: dict[Frame, tuple[Inlined, ...]]
    run: dict[str, Any]              # the module's run.json
    threads: dict[int, str]          # readers and freers, by their ids
    event: str
    note: str

    def name(self, sample: Sample) -> str:
        """The thread's name: perf misses names that kthreads get after it starts."""
        return self.threads.get(sample.tid, sample.comm)

    def lost(self) -> str:
        """A text about samples that perf lost; empty if it lost none."""
        return f", LOST {self.script.lost} samples" if self.script.lost else ""

    def chain(self, sample: Sample) -> list[tuple[Frame, tuple[Inlined, ...]]]:
        """The call chain, innermost first, with the inlined functions of frames in the module."""
        return [(frame, self.lines.get(frame, ())) for frame in sample.frames]


def load(folder: Path, module: Path | None = None) -> Recording:
    """Read a recording; @module is the .ko that was loaded, by default the one in @folder."""
    try:
        facts = json.loads((folder / "window.json").read_text())
        run = json.loads((folder / "run.json").read_text())
        with (folder / "script.txt").open(encoding="utf-8", errors="replace") as lines:
            script = parse(lines)
    except OSError as error:
        raise SetupError(f"{error.filename}: {error.strerror}: allowed: a folder that scripts/perf/record made") from None
    file = module or folder / "folioscale.ko"
    if not file.is_file():
        raise SetupError(f"{file}: no such file: --ko takes the module that was loaded")
    notes = subprocess.run(["readelf", "-nSW", str(file)], check=False, text=True, stdout=subprocess.PIPE,
                           env=os.environ | {"LC_ALL": "C"}).stdout
    if f"Build ID: {facts['build_id']}" not in notes:
        raise SetupError(f"{file} is not the module that was recorded, whose build ID is {facts['build_id']}")
    size = re.search(r"\] \.text +PROGBITS +\w+ +\w+ +(\w+)", notes)
    at = Module(facts["text"], facts["text"] + int(size[1], 16), file)
    threads = {int(tid): name for tid, name in facts["threads"].items()}
    return Recording(script, at.lines(script), run, threads, facts["event"], facts["note"])
