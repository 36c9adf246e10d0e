#!/bin/sh
# usage: mkalpine.sh [-r RELEASE] [--sha256 HEX] [-m MIRROR] [-p PKG,PKG...] [-u USER] [-h] DIR
#
# Makes an Alpine root fs in DIR for ajail, from the official minirootfs. Root is not needed.
#
#   -r RELEASE   the release of Alpine (3.24.2)
#   --sha256 HEX the sum of its minirootfs, which another release than that needs
#   -m MIRROR    where it and packages come from (https://dl-cdn.alpinelinux.org/alpine)
#   -p PKG,PKG   packages to add, separated by commas or spaces
#   -u USER      whom the root fs is to belong to (who called sudo, or who you are)
#   -h, --help   print this

set -eu

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }
die() { say "$*"; exit 1; }
install() { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"; }
usage() { sed -n '2,/^$/s/^#\( \|$\)//p' "$0"; }

pinned=3.24.2
x86_64=c5ca053cfe1d85c5b96dff8b9bc57045f7f184a30ffb6b65776409ca90388677
aarch64=9bf70a7f18ea44094cbb5f70c58f9af129c8214745743db0e68e5502cc2ce773

release=$pinned sum='' mirror=https://dl-cdn.alpinelinux.org/alpine packages='' user=${SUDO_USER:-$(id -un)} dir=''
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
		*) dir=$1 ;;
	esac
	shift
done

# Check before touching anything.
[ -n "$dir" ] || die "no DIR given, see $0 -h"
if [ -e "$dir" ] || [ -L "$dir" ]; then die "$dir: there is something already"; fi
owner=$(id -u "$user" 2>/dev/null):$(id -g "$user" 2>/dev/null) || die "$user: no such user"
[ "$owner" = "$(id -u):$(id -g)" ] || [ "$(id -u)" = 0 ] || die "only root can make one for $user"
arch=$(uname -m) branch=v${release%.*}
case $release:$arch in
	"$pinned:x86_64") sum=${sum:-$x86_64} ;;
	"$pinned:aarch64") sum=${sum:-$aarch64} ;;
esac
[ -n "$sum" ] || die "the sum of $release for $arch is not known here: name it with --sha256"
here=$(cd "$(dirname "$0")" && pwd)
ajail=$(command -v ajail) || ajail=$here/target/release/ajail
[ -z "$packages" ] || [ -x "$ajail" ] || die "there is no ajail to add packages in: cargo build --release"
if ! command -v curl >/dev/null && ! command -v wget >/dev/null; then
	if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then die "there is neither curl nor wget: install one"; fi
	say "installing curl"
	log=$(install curl ca-certificates 2>&1) || die "could not install curl: $log"
fi

# Build beside DIR and rename at the end: a failure leaves nothing behind.
case $dir in /*) ;; *) dir=$PWD/$dir ;; esac
made='' parent=$(dirname "$dir") new=$dir.new.$$
while [ ! -d "$parent" ]; do made=$parent parent=$(dirname "$parent"); done
clean() {
	status=$?
	trap '' INT TERM HUP
	rm -rf "$new" "$new.log" "$new.tar"
	if [ $status != 0 ] && [ -n "$made" ]; then rm -rf "$made"; fi
	exit $status
}
trap clean EXIT
trap 'exit 130' INT TERM HUP
mkdir -p "$(dirname "$dir")"
[ -z "$made" ] || [ "$(id -u)" != 0 ] || chown -R "$owner" "$made"
say "making Alpine $release in $dir"
url=$mirror/$branch/releases/$arch/alpine-minirootfs-$release-$arch.tar.gz
if command -v curl >/dev/null; then
	curl -fsSL --connect-timeout 10 -o "$new.tar" "$url" || die "could not get $url"
else
	wget -q -T 10 -O "$new.tar" "$url" || die "could not get $url"
fi
found=$(sha256sum <"$new.tar")
[ "${found%% *}" = "$sum" ] || die "$url has the sum ${found%% *}, which should be $sum"
mkdir "$new"
tar -xzf "$new.tar" -C "$new" --no-same-owner
printf '%s\n' "$mirror/$branch/main" "$mirror/$branch/community" >"$new/etc/apk/repositories"
if [ -n "$packages" ]; then
	say "adding $packages"
	# In a jail, where what belongs to others by name belongs to the one user that there is.
	# shellcheck disable=SC2086  # a list of words
	if ! (cd /tmp && AJAIL_ARGS='' "$ajail" --quiet --hide --fs="$new" --fs-edit apk add --no-cache $packages) \
		>"$new.log" 2>&1; then
		tail -n 20 "$new.log" >&2
		die "apk could not add $packages"
	fi
fi

# One user owns it all, and is the only one that the jail has; its host name is localhost.
printf '%s\n' '# of a root fs for ajail' '127.0.0.1 localhost' '::1 localhost' >"$new/etc/hosts"
[ "$(id -u)" != 0 ] || chown -R -h "$owner" "$new"
chmod -R u+rwX,a-s "$new"
mv "$new" "$dir"
say "$dir is ready: ajail --fs=$dir"
