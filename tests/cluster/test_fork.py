# SPDX-License-Identifier: GPL-2.0-or-later
"""Fork: nothing travels, both sides stay apart, and all is given back.

One cluster for all; its pcache is far smaller than what the programs use.
FORK_STORM=N makes it N forks and exits instead of 1000, FORK_MIB=N a process
of N MiB instead of 1024."""
import os
import re
import time

import pytest
from bricklib import counters, monitor
from bricklib.cluster import Cluster
from bricklib.config import default_cluster
from bricklib.disk import make_image
from bricklib.workload import compile_program, small_root
from conftest import BUILD, KERNEL, TOP, short_folder

STORM = int(os.environ.get('FORK_STORM', '1000'))
MIB = int(os.environ.get('FORK_MIB', '1024'))
CPUS = 4
LIMIT_S = 1200  # nothing passes or fails by how long it took
# What exists without any process: caches that fill up once, and frames that
# the memory node has lent in advance.  Their users are compared instead:
# objects_in_use() and lent_frames_are_right().
STOCKS = {'nr_slab_pages', 'nr_stock_frames', 'nr_pool_frames_granted',
          'nr_pool_frames_used', 'nr_pagecache_pages'}


def gauges():
    with open(os.path.join(TOP, 'include/kernel/counter_list.def'),
              encoding='utf-8') as f:
        return set(re.findall(r'^GAUGE\((\w+),', f.read(), re.M))


def disk(folder):
    """The program, and a shell for system()."""
    root = small_root(folder / 'root', os.path.join(BUILD, 'rootfs'),
                      'usr/bin/dash')
    (root / 'usr/bin/sh').symlink_to('dash')
    compile_program(root / 'forks', 'workloads/forks.c', '-static')
    make_image(root, folder / 'disk')
    return folder / 'disk'


class World:
    """A cluster that stays, and the programs that are run on it."""

    def __init__(self, image):
        config = default_cluster(CPUS, '4M', f'{MIB + 256}M', str(image))
        config.kernel = KERNEL
        self.cluster = Cluster(config, short_folder())
        self.p0, self.m0, self.s0 = self.cluster.nodes
        self.cluster.start()
        self.until(lambda: all(self.has_both_peers(n)
                               for n in self.cluster.nodes),
                   'peers of all nodes')

    @staticmethod
    def has_both_peers(node):
        if 'brick> ' not in node.log_text():
            return False
        lines = monitor.Monitor(node).ask('peers', LIMIT_S)
        return sum(' alive' in line for line in lines) == 2

    def until(self, holds, what):
        deadline = time.monotonic() + LIMIT_S
        while not holds():
            for n in self.cluster.nodes:
                assert n.is_running(), n.why_it_ended()
            assert time.monotonic() < deadline, f'no {what}; {self.explain()}'
            time.sleep(0.1)

    def explain(self):
        return '\n'.join(f'--- {n.name}\n{n.log_text()[-1500:]}'
                         for n in self.cluster.nodes) + self.cluster.folder

    def run(self, *argv, must_succeed=True):
        """What a program printed; its status must be 0."""
        tty, log = self.p0.path('tty'), len(self.p0.log_text())
        before = os.path.getsize(tty)
        monitor.Monitor(self.p0).ask(' '.join(['run', *argv]), LIMIT_S)
        exit_line = re.compile(r'brick: exit status (\d+)\s')
        self.until(lambda: exit_line.search(self.p0.log_text()[log:]),
                   f'end of {argv}')
        with open(tty, 'rb') as f:
            f.seek(before)
            text = f.read().decode('utf-8', 'replace').replace('\r', '')
        status = exit_line.search(self.p0.log_text()[log:])[1]
        assert status == '0' or not must_succeed, \
            f'status {status}\n{text}\n{self.explain()}'
        return text

    def settled(self):
        """in_use(), when it does not change any more."""
        last, now = None, self.in_use()
        while last != now:
            time.sleep(0.5)
            last, now = now, self.in_use()
        return now

    def in_use(self):
        """Everything that is in use on the three nodes, by its name."""
        values = counters.collect(self.cluster)
        found = {f'{node}.{name}': value
                 for node, counts in values.items()
                 for name, value in counts.items()
                 if name in gauges() - STOCKS}
        m, p = values['m0'], values['p0']
        found['frames that are neither lent nor cached'] = (
            m['nr_pool_frames_used'] - m['nr_pool_frames_granted']
            - m['nr_pagecache_pages'])
        found['frames lent and lost'] = (
            m['nr_pool_frames_granted'] - p['nr_stock_frames'])
        for n in self.cluster.nodes:
            for line in monitor.Monitor(n).ask('mem', LIMIT_S):
                match = re.match(r'(\S+) +\d+ bytes +(\d+) in use', line)
                if match:
                    found[f'{n.name} objects of {match[1]}'] = int(match[2])
            found[f'{n.name} workers'] = sum(
                ' rpc' in line
                for line in monitor.Monitor(n).ask('threads', LIMIT_S))
        return found


