# SPDX-License-Identifier: GPL-2.0-or-later
"""Who waits for a page polls while that pays, and not while another thread
wants the CPU; with no budget it sleeps, and an idle CPU halts."""
import pytest

from bricklib.workload import program_image

NR_PAGES = 768


@pytest.fixture(scope='module')
def image(tmp_path_factory):
    """A disk with the one program."""
    return program_image(tmp_path_factory.mktemp('spin'),
                         {'beside': 'workloads/beside.c'})


def run(brick, image, how, spin_us):
    """The counters of P after NR_PAGES were read through a small pcache."""
    result = brick.run('/beside', str(NR_PAGES), how, image=image, cpus=1,
                       pcache='1M,8way',
                       # A page read ahead is waited for by nobody.
                       append=[f'p0:rdma_spin_us={spin_us}',
                               'p0:prefetch=off'])
    assert result.status == 0, result.explain()
    assert result.out == f'read {NR_PAGES} pages\n'.encode(), result.explain()
    p = result.counters()['p0']
    assert p['nr_rdma_read'] > NR_PAGES // 2, p
    return p


def test_a_thread_alone_polls_for_its_pages(brick, image):
    p = run(brick, image, 'alone', 1000000)
    assert p['nr_rdma_sleep'] < NR_PAGES // 4, p
    assert p['nr_poll_cycles'] > 0, p


def test_a_thread_that_waits_gives_the_cpu_to_another(brick, image):
    p = run(brick, image, 'beside', 1000000)
    assert p['nr_rdma_sleep'] > NR_PAGES // 4, p


def test_without_a_budget_nobody_polls(brick, image):
    p = run(brick, image, 'alone', 0)
    assert p['nr_poll_cycles'] == 0, p
    assert p['nr_rdma_sleep'] > NR_PAGES // 4, p
    assert p['nr_halt_cycles'] > 0, p
