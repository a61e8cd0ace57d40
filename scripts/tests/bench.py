#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Test scripts/folioscale bench, from the command line to files and exit status. KTAP."""

import json
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import jsonschema

TESTS = Path(__file__).resolve().parent
SCRIPTS = TESTS.parent
sys.path.insert(0, str(SCRIPTS))

# pylint: disable=wrong-import-position
from fsc import repo  # noqa: E402
from fsc.ktap import Ktap  # noqa: E402
from fsc.vm import kernel  # noqa: E402

FOLIOSCALE = str(SCRIPTS / "folioscale")
# Run folioscale with another job in the guest than the suite's.
BROKEN = """
import runpy, sys
from dataclasses import replace
from pathlib import Path
sys.path.insert(0, {scripts!r})
from fsc.vm import vm
boot = vm.boot
vm.boot = lambda spec: boot(replace(spec, job={job!r}, timeout_s={timeout_s}, files={{"fsc_crash.ko": Path({crash!r})}}))
sys.argv = {argv!r}
runpy.run_path(sys.argv[0], run_name="__main__")
"""
# What happens to the machine: the job that it runs, the job's timeout in seconds, the exit status,
# and what the summary says.
DISASTERS = (
    ("a panic", "echo c >/proc/sysrq-trigger", 120, 1, "Kernel panic - not syncing"),
    ("an oops", "insmod /fsc_crash.ko how=oops", 120, 1, "NULL pointer dereference"),
    ("a hang", "sleep 1000", 15, 4, "not finished 15 s after the job began"),
)


