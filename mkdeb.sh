#!/bin/sh
# usage: mkdeb.sh [-s SUITE] [-m MIRROR] [-p PKG,PKG...] [-j ROOT_FS] [-u USER] [-h] DIR
#
# Makes a Debian root fs in DIR for ajail, with debootstrap: as root on this system, as anybody else in
# a jail, so that root is not needed.
#
#   -s SUITE     the release of Debian (trixie)
#   -m MIRROR    where packages come from (debootstrap's default)
#   -p PKG,PKG   packages to add, separated by commas or spaces
#   -j ROOT_FS   the root fs of that jail, with apt-get or apk (default; an Alpine for the time if there is none)
#   -u USER      whom the root fs is to belong to (who called sudo, or who you are)
#   -h, --help   print this

set -eu

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }
die() { say "$*"; exit 1; }
install() { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"; }
usage() { sed -n '2,/^$/s/^#\( \|$\)//p' "$0"; }

suite=trixie mirror='' packages='' jail='' user=${SUDO_USER:-$(id -un)} dir=''
while [ $# -gt 0 ]; do
	case $1 in
		-h | --help) usage; exit 0 ;;
		-[smpju]) [ $# -gt 1 ] || die "$1 needs a value, see $0 -h" ;;
		-*) die "$1: no such option, see $0 -h" ;;
		*) [ -z "$dir" ] || die "$1: one DIR only, and it is $dir" ;;
	esac
	case $1 in
		-s) suite=$2; shift ;;
		-m) mirror=$2; shift ;;
		-p) packages=$(printf %s "$2" | tr -s ', ' ' '); shift ;;
		-j) jail=$2; shift ;;
		-u) user=$2; shift ;;
		*) dir=$1 ;;
	esac
	shift
done

# Check before touching anything.
[ -n "$dir" ] || die "no DIR given, see $0 -h"
if [ -e "$dir" ] || [ -L "$dir" ]; then die "$dir: there is something already"; fi
owner=$(id -u "$user" 2>/dev/null):$(id -g "$user" 2>/dev/null) || die "$user: no such user"
[ "$owner" = "$(id -u):$(id -g)" ] || [ "$(id -u)" = 0 ] || die "only root can make one for $user"
here=$(cd "$(dirname "$0")" && pwd)
if [ "$(id -u)" != 0 ]; then
	ajail=$(command -v ajail) || ajail=$here/target/release/ajail
	[ -x "$ajail" ] || die "there is no ajail to make it in: cargo build --release, or run this as root, with -u $user"
elif ! command -v debootstrap >/dev/null; then
	command -v apt-get >/dev/null || die "there is no debootstrap: install it"
	say "installing debootstrap"
	log=$(install debootstrap 2>&1) || die "could not install debootstrap: $log"
fi

# Build beside DIR and rename at the end: a failure leaves nothing behind. But no jail may write in
# ~/.ajail/fs: then beside that.
case $dir in /*) ;; *) dir=$PWD/$dir ;; esac
made='' parent=$(dirname "$dir") new=$dir.new.$$
while [ ! -d "$parent" ]; do made=$parent parent=$(dirname "$parent"); done
case $dir in "$HOME/.ajail/fs/"*) [ "$(id -u)" = 0 ] || new=$HOME/.ajail/deb.new.$$ ;; esac
clean() {
	status=$?
	trap '' INT TERM HUP
	umount "$new/proc" "$new/sys" 2>/dev/null || :
	chmod -R u+rwX "$new" 2>/dev/null || :
	rm -rf --one-file-system "$new" "$new.log" "$new.alpine"
	if [ $status != 0 ] && [ -n "$made" ]; then rm -rf --one-file-system "$made"; fi
	exit $status
}
trap clean EXIT
trap 'exit 130' INT TERM HUP
mkdir -p "$(dirname "$dir")" "$new"
[ -z "$made" ] || [ "$(id -u)" != 0 ] || chown -R "$owner" "$made"
if [ "$(id -u)" != 0 ] && [ -z "$jail" ]; then
	jail=$HOME/.ajail/fs/default
	if [ ! -e "$jail" ]; then
		jail=$new.alpine
		"$here/mkalpine.sh" "$jail"
	fi
fi
say "making Debian $suite in $dir${jail:+, in a jail on $jail}"
set -- --variant=minbase "$suite" "$new" ${mirror:+"$mirror"}
in_jail() {
	# shellcheck disable=SC2016  # for the shell in there
	cd "$new" && AJAIL_ARGS='' "$ajail" --quiet --fs="$jail" \
		--cap-add=CAP_SYS_CHROOT --cap-add=CAP_DAC_OVERRIDE sh -c '
		if ! command -v debootstrap >/dev/null; then
			if command -v apt-get >/dev/null; then
				apt-get update -qq &&
					DEBIAN_FRONTEND=noninteractive apt-get install -qqy --no-install-recommends debootstrap >/dev/null
			else
				apk add --no-cache debootstrap
			fi || exit
		fi
		# As in a container: it does not try to make devices.
		container=lxc exec debootstrap "$@"' sh "$@"
}
make() { if [ "$(id -u)" = 0 ]; then debootstrap "$@"; else in_jail "$@"; fi; }
if ! make "$@" >"$new.log" 2>&1; then
	cat "$new/debootstrap/debootstrap.log" >>"$new.log" 2>/dev/null || :
	tail -n 20 "$new.log" >&2
	die "debootstrap failed"
fi

# Not by debootstrap, which knows no virtual packages.
add() {
	set -- "apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qqy --no-install-recommends $packages"
	if [ "$(id -u)" = 0 ]; then
		chroot "$new" sh -c "$1"
	else
		cd /tmp && AJAIL_ARGS='' "$ajail" --quiet --hide --fs="$new" --fs-edit sh -c "$1"
	fi
}
printf 'APT::Sandbox::User "root";\n' >"$new/etc/apt/apt.conf.d/99ajail"
if [ -n "$packages" ]; then
	say "adding $packages"
	if ! (add) >"$new.log" 2>&1; then
		tail -n 20 "$new.log" >&2
		die "apt-get could not add $packages"
	fi
fi

# One user owns it all, and is the only one that the jail has; its host name is localhost.
printf '%s\n' '# of a root fs for ajail' '127.0.0.1 localhost' '::1 localhost' >"$new/etc/hosts"
rm -rf "$new/var/cache/apt/archives" && mkdir -p "$new/var/cache/apt/archives/partial"
find "$new" \( -type b -o -type c \) -delete
find "$new/dev" -mindepth 1 -delete
[ "$(id -u)" != 0 ] || chown -R -h "$owner" "$new"
chmod -R u+rwX,a-s "$new"
mv "$new" "$dir"
say "$dir is ready: ajail --fs=$dir"
