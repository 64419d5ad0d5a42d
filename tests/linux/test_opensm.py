# SPDX-License-Identifier: GPL-2.0-or-later
"""A fabric without subnet manager: Debian's OpenSM in a guest manages it."""
import re

PINGPONG_PORT = 18515


def test_opensm_gives_every_port_a_lid(managed):
    a, b = managed.guests
    said = b.must('saquery')
    lids = {int(n) for n in re.findall(r'\tlid\.+(\d+)', said)}
    assert len(lids) == 3 and lids > {managed.lid(a), managed.lid(b)}, said
    for guest in managed.guests:
        said = guest.must('sminfo')
        assert f'sm lid {managed.lid(a)} ' in said, said
        assert 'SMINFO_MASTER' in said, said
    assert 'SUBNET UP' in a.must('cat /tmp/opensm.log')


def test_data_goes_by_the_tables_of_opensm(managed):
    a, b = managed.guests
    said = a.must('ibroute -D 0,1')
    for port, guest in enumerate(managed.guests, 1):
        assert re.search(rf'^0x{managed.lid(guest):04x} {port:03d} :', said,
                         re.M), said
    said = b.must('ping -c 3 10.0.0.1')
    assert ' 0% packet loss' in said, said
    command = 'timeout 100 ibv_rc_pingpong -n 100 -c'
    for said in managed.serve(command, f'{command} 10.0.0.1', PINGPONG_PORT):
        assert '100 iters in' in said, said


def test_opensm_hears_of_a_link_that_goes_and_comes(managed):
    """By traps: its own sweeps are ten seconds apart, and light."""
    a, b = managed.guests
    traps = "grep -c 'num:128' /tmp/opensm.log"
    for order, state in ('down', 'DOWN'), ('up', 'ACTIVE'):
        before = int(a.run(traps)[1])
        managed.fabric.order(f'link 2 {order}')
        managed.wait_state(b, state)
        a.must(f'for i in $(seq 600); do [ $({traps}) -gt {before} ] && '
               'exit 0; sleep 0.1; done; exit 1')
    said = b.must('for i in $(seq 60); do ping -c 1 10.0.0.1 && exit 0; '
                  'sleep 1; done; exit 1', 200)
    assert ' 0% packet loss' in said, said
    command = 'timeout 100 ibv_rc_pingpong -n 100 -c'
    for said in managed.serve(command, f'{command} 10.0.0.1', PINGPONG_PORT):
        assert '100 iters in' in said, said


def test_opensm_puts_ports_into_a_partition(managed):
    """Partition 0x0123 of both guests, as Debian's OpenSM reads it from a
    file; the guests hear of their new P_Keys."""
    a, b = managed.guests
    a.must('mkdir -p /etc/opensm && printf "Default=0x7fff,ipoib:ALL=full;\\n'
           'brick=0x0123:ALL=full;\\n" >/etc/opensm/partitions.conf && '
           'kill -HUP $(cat /tmp/opensm.pid)')
    for guest in managed.guests:
        guest.must('for i in $(seq 600); do grep -qh 0x8123 /sys/class/'
                   'infiniband/mlx4_0/ports/1/pkeys/* && exit 0; sleep 0.1; '
                   'done; exit 1')
    said = b.must('smpquery pkeys -D 0,1 2')
    assert '0x8123' in said, said
