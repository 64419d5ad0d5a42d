# SPDX-License-Identifier: GPL-2.0-or-later
"""The `brick` command: clusters of emulated Brick nodes.

Reading order: config (what a cluster is), node (one QEMU), cluster (all of
them and the fabric), monitor (talking to a node's ttyS1), terminal (ttyS0),
cli (the commands).
"""
