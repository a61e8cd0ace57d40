# SPDX-License-Identifier: GPL-2.0
"""The verdicts, the exit status of each, and the error that leaves nothing to judge."""

# SETUP: one machine of several is not available, for a known reason.
PASS, FAIL, INCONCLUSIVE, LOST, SETUP = "PASS", "FAIL", "INCONCLUSIVE", "LOST", "SETUP"

EXIT_SETUP = 2
EXIT_STATUS = {PASS: 0, FAIL: 1, SETUP: EXIT_SETUP, INCONCLUSIVE: 3, LOST: 4}

# Among several verdicts, the one latest in this list stands for all. FAIL is above LOST: a
# failure that was seen stays one, whatever else was not seen.
SEVERITY = [PASS, INCONCLUSIVE, SETUP, LOST, FAIL]


class SetupError(Exception):
    """Wrong usage or a machine that is not set up: nothing was measured or tested."""


def worst(verdicts: list[str]) -> str:
    """Return the verdict that stands for all; LOST if there is none at all."""
    return max(verdicts, key=SEVERITY.index, default=LOST)
