# SPDX-License-Identifier: GPL-2.0-or-later
"""Eviction that is never in the way: threads that stream through a text
several times the size of the pcache, beside a small hot set."""
import random
import re

import pytest

from bricklib.disk import make_image
from bricklib.workload import bare_root
from conftest import BUILD

MIB = 1 << 20
SIZE = 8 * MIB                        # of the text


def text(size):
    draw = random.Random(5)
    words = [''.join(draw.choices('abcdefghijklmnopqrstuvwxyz', k=k))
             for k in draw.choices(range(2, 9), k=5000)]
    lines = []
    while size > 0:
        lines.append(' '.join(draw.choices(words, k=1000)) + '\n')
        size -= len(lines[-1])
    return ''.join(lines)[:size or None]


@pytest.fixture(scope='session')
def image(tmp_path_factory):
    """A disk with the program and its input."""
    root = bare_root(tmp_path_factory.mktemp('eviction') / 'root',
                     {'scan': 'workloads/scan.c'})
    (root / 'text').write_text(text(SIZE), encoding='ascii')
    (root / 'short').write_text(text(4 * MIB), encoding='ascii')
    path = root.parent / 'eviction.ext4'
    make_image(root, path)
    return path


def scan(brick, image, *args, **options):
    """Run it. Return P's counters and {threads: waits}."""
    result = brick.run('/scan', *args, image=image, **options)
    assert result.status == 0, result.explain()
    p = result.nothing_in_use()['p0']
    return p, {int(n): int(waits) for n, waits in
               re.findall(rb'^(\d+) threads: (\d+) waits$', result.out, re.M)}


@pytest.mark.parametrize('percent', [25, 12])
def test_no_fault_waits_for_a_free_line(brick, image, percent):
    """Nor when the policy changes all the time."""
    pcache = {25: '2M,8way', 12: '1M,8way'}[percent]
    p, waits = scan(brick, image, '-j', '1,2,4,8', '-n', '1', '-p', '/text',
                    pcache=pcache, cpus=2)
    nr_pages = SIZE // 4096
    assert waits == {1: 0, 2: 0, 4: 0, 8: 0}, p
    assert (p['nr_pcache_fill_from_memory'] + p['nr_prefetch_used']
            > 3 * nr_pages), p
    assert p['nr_pcache_eviction_succeed'] > 3 * nr_pages, p
    assert p['nr_victim_hit'] > 0, p


def test_a_tlb_is_interrupted_once_for_64_evicted_pages(brick, image):
    p, _ = scan(brick, image, '-j', '4', '-n', '3', '/text',
                pcache='4M,8way,victim=512', cpus=4)
    assert p['nr_pcache_eviction_succeed'] > SIZE // 4096, p
    assert (p['nr_pcache_eviction_ipi'] * 64
            <= p['nr_pcache_eviction_succeed']), p


@pytest.mark.parametrize('kernel, nr_victims', [('', 1), ('-debug', 8)],
                         ids=['release', 'debug'])
def test_r14_few_victims_many_threads(brick, image, kernel, nr_victims):
    p, waits = scan(brick, image, '-j', '16', '-n', '1', '/short',
                    pcache=f'1M,8way,victim={nr_victims}', cpus=2,
                    kernel=f'{BUILD}{kernel}/brick.elf')
    assert 16 in waits and p['nr_victim_eviction_succeed'] > 0, p
