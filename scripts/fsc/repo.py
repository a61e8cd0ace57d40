# SPDX-License-Identifier: GPL-2.0
"""Where things are."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ROOT / "scripts"
BUILD = ROOT / "build"
# In the environment of what a check starts: the check holds the lock for it.
INSIDE_CHECK = "FOLIOSCALE_INSIDE_CHECK"
# For what make and a check start: it dies with its parent, and leaves no machine behind.
DIES_WITH_PARENT = "FOLIOSCALE_DIES_WITH_PARENT"


def cache() -> Path:
    """The folder of kernels and compilers, which outlive the tree that asked for them."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "folioscale"
