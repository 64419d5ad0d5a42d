# SPDX-License-Identifier: GPL-2.0-or-later
"""The map-reduce programs on this host's kernel: both versions print what a
few lines of Python find in the same input, whatever the number of threads."""
import collections
import os
import re
import struct
import subprocess

import pytest

from conftest import TOP

SIZES = {'wordcount': '300K', 'stringmatch': '300K', 'revindex': '200K',
         'histogram': '200K', 'linreg': '100K', 'kmeans': '64K',
         'matmul': '60K', 'pca': '128K'}


def run(program, *args):
    return subprocess.run([program, *args], check=True, capture_output=True,
                          text=True, timeout=60).stdout


@pytest.fixture(scope='module')
def programs(tmp_path_factory):
    """{name: (program, its input)}"""
    folder = tmp_path_factory.mktemp('mapreduce')
    subprocess.run([os.path.join(TOP, 'tests/workloads/mapreduce/build'),
                    folder], check=True)
    for name, size in SIZES.items():
        run(folder / name, 'generate', size, folder / f'{name}.in', '7')
    return {name: (folder / name, folder / f'{name}.in') for name in SIZES}


def printed(programs, name):
    program, data = programs[name]
    return run(program, 'seq', data).splitlines()


def integers(programs, name, kind):
    data = programs[name][1].read_bytes()
    size = struct.calcsize(kind)
    return struct.unpack(f'<{len(data) // size}{kind}',
                         data[:len(data) // size * size])


@pytest.mark.parametrize('name', SIZES)
def test_versions_and_numbers_of_threads_print_the_same(programs, name):
    program, data = programs[name]
    want = run(program, 'seq', data)
    assert len(want.splitlines()) > 1, want
    for way in ([], ['--read']):
        assert run(program, *way, 'seq', data) == want
        for threads in ('1', '2', '3', '8'):
            assert run(program, *way, 'threads', threads, data) == want


@pytest.mark.parametrize('name', SIZES)
def test_a_seed_makes_the_same_input_again(programs, name, tmp_path):
    program, data = programs[name]
    for seed, same in ('7', True), ('8', False):
        again = tmp_path / seed
        run(program, 'generate', SIZES[name], again, seed)
        done = subprocess.run(['diff', '-rq', data, again], check=False,
                              capture_output=True)
        assert (done.returncode == 0) == same


def test_words_are_counted(programs):
    lines = printed(programs, 'wordcount')
    text = programs['wordcount'][1].read_text(encoding='ascii').lower()
    count = collections.Counter(re.findall('[a-z]+', text))
    assert lines[0].split()[:4] == ['words', str(count.total()), 'different',
                                    str(len(count))]
    first = sorted(count.items(), key=lambda item: (-item[1], item[0]))[:16]
    assert [line.split() for line in lines[1:]] == [[str(n), word] for
                                                    word, n in first]


def test_secrets_are_found(programs):
    lines = printed(programs, 'stringmatch')
    text = programs['stringmatch'][1].read_text(encoding='ascii')
    words = list(re.finditer('[A-Za-z]+', text))
    assert lines[0] == f'words {len(words)}'
    for line in lines[1:]:
        secret = line.split(':')[0]
        at = [w.start() for w in words if w.group() == secret]
        assert at and line == f'{secret}: {len(at)} times, offsets {sum(at)}'


def test_links_are_indexed(programs):
    lines = printed(programs, 'revindex')
    documents = sorted(programs['revindex'][1].iterdir())
    index = collections.defaultdict(set)
    for n, document in enumerate(documents):
        for link in re.findall('<a href="([^"]*)"',
                               document.read_text(encoding='ascii')):
            index[link].add(n)
    pairs = sum(map(len, index.values()))
    assert lines[0].startswith(f'documents {len(documents)} links '
                               f'{len(index)} pairs {pairs} ')
    first = sorted(index.items(), key=lambda item: (-len(item[1]), item[0]))
    assert [line.split() for line in lines[1:]] == [
        [str(len(of)), link] for link, of in first[:12]]


def test_colours_are_counted(programs):
    lines = printed(programs, 'histogram')
    data = programs['histogram'][1].read_bytes()
    width, height = struct.unpack_from('<II', data, 18)
    row = (width * 3 + 3) // 4 * 4
    pixels = b''.join(data[54 + y * row:54 + y * row + width * 3]
                      for y in range(height))
    for colour, name in enumerate(('blue', 'green', 'red')):
        values = pixels[colour::3]
        at = [i for i, line in enumerate(lines) if line.startswith(name)][0]
        assert lines[at].startswith(
            f'{name}: pixels {len(values)} sum {sum(values)} ')
        assert lines[at + 1:at + 9] == [
            f'  {v:3}: {values.count(v)}' for v in range(0, 256, 32)]


def test_the_line_fits(programs):
    lines = printed(programs, 'linreg')
    data = programs['linreg'][1].read_bytes()
    x, y = data[::2], data[1::2]
    n, sx, sy = len(x), sum(x), sum(y)
    sxx = n * sum(a * a for a in x) - sx * sx
    syy = n * sum(b * b for b in y) - sy * sy
    sxy = n * sum(a * b for a, b in zip(x, y)) - sx * sy
    said = re.search(r'slope (\d+)/1000 y\(0\) (\d+)/1000 r\^2 (\d+)/1000',
                     lines[1])
    want = (sxy / sxx, (sy - sx * sxy / sxx) / n, sxy * sxy / sxx / syy)
    assert [abs(int(s) / 1000 - w) < 0.002
            for s, w in zip(said.groups(), want)] == [True] * 3, (said, want)


def test_points_are_clustered(programs):
    lines = printed(programs, 'kmeans')
    flat = integers(programs, 'kmeans', 'i')
    points = [flat[i:i + 8] for i in range(0, len(flat), 8)]
    means, of, rounds = points[:8], None, 0
    while rounds < 8:
        now = [min(range(8), key=lambda c, p=p: sum(
            (a - b) ** 2 for a, b in zip(p, means[c]))) for p in points]
        moved, of, rounds = now != of, now, rounds + 1
        means = [[sum(column) // len(column) for column in
                  zip(*(p for p, at in zip(points, of) if at == c))]
                 for c in range(8)]
        if not moved:
            break
    assert lines[0].startswith(f'points {len(points)} rounds {rounds} ')
    assert lines[1:] == [f'{of.count(c)} points around '
                         + ' '.join(map(str, means[c])) for c in range(8)]


def test_matrices_are_multiplied(programs):
    lines = printed(programs, 'matmul')
    flat = integers(programs, 'matmul', 'q')
    n = int((len(flat) / 2) ** 0.5)
    a = [flat[i * n:(i + 1) * n] for i in range(n)]
    b = [flat[(n + i) * n:(n + i + 1) * n] for i in range(n)]
    columns = list(zip(*b))

    def cell(i, j):
        return sum(p * q for p, q in zip(a[i], columns[j]))
    assert lines[0].startswith(f'{n} x {n} ')
    assert lines[1] == (f'trace {sum(cell(i, i) for i in range(n))} first '
                        f'{cell(0, 0)} last {cell(n - 1, n - 1)}')


def test_components_are_found(programs):
    lines = printed(programs, 'pca')
    flat = integers(programs, 'pca', 'i')
    n = len(flat) // 32
    rows = [flat[i * n:(i + 1) * n] for i in range(32)]
    means = [sum(r) // n for r in rows]
    rows = [[v - mean for v in row] for row, mean in zip(rows, means)]
    cov = [[sum(a * b for a, b in zip(r, s)) / (n - 1) for s in rows]
           for r in rows]
    for i, line in zip(range(0, 32, 8), lines[1:]):
        assert line == f'row {i}: mean {means[i]} variance {int(cov[i][i])}'
    said = lines[-1].split()
    direction = [float(v) for v in said[3:]]
    image = [sum(c * v for c, v in zip(row, direction)) for row in cov]
    scale = float(said[1])
    assert max(abs(i / scale - v) for i, v in zip(image, direction)) < 1e-3
