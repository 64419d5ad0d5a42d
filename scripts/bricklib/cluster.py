# SPDX-License-Identifier: GPL-2.0-or-later
"""A running cluster: the fabric, the nodes, and the folder of their files."""
import os
import stat
import time

from .config import TOP, BrickError
from .fabric import Fabric
from .node import Node

# Longest path that a unix socket takes (sun_path).
SUN_PATH_MAX = 107


def state_root():
    """Short, for socket paths; private to the user."""
    root = os.environ.get('BRICK_STATE') or f'/tmp/brick-{os.getuid()}'
    os.makedirs(root, mode=0o700, exist_ok=True)
    is_private(root)
    return root


def is_private(folder):
    """BrickError if others could put their sockets or files there."""
    st = os.lstat(folder)
    if (st.st_uid != os.getuid() or not stat.S_ISDIR(st.st_mode)
            or st.st_mode & 0o022):
        raise BrickError(f'{folder} is not a folder that is ours alone; '
                         'remove it, or set BRICK_STATE')


class Cluster:
    def __init__(self, config, folder, progress=lambda text: None):
        self.config = config
        self.folder = folder
        self.progress = progress
        kernel = (config.kernel or os.environ.get('BRICK_KERNEL')
                  or os.path.join(TOP, 'build/brick.elf'))
        self.fabric_program = config.fabric or os.path.join(
            TOP, 'build/tools/brick-fabric')
        for what, path in (('kernel', kernel),
                           ('fabric', self.fabric_program)):
            if not os.path.exists(path):
                raise BrickError(f'no {what} at {path}: run make')
        self.nodes = [Node(n, folder, config.name, kernel)
                      for n in config.nodes]
        self.fabric = None

    def node(self, name):
        for n in self.nodes:
            if name in (n.name, n.config.role):
                return n
        raise BrickError(f'no node {name!r} in this cluster; there are '
                         + ', '.join(n.name for n in self.nodes))

    def of_role(self, role):
        return [n for n in self.nodes if n.config.role == role]

    # -- start and stop ----------------------------------------------------

    def start(self, fw_cfg=None, extra=None, icount=None):
        """Start the fabric and all nodes; returns when QEMUs run."""
        os.makedirs(self.folder, exist_ok=True)
        longest = max(len(n.path('log') + '.sock') for n in self.nodes)
        if longest > SUN_PATH_MAX:
            raise BrickError(f'folder name too long: {self.folder}')
        self.start_fabric()
        began = time.monotonic()
        for n in sorted(self.nodes, key=lambda n: n.config.delay_s):
            wait = began + n.config.delay_s - time.monotonic()
            if wait > 0:
                self.progress(f'{n.name} boots in {wait:.0f} s')
                self.idle(wait)
            first = n.config.role == 'processor'
            n.start(extra_options=(extra or {}).get(n.config.role, ''),
                    fw_cfg=fw_cfg if first else None,
                    icount=icount if first else None)
            fw_cfg = None if first else fw_cfg

    def idle(self, seconds):
        time.sleep(seconds)

    def fabric_of_nodes(self, options=()):
        return Fabric([n.path('hca') for n in self.nodes], self.folder,
                      self.fabric_program, options)

    def start_fabric(self):
        self.progress('starting the fabric')
        options = ['--pcap', self.config.pcap] if self.config.pcap else []
        self.fabric = self.fabric_of_nodes(options)
        self.fabric.start()
        for order in self.config.orders:
            self.fabric.order(order)

    def stop(self):
        """End everything; safe to call at any time and twice."""
        for n in self.nodes:
            if n.is_running():
                n.process.terminate()
        for n in self.nodes:
            n.stop()
        if self.fabric:
            self.fabric.stop()

    def check_alive(self):
        """BrickError if a node or the fabric ended by itself."""
        if not self.fabric.is_running():
            raise BrickError('the fabric ended: see '
                             + self.fabric.path('log'))
        for n in self.nodes:
            if n.process is not None and not n.is_running():
                raise BrickError(n.why_it_ended())
