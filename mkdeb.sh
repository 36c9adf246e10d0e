#!/bin/sh
# usage: mkdeb.sh [-s SUITE] [-m MIRROR] [-p PKG,PKG...] [-j ROOT_FS] [-u USER] [-h] DIR
#
# Makes a Debian root fs in DIR for ajail, with debootstrap: as root on this system, as anybody else in
# a jail, so that root is not needed. It is built in /var/tmp, or in TMPDIR if you are not root.
#
#   -s SUITE     the release of Debian (trixie)
#   -m MIRROR    where packages come from (debootstrap's default)
#   -p PKG,PKG   packages to add, separated by commas or spaces
#   -j ROOT_FS   the root fs of that jail, with apt-get or apk (default; an Alpine for the time if there is none)
#   -u USER      who puts it in DIR and owns it (who called sudo, or who you are)
#   -h, --help   print this

set -eu
umask 22

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

suite=trixie mirror='' packages='' jail='' user=$(id -un) dir=''
[ "$me" != 0 ] || user=${SUDO_USER:-$user}
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
		*) dir=${1%/} ;;
	esac
	shift
done

# Check before touching anything.
[ -n "$dir" ] || die "no DIR given, see $0 -h"
case $dir in /*) ;; *) dir=$PWD/$dir ;; esac
if [ -e "$dir" ] || [ -L "$dir" ]; then die "$dir: there is something already"; fi
{ uid=$(id -u -- "$user") && gid=$(id -g -- "$user"); } 2>/dev/null || die "$user: no such user"
[ "$uid" = "$me" ] || [ "$me" = 0 ] || die "only root can make one for $user"
here=$(cd "$(dirname "$0")" && pwd)
made='' top=$(dirname "$dir")
while [ ! -d "$top" ]; do made=$(basename "$top")/$made top=$(dirname "$top"); done
if [ "$uid" = 0 ]; then
	top=$(real "$top" ": name its user with -u")
	dir=$top/$made${dir##*/}
fi

# Build where only the caller can write: a failure leaves nothing behind.
work=$(mktemp -d "${TMPDIR:-/var/tmp}/mkdeb.XXXXXX")
fs=$work/fs log=$work/log in=/dev/null child=''
clean() {
	status=$?
	trap '' INT TERM HUP
	[ -z "$child" ] || { kill -- "-$child" || kill "$child"; wait "$child"; } 2>/dev/null || :
	if [ "$me" = 0 ]; then umount "$fs/proc" "$fs/sys"; else chmod -R u+rwX "$work"; fi 2>/dev/null || :
	rm -rf --one-file-system "$work"
	exit $status
}
trap clean EXIT
trap 'exit 130' INT TERM HUP
# as_user TEXT ARG...: USER's shell runs TEXT, and gets nothing of root's: no terminal, directory or variable.
# What is done in DIR is done like this: USER can swap a directory for a symlink, and lead root anywhere.
as_user() {
	text=$1 home=$(getent passwd "$uid" | cut -d : -f 6) status=0; shift
	set -- sh -c "$text" "$here/${0##*/}" "$@"
	[ "$uid" = "$me" ] || set -- setpriv --reuid="$uid" --regid="$gid" --init-groups \
		env HOME="$home" PATH="$path:$home/.local/bin" "$@"
	(cd / && exec setsid "$@") <"$in" >"$log" 2>&1 &
	child=$!
	wait $child || status=$?
	child=''
	tr -d '\000-\010\013-\037\177' <"$log" >&2
	return $status
}
# shellcheck disable=SC2016  # for that shell
as_user '[ -w "$1" ]' "$top" || die "$user cannot write in $top"
if [ "$me" != 0 ]; then
	ajail=$(command -v ajail) || ajail=$here/target/release/ajail
	[ -x "$ajail" ] || die "there is no ajail to make it in: cargo build --release, or run this as root, with -u $user"
elif ! command -v debootstrap >/dev/null; then
	command -v apt-get >/dev/null || die "there is no debootstrap: install it"
	say "installing debootstrap"
	install debootstrap >"$log" 2>&1 || die "could not install debootstrap: $(cat "$log")"
