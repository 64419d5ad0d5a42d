# SPDX-License-Identifier: GPL-2.0-or-later
"""A cluster that stays: `brick up` leaves a supervisor, which owns the
processes; the other commands find them through the folder."""
import fcntl
import json
import os
import select
import signal
import socket
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
    """The supervisor's pid while it lives: it holds a lock on the file, so
    a pid that somebody else has got meanwhile is not taken for it."""
    try:
        with open(os.path.join(folder, 'supervisor.pid'),
                  encoding='ascii') as f:
            try:
                fcntl.flock(f, fcntl.LOCK_SH | fcntl.LOCK_NB)
                return None
            except BlockingIOError:
                return int(f.read())
    except (FileNotFoundError, ValueError):
        return None


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


SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Stop(Exception):
    """A signal told the supervisor to end."""


def on_signal(*_):
    raise Stop


def lock_pid_file(folder):
    # Kept open, and thereby locked, until the process ends.  Not inherited
    # by the children.
    f = open(os.path.join(folder, 'supervisor.pid'), 'w', encoding='ascii')
    fcntl.flock(f, fcntl.LOCK_EX | fcntl.LOCK_NB)
    f.write(f'{os.getpid()}\n')
    f.flush()
    return f


def supervise(config, folder, ready):
    """In the child: own the cluster until told to stop; never returns."""
    cluster, lock = None, None
    try:
        os.setsid()
        for number in SIGNALS:
            signal.signal(number, on_signal)
        redirect(os.path.join(folder, 'supervisor.log'))
        lock = lock_pid_file(folder)
        cluster = Cluster(config, folder)
        listener = listen(folder)
        cluster.start()
        os.write(ready, b'up')
        os.close(ready)
        while True:
            watch(cluster, listener)
    except Stop:
        pass
    except (BrickError, OSError) as e:
        print(e, flush=True)
        try:
            os.write(ready, str(e).encode())
        except OSError:
            pass
    finally:
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        if cluster:
            cluster.stop()
        if lock:
            os.unlink(lock.name)
        os._exit(0)


def redirect(log):
    null = os.open(os.devnull, os.O_RDWR)
    out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    for fd, to in ((null, 0), (out, 1), (out, 2)):
        os.dup2(fd, to)


def listen(folder):
    """The socket where `brick stop` and `brick start` ask."""
    s = socket.socket(socket.AF_UNIX)
    s.bind(os.path.join(folder, 'supervisor.sock'))
    s.listen()
    return s


def watch(cluster, listener):
    """A look at the children, and one request if there is one.  A node that
    ends is part of what a cluster has to live with; the fabric is not."""
    for n in cluster.nodes:
        if n.process is not None and not n.is_running():
            print(n.why_it_ended(), flush=True)
            n.process = None
    cluster.check_alive()
    if not select.select([listener], [], [], 1)[0]:
        return
    connection = listener.accept()[0]
    with connection, connection.makefile('rw') as f:
        try:
            serve(cluster, json.loads(f.readline()))
            f.write('done')
        except (BrickError, ValueError, KeyError) as e:
            f.write(str(e))


def serve(cluster, request):
    node = cluster.node(request['node'])
    if request['do'] == 'stop':
        if not node.is_running():
            raise BrickError(f'{node.name} does not run')
        node.stop()
        node.process = None
    elif node.is_running():
        raise BrickError(f'{node.name} runs already')
    else:
        node.config.image = request['image'] or node.config.image
        node.start()
        save(cluster.config, cluster.folder)


def ask_supervisor(name, do, node, image=None):
    """Stop or start one node of a standing cluster."""
    folder = folder_of(name)
    if not supervisor_pid(folder):
        raise BrickError(f'no cluster {name!r} is up')
    with socket.socket(socket.AF_UNIX) as s:
        try:
            s.connect(os.path.join(folder, 'supervisor.sock'))
            with s.makefile('rw') as f:
                f.write(json.dumps({'do': do, 'node': node,
                                    'image': image}) + '\n')
                f.flush()
                answer = f.read()
        except OSError as e:
            raise BrickError(f'the supervisor does not answer: {e}') from e
    if answer != 'done':
        raise BrickError(answer or 'the supervisor ended')


def down(name):
    """Stop a cluster.  One that ended by itself is only forgotten: its
    processes died with their supervisor."""
    folder = folder_of(name)
    if not os.path.exists(os.path.join(folder, 'cluster.json')):
        raise BrickError(f'no cluster {name!r} is up')
    pid = supervisor_pid(folder)
    if pid:
        os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + 30
    while supervisor_pid(folder):
        if time.monotonic() > deadline:
            raise BrickError(f'the supervisor (pid {pid}) does not end')
        time.sleep(0.05)
    os.unlink(os.path.join(folder, 'cluster.json'))


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
