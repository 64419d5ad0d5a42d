# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian's python3 on a cluster gives what it gives on Debian's kernel."""
import subprocess

import pytest

PYTHON = '/usr/bin/python3'


def native(*argv, stdin=b''):
    """What the same program of the same tree gives on this host."""
    done = subprocess.run(argv, input=stdin, capture_output=True,
                          check=False, timeout=120, cwd='/')
    return done.returncode, done.stdout


def same_as_native(brick, *argv, stdin=b'', **options):
    result = brick.run(*argv, stdin=stdin, **options)
    status, out = native(*argv, stdin=stdin)
    assert (result.status, result.out) == (status, out), result.explain()
    return result


def test_hello(brick):
    result = brick.python('print("hello")')
    assert (result.status, result.out) == (0, b'hello\n'), result.explain()


def test_exit_status_is_that_of_the_program(brick):
    result = brick.python('import sys; sys.exit(3)')
    assert result.status == 3, result.explain()


@pytest.mark.parametrize('pcache', ['64M', '8M'])
def test_sorting_300000_numbers(brick, pcache):
    code = ('import random,hashlib; random.seed(1); '
            'a=[random.random() for _ in range(300000)]; a.sort(); '
            'print(hashlib.sha256(repr(a[::1000]).encode()).hexdigest())')
    same_as_native(brick, PYTHON, '-c', code, pcache=pcache)
