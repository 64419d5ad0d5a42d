# SPDX-License-Identifier: GPL-2.0-or-later
"""Disks with programs on them, and the map-reduce programs with their input,
for tests and benchmarks."""
import glob
import os
import pathlib
import re
import shutil
import subprocess

from .config import TOP, parse_size
from .disk import make_image

# What programs need that are linked with the C library.
LIBRARIES = ('usr/lib/x86_64-linux-gnu/libc.so.6',
             'usr/lib/x86_64-linux-gnu/libgcc_s.so.1',
             'usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2',
             'usr/lib64/ld-linux-x86-64.so.2')
# The code of a program and of the C library, stacks.
BESIDES_DATA_KB = 256


def small_root(root, debian, *files):
    """A tree for a disk at @root: the C library and these files of the tree
    @debian; returns @root."""
    for folder in ('usr/bin', 'usr/lib64', 'usr/lib/x86_64-linux-gnu', 'tmp',
                   'proc', 'dev', 'sys'):
        os.makedirs(os.path.join(root, folder))
    for name in ('bin', 'lib', 'lib64'):
        os.symlink(f'usr/{name}', os.path.join(root, name))
    for name in (*LIBRARIES, *files):
        shutil.copy2(os.path.join(debian, name), os.path.join(root, name),
                     follow_symlinks=False)
    return root


def compile_program(target, sources, *flags):
    """The program @target of @sources (a pattern below tests/)."""
    subprocess.run(['gcc', '-O1', '-g0', '-Wall', '-Wextra', '-pthread', *flags,
                    '-o', target,
                    *sorted(glob.glob(os.path.join(TOP, 'tests', sources)))],
                   check=True)


def bare_root(root, programs=()):
    """A tree for a disk at @root: these programs, {name: sources}, with all
    that they need in them; returns @root."""
    for folder in ('dev', 'proc', 'sys', 'tmp'):
        os.makedirs(os.path.join(root, folder))
    for name in programs:
        compile_program(os.path.join(root, name), programs[name], '-static')
    return root


def program_image(folder, programs):
    """A disk of such a tree, @folder/disk; the tree is @folder/root."""
    image = pathlib.Path(folder, 'disk')
    make_image(bare_root(image.with_name('root'), programs), image)
    return image


def peak_kb(program, data):
    """The most memory that is resident when it runs on this host."""
    err = subprocess.run([program, '--peak', 'seq', data], check=True,
                         capture_output=True, text=True, timeout=300).stderr
    return int(re.search(r'peak (\d+) kB', err)[1])


def prepare(program, data, size):
    """Make the input @data; what the program prints for it."""
    subprocess.run([program, 'generate', size, data], check=True)
    return subprocess.run([program, 'seq', data], check=True,
                          capture_output=True, text=True, timeout=300).stdout


class MapReduce:
    """The programs as @root/mr/NAME, their input as @root/mr/NAME.in; for each
    n of @parts also an n-th of that much, as NAME.in.n.

    Working sets are measured on this host: the peak of resident memory, less
    that with hardly any input, and BESIDES_DATA_KB."""

    def __init__(self, root, sizes, parts=()):
        self.expected = {}        # what each prints, by name and by (name, n)
        self.working_set_kb = {}
        folder = os.path.join(root, 'mr')
        subprocess.run([os.path.join(TOP, 'tests/workloads/mapreduce/build'),
                        folder], check=True)
        for name, size in sizes.items():
            program = os.path.join(folder, name)
            self.expected[name] = prepare(program, f'{program}.in', size)
            for n in parts:
                self.expected[name, n] = prepare(
                    program, f'{program}.in.{n}', str(parse_size(size) // n))
            self._measure(program, name)

    def _measure(self, program, name):
        data, smallest = f'{program}.in', f'{program}.smallest'
        prepare(program, smallest, '8K')
        self.working_set_kb[name] = (peak_kb(program, data) -
                                     peak_kb(program, smallest) +
                                     BESIDES_DATA_KB)

    def pcache(self, name, percent):
        """The size of a pcache that is that share of the working set."""
        return f'{self.working_set_kb[name] * percent // 100}K'
