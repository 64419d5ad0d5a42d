# SPDX-License-Identifier: GPL-2.0-or-later
"""C programs on processes, signals, threads, clocks and files print on a cluster what
they print on this host's kernel, however they are linked."""
import os
import subprocess

import pytest

from bricklib.disk import make_image
from bricklib.workload import compile_program, small_root
from conftest import BUILD

SOURCES = ('process', 'signals', 'threads', 'clocks', 'files', 'streams', 'pi',
           'mapcheck', 'storm', 'timers', 'sockets')
# How, and what is added to the name.
LINKED = {'dynamic': ('', ()), 'static': ('-static', ('-static',)),
          'static-pie': ('-pie', ('-static-pie',))}


@pytest.fixture(scope='session')
def image(tmp_path_factory):
    """A disk with nothing but the programs and the C library."""
    root = small_root(tmp_path_factory.mktemp('workloads') / 'root',
                      os.path.join(BUILD, 'rootfs'), 'usr/bin/true')
    (root / 'workloads').mkdir()
    for name in (*SOURCES, 'hello'):
        for suffix, flags in LINKED.values():
            compile_program(root / 'workloads' / f'{name}{suffix}',
                            f'workloads/{name}.c', *flags)
    path = root.parent / 'workloads.ext4'
    make_image(root, path)
    return path


def native(image, name, *args):
    program = image.parent / 'root/workloads' / name
    done = subprocess.run([program, *args], capture_output=True, check=False,
                          timeout=120, cwd='/', stdin=subprocess.DEVNULL)
    return done.returncode, done.stdout


@pytest.mark.parametrize('linked', LINKED)
@pytest.mark.parametrize('name', SOURCES)
def test_workload(brick, image, name, linked):
    program = name + LINKED[linked][0]
    result = brick.run(f'/workloads/{program}', image=image)
    assert (result.status, result.out) == native(image, program), \
        result.explain()


@pytest.mark.parametrize('name', ('process', 'threads', 'timers'))
def test_workload_on_one_cpu(brick, image, name):
    result = brick.run(f'/workloads/{name}', image=image, cpus=1)
    assert (result.status, result.out) == native(image, name), \
        result.explain()


def test_arguments_environment_and_status(brick, image):
    result = brick.run('/workloads/hello', 'a b', '', image=image,
                       env='BRICK_TEST=x y')
    assert result.out == b'hello 3 [a b] [] x y\n', result.explain()
    assert result.status == 2, result.explain()


@pytest.mark.parametrize('path, status, text', [
    ('/nonexistent', 127, b'No such file or directory'),
    ('nonexistent', 127, b'No such file or directory'),
    ('/workloads', 126, b'Permission denied'),
    ('/usr/lib/x86_64-linux-gnu/libc.so.6/x', 126, b'Not a directory'),
])
def test_what_cannot_be_run_is_said_as_a_shell_would(brick, image, path,
                                                     status, text):
    result = brick.run(path, image=image)
    assert result.status == status, result.explain()
    assert text in result.out + result.err, result.explain()


def test_everything_is_given_back(brick, image):
    result = brick.run('/workloads/process', image=image)
    p = result.counters()['p0']
    for gauge in ('nr_processes_alive', 'nr_tasks_alive', 'nr_user_aspaces',
                  'nr_user_frames', 'nr_open_files'):
        assert p[gauge] == 0, (gauge, p[gauge], result.explain())
    assert p['nr_forks'] > 30, result.explain()
