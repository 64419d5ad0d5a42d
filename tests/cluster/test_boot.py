# SPDX-License-Identifier: GPL-2.0-or-later
"""One node alone: the self-tests in the kernel, on some numbers of CPUs."""
import os
import re
import subprocess

import pytest

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))


def boot(build, folder, cpus, options):
    """Boot a lone node until it powers itself off; its log."""
    log = os.path.join(folder, 'log')
    subprocess.run([os.path.join(TOP, 'scripts/qemu'), '-M', 'q35', '-accel',
                    'tcg,thread=multi', '-cpu', 'max', '-smp', str(cpus),
                    '-m', '256M', '-nodefaults', '-display', 'none',
                    '-no-reboot', '-kernel', f'{build}/brick.elf', '-append',
                    options, '-serial', 'null', '-serial', f'file:{log}'],
                   timeout=300, check=False, stdin=subprocess.DEVNULL)
    with open(log, encoding='utf-8', errors='replace') as f:
        return f.read()


@pytest.mark.parametrize('cpus', [1, 2, 4])
def test_selftests_pass(build, tmp_path, cpus):
    log = boot(build, str(tmp_path), cpus, 'role=processor selftest poweroff')
    m = re.search(r'selftest: (\d+) passed, (\d+) failed', log)
    assert m, log[-3000:]
    assert int(m[1]) > 0 and m[2] == '0', log[-6000:]
