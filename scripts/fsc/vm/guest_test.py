# SPDX-License-Identifier: GPL-2.0
"""A KTAP script of scripts/tests/guest, run in a virtual machine."""

import json
import subprocess
from pathlib import Path
from typing import Any

from .. import repo, traits
from ..ktap import Ktap
from ..suite import guest_script
from ..verdict import PASS
from . import kernel, vm
from .accel import Accel
from .kernel import Kernel

GUEST = repo.SCRIPTS / "tests/guest"
HELPERS = ("ktap", "module", "faults")
WORK = "work.json"


def run(out: Ktap, where: Kernel, how: Accel, folder: Path, *, script: str, env: str = "",
        **machine) -> None:
    """Boot, run @script, and put its results and those of the machine into @out."""
    out.feed("KTAP version 1")
    out.feed("1..3")
    below = out.below()
    texts: dict[str, list[str]] = {"run.json": [], "config": []}

    def on_blob(name: str, data: bytes) -> None:
        if name == "ktap":
            below.feed(data.decode(errors="replace"))
        elif name in texts:
            texts[name].append(data.decode(errors="replace"))

    names = (*HELPERS, script)
    module = kernel.build_module(where, variables=kernel.WITH_OPENCODED)
    boot = vm.boot(vm.BootSpec(
        kernel=where, accel=how, outdir=folder, on_blob=on_blob,
        job="\n".join([env, ". /memory.sh", *(f". /tests/{name}.sh" for name in names), "ktap_end"]),
        files={"folioscale.ko": module / "folioscale.ko", "memory.sh": guest_script.MEMORY_SH,
               "fsc_opencoded.ko": module / "fsc_opencoded.ko",
               # Built for kernels with KUnit, and with tracepoints.
               **{path.name: path for name in ("fsc_kunit.ko", "fsc_shadow.ko") for path in module.glob(name)},
               **{f"tests/{name}.sh": GUEST / f"{name}.sh" for name in names},
               "tests/schema.json": traits.FILE, **_tables(folder), **_programs(folder)},
        **machine))
    out.end(below, f"{script}.sh on {where.release}")
    trouble, work = judged(texts["run.json"], folder)
    for text in texts["config"]:
        try:
            json.loads(text)
        except ValueError as error:
            trouble = trouble or f"config: {error}: {text}"
    (folder / WORK).write_text(json.dumps(work), encoding="utf-8")
    out.result(not trouble, f"{len(texts['run.json'])} run.json are what they should be", trouble)
    out.result(boot.state == PASS, "the machine and its console", f"{boot.state}: {boot.reason}")


# Parameters that are lists: a good value, and bad ones.
_TEXTS = {
    "order": ("0:8,2:4,9:1", "-1 10 0:0 0:101 10:1 0: :1 0:1, 0:1,,2:1 0:1:1 0:1,2 "
              + ",".join(["0:100"] * 10 + ["0:1"]) + " " + ",".join(["0:1"] * 15 + ["0:11"])),
    "mix": ("60:20:10:5:5", "1 0:1:1:1:1 1:1:1:1 1:1:1:1:1:1 101:0:0:0:0 1:-1:0:0:0 1::0:0:0 1:0:0:0:0,"),
    "reader_cpus": ("0-1", "9 99999999 1-0 0- -1 0,x"),
    "freer_cpus": ("1", "9 99999999 1-0 0- -1 0,x"),
    "account": ("/a.slice/b-1", "a /a,b /a=b /a;b"),
}


def params_rows(parameters: dict[str, Any]) -> list[str]:
    """A row for each parameter: name, a good value that is not the default, what is allowed, bad values."""
    rows = []
    for name, one in parameters.items():
        if one["kind"] == "text":
            good, bad = _TEXTS[name]
        elif one["kind"] == "choice":
            good = next(choice for choice in reversed(one["choices"]) if choice != one["default"])
            bad = f"{good.upper()} {good}e {good[:-1]} 1"
        else:
            good = str(one["default"] + (1 if one["default"] < one["max"] else -1))
            bad = f"{one['min'] - 1} {one['max'] + 1} {max(one['max'] + 1, 1 << 32)}"
        rows.append("|".join((name, good, traits.allowed(one), bad)))
    return rows


def protocol_rows(protocols: dict[str, Any]) -> list[str]:
    """A row for each protocol: name, its paths, its ways to count references, and the traits that it has."""
    return ["|".join((name, " ".join(one["paths"]), " ".join(one["trygets"]),
                      " ".join(trait for trait, value in one.items() if value is True)))
            for name, one in protocols.items()]


def busted_rows(busted: dict[str, Any]) -> list[str]:
    """A row for each negative control: name, its paths, and the parameters of the protocol that it is a bug of."""
    return ["|".join((name, " ".join(one["paths"]), f"protocol={one['protocol']} tryget={one['tryget']}"))
            for name, one in busted.items()]


def _tables(folder: Path) -> dict[str, Path]:
    """The rows as files for the guest's scripts, which have no JSON."""
    for name, rows in (("params", params_rows(traits.PARAMETERS)), ("protocols", protocol_rows(traits.PROTOCOLS)),
                       ("busted", busted_rows(traits.BUSTED))):
        (folder / f"{name}.table").write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")
    return {f"tests/{file.name}": file for file in folder.glob("*.table")}


def _programs(folder: Path) -> dict[str, Path]:
    """Build the programs next to the scripts; they use no libc."""
    built = {}
    for source in sorted(GUEST.glob("*.c")):
        built[f"tests/{source.stem}"] = folder / source.stem
        subprocess.run(["gcc", "-O2", "-Wall", "-Wextra", "-Werror", "-static", "-nostdlib", "-ffreestanding",
                        "-fno-stack-protector", "-o", folder / source.stem, source], check=True)
    return built


def judged(documents: list[str], folder: Path) -> tuple[str, dict[str, int]]:
    """What is wrong with the first run.json that is wrong, read at any time of a run, and the work of all runs whose run.json was
    read after they had ended."""
    trouble, work = "", {"runs": 0, "lookups": 0, "turnovers": 0}
    for number, text in enumerate(documents):
        try:
            found = json.loads(text)
        except ValueError as error:
            (folder / f"run-{number}.json").write_text(text)
            trouble = trouble or f"run-{number}.json: {error}"
            continue
        if wrong := complaint(found):
            trouble = trouble or f"run-{number}: {wrong}"
        if found["state"] == "done":
            work["runs"] += 1
            for name in ("lookups", "turnovers"):
                work[name] += found["counters"][name]
    return trouble, work


def complaint(found: dict[str, Any]) -> str:
    """What is wrong with a run.json, whatever its verdict."""
    if found["schema"] != 1 or found["verdict"] not in ("PASS", "FAIL", "INCONCLUSIVE"):
        return f"schema {found['schema']}, verdict {found['verdict']}"
    if found["state"] == "done":
        count = found["counters"]
        if count["lookups"] != count["hits"] + count["misses"]:
            return f"lookups are not hits and misses: {count}"
        *folios, freed, released = found["balance"].values()
        if len(set(folios)) != 1 or freed != released:
            return f"balance {found['balance']}"
    return ""
