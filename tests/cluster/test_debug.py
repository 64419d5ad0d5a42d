# SPDX-License-Identifier: GPL-2.0-or-later
"""The other builds of the kernel (`make test` makes them): the debug kernel
checks locks, freed memory and every assertion while it runs programs; and what
clang makes works as well."""
import os
import re
import subprocess
import time

import pytest

from conftest import BUILD, TOP, short_folder
from test_boot import boot, connect, receive
from test_python import PROGRAMS, PYTHON, same_as_native

DEBUG = f'{BUILD}-debug'
LLVM = f'{BUILD}-llvm'


# What `provoke` on the monitor does, and what the kernel has to say of it.
PROVOCATIONS = {
    'lock-order': 'lock outer_lock .* taken while holding inner_lock',
    'lock-twice': 'lock outer_lock .* taken twice',
    'lock-irq': 'lock irq_lock .* taken with interrupts on',
    'lock-free': 'lock outer_lock .* released by who does not hold it',
    'mutex-order': 'lock outer_mutex .* taken while holding one of',
    'sleep-lock': 'sleeping while holding spinlock outer_lock',
    'sleep-irq': 'sleeping with interrupts off',
    'slab-end': 'kmalloc-32: object .* of 20 bytes, from .*: written to '
                'behind its end',
    'slab-free': 'kmalloc-128: object .*: written to while free',
    'slab-twice': 'kmalloc-128: object .*: freed twice',
    'table': 'oops: page-table page written to at ffff8'
             '(?s:.*)write_to_a_page_table',
    'table-free': 'page-table page .*: word 7 was written to while it was '
                  'free: 1',
    'wait': r'waiter \(\d+\) waits in mutex_lock\(\) for outer_mutex: .*\n'
            r'(?s:.*)holder \(\d+\) has that, and waits in '
            r'wait_for_completion\(\) for what never comes: ',
}


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
    run_on(brick, DEBUG, PROGRAMS[name], cpus=cpus,
           pcache=pcache).nothing_in_use()


def test_kernel_made_by_clang_runs_a_program(brick):
    run_on(brick, LLVM, PROGRAMS['hello'])


@pytest.mark.parametrize('node, name, words', [
    ('p0', 'lock-twice', r'p0: panic: lock outer_lock .* taken twice; log: '),
    ('m0', 'table', 'm0: oops: page-table page written to at .*; log: ')])
def test_a_run_ends_at_once_when_a_node_does(node, name, words):
    folder = os.path.join(short_folder(), '1')
    with subprocess.Popen(
            [os.path.join(TOP, 'scripts/brick'), 'run', '--dir', folder,
             '--kernel', f'{DEBUG}/brick.elf', '--timeout', '900', '--',
             '/usr/bin/sleep', '800'], stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE) as run:
        try:
            wait_for_memory(run, os.path.join(folder, 'p0.log'))
            with connect(os.path.join(folder, f'{node}.log.sock')) as s:
                s.sendall(f'provoke {name}\n'.encode())
                receive(s, b'the node is stopped')
                said = run.communicate(timeout=600)[1].decode()
        finally:
            run.terminate()
    assert re.search(words, said), said
    assert run.returncode == 125


def wait_for_memory(run, log):
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline and run.poll() is None:
        if os.path.exists(log):
            with open(log, 'rb') as f:
                # by then the monitors of all nodes take what is typed
                if b'mm: using memory node' in f.read():
                    return
        time.sleep(0.2)
    raise AssertionError('the cluster does not come up')


class Machine:
    """A lone node whose monitor is asked to make a mistake."""

    def __init__(self, path):
        self.path = path
        self.process = subprocess.Popen(
            [os.path.join(TOP, 'scripts/qemu'), '-M', 'q35', '-accel', 'tcg',
             '-cpu', 'max', '-m', '128M', '-nodefaults', '-display', 'none',
             '-no-reboot', '-kernel', f'{DEBUG}/brick.elf', '-append',
             'role=processor pcache=4M watchdog_s=1', '-serial', 'null',
             '-chardev', f'socket,id=log,path={path},server=on', '-serial',
             'chardev:log'], stdin=subprocess.DEVNULL)

    def provoke(self, name, pattern):
        """What it says until @pattern is there, or for long enough."""
        with connect(self.path) as s:
            said = receive(s, b'brick> ').decode('utf-8', 'replace')
            s.sendall(f'provoke {name}\n'.encode())
            deadline = time.monotonic() + 120
            while not re.search(pattern, said) and time.monotonic() < deadline:
                try:
                    more = s.recv(65536).decode('utf-8', 'replace')
                except TimeoutError:
                    break
                if not more:
                    break
                said += more.replace('\r', '')
            return said


@pytest.fixture(scope='module')
def machines(tmp_path_factory):
    """One for each provocation; they boot side by side."""
    folder = tmp_path_factory.mktemp('provoke')
    found = {name: Machine(str(folder / name)) for name in PROVOCATIONS}
    yield found
    for m in found.values():
        m.process.kill()
        m.process.wait()


@pytest.mark.parametrize('name', sorted(set(PROVOCATIONS) - {'table'}))
def test_the_debug_build_finds_a_mistake(machines, name):
    said = machines[name].provoke(name, PROVOCATIONS[name])
    assert re.search(PROVOCATIONS[name], said), said[-2000:]


def test_r11_a_page_table_page_is_written_by_its_owner_alone(machines):
    said = machines['table'].provoke('table', PROVOCATIONS['table'])
    assert re.search(PROVOCATIONS['table'], said), said[-2000:]
