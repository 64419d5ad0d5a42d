# SPDX-License-Identifier: GPL-2.0-or-later
"""What goes wrong is told clearly; nothing panics or hangs."""
import struct

import pytest

from bricklib.disk import make_image
from bricklib.workload import compile_program


@pytest.fixture(scope='module')
def tree(tmp_path_factory):
    """A small root file system with broken programs in it."""
    root = tmp_path_factory.mktemp('tree')
    (root / 'bin').mkdir()
    source = root / 'ok.c'
    source.write_text('#include <stdio.h>\n'
                      'int main(void) { puts("ok"); return 0; }\n')
    ok = root / 'bin/ok'
    compile_program(ok, source, '-static')
    elf = bytearray(ok.read_bytes())

    def program(name, data):
        path = root / 'bin' / name
        path.write_bytes(data)
        path.chmod(0o755)

    program('truncated', elf[:5000])
    program('header-only', elf[:40])
    program('text', b'this is no program\n')
    (root / 'bin/not-executable').write_bytes(elf)
    phoff, = struct.unpack_from('<Q', elf, 32)
    phnum, = struct.unpack_from('<H', elf, 56)
    loads = [phoff + 56 * i for i in range(phnum)
             if struct.unpack_from('<I', elf, phoff + 56 * i)[0] == 1]
    huge = bytearray(elf)
    struct.pack_into('<Q', huge, loads[-1] + 40, 1 << 60)
    program('huge-segment', huge)
    overlap = bytearray(elf)
    vaddr, = struct.unpack_from('<Q', elf, loads[0] + 16)
    struct.pack_into('<QQ', overlap, loads[1] + 16, vaddr, vaddr)
    program('overlapping', overlap)
    return root


@pytest.fixture(scope='module')
def image(tree, tmp_path_factory):
    path = tmp_path_factory.mktemp('image') / 'tree.ext4'
    make_image(tree, path)
    return path


def test_a_static_program_runs(brick, image):
    result = brick.run('/bin/ok', image=image)
    assert (result.status, result.out) == (0, b'ok\n'), result.explain()


@pytest.mark.parametrize('program,status,text', [
    ('/bin/missing', 127, b'No such file or directory'),
    ('/bin/not-executable', 126, b'Permission denied'),
    ('/bin/truncated', 126, b''),
    ('/bin/header-only', 126, b'Exec format error'),
    ('/bin/text', 126, b'Exec format error'),
    ('/bin/huge-segment', 126, b''),
    ('/bin/overlapping', 126, b''),
])
def test_a_program_that_cannot_run_is_explained(brick, image, program,
                                                status, text):
    result = brick.run(program, image=image)
    # A truncated file may map, and die of SIGBUS, as on Linux.
    wanted = (status, 128 + 7, 128 + 11) if program == '/bin/truncated' \
        else (status,)
    assert result.status in wanted, result.explain()
    assert text in result.err + result.out, result.explain()
    assert 'panic' not in result.log(), result.explain()


def corrupt(image, tmp_path, offset, data):
    path = tmp_path / 'bad.ext4'
    content = bytearray(image.read_bytes())
    content[offset:offset + len(data)] = data
    path.write_bytes(content)
    return path


@pytest.mark.parametrize('offset,data,complaint', [
    (1024 + 0x38, b'\0\0', 'ext4'),                  # s_magic
    (1024 + 0x60, b'\xff\xff\xff\xff', 'incompatible'),  # feature_incompat
    (1024 + 0x18, b'\xff\xff\xff\xff', 'ext4'),      # s_log_block_size
])
def test_a_bad_disk_is_explained(brick, image, tmp_path, offset, data,
                                 complaint):
    bad = corrupt(image, tmp_path, offset, data)
    result = brick.run('/bin/ok', image=bad)
    # The cluster cannot run anything, and says so to whoever asked.
    assert result.status == 125, result.explain()
    assert b'the storage node has none' in result.err, result.explain()
    log = result.log('s0')
    assert complaint in log and 'panic' not in log, log[-2000:]


def test_too_little_memory_ends_the_program_not_the_node(brick):
    code = 'a=bytearray(200<<20)\nprint(len(a))'
    result = brick.python(code, memory='64M')
    assert result.status != 0 and result.status != 125, result.explain()
    assert 'panic' not in result.log() + result.log('m0'), result.explain()
