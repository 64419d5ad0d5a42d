# SPDX-License-Identifier: GPL-2.0-or-later
"""A guest with Debian's own kernel and RDMA programs on a card of the fabric.

Its first serial port is a terminal with a shell; commands come over the
second, where a shell answers them one by one."""
import json
import os
import re
import shutil
import socket
import subprocess
import time

from .config import TOP, BrickError
from .node import accelerator
from .process import Process

# What guests may load; modules.dep adds what these need.
MODULES = ('mlx4_core', 'mlx4_ib', 'ib_ipoib', 'ib_umad', 'ib_uverbs',
           'rdma_ucm', 'nvme_rdma', 'nvmet_rdma', 'nvmet', 'loop', 'brd',
           'ext4', 'crc32c_generic', 'crc32c_intel')

INIT = r'''#!/bin/busybox sh
/bin/busybox --install -s /bin
# Debian's programs before busybox's.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root TERM=linux
mount -t proc none /proc
mount -t sysfs none /sys
mount -t devtmpfs none /dev
mkdir -p /dev/shm /dev/pts /run /tmp /root /etc /var/log 
mount -t tmpfs none /dev/shm
mount -t tmpfs none /tmp
mount -t devpts none /dev/pts
name=$(sed -n 's/.*guest=\([^ ]*\).*/\1/p' /proc/cmdline)
hostname "$name"
ip link set lo up
ulimit -l unlimited
setsid sh -c 'exec sh -l </dev/ttyS0 >/dev/ttyS0 2>&1' &
exec </dev/ttyS1 >/dev/ttyS1 2>/dev/null
stty raw -echo
echo "@ready"
# In a process of its own: this one is the parent of orphans, and busybox's read
# forgets the part of a line that it has when a child ends (SIGCHLD) meanwhile.
(
	while IFS= read -r line; do
		number=${line%% *}
		setsid sh -c "${line#* }" </dev/null >/run/out 2>&1
		status=$?
		cat /run/out
		printf '\n@%s %d\n' "$number" "$status"
	done
)
'''


