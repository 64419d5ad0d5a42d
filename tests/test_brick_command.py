# SPDX-License-Identifier: GPL-2.0-or-later
"""The host side of the brick command, without a cluster."""
import os
import random
import subprocess

import pytest
from bricklib import counters, disk, monitor, runreq
from bricklib.config import (BrickError, default_cluster, load_cluster,
                             parse_size)
from bricklib.terminal import (CHANNEL_STDERR, CHANNEL_STREAM, CHANNEL_TTY,
                               Deframer, frame)

BRICK = os.path.join(os.path.dirname(__file__), '../scripts/brick')


def test_sizes_are_read_with_their_units():
    assert parse_size('64M') == 64 << 20
    assert parse_size('1GiB') == 1 << 30
    with pytest.raises(BrickError):
        parse_size('a lot')


def test_deframer_gives_back_what_was_framed_however_it_is_cut():
    seed = random.randrange(1 << 32)
    rng = random.Random(seed)
    for _ in range(200):
        parts, wire = [], b''
        for _ in range(rng.randrange(1, 8)):
            channel = rng.choice([CHANNEL_TTY, CHANNEL_STREAM,
                                  CHANNEL_STDERR])
            data = bytes(rng.choice([0, 1, 2, 65, 254, 255])
                         for _ in range(rng.randrange(20)))
            parts.append((channel, data))
            wire += frame(channel, data)
        deframer, got = Deframer(), {}
        while wire:
            n = rng.randrange(1, 6)
            for channel, data in deframer.feed(wire[:n]):
                got[channel] = got.get(channel, b'') + data
            wire = wire[n:]
        for channel in (CHANNEL_TTY, CHANNEL_STREAM, CHANNEL_STDERR):
            want = b''.join(d for c, d in parts if c == channel)
            assert got.get(channel, b'') == want, f'seed {seed}'


def test_run_request_lists_its_fields():
    data = runreq.encode(['a', 'b c'], ['X=1'], '/tmp', {'stdio': 'ppp'})
    assert data == b'/tmp\x001\0X=1\x002\0a\0b c\0stdio=ppp\0'


def test_counter_table_leaves_out_what_is_zero_everywhere():
    values = {'p0': {'nr_a': 1, 'nr_b': 0}, 'm0': {'nr_a': 0, 'nr_b': 0}}
    table = counters.as_table(values)
    assert 'nr_a' in table and 'nr_b' not in table
    assert 'brick_nr_a{node="p0"} 1' in counters.as_prometheus(values)


def test_phases_of_faults_are_read_and_shown():
    faults = monitor.parse_faults([
        'refault wire 1101 10:1000 12:100', 'refault wire 1101 20:1',
        'refault total 1101 13:1101', 'nonsense',
        'slowest refault 1048600 ns at 7f00dead000 pid 12 trap:100 '
        'wire:1048500'])
    assert faults['refault']['wire'] == {10: 1000, 12: 100, 20: 1}
    assert faults['slowest'] == {
        'kind': 'refault', 'ns': 1048600, 'vaddr': 0x7f00dead000, 'pid': 12,
        'phases': {'trap': 100, 'wire': 1048500}}
    lines = counters.faults_as_table({'p0': faults}).splitlines()
    assert lines[1].split() == ['p0', 'refault', 'wire', '1101', '2.05', 'us',
                                '8.19', 'us', '2.1', 'ms']
    assert '0x7f00dead000' in lines[-1]
    text = counters.faults_as_prometheus({'p0': faults})
    head = 'brick_fault_phase_ns_bucket{node="p0",kind="refault",phase="wire"'
    assert f'{head},le="1024"}} 0' in text
    assert f'{head},le="2048"}} 1000' in text
    assert f'{head},le="8192"}} 1100' in text
    assert f'{head},le="+Inf"}} 1101' in text


def test_default_cluster_has_one_node_of_each_role():
    config = default_cluster(image='x')
    assert [n.role for n in config.nodes] == ['processor', 'memory',
                                              'storage']


