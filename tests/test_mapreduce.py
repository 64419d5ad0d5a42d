# SPDX-License-Identifier: GPL-2.0-or-later
"""The map-reduce programs on this host's kernel: both versions print what a
few lines of Python find in the same input, whatever the number of threads."""
import collections
import os
import re
import subprocess

import pytest

from conftest import TOP

SIZES = {'wordcount': '300K'}


def run(program, *args):
    return subprocess.run([program, *args], check=True, capture_output=True,
                          text=True, timeout=60).stdout


@pytest.fixture(scope='module')
def programs(tmp_path_factory):
    """{name: (program, its input)}"""
    folder = tmp_path_factory.mktemp('mapreduce')
    subprocess.run([os.path.join(TOP, 'tests/workloads/mapreduce/build'),
                    folder], check=True)
    for name, size in SIZES.items():
        run(folder / name, 'generate', size, folder / f'{name}.in', '7')
    return {name: (folder / name, folder / f'{name}.in') for name in SIZES}


@pytest.mark.parametrize('name', SIZES)
def test_versions_and_numbers_of_threads_print_the_same(programs, name):
    program, data = programs[name]
    want = run(program, 'seq', data)
    assert len(want.splitlines()) > 1, want
    for way in ([], ['--read']):
        assert run(program, *way, 'seq', data) == want
        for threads in ('1', '2', '3', '8'):
            assert run(program, *way, 'threads', threads, data) == want


def test_words_are_counted(programs):
    program, data = programs['wordcount']
    count = collections.Counter(
        re.findall('[a-z]+', data.read_text(encoding='ascii').lower()))
    lines = run(program, 'seq', data).splitlines()
    assert lines[0].split()[:4] == ['words', str(count.total()), 'different',
                                    str(len(count))]
    first = sorted(count.items(), key=lambda item: (-item[1], item[0]))[:16]
    assert [line.split() for line in lines[1:]] == [[str(n), word] for
                                                    word, n in first]
