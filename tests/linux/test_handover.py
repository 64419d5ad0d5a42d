# SPDX-License-Identifier: GPL-2.0-or-later
"""The fabric's subnet manager hands over to OpenSM, and succeeds it."""
import re

import pytest

from linux.pair import PINGPONG_PORT, Pair, start_opensm, stop_opensm

pytestmark = pytest.mark.long

# The highest priority that there is; each line of the log is written at once.
HIGHEST = '-p 15 -d 2'


@pytest.fixture(scope='module')
def pair():
    made = Pair()
    try:
        yield made.start()
    finally:
        made.stop()


def wait_master(guest, lid):
    """Returns when the manager at the LID is the guest's master."""
    guest.must('for i in $(seq 600); do sminfo >/tmp/sminfo 2>&1; '
               f'grep -q "sm lid {lid} .*SMINFO_MASTER" /tmp/sminfo && '
               'exit 0; sleep 0.2; done; cat /tmp/sminfo; exit 1', 600)


def expect_data(pair):
    command = 'timeout 100 ibv_rc_pingpong -n 100 -c'
    for said in pair.serve(command, f'{command} 10.0.0.1', PINGPONG_PORT):
        assert '100 iters in' in said, said


def expect_records(guest, lids):
    """The administrator knows these ports."""
    guest.must('for i in $(seq 100); do saquery >/tmp/saquery 2>&1 && '
               'exit 0; sleep 0.2; done; cat /tmp/saquery; exit 1', 600)
    said = guest.must('cat /tmp/saquery')
    assert {int(n) for n in re.findall(r'\tlid\.+(\d+)', said)} == lids, said


def take_over(pair):
    """OpenSM of guest a becomes the master; nobody's LID changes."""
    a, b = pair.guests
    lids = pair.lid(a), pair.lid(b)
    start_opensm(a, HIGHEST)
    for guest in pair.guests:
        wait_master(guest, lids[0])
    # the one that it succeeded is there, and waits
    said = b.must('sminfo 1')
    assert 'priority 14' in said and 'SMINFO_STANDBY' in said, said
    assert 'SUBNET UP' in a.must('for i in $(seq 600); do grep -q "SUBNET UP" '
                                 '/tmp/opensm.log && break; sleep 0.1; done; '
                                 'cat /tmp/opensm.log')
    assert (pair.lid(a), pair.lid(b)) == lids
    expect_records(b, {1, *lids})
    expect_data(pair)


def test_opensm_with_a_higher_priority_takes_over(pair):
    a, b = pair.guests
    take_over(pair)
    # it is OpenSM that leads a port now
    pair.fabric.order('link 2 down')
    pair.wait_state(b, 'DOWN')
    pair.fabric.order('link 2 up')
    pair.wait_state(b, 'ACTIVE')
    expect_data(pair)


def test_the_fabric_takes_up_again_when_opensm_ends(pair):
    a, b = pair.guests
    lids = pair.lid(a), pair.lid(b)
    stop_opensm(a)
    for guest in pair.guests:
        wait_master(guest, 1)
    assert (pair.lid(a), pair.lid(b)) == lids
    expect_records(b, {1, *lids})
    expect_data(pair)
    pair.fabric.order('link 2 down')
    pair.wait_state(b, 'DOWN')
    pair.fabric.order('link 2 up')
    pair.wait_state(b, 'ACTIVE')


def test_the_fabric_takes_up_again_when_the_guest_of_opensm_is_killed(pair):
    a, b = pair.guests
    take_over(pair)
    a.kill()
    wait_master(b, 1)
    a.start()
    pair.load(a)
    pair.network(a, 1)
    expect_records(a, {1, pair.lid(a), pair.lid(b)})
    expect_data(pair)
