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
ARGUMENTS = options.of(*options.MACHINE)
_JOB = """
insmod /folioscale.ko autorun=0 || exit
emit schema /sys/kernel/debug/folioscale/schema
"""
_TIMEOUT_S = 60.0
_TABLE = re.compile(r"(?P<begin><!-- schema: (?P<name>\w+) -->\n).*?(?P<end><!-- end -->)", re.S)


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
    return _TABLE.sub(lambda found: found["begin"] + _table(found["name"], known) + found["end"], text)


def names(text: str) -> list[str]:
    return [found["name"] for found in _TABLE.finditer(text)]


def _table(name: str, known: dict[str, Any]) -> str:
    heads, cells = TABLES[name]
    rows = [heads, *((f"`{own}`", *cells(one)) for own, one in known[name].items())]
    first, *others = ("| " + " | ".join(cell.replace("|", r"\|") for cell in row) + " |\n" for row in rows)
    return "".join([first, f"|{'---|' * len(heads)}\n", *others])


def _said(meaning: str, misleads: str) -> str:
    """Two sentences. The second may begin with a name, which stays as it is."""
    first, _, rest = misleads.partition(" ")
    return f"{meaning}. {first.capitalize() if first.isalpha() else first} {rest}" if misleads else meaning


# Heads, and the cells after the name. What a negative control is a bug of: tryget=cas is the default.
TABLES: dict[str, tuple[tuple[str, ...], Callable[[dict[str, Any]], tuple[str, ...]]]] = {
    "parameters": (("name", "default", "range", "meaning, and how it misleads"),
                   lambda one: (str(one["default"]), traits.allowed(one), _said(one["meaning"], one["misleads"]))),
    "counters": (("name", "counts", "how it misleads"), lambda one: (one["counts"], one["misleads"])),
    "protocols": (("`protocol=`", "descriptor", "pages", "a reader does", "paths"),
                  lambda one: (one["descriptor"], one["pages"], one["reader"], " ".join(one["paths"]))),
    "busted": (("`busted=`", "of", "forgets", "widened by", "paths"),
               lambda one: (one["protocol"] + f", tryget={one['tryget']}" * (one["tryget"] != "cas"), one["forgets"], one["widened_by"],
                            " ".join(one["paths"]))),
}
