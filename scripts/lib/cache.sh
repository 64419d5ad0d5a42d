# SPDX-License-Identifier: GPL-2.0-or-later
# Sourced: where downloads are kept, and how the scripts speak.

BRICK_CACHE=${BRICK_CACHE:-${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/brick}

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }
die() { say "$*"; exit 1; }
