# SPDX-License-Identifier: GPL-2.0-or-later
"""A node of Brick, as Debian's tools and drivers see it across the fabric."""
import re
import time

import pytest

from bricklib.config import NodeConfig
from bricklib.monitor import Monitor, counters
from linux.pair import Pair

NAME = 'brick m0 (tested)'
SERVICE = '627269636b766273'    # VERBS_SERVICE_ID
REJECTED, COMPLETION_ERROR = 2, 3    # of brick_verbs
MOST_CONNECTIONS = 8
WAIT_S = 120
UNTIL_STATUS = ('for i in $(seq 1200); do [ -s /tmp/status ] && exit 0; '
                'sleep 0.1; done; exit 1')


@pytest.fixture(scope='module')
def peer():
    """Guest a and the memory node m0."""
    pair = Pair(('a',), nodes=[NodeConfig('memory', 'm0', memory='128M',
                                          options='verbs_service')])
    try:
        pair.start()
        pair.brick_lid = lid_of_brick(pair)
        yield pair
    finally:
        pair.stop()


def lid_of_brick(peer):
    """From the topology, where the node stands by its name."""
    said = peer.guests[0].must('iblinkinfo -l')
    m = re.search(rf'^0x[0-9a-f]+ " *{re.escape(NAME)}" +(\d+) ', said, re.M)
    assert m, said
    return int(m[1])


def test_the_topology_shows_the_node_by_its_name(peer):
    said = peer.guests[0].must('ibnetdiscover')
    assert re.search(rf'^Ca\s+1 "H-[0-9a-f]+"\s+# "{re.escape(NAME)}"$', said,
                     re.M), said


@pytest.mark.parametrize('route', ['lid', 'directed'])
def test_subnet_management_is_answered(peer, route):
    a = peer.guests[0]
    # The guest's port, then the switch's port 2.
    option, address = {'lid': ('', peer.brick_lid),
                       'directed': ('-D', '0,1,2')}[route]
    assert NAME in a.must(f'smpquery {option} nodedesc {address}')
    said = a.must(f'smpquery {option} nodeinfo {address}')
    for expected in (r'NodeType:\.+Channel Adapter', r'NumPorts:\.+1',
                     r'DevId:\.+0x1003'):
        assert re.search(expected, said), said
    said = a.must(f'smpquery {option} portinfo {address} 1')
    for expected in (rf'\bLid:\.+{peer.brick_lid}\n', r'SMLid:\.+1\n',
                     r'LinkState:\.+Active', r'IsCommunicatonManagement'):
        assert re.search(expected, said), said
    assert '0xffff' in a.must(f'smpquery {option} pkeys {address} 1')
    assert '0x0002c9' in a.must(f'smpquery {option} guidinfo {address}')


def test_performance_counters_are_answered(peer):
    a = peer.guests[0]

    def packets(extended=''):
        said = a.must(f'perfquery {extended} {peer.brick_lid} 1')
        return int(re.search(r'PortXmitPkts:\.*(\d+)', said)[1])
    assert packets() > 0
    # The first answer is counted when the second question comes.
    before = packets('-x')
    assert packets('-x') > before


def test_ibping_is_answered(peer):
    a = peer.guests[0]
    before = counters(peer.nodes[0])['nr_ib_ping']
    said = a.must(f'ibping -c 2 {peer.brick_lid}')
    assert '2 packets transmitted, 2 received, 0% packet loss' in said, said
    assert f'Pong from {NAME}' in said, said
    assert counters(peer.nodes[0])['nr_ib_ping'] == before + 2


def test_a_flood_of_pings_stops_neither_answers_nor_the_node(peer):
    a = peer.guests[0]
    # -f: the next one as soon as the last is answered.
    said = a.must('for i in 1 2 3 4; do ibping -f -c 100 '
                  f'{peer.brick_lid} >/tmp/flood.$i 2>&1 & done; wait; '
                  'cat /tmp/flood.*')
    assert said.count('100 packets transmitted, 100 received') == 4, said
    test_ibping_is_answered(peer)


# ---- the service for RDMA programs; brick_verbs checks every byte ----

def verbs(peer, what, service=SERVICE):
    """The command that runs brick_verbs against the node."""
    said = peer.guests[0].must(f'smpquery nodeinfo {peer.brick_lid}')
    guid = re.search(r'PortGuid:\.+0x([0-9a-f]{16})', said)[1]
    gid = 'fe80::' + ':'.join(re.findall('....', guid))
    return f'timeout 100 brick_verbs {gid} {service} {what}'


def in_use(peer):
    """What connections take of the node."""
    values = counters(peer.nodes[0])
    return [values[n] for n in ('nr_ib_qps', 'nr_ib_cqs', 'nr_ib_mrs')]


def wait_in_use(peer, expected):
    deadline = time.monotonic() + WAIT_S
    while in_use(peer) != expected:
        assert time.monotonic() < deadline, (in_use(peer), expected)
        time.sleep(0.2)


