#!/bin/sh
# usage: mkbwrap.sh [-h] [PREFIX]
#
# Builds the bubblewrap that ajail needs and puts it at PREFIX/bin/bwrap (/usr/local), unless there
# is a new enough one. As root on a Debian-like system it installs what the build needs.
#
#   -h, --help   print this

set -eu

# 0.12.0 is what closes CVE-2026-87766; 0.13.0 mends nothing that ajail depends on, and fewer have tried it.
version=0.12.0
sum=9760d007363e3abba7c747489910f9f82d9fca53ba3bd3282e396fa3c97a3314

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }
die() { say "$*"; exit 1; }
install() { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"; }
usage() { sed -n '2,/^$/s/^#\( \|$\)//p' "$0"; }

prefix=''
while [ $# -gt 0 ]; do
	case $1 in
		-h | --help) usage; exit 0 ;;
		-*) die "$1: no such option, see $0 -h" ;;
		*) [ -z "$prefix" ] || die "$1: one PREFIX only, and it is $prefix"; prefix=$1 ;;
	esac
	shift
done
prefix=${prefix:-/usr/local}

# AppArmor may let only programs with a profile make user namespaces: bwrap and ajail both do.
apparmor() {
	[ "$(cat /proc/sys/kernel/apparmor_restrict_unprivileged_userns 2>/dev/null)" = 1 ] || return 0
	ajail=$(command -v ajail) || ajail=/usr/local/bin/ajail
	say "AppArmor restricts user namespaces here. To let $1 and $ajail make them, run as root:"
	cat >&2 <<-EOF
		  printf '%s\n' 'abi <abi/4.0>,' 'include <tunables/global>' \\
		    'profile ajail-bwrap $1 flags=(unconfined) { userns, }' \\
		    'profile ajail $ajail flags=(unconfined) { userns, }' >/etc/apparmor.d/ajail
		  apparmor_parser -r /etc/apparmor.d/ajail
	EOF
}

# Check before touching anything.
for bwrap in "$(command -v bwrap || :)" "$prefix/bin/bwrap"; do
	[ -x "$bwrap" ] || continue
	found=$("$bwrap" --version 2>/dev/null) || continue
	if echo "$found" | awk '{ split($2, v, "."); exit !(v[1] > 0 || v[2] >= 12) }'; then
		say "$bwrap is new enough ($found): nothing to do"
		apparmor "$bwrap"
		exit 0
	fi
	say "$bwrap is too old ($found)"
done
mkdir -p "$prefix/bin" 2>/dev/null || :
[ -w "$prefix/bin" ] || die "$prefix/bin cannot be written: name another PREFIX, or run it as root"
missing() {
	command -v cc >/dev/null || printf 'gcc libc6-dev '
	command -v meson >/dev/null || printf 'meson '
	command -v ninja >/dev/null || printf 'ninja-build '
	command -v pkg-config >/dev/null || printf 'pkg-config '
	command -v xz >/dev/null || printf 'xz-utils '
	pkg-config --exists libcap 2>/dev/null || printf 'libcap-dev '
	command -v curl >/dev/null || command -v wget >/dev/null || printf 'curl ca-certificates '
}
packages=$(missing)
if [ -n "$packages" ]; then
	if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
		die "missing, by Debian's names: $packages"
	fi
	say "installing $packages"
	# shellcheck disable=SC2086  # a list of words
	log=$(install $packages 2>&1) || die "could not install $packages: $log"
fi

# Build elsewhere and rename at the end: a failure leaves nothing behind.
new=$(mktemp -d)
clean() {
	status=$?
	trap '' INT TERM HUP
	rm -rf "$new" "$prefix/bin/.bwrap.$$"
	exit $status
}
trap clean EXIT
trap 'exit 130' INT TERM HUP
fetch() {
	say "fetching $1"
	if command -v curl >/dev/null; then
		curl -fsSL --connect-timeout 10 -o "$new/tar" "$1"
	else
		wget -q -T 10 -t 1 -O "$new/tar" "$1"
	fi && echo "$sum  $new/tar" | sha256sum -c --quiet >&2
}
fetch_any() {
	fetch "https://github.com/containers/bubblewrap/releases/download/v$version/bubblewrap-$version.tar.xz" && return
	# The same file, byte for byte, is in the Debian archive.
	# shellcheck disable=SC2016  # apt-get expands it
	for site in $(apt-get indextargets --format '$(SITE)' 2>/dev/null | sort -u); do
		fetch "$site/pool/main/b/bubblewrap/bubblewrap_$version.orig.tar.xz" && return
	done
	return 1
}
fetch_any || die "could not get the sources of bubblewrap $version"
say "building bubblewrap $version"
tar -xJf "$new/tar" -C "$new"
if ! (
	cd "$new/bubblewrap-$version"
	meson setup build --buildtype=release -Dselinux=disabled -Dman=disabled \
		-Dbash_completion=disabled -Dzsh_completion=disabled -Dtests=false
	ninja -C build
) >"$new/log" 2>&1; then
	tail -n 20 "$new/log" >&2
	die "the build failed"
fi
cp "$new/bubblewrap-$version/build/bwrap" "$prefix/bin/.bwrap.$$"
chmod 755 "$prefix/bin/.bwrap.$$"
mv "$prefix/bin/.bwrap.$$" "$prefix/bin/bwrap"
say "$prefix/bin/bwrap is ready ($("$prefix/bin/bwrap" --version))"
apparmor "$prefix/bin/bwrap"
