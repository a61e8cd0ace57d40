# SPDX-License-Identifier: GPL-2.0
"""schema: write down what protocols, negative controls, parameters and counters the module says that it has.

These are module/schema.json, and the tables of it in the documents. make check compares
both with the module.
"""

import argparse
import json
import re
from collections.abc import Callable
from typing import Any

from .. import repo, traits
from ..verdict import PASS, SetupError
from ..vm import accel, kernel, vm
from . import options

DOCUMENTS = ("README.md", "module/README.md")
_JOB = """
insmod /folioscale.ko autorun=0 || exit
emit schema /sys/kernel/debug/folioscale/schema
"""
_TIMEOUT_S = 60.0
_TABLE = re.compile(r"(?P<begin><!-- schema: (?P<name>\w+) -->\n).*?(?P<end><!-- end -->)", re.S)


def arguments(command: argparse.ArgumentParser) -> None:
    options.add(command, *options.MACHINE)


def main(args: argparse.Namespace) -> None:
    where = kernel.choose(args.kdir, args.kernel, args.kver)
    boot = vm.boot(vm.BootSpec(
        kernel=where, accel=accel.choose(args.accel, where), job=_JOB, timeout_s=_TIMEOUT_S, outdir=repo.BUILD / "schema",
        files={"folioscale.ko": kernel.build_module(where) / "folioscale.ko"}))
    said = dict(boot.blobs).get("schema")
    if boot.state != PASS or said is None:
        raise SetupError(f"no schema from the machine: {boot.state}: {boot.reason} ({boot.console})")
    known = json.loads(said)
    traits.FILE.write_bytes(said)
    for name in DOCUMENTS:
        document = repo.ROOT / name
        document.write_text(with_tables(document.read_text(encoding="utf-8"), known), encoding="utf-8")
    print(f"{traits.FILE}: {', '.join(f'{len(found)} {name}' for name, found in known.items())}")


def with_tables(text: str, known: dict[str, Any]) -> str:
    """A document with its tables replaced by those made from @known."""
    return _TABLE.sub(lambda found: found["begin"] + TABLES[found["name"]](known) + found["end"], text)


def names(text: str) -> list[str]:
    """The names of a document's tables."""
    return [found["name"] for found in _TABLE.finditer(text)]


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    return "".join([_row(head), f"|{'---|' * len(head)}\n", *map(_row, rows)])


def _row(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |\n"


def _parameters(known: dict[str, Any]) -> str:
    return _table(("name", "default", "range", "meaning, and how it misleads"),
                  [(f"`{name}`", str(one["default"]), traits.allowed(one), _said(one["meaning"], one["misleads"]))
                   for name, one in known["parameters"].items()])


def _counters(known: dict[str, Any]) -> str:
    return _table(("name", "counts", "how it misleads"),
                  [(f"`{name}`", one["counts"], one["misleads"]) for name, one in known["counters"].items()])


def _protocols(known: dict[str, Any]) -> str:
    return _table(("`protocol=`", "descriptor", "pages", "a reader does", "paths"),
                  [(f"`{name}`", one["descriptor"], one["pages"], one["reader"], " ".join(one["paths"]))
                   for name, one in known["protocols"].items()])


def _busted(known: dict[str, Any]) -> str:
    return _table(("`busted=`", "of", "forgets", "widened by", "paths"),
                  [(f"`{name}`", _of(one), one["forgets"], one["widened_by"], " ".join(one["paths"]))
                   for name, one in known["busted"].items()])


def _of(control: dict[str, Any]) -> str:
    """The parameters that choose what a negative control is a bug of. tryget=cas is the default."""
    return control["protocol"] + f", tryget={control['tryget']}" * (control["tryget"] != "cas")


TABLES: dict[str, Callable[[dict[str, Any]], str]] = {
    "parameters": _parameters, "counters": _counters, "protocols": _protocols, "busted": _busted}


def _said(meaning: str, misleads: str) -> str:
    """Two sentences. The second may begin with a name, which stays as it is."""
    first, _, rest = misleads.partition(" ")
    return f"{meaning}. {first.capitalize() if first.isalpha() else first} {rest}" if misleads else meaning
