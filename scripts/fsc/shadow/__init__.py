# SPDX-License-Identifier: GPL-2.0
"""What would be in limbo under a real load: the loads, the machine, the figures, and what is written about them."""
