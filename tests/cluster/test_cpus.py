# SPDX-License-Identifier: GPL-2.0-or-later
"""Nodes with one CPU and with several, in all roles."""
import pytest

NODES = '''
[[node]]
role = "processor"
cpus = {cpus}
memory = "256M"
pcache = "32M"
[[node]]
role = "memory"
cpus = 2
memory = "640M"
options = "pool=512M"
[[node]]
role = "storage"
cpus = 2
memory = "192M"
'''

PROGRAM = '''
import os, subprocess, sys, threading
print("hello on", len(os.sched_getaffinity(0)))
count, lock = [0], threading.Lock()
def work():
    for _ in range(1000):
        with lock:
            count[0] += 1
threads = [threading.Thread(target=work) for _ in range(8)]
for t in threads: t.start()
children = [subprocess.Popen([sys.executable, "-Sc", f"print({i}*7)"],
                             stdout=subprocess.PIPE) for i in range(3)]
for t in threads: t.join()
print(count[0], [c.communicate()[0] for c in children],
      [c.returncode for c in children])
'''


@pytest.mark.parametrize('cpus', [1, 2, 4])
def test_threads_and_children_on_some_cpus(brick, tmp_path, cpus):
    (tmp_path / 'nodes.toml').write_text(NODES.format(cpus=cpus))
    result = brick.python(PROGRAM, nodes=tmp_path / 'nodes.toml')
    assert (result.status, result.out.decode()) == (
        0, f"hello on {cpus}\n8000 [b'0\\n', b'7\\n', b'14\\n'] [0, 0, 0]\n"
    ), result.explain()
    for node, nr in (('p0', cpus), ('m1', 2), ('s2', 2)):
        assert f'smp: {nr} CPU' in result.log(node), result.log(node)
