# SPDX-License-Identifier: GPL-2.0-or-later
"""Debian's python3 on a cluster gives what it gives on Debian's kernel."""
import json
import shlex
import subprocess

import pytest

PYTHON = '/usr/bin/python3'

PROGRAMS = {
    'hello': 'print("hello")',
    'sort': (
        'import random,hashlib; random.seed(1)\n'
        'a=[random.random() for _ in range(300000)]; a.sort()\n'
        'print(hashlib.sha256(repr(a[::1000]).encode()).hexdigest())'),
    'hashlib': (
        'import hashlib\n'
        'for n in ("md5","sha1","sha256","sha512","blake2b","sha3_256"):\n'
        '    print(n, hashlib.new(n, b"brick"*100000).hexdigest())'),
    'zlib': (
        'import zlib\n'
        'd=b"".join(b"line %d\\n"%i for i in range(50000))\n'
        'c=zlib.compress(d,9); print(len(c), zlib.crc32(c))\n'
        'print(zlib.decompress(c)==d)'),
    're': (
        'import re\n'
        'print(re.findall(r"(\\w+)@(\\w+)\\.com","a@b.com "*3))\n'
        'print(len(re.sub(r"(a+)b","X","aaab"*10000)))'),
    'struct': (
        'import struct\n'
        'print(struct.pack("<IhQd",1,-2,3,4.5).hex())\n'
        'print(struct.unpack(">3sxI",b"abc\\0\\0\\0\\1\\0"))'),
    'threading': (
        'import threading\n'
        'n=[0]; lock=threading.Lock()\n'
        'def w():\n'
        '    for _ in range(2000):\n'
        '        with lock: n[0]+=1\n'
        't=[threading.Thread(target=w) for _ in range(8)]\n'
        '[x.start() for x in t]; [x.join() for x in t]; print(n[0])'),
    'subprocess': (
        'import subprocess,sys\n'
        'r=subprocess.run([sys.executable,"-c","print(6*7)"],\n'
        '                 capture_output=True); print(r)'),
    'multiprocessing': (
        'import multiprocessing as m\n'
        'def f(x): return x*x\n'
        'm.set_start_method("fork")\n'
        'with m.Pool(3) as p: print(p.map(f, range(20)))'),
    'tempfile': (
        'import tempfile,os\n'
        'with tempfile.TemporaryDirectory(dir="/tmp") as d:\n'
        '    p=os.path.join(d,"f"); open(p,"w").write("x"*100000)\n'
        '    print(os.path.getsize(p), sorted(os.listdir(d)))\n'
        'with tempfile.TemporaryFile() as f:\n'
        '    f.write(b"abc"); f.seek(0); print(f.read())\n'
        'print(os.path.exists(p))'),
    'sleep': (
        'import time\n'
        't=time.monotonic(); time.sleep(0.3)\n'
        'print(time.monotonic()-t >= 0.3)'),
    'alarm': (
        'import signal,time\n'
        'def h(n,f): print("alarm",n); raise SystemExit(7)\n'
        'signal.signal(signal.SIGALRM,h); signal.alarm(1); time.sleep(60)'),
    'exit': 'import sys; print("bye"); sys.exit(3)',
}


def native(argv, stdin=b''):
    """What the same program gives on this host's kernel."""
    done = subprocess.run(argv, input=stdin, capture_output=True,
                          check=False, timeout=120, cwd='/')
    return done.returncode, done.stdout


def same_as_native(brick, argv, stdin=b'', **options):
    result = brick.run(*argv, stdin=stdin, **options)
    assert (result.status, result.out) == native(argv, stdin), \
        result.explain()
    return result


@pytest.mark.parametrize('name', PROGRAMS)
def test_program(brick, name):
    same_as_native(brick, [PYTHON, '-c', PROGRAMS[name]])


@pytest.mark.parametrize('name,pcache', [
    ('sort', '8M'), ('zlib', '3M'), ('threading', '3M'), ('subprocess', '3M'),
    ('multiprocessing', '3M')])
def test_program_with_a_pcache_much_smaller_than_its_memory(brick, name,
                                                            pcache):
    result = same_as_native(brick, [PYTHON, '-c', PROGRAMS[name]],
                            pcache=pcache)
    p = result.counters()['p0']
    assert p['nr_pcache_eviction_succeed'] > 0, result.explain()
    assert p['nr_victim_eviction_succeed'] > 0, result.explain()
    assert p['nr_clflush'] > 0, result.explain()


def test_victim_cache_serves_hits_when_the_pcache_is_small(brick):
    code = PROGRAMS['sort'].replace('300000', '60000')
    result = same_as_native(brick, [PYTHON, '-c', code], pcache='4M')
    p = result.counters()['p0']
    assert p['nr_victim_hit'] > 0, result.explain()
    assert p['nr_pcache_fill_from_memory'] > 0, result.explain()


