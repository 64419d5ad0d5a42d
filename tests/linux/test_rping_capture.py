# SPDX-License-Identifier: GPL-2.0-or-later
"""rping's connection from REQ to DREP, as tshark tells it of a capture."""
import re
import subprocess

# One ping of 64 bytes: the client (b) says where its buffer is, the server
# (a) reads it and says so; the same again for the write back.
EXPECTED = '''
b a CM: ConnectRequest
a b CM: ConnectReply
b a CM: ReadyToUse
b a RC Send Only
a b RC Acknowledge
a b RC RDMA Read Request length 64
b a RC RDMA Read Response Only
a b RC Send Only
b a RC Acknowledge
b a RC Send Only
a b RC Acknowledge
a b RC RDMA Write Only length 64
b a RC Acknowledge
a b RC Send Only
b a RC Acknowledge
'''
FIELDS = ('infiniband.lrh.slid', 'infiniband.lrh.dlid', '_ws.col.Info',
          'infiniband.reth.dmalen', 'infiniband.bth.psn',
          'infiniband.cm.req.startpsn', 'infiniband.bth.destqp',
          'infiniband.cm.req.localqpn')


def packets(path):
    """The packets of connections and their making: dicts by field."""
    command = ['tshark', '-n', '-r', path, '-T', 'fields', '-E',
               'separator=|']
    for field in FIELDS:
        command += ['-e', field]
    done = subprocess.run(command, check=True, timeout=300, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    rows = [dict(zip(FIELDS, line.split('|')))
            for line in done.stdout.splitlines()]
    assert not any('alformed' in r['_ws.col.Info'] for r in rows
                   if r['_ws.col.Info'].startswith(('RC', 'UD', 'CM')))
    return [r for r in rows if r['_ws.col.Info'].startswith(('RC ', 'CM: '))]


def text_of(row, name_of):
    info = re.sub(r'\s+(DestQP|QP)=.*', '', row['_ws.col.Info']).strip()
    length = row['infiniband.reth.dmalen']
    return ' '.join([name_of[int(row['infiniband.lrh.slid'])],
                     name_of[int(row['infiniband.lrh.dlid'])], info,
                     *(['length', length] if length else [])])


def test_tshark_tells_connect_read_write_and_disconnect(managed):
    name_of = {managed.lid(g): g.name for g in managed.guests}
    before = len(packets(managed.pcap))
    managed.serve('timeout 100 rping -s -C 1 -S 64',
                  'timeout 100 rping -c -a 10.0.0.1 -C 1 -S 64')
    rows = packets(managed.pcap)[before:]
    # A server that does not listen yet refuses.
    while 'Reject' in rows[1]['_ws.col.Info']:
        del rows[:2]
    said = [text_of(r, name_of) for r in rows]
    expected = EXPECTED.strip().splitlines()
    assert said[:len(expected)] == expected, '\n'.join(said)
    # Either end may ask first, or both; each question is answered.
    rest = said[len(expected):]
    asked = [s[:3] for s in rest if s.endswith('CM: DisconnectRequest')]
    answered = [s[:3] for s in rest if s.endswith('CM: DisconnectReply')]
    assert asked and answered and len(asked) + len(answered) == len(rest), (
        rest)
    assert {a[::-1] for a in asked} >= set(answered), rest
    # REQ tells the server its first packet's number and where it goes.
    request, first = rows[0], rows[5]
    assert (first['infiniband.bth.psn'], first['infiniband.bth.destqp']) == (
        str(int(request['infiniband.cm.req.startpsn'], 0)),
        request['infiniband.cm.req.localqpn']), (request, first)
