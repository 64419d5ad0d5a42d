# SPDX-License-Identifier: GPL-2.0-or-later
"""The figures of `make bench` are there, are worth something, and within their
limits."""
import os
import re
import subprocess

import pytest

from conftest import TOP

BENCH = os.path.join(TOP, 'scripts/bench')
# Instructions at most.
LIMITS = {'syscall.null': 250, 'fault.zerofill': 900, 'fault.cow': 2000,
          'fault.refault': 1500, 'evict.page': 500}
CONTENDED = re.compile(r'^faults\.4cpu\.contended: (\d+\.\d+) percent$', re.M)
LINE = re.compile(r'[a-z0-9_.]+: \d+(\.\d+)? [a-z ]+')


def bench(*args):
    return subprocess.run([BENCH, *args], check=True, capture_output=True,
                          text=True, timeout=900).stdout


def test_the_kernel_costs_what_it_should():
    out = bench()
    assert 'scale: 1.000 ' in out, out
    for line in out.splitlines():
        assert LINE.fullmatch(line), (line, out)
    for name, limit in LIMITS.items():
        m = re.search(rf'^{re.escape(name)}: (\d+) instructions$', out, re.M)
        assert m and 0 < int(m[1]) <= limit, (name, limit, out)
    assert 'wordcount.25.nr_pcache_eviction_sync: 0 events\n' in out, out


@pytest.mark.long
def test_faults_of_four_cpus_hardly_ever_wait_for_a_lock():
    """A host that takes a CPU away while it holds a lock makes others wait;
    so the best of some runs counts, and what it says on a host with fewer
    cores than the cluster has CPUs is no verdict.  That is why it is not among
    the tests that run every time."""
    seen = []
    while len(seen) < 5 and (not seen or min(seen) >= 1):
        seen.append(float(CONTENDED.search(bench('--contention'))[1]))
    assert min(seen) < 1, seen