@pytest.mark.parametrize('options', [
    {'pcache': '8M'}, {'cpus': 1}, {'cpus': 4}, {'cpus': 4, 'pcache': '8M'}],
    ids=str)
def test_all_programs_one_after_the_other(brick, options):
    script = '\n'.join(f'{PYTHON} -c {shlex.quote(code)}; echo "{name} $?"'
                       for name, code in PROGRAMS.items())
    same_as_native(brick, ['/bin/sh', '-c', script], **options)


def test_script_from_stdin(brick):
    same_as_native(brick, [PYTHON, '-'], stdin=b'print(sum(range(10)))\n')


def test_input_reads_a_line(brick):
    same_as_native(brick, [PYTHON, '-c', 'print("got", input())'],
                   stdin=b'one line\nanother\n')


def test_binary_data_passes_through_stdin_and_stdout(brick):
    data = bytes(range(256)) * 64
    code = ('import sys; d=sys.stdin.buffer.read(); '
            'sys.stdout.buffer.write(d[::-1])')
    same_as_native(brick, [PYTHON, '-c', code], stdin=data)


def test_json_tool_formats_a_file(brick):
    text = json.dumps({'b': [1, 2, {'c': None}], 'a': 'é'})
    code = (f'open("/tmp/x.json","w").write({text!r}); import runpy,sys; '
            'sys.argv=["t","/tmp/x.json"]; '
            'runpy.run_module("json.tool",run_name="__main__")')
    same_as_native(brick, [PYTHON, '-c', code])


def test_a_program_killed_by_its_own_segfault_says_so(brick):
    result = brick.python('import ctypes; ctypes.string_at(0)')
    assert result.status == 128 + 11, result.explain()
    assert b'Segmentation fault' in result.err + result.out, result.explain()


def test_memory_node_that_comes_late_is_used(brick):
    result = brick.python('print("hello")', delay='memory:20')
    assert (result.status, result.out) == (0, b'hello\n'), result.explain()
    assert 'no memory node' in result.log(), result.explain()


def test_everything_in_use_goes_back_when_the_program_ends(brick):
    result = same_as_native(brick, [PYTHON, '-c',
                                    PROGRAMS['multiprocessing']],
                            pcache='8M')
    result.nothing_in_use()


CAPABILITIES = r'''
import ctypes, os, sys
libc = ctypes.CDLL(None, use_errno=True)
sys.stdout.reconfigure(line_buffering=True)

def caps():
    with open('/proc/self/status') as f:
        return [line.split()[1] for line in f if line.startswith('Cap')][:4]

def capset(effective, permitted, inheritable=0):
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    sets = effective, permitted, inheritable
    data = (ctypes.c_uint32 * 6)(*(s >> shift & 0xffffffff
                                   for shift in (0, 32) for s in sets))
    return libc.capset(header, data) and os.strerror(ctypes.get_errno())

def attempt(what, *args):
    try:
        what(*args)
        return 'may'
    except OSError as e:
        return e.strerror

with open('/tmp/locked', 'w') as f:
    os.fchmod(f.fileno(), 0)
everything, setuid = (1 << 41) - 1, 1 << 7
print(caps(), libc.prctl(24, 25), libc.prctl(23, 25))
print(capset(everything & ~setuid, everything), caps()[1:3])
print(attempt(os.setresuid, 5, 5, -1))
print(capset(everything, everything), caps()[1:3])
print(capset(everything & ~setuid, everything & ~setuid), caps()[1:3])
print(capset(everything, everything), capset(1, 1), capset(3, 1))
if os.fork() == 0:
    print(caps()[1:3], capset(everything, everything))
    os._exit(0)
os.wait()
print(attempt(open, '/tmp/locked'), attempt(os.chmod, '/tmp/locked', 7))
print(attempt(os.setgid, 7), attempt(os.setgid, 0), attempt(os.setgroups, [1]))
print(libc.prctl(23, 7), libc.prctl(24, 7) and ctypes.get_errno())
os.execv('/usr/bin/grep', ['grep', 'Cap[PEB]', '/proc/self/status'])
'''


def test_capabilities_can_be_given_up(brick):
    """And not taken back, but by a new program of root; what needs one is
    refused without it."""
    result = brick.python(CAPABILITIES)
    every, no_setuid = '000001ffffffffff', '000001ffffffff7f'
    no, bound = 'Operation not permitted', '000001fffdffffff'
    assert result.out.decode().splitlines() == [
        f"['0000000000000000', '{every}', '{every}', '{every}'] 0 0",
        f"0 ['{every}', '{no_setuid}']",
        no,
        f"0 ['{every}', '{every}']",
        f"0 ['{no_setuid}', '{no_setuid}']",
        f'{no} 0 {no}',
        f"['0000000000000001', '0000000000000001'] {no}",
        'Permission denied may', # its owner
        f'{no} may {no}',
        '1 1',
        f'CapPrm:\t{bound}', f'CapEff:\t{bound}', f'CapBnd:\t{bound}',
    ], result.explain()
