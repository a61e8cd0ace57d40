#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Tracing: a machine on the host's root, make trace, the shell and gdb in it. KTAP."""

import os
import pty
import re
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

TESTS = Path(__file__).resolve().parent
SCRIPTS = TESTS.parent
sys.path.insert(0, str(SCRIPTS))

# pylint: disable=wrong-import-position
from fsc import repo  # noqa: E402
from fsc.ktap import Ktap  # noqa: E402
from fsc.vm import accel, kernel, vm  # noqa: E402
from fsc.vm.rootfs import HostRoot  # noqa: E402
from options import parser  # noqa: E402

FOLIOSCALE = str(SCRIPTS / "folioscale")
PARAMS = "protocol=rcu_full nr_readers=1 nr_freers=1 nr_folios=256 warmup_ms=100 duration_ms=1000"
RETRYING = PARAMS.replace("rcu_full", "typesafe") + " gap_ns=2000"
BOOT_S = 600.0

# The guest's root user can remount what is mounted read-only, and must not reach the host by that.
# {tree} is below /tmp on some hosts, {outdir} on all. The /proc and the mounts of the host are seen
# once those of the guest are unmounted.
WRITES = """
mount -o remount,rw / || exit 10
umount -l /tmp && umount -l /proc || exit 11
for path in /etc {tree} {outdir} /var/tmp; do
	if touch $path/folioscale-was-here; then exit 12; fi
done
[ -e /proc/sys/kernel/domainname ] || exit 13
if true >/proc/sys/kernel/domainname; then exit 14; fi
mount -t proc none /proc
exit 0
"""
TOOLS = """
for tool in bpftrace perf trace-cmd gdb addr2line insmod; do
	which $tool >>/tmp/tools || exit 10
done
[ -r {module} ] || exit 11
echo "$HOME" >>/tmp/tools && touch "$HOME/x" || exit 12
emit tools /tmp/tools
"""


