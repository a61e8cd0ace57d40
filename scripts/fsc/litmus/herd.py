# SPDX-License-Identifier: GPL-2.0
"""herd7 and the kernel's memory model, from Debian's archive: unpacked, not installed."""

import platform
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from .. import repo
from ..verdict import SetupError
from ..vm import archive, fetch, tools, versions

# Releases of Debian that have herd7. Any of its versions will do, if it knows the kernel's model.
SUITES = (archive.Suite("sid", aged=True),)
PACKAGE, PROGRAM = "herdtools7", "herd7"
_MODEL = "tools/memory-model"
_CONFIG = "linux-kernel.cfg"
_MODEL_FILES = (_CONFIG, "linux-kernel.cat", "linux-kernel.bell", "linux-kernel.def", "lock.cat")
_OBSERVATION = re.compile(r"^Observation \S+ (Never|Sometimes|Always) ", re.M)
_FLAG = re.compile(r"^Flag (\S+)", re.M)
# A test takes a tenth of a second, those with four threads some seconds.
_TIMEOUT_S = 600
NEVER, SOMETIMES, ALWAYS = "Never", "Sometimes", "Always"
RACE = "data-race"


@dataclass(frozen=True)
class Verdict:
    """What herd7 says of the bad outcome, and of the test itself."""
    observation: str
    flags: tuple[str, ...] = ()

    @property
    def bad(self) -> bool:
        """The bad outcome is possible, or there is a race, after which anything is."""
        return self.observation in (SOMETIMES, ALWAYS) or RACE in self.flags

    def __str__(self) -> str:
        return ", ".join([self.observation, *(flag.replace("-", " ") for flag in self.flags)])


def parse(said: str) -> Verdict | None:
    """What herd7 has printed; None if it did not come to a verdict."""
    found = _OBSERVATION.search(said)
    return Verdict(found[1], tuple(dict.fromkeys(_FLAG.findall(said)))) if found else None


def model(series: str) -> Path:
    """The folder with the kernel's memory model; if it does not exist, take it from Debian's kernel source."""
    source = fetch.source(series)
    if (unpacked := repo.cache() / f"source-{source.version}" / _MODEL).is_dir():
        return unpacked
    target = repo.BUILD / f"memory-model-{source.version}"

    def unpack() -> None:
        aside = target.with_name(f".{target.name}")
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir(parents=True)
        top = source.tar.name.partition(".tar")[0]
        # Each is there once, so tar need not read on to the end.
        done = subprocess.run(["tar", "-xJf", source.tar, "-C", aside, "--strip-components=3", "--occurrence",
                               *(f"{top}/{_MODEL}/{name}" for name in _MODEL_FILES)], check=False)
        if done.returncode:
            raise SetupError(f"no {_MODEL} in {source.tar}")
        aside.rename(target)

    archive.once(target, unpack)
    return target


@dataclass(frozen=True)
class Herd:
    """herd7 as it is called, and the folder that it is called in."""
    command: tuple[str, ...]
    folder: Path

    def words(self, test: Path) -> list[str]:
        return [*self.command, "-conf", _CONFIG, str(test)]

    def decide(self, test: Path) -> Verdict:
        """Run herd7 on a file; raise SetupError with its complaint if it has no verdict."""
        try:
            done = subprocess.run(self.words(test), cwd=self.folder, check=False, text=True, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            raise SetupError(f"{test}: no verdict after {_TIMEOUT_S} s") from None
        if not (verdict := parse(done.stdout)):
            why = (done.stderr or done.stdout).strip().splitlines() or [f"exit status {done.returncode}"]
            raise SetupError(f"{test}: {PROGRAM} has no verdict: {why[-1]}")
        return verdict


def command(program: str = PROGRAM) -> tuple[str, ...]:
    """@program of herdtools7, from PATH or from Debian's archive."""
    if found := shutil.which(program):
        return (found,)
    if platform.machine() != "x86_64":
        raise SetupError(f"no {program} in PATH, and what is fetched of Debian's archive is for x86_64: install {PACKAGE}")
    try:
        folder = tools.folder(PACKAGE, suites=SUITES)
    except SetupError as error:
        raise SetupError(f"no {program} in PATH, and Debian's {PACKAGE} cannot be fetched: {error}") from None
    # Without it the program looks where the package would be installed.
    return (str(folder / program), "-set-libdir", str(folder.parent / "share/herdtools7" / ("herd" if program == PROGRAM else "litmus")))


def ready() -> Herd:
    """Fetch what is missing."""
    return Herd(command(), model(versions.known().default))
