# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian's unmodified mlx4 drivers and RDMA programs on two cards of the model.

The guests boot once; `make test-linux` runs the long tests too."""
import re
import time

import pytest

from linux.pair import start_opensm, stop_opensm

PINGPONG_PORT = 18515
LONG = pytest.mark.long
# perftest ends without a report if its clock and the guest's run unevenly, as
# on a busy host.  With this it does not: the figures are judged by nobody.
CLOCK = '-F'
# What the drivers may say: everything else of theirs in the log is a warning.
EXPECTED = (r'mlx4_core: Mellanox ConnectX core driver v4\.0-0',
            r'mlx4_core: Initializing 0000:01:00\.0',
            r'mlx4_core 0000:01:00\.0: \d+\.\d+ Gb/s available PCIe bandwidth '
            r'\(8\.0 GT/s PCIe x8 link\)',
            r'<mlx4_ib> mlx4_ib_add: mlx4_ib: Mellanox ConnectX InfiniBand '
            r'driver v4\.0-0',
            r'<mlx4_ib> mlx4_ib_add: counter index -?\d+ for port 1 allocated '
            r'\d')


def test_drivers_load_without_a_warning(linux):
    for guest in linux.guests:
        said = guest.must('dmesg | grep -iE "mlx4|infiniband|ib_|WARN"')
        for line in said.splitlines():
            text = re.sub(r'^\[[\d. ]+\] ', '', line)
            assert any(re.fullmatch(e, text) for e in EXPECTED), line


def test_a_command_is_whole_whatever_ends_while_it_comes(linux, monkeypatch):
    """A shell that is the parent of orphans would forget what it has of the
    line when one of them ends."""
    guest = linux.guests[0]

    def send_slowly(line):
        for byte in line:
            guest.port.sendall(bytes([byte]))
            time.sleep(0.01)

    guest.must('for i in 1 2 3 4 5 6 7 8 9; do sleep 0.$i & done')
    monkeypatch.setattr(guest, 'send', send_slowly)
    text = 'all of this ' * 10 + 'came'
    assert guest.run(f'echo {text}') == (0, f'{text}\n')


def test_devinfo(linux):
    said = linux.guests[0].must('ibv_devinfo -v')
    for expected in (r'fw_ver:\s+2\.42\.5000', r'phys_port_cnt:\s+1',
                     r'vendor_part_id:\s+4099', r'state:\s+PORT_ACTIVE \(4\)',
                     r'active_mtu:\s+4096', r'link_layer:\s+InfiniBand',
                     r'active_width:\s+4X', r'active_speed:\s+10\.0 Gbps',
                     r'phys_state:\s+LINK_UP', r'sm_lid:\s+1'):
        assert re.search(expected, said), (expected, said)


def test_ibstat(linux):
    said = linux.guests[0].must('ibstat')
    for expected in ('State: Active', 'Physical state: LinkUp', 'Rate: 40',
                     'Link layer: InfiniBand'):
        assert expected in said, said


@pytest.mark.parametrize('tool', ['iblinkinfo', 'ibnetdiscover'])
def test_topology(linux, tool):
    """Nothing but the topology is printed: all queries were answered."""
    status, said = linux.guests[0].run(f'{tool} 2>&1 >/tmp/out; cat /tmp/out')
    assert status == 0 and 'bad status' not in said, said
    for expected in ('a mlx4_0', 'b mlx4_0', 'brick-fabric switch'):
        assert expected in said, said


def test_subnet_manager_and_administrator(linux):
    guest = linux.guests[0]
    assert 'SMINFO_MASTER' in guest.must('sminfo')
    lids = {int(n) for n in
            re.findall(r'\tlid\.+(\d+)', guest.must('saquery'))}
    assert lids == {1, *map(linux.lid, linux.guests)}
    other = linux.lid(linux.guests[1])
    said = guest.must(f'saquery -p --dlid {other} --slid {linux.lid(guest)}')
    assert re.search(rf'dlid\.+{other}\n', said), said
    assert 'pkt_life' in said, said


def test_port_counters_count(linux):
    a = linux.guests[0]
    lid = linux.lid(linux.guests[1])

    def packets():
        return int(re.search(r'PortXmitPkts:\.*(\d+)',
                             a.must(f'perfquery -x {lid}'))[1])
    before = packets()
    linux.serve('ibv_rc_pingpong -n 100', 'ibv_rc_pingpong -n 100 10.0.0.1',
                PINGPONG_PORT)
    assert packets() >= before + 100


def switch_counters(guest, port, options=''):
    """{name: value} of a port of the switch, which is at LID 1."""
    said = guest.must(f'perfquery {options} 1 {port}')
    return {m[1]: int(m[2]) for m in
            re.finditer(r'^(\w+):\.*(\d+)$', said, re.M)}


def test_counters_of_the_switch_count_and_are_reset(linux):
    a = linux.guests[0]
    port = 2
    a.must('ping -c 3 10.0.0.2')
    assert switch_counters(a, port)['PortXmitPkts'] > 3
    a.must(f'perfquery -R 1 {port}')
    counters = switch_counters(a, port)
    assert counters['PortXmitPkts'] <= 3 and counters['PortRcvData'] < 1000, (
        counters)
    a.must('ping -c 3 10.0.0.2')
    counters = switch_counters(a, port, '-x')
    assert counters['PortUnicastXmitPkts'] >= 3, counters


def test_forwarding_table_and_link_by_tools(linux):
    a, b = linux.guests
    said = a.must('ibroute 1')
    for lid, port in (1, 0), (linux.lid(a), 1), (linux.lid(b), 2):
        assert re.search(rf'^0x{lid:04x} {port:03d} :', said, re.M), said
    # Nobody counts what has no route; the port it came in by does.
    a.must('perfquery -R 1 1')
    a.run('smpquery nodeinfo 77')
    assert switch_counters(a, 1)['PortRcvSwitchRelayErrors'] > 0
    a.must('ibportstate 1 2 disable')
    linux.wait_state(b, 'DOWN')
    a.must('ibportstate 1 2 enable')
    linux.wait_state(b, 'ACTIVE')
    b.must('for i in $(seq 60); do ping -c 1 10.0.0.1 && exit 0; sleep 1; '
           'done; exit 1', 200)


def test_opensm_waits_while_the_fabric_manages_its_subnet(linux):
    """The built-in manager has the higher priority: OpenSM's is 0."""
    a, b = linux.guests
    start_opensm(a)
    try:
        a.must('for i in $(seq 300); do grep -q "Entering STANDBY" '
               '/tmp/opensm.log && exit 0; sleep 0.1; done; exit 1')
        said = b.must('sminfo')
        assert 'sm lid 1 ' in said and 'SMINFO_MASTER' in said, said
        linux.serve('ibv_rc_pingpong -n 100', 'ibv_rc_pingpong -n 100 '
                    '10.0.0.1', PINGPONG_PORT)
    finally:
        stop_opensm(a)


