# SPDX-License-Identifier: GPL-2.0
"""Litmus tests: what is in them, what they leave unproved, and herd7, which decides them."""
