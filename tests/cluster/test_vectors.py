# SPDX-License-Identifier: GPL-2.0-or-later
"""Programs keep their vector registers over faults that use them."""
from bricklib.workload import program_image


def test_vector_registers_survive_cleared_and_copied_pages(brick, tmp_path):
    image = program_image(tmp_path, {'vectors': 'workloads/vectors.c'})
    result = brick.run('/vectors', image=image, cpus=1)
    assert result.out == (b'avx 1: registers changed by 0 zero-fills, '
                          b'0 copies\n'), result.explain()
    assert result.counters()['p0']['nr_pgfault_wp_cow'] >= 64
