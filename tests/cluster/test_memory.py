# SPDX-License-Identifier: GPL-2.0-or-later
"""Random memory calls on a cluster whose pcache is far too small."""
import json
import os
import random
import subprocess

import pytest

from conftest import TOP

PROGRAM = '/memstress-static'
# In use on P, and on M for its programs; nothing else runs there.
GAUGES = {
    'p0': ('nr_pcache_rmaps', 'nr_user_frames', 'nr_user_aspaces',
           'nr_processes_alive', 'nr_tasks_alive', 'nr_open_files',
           'nr_pcache_lines'),
    'm0': ('nr_aspaces', 'nr_memory_vmas', 'nr_memory_tables'),
}


@pytest.fixture(scope='session')
def image(tmp_path_factory):
    """A disk with the one program."""
    root = tmp_path_factory.mktemp('memory') / 'root'
    for folder in ('proc', 'dev', 'tmp', 'sys'):
        (root / folder).mkdir(parents=True)
    subprocess.run(['gcc', '-O1', '-Wall', '-Wextra', '-pthread', '-static',
                    '-o', root / PROGRAM[1:],
                    os.path.join(TOP, 'tests/workloads/memstress.c')],
                   check=True)
    path = root.parent / 'memory.ext4'
    subprocess.run([os.path.join(TOP, 'scripts/make-image'), root, path],
                   check=True)
    return path


def stress(brick, image, seed, threads, steps, **options):
    result = brick.run(PROGRAM, '-s', str(seed), '-j', str(threads), '-n',
                       str(steps), image=image, **options)
    print(f'seed {seed}, {threads} threads, {steps} steps, {options}')
    assert result.status == 0, result.explain()
    assert b'all is as it should be' in result.out, result.explain()
    counters = result.counters()
    for node, gauges in GAUGES.items():
        for gauge in gauges:
            assert counters[node][gauge] == 0, (node, gauge,
                                                counters[node][gauge],
                                                result.explain())
    return counters


@pytest.mark.parametrize('seed', [1, None], ids=['fixed', 'fresh'])
@pytest.mark.parametrize('cpus, threads', [(1, 1), (2, 2), (4, 4)])
def test_memory_is_what_the_program_made_it(brick, image, cpus, threads,
                                            seed):
    p = stress(brick, image, seed or random.randrange(1 << 32), threads,
               3000 // threads, cpus=cpus, pcache='512K,4way')['p0']
    assert p['nr_pcache_eviction'] > 100 and p['nr_pgfault_wp_cow'] > 100, p


def test_the_phases_of_faults_sum_up_to_the_counters(brick, image, tmp_path):
    path = tmp_path / 'faults.json'
    p = stress(brick, image, 7, 2, 1500, cpus=2, pcache='512K,4way',
               **{'faults-file': path})['p0']
    faults = json.loads(path.read_text(encoding='utf-8'))['p0']
    slowest = faults.pop('slowest')
    nr = {kind: sum(faults.get(kind, {}).get('total', {}).values())
          for kind in ('minor', 'zerofill', 'pcache', 'victim', 'refault',
                       'memory', 'cow')}
    assert sum(nr.values()) == (p['nr_pgfault'] - p['nr_pgfault_segv']
                                - p['nr_pgfault_sigbus']), (nr, p)
    assert nr['zerofill'] == p['nr_pcache_fill_zerofill'], (nr, p)
    assert nr['cow'] == p['nr_pgfault_wp_cow'], (nr, p)
    assert (nr['pcache'] + nr['victim'] + nr['refault'] + nr['memory']
            + nr['cow']) == (p['nr_pcache_fill_from_pcache']
                             + p['nr_pcache_fill_from_victim']
                             + p['nr_pcache_fill_from_memory']), (nr, p)
    # Each phase once a fault, or never.
    for kind, phases in faults.items():
        for phase, buckets in phases.items():
            assert sum(buckets.values()) <= nr[kind], (kind, phase)
        for phase in ('trap', 'lookup'):
            assert sum(phases[phase].values()) == nr[kind], (kind, phase)
    assert sum(faults['refault']['wire'].values()) == nr['refault']
    # The slowest is in the last bucket that is not empty, and its phases are
    # all of it.
    last = max(int(b) for kind in faults.values() for b in kind['total'])
    assert 1 << last <= slowest['ns'] * 1.001 < 4 << last, (last, slowest)
    assert abs(sum(slowest['phases'].values()) - slowest['ns']) < 20, slowest
    assert slowest['pid'] > 0 and slowest['vaddr'] > 0, slowest


def test_a_set_may_have_fewer_ways_than_an_instruction_needs_pages(brick,
                                                                   image):
    """With this seed an instruction, what it reads and what it writes share
    a set of two ways; one CPU, so an evictor may run before it does."""
    stress(brick, image, 23768858, 3, 1000, cpus=1, pcache='1M,2way',
           append=['p0:pcache_policy=lru'])
