#!/bin/sh
# usage: mkdeb.sh [-s SUITE] [-m MIRROR] [-p PKG,PKG...] [-u USER] [-h] DIR
#
# Makes a Debian root fs in DIR for ajail, with debootstrap, which needs root: if you are not, it
# runs itself again under sudo.
#
#   -s SUITE     the release of Debian (trixie)
#   -m MIRROR    where packages come from (debootstrap's default)
#   -p PKG,PKG   packages to add, separated by commas or spaces
#   -u USER      whom the root fs is to belong to (who called sudo, or who you are)
#   -h           print this

set -eu

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }
die() { say "$*"; exit 1; }
usage() { sed -n '2,/^$/s/^#\( \|$\)//p' "$0"; }

suite=trixie mirror='' packages='' user=${SUDO_USER:-$(id -un)} dir='' given="$*"
set -- "$@" --
while [ "$1" != -- ]; do
	case $1 in
		-h) usage; exit 0 ;;
		-[smpu]) [ "$2" != -- ] || die "$1 needs a value, see $0 -h" ;;
		-*) die "$1: no such option, see $0 -h" ;;
		*) [ -z "$dir" ] || die "$1: one DIR only, and it is $dir"; dir=$1; set -- "$@" "$1"; shift; continue ;;
	esac
	case $1 in
		-s) suite=$2 ;;
		-m) mirror=$2 ;;
		-p) packages=$(printf %s "$2" | tr -s ' ' ',') ;;
		-u) user=$2 ;;
	esac
	set -- "$@" "$1" "$2"
	shift 2
done
shift

# Check before touching anything.
[ -n "$dir" ] || die "no DIR given, see $0 -h"
if [ -e "$dir" ] || [ -L "$dir" ]; then die "$dir: there is something already"; fi
owner=$(id -u "$user" 2>/dev/null):$(id -g "$user" 2>/dev/null) || die "$user: no such user"
if [ "$(id -u)" != 0 ]; then
	command -v sudo >/dev/null || die "debootstrap needs root, and there is no sudo: run it as root, with -u $user"
	say "debootstrap needs root: sudo $0 $given"
	exec sudo "$0" -u "$user" "$@"
fi
if ! command -v debootstrap >/dev/null; then
	command -v apt-get >/dev/null || die "there is no debootstrap: install it"
	say "installing debootstrap"
	log=$(apt-get update 2>&1 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends debootstrap 2>&1) ||
		die "could not install debootstrap: $log"
fi

# Build beside DIR and rename at the end: a failure leaves nothing behind.
case $dir in /*) ;; *) dir=$PWD/$dir ;; esac
made='' parent=$(dirname "$dir") new=$dir.new.$$
while [ ! -d "$parent" ]; do made=$parent parent=$(dirname "$parent"); done
clean() {
	status=$?
	umount "$new/proc" "$new/sys" 2>/dev/null || :
	rm -rf --one-file-system "$new" "$new.log"
	if [ $status != 0 ] && [ -n "$made" ]; then rm -rf --one-file-system "$made"; fi
	exit $status
}
trap clean EXIT
trap 'exit 130' INT TERM HUP
mkdir -p "$(dirname "$dir")"
[ -z "$made" ] || [ "$(id -u)" != 0 ] || chown -R "$owner" "$made"
say "making Debian $suite in $dir"
set -- --variant=minbase ${packages:+"--include=$packages"} "$suite" "$new" ${mirror:+"$mirror"}
if ! debootstrap "$@" >"$new.log" 2>&1; then
	cat "$new/debootstrap/debootstrap.log" >>"$new.log" 2>/dev/null || :
	tail -n 20 "$new.log" >&2
	die "debootstrap failed"
fi

# One user owns it all, and is the only one that the jail has.
echo 'APT::Sandbox::User "root";' >"$new/etc/apt/apt.conf.d/99ajail"
rm -rf "$new/var/cache/apt/archives" && mkdir -p "$new/var/cache/apt/archives/partial"
find "$new" \( -type b -o -type c \) -delete
[ "$(id -u)" != 0 ] || chown -R -h "$owner" "$new"
chmod -R u+rwX,a-s "$new"
mv "$new" "$dir"
say "$dir is ready: ajail --fs=$dir"
