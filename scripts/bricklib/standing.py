# SPDX-License-Identifier: GPL-2.0-or-later
"""A cluster that stays: `brick up` leaves a supervisor, which owns the
processes; the other commands find them through the folder."""
import json
import os
import signal
import sys
import time

from .cluster import Cluster, state_root
from .config import BrickError, ClusterConfig, NodeConfig


def folder_of(name):
    return os.path.join(state_root(), name)


def save(config, folder):
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, 'cluster.json'), 'w',
              encoding='utf-8') as f:
        json.dump({'name': config.name, 'kernel': config.kernel,
                   'fabric': config.fabric,
                   'nodes': [vars(n) for n in config.nodes]}, f, indent=2)


def load(name):
    """The Cluster object of a standing cluster (its processes not ours)."""
    folder = folder_of(name)
    try:
        with open(os.path.join(folder, 'cluster.json'),
                  encoding='utf-8') as f:
            d = json.load(f)
    except FileNotFoundError as e:
        raise BrickError(f'no cluster {name!r} is up: brick up') from e
    config = ClusterConfig([NodeConfig(**n) for n in d['nodes']], d['name'],
                           d['kernel'], d['fabric'])
    return Cluster(config, folder)


def read_pid(path):
    """A pid from a file if that process still lives, else None."""
    try:
        with open(path, encoding='ascii') as f:
            pid = int(f.read())
        os.kill(pid, 0)
        return pid
    except (OSError, ValueError):
        return None


def supervisor_pid(folder):
    return read_pid(os.path.join(folder, 'supervisor.pid'))


def up(config):
    """Start @config and leave it running; returns when all nodes run."""
    folder = folder_of(config.name)
    if supervisor_pid(folder):
        raise BrickError(f'cluster {config.name!r} is up already ({folder})')
    if os.path.isdir(folder):
        for f in os.scandir(folder):
            os.unlink(f.path)
    save(config, folder)
    ready_r, ready_w = os.pipe()
    if os.fork() == 0:
        os.close(ready_r)
        supervise(config, folder, ready_w)
    os.close(ready_w)
    with os.fdopen(ready_r) as f:
        answer = f.read()
    if answer != 'up':
        raise BrickError(answer or 'the supervisor ended')
    return folder


def supervise(config, folder, ready):
    """In the child: own the cluster until told to stop or it ends."""
    os.setsid()
    wanted = [signal.SIGTERM, signal.SIGINT, signal.SIGHUP]
    signal.pthread_sigmask(signal.SIG_BLOCK, wanted)
    null = os.open(os.devnull, os.O_RDWR)
    out = os.open(os.path.join(folder, 'supervisor.log'),
                  os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    for fd, to in ((null, 0), (out, 1), (out, 2)):
        os.dup2(fd, to)
    with open(os.path.join(folder, 'supervisor.pid'), 'w',
              encoding='ascii') as f:
        f.write(f'{os.getpid()}\n')
    cluster = None
    try:
        cluster = Cluster(config, folder)
        cluster.start()
        os.write(ready, b'up')
        os.close(ready)
        while not signal.sigtimedwait(wanted, 1):
            cluster.check_alive()
    except BrickError as e:
        print(e, flush=True)
        try:
            os.write(ready, str(e).encode())
        except OSError:
            pass
    finally:
        if cluster:
            cluster.stop()
        os.unlink(os.path.join(folder, 'supervisor.pid'))
        os._exit(0)


def down(name):
    folder = folder_of(name)
    pid = supervisor_pid(folder)
    if not pid:
        raise BrickError(f'no cluster {name!r} is up')
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + 30
    while supervisor_pid(folder):
        if time.monotonic() > deadline:
            raise BrickError(f'the supervisor (pid {pid}) does not end')
        time.sleep(0.05)


def ps(out=sys.stdout):
    """A line for each node of each standing cluster."""
    rows = []
    for entry in sorted(os.scandir(state_root()), key=lambda e: e.name):
        if not os.path.exists(os.path.join(entry.path, 'cluster.json')):
            continue
        cluster = load(entry.name)
        alive = supervisor_pid(entry.path)
        for n in cluster.nodes:
            pid = read_pid(n.path('pid')) if alive else None
            rows.append((entry.name, n.name, n.config.role,
                         str(n.config.cpus), n.config.memory,
                         str(pid or '-'), 'up' if pid else 'down'))
    head = ('CLUSTER', 'NODE', 'ROLE', 'CPUS', 'MEMORY', 'PID', 'STATE')
    for row in [head, *rows]:
        print(''.join(c.ljust(w) for c, w in
                      zip(row, (12, 8, 12, 6, 9, 9, 6))).rstrip(), file=out)
