# SPDX-License-Identifier: GPL-2.0-or-later
"""The counters of all nodes, and the phases of their page faults, as a table,
JSON or Prometheus text."""
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


# -- phases of page faults -----------------------------------------------------

def collect_faults(cluster):
    """{processor node: {kind: {phase: {bucket: count}}, 'slowest': {...}}}"""
    return {n.name: monitor.faults(n) for n in cluster.nodes
            if n.config.role == 'processor'}


def bucket_of(buckets, share):
    """The bucket below the end of which @share of all lengths lie."""
    left = share * sum(buckets.values())
    for b in sorted(buckets):
        left -= buckets[b]
        if left <= 0:
            return b
    return 0


def length_text(ns):
    for unit in ('ns', 'us', 'ms'):
        if ns < 1000:
            return f'{ns:.3g} {unit}'
        ns /= 1000
    return f'{ns:.3g} s'


def faults_as_table(values):
    """A row for each phase; the lengths are upper ends of buckets."""
    lines = ['node  kind      phase        count    half in   99 % in    all in']
    for node, faults in values.items():
        for kind, phases in faults.items():
            if kind == 'slowest':
                continue
            for phase, buckets in phases.items():
                cells = (length_text(2 << bucket_of(buckets, share))
                         for share in (0.5, 0.99, 1))
                lines.append(f'{node:6}{kind:10}{phase:7}'
                             f'{sum(buckets.values()):11}'
                             + ''.join(c.rjust(10) for c in cells))
        s = faults.get('slowest')
        if s:
            phases = ', '.join(f'{p} {length_text(ns)}'
                               for p, ns in s['phases'].items())
            lines.append(f'{node:6}slowest: {s["kind"]} of pid {s["pid"]} at '
                         f'{s["vaddr"]:#x}, {length_text(s["ns"])}: {phases}')
    return '\n'.join(lines)


def faults_as_prometheus(values):
    name = 'brick_fault_phase_ns'
    lines = [f'# TYPE {name} histogram']
    for node, faults in values.items():
        for kind, phases in faults.items():
            if kind == 'slowest':
                continue
            for phase, buckets in phases.items():
                labels = f'node="{node}",kind="{kind}",phase="{phase}"'
                total = 0
                for b in range(max(buckets) + 1):
                    total += buckets.get(b, 0)
                    lines.append(f'{name}_bucket{{{labels},le="{2 << b}"}} '
                                 f'{total}')
                lines.append(f'{name}_bucket{{{labels},le="+Inf"}} {total}')
                lines.append(f'{name}_count{{{labels}}} {total}')
    return '\n'.join(lines)
