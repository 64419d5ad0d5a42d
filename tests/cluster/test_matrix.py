# SPDX-License-Identifier: GPL-2.0-or-later
"""The map-reduce programs print on a cluster what they print on this host's
kernel: with a pcache of 100, 50, 25 and 12 % of their working set, threaded
with 1, 2, 4 and 8 threads, and sequential with as many processes at a time that
share the input among them.

`make test` runs a sample, `make test-matrix` (BRICK_MATRIX=full) all 256.  One
cluster serves all runs of a program with one pcache."""
import os

import pytest

from bricklib.disk import make_image
from bricklib.workload import MapReduce, small_root
from conftest import BUILD

# Input that makes a working set of 2 to 4 MiB.
SIZES = {'wordcount': '3M', 'stringmatch': '3M', 'revindex': '2M',
         'histogram': '3M', 'linreg': '3M', 'kmeans': '2M',
         'matmul': '1400K', 'pca': '2M'}
SHARES = (100, 50, 25, 12)
VERSIONS = ('seq', 'threads')
NUMBERS = (1, 2, 4, 8)

# What runs in the sample: with which share, and what beside threads 2 and 8.
SAMPLE = {'wordcount': (25, 'seq', 1), 'stringmatch': (12, 'seq', 4),
          'revindex': (50, 'seq', 1), 'histogram': (12, 'seq', 2),
          'linreg': (25, 'threads', 4), 'kmeans': (12, 'seq', 1),
          'matmul': (25, 'threads', 1), 'pca': (100, 'seq', 2)}

# Files of what runs side by side are shown when all have ended.
SCRIPT = '''
for run in $RUNS; do
	version=${run%-*} n=${run#*-}
	echo "== $version $n"
	if [ $version = threads ]; then
		/mr/$NAME $WAY threads $n /mr/$NAME.in
		echo "status $?"
		continue
	fi
	for i in 1 2 3 4 5 6 7 8; do
		[ $i -le $n ] || break
		(/mr/$NAME $WAY seq /mr/$NAME.in.$n; echo "status $?") >/tmp/$i &
	done
	wait
	for i in 1 2 3 4 5 6 7 8; do
		[ $i -gt $n ] || cat /tmp/$i
	done
done
'''


@pytest.fixture(scope='session')
def programs(tmp_path_factory):
    folder = tmp_path_factory.mktemp('matrix')
    root = small_root(folder / 'root', os.path.join(BUILD, 'rootfs'),
                      'usr/bin/sh', 'usr/bin/dash', 'usr/bin/cat')
    programs = MapReduce(root, SIZES, NUMBERS)
    programs.image = folder / 'matrix.ext4'
    make_image(root, programs.image)
    return programs


def runs_of_sample(name):
    share, version, n = SAMPLE[name]
    return share, [('threads', 2), ('threads', 8), (version, n)]


def clusters():
    """(program, share, [(version, number), ...]) for each cluster."""
    if os.environ.get('BRICK_MATRIX') == 'full':
        runs = [(version, n) for version in VERSIONS for n in NUMBERS]
        return [(name, share, runs) for name in SIZES for share in SHARES]
    return [(name, *runs_of_sample(name)) for name in SIZES]


@pytest.mark.parametrize('name, share, runs', [
    pytest.param(*c, id=f'{c[0]}-{c[1]}') for c in clusters()])
def test_prints_the_same_with_a_share_of_its_memory(brick, programs, name,
                                                    share, runs):
    # Half of the clusters read their input, the others map it.
    way = '--read' if (list(SIZES).index(name) + share) % 2 else ''
    result = brick.run(
        '/bin/sh', '-c', SCRIPT, image=programs.image,
        pcache=programs.pcache(name, share),
        timeout=7200,
        env=[f'NAME={name}', f'WAY={way}',
             'RUNS=' + ' '.join(f'{version}-{n}' for version, n in runs)])
    assert result.status == 0, result.explain()
    parts = result.out.decode().split('== ')[1:]
    said = {part.split('\n')[0]: part.split('\n', 1)[1] for part in parts}
    for version, n in runs:
        want = programs.expected[name] + 'status 0\n'
        if version == 'seq':
            want = (programs.expected[name, n] + 'status 0\n') * n
        assert said.get(f'{version} {n}') == want, (version, n,
                                                    result.explain())
    p = result.counters()['p0']
    if share < 50:
        assert p['nr_pcache_eviction_succeed'] > 0, result.explain()
    for gauge in ('nr_processes_alive', 'nr_user_aspaces', 'nr_user_frames',
                  'nr_pcache_lines', 'nr_pcache_rmaps'):
        assert p[gauge] == 0, (gauge, p[gauge], result.explain())
