# SPDX-License-Identifier: GPL-2.0-or-later
"""What crosses the fabric while a program runs, as tshark reads it."""
import collections
import re
import subprocess

from test_python import PYTHON


def lines_of(path):
    done = subprocess.run(['tshark', '-n', '-r', path, '-T', 'fields',
                           '-e', '_ws.col.Info'], check=True, timeout=300,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          text=True)
    return done.stdout.splitlines()


def test_tshark_reads_a_capture_of_a_run(brick):
    path = f'{brick.folder}/run.pcap'
    result = brick.run(PYTHON, '-c',
                       'x = bytearray(6 << 20); x[::4096] = bytes(1536);'
                       'print(sum(x[::4096]))', pcache='2M', pcap=path)
    assert result.out == b'0\n', result.explain()
    kinds = collections.Counter(
        re.sub(r' (DestQP|QP)=.*', '', line.strip())
        for line in lines_of(path))
    # Three nodes, each connected with both others.
    for step in ('CM: ConnectRequest', 'CM: ConnectReply', 'CM: ReadyToUse'):
        assert kinds[step] >= 3, kinds
    # Of 1536 pages 512 fit the pcache; the others are read back.
    assert kinds['RC RDMA Read Request'] >= 1024, kinds
    assert kinds['RC RDMA Read Response Only'] > 0, kinds
    assert kinds['RC RDMA Write Only'] > 0, kinds
    assert kinds['RC Acknowledge'] > 0, kinds
    assert not any('alformed' in k for k in kinds
                   if k.startswith(('RC', 'UD', 'CM'))), kinds