@dataclass(frozen=True)
class Where:
    """What the tests run on."""
    kernel: kernel.Kernel
    accel: accel.Accel
    flags: list[str]
    folder: Path

    def boot(self, name: str, job: str, **more: object) -> vm.Boot:
        return vm.boot(vm.BootSpec(kernel=self.kernel, job=job, accel=accel.traced(self.accel), timeout_s=BOOT_S,
                                   outdir=self.folder / name, root=HostRoot(), **more))

    def trace(self, script: str, *more: str, params: str = PARAMS) -> tuple[int, str, Path]:
        """Exit status, output, and the folder."""
        folder = Path(tempfile.mkdtemp(prefix="trace-", dir=self.folder))
        done = subprocess.run([FOLIOSCALE, "trace", *self.flags, "--params", params, "--out", folder, *more, script],
                              check=False, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return done.returncode, done.stdout, folder


def root(out: Ktap, where: Where) -> None:
    """The host's root in a guest: its programs are there, and its files cannot be written."""
    module = kernel.build_module(where.kernel) / "folioscale.ko"
    boot = where.boot("tools", TOOLS.format(module=module), files={"/folioscale.ko": module})
    out.result(boot.state == "PASS" and b"/bpftrace\n" in boot.blobs[0][1], "the host's programs are there",
               f"{boot.state}: {boot.reason}: {boot.blobs}")
    boot = where.boot("writes", WRITES.format(tree=repo.ROOT, outdir=where.folder / "writes"))
    left = [path for path in (Path("/etc"), repo.ROOT, where.folder / "writes", Path("/var/tmp"))
            if (path / "folioscale-was-here").exists()]
    for path in left:
        (path / "folioscale-was-here").unlink()
    out.result(boot.state == "PASS" and not left, "the host's files cannot be written from there",
               f"{boot.state}: {boot.reason}; written: {left}")


def wrong(out: Ktap, where: Where) -> None:
    """What is refused in one line."""
    for script, params, status, says in (
            ("no-such-script", PARAMS, 2, r"SCRIPT=no-such-script: no such script.*; known: .*\bretries\b.*"),
            ("retries", "order", 2, r"PARAMS: order: allowed: name=value \.\.\.")):
        found, said, folder = where.trace(script, params=params)
        says = f"folioscale: {says}"
        out.result(found == status and re.fullmatch(says + "\n", said) is not None and not list(folder.iterdir()),
                   f"{script} {params[:9]}: exit status {status}, one line", f"exit status {found}\n{said}")


# Ends with the run; counts events that the module counts, too.
COUNTS = """
BEGIN { printf("from the beginning\\n"); }
tracepoint:folioscale:fsc_retry { @retries = count(); }
tracepoint:folioscale:fsc_folio_alloc { @allocs = count(); }
tracepoint:folioscale:fsc_phase /args->phase == 8/ { exit(); }
"""
GOES_ON = 'BEGIN { printf("for ever\\n"); }\n'
WHYS = ("tryget_zero", "recheck_moved", "recheck_empty")


def _counters(folder: Path) -> dict[str, int]:
    lines = [line.split() for line in (folder / "counters").read_text().splitlines()]
    return {name: int(value) for name, value in lines}


def trace(out: Ktap, where: Where) -> None:
    """Runs with hist: triggers and with bpftrace."""
    status, said, folder = where.trace("retries", params=RETRYING)
    out.result(status == 0, "make trace SCRIPT=retries: exit status 0", f"exit status {status}\n{said}")
    wanted = {"retries.txt", "run.json", "counters", "config", "command", "console.log"}
    names = {path.name for path in folder.iterdir()}
    out.result(wanted <= names and (folder / "retries.txt").read_text() in said, "it keeps what it printed",
               f"missing: {wanted - names}")
    counters = _counters(folder)
    events, _, failed = said.partition("folioscale:fsc_recheck_failed")
    found = {why: sum(int(hits) for hits in re.findall(rf"why: +{why}, .*hitcount: +(\d+)", events)) for why in WHYS}
    out.result(found == {why: counters[why] for why in WHYS} and sum(found.values()) > 0,
               "hist: counts what the module counts", f"{found}\n{counters}")
    rechecks = sum(int(hits) for hits in re.findall(r"hitcount: +(\d+)", failed))
    out.result(rechecks == counters["recheck_moved"] + counters["recheck_empty"] > 0,
               "and rechecks that failed", f"{rechecks}")

    script = where.folder / "counts.bt"
    script.write_text(COUNTS)
    status, said, folder = where.trace(str(script), params=RETRYING)
    counters = _counters(folder) if status == 0 else {}
    found = {name: int(value) for name, value in re.findall(r"^@(\w+): (\d+)$", said, re.M)}
    out.result(status == 0 and "from the beginning" in said and "interrupted" not in said,
               "make trace with a bpftrace script of one's own", f"exit status {status}\n{said}")
    good = bool(found) and found == {"retries": sum(counters[why] for why in WHYS), "allocs": counters["allocs"]}
    out.result(good, "bpftrace counts what the module counts", f"{found}\n{counters}")

    script = where.folder / "goes-on.bt"
    script.write_text(GOES_ON)
    status, said, folder = where.trace(str(script))
    out.result(status == 0 and "goes-on.bt does not end with the run: interrupted" in said,
               "a script that goes on is interrupted", f"exit status {status}\n{said}")
    for name, text, says in (
            ("wrong.bt", "tracepoint:folioscale:fsc_nonsense { exit(); }\n", "fsc_nonsense"),
            ("wrong.hist", "fsc_nonsense hist:keys=why\n", "no event fsc_nonsense; allowed: .*fsc_retry"),
            ("bad.hist", "fsc_retry hist:keys=nonsense\n", "bad.hist: fsc_retry: .*hist:keys=nonsense")):
        script = where.folder / name
        script.write_text(text)
        status, said, folder = where.trace(str(script))
        out.result(status == 1 and re.search(says, said) is not None and not (folder / "run.json").exists(),
                   f"{name}: exit status 1, and why", f"exit status {status}\n{said}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _until(condition: Callable[[], bool], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.2)
    return condition()


def gdb(out: Ktap, where: Where) -> None:
    """gdb works with what is printed: it finds a line, and a string in the guest's memory."""
    said, commands = where.folder / "gdb.said", where.folder / "gdb.commands"
    with said.open("w") as log, subprocess.Popen(
            [FOLIOSCALE, "shell", *where.flags, "--gdb", str(_free_port())], stdin=subprocess.DEVNULL,
            stdout=log, stderr=subprocess.STDOUT) as machine:
        try:
            ready = _until(lambda: "target remote" in said.read_text() or machine.poll() is not None, BOOT_S)
            lines = re.findall(r"^(?:shell|file|add-symbol-file|target remote) .*$", said.read_text(), re.M)
            commands.write_text("\n".join(lines) + "\n")
            done = subprocess.run(
                ["gdb", "-nx", "-batch", "-x", commands, "-ex", "info line fsc_run_start",
                 "-ex", "print fsc_counter_info[0]", "-ex", "print control_fops.write"],
                check=False, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=BOOT_S)
        finally:
            machine.terminate()
    detail = f"{said.read_text()}\n{done.stdout}"
    out.result(ready and len(lines) >= 3 and done.returncode == 0, "gdb takes the lines that are printed", detail)
    out.result(re.search(r'Line \d+ of "(.*/)?module/run\.c" .*<fsc_run_start>', done.stdout) is not None,
               "gdb knows the module's lines", detail)
    # A function pointer in the guest's memory points where gdb has that function.
    out.result('"lookups"' in done.stdout and "<control_write>" in done.stdout,
               "gdb reads the module's data in the guest", detail)


class Terminal:
    """A program on a terminal of its own."""

    def __init__(self, *command: str) -> None:
        self.said = b""
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            os.execv(command[0], command)

    def until(self, text: bytes, seconds: float) -> bool:
        """Read until @text is there; False if it does not come."""
        end = time.monotonic() + seconds
        while text not in self.said and time.monotonic() < end:
            if select.select([self._fd], [], [], 1.0)[0]:
                try:
                    self.said += os.read(self._fd, 4096)
                except OSError:  # the other end is gone
                    break
        return text in self.said

    def type(self, line: str) -> None:
        os.write(self._fd, line.encode() + b"\n")

    def end(self, seconds: float) -> int | None:
        """The exit status; None if it had to be killed."""
        self.until(b"\0 nobody says this", seconds)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.1)
        os.kill(self.pid, signal.SIGTERM)
        os.waitpid(self.pid, 0)
        return None


def shell(out: Ktap, where: Where) -> None:
    """A prompt with the tools, and with the module loaded."""
    terminal = Terminal(FOLIOSCALE, "shell", *where.flags, "--trace", "--params", PARAMS)
    started = terminal.until(b"folioscale:/tmp# ", BOOT_S)
    # The terminal echoes what is typed: it must not contain the text to look for.
    terminal.type("cat /sys/kernel/debug/folioscale/state | sed s/^/state-/; cd /sys/kernel/debug/folioscale")
    idle = terminal.until(b"state-idle", 30)
    terminal.type("bpftrace -e 'BEGIN { printf(\"sum-%d\\n\", 40 + 2); exit(); }'; exit")
    traced = terminal.until(b"sum-42", BOOT_S)
    status = terminal.end(60)
    detail = terminal.said.decode(errors="replace").replace("\r", "")
    out.result(started and idle, "make shell TRACE=1: a prompt, and the module is idle", detail)
    out.result(traced and status == 0, "make shell TRACE=1: bpftrace works, exit ends it", f"exit status {status}")


TESTED = ((root, 2), (wrong, 2), (trace, 10), (gdb, 3), (shell, 2))


def main() -> int:
    """Return the exit status."""
    command = parser(__doc__)
    command.add_argument("--only", choices=[test.__name__ for test, _ in TESTED], help="by hand")
    args = command.parse_args()
    flags = [word for name in ("kdir", "kernel", "kver", "accel") if (value := getattr(args, name))
             for word in (f"--{name}", value)]
    tests = [(test, count) for test, count in TESTED if args.only in (None, test.__name__)]
    out = Ktap(lambda line: print(line, flush=True), sum(count for _, count in tests))
    chosen = kernel.choose(args.kdir, args.kernel, args.kver)
    with tempfile.TemporaryDirectory(prefix="folioscale-trace-") as folder:
        where = Where(chosen, accel.choose(args.accel, chosen), flags, Path(folder))
        for test, _ in tests:
            test(out, where)
    return 1 if out.count.failed else 0


if __name__ == "__main__":
    sys.exit(main())
