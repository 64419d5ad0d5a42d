# SPDX-License-Identifier: GPL-2.0-or-later
"""Tests with Debian's kernel as a guest on the fabric."""