class Bench:
    """One run of folioscale bench."""

    def __init__(self, suite: str, folder: Path, flags: list[str], broken: str = "", timeout_s: float = 0,
                 crash: Path = Path()) -> None:
        argv = [FOLIOSCALE, "bench", *flags, "--suite", suite, "--out", str(folder)]
        if broken:
            code = BROKEN.format(scripts=str(SCRIPTS), job=broken, timeout_s=timeout_s, argv=argv, crash=str(crash))
            argv = [sys.executable, "-c", code]
        done = subprocess.run(argv, check=False, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.status, self.said, self.folder = done.returncode, done.stdout, folder

    def result(self) -> dict:
        return json.loads((self.folder / "result.json").read_text())

    def summary(self) -> list[str]:
        return (self.folder / "summary.txt").read_text().splitlines()


def files(out: Ktap, run: Bench) -> None:
    """What a run leaves behind."""
    out.result(run.status == 0, "a suite that passes: exit status 0", f"exit status {run.status}\n{run.said}")
    found = run.result()
    try:
        jsonschema.validate(found, json.loads((SCRIPTS / "fsc/result/result.schema.json").read_text()))
        wrong = ""
    except jsonschema.ValidationError as error:
        wrong = str(error)
    out.result(not wrong, "result.json is what its schema says", wrong)
    shape = (found["verdict"], len(found["points"]), [len(point["repetitions"]) for point in found["points"]])
    out.result(shape == ("PASS", 2, [2, 2]), "result.json has the points and repetitions", str(shape))
    lines = run.summary()
    wide = [line for line in lines if len(line) > 72 or not line.isascii()]
    out.result(bool(lines) and not wide, "summary.txt is plain text of 72 columns", "\n".join(wide))
    text = "\n".join(lines)
    missing = [word for word in ("overlay", "rcu_desc", "PASS") if word not in text]
    out.result(not missing and text in run.said, "summary.txt is what was printed", f"missing: {missing}")
    page = (run.folder / "report.html").read_text()
    out.result("-time-descriptors" in page and "</html>" in page, "report.html is there, with limbo over time")
    command = (run.folder / "command").read_text()
    out.result(f"--suite {TESTS / 'tiny.toml'}" in command, "the command that runs it again", command)


def boots(out: Ktap, run: Bench) -> None:
    """A suite with two machines."""
    said = {boot["name"]: boot for boot in run.result()["environment"]["boots"]}
    words = {name: [word in (boot["cmdline"] or "").split() for word in ("preempt=full", "rcupdate.rcu_expedited=1")]
             for name, boot in said.items()}
    out.result(run.status == 0 and words == {"usual": [False, False], "small": [True, True]},
               "boots.toml: each machine has its words", f"{words}\n{run.said}")
    memory = {name: round((boot["memory"] or 0) / 2**29) for name, boot in said.items()}
    out.result(memory == {"usual": 4, "small": 1}, "boots.toml: each machine has its memory", str(memory))


def resumed(out: Ktap, folder: Path, flags: list[str]) -> None:
    """Ctrl-C in the second of two boots, and RESUME=."""
    argv = [FOLIOSCALE, "bench", *flags, "--suite", str(TESTS / "tiny.toml")]
    with subprocess.Popen([*argv, "--out", str(folder)], text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT) as bench:
        lines = []
        for line in bench.stdout:
            lines.append(line)
            if "boot 2/2" in line:
                bench.send_signal(signal.SIGINT)
    out.result(bench.returncode == 4 and f"--resume {folder}" in lines[-1], "Ctrl-C: exit status 4, and how to go on",
               f"exit status {bench.returncode}\n{''.join(lines)}")
    first = (folder / "boot-1/console.log").stat().st_ino
    done = subprocess.run([*argv, "--resume", str(folder)], check=False, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)
    found = json.loads((folder / "result.json").read_text())
    shape = (found["verdict"], found["environment"]["interrupted"], [len(point["repetitions"]) for point in found["points"]])
    out.result(done.returncode == 0 and shape == ("PASS", "", [2, 2]), "RESUME: the whole result", f"{shape}\n{done.stdout}")
    out.result((folder / "boot-1/console.log").stat().st_ino == first and "boot 1 is done" in done.stdout,
               "RESUME: what was done is not done again", done.stdout)


def main() -> int:
    """Return the exit status."""
    flags = sys.argv[1:]
    out = Ktap(lambda line: print(line, flush=True), 7 + 2 + 2 + 2 + 3 + 2 + 2 * len(DISASTERS))
    given = dict(zip(flags[::2], flags[1::2]))
    where = kernel.choose(given.get("--kdir"), given.get("--kernel"), given.get("--kver"))
    crash = kernel.build_module(where, "crash", root=TESTS / "crash") / "fsc_crash.ko"
    repo.BUILD.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="folioscale-bench-") as name:
        folder = Path(name)
        files(out, Bench(str(TESTS / "tiny.toml"), folder / "tiny", flags))
        for suite, status, verdict in (("busted", 1, "FAIL"), ("vacuous", 3, "INCONCLUSIVE")):
            run = Bench(str(TESTS / f"{suite}.toml"), folder / suite, flags)
            out.result(run.status == status, f"{suite}.toml: exit status {status}", f"exit status {run.status}\n{run.said}")
            found = [run.result()["verdict"], *(point["verdict"] for point in run.result()["points"])]
            out.result(found == [verdict, verdict], f"{suite}.toml: {verdict}", str(found))
        boots(out, Bench(str(TESTS / "boots.toml"), folder / "boots", flags))
        resumed(out, folder / "resumed", flags)
        run = Bench("no-such-suite", folder / "none", flags)
        out.result(run.status == 2 and "no such suite" in run.said, "a wrong suite: exit status 2", run.said)
        run = Bench("default", folder / "none", [*flags, "--nonsense"])
        out.result(run.status == 2 and "--nonsense" in run.said, "a wrong flag: exit status 2", run.said)
        for what, job, timeout_s, status, says in DISASTERS:
            run = Bench(str(TESTS / "tiny.toml"), folder / what.replace(" ", "-"), flags, job, timeout_s, crash)
            out.result(run.status == status, f"{what}: exit status {status}", f"exit status {run.status}\n{run.said}")
            told = " ".join(" ".join(run.summary()).split())
            out.result(says in told and says in json.dumps(run.result()), f"{what}: the summary has the reason", told)
    return 1 if out.count.failed else 0


if __name__ == "__main__":
    sys.exit(main())