def test_ibping(linux):
    a, b = linux.guests
    a.must('ibping -S >/dev/null 2>&1 & echo $! >/tmp/ibping.pid')
    try:
        said = b.must(f'for i in $(seq 20); do ibping -c 3 {linux.lid(a)} '
                      '>/tmp/out 2>&1; grep -q " 0% packet loss" /tmp/out '
                      '&& break; sleep 0.5; done; cat /tmp/out')
    finally:
        a.must('kill $(cat /tmp/ibping.pid)')
    assert '3 packets transmitted, 3 received, 0% packet loss' in said, said


@pytest.mark.parametrize('options', ['', ' -e'], ids=['polling', 'events'])
@pytest.mark.parametrize('name', ['rc', 'uc', 'ud', 'srq'])
def test_pingpong(linux, name, options):
    # -c has every byte checked.
    check = ' -c' if name != 'srq' else ''
    command = f'timeout 100 ibv_{name}_pingpong -n 300 -s 2048{options}{check}'
    for said in linux.serve(command, f'{command} 10.0.0.1', PINGPONG_PORT):
        assert re.search(r'300 iters in', said), said
        assert 'invalid' not in said, said


@pytest.mark.parametrize('name', [
    'ib_write_bw', 'ib_read_bw', 'ib_send_bw', 'ib_write_lat', 'ib_read_lat',
    'ib_atomic_bw'])
def test_perftest(linux, name):
    command = f'timeout 100 {name} {CLOCK} -n 20' + (
        '' if 'atomic' in name else ' -s 65536')
    said, _ = linux.serve(command, f'{command} 10.0.0.1', PINGPONG_PORT)
    assert re.search(r'^ (8|65536) +20 ', said, re.M), said


@LONG
@pytest.mark.parametrize('name', ['ib_write_bw', 'ib_read_bw', 'ib_send_bw',
                                  'ib_write_lat', 'ib_read_lat'])
def test_perftest_of_all_sizes(linux, name):
    """2 bytes to 8 MiB."""
    command = f'timeout 900 {name} {CLOCK} -a -n 10'
    said, _ = linux.serve(command, f'{command} 10.0.0.1', PINGPONG_PORT,
                          1000)
    assert re.search(r'^ 2 +10 ', said, re.M), said
    assert re.search(r'^ 8388608 +10 ', said, re.M), said


def test_rping(linux):
    said, _ = linux.serve('timeout 100 rping -s -C 20 -V -v',
                          'timeout 100 rping -c -a 10.0.0.1 -C 20 -V -v')
    assert 'rdma-ping-19:' in said, said


def test_ucmatose(linux):
    for said in linux.serve('timeout 100 ucmatose -c 4',
                            'timeout 100 ucmatose -c 4 -s 10.0.0.1'):
        assert 'test complete' in said and 'return status 0' in said, said


def test_ping_over_ipoib(linux):
    said = linux.guests[1].must('ping -c 5 -s 1400 10.0.0.1')
    assert ' 0% packet loss' in said, said


@LONG
def test_modules_unload_and_load_again(linux):
    a = linux.guests[0]
    # The first of them takes those with it that nothing else needs.
    unload = ('modprobe -r ib_ipoib rdma_ucm ib_umad ib_uverbs mlx4_ib '
              'mlx4_core 2>/dev/null; ! grep -E "mlx4|^ib_" /proc/modules')
    try:
        for _ in range(20):
            a.must(unload)
            linux.load(a)
    finally:
        linux.network(a, 1)
    assert 'WARNING' not in a.must('dmesg')
    command = 'timeout 100 ibv_rc_pingpong -n 100'
    linux.serve(command, f'{command} 10.0.0.1', PINGPONG_PORT)
