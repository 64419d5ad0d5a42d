# SPDX-License-Identifier: GPL-2.0-or-later
# Sourced: Debian packages fetched and unpacked without root and without
# touching the system's apt.  Signatures and hashes are checked by apt.
#
#   apt_private DIR SUITE...   set APT_CONFIG for a private apt under DIR
#   apt_fetch DIR PACKAGE...   download these packages (no dependencies)
#   apt_unpack DIR ROOT        unpack what was downloaded into ROOT

. "$(dirname "${BASH_SOURCE[0]}")/cache.sh"

apt_mirror()
{
	local m=${MIRROR:-}

	[ -n "$m" ] || m=$(sed -n 's/^URIs: *\([^ ]*\).*/\1/p' \
		/etc/apt/sources.list.d/debian.sources 2>/dev/null | head -1)
	[ -n "$m" ] || m=$(sed -nE \
		's/^deb +(\[[^]]*\] +)?([^ ]+) +[a-z]+ .*main.*/\2/p' \
		/etc/apt/sources.list 2>/dev/null | head -1)
	[ -n "$m" ] || die "no Debian mirror is configured: set MIRROR=URL"
	printf '%s\n' "$m"
}

apt_private()
{
	local dir=$1 mirror keyring suite
	shift
	mirror=$(apt_mirror)
	keyring=${KEYRING:-/usr/share/keyrings/debian-archive-keyring.gpg}
	[ -r "$keyring" ] || die "no $keyring: install debian-archive-keyring"

	mkdir -p "$dir"/{lists/partial,archives/partial,empty.d}
	: > "$dir/status"
	for suite; do
		printf 'deb [signed-by=%s arch=amd64] %s %s main\n' \
			"$keyring" "$mirror" "$suite"
	done > "$dir/sources.list"
	[ -e "$dir/preferences" ] || : > "$dir/preferences"
	cat > "$dir/apt.conf" <<-END
	Dir::State "$dir";
	Dir::State::lists "$dir/lists";
	Dir::State::status "$dir/status";
	Dir::State::extended_states "$dir/extended_states";
	Dir::Cache "$dir";
	Dir::Cache::archives "$dir/archives";
	Dir::Log "$dir";
	Dir::Etc::sourcelist "$dir/sources.list";
	Dir::Etc::sourceparts "$dir/empty.d";
	Dir::Etc::preferences "$dir/preferences";
	Dir::Etc::preferencesparts "$dir/empty.d";
	Dir::Etc::trusted "/dev/null";
	Dir::Etc::trustedparts "$dir/empty.d";
	APT::Architecture "amd64";
	APT::Architectures "amd64";
	APT::Install-Recommends "false";
	APT::Sandbox::User "";
	APT::Get::AllowUnauthenticated "false";
	Acquire::Languages "none";
	Acquire::Retries "3";
	Acquire::AllowInsecureRepositories "false";
	#clear APT::Update::Post-Invoke-Success;
	#clear APT::Update::Post-Invoke;
	#clear DPkg::Post-Invoke;
	END
	export APT_CONFIG=$dir/apt.conf
	apt-get -qq update || die "cannot read the package lists of $mirror"
}

apt_fetch()
{
	local dir=$1
	shift
	(cd "$dir/archives" && apt-get -qq download "$@") ||
		die "cannot download: $*"
}

apt_unpack()
{
	local deb

	mkdir -p "$2"
	for deb in "$1"/archives/*.deb; do
		dpkg-deb -x "$deb" "$2"
	done
}
