# SPDX-License-Identifier: GPL-2.0-or-later
"""The disk of the storage node: an image, or one made of a tree and of files
that are added to it."""
import hashlib
import os
import shutil
import subprocess
import tempfile

from .cluster import state_root
from .config import TOP, BrickError

DEFAULT_TREE = os.path.join(TOP, 'build/rootfs')
DEFAULT_IMAGE = os.path.join(TOP, 'build/rootfs.ext4')


def image_of(args):
    """The disk: --image, one made of --rootfs and --add, ours."""
    if args.image and (args.rootfs or args.add):
        raise BrickError('give --image, or --rootfs and --add')
    if args.image:
        if not os.path.exists(args.image):
            raise BrickError(f'no image {args.image}')
        return os.path.abspath(args.image)
    if not args.rootfs and not os.path.exists(DEFAULT_IMAGE):
        raise BrickError(f'no {DEFAULT_IMAGE}: run make image')
    if not args.rootfs and not args.add:
        return DEFAULT_IMAGE
    tree = os.path.abspath(args.rootfs or DEFAULT_TREE)
    if not os.path.isdir(tree):
        raise BrickError(f'no folder {tree}')
    identity = '\0'.join([tree, *map(str, map(added, args.add))])
    name = hashlib.sha256(identity.encode()).hexdigest()[:12]
    image = os.path.join(state_root(), f'image-{name}.ext4')
    if not args.add:
        make_image(tree, image)
        return image
    with tempfile.TemporaryDirectory(prefix='tree-',
                                     dir=state_root()) as folder:
        stage = os.path.join(folder, 'root')
        shutil.copytree(tree, stage, symlinks=True, copy_function=link)
        for item in args.add:
            add(stage, *added(item))
        make_image(stage, image)
    return image


def make_image(tree, image):
    done = subprocess.run([os.path.join(TOP, 'scripts/make-image'), tree,
                           image], check=False)
    if done.returncode:
        raise BrickError(f'could not make an image of {tree}')


def link(source, target, **_):
    """A copy that takes no space where that is possible."""
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, target, follow_symlinks=False)


def added(item):
    """'SOURCE[:PATH]' as (source, absolute path in the tree)."""
    source, colon, path = item.rpartition(':/')
    path = '/' + path
    if not colon or os.path.exists(item):
        source, path = item, '/'
    source = os.path.abspath(source)
    if path.endswith('/'):
        path += os.path.basename(source)
    return source, path


def add(stage, source, path):
    """Copy a file or folder to @path of the tree @stage, whose files are links
    to others' and are never written to."""
    if not os.path.exists(source):
        raise BrickError(f'--add: no file {source}')
    target = os.path.normpath(stage + path)
    # A link in the tree may lead to a folder of this host.
    folder = os.path.realpath(os.path.dirname(target))
    top = os.path.realpath(stage)
    if os.path.commonpath([folder, top]) != top:
        raise BrickError(f'--add: {path} leads out of the tree')
    target = os.path.join(folder, os.path.basename(target))
    try:
        os.makedirs(folder, exist_ok=True)
        if os.path.isdir(source):
            # What is in the way is in the way, also deeper in the folder.
            shutil.copytree(source, target, symlinks=True)
        else:
            if os.path.isfile(target) or os.path.islink(target):
                os.unlink(target)
            shutil.copy2(source, target)
    except (OSError, shutil.Error) as e:
        raise BrickError(f'--add: cannot add {source} as {path}: {e}') from e
