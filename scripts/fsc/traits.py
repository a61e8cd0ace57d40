# SPDX-License-Identifier: GPL-2.0
"""The module's description of itself: protocols, paths, parameters, counters.

debugfs' schema prints it. module/schema.json is a copy, so that nobody needs a machine to
read it. `scripts/folioscale schema` renews the copy.
"""

import json
from typing import Any

from . import repo

FILE = repo.ROOT / "module/schema.json"

KNOWN: dict[str, dict[str, Any]] = json.loads(FILE.read_text(encoding="utf-8"))
PROTOCOLS = KNOWN["protocols"]
BUSTED = KNOWN["busted"]
PATHS = KNOWN["paths"]
PARAMETERS = KNOWN["parameters"]


def protocols_of(path: str) -> list[str]:
    return [name for name, one in PROTOCOLS.items() if path in one["paths"]]


def allowed(parameter: dict[str, Any]) -> str:
    """The allowed values, in the words in which the module refuses others."""
    if "choices" in parameter:
        return ", ".join(parameter["choices"])
    return parameter.get("takes") or f"{parameter['min']} to {parameter['max']}"
