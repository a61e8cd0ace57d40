# SPDX-License-Identifier: GPL-2.0
"""Parse what `perf script` prints: samples with their call chains, and who ran when."""

import itertools
import re
import subprocess
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from ..verdict import SetupError

# The command, and patterns of its output.
SCRIPT = ("perf", "script", "--ns", "--show-switch-events", "--show-lost-events",
          "-F", "comm,tid,cpu,time,period,event,ip,sym")
_HEAD = re.compile(r"\s*(?P<comm>.*?)\s+(?P<tid>-?\d+) \[(?P<cpu>\d+)\]\s+(?P<time>\d+\.\d+):\s+(?P<what>.*)")
_SAMPLE = re.compile(r"(?P<period>\d+)\s+(?P<event>\S+):(?P<alone>\s+\S.*)?\s*")
_FRAME = re.compile(r"\s+(?P<ip>[0-9a-f]+) (?P<symbol>.*?)(?:\+0x[0-9a-f]+)?(?: \(.*\))?")
LOST = re.compile(r"PERF_RECORD_LOST(?:_SAMPLES)?:? lost (\d+)")
_IRQS_ON = re.compile(r"(arch|raw)_local_irq_(enable|restore)|native_irq_enable")

Task = tuple[int, int]    # CPU and thread id: idle has the same id on all CPUs


@dataclass(frozen=True)
class Frame:
    ip: int
    symbol: str
    calls: bool    # @ip is where it continues after a call, not where it was


@dataclass(frozen=True)
class Inlined:
    """A function, perhaps inlined, and its line that calls the next function or runs."""
    function: str
    file: str
    line: str

    @property
    def place(self) -> str:
        return f"{self.file.rsplit('/', 1)[-1]}:{self.line}"


@dataclass(frozen=True)
class Sample:
    comm: str
    tid: int
    cpu: int
    period: int
    frames: tuple[Frame, ...]    # the innermost first

    @property
    def task(self) -> Task:
        return self.cpu, self.tid


@dataclass
class Script:
    samples: list[Sample] = field(default_factory=list)
    run_ns: dict[Task, int] = field(default_factory=dict)
    recorded_ns: int = 0    # from the first sample to the last
    lost: int = 0

    @cached_property
    def shares_ns(self) -> dict[Task, float]:
        """Time for each unit of a sample's period.

        A task's time is known from its switches. A timer that is late, as under emulation and
        with interrupts off, takes fewer samples, and each stands for more time.
        """
        periods: dict[Task, int] = defaultdict(int)
        for sample in self.samples:
            periods[sample.task] += sample.period
        return {task: self.run_ns.get(task, 0) / total for task, total in periods.items() if total}

    def time_ns(self, sample: Sample) -> float:
        return sample.period * self.shares_ns[sample.task]


def nanoseconds(time: str) -> int:
    """Convert the seconds that perf script prints."""
    seconds, _, fraction = time.partition(".")
    return int(seconds) * 10**9 + int(fraction.ljust(9, "0"))


def _run_ns(events: list[tuple[int, Task, bool]], begin: int, end: int) -> dict[Task, int]:
    """How long each task ran. An event is a time, and a task that, if so, @ran until then, since the previous event on its CPU."""
    found: dict[Task, int] = defaultdict(int)
    last: dict[int, int] = {}
    for time, task, ran in events:
        now = min(max(time, begin), end)
        if ran:
            found[task] += now - last.get(task[0], begin)
        last[task[0]] = now
    return found


def parse(lines: Iterable[str]) -> Script:
    """Read perf script's output. It has all switches, but samples of the window only."""
    script, events, window = Script(), [], []
    rest = iter(line.rstrip() for line in lines)
    for head in filter(None, map(_HEAD.fullmatch, rest)):
        task, now, what = (int(head["cpu"]), int(head["tid"])), nanoseconds(head["time"]), head["what"]
        if lost := LOST.match(what):
            script.lost += int(lost[1])
        if sampled := _SAMPLE.fullmatch(what):
            # Without a call chain the address is on the same line.
            frames = itertools.takewhile(bool, map(_FRAME.fullmatch, [sampled["alone"]] if sampled["alone"] else rest))
            script.samples.append(Sample(head["comm"], task[1], task[0], int(sampled["period"]), tuple(
                Frame(int(frame["ip"], 16), frame["symbol"], bool(number)) for number, frame in enumerate(frames))))
            window.append(now)
        if sampled or "_SWITCH" in what:
            events.append((now, task, bool(sampled) or " OUT" in what))
    if window:
        script.recorded_ns = max(window) - min(window)
        script.run_ns = _run_ns(events, min(window), max(window))
    return script


@dataclass(frozen=True)
class Module:
    """The addresses of the loaded module's text, and the file with its line numbers."""
    text: int
    end: int
    file: Path

    def lines(self, script: Script) -> dict[Frame, tuple[Inlined, ...]]:
        """For every frame in the module, the functions that it is in, innermost first."""
        frames = {frame for sample in script.samples for frame in sample.frames if self.text <= frame.ip < self.end}
        # The instruction that was executed last: the call, or the one before the sample.
        before = {frame: max(frame.ip - self.text - 1, 0) for frame in frames}
        found = addr2line(self.file, sorted({*before.values(), *(at + 1 for at in before.values())}))
        # A delayed timer interrupt comes right after interrupts are enabled.
        return {frame: found[at] if frame.calls or any(_IRQS_ON.fullmatch(step.function) for step in found[at]) else found[at + 1]
                for frame, at in before.items()}


def addr2line(file: Path, offsets: list[int]) -> dict[int, tuple[Inlined, ...]]:
    """Ask binutils about offsets in .text; a .ko has several sections that begin at 0."""
    command = ["addr2line", "-a", "-f", "-i", "-j", ".text", "-e", str(file)]
    try:
        said = subprocess.run(command, input="".join(f"{offset:#x}\n" for offset in offsets), check=True,
                              text=True, stdout=subprocess.PIPE).stdout.splitlines()
    except FileNotFoundError:
        raise SetupError("no addr2line: install binutils") from None
    except subprocess.CalledProcessError:
        raise SetupError(f"addr2line cannot read {file}") from None
    found: dict[int, list[Inlined]] = {}
    lines = iter(said)
    for line in lines:
        if line.startswith("0x"):
            inlined = found.setdefault(int(line, 16), [])
            continue
        file_name, _, number = next(lines).rpartition(":")
        inlined.append(Inlined(line, file_name, number.split()[0]))
    return {offset: tuple(chain) for offset, chain in found.items()}
