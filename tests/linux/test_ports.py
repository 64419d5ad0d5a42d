# SPDX-License-Identifier: GPL-2.0-or-later
"""A card with two ports in guest a, one with one in guest b."""
import re
import time

import pytest

from conftest import short_folder
from linux.pair import PINGPONG_PORT, Pair, pingpong_within, start_opensm

pytestmark = pytest.mark.long


class Dual(Pair):
    """Guest a's card has ports 1 and 2."""

    def __init__(self, *options):
        topology = f'{short_folder()}/topology'
        with open(topology, 'w', encoding='ascii') as f:
            f.write('[port 1]\n[port 1:2]\n[port 2]\n')
        super().__init__(options=['--topology', topology, *options])

    def start(self):
        super().start()
        self.wait_state(self.guests[0], 'ACTIVE', 2)
        return self


class ManagedDual(Dual):
    """Its subnet manager is OpenSM, at port 1 of guest a."""

    def __init__(self):
        super().__init__('--no-sm')

    def manage(self, guest):
        if guest is self.guests[0]:
            start_opensm(guest, '-d 2')


@pytest.fixture(scope='module')
def dual():
    made = Dual()
    try:
        yield made.start()
    finally:
        made.stop()


@pytest.fixture
def managed_dual():
    made = ManagedDual()
    try:
        yield made.start()
    finally:
        made.stop()


def stanzas(said):
    """{port: its part} of what ibstat or ibv_devinfo says of mlx4_0."""
    parts = re.split(r'^\s*[Pp]ort:?\s+(\d+):?$', said, flags=re.M)
    return {int(n): text for n, text in zip(parts[1::2], parts[2::2])}


def test_drivers_take_both_ports_without_a_warning(dual):
    said = dual.guests[0].must('dmesg')
    assert 'WARNING' not in said and 'mlx4_core 0000:01:00.0: ' in said, said
    assert not re.search(r'mlx4.*(fail|error|unable|timed out)', said,
                         re.I), said


def test_devinfo_shows_both_ports_with_their_lids(dual):
    a, b = dual.guests
    said = a.must('ibv_devinfo')
    ports = stanzas(said)
    assert re.search(r'phys_port_cnt:\s+2', said), said
    assert re.search(r'board_id:\s+MT_1090120019', said), said
    assert sorted(ports) == [1, 2], said
    lids = {n: int(re.search(r'port_lid:\s+(\d+)', text)[1])
            for n, text in ports.items()}
    assert lids == {n: dual.lid(a, n) for n in (1, 2)}
    assert len({*lids.values(), dual.lid(b)}) == 3, said
    for text in ports.values():
        assert 'PORT_ACTIVE' in text, said


def test_another_guest_discovers_both_links(dual):
    a, b = dual.guests
    said = b.must('ibnetdiscover')
    node = re.search(r'^Ca\s+2 .*"a mlx4_0 ?"\n((?:\[.*\n)+)', said, re.M)
    assert node, said
    for number in (1, 2):
        assert re.search(rf'^\[{number}\].* lid {dual.lid(a, number)} ',
                         node[1], re.M), said
        assert re.search(rf'^\[{number}\].*"a mlx4_0 ?" lid '
                         rf'{dual.lid(a, number)} ', said, re.M), said
    lids = {int(n) for n in re.findall(r'\tlid\.+(\d+)', b.must('saquery'))}
    assert lids == {1, dual.lid(a), dual.lid(a, 2), dual.lid(b)}


def pingpong_by_second_port(dual, name):
    def packets(port):
        return int(dual.guests[0].must('cat /sys/class/infiniband/mlx4_0/'
                                       f'ports/{port}/counters/'
                                       'unicast_xmit_packets'))
    before = packets(2)
    command = f'timeout 100 ibv_{name}_pingpong -n 200 -c'
    for said in dual.serve(f'{command} -i 2', f'{command} 10.0.0.1',
                           PINGPONG_PORT):
        assert '200 iters in' in said, said
    assert packets(2) >= before + 200


@pytest.mark.parametrize('name', ['rc', 'ud'])
def test_pingpong_by_the_second_port(dual, name):
    pingpong_by_second_port(dual, name)


def test_pingpong_of_the_two_ports(dual):
    """Both ends are one card's."""
    pingpong_within(dual.guests[0], '-n 200 -c -i 2', '-n 200 -c -i 1')


def messages(dual):
    """How many b has sent by connections."""
    return [n for n in dual.fabric.counters()
            if n['node'] == 2][0]['rc_messages']


def wait_for_messages(dual):
    before, deadline = messages(dual), time.monotonic() + 120
    while messages(dual) < before + 20:
        assert time.monotonic() < deadline, 'port 1 carries nothing more'
        time.sleep(0.2)


def test_the_second_link_goes_and_the_first_goes_on(dual):
    a, b = dual.guests
    a.must('ibv_asyncwatch -d mlx4_0 >/tmp/events 2>&1 & '
           'echo $! >/tmp/watch.pid')
    a.must('rping -s >/tmp/rping.out 2>&1 & echo $! >/tmp/rping.pid')
    b.must('rping -c -a 10.0.0.1 >/tmp/rping.out 2>&1 & '
           'echo $! >/tmp/rping.pid')
    try:
        wait_for_messages(dual)
        dual.fabric.order('link 1:2 down')
        dual.wait_state(a, 'DOWN', 2)
        ports = stanzas(a.must('ibstat mlx4_0'))
        assert 'State: Down' in ports[2], ports
        assert 'State: Active' in ports[1], ports
        wait_for_messages(dual)
        dual.fabric.order('link 1:2 up')
        dual.wait_state(a, 'ACTIVE', 2)
        wait_for_messages(dual)
        b.must('kill -0 $(cat /tmp/rping.pid)')
        said = a.must('for i in $(seq 600); do grep -q PORT_ACTIVE '
                      '/tmp/events && break; sleep 0.1; done; '
                      'cat /tmp/events')
    finally:
        b.run('kill $(cat /tmp/rping.pid)')
        a.run('kill $(cat /tmp/rping.pid) $(cat /tmp/watch.pid)')
    assert 'PORT_ERR' in said and 'PORT_ACTIVE' in said, said
    assert set(re.findall(r'event_type .*port (\d)', said)) == {'2'}, said


def test_opensm_configures_both_ports(managed_dual):
    a, b = managed_dual.guests
    lids = {managed_dual.lid(a), managed_dual.lid(a, 2), managed_dual.lid(b)}
    assert len(lids) == 3 and 0 not in lids
    records = {int(n) for n in re.findall(r'\tlid\.+(\d+)',
                                          b.must('saquery'))}
    assert lids < records and len(records) == 4, records    # and the switch
    pingpong_by_second_port(managed_dual, 'rc')
    managed_dual.fabric.order('link 1:2 down')
    managed_dual.wait_state(a, 'DOWN', 2)
    managed_dual.fabric.order('link 1:2 up')
    managed_dual.wait_state(a, 'ACTIVE', 2)
    pingpong_by_second_port(managed_dual, 'rc')