@pytest.fixture(scope='module')
def world(tmp_path_factory):
    w = World(disk(tmp_path_factory.mktemp('fork')))
    # The kernel keeps the stacks of ended threads, but no more than that.
    w.run('/forks', 'threads', '64')
    yield w
    w.cluster.stop()


@pytest.fixture(scope='module')
def rules(world):
    """What the program says of every rule; each has a test below."""
    return world.run('/forks', must_succeed=False)


def holds(rules, rule):
    lines = re.findall(rf'^{rule} .*$', rules, re.M)
    assert lines and all(line.endswith(': ok') for line in lines), rules


def is_a_worker(name, before, after):
    """A node has as many threads that serve calls as it once needed at a time,
    and ends them after a while: each is a thread, an object and a stack."""
    node = re.split('[. ]', name)[0]
    # Of all nodes together there are none: "frames lent and lost".
    more = after.get(f'{node} workers', 0) - before.get(f'{node} workers', 0)
    changed = after.get(name, 0) - before.get(name, 0)
    if name in (f'{node} workers', f'{node}.nr_threads') or ' objects' in name:
        return changed == more
    return name == f'{node}.nr_vmap_pages' and more and changed * more > 0


def same(world, before):
    """All that is in use is what was; the last of it is freed behind the
    program's back."""
    for _ in range(20):
        after = world.in_use()
        changed = {name: (before.get(name), after.get(name))
                   for name in before.keys() | after.keys()
                   if before.get(name) != after.get(name)
                   and not is_a_worker(name, before, after)}
        if not changed:
            return
        time.sleep(0.5)
    assert not changed, 'before and after: ' + str(changed)


def test_r16_a_fork_is_a_snapshot_while_threads_write(rules):
    holds(rules, 'r16')


def test_r21_both_sides_of_a_fork_keep_their_pages_through_eviction(world,
                                                                    rules):
    holds(rules, 'r21')
    p = counters.collect(world.cluster)['p0']
    assert p['nr_pcache_eviction_succeed'] > 2000 and p['nr_clflush'] > 2000, p


def test_r23_vfork_clone_vfork_and_posix_spawn_run(rules):
    holds(rules, 'r23')


def test_r28_exec_without_strings_from_a_thread_closing_files(rules):
    holds(rules, 'r28')


def test_r33_memory_is_given_back_and_a_pid_used_again_gets_its_own(world,
                                                                    rules):
    holds(rules, 'r33')
    before = world.settled()
    world.run('/forks')
    same(world, before)


def test_r15_many_forks_and_exits_leave_nothing_behind(world):
    world.run('/forks', 'storm', '100')
    before = world.settled()
    forks = counters.collect(world.cluster)['p0']['nr_forks']
    assert 'storm: 0 of' in world.run('/forks', 'storm', str(STORM))
    same(world, before)
    after = counters.collect(world.cluster)['p0']
    assert after['nr_forks'] - forks == STORM
    assert after['nr_user_frames'] == after['nr_page_table_pages'] == 0


def test_r17_a_fork_moves_no_page_and_interrupts_no_cpu_for_each(world):
    """Its messages, transfers and interrupts are few, whatever its size."""
    text = world.run('/forks', 'big', str(MIB))
    counted = {name: int(value) for name, value in
               re.findall(r'^(\w+): (-?\d+)$', text, re.M)}
    assert counted['nr_forks'] == 1 and counted['child'] == 0, text
    # The threads of both sides run on and touch some pages.
    calls = sum(value for name, value in counted.items()
                if name.startswith('nr_rpc_sent_'))
    assert counted['nr_rpc_sent_m_fork'] == 1 and calls < 16, text
    assert counted['nr_rdma_read'] < 32, text
    # The evictor may have had one of its rounds.
    assert counted['nr_rdma_write'] == counted['nr_clflush'] < 200, text
    assert counted['nr_pgfault_wp_cow'] < 32, text
    # Whether a flush interrupts depends on what the other CPUs do just then.
    assert counted['nr_tlb_shootdown'] < 256, text
    assert counted['nr_tlb_shootdown_ipi'] < 32, text
