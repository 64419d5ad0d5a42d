# SPDX-License-Identifier: GPL-2.0-or-later
"""The figures of `make bench` are there, are worth something, and no worse by
far than those in Documentation/performance.md."""
import os
import re
import subprocess

from conftest import TOP

LIMITS = {'syscall.null': 400, 'fault.zerofill': 2500, 'fault.cow': 3500,
          'fault.refault': 4000, 'evict.page': 4000}


def test_the_kernel_costs_what_it_should():
    out = subprocess.run([os.path.join(TOP, 'scripts/bench')], check=True,
                         capture_output=True, text=True, timeout=900).stdout
    assert 'scale: 1.000 ' in out, out
    for name, limit in LIMITS.items():
        m = re.search(rf'^{re.escape(name)}: (\d+) instructions$', out, re.M)
        assert m and 0 < int(m[1]) < limit, (name, limit, out)
    assert re.search(r'^wordcount\.25\.nr_pcache_eviction_sync: \d+ events$',
                     out, re.M), out
