# SPDX-License-Identifier: GPL-2.0
"""HOST=1: run the same job on this machine, and load the module into its kernel."""

import os
import select
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from .. import repo
from ..perf.perf_run import EVENTS
from ..suite.suite import Suite
from ..verdict import FAIL, LOST, SetupError
from . import console, setup_errors
from .status_port import Frames, OnBlob
from .vm import Boot

_MODULES = Path("/sys/module")
# The same as in guest/init, but standard output is the status port.
_PROLOGUE = f"""exec 3>&1 >&2
. {shlex.quote(str(repo.SCRIPTS / "guest/protocol.sh"))}
(
"""
_EPILOGUE = """
) </dev/null
send_status $?
"""


def refuse_kver(kver: str | None) -> None:
    """A kernel of Debian's cannot be the one that runs here."""
    if kver:
        raise SetupError(f"KVER={kver} and HOST=1: KVER is a kernel of Debian's, HOST=1 is the running one; set one")


def consent(busted: list[str], seconds: float, yes: bool) -> None:
    """Refuse what must not run on a machine that somebody uses; ask about the rest."""
    if busted:
        raise SetupError(f"HOST=1 runs no busted protocol ({busted[0]}): use a VM")
    refuse_loaded("folioscale")
    setup_errors.check_host()
    ask("folioscale.ko", busy(seconds), yes)


def consent_to_shadow(yes: bool) -> None:
    """The same for a module that only counts."""
    refuse_loaded("fsc_shadow")
    setup_errors.check_host()
    ask("fsc_shadow.ko", "counts there\nwhat is freed: each free takes longer, and a thread runs every ms", yes)


def refuse_loaded(pattern: str) -> None:
    """Refuse if this is not root, or modules with such names are loaded."""
    if os.geteuid() != 0:
        raise SetupError("HOST=1 loads a module: run it as root")
    if loaded := _loaded(pattern):
        raise SetupError(f"{loaded[0]} is loaded already: rmmod {loaded[0]}")


def _loaded(pattern: str) -> list[str]:
    return sorted(path.name for path in _MODULES.glob(pattern))


def busy(seconds: float) -> str:
    return f"keeps its CPUs\nbusy for about {max(seconds / 60, 1):.0f} minutes"


def ask(what: str, does: str, yes: bool) -> None:
    """Ask before @what is loaded and @does something, unless @yes has answered."""
    if yes:
        return
    print(f"This loads {what} into the running kernel {os.uname().release} and {does}. Go on? [y/N] ",
          end="", flush=True)
    if sys.stdin.readline().strip().lower() not in ("y", "yes"):
        raise SetupError("not confirmed (--yes answers for you)")


def consent_to(suites: list[Suite], yes: bool) -> None:
    """The same for whole suites."""
    busted = [point.id for suite in suites for point in suite.points if point.params.get("busted", "none") != "none"]
    consent(busted, sum(point.seconds * suite.repetitions for suite in suites for point in suite.plain()), yes)


def boot(script: str, module: Path, on_blob: OnBlob, timeout_s: float, outdir: Path, loaded: str = "") -> Boot:
    """Run the job here, and unload modules with names like @loaded (of @module). The kernel's log since then is used as the console."""
    outdir.mkdir(parents=True, exist_ok=True)
    blobs: list[tuple[str, bytes]] = []

    def keep(name: str, data: bytes) -> None:
        blobs.append((name, data))
        on_blob(name, data)

    frames, log = Frames(keep), outdir / "console.log"
    mark = f"folioscale: pass {os.getpid()}.{time.monotonic_ns()}"
    Path("/dev/kmsg").write_text(f"<6>{mark}\n")
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="folioscale-") as folder:
        env = os.environ | {"FSC_KO": str(module), "FSC_TMP": folder}
        with subprocess.Popen(["sh", "-c", _PROLOGUE + script + _EPILOGUE], env=env,
                              stdout=subprocess.PIPE, start_new_session=True) as shell:
            try:
                end = _follow(shell, frames, timeout_s)
            finally:
                _stop(shell, loaded or module.stem)
    said = subprocess.run(["dmesg"], stdout=subprocess.PIPE, text=True, errors="replace", check=True).stdout
    text = said.rsplit(mark, 1)[-1]
    log.write_text(text, encoding="utf-8")
    lines = console.complaints(text)
    state, reason = frames.status or (LOST, end)
    if lines:
        state, reason = FAIL, "\n".join(["in the kernel's log:", *lines])
    return Boot(state, reason, blobs, log, time.monotonic() - begin, complained=bool(lines))


def _follow(shell: subprocess.Popen, frames: Frames, timeout_s: float) -> str:
    pipe, deadline = shell.stdout.fileno(), time.monotonic() + timeout_s
    while (left := deadline - time.monotonic()) > 0 and frames.status is None:
        if select.select([pipe], [], [], left)[0]:
            if not (data := os.read(pipe, 1 << 16)):
                return f"the job's shell ended without a status (exit {shell.wait()})"
            frames.feed(data)
    return f"not finished after {timeout_s:.0f} s"


def _stop(shell: subprocess.Popen, pattern: str) -> None:
    """Leave nothing behind: kill the shell and what it started, and unload its modules."""
    with suppress(ProcessLookupError):
        os.killpg(shell.pid, signal.SIGKILL)    # the group is its own (start_new_session)
    shell.wait()
    # hist: triggers prevent rmmod, and cost time.
    for file in EVENTS.glob("*/trigger"):
        for line in file.read_text().splitlines():
            if not line.startswith("#"):
                with suppress(OSError):
                    file.write_text(f"!{line.partition(' [')[0]}")
    # An insmod that was killed still finishes loading.
    for _ in range(100):
        if not (left := _loaded(pattern)):
            return
        subprocess.run(["rmmod", *left], stderr=subprocess.DEVNULL, check=False)
        time.sleep(0.1)
    print(f"folioscale: a module is still loaded: rmmod {' '.join(left)}", file=sys.stderr)
