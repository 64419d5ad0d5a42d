# SPDX-License-Identifier: GPL-2.0-or-later
"""A cluster whose fabric loses packets and takes its time."""
import json
import subprocess

from test_python import PYTHON

PROGRAM = '''
import hashlib, random
data = bytearray(random.Random(5).randbytes(1 << 20))
for i in range(0, len(data), 4096):
    data[i] ^= i >> 12 & 255
print(hashlib.sha256(data).hexdigest())
'''


def test_a_program_runs_right_over_links_that_lose_packets(brick):
    path = f'{brick.folder}/fabric.json'
    want = subprocess.run(['python3', '-c', PROGRAM], check=True, timeout=300,
                          stdout=subprocess.PIPE).stdout
    result = brick.run(PYTHON, '-c', PROGRAM,
                       fabric=['drop all 0.001', 'delay all 50us'],
                       fabric_counters=path)
    assert (result.status, result.out) == (0, want), result.explain()
    with open(path, encoding='utf-8') as f:
        ports = json.load(f)
    for name in ('dropped_to_card', 'dropped_to_switch', 'timeouts'):
        assert sum(p[name] for p in ports) > 0, (name, ports)
    assert all(p['delayed'] for p in ports), ports
    assert not sum(p['error_completions'] for p in ports), ports
