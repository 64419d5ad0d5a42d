# SPDX-License-Identifier: GPL-2.0-or-later
"""Pages are read ahead of programs that go through memory."""
import re

import pytest

from bricklib.workload import program_image
from conftest import Brick, short_folder

NR_PAGES = 1536                       # three times the pcache


@pytest.fixture(scope='module')
def image(tmp_path_factory):
    """A disk with the one program."""
    return program_image(tmp_path_factory.mktemp('prefetch'),
                         {'readahead': 'workloads/readahead.c'})


def expect_nothing_left(result):
    p = result.nothing_in_use()['p0']
    assert p['nr_prefetch_issued'] == (p['nr_prefetch_used']
                                       + p['nr_prefetch_wasted']), p
    return p


def ways(brick, image, mode):
    """{way to go: {counter: what it added}}"""
    result = brick.run('/readahead', str(NR_PAGES), image=image, cpus=2,
                       pcache='2M,8way,victim=128', append=[f'p0:prefetch={mode}'])
    assert result.status == 0, result.explain()
    expect_nothing_left(result)
    found = {}
    for line in result.out.decode().splitlines():
        name, rest = line.split(maxsplit=1)
        found[name] = {k: int(v) for k, v in re.findall(r'(\w+)=(\d+)', rest)}
    assert len(found) == 6, result.explain()
    print(mode, found)
    return found


@pytest.fixture(scope='module')
def by_mode(image):
    brick = Brick(short_folder())
    return {mode: ways(brick, image, mode) for mode in ('trend', 'off')}


@pytest.mark.parametrize('way', ['up', 'down', 'strided', 'threads'])
def test_a_scan_finds_most_pages_read_ahead(by_mode, way):
    on, off = by_mode['trend'][way], by_mode['off'][way]
    # How many pages have to be read depends on what is in the pcache.
    nr_read = on['nr_pcache_fill_from_memory'] + on['nr_prefetch_used']
    # Evictors may be late, then there is no room to read ahead.
    assert on['nr_prefetch_used'] > nr_read / 2, (on, off)
    assert on['nr_prefetch_wasted'] < nr_read / 10, (on, off)
    assert (on['nr_pcache_fill_from_memory']
            < off['nr_pcache_fill_from_memory'] / 2), (on, off)


def test_random_access_has_nothing_read_ahead(by_mode):
    on, off = by_mode['trend']['random'], by_mode['off']['random']
    assert on['nr_prefetch_issued'] < on['pages'] / 50, on
    assert (on['nr_pcache_fill_from_memory']
            < off['nr_pcache_fill_from_memory'] * 1.1 + 20), (on, off)


def test_off_means_off(by_mode):
    assert all(not way['nr_prefetch_issued']
               for way in by_mode['off'].values()), by_mode['off']
