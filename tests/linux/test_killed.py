# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest that is killed while traffic flows, and comes back."""
import pytest

from linux.pair import Pair

PORT = 18515


@pytest.fixture
def mortal():
    pair = Pair(('a', 'b'))
    try:
        yield pair.start()
    finally:
        pair.stop()


@pytest.mark.long
def test_the_other_sees_errors_and_the_next_boot_works(mortal):
    a, b = mortal.guests
    a.must(f'(ib_write_bw -D 300 >/tmp/out 2>&1; echo $? >/tmp/status) & '
           f'for i in $(seq 600); do grep -q ":{PORT:04X} .* 0A " '
           '/proc/net/tcp /proc/net/tcp6 && exit 0; sleep 0.1; done; exit 1')
    b.must('(ib_write_bw -D 300 10.0.0.1 >/tmp/out 2>&1; '
           'echo $? >/tmp/status) &')
    b.must('sent() { cat '
           '/sys/class/infiniband/mlx4_0/ports/1/counters/port_xmit_data; }; '
           'was=$(sent); for i in $(seq 600); do [ $(sent) -gt $((was + '
           '1000000)) ] && exit 0; [ -s /tmp/status ] && break; sleep 0.1; '
           'done; cat /tmp/out; exit 1', 300)
    a.kill()
    b.must('for i in $(seq 1200); do [ -s /tmp/status ] && exit 0; '
           'sleep 0.1; done; exit 1', 200)
    said = b.must('cat /tmp/out; cat /tmp/status')
    assert 'Failed status 12' in said, said     # IBV_WC_RETRY_EXC_ERR
    a.start()
    mortal.load(a)
    mortal.network(a, 1)
    command = 'timeout 100 ibv_rc_pingpong -n 100 -c'
    for said in mortal.serve(command, f'{command} 10.0.0.1', PORT):
        assert '100 iters in' in said, said
