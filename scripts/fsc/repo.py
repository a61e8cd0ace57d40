# SPDX-License-Identifier: GPL-2.0
"""Where things are."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ROOT / "scripts"
BUILD = ROOT / "build"
# Set in the environment of programs that a check starts, because the check holds the lock for them.
INSIDE_CHECK = "FOLIOSCALE_INSIDE_CHECK"
# Set for programs that make and a check start: they die with their parent, and leave no machine behind.
DIES_WITH_PARENT = "FOLIOSCALE_DIES_WITH_PARENT"


def cache() -> Path:
    """The folder of kernels and compilers that outlive the tree that asked for them."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "folioscale"
