#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Start a run of the module, which is loaded and idle, beside a tool that traces it; in the
guest or, with HOST=1, here. What the tool says goes to standard output."""

from __future__ import annotations

import argparse
import ctypes
import os
import re
import signal
import subprocess
import sys
import time
from contextlib import ExitStack, suppress
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

# pylint: disable=wrong-import-position
from fsc.perf import perf_run  # noqa: E402
from fsc.perf.perf_run import EVENTS, TRACEFS  # noqa: E402
from fsc.verdict import SetupError  # noqa: E402

ATTACH_S = 120.0
# For the tool to notice that the run is done, and to print its maps.
END_S = 15.0
# For the tool to end once it is interrupted, on a busy host.
INTERRUPTED_S = 60.0
# Between one interrupt and the next: long enough to print what is left.
AGAIN_S = 10.0
# System calls: bpftrace waits in one of these once all its probes are attached, and not before.
EPOLL_WAITS = ("232", "281")
SYS_BPF, BPF_PROG_GET_FD_BY_ID = 321, 13


def run_to_the_end() -> bool:
    """Start the run, and wait. False if it is refused."""
    try:
        perf_run.start()
    except SetupError as error:
        print(f"trace: {error}")
        return False
    perf_run.finish()
    return True


class Programs:
    """The BPF programs of a process, kept open so that their counts can be read after it has ended."""

    def __init__(self, pid: int) -> None:
        texts = [path.read_text() for path in Path(f"/proc/{pid}/fdinfo").iterdir()]
        ids = {int(found[1]) for text in texts if (found := re.search(r"^prog_id:\s*(\d+)", text, re.M))}
        self._descriptors = [fd for number in sorted(ids) if (fd := self._open(number)) >= 0]

    @staticmethod
    def _open(number: int) -> int:
        """Return a file descriptor of the program with this id, or -1."""
        attributes = (ctypes.c_uint32 * 4)(number)
        return ctypes.CDLL(None).syscall(SYS_BPF, BPF_PROG_GET_FD_BY_ID, attributes, ctypes.sizeof(attributes))

    def missed(self) -> int | None:
        """How often one was not run because one was running on that CPU; None if the kernel does not report it."""
        texts = [Path(f"/proc/self/fdinfo/{fd}").read_text() for fd in self._descriptors]
        found = [int(count) for text in texts for count in re.findall(r"^recursion_misses:\s*(\d+)", text, re.M)]
        return sum(found) if found else None


def attached(tracer: subprocess.Popen) -> bool:
    """Wait until the tool has attached its probes; False if it ends before that."""
    end = time.monotonic() + ATTACH_S
    while time.monotonic() < end:
        if tracer.poll() is not None:
            return False
        with suppress(OSError):  # it has ended
            if Path(f"/proc/{tracer.pid}/syscall").read_text().split()[0] in EPOLL_WAITS:
                return True
        time.sleep(0.05)
    print(f"trace: bpftrace has attached nothing after {ATTACH_S:.0f} s")
    tracer.kill()
    return False


def end(tracer: subprocess.Popen, script: Path) -> None:
    """Wait for the tool to notice that the run is done; then make it end."""
    with suppress(subprocess.TimeoutExpired):
        tracer.wait(END_S)
        return
    print(f"trace: {script.name} does not end with the run: interrupted")
    deadline = time.monotonic() + INTERRUPTED_S
    while time.monotonic() < deadline:
        # bpftrace 0.17 loses one that comes between two epoll_wait() (src/bpftrace.cpp:poll_perf_events).
        tracer.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            tracer.wait(AGAIN_S)
            return
    print(f"trace: {script.name} does not end with the run: killed")
    tracer.kill()
    tracer.wait()


def bpftrace(script: Path) -> int:
    """Run @script during a run; return the exit status."""
    with subprocess.Popen(["bpftrace", script], stdin=subprocess.DEVNULL, stderr=subprocess.STDOUT) as tracer:
        if not attached(tracer):
            return 1
        programs = Programs(tracer.pid)
        if not run_to_the_end():
            tracer.kill()
            return 1
        end(tracer, script)
    missed = programs.missed()
    if missed is None:
        print("trace: whether events were missed is not known (no BPF program seen, or no recursion_misses of it)")
    elif missed:
        print(f"Missed {missed} events: a BPF program was running on that CPU already (recursion_misses)")
    return 1 if tracer.returncode else 0


def triggers(script: Path) -> list[tuple[Path, str]]:
    """The lines of a .hist file: an event's folder, and a trigger."""
    lines = [line.split(maxsplit=1) for line in script.read_text().splitlines() if line.strip() and line[0] != "#"]
    found = []
    for event, *trigger in lines:
        if not (EVENTS / event).is_dir():
            names = " ".join(sorted(path.name for path in EVENTS.glob("*/")) if EVENTS.is_dir() else ["none"])
            sys.exit(f"trace: {script.name}: no event {event}; allowed: {names}")
        found.append((EVENTS / event, "".join(trigger)))
    return found


def with_names(text: str, form: str) -> str:
    """Replace numbers in the keys of a histogram by the names of the values."""
    for field, pairs in re.findall(r"__print_symbolic\(REC->(\w+), ([^()]*)\)", form):
        names = dict(re.findall(r'\{ (\d+), "(\w+)" \}', pairs))
        text = re.sub(rf"\b{field}: +(\d+)(?=[ ,])",
                      lambda found, at=field, names=names: f"{at}: {names.get(found[1], found[1]):>15}", text)
    return text


def hist(script: Path) -> int:
    """Set the triggers of @script for the run, and print what they have gathered."""
    with ExitStack() as stack:
        found = triggers(script)
        for event, trigger in found:
            try:
                (event / "trigger").write_text(trigger)
            except OSError as error:
                log = (TRACEFS / "error_log").read_text().splitlines()[-3:]
                sys.exit("\n".join([f"trace: {script.name}: {event.name}: {error.strerror}: {trigger}", *log]))
            # The module cannot be unloaded while a trigger is set.
            stack.callback((event / "trigger").write_text, f"!{trigger}")
        if not run_to_the_end():
            return 1
        for event in dict.fromkeys(event for event, _ in found):
            text = with_names((event / "hist").read_text(), (event / "format").read_text())
            print(f"--- folioscale:{event.name} ---\n\n{text.strip()}\n")
    return 0


def main() -> int:
    """Return the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("script", type=Path, help="a .bt for bpftrace, or a .hist")
    script = parser.parse_args().script
    # bpftrace and this program write to the same file.
    sys.stdout.reconfigure(line_buffering=True)
    return hist(script) if script.suffix == ".hist" else bpftrace(script)


if __name__ == "__main__":
    os.umask(0o077)
    sys.exit(main())
