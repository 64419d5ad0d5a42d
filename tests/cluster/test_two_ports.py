# SPDX-License-Identifier: GPL-2.0-or-later
"""Nodes whose cards have two ports: both plugged in, or either one alone."""
import pytest

from bricklib.cluster import Cluster
from bricklib.monitor import Monitor
from conftest import short_folder
from test_net import make_config, rpctest, wait_log


class Dual(Cluster):
    """Each card has two ports."""

    def fabric_of_nodes(self, options=()):
        return super().fabric_of_nodes([*options, '--card-ports', '2'])


@pytest.fixture(scope='module')
def dual(build, tmp_path_factory):
    config = make_config(build, tmp_path_factory.mktemp('dual'), 1)
    # The memory node has no cable in its second port, the storage node none
    # in its first one.
    config.orders = ['link 2:2 down', 'link 3:1 down']
    cluster = Dual(config, short_folder())
    try:
        cluster.start()
        for node in cluster.nodes:
            wait_log(node, ' joined (', count=2)
        yield cluster
    finally:
        cluster.stop()


def test_a_node_says_which_port_it_uses(dual):
    """The first one that is plugged in."""
    for node, port in zip(dual.nodes, (1, 1, 2)):
        assert f"uses port {port} of the card's 2" in node.log_text()
        lines = [line for line in Monitor(node).ask('ib') if 'port ' in line]
        plugged = {'p0': (1, 2), 'm0': (1,), 's0': (2,)}[node.name]
        for number in (1, 2):
            said = [line for line in lines if f'port {number}' in line]
            assert len(said) == 1, lines
            assert ('active' in said[0]) == (number in plugged), lines


@pytest.mark.long
def test_calls_go_between_first_and_second_ports(dual):
    for node in dual.nodes:
        rpctest(node, 2)


@pytest.mark.long
def test_the_other_port_comes_and_goes(dual):
    """What a node does not use does not matter to it."""
    p0, m0 = dual.node('p0'), dual.node('m0')
    for order in 'link 1:2 down', 'link 2:2 up':
        dual.fabric.order(order)
    wait_log(p0, 'port 2: down')
    wait_log(m0, 'port 2: active')
    for node in dual.nodes:
        rpctest(node, 2)
        assert ' is gone' not in node.log_text()
