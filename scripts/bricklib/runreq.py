# SPDX-License-Identifier: GPL-2.0-or-later
"""The run request: what a processor node is to run, as fw_cfg carries it.

NUL-terminated strings: cwd, number of environment strings, these, number of
arguments, these, then options KEY=VALUE (stdio, rows, cols).
"""
from .config import BrickError

LIMIT = 256 << 10


def encode(argv, env, cwd, options):
    fields = [cwd, str(len(env)), *env, str(len(argv)), *argv,
              *(f'{k}={v}' for k, v in options.items())]
    data = b''.join(f.encode('utf-8', 'surrogateescape') + b'\0'
                    for f in fields)
    if len(data) > LIMIT:
        raise BrickError('arguments and environment are too long')
    return data


def environment(extra):
    """What a login on the cluster would have, and what --env adds."""
    env = {'PATH': '/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin',
           'HOME': '/root', 'USER': 'root', 'LANG': 'C.UTF-8',
           'TERM': 'xterm'}
    for item in extra:
        if '=' not in item:
            raise BrickError(f'--env wants NAME=VALUE, not {item!r}')
        name, value = item.split('=', 1)
        env[name] = value
    return [f'{k}={v}' for k, v in env.items()]
