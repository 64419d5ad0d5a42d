# SPDX-License-Identifier: GPL-2.0-or-later
"""The other builds of the kernel (`make test` makes them): the debug kernel
checks locks, freed memory and every assertion while it runs programs; and what
clang makes works as well."""
import re

import pytest

from conftest import BUILD
from test_boot import boot
from test_python import IN_USE, PROGRAMS, PYTHON, same_as_native

DEBUG = f'{BUILD}-debug'
LLVM = f'{BUILD}-llvm'


def run_on(brick, build, code, **options):
    result = same_as_native(brick, [PYTHON, '-c', code],
                            kernel=f'{build}/brick.elf', **options)
    for node in ('p0', 'm0', 's0'):
        assert not re.search(r'panic|BUG|poison', result.log(node)), \
            result.explain()
    return result


def test_selftests_pass_with_all_checks(tmp_path):
    log = boot(f'{DEBUG}/brick.elf', str(tmp_path), 2, 'role=processor selftest poweroff')
    m = re.search(r'selftest: (\d+) passed, (\d+) failed', log)
    assert m, log[-3000:]
    assert int(m[1]) > 0 and m[2] == '0', log[-6000:]


@pytest.mark.parametrize('name, cpus, pcache', [
    ('zlib', 2, '4M'), ('threading', 4, '8M'), ('multiprocessing', 2, '8M'),
    ('tempfile', 1, '64M')])
def test_programs_pass_all_checks(brick, name, cpus, pcache):
    result = run_on(brick, DEBUG, PROGRAMS[name], cpus=cpus, pcache=pcache)
    after = result.counters()
    for node, gauges in IN_USE.items():
        for gauge in gauges:
            assert after[node][gauge] == 0, (gauge, result.explain())


def test_kernel_made_by_clang_runs_a_program(brick):
    run_on(brick, LLVM, PROGRAMS['hello'])
