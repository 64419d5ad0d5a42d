# SPDX-License-Identifier: GPL-2.0-or-later
"""The tests that need no cluster: unit programs, fuzz targets, checks."""
import glob
import os
import subprocess
import sys

import pytest

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(TOP, 'scripts'))


def names(folder):
    return sorted(os.path.basename(p)[:-5] for p in
                  glob.glob(os.path.join(TOP, 'tests', folder, '*.list')))


def run(command, timeout, **env):
    done = subprocess.run(command, cwd=TOP, text=True, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=timeout, env={**os.environ, **env})
    assert done.returncode == 0, done.stdout[-4000:]
    return done.stdout


@pytest.mark.parametrize('compiler', ['gcc', 'clang'])
@pytest.mark.parametrize('name', names('unit'))
def test_unit_program_passes_under_sanitizers(name, compiler, build):
    run([f'{build}/unit/{name}-{compiler}'], 300)


@pytest.mark.parametrize('name', names('fuzz'))
def test_parser_survives_fuzzing(name, build):
    seconds = os.environ.get('FUZZ_SECONDS', '20')
    run(['scripts/run-fuzz', build, name], int(seconds) + 200,
        FUZZ_SECONDS=seconds)


@pytest.mark.parametrize('name', [
    'format', 'layers', 'headers', 'sizes', 'contracts', 'spdx', 'words',
    'tour', 'sparse', 'cppcheck'])
def test_check_finds_nothing(name):
    run(['scripts/check', name], 900)


def test_debug_build_is_not_made_of_the_release_configuration(tmp_path):
    make = ['make', '-n', f'O={tmp_path}']
    run(['make', f'O={tmp_path}', 'defconfig'], 60)
    run([*make, 'kernel'], 60)
    done = subprocess.run([*make, 'DEBUG=1', 'kernel'], cwd=TOP, text=True,
                          check=False, capture_output=True, timeout=60)
    assert done.returncode and 'release configuration' in done.stderr
    run(['make', f'O={tmp_path}', 'DEBUG=1', 'defconfig'], 60)
    run([*make, 'DEBUG=1', 'kernel'], 60)
