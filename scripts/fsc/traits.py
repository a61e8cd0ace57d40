# SPDX-License-Identifier: GPL-2.0
"""What the module knows of itself: protocols, paths, parameters, counters.

debugfs' schema prints it; module/schema.json is what it printed, so that nothing needs a
machine to know it. `scripts/folioscale schema` writes that anew.
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
COUNTERS = KNOWN["counters"]


def allowed(parameter: dict[str, Any]) -> str:
    """What it may be, as the module words it when it refuses another value."""
    if "choices" in parameter:
        return ", ".join(parameter["choices"])
    return parameter.get("takes") or f"{parameter['min']} to {parameter['max']}"
