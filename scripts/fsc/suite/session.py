# SPDX-License-Identifier: GPL-2.0
"""One run of a suite: its boots, and the folder under results/ that keeps what they send."""

import json
import shlex
import shutil
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .. import repo
from ..result import environment, fairness, metrics, result
from ..result.result import BootRecord
from ..show import summary
from ..verdict import FAIL, LOST, PASS, SETUP, SetupError
from ..vm import bootwords, host, setup_errors, vm
from ..vm.accel import Accel
from ..vm.kernel import Kernel
from . import guest_script, resume
from .progress import Progress, figures
from .suite import Guest, Point, Suite

OnBlob = Callable[[str, bytes], None]
# A window is made again so many times at most.
_MOST_AGAIN = 5
# Debian's other kernels by their flavour, each with the folder of the module that is built for it.
Flavours = dict[str, tuple[Kernel, Path]]


class Interrupted(Exception):
    """SIGINT or SIGTERM: stop, and keep what has arrived."""


def interrupt(number: int, _frame: object) -> None:
    raise Interrupted(signal.Signals(number).name)


def new_folder(name: str, out: str | None) -> Path:
    """A folder for results, never over others."""
    folder = Path(out) if out else repo.ROOT / "results" / f"{time.strftime('%Y%m%d-%H%M%S')}-{name}"
    try:
        folder.mkdir(parents=True, exist_ok=out is not None)
    except OSError as error:
        raise SetupError(f"{folder}: {error.strerror}") from None
    if any(folder.iterdir()):
        raise SetupError(f"{folder} has something in it already")
    return folder.resolve()


def outcome(point: Point, record: BootRecord) -> str:
    """The text of the progress line for a point that has ended."""
    run = record.json(f"run/{point.id}")
    if run is None or run["state"] != "done":
        return "failed"
    return figures(point, run, metrics.limbo(run, record.json(f"slab/{point.id}")))


def again(argv: list[str]) -> str:
    """The command that runs the same again, without the folder: this one is in use."""
    words = [f"scripts/{Path(argv[0]).name}", *argv[1:]]
    for flag in ("--out", "--resume"):
        if flag in words:
            at = words.index(flag)
            del words[at:at + 2]
    return shlex.join(words)


def keep_command(folder: Path, argv: list[str] | None = None) -> None:
    (folder / "command").write_text(
        f"# at revision {environment.revision()}, in the top folder:\n{again(argv or sys.argv)}\n")


