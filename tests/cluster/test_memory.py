# SPDX-License-Identifier: GPL-2.0-or-later
"""Random memory calls on a cluster whose pcache is far too small.

BRICK_STRESS_SECONDS is how long the two main runs take (`make stress`: 600).
A failure names the seed, the thread and the step; `memstress -s SEED` makes
the same steps again.
"""
import hashlib
import json
import os
import random
import subprocess

import pytest

from bricklib.workload import program_image
from conftest import BUILD

PROGRAMS = {'memstress': 'workloads/memstress/*.c',
            'filemaps': 'workloads/filemaps.c'}
SECONDS = int(os.environ.get('BRICK_STRESS_SECONDS', '0'))
# 16 sets, so that threads meet in them all the time.
SMALL = '288K,4way,victim=8'


@pytest.fixture(scope='session')
def image(tmp_path_factory):
    """A disk with the programs."""
    return program_image(tmp_path_factory.mktemp('memory'), PROGRAMS)


def test_mapped_files_show_what_is_written(brick, image):
    native = subprocess.run([image.parent / 'root/filemaps'], check=True,
                            capture_output=True, timeout=120).stdout
    result = brick.run('/filemaps', image=image)
    assert (result.status, result.out) == (0, native), result.explain()


def stress(brick, image, threads, *args, **options):
    seed = random.randrange(1 << 32)
    result = brick.run('/memstress', '-s', str(seed), '-j', str(threads), *args,
                       image=image, timeout=900 + SECONDS, **options)
    print(f'seed {seed}, {threads} threads, {args}, {options}\n',
          result.out.decode())
    assert result.status == 0, result.explain()
    assert b'all is as it should be' in result.out, result.explain()
    p = result.nothing_in_use()['p0']
    assert p['nr_prefetch_issued'] == (p['nr_prefetch_used']
                                       + p['nr_prefetch_wasted']), p
    return p


# The policies of eviction take turns: these two, and below LRU and FIFO.
@pytest.mark.parametrize('kernel, seconds, policy',
                         [(BUILD, 60, 'clock'),
                          (f'{BUILD}-debug', 25, 'random')],
                         ids=['normal', 'debug'])
def test_no_byte_is_wrong_with_16_sets(brick, image, kernel, seconds, policy):
    p = stress(brick, image, 4, '-t', str(SECONDS or seconds), cpus=4,
               pcache=SMALL, kernel=f'{kernel}/brick.elf',
               append=[f'p0:pcache_policy={policy}'])
    assert p['nr_pcache_eviction_succeed'] > 100, p
    assert p['nr_pgfault_wp_cow'] > 100, p


def test_the_phases_of_faults_sum_up_to_the_counters(brick, image, tmp_path):
    path = tmp_path / 'faults.json'
    p = stress(brick, image, 3, '-t', '6', cpus=2, pcache='1M,8way',
               **{'faults-file': path})
    # There is room to read ahead.
    assert p['nr_prefetch_used'] > 10, p
    faults = json.loads(path.read_text(encoding='utf-8'))['p0']
    slowest = faults.pop('slowest')
    nr = {kind: sum(faults.get(kind, {}).get('total', {}).values())
          for kind in ('minor', 'zerofill', 'pcache', 'victim', 'ahead',
                       'refault', 'memory', 'cow')}
    assert sum(nr.values()) == (p['nr_pgfault'] - p['nr_pgfault_segv']
                                - p['nr_pgfault_sigbus']), (nr, p)
    assert nr['zerofill'] == p['nr_pcache_fill_zerofill'], (nr, p)
    assert nr['cow'] == p['nr_pgfault_wp_cow'], (nr, p)
    assert (nr['pcache'] + nr['victim'] + nr['ahead'] + nr['refault']
            + nr['memory'] + nr['cow']) == (p['nr_pcache_fill_from_pcache']
                                            + p['nr_pcache_fill_from_victim']
                                            + p['nr_prefetch_used']
                                            + p['nr_pcache_fill_from_memory']
                                            ), (nr, p)
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


@pytest.mark.parametrize('cpus, pcache', [(1, '128K,1way,victim=8'),
                                          (1, '128K,1way,victim=1'),
                                          (2, '128K,1way,victim=1')])
