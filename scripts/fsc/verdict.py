# SPDX-License-Identifier: GPL-2.0
"""The four verdicts, the exit status of each, and the error that is none of them."""

PASS, FAIL, INCONCLUSIVE, LOST = "PASS", "FAIL", "INCONCLUSIVE", "LOST"

EXIT_STATUS = {PASS: 0, FAIL: 1, INCONCLUSIVE: 3, LOST: 4}
EXIT_SETUP = 2

# Of several verdicts the one latest in this list stands for all. FAIL tops LOST: what was
# seen to be wrong stays wrong, whatever else was not seen.
SEVERITY = [PASS, INCONCLUSIVE, LOST, FAIL]


class SetupError(Exception):
    """Wrong usage or a machine that is not set up: nothing was measured or tested."""


def worst(verdicts: list[str]) -> str:
    """Return the verdict that stands for all; LOST when there is none at all."""
    return max(verdicts, key=SEVERITY.index, default=LOST)
