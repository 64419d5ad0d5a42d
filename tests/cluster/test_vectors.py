# SPDX-License-Identifier: GPL-2.0-or-later
"""Programs keep their vector registers over faults that use them."""
import os
import subprocess

from conftest import TOP


def test_vector_registers_survive_cleared_and_copied_pages(brick, tmp_path):
    root = tmp_path / 'root'
    for folder in ('proc', 'dev', 'tmp', 'sys'):
        (root / folder).mkdir(parents=True)
    subprocess.run(['gcc', '-O1', '-Wall', '-Wextra', '-static', '-o',
                    root / 'vectors',
                    os.path.join(TOP, 'tests/workloads/vectors.c')],
                   check=True)
    image = tmp_path / 'vectors.ext4'
    subprocess.run([os.path.join(TOP, 'scripts/make-image'), root, image],
                   check=True)
    result = brick.run('/vectors', image=image, cpus=1)
    assert result.out == (b'avx 1: registers changed by 0 zero-fills, '
                          b'0 copies\n'), result.explain()
    assert result.counters()['p0']['nr_pgfault_wp_cow'] >= 64