def unpacked():
    """The folder with Debian's kernel and programs."""
    done = subprocess.run([os.path.join(TOP, 'scripts/get-linux')],
                          check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout.strip()


def version_of(root):
    return os.listdir(os.path.join(root, 'lib/modules'))[0]


def module_files(root, wanted=MODULES):
    """Paths of these modules and of those they need, below lib/modules."""
    base = os.path.join(root, 'lib/modules', version_of(root))
    needs, path_of = {}, {}
    with open(os.path.join(base, 'modules.dep'), encoding='ascii') as f:
        for line in f:
            path, _, rest = line.partition(':')
            needs[path] = rest.split()
            name = os.path.basename(path).split('.')[0].replace('-', '_')
            path_of[name] = path
    with open(os.path.join(base, 'modules.builtin'), encoding='ascii') as f:
        builtin = {os.path.basename(line).split('.')[0].replace('-', '_')
                   for line in f}
    found = set()
    for name in wanted:
        if name in builtin:
            continue
        if name not in path_of:
            raise BrickError(f'no module {name} in {base}')
        found |= {path_of[name], *needs[path_of[name]]}
    return sorted(found)


def make_initramfs(root, path, extra=()):
    """A compressed cpio with the programs and modules; extra names
    (file on the host, name in the guest) pairs."""
    stage = path + '.d'
    shutil.rmtree(stage, ignore_errors=True)
    os.makedirs(stage)
    for name in ('usr', 'sbin', 'bin', 'lib64', 'etc'):
        if os.path.isdir(os.path.join(root, name)):
            shutil.copytree(os.path.join(root, name),
                            os.path.join(stage, name), symlinks=True)
    shutil.rmtree(os.path.join(stage, 'usr/share'), ignore_errors=True)
    os.makedirs(os.path.join(stage, 'lib'), exist_ok=True)
    for name in os.listdir(os.path.join(root, 'lib')):
        if name not in ('modules', 'firmware', 'systemd', 'udev'):
            source = os.path.join(root, 'lib', name)
            if os.path.isdir(source):
                shutil.copytree(source, os.path.join(stage, 'lib', name),
                                symlinks=True)
    modules = os.path.join('lib/modules', version_of(root))
    for name in module_files(root):
        to = os.path.join(stage, modules, name)
        os.makedirs(os.path.dirname(to), exist_ok=True)
        shutil.copy(os.path.join(root, modules, name), to)
    for name in ('modules.order', 'modules.builtin',
                 'modules.builtin.modinfo'):
        shutil.copy(os.path.join(root, modules, name),
                    os.path.join(stage, modules, name))
    subprocess.run(['/sbin/depmod', '-b', stage, version_of(root)],
                   check=True)
    for name in ('proc', 'sys', 'dev', 'run', 'tmp', 'root', 'mnt'):
        os.makedirs(os.path.join(stage, name), exist_ok=True)
    with open(os.path.join(stage, 'init'), 'w', encoding='utf-8') as f:
        f.write(INIT)
    os.chmod(os.path.join(stage, 'init'), 0o755)
    with open(os.path.join(stage, 'etc/passwd'), 'w', encoding='ascii') as f:
        f.write('root:x:0:0:root:/root:/bin/sh\n')
    for source, name in extra:
        shutil.copy(source, os.path.join(stage, name.lstrip('/')))
    pack(root, stage, path)
    shutil.rmtree(stage)


def pack(root, stage, path):
    names = []
    for folder, folders, files in os.walk(stage):
        names += [os.path.relpath(os.path.join(folder, n), stage)
                  for n in folders + files]
    with open(path + '.new', 'wb') as out:
        cpio = subprocess.Popen(
            [os.path.join(root, 'bin/busybox'), 'cpio', '-o', '-H', 'newc'],
            cwd=stage, stdin=subprocess.PIPE, stdout=out,
            stderr=subprocess.DEVNULL)
        cpio.communicate('\n'.join(sorted(names)).encode() + b'\n', 300)
    if cpio.returncode:
        raise BrickError('cannot pack the initramfs')
    os.rename(path + '.new', path)


class LinuxGuest(Process):
    """One QEMU."""

    def __init__(self, name, folder, cards, root, initramfs, memory=384,
                 cpus=1):
        super().__init__(name, folder)
        self.cards = [cards] if isinstance(cards, str) else list(cards)
        self.root = root
        self.initramfs = initramfs
        self.memory = memory
        self.cpus = cpus
        self.port = None
        self.ready = False
        self.seen = b''
        self.number = 0

    def qemu_command(self, terminal=None):
        cmd = [os.path.join(TOP, 'scripts/qemu'), '-name', self.name,
               '-M', 'q35,memory-backend=m0', *accelerator(), '-cpu', 'max',
               '-smp', str(self.cpus), '-m', f'{self.memory}M',
               '-object', 'memory-backend-memfd,id=m0,'
               f'size={self.memory}M,share=on',
               '-nodefaults', '-no-user-config', '-display', 'none',
               '-no-reboot', '-kernel',
               os.path.join(self.root, 'boot/vmlinuz-'
                            + version_of(self.root)),
               '-initrd', self.initramfs, '-append',
               'console=ttyS0,115200 panic=-1 mitigations=off '
               f'guest={self.name}']
        if terminal:
            cmd += ['-chardev', f'{terminal},id=tty,signal=off']
        else:
            cmd += ['-chardev', f'file,id=tty,path={self.path("log")}']
        cmd += ['-serial', 'chardev:tty', '-chardev',
                f'socket,id=agent,path={self.path("agent.sock")},'
                'server=on,wait=off', '-serial', 'chardev:agent']
        for number, card in enumerate(self.cards, 1):
            # Behind a port, as in a machine: on the root bus it has no link.
            device = {'driver': 'vfio-user-pci', 'x-msg-timeout': 600000,
                      'bus': f'port{number}',
                      'socket': {'type': 'unix', 'path': card}}
            cmd += ['-device', f'pcie-root-port,id=port{number},'
                    f'chassis={number},hotplug=off',
                    '-device', json.dumps(device)]
        return cmd

    def start(self):
        """Start the QEMU and return; the first run() waits for the boot."""
        if os.path.exists(self.path('agent.sock')):
            os.unlink(self.path('agent.sock'))
        self.seen, self.number, self.ready = b'', 0, False
        self.launch(self.qemu_command(), 'qemu')
        self.connect()

    def connect(self):
        """To the port for commands, as soon as QEMU has made it: what a
        guest says before is lost."""
        deadline = time.monotonic() + 60
        while True:
            self.port = socket.socket(socket.AF_UNIX)
            try:
                self.port.connect(self.path('agent.sock'))
                return
            except OSError:
                self.port.close()
                self.port = None
                if not self.is_running() or time.monotonic() > deadline:
                    raise BrickError(f'{self.name} did not start: see '
                                     + self.path('qemu')) from None
                time.sleep(0.05)

    def wait_ready(self, timeout=300):
        """Returns when the guest takes commands."""
        if not self.ready:
            self.read_until(rb'@ready\n', timeout)
            self.ready = True

    def read_until(self, pattern, timeout):
        """The match; what came before it is in its string."""
        deadline = time.monotonic() + timeout
        while True:
            m = re.search(pattern, self.seen)
            if m:
                before, self.seen = self.seen[:m.start()], self.seen[m.end():]
                return before, m
            left = deadline - time.monotonic()
            if left <= 0:
                raise BrickError(
                    f'{self.name}: no answer in {timeout:.0f} s, but '
                    f'{self.seen[-500:]!r}; the end of its log:\n'
                    f'{self.log_text()[-3000:]}')
            self.port.settimeout(left)
            try:
                data = self.port.recv(65536)
            except TimeoutError:
                continue
            if not data:
                raise BrickError(f'{self.name} ended: see '
                                 + self.path('log'))
            self.seen += data

    def send(self, line):
        self.port.sendall(line)

    def begin(self, command):
        """Send a command; end() gets its answer."""
        self.wait_ready()
        self.number += 1
        if '\n' in command:
            raise ValueError('one line')
        self.send(f'{self.number} {command}\n'.encode())

    def end(self, timeout=120):
        """(status, text) of the command begun."""
        before, m = self.read_until(
            rb'\n@%d (\d+)\n' % self.number, timeout)
        return int(m[1]), before.decode('utf-8', 'replace')

    def run(self, command, timeout=120):
        self.begin(command)
        return self.end(timeout)

    def must(self, command, timeout=120):
        """The text of a command that has to succeed."""
        status, text = self.run(command, timeout)
        if status:
            raise AssertionError(f'{self.name}: {command}: status {status}\n'
                                 f'{text}\n{self.log_text()[-800:]}')
        return text

    def kill(self):
        """SIGKILL, as if somebody pulled the plug."""
        if self.is_running():
            self.process.kill()
            self.process.wait(10)
        if self.port:
            self.port.close()
            self.port = None
