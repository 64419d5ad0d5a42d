# SPDX-License-Identifier: GPL-2.0-or-later
"""One node alone: the self-tests in the kernel, on some numbers of CPUs."""
import os
import re
import socket
import subprocess
import time

import pytest

from conftest import KERNEL, TOP


def boot(kernel, folder, cpus, options):
    """Boot a lone node until it powers itself off; its log."""
    log = os.path.join(folder, 'log')
    subprocess.run([os.path.join(TOP, 'scripts/qemu'), '-M', 'q35', '-accel',
                    'tcg,thread=multi', '-cpu', 'max', '-smp', str(cpus),
                    '-m', '256M', '-nodefaults', '-display', 'none',
                    '-no-reboot', '-kernel', kernel, '-append',
                    options, '-serial', 'null', '-serial', f'file:{log}'],
                   timeout=300, check=False, stdin=subprocess.DEVNULL)
    with open(log, encoding='utf-8', errors='replace') as f:
        return f.read()


@pytest.mark.parametrize('cpus', [1, 2, 4])
def test_selftests_pass(tmp_path, cpus):
    log = boot(KERNEL, str(tmp_path), cpus, 'role=processor selftest poweroff')
    m = re.search(r'selftest: (\d+) passed, (\d+) failed', log)
    assert m, log[-3000:]
    assert int(m[1]) > 0 and m[2] == '0', log[-6000:]


def test_r35_a_cpu_that_does_not_start_is_named_and_the_rest_boots(
        tmp_path):
    log = boot(KERNEL, str(tmp_path), 4, 'role=processor ap_fail=2 poweroff '
               'selftest=mutex_lets')
    assert re.search(r'warn +smp: CPU with APIC id 2 did not start within '
                     r'\d+ s; going on with 2 CPUs', log), log[-3000:]
    assert 'smp: 2 CPUs' in log and 'selftest: ' in log, log[-3000:]


def test_a_pcache_that_is_too_small_or_odd_is_refused(tmp_path):
    """What is refused is said and does not count; what is taken all the same,
    though it may be too little for the CPUs, gets a warning."""
    odd = ['64K,3way', '64K,128way', '1M,8way,victim=129', '64K,8', '64K,',
           'much', '']
    log = boot(KERNEL, str(tmp_path), 2, 'role=processor poweroff '
               'selftest=mutex_lets pcache=32K,1way,victim=1 pcache=28K,1way '
               + ' '.join(f'pcache={value}' for value in odd))
    assert 'pcache=28K,1way: one instruction may need 8 pages' in log, log
    for value in ['28K,1way', *odd]:
        assert f'pcache={value}: bad value; expected: SIZE[,Nway]' in log, log
    assert re.search('warn +pcache: 8 lines for 2 CPUs: programs may not get '
                     'on; give at least 64 KiB', log), log
    assert '7 sets of 1 lines, 1 victim lines' in log, log


def test_a_slow_reader_of_the_monitor_loses_nothing(tmp_path):
    path = str(tmp_path / 'log')
    node = subprocess.Popen(
        [os.path.join(TOP, 'scripts/qemu'), '-M', 'q35', '-accel', 'tcg',
         '-cpu', 'max', '-m', '256M', '-nodefaults', '-display', 'none',
         '-no-reboot', '-kernel', KERNEL, '-append',
         'role=processor', '-serial', 'null', '-chardev',
         f'socket,id=log,path={path},server=on', '-serial', 'chardev:log'],
        stdin=subprocess.DEVNULL)
    try:
        with connect(path) as s:
            receive(s, b'brick> ')
            s.sendall(b'counters -a\n')
            # Far less than the answer fits into the socket.
            time.sleep(1.5)
            answer = receive(s, b'brick> ').decode()
            assert re.search(r'brick> $', answer)
            s.sendall(b'counters -a\n')
            again = receive(s, b'brick> ').decode()
    finally:
        node.terminate()
        node.wait(10)
    names = [re.findall(r'^(\w+): -?\d+\r$', text, re.M)
             for text in (answer, again)]
    assert len(names[0]) > 50
    assert names[0] == names[1]


def connect(path):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(60)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    for _ in range(200):
        try:
            s.connect(path)
            return s
        except OSError:
            time.sleep(0.1)
    raise TimeoutError(path)


def receive(s, until):
    got = b''
    while until not in got:
        data = s.recv(65536)
        assert data, got
        got += data
    return got
