# SPDX-License-Identifier: GPL-2.0-or-later
"""Nodes find each other, talk, die and come back.

BRICK_RPC_CALLS is how many calls are made between each pair of nodes
(`make stress`: 1000000).
"""
import os
import re
import time

import pytest

from bricklib.cluster import Cluster
from bricklib.config import default_cluster
from bricklib.disk import make_image
from bricklib.monitor import Monitor
from conftest import KERNEL, short_folder

NR_THREADS = 64
NR_CALLS = int(os.environ.get('BRICK_RPC_CALLS', '3200'))
GONE_OPTIONS = 'peer_suspect_ms=3000 peer_gone_ms=8000'


def make_config(build, tmp_path, cpus):
    """Of a cluster of three nodes, which are quick to notice a death."""
    (tmp_path / 'tree').mkdir()
    (tmp_path / 'tree/file').write_text('text\n')
    image = tmp_path / 'image'
    make_image(tmp_path / 'tree', image)
    config = default_cluster(cpus, memory='64M', image=str(image))
    config.kernel = KERNEL
    config.fabric = f'{build}/tools/brick-fabric'
    for node in config.nodes:
        node.cpus = cpus
        node.options = f'{node.options} {GONE_OPTIONS}'
    return config


def make_cluster(build, tmp_path, cpus):
    """A cluster that is not started."""
    return Cluster(make_config(build, tmp_path, cpus), short_folder())


@pytest.fixture
def cluster(build, tmp_path):
    """A cluster that is not started; stopped at the end."""
    c = make_cluster(build, tmp_path, 2)
    yield c
    c.stop()


def wait_log(node, text, count=1, seconds=90):
    """Until @text stands @count times in the node's log."""
    deadline = time.monotonic() + seconds
    while node.log_text().count(text) < count:
        assert node.is_running(), node.why_it_ended()
        assert time.monotonic() < deadline, \
            f'no {count} x {text!r}:\n{node.log_text()[-3000:]}'
        time.sleep(0.2)


def rpctest(node, nr_peers):
    lines = Monitor(node).ask('rpctest 16 40', 240)
    passed = [line for line in lines if ' 0 bad' in line
              and line.endswith('late write refused, lost reply survived')]
    assert len(passed) == nr_peers, lines


@pytest.fixture(scope='module')
def results(build, tmp_path_factory):
    """Of `rpctest` on each node, with two CPUs and as many channels."""
    cluster = make_cluster(build, tmp_path_factory.mktemp('net'), 2)
    answers = {}
    try:
        cluster.start()
        for node in cluster.nodes:
            wait_log(node, ' joined (', count=2)
        for node in cluster.nodes:
            lines = Monitor(node).ask(
                f'rpctest {NR_THREADS} {NR_CALLS // NR_THREADS}',
                600 + NR_CALLS // 20)
            print(node.name, lines)
            answers[node.name] = [line for line in lines if ' calls, ' in line]
            assert len(answers[node.name]) == 2, (lines, node.log_text())
    finally:
        cluster.stop()
    return answers


def test_r6_many_threads_make_many_calls_between_each_pair(results):
    """No reply is wrong, none is missed, none is asked for twice."""
    for node, lines in results.items():
        for line in lines:
            assert re.search(rf': {NR_CALLS // NR_THREADS * NR_THREADS} calls,'
                             ' 0 bad, 0 repeated,', line), (node, line)


def test_r7_a_lost_reply_is_asked_for_again(results):
    for node, lines in results.items():
        for line in lines:
            assert line.endswith('lost reply survived'), (node, line)


def test_r24_what_comes_after_the_timeout_writes_nothing(results):
    for node, lines in results.items():
        for line in lines:
            assert 'late write refused,' in line, (node, line)


def test_a_node_that_dies_is_gone_and_comes_back(cluster):
    cluster.start()
    p0, m0 = cluster.node('p0'), cluster.node('m0')
    wait_log(p0, 'memory node 0002c90300000020 joined')
    m0.stop()
    wait_log(p0, 'memory node 0002c90300000020 is gone')
    wait_log(p0, 'waiting: no memory node in cluster')
    m0.start()
    wait_log(p0, 'memory node 0002c90300000020 joined', count=2)
    rpctest(p0, 2)


def test_a_node_that_comes_late_joins(cluster):
    cluster.config.nodes[1].delay_s = 12
    cluster.start()
    p0 = cluster.node('p0')
    assert 'no memory node in cluster' in p0.log_text()
    wait_log(p0, ' joined (', count=2)