@pytest.mark.parametrize('text,complaint', [
    ('cluster = 1\nfoo = 2', "unknown key 'foo'"),
    ('[[node]]\nrole = "cpu"', 'role must be one of'),
    ('[[node]]\nrole = "memory"\nmemory = "lots"', 'not a size'),
    ('[[node]]\nrole = "memory"\nspeed = 3', "unknown key 'speed'"),
    ('', 'no [[node]]'),
    ('[[node', 'nodes.toml'),
])
def test_a_wrong_node_file_is_explained(tmp_path, text, complaint):
    path = tmp_path / 'nodes.toml'
    path.write_text(text)
    with pytest.raises(BrickError) as e:
        load_cluster(str(path))
    assert complaint in str(e.value)


@pytest.mark.parametrize('args,complaint', [
    (['run'], 'which program?'),
    (['run', '--image', '/nonexistent', '--', 'x'], 'no image'),
    (['run', '--rootfs', '/nonexistent', '--', 'x'], 'no folder'),
    (['run', '--rootfs', os.path.dirname(__file__), '--add', '/nonexistent',
      '--', 'x'], 'no file /nonexistent'),
    (['run', '--image', __file__, '--add', '/etc/passwd', '--', 'x'],
     'give --image, or --rootfs and --add'),
    (['down', '--name', 'no-such'], "no cluster 'no-such' is up"),
    (['counters', '--name', 'no-such'], "no cluster 'no-such' is up"),
])
def test_a_wrong_command_is_explained(args, complaint, tmp_path):
    done = subprocess.run([BRICK, *args], capture_output=True, text=True,
                          check=False, timeout=60,
                          env={**os.environ, 'BRICK_STATE': str(tmp_path)})
    assert done.returncode == 125 and complaint in done.stderr


def test_where_added_files_go():
    here = os.getcwd()
    assert disk.added('a/b') == (f'{here}/a/b', '/b')
    assert disk.added('/x/a:/usr/bin/c') == ('/x/a', '/usr/bin/c')
    assert disk.added('/x/a:/usr/bin/') == ('/x/a', '/usr/bin/a')
    assert disk.added('a:b') == (f'{here}/a:b', '/a:b')


@pytest.fixture
def stage(tmp_path):
    """A tree that shares its file with another."""
    for name in 'stage/usr/bin', 'outside', 'base':
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / 'base/prog').write_text('old')
    os.link(tmp_path / 'base/prog', tmp_path / 'stage/usr/bin/prog')
    (tmp_path / 'stage/bin').symlink_to('usr/bin')
    (tmp_path / 'stage/out').symlink_to(tmp_path / 'outside')
    return tmp_path / 'stage'


def test_a_file_is_added_without_touching_those_of_others(stage, tmp_path):
    (tmp_path / 'prog').write_text('new')
    for path in '/bin/prog', '/opt/mine/prog':
        disk.add(str(stage), str(tmp_path / 'prog'), path)
    assert (stage / 'usr/bin/prog').read_text() == 'new'
    assert (stage / 'opt/mine/prog').read_text() == 'new'
    assert (tmp_path / 'base/prog').read_text() == 'old'


def test_a_folder_is_added_but_over_none_that_is_there(stage, tmp_path):
    disk.add(str(stage), str(tmp_path / 'base'), '/data')
    assert (stage / 'data/prog').read_text() == 'old'
    with pytest.raises(BrickError, match='cannot add'):
        disk.add(str(stage), str(tmp_path / 'base'), '/data')


@pytest.mark.parametrize('path', ['/out/prog', '/../prog',
                                  '/usr/../../prog'])
def test_nothing_is_added_outside_the_tree(stage, tmp_path, path):
    with pytest.raises(BrickError, match='leads out of the tree'):
        disk.add(str(stage), str(tmp_path / 'base/prog'), path)
    assert not (tmp_path / 'prog').exists()
    assert not list((tmp_path / 'outside').iterdir())