def test_data_moves_both_ways(peer):
    before = in_use(peer)
    said = peer.guests[0].must(verbs(peer, 'once'))
    assert re.fullmatch(r'connected\nechoes are right\ncopies are right\n'
                        r'500 echoes are right\ndisconnected\n', said), said
    assert counters(peer.nodes[0])['nr_ib_service'] >= 500
    wait_in_use(peer, before)


def test_odd_requests_are_refused(peer):
    said = peer.guests[0].must(verbs(peer, 'odd'))
    assert 'odd requests were refused' in said, said


def test_a_wrong_key_ends_the_connection(peer):
    before = in_use(peer)
    status, said = peer.guests[0].run(verbs(peer, 'steal'))
    # IBV_WC_WR_FLUSH_ERR: our card refused the node and is in error.
    assert (status == COMPLETION_ERROR and 'completion error 5,' in said), said
    wait_in_use(peer, before)


def test_an_unknown_service_is_rejected(peer):
    status, said = peer.guests[0].run(verbs(peer, 'once', '1234567812345678'))
    # Invalid service ID: InfiniBand volume 1, 12.6.7.2.
    assert (status, said) == (REJECTED, 'rejected, reason 8\n'), said


def test_more_connections_than_there_is_room_for_are_rejected(peer):
    a = peer.guests[0]
    before = in_use(peer)
    hold = verbs(peer, 'hold').replace('timeout 100 ', '')
    try:
        a.must(f'for i in $(seq {MOST_CONNECTIONS}); do {hold} '
               '>/tmp/held.$i & echo $! >>/tmp/held.pids; done; '
               'for i in $(seq 600); do [ $(cat /tmp/held.* | '
               f'grep -c connected) = {MOST_CONNECTIONS} ] && exit 0; '
               'sleep 0.1; done; exit 1')
        status, said = a.run(verbs(peer, 'once'))
        # No resources.
        assert (status, said) == (REJECTED, 'rejected, reason 3\n'), said
    finally:
        a.must('kill -9 $(cat /tmp/held.pids); rm /tmp/held.*')
    wait_in_use(peer, before)


def connect_from_brick(peer, service):
    """What the node's monitor says of its attempt."""
    lid = peer.lid(peer.guests[0])
    return Monitor(peer.nodes[0]).ask(f'ibconnect {lid} {service}', 60)


def test_the_node_connects_to_a_listener_of_linux(peer):
    a = peer.guests[0]
    before = in_use(peer)
    # The service IDs that Linux gives out begin so.
    service = '13f4711'
    a.must(f'rm -f /tmp/status; ({verbs(peer, "listen", service)} >/tmp/out '
           '2>&1; echo $? >/tmp/status) & for i in $(seq 600); do '
           'grep -q listening /tmp/out && exit 0; sleep 0.1; done; exit 1')
    assert connect_from_brick(peer, service) == ['connected']
    a.must(UNTIL_STATUS, 200)
    said = a.must('cat /tmp/out /tmp/status')
    assert re.fullmatch(r'listening\nconnected\nechoes are right\n'
                        r'copies are right\n500 echoes are right\n'
                        r'disconnected\n0\n', said), said
    wait_in_use(peer, before)


def test_the_node_is_told_that_nobody_listens(peer):
    before = in_use(peer)
    said = connect_from_brick(peer, '13f4712')
    assert len(said) == 1 and 'reason 8' in said[0], said
    wait_in_use(peer, before)


def begin_endless(peer):
    """Have the guest copy without end; returns when it does."""
    a, node = peer.guests[0], peer.nodes[0]
    before = counters(node)['nr_ib_service']
    a.must(f'({verbs(peer, "endless").replace("100", "900")} >/tmp/out 2>&1; '
           'echo $? >/tmp/status) & rm -f /tmp/status')
    deadline = time.monotonic() + WAIT_S
    while counters(node)['nr_ib_service'] < before + 3:
        assert time.monotonic() < deadline, a.must('cat /tmp/out')
        time.sleep(0.2)


def once_again(peer):
    """Both serve each other as if nothing had been."""
    command = verbs(peer, 'once')
    peer.guests[0].must(f'for i in $(seq 60); do {command} && exit 0; '
                        'sleep 1; done; exit 1', 400)


@pytest.mark.long
def test_a_guest_that_dies_leaves_nothing_behind(peer):
    a = peer.guests[0]
    before = in_use(peer)
    begin_endless(peer)
    a.kill()
    wait_in_use(peer, before)
    a.start()
    peer.load(a)
    once_again(peer)
    wait_in_use(peer, before)


@pytest.mark.long
def test_a_node_that_dies_is_an_error_at_the_guest(peer):
    a, node = peer.guests[0], peer.nodes[0]
    begin_endless(peer)
    node.process.kill()
    node.process.wait(60)
    a.must(UNTIL_STATUS, 200)
    # IBV_WC_RETRY_EXC_ERR
    said = a.must('cat /tmp/out /tmp/status')
    assert 'completion error 12,' in said, said
    node.start()
    a.must('for i in $(seq 600); do iblinkinfo -l 2>/dev/null | '
           f'grep -q "{NAME}" && exit 0; sleep 0.2; done; exit 1', 200)
    once_again(peer)