fi
if [ "$me" != 0 ] && [ -z "$jail" ]; then
	jail=$HOME/.ajail/fs/default
	if [ ! -e "$jail" ]; then
		jail=$work/alpine
		say "there is no root fs yet: an Alpine is made first, to work in"
		"$here/mkalpine.sh" "$jail"
	fi
fi
mkdir -m 700 "$fs" "$work/empty"
say "making Debian $suite in $dir${jail:+, in a jail on $jail}: this takes minutes"
set -- --variant=minbase "$suite" "$fs" ${mirror:+"$mirror"}
in_jail() {
	# shellcheck disable=SC2016  # for the shell in there
	cd "$fs" && AJAIL_ARGS='' "$ajail" --quiet --fs="$jail" \
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
make() { if [ "$me" = 0 ]; then debootstrap "$@"; else in_jail "$@"; fi; }
if ! (make "$@") >"$log" 2>&1; then
	cat "$fs/debootstrap/debootstrap.log" >>"$log" 2>/dev/null || :
	tail -n 20 "$log" >&2
	die "debootstrap failed"
fi

# Not by debootstrap, which knows no virtual packages.
add() {
	set -- sh -c 'apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -qqy --no-install-recommends "$@"' sh "$@"
	if [ "$me" = 0 ]; then
		chroot "$fs" "$@"
	else
		cd "$work/empty" && AJAIL_ARGS='' "$ajail" --quiet --hide --fs="$fs" --fs-edit "$@"
	fi
}
printf 'APT::Sandbox::User "root";\n' >"$fs/etc/apt/apt.conf.d/99ajail"
chmod 700 "$fs"
if [ -n "$packages" ]; then
	say "adding $packages"
	# shellcheck disable=SC2086  # a list of words
	if ! (add $packages) >"$log" 2>&1; then
		tail -n 20 "$log" >&2
		die "apt-get could not add $packages"
	fi
fi

# One user owns it all, and is the only one that the jail has; its host name is localhost.
printf '%s\n' '# of a root fs for ajail' '127.0.0.1 localhost' '::1 localhost' >"$fs/etc/hosts"
rm -rf "$fs/var/cache/apt/archives" && mkdir -p "$fs/var/cache/apt/archives/partial"
find "$fs" \( -type b -o -type c \) -delete
find "$fs/dev" -mindepth 1 -delete
chmod -R u+rwX,go-w,a-st "$fs"
chmod 700 "$fs"

# Copy it beside DIR and rename that at the end: never over or into what is there by now, about which not every
# mv -n complains.
say "copying it to $dir, as $user"
in=$work/tar
tar -cf "$in" -C "$fs" .
rm -rf --one-file-system "$fs"
take=$(cat <<'EOF'
	set -eu
	umask 77
	new='' made='' top=$(dirname "$1")
	while [ ! -d "$top" ]; do made=$(basename "$top")/$made top=$(dirname "$top"); done
	clean() {
		status=$?
		trap '' INT TERM HUP
		[ -z "$new" ] || rm -rf "$new"
		if [ $status != 0 ] && [ -n "$made" ]; then (cd "$top" && rmdir -p -- "$made") 2>/dev/null || :; fi
		exit $status
	}
	trap clean EXIT
	trap 'exit 130' INT TERM HUP
	mkdir -p "$top/$made"
	# Others must not get at what a jail leaves there: a program with a set-id bit is enough.
	case $1 in "${HOME-}/.ajail/"*) chmod 700 "$HOME/.ajail" ;; esac
	new=$(mktemp -d "$1.new.XXXXXX")
	# In a directory with the set-group-id bit all of it would have another group.
	chgrp "$(id -g)" "$new" && chmod g-s "$new"
	tar -xpf - --no-same-owner -C "$new"
	mv -nT "$new" "$1" || :
	if [ -e "$new" ]; then echo "$0: $1: there is something by now" >&2; exit 1; fi
EOF
)
as_user "$take" "$dir" || die "$user could not make $dir"
case $dir in
	*/.ajail/fs/default) say "$dir is ready: ajail" ;;
	*) say "$dir is ready: ajail --fs=$dir" ;;
esac
