# SPDX-License-Identifier: GPL-2.0
"""A run of the loaded module, and a perf process that records or counts during its window."""

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ..verdict import SetupError

DEBUGFS = Path("/sys/kernel/debug/folioscale")
MODULE = Path("/sys/module/folioscale")
TRACEFS = Path("/sys/kernel/tracing")
EVENTS = TRACEFS / "events/folioscale"
_PMUS = Path("/sys/bus/event_source/devices")
# The run's threads need the CPUs, so do not spin for a state. A late look misses an edge of the
# window, or includes some idle time after it.
_LOOK_S = 0.02
# A perf that does not answer by then never will; under emulation it takes seconds to begin.
_READY_S = 120.0
_IDLE = ("idle", "done")


def has_pmu() -> bool:
    """Whether there are hardware counters; virtual machines seldom have them."""
    return any((_PMUS / name).is_dir() for name in ("cpu", "cpu_core"))


def state() -> str:
    """The module's phase."""
    try:
        return (DEBUGFS / "state").read_text(encoding="ascii").strip()
    except OSError as error:
        raise SetupError(f"{error.filename}: {error.strerror}: wanted: root, debugfs, and the module "
                         "(insmod folioscale.ko autorun=0)") from None


def param(name: str) -> str:
    return (MODULE / "parameters" / name).read_text(encoding="ascii").strip()


def set_params(words: list[str]) -> None:
    """Write NAME=VALUE words; the module keeps them until they are written again."""
    state()
    for word in words:
        name, equals, value = word.partition("=")
        file = MODULE / "parameters" / name
        if not (name and equals and file.is_file()):
            names = " ".join(sorted(path.name for path in (MODULE / "parameters").iterdir()))
            raise SetupError(f"{word}: allowed: NAME=VALUE of {names}")
        try:
            file.write_text(value, encoding="ascii")
        except OSError as error:
            raise SetupError(f"{word}: {error.strerror}: dmesg has what is allowed") from None


def start() -> None:
    """Start a run; its folios are allocated when this returns."""
    if state() not in _IDLE:
        raise SetupError("a run is under way: wait until /sys/kernel/debug/folioscale/state is done")
    try:
        (DEBUGFS / "control").write_text("start", encoding="ascii")
    except OSError as error:
        log = subprocess.run(["dmesg"], stdout=subprocess.PIPE, text=True, check=False).stdout
        said = [line.partition("folioscale: ")[2] for line in log.splitlines() if "] folioscale: " in line]
        raise SetupError(": ".join([f"the run does not start: {error.strerror}", *said[-1:]])) from None


@contextmanager
def started() -> Iterator[None]:
    """Start a run, and stop it if the context ends with an error."""
    start()
    try:
        yield
    except BaseException:
        if state() not in _IDLE:
            (DEBUGFS / "control").write_text("stop", encoding="ascii")    # returns when it is over
        raise


def finish() -> None:
    """Wait until the run is done; if it does not end in time, the runner's timeout ends it."""
    while state() != "done":
        time.sleep(0.1)


def run_json() -> dict[str, Any]:
    """Wait until the run is done, and return its run.json."""
    finish()
    return json.loads((DEBUGFS / "run.json").read_text(encoding="ascii"))


def threads() -> dict[int, str]:
    """The readers and freers of the current run: names by thread id."""
    wanted = int(param("nr_readers")) + int(param("nr_freers"))
    found: dict[int, str] = {}
    # They are the newest, or nearly, and each look takes time from them.
    for tid in sorted((int(name) for name in os.listdir("/proc") if name.isdecimal()), reverse=True):
        if len(found) == wanted:
            break
        with suppress(OSError):     # it has ended
            name = Path(f"/proc/{tid}/comm").read_text(encoding="utf-8", errors="replace").strip()
            found |= {tid: name} if name.startswith(("fsc_reader/", "fsc_freer/")) else {}
    return dict(sorted(found.items()))


class Perf:
    """A perf process that has opened its events, and counts nothing until it is told to."""

    def __init__(self, command: str, arguments: list[str], folder: Path) -> None:
        self._pipes = []
        for name in ("control", "answer"):
            os.mkfifo(folder / name)
            # Read and write: then open() does not wait.
            self._pipes.append(os.open(folder / name, os.O_RDWR | os.O_NONBLOCK))
        self._log = folder / "log"
        control = f"--control=fifo:{folder / 'control'},{folder / 'answer'}"
        try:
            with self._log.open("wb") as log:
                self._perf = subprocess.Popen(["perf", command, "-D", "-1", control, *arguments],
                                              stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        except FileNotFoundError:
            raise SetupError("no perf: install linux-perf") from None

    def tell(self, word: str) -> None:
        """Send ping, enable or disable, and wait until perf has done it."""
        os.write(self._pipes[0], f"{word}\n".encode())
        end, answer = time.monotonic() + _READY_S, b""
        while b"ack" not in answer:
            # A perf that counts threads ends when they do, perhaps before it is told to disable.
            if word == "disable" and self._perf.poll() == 0:
                return
            if self._perf.poll() is not None or time.monotonic() > end:
                raise self._trouble(f"does not answer to {word}")
            try:
                answer += os.read(self._pipes[1], 64)
            except BlockingIOError:
                time.sleep(_LOOK_S / 4)

    def end(self) -> None:
        """Make perf write its data and end, and wait for that."""
        os.write(self._pipes[0], b"stop\n")
        try:
            status = self._perf.wait(_READY_S)
        except subprocess.TimeoutExpired:
            raise self._trouble("does not end") from None
        if status:
            raise self._trouble("ends")

    def close(self) -> None:
        if self._perf.poll() is None:
            self._perf.kill()
            self._perf.wait()
        for pipe in self._pipes:
            os.close(pipe)

    def _trouble(self, what: str) -> SetupError:
        said = " ".join(self._log.read_text(errors="replace").split())
        return SetupError(f"perf {what}, exit status {self._perf.poll()}: {said[-300:] or 'it said nothing'}")


def record(arguments: list[str]) -> tuple[dict[int, str], dict[str, Any]]:
    """Make a run and let perf record its window; return its threads and its run.json."""
    with perf("record", ["-N", "-a", *arguments]) as running, started():
        found = threads()
        measured(running)
        running.end()
    return found, run_json()


@contextmanager
def perf(command: str, arguments: list[str]) -> Iterator[Perf]:
    """A perf process that is ready; it is gone when the context ends."""
    with tempfile.TemporaryDirectory(prefix="folioscale-perf-") as folder:
        running = Perf(command, arguments, Path(folder))
        try:
            running.tell("ping")
            yield running
        finally:
            running.close()


def measured(running: Perf) -> None:
    """Let perf count during the window of the current run."""
    while (now := state()) != "measure":
        if now in _IDLE:
            raise SetupError("the run was over before it was seen in phase measure: a longer duration_ms is wanted")
        time.sleep(_LOOK_S)
    running.tell("enable")
    if state() != "measure":
        raise SetupError(f"the window was over before perf counted: a longer duration_ms than {param('duration_ms')} is wanted")
    if param("max_turnovers") == "0":    # else the window takes an unknown time
        time.sleep(max(int(param("duration_ms")) / 1000 - 2 * _LOOK_S, 0))
    while state() == "measure":
        time.sleep(_LOOK_S)
    running.tell("disable")
