# SPDX-License-Identifier: GPL-2.0-or-later
"""Nodes find each other, talk, die and come back."""
import os
import subprocess
import time

import pytest

from bricklib.cluster import Cluster
from bricklib.config import default_cluster
from bricklib.monitor import Monitor
from conftest import KERNEL, short_folder

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
GONE_OPTIONS = 'peer_suspect_ms=3000 peer_gone_ms=8000'


@pytest.fixture
def cluster(build, tmp_path):
    """A cluster that is not started; stopped at the end."""
    (tmp_path / 'tree').mkdir()
    (tmp_path / 'tree/file').write_text('text\n')
    image = tmp_path / 'image'
    subprocess.run([os.path.join(TOP, 'scripts/make-image'),
                    str(tmp_path / 'tree'), str(image)], check=True)
    config = default_cluster(memory='64M', image=str(image))
    config.kernel = KERNEL
    config.fabric = f'{build}/tools/brick-fabric'
    for node in config.nodes:
        node.options = f'{node.options} {GONE_OPTIONS}'
    c = Cluster(config, short_folder())
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


def test_every_pair_of_nodes_calls_each_other(cluster):
    cluster.start()
    for node in cluster.nodes:
        wait_log(node, ' joined (', count=2)
    for node in cluster.nodes:
        rpctest(node, 2)


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