def test_sets_of_one_way(brick, image, cpus, pcache):
    """Whatever an instruction needs (its page, those that it reads and
    writes) may be in one set with one way; with one CPU an evictor may run
    before the instruction does."""
    stress(brick, image, 3, '-n', '150', cpus=cpus, pcache=pcache,
           append=['p0:pcache_policy=lru'])


def test_r9_every_entry_is_decodable_when_it_is_zapped(brick, image):
    """8 threads map, unmap and remap twice what the pcache holds; the debug
    kernel looks at every entry that goes."""
    stress(brick, image, 8, '-n', '500', cpus=4, pcache='3M,8way',
           kernel=f'{BUILD}-debug/brick.elf',
           append=['p0:pcache_policy=fifo'])


def test_read_of_a_file_larger_than_the_memory_node(brick, tmp_path):
    """Twice, so the page cache gives up what it kept: no page is mapped."""
    data = tmp_path / 'data'
    data.write_bytes(random.randbytes(80 << 20))
    with open(data, 'rb') as f:
        digest = hashlib.file_digest(f, 'sha256').hexdigest()
    result = brick.python(
        'import hashlib\n'
        'for i in range(2):\n'
        '    with open("/data", "rb") as f:\n'
        '        print(hashlib.file_digest(f, "sha256").hexdigest())\n',
        memory='48M', add=f'{data}:/data')
    assert result.out.decode() == f'{digest}\n{digest}\n', result.explain()
    m = result.counters()['m0']
    assert m['nr_pagecache_evicted'] > (80 << 20) / 4096, m
    assert m['nr_pool_frames_used'] <= (48 << 20) / 4096, m


MAPPED = """
import hashlib, mmap, threading
file = open('/data', 'rb')
data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
copy = mmap.mmap(file.fileno(), 16 << 20, access=mmap.ACCESS_COPY)
pages = range(0, len(copy), 1 << 20)
for page in pages:
    copy[page] = 7
def show():
    print(hashlib.sha256(data).hexdigest())
for nr_threads in 1, 2:
    threads = [threading.Thread(target=show) for i in range(nr_threads)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
with open('/data', 'rb') as f:
    print(hashlib.file_digest(f, 'sha256').hexdigest())
print(all(copy[page] == 7 for page in pages))
try:
    open('/data', 'r+b')
except OSError as e:
    print(e.strerror)
"""


def test_mapped_file_larger_than_the_memory_node(brick, tmp_path):
    """When no frame is left, its pages go, though they are mapped; what was
    written into a private mapping stays.  There is no file on storage that a
    shared mapping could write."""
    data = tmp_path / 'data'
    data.write_bytes(random.randbytes(80 << 20))
    digest = hashlib.sha256(data.read_bytes()).hexdigest()
    result = brick.python(MAPPED, memory='48M', add=f'{data}:/data')
    assert result.out.decode().splitlines() == [
        *[digest] * 4, 'True', 'Read-only file system'], result.explain()
    counters = result.counters()
    assert counters['p0']['nr_file_pages_given_up'] > (80 << 20) / 4096, counters
    assert counters['p0']['nr_pgfault_sigbus'] == 0, counters
    assert counters['m0']['nr_page_op_refused'] == 0, counters


MAPS = """
import ctypes, mmap
libc = ctypes.CDLL(None, use_errno=True)
with open('/tmp/file', 'w+b') as file:
    file.truncate(1 << 20)
    data = mmap.mmap(file.fileno(), 0)
    at = ctypes.addressof(ctypes.c_char.from_buffer(data))
    for page in range(0, 256, 2):
        libc.mprotect(ctypes.c_void_p(at + page * 4096), 4096, mmap.PROT_READ)
    for name in 'maps', 'smaps':
        lines = []
        for i in range(10):
            with open('/proc/self/' + name) as f:
                lines += [line for line in f if line.endswith('/tmp/file\\n')]
        print(name, len(lines), len(set(line.split()[3] for line in lines)))
"""


def test_a_file_mapped_many_times_is_asked_about_once(brick):
    """Who looks at /proc/PID/maps sends no message for each area."""
    result = brick.python(MAPS)
    assert result.out == b'maps 2560 1\nsmaps 2560 1\n', result.explain()
    p = result.counters()['p0']
    assert p['nr_rpc_sent_m_fs_getattr'] < 100, p
