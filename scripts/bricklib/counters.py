# SPDX-License-Identifier: GPL-2.0-or-later
"""The counters of all nodes, as a table, JSON or Prometheus text."""
import json

from . import monitor
from .config import BrickError


def collect(cluster):
    """{node name: {counter: value}}; a node that does not answer is told."""
    result = {}
    for n in cluster.nodes:
        result[n.name] = monitor.counters(n)
        if not result[n.name]:
            raise BrickError(f'node {n.name} printed no counters')
    return result


def as_table(values, zeros=False):
    """Rows: counters that are not 0 somewhere; columns: nodes."""
    nodes = list(values)
    names = []
    for node in nodes:
        names += [c for c in values[node] if c not in names]
    if not zeros:
        names = [c for c in names if any(values[n].get(c) for n in nodes)]
    width = max([len(c) for c in names] + [7])
    lines = ['counter'.ljust(width) + ''.join(n.rjust(13) for n in nodes)]
    for c in names:
        cells = (str(values[n][c]) if c in values[n] else '-' for n in nodes)
        lines.append(c.ljust(width) + ''.join(v.rjust(13) for v in cells))
    return '\n'.join(lines)


def as_json(values):
    return json.dumps(values, indent=2)


def as_prometheus(values):
    lines = []
    names = sorted({c for node in values.values() for c in node})
    for c in names:
        lines.append(f'# TYPE brick_{c} untyped')
        lines += [f'brick_{c}{{node="{n}"}} {v[c]}'
                  for n, v in values.items() if c in v]
    return '\n'.join(lines)
