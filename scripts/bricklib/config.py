# SPDX-License-Identifier: GPL-2.0-or-later
"""What a cluster is made of: the --nodes file and the defaults."""
import dataclasses
import os
import re
import tomllib

ROLES = ('processor', 'memory', 'storage')
TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))


class BrickError(Exception):
    """An error that is told to the user in one line."""


@dataclasses.dataclass
class NodeConfig:
    """One machine. Sizes are strings as QEMU and the kernel take them."""
    role: str
    name: str
    cpus: int = 1
    memory: str = '512M'
    image: str | None = None
    options: str = ''        # appended to the boot command line
    delay_s: float = 0       # boot this long after the others


@dataclasses.dataclass
class ClusterConfig:
    nodes: list[NodeConfig]
    name: str = 'brick'
    kernel: str = ''
    fabric: str = ''
    pcap: str = ''           # where the fabric writes its capture
    orders: list[str] = dataclasses.field(default_factory=list)  # to it

    def of_role(self, role):
        return [n for n in self.nodes if n.role == role]


def parse_size(text):
    """'64M' -> bytes; raises BrickError."""
    m = re.fullmatch(r'(\d+)([KMGT]?)i?B?', text.strip(), re.I)
    if not m:
        raise BrickError(f'not a size: {text!r} (examples: 64M, 1G)')
    return int(m[1]) << {'': 0, 'K': 10, 'M': 20, 'G': 30, 'T': 40}[
        m[2].upper()]


def default_cluster(cpus=2, pcache='64M', memory='1G', image=None):
    """One node of each role, as `brick run` boots them."""
    pcache_size = parse_size(pcache.split(',')[0])
    p_memory = (pcache_size >> 20) + 192
    return ClusterConfig([
        NodeConfig('processor', 'p0', cpus=cpus, memory=f'{p_memory}M',
                   options=f'pcache={pcache}'),
        NodeConfig('memory', 'm0',
                   memory=f'{(parse_size(memory) >> 20) + 96}M',
                   options=f'pool={memory}'),
        NodeConfig('storage', 's0', memory='192M', image=image),
    ])


def load_cluster(path):
    """Read a --nodes file; every mistake in it is a BrickError."""
    try:
        with open(path, 'rb') as f:
            data = tomllib.load(f)
    except (OSError, tomllib.TOMLDecodeError) as e:
        raise BrickError(f'{path}: {e}') from e
    unknown = set(data) - {'cluster', 'kernel', 'fabric', 'node'}
    if unknown:
        raise BrickError(f'{path}: unknown key {sorted(unknown)[0]!r}')
    nodes = []
    for i, n in enumerate(data.get('node', [])):
        nodes.append(load_node(path, i, n))
    names = [n.name for n in nodes]
    if len(set(names)) != len(names):
        raise BrickError(f'{path}: two nodes of one name')
    if not nodes:
        raise BrickError(f'{path}: no [[node]] in it')
    return ClusterConfig(nodes, name=data.get('cluster', 'brick'),
                         kernel=data.get('kernel', ''),
                         fabric=data.get('fabric', ''))


def load_node(path, index, n):
    keys = {f.name for f in dataclasses.fields(NodeConfig)} | {'pcache'}
    unknown = set(n) - keys
    if unknown:
        raise BrickError(f'{path}: node {index + 1}: unknown key '
                         f'{sorted(unknown)[0]!r}')
    role = n.get('role')
    if role not in ROLES:
        raise BrickError(f'{path}: node {index + 1}: role must be one of '
                         + ', '.join(ROLES))
    n = dict(n)
    n.setdefault('name', f'{role[0]}{index}')
    pcache = n.pop('pcache', None)
    if pcache:
        n['options'] = f'pcache={pcache} ' + n.get('options', '')
    parse_size(n.get('memory', '512M'))
    if n.get('image'):
        n['image'] = os.path.join(os.path.dirname(os.path.abspath(path)),
                                  n['image'])
    return NodeConfig(**n)
