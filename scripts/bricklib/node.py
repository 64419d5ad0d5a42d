# SPDX-License-Identifier: GPL-2.0-or-later
"""One emulated machine: its QEMU command line, files and process."""
import json
import os
import subprocess

from .config import TOP, BrickError, parse_size
from .process import Process


def accelerator():
    usable = subprocess.run([os.path.join(TOP, 'scripts/kvm-usable')],
                            check=False).returncode == 0
    return ['-accel', 'kvm'] if usable else ['-accel', 'tcg,thread=multi']


class Node(Process):
    """A machine of the cluster."""

    def __init__(self, config, folder, cluster, kernel):
        super().__init__(config.name, folder)
        self.config = config
        self.cluster = cluster
        self.kernel = kernel

    def command_line(self, extra=''):
        words = [f'role={self.config.role}', f'node_name={self.name}',
                 f'cluster={self.cluster}', self.config.options, extra]
        return ' '.join(w for w in words if w)

    def qemu_command(self, extra_options='', fw_cfg=None, icount=None):
        c = self.config
        mib = parse_size(c.memory) >> 20
        vfio = {'driver': 'vfio-user-pci', 'x-msg-timeout': 600000,
                'socket': {'type': 'unix', 'path': self.path('hca')}}
        accel = accelerator()
        if icount is not None:
            accel = ['-accel', 'tcg,thread=single', '-icount', icount]
        cmd = [os.path.join(TOP, 'scripts/qemu'), '-name', self.name,
               '-M', 'q35,memory-backend=m0', *accel, '-cpu', 'max',
               '-smp', str(c.cpus), '-m', f'{mib}M',
               '-object', 'memory-backend-memfd,id=m0,'
               f'size={mib}M,share=on',
               '-nodefaults', '-no-user-config', '-display', 'none',
               '-no-reboot', '-kernel', self.kernel,
               '-append', self.command_line(extra_options),
               '-device', json.dumps(vfio),
               '-qmp', f'unix:{self.path("qmp")},server=on,wait=off']
        for port in ('tty', 'log'):
            cmd += ['-chardev', f'socket,id={port},path={self.path(port)}'
                    f'.sock,server=on,wait=off,logfile={self.path(port)}',
                    '-serial', f'chardev:{port}']
        if c.image:
            cmd += ['-blockdev', 'driver=file,node-name=f0,read-only=on,'
                    f'auto-read-only=on,filename={c.image}',
                    '-blockdev', 'driver=raw,node-name=d0,read-only=on,'
                    'file=f0',
                    '-device', 'virtio-blk-pci,drive=d0,'
                    'disable-legacy=on']
        if fw_cfg:
            cmd += ['-fw_cfg', f'name=opt/brick/run,file={fw_cfg}']
        return cmd

    def start(self, **how):
        if self.config.image and not os.path.exists(self.config.image):
            raise BrickError(f'no image {self.config.image}')
        command = self.qemu_command(**how)
        with open(self.path('cmd'), 'w', encoding='utf-8') as f:
            f.write(' '.join(map(repr, command)) + '\n')
        self.launch(command, 'qemu')

    def why_it_ended(self):
        """One line for a QEMU that should still be there."""
        tail = self.log_text().strip().splitlines()[-3:]
        try:
            with open(self.path('qemu'), encoding='utf-8',
                      errors='replace') as f:
                tail += f.read().strip().splitlines()[-3:]
        except FileNotFoundError:
            pass
        return (f'node {self.name} ({self.config.role}) ended: '
                + (' | '.join(tail) or 'no output'))