@dataclass
class Session:
    """Boots of one suite on one kernel; accel None: on this machine itself."""
    suite: Suite
    kernel: Kernel
    modules: Path
    accel: Accel | None
    vcpus: int
    memory_mb: int
    folder: Path
    flavours: Flavours = field(default_factory=dict)
    part: bool = False             # its result is a part of another one, and not written
    times: dict[str, Any] | None = None    # the result that becomes a part of this one's
    boots: list[BootRecord] = field(default_factory=list)
    stopped: bool = False          # by a signal

    def __post_init__(self) -> None:
        # Every boot loads these copies, whatever is built meanwhile; so do the boots of a resumed suite.
        self._sources = resume.sources()
        if not list(self.folder.glob(f"boot-*/{resume.FILE}")):
            for module in (*self.modules.glob("folioscale.ko"), *self.modules.rglob("fsc_opencoded.ko")):
                shutil.copyfile(module, self.folder / module.name)
            for flavour, (_, modules) in self.flavours.items():
                (self.folder / flavour).mkdir(exist_ok=True)
                shutil.copyfile(modules / "folioscale.ko", self.folder / flavour / "folioscale.ko")
        self.modules = self.folder
        keep_command(self.folder)

    def _kernel(self, guest: Guest) -> Kernel:
        return self.flavours[guest.flavour][0] if guest.flavour else self.kernel

    def _made_by(self, guest: Guest, accel: Accel | None) -> dict[str, str]:
        """What boots must have in common with those that a resumed suite has already made."""
        kernel = self._kernel(guest)
        image = kernel.image
        # The image may be replaced by another kernel.
        at = image.stat() if image.is_file() else None
        words = [kernel.release, str(image), *([f"{at.st_size}", f"{at.st_mtime_ns}"] if at else [])]
        return {"sources": self._sources, "kernel": " ".join(words), "vcpus": str(self.vcpus),
                "memory": str(guest.memory_mb or self.memory_mb), "cmdline": guest.cmdline, "accelerator": accel.name if accel else "host"}

    def run(self, passes: list[tuple[list[Point], Accel | None]]) -> dict[str, Any]:
        """Do all passes unless one dies or is interrupted; return the result.

        If a machine is not available, do not try it again, and go on with the others; SetupError if none is available.
        """
        progress = Progress([s for points, _ in passes for s in guest_script.plan(points)])
        interrupted = ""
        before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            for number, (points, accel) in enumerate(passes, 1):
                if points[0].boot in {boot.name for boot in self.boots if boot.state == SETUP}:
                    progress.leave_out(f"boot {number}/{len(passes)} is left out", len(points))
                    continue
                boot = (self._resumed(number, points, accel, progress)
                        or self._boot(points, accel, progress, f"boot {number}/{len(passes)}"))
                if boot.state in (FAIL, LOST) and number < len(passes):
                    interrupted = f"boot {number} is {boot.state}, so no more were made"
                    break
                if boot.state == PASS and number == len(passes) and self._want_more(number, sum(one.seconds for one in self.boots)):
                    points = self.suite.order(number + 1)
                    passes.append((points, self.accel))
                    progress.add(guest_script.plan(points))
        except Interrupted as signal_name:
            self.stopped = True
            interrupted = f"{signal_name} during boot {len(self.boots)}"
        finally:
            for number in before:
                signal.signal(number, signal.SIG_IGN)
            progress.end()
        try:
            if self.boots and all(boot.state == SETUP for boot in self.boots):
                one, *others = {boot.reason for boot in self.boots}
                raise SetupError("; ".join(f"boot {boot.name or '-'}: {boot.reason}" for boot in self.boots) if others else one)
            found = self._result(interrupted)
            if not self.part:
                result.write(self.folder / result.NAME, found)
                result.write_text(self.folder / "summary.txt", summary.render(found))
            return found
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _want_more(self, number: int, seconds: float) -> bool:
        """Whether another boot is wanted after @number of them: a test lacks some, or the suite has intervals to reach, and time
        is left."""
        if not self.suite.within or (self.accel and self.accel.emulated):
            return False
        found = self._result("")
        # Stolen windows decide this, not what was measured in the others.
        if result.lacks_boots(found) and number < self.suite.repetitions + self.suite.repetitions // 3:
            return True
        wide = result.widest(found, metrics.TIME)
        return (wide is None or wide > self.suite.within) and seconds * (number + 1) / number < self.suite.minutes * 60

    def _result(self, interrupted: str) -> dict[str, Any]:
        emulated = self.accel is not None and self.accel.emulated
        found = result.build(self.suite, self.boots, environment.gather(self.suite, self.boots, emulated, interrupted))
        return result.with_times(found, self.times) if self.times else found

    def _resumed(self, number: int, points: list[Point], accel: Accel | None, progress: Progress) -> BootRecord | None:
        """A boot that was completed before the suite was interrupted."""
        made_by = self._made_by(self.suite.guest(points), accel)
        if record := resume.load(self.folder / f"boot-{number}", number, points, made_by):
            self.boots.append(record)
            progress.skip(f"boot {number} is done", len(points))
        return record

    def _boot(self, points: list[Point], accel: Accel | None, progress: Progress, name: str) -> BootRecord:
        record = BootRecord(len(self.boots) + 1, points, accel.name if accel else "host")
        self.boots.append(record)
        outdir = self.folder / f"boot-{record.number}"
        guest = self.suite.guest(points)
        progress.say(name)
        try:
            boot = self._run(points, accel, guest, outdir, self._keeper(record, outdir, progress, name),
                             self._again(record, outdir, progress, name))
        except SetupError as error:
            record.state, record.reason = SETUP, str(error)
        else:
            record.state, record.reason, record.seconds = boot.state, boot.reason, boot.seconds
            record.first, record.at_boot = boot.first, boot.at_boot
            if record.state == LOST:
                done = sum(f"run/{point.id}" in record.blobs for point in points)
                record.reason = f"{done} of {len(points)} points were done: {boot.reason}"
            elif record.state == PASS and not {"config", "slabs"} <= record.blobs.keys():
                record.state, record.reason = LOST, "the machine did not say whether it is fair"
            elif "error/config" in record.blobs and not boot.complained:
                record.state, record.reason = SETUP, setup_errors.not_loaded(record.text("error/config"))
        if record.state == SETUP:
            progress.leave_out(f"{name} not available", len(points))
        resume.keep(record, outdir, self._made_by(guest, accel))
        return record

    def _run(self, points: list[Point], accel: Accel | None, guest: Guest, outdir: Path, on_blob: OnBlob,
             again: Callable[[str], bool]) -> vm.Boot:
        if accel is None:
            script = guest_script.script(points, None, str(guest_script.POINT_SH))
            return host.boot(script, self.modules / "folioscale.ko", on_blob, guest_script.timeout_s(points), outdir)
        # If it was not built, the guest reports that there is no open-coded loop.
        by_hand = any(point.opencoded for point in points)
        opencodeds = self.modules.rglob("fsc_opencoded.ko") if by_hand else ()
        refscale = [self._kernel(guest).build / f"kernel/{name}.ko" for name in ("torture", "rcu/refscale")] if by_hand else []
        return vm.boot(vm.BootSpec(
            kernel=self._kernel(guest), job=guest_script.script(points, accel), accel=accel,
            timeout_s=guest_script.timeout_s(points), outdir=outdir, files={
                "/point.sh": guest_script.POINT_SH, "/folioscale.ko": self.modules / guest.flavour / "folioscale.ko",
                **{"/fsc_opencoded.ko": opencoded for opencoded in opencodeds},
                **{f"/{file.name}": file for file in refscale if file.is_file()}},
            vcpus=accel.max_vcpus or self.vcpus, memory_mb=guest.memory_mb or self.memory_mb,
            cmdline=guest.cmdline.split(), on_blob=on_blob, again=again))

    def _keeper(self, record: BootRecord, outdir: Path, progress: Progress, name: str) -> OnBlob:
        """A handler for blobs: it writes them to disk at once, and checks that the machine is fair."""
        runs = outdir / "runs"
        runs.mkdir(parents=True)
        points = {point.id: point for point in record.points}

        def on_blob(blob: str, data: bytes) -> None:
            if blob == "say":
                progress.say(data.decode(errors="replace"))
                return
            (runs / blob.replace("/", ".")).write_bytes(data)
            record.keep(blob, data)
            kind, _, point_id = blob.partition("/")
            if kind == "config" and (config := record.json(blob)):
                bootwords.check(self.suite.guest(record.points).cmdline, record.text("machine"), config)
            if kind in ("slabs", "slab"):
                found = record.json(blob) or {}
                fairness.check(record.json("config"), found.get("flags", found))
            elif kind == "error" and (refused := setup_errors.REFUSED.search(data.decode(errors="replace"))):
                raise SetupError(refused[0])
            elif kind in ("run", "error") and point_id in points:
                progress.point(name, points[point_id], outcome(points[point_id], record))
        return on_blob

    @staticmethod
    def _again(record: BootRecord, outdir: Path, progress: Progress, name: str) -> Callable[[str], bool]:
        """Whether a point is made again: the host was busy with something else in its window, and it had no more of these than
        _MOST_AGAIN, and its boot not more than twice as many as it has points."""
        points = {point.id: point for point in record.points}

        def again(point_id: str) -> bool:
            found = result.repetition(points[point_id], record)
            in_all = sum(len(record.json(f"again/{one}") or []) for one in points)
            # What the oracle has found is kept.
            if not found.get("stolen") or found["verdict"] == FAIL or len(found["again"]) == _MOST_AGAIN or in_all == 2 * len(points):
                return False
            thrown = [*found["again"], {"steal": found["steal"], "ns_per_lookup": found["metrics"].get(metrics.TIME)}]
            # The next one may send fewer.
            for kind in ("steal", "slab", "buddy"):
                record.blobs.pop(f"{kind}/{point_id}", None)
                (outdir / "runs" / f"{kind}.{point_id}").unlink(missing_ok=True)
            (outdir / "runs" / f"again.{point_id}").write_text(json.dumps(thrown))
            record.keep(f"again/{point_id}", json.dumps(thrown).encode())
            progress.again(name, points[point_id], result.BUSY)
            return True
        return again
