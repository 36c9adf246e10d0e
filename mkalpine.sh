#!/bin/sh
# usage: mkalpine.sh [-r RELEASE] [--sha256 HEX] [-m MIRROR] [-p PKG,PKG...] [-u USER] [-h] DIR
#
# Makes an Alpine root fs in DIR for ajail, from the official minirootfs. Root is not needed.
#
#   -r RELEASE   the release of Alpine (3.24.2)
#   --sha256 HEX the sum of its minirootfs, which another release than that needs
#   -m MIRROR    where it and packages come from (https://dl-cdn.alpinelinux.org/alpine)
#   -p PKG,PKG   packages to add, separated by commas or spaces
#   -u USER      who makes it and owns it (who called sudo, or who you are)
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

pinned=3.24.2
x86_64=c5ca053cfe1d85c5b96dff8b9bc57045f7f184a30ffb6b65776409ca90388677
aarch64=9bf70a7f18ea44094cbb5f70c58f9af129c8214745743db0e68e5502cc2ce773

release=$pinned sum='' mirror=https://dl-cdn.alpinelinux.org/alpine packages='' user=$(id -un) dir=''
[ "$me" != 0 ] || user=${SUDO_USER:-$user}
while [ $# -gt 0 ]; do
	case $1 in
		-h | --help) usage; exit 0 ;;
		-[rmpu] | --sha256) [ $# -gt 1 ] || die "$1 needs a value, see $0 -h" ;;
		-*) die "$1: no such option, see $0 -h" ;;
		*) [ -z "$dir" ] || die "$1: one DIR only, and it is $dir" ;;
	esac
	case $1 in
		-r) release=$2; shift ;;
		--sha256) sum=$2; shift ;;
		-m) mirror=$2; shift ;;
		-p) packages=$(printf %s "$2" | tr -s ', ' ' '); shift ;;
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
arch=$(uname -m) branch=v${release%.*}
case $release:$arch in
	"$pinned:x86_64") sum=${sum:-$x86_64} ;;
	"$pinned:aarch64") sum=${sum:-$aarch64} ;;
esac
[ -n "$sum" ] || die "the sum of $release for $arch is not known here: name it with --sha256"
here=$(cd "$(dirname "$0")" 2>/dev/null && pwd) || here=$(dirname "$0")
made='' top=$(dirname "$dir")
while [ ! -d "$top" ]; do made=$(basename "$top")/$made top=$(dirname "$top"); done
if [ "$uid" = 0 ]; then
	top=$(real "$top" ": name its user with -u")
	dir=$top/$made${dir##*/}
fi
if ! command -v curl >/dev/null && ! command -v wget >/dev/null; then
	if [ "$me" != 0 ] || ! command -v apt-get >/dev/null; then die "there is neither curl nor wget: install one"; fi
	say "installing curl"
	log=$(install curl ca-certificates 2>&1) || die "could not install curl: $log"
fi

new='' child=''
clean() {
	status=$?
	trap '' INT TERM HUP
	[ -z "$child" ] || { kill -- "-$child" || kill "$child"; wait "$child"; } 2>/dev/null || :
	[ -z "$new" ] || { chmod -R u+rwX "$new"; rm -rf "$new"; }
	if [ $status != 0 ] && [ -n "$made" ]; then (cd "$top" && rmdir -p -- "$made") 2>/dev/null || :; fi
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
# USER does all the rest. The script goes along as text, since USER may be unable to read the file.
if [ "$uid" != "$me" ]; then
	say "as $user:"
	made='' new=$(mktemp -d) in=/dev/null log=$new/log
	as_user "$(cat "$0")" -r "$release" --sha256 "$sum" -m "$mirror" -p "$packages" "$dir" || exit
	exit
fi
[ -w "$top" ] || die "$user cannot write in $top"
ajail=$(PATH=$path command -v ajail) || ajail=$here/target/release/ajail
if [ -n "$packages" ] && [ ! -x "$ajail" ]; then
	die "to add packages, there is no ajail that $user can run on the PATH or in ~/.local/bin: cargo build --release"
fi

# Build beside DIR and rename at the end: a failure leaves nothing behind.
(umask 77 && mkdir -p "$top/$made")
# Others must not get at what a jail leaves there: a program with a set-id bit is enough.
case $dir in "${HOME-}/.ajail/"*) chmod 700 "$HOME/.ajail" ;; esac
new=$(mktemp -d "$dir.new.XXXXXX") fs=$new/fs
# In a directory with the set-group-id bit all of it would have another group.
chgrp "$gid" "$new" && chmod g-s "$new"
mkdir "$fs" "$new/empty"
say "making Alpine $release in $dir"
url=$mirror/$branch/releases/$arch/alpine-minirootfs-$release-$arch.tar.gz
if command -v curl >/dev/null; then
	curl -fsSL --proto "=${url%%:*}" --connect-timeout 10 -o "$new/tar" "$url" || die "could not get $url"
else
	wget -q -T 10 -O "$new/tar" "$url" || die "could not get $url"
fi
found=$(sha256sum <"$new/tar")
[ "${found%% *}" = "$sum" ] || die "$url has the sum ${found%% *}, which should be $sum"
tar -xzf "$new/tar" -C "$fs" --no-same-owner
chmod 700 "$fs"
printf '%s\n' "$mirror/$branch/main" "$mirror/$branch/community" >"$fs/etc/apk/repositories"
if [ -n "$packages" ]; then
	say "adding $packages"
	# In a jail, where what belongs to others by name belongs to the one user that there is.
	# shellcheck disable=SC2086  # a list of words
	if ! (cd "$new/empty" && AJAIL_ARGS='' "$ajail" --quiet --hide --fs="$fs" --fs-edit apk add --no-cache $packages) \
		>"$new/log" 2>&1; then
		tail -n 20 "$new/log" >&2
		die "apk could not add $packages"
	fi
fi

# One user owns it all, and is the only one that the jail has; its host name is localhost.
printf '%s\n' '# of a root fs for ajail' '127.0.0.1 localhost' '::1 localhost' >"$fs/etc/hosts"
chmod -R u+rwX,go-w,a-st "$fs"
chmod 700 "$fs"
# Never over or into what is there by now, about which not every mv -n complains.
mv -nT "$fs" "$dir" || :
[ ! -e "$fs" ] || die "$dir: there is something by now"
case $dir in
	*/.ajail/fs/default) say "$dir is ready: ajail" ;;
	*) say "$dir is ready: ajail --fs=$dir" ;;
esac
