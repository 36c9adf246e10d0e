#!/bin/sh
# usage: mkbwrap.sh [-h] [PREFIX]
#        mkbwrap.sh [-h] --apparmor AJAIL
#
# Builds the bubblewrap that suits ajail best and puts it at PREFIX/bin/bwrap (/usr/local), unless there
# is a new enough one. As root on a Debian-like system it installs what the build needs.
#
#   --apparmor AJAIL   let the program AJAIL make user namespaces, where AppArmor keeps it from that; as root
#   -h, --help         print this

set -eu
umask 22

# ajail needs 0.8, but 0.12.0 is what closes CVE-2026-87766; 0.13.0 mends nothing that ajail depends on, and
# fewer have tried it.
version=0.12.0
sum=9760d007363e3abba7c747489910f9f82d9fca53ba3bd3282e396fa3c97a3314

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }
die() { say "$*"; exit 1; }
install() { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"; }
usage() { sed -n '2,/^$/s/^#\( \|$\)//p' "$0"; }
# real DIR WORDS: its path without symlinks. Nobody but root may be able to change a directory on the way, as root
# could be led elsewhere.
real() {
	way=$(cd "$1" && pwd -P)
	echo "$way"
	while [ -n "$way" ]; do
		[ -z "$(find "$way" -prune \( ! -uid 0 -o -perm /022 ! -perm -1000 \))" ] || die "others than root can change $way$2"
		way=${way%/*}
	done
}

# As root only the system's programs run, and without variables that a user may have set (su, sudo -E).
path=$PATH PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/run/current-system/sw/bin
me=$(id -u)
if [ "$me" = 0 ]; then
	# shellcheck disable=SC2046  # a list of words
	command unset $(env | sed -n '/^\(PATH\|PWD\|SUDO_USER\|[A-Z]*_PROXY\)=/!s/^\([A-Z_][A-Z0-9_]*\)=.*/\1/p') || :
	export HOME=~root
else
	PATH=$path
fi

prefix='' ajail=''
while [ $# -gt 0 ]; do
	case $1 in
		-h | --help) usage; exit 0 ;;
		--apparmor) [ $# -gt 1 ] || die "$1 needs a value, see $0 -h"; ajail=$2; shift ;;
		-*) die "$1: no such option, see $0 -h" ;;
		*) [ -z "$prefix" ] || die "$1: one PREFIX only, and it is $prefix"; prefix=$1 ;;
	esac
	shift
done
prefix=${prefix:-/usr/local}
case $prefix in /*) ;; *) prefix=$PWD/$prefix ;; esac

new='' built=''
clean() {
	status=$?
	trap '' INT TERM HUP
	rm -rf "$new" "$built"
	exit $status
}
trap clean EXIT
trap 'exit 130' INT TERM HUP

# AppArmor may let only programs with a profile make user namespaces. One for ajail is enough: bwrap inherits it.
# It has the path in its name, so that each ajail has its own.
if [ -n "$ajail" ]; then
	[ "$me" = 0 ] || die "only root can do that"
	program=$(realpath -e -- "$ajail" 2>/dev/null) || program=$ajail
	if [ ! -f "$program" ] || [ ! -x "$program" ]; then die "$ajail: no such program"; fi
	case $program in
		[!/]* | *[!A-Za-z0-9/._@+\ -]*) die "$program: AppArmor could read that as another path: put ajail elsewhere" ;;
	esac
	command -v apparmor_parser >/dev/null || die "there is no apparmor_parser: it is not AppArmor that refuses"
	name=ajail$(printf %s "$program" | tr -c 'A-Za-z0-9._+-' .)
	new=$(mktemp -d)
	printf '%s\n' 'abi <abi/4.0>,' "profile $name \"$program\" flags=(unconfined) { userns, }" >"$new/$name"
	apparmor_parser -r "$new/$name" || die "AppArmor does not take the profile"
	cp "$new/$name" "/etc/apparmor.d/$name"
	say "$program may make user namespaces, and what is put there later: /etc/apparmor.d/$name"
	exit 0
fi
hint() {
	[ "$(cat /proc/sys/kernel/apparmor_restrict_unprivileged_userns 2>/dev/null)" = 1 ] || return 0
	say "AppArmor restricts user namespaces here. To let ajail make them, run as root:"
	say "$0 --apparmor $(PATH=$path command -v ajail || echo /path/of/ajail)"
}

# Check before touching anything.
enough() { # enough BWRAP: ends this if it is new enough
	[ -x "$1" ] && found=$("$1" --version 2>/dev/null) || return 0
	if echo "$found" | awk '{ split($2, v, "."); exit !(v[1] > 0 || v[2] >= 12) }'; then
		say "$1 is new enough ($found): nothing to do"
		hint
		exit 0
	fi
	say "$1 is too old ($found)"
}
enough "$(command -v bwrap || :)"
made='' top=$prefix/bin
while [ ! -d "$top" ]; do made=/$(basename "$top")$made top=$(dirname "$top"); done
[ "$me" != 0 ] || top=$(real "$top" '')
bin=$top$made
enough "$bin/bwrap"
mkdir -p "$bin" 2>/dev/null || :
[ -w "$bin" ] || die "$bin cannot be written: name another PREFIX, or run it as root"
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
	if [ "$me" != 0 ] || ! command -v apt-get >/dev/null; then
		die "missing, by Debian's names: $packages"
	fi
	say "installing $packages"
	# shellcheck disable=SC2086  # a list of words
	log=$(install $packages 2>&1) || die "could not install $packages: $log"
fi

# Build elsewhere and rename at the end: a failure leaves nothing behind.
new=$(mktemp -d "${TMPDIR:-/var/tmp}/mkbwrap.XXXXXX")
fetch() {
	say "fetching $1"
	if command -v curl >/dev/null; then
		curl -fsSL --proto "=${1%%:*}" --connect-timeout 10 -o "$new/tar" "$1"
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
built=$(mktemp "$bin/.bwrap.XXXXXX")
cp "$new/bubblewrap-$version/build/bwrap" "$built"
chmod 755 "$built"
mv -fT "$built" "$bin/bwrap"
say "$bin/bwrap is ready ($("$bin/bwrap" --version))"
hint
