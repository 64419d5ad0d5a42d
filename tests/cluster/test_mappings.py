# SPDX-License-Identifier: GPL-2.0-or-later
"""What Linux promises about memory: tests/workloads/mappings prints on a cluster what it
prints on this host's kernel."""
import os
import subprocess

import pytest

from bricklib.workload import program_image
from conftest import Brick, short_folder

SECTIONS = ('fixed', 'heap', 'rights', 'arguments', 'remap', 'advice', 'forks',
            'resident', 'locked', 'shared', 'files', 'ends', 'sparse',
            'overcommit', 'limits', 'growth', 'proc', 'movers', 'end')
SIZES = {'ample': '64M', 'small': '512K,4way'}


def by_section(out):
    sections = {}
    for line in out.decode(errors='replace').splitlines():
        name, _, text = line.partition(': ')
        sections.setdefault(name, []).append(text)
    return sections


@pytest.fixture(scope='session')
def image(tmp_path_factory):
    return program_image(tmp_path_factory.mktemp('mappings'),
                         {'mappings': 'workloads/mappings/*.c'})


@pytest.fixture(scope='session')
def native(image):
    done = subprocess.run([image.with_name('root') / 'mappings'],
                          capture_output=True, check=True, timeout=120,
                          cwd='/', stdin=subprocess.DEVNULL)
    sections = by_section(done.stdout)
    with open('/proc/sys/vm/overcommit_memory', encoding='ascii') as f:
        if int(f.read()):  # other rules
            del sections['overcommit']
    return sections


@pytest.fixture(scope='session', params=SIZES)
def result(request, image):
    return Brick(short_folder()).run('/mappings', image=image,
                                     pcache=SIZES[request.param])


def check(result, native, section):
    got = by_section(result.out).get(section)
    assert got, result.explain()
    assert got == native.get(section, got), result.explain()
    return got


@pytest.mark.parametrize('section', SECTIONS)
def test_memory_is_as_on_linux(result, native, section):
    check(result, native, section)


def test_r18_map_fixed_over_touched_pages_reads_zero(result, native):
    got = check(result, native, 'fixed')
    assert got.count('read: 1 2 3 0 0 0 0 8 9 10 11 12') == 4, got
    assert got.count('afterwards the target holds: 1 2 3 4 5 6 7 8') == 3, got


def test_r19_a_heap_that_shrinks_and_grows_reads_zero(result, native):
    got = check(result, native, 'heap')
    assert got.count('grown again: 1, 1 2 3 4 0 0') == 3, got


def test_r20_faults_without_rights_have_code_and_address(result, native):
    got = check(result, native, 'rights')
    assert 'PROT_NONE, read: SEGV_ACCERR' in got, got
    assert 'PROT_READ, write: SEGV_ACCERR' in got, got
    assert 'not mapped: SEGV_MAPERR' in got, got
    assert not [line for line in got if 'elsewhere' in line], got


def test_r26_msync_and_munmap_write_back(result, native):
    got = check(result, native, 'files')
    for line in ('munmap: munmap, munmap', 'msync: msync, msync',
                 'exit: exit, exit'):
        assert line in got, got


def test_r34_sparse_mappings_cost_nothing(result, native):
    got = check(result, native, 'sparse')
    for line in ('its page tables: 0', 'page tables left: 0',
                 'page tables after a thousand: 0'):
        assert line in got, got
    assert result.counters()['p0']['nr_page_table_pages'] == 0


def test_r38_mremap_loses_no_write_of_another_thread(result, native):
    assert check(result, native, 'movers') == ['writes lost: 0']


STARTS = int(os.environ.get('BRICK_STARTS', '8'))


def test_r12_python_starts_many_times(brick):
    """BRICK_STARTS=100: as often as the rule says."""
    result = brick.python(
        'import subprocess, sys\n'
        f'for i in range({STARTS}):\n'
        '    subprocess.run([sys.executable, "-c", f"print(\'hello {i}\')"],'
        ' check=True)\n', pcache='4M')
    assert result.out == b''.join(b'hello %d\n' % i for i in range(STARTS)), \
        result.explain()
