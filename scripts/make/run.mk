# SPDX-License-Identifier: GPL-2.0-or-later
# Running and testing on the emulated cluster.
