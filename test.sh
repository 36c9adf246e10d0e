#!/bin/bash
# usage: test.sh [WORD]     all cases, or those whose claim contains WORD
#        test.sh bench      measure instead: see README.md
#
# Sets itself up below target/: the release binary, a bwrap if none on the PATH is new enough, and
# a Debian root fs, unless AJAIL_TEST_FS names one. Started as root, it drives the jails as an
# ordinary user. Every case is a claim, tried on real jails in a directory of its own. mkalpine.sh
# is tried on a mirror on loopback with a stand-in for Alpine's minirootfs, or with the real one
# where AJAIL_TEST_ALPINE names its tarball.

set -u
cd "$(dirname "$0")" || exit 1
unset "${!AJAIL_ENV_@}" AJAIL_ARGS

# ---- Set-up, in the first of the stages.

if [ -z "${STAGE-}" ]; then
	set -e
	export STAGE=user WORD=${1-} T ROOT_FS AJAIL USER_ID
	if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
		for tool in git perl script cc busybox openssl curl; do
			command -v $tool >/dev/null && continue
			apt-get update -q >/dev/null
			DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends \
				git perl bsdutils gcc libc6-dev busybox-static openssl curl >/dev/null
			break
		done
	fi
	cargo build --release --quiet
	if ! command -v bwrap >/dev/null || ! ./mkbwrap.sh "$PWD/target/bwrap" 2>/dev/null >&2; then
		[ -x target/bwrap/bin/bwrap ] || ./mkbwrap.sh "$PWD/target/bwrap"
	fi
	# Not an account of its own: an ordinary user that the machine has, or daemon.
	USER_ID=$(id -u)
	if [ "$USER_ID" = 0 ]; then
		user=$(awk -F: '$3 >= 1000 && $3 < 60000 { print $1; exit }' /etc/passwd)
		user=${user:-daemon} USER_ID=$(id -u "$user"):$(id -g "$user")
	else
		user=$(id -un)
	fi
	ROOT_FS=${AJAIL_TEST_FS:-$PWD/target/deb-$user}
	[ -d "$ROOT_FS" ] || ./mkdeb.sh -u "$user" -p git,perl "$ROOT_FS"
	T=$(mktemp -d /var/tmp/ajail-test.XXXXXX)
	server=''
	trap 'kill $server 2>/dev/null; chmod -R u+rwX "$T" 2>/dev/null; rm -rf "$T"' EXIT
	trap 'exit 130' INT TERM
	mkdir -p "$T/home/.ajail/fs" "$T/bin"
	cp target/release/ajail "$T/bin/"
	if [ "$WORD" = bench ]; then
		target=$(uname -m)-unknown-linux-gnu
		RUSTFLAGS='-C target-feature=+crt-static' cargo build --release --quiet --target "$target" &&
			cp "target/$target/release/ajail" "$T/bin/ajail-static" || echo "no static build: see README.md"
	fi
	bwrap=$PWD/target/bwrap/bin/bwrap
	[ -x "$bwrap" ] || bwrap=$(command -v bwrap)
	cp "$bwrap" "$T/bin/bwrap"
	cp ./*.sh README.md main.rs "$T/"
	as_user() { if [ "$(id -u)" = 0 ]; then setpriv --reuid="${USER_ID%:*}" --regid="${USER_ID#*:}" --clear-groups "$@"; else "$@"; fi; }
	# It must be the user's, who may be kept out of a checkout of root's.
	if ! as_user test -x "$ROOT_FS/bin/sh" || ! as_user test -O "$ROOT_FS"; then
		cp -a "$ROOT_FS" "$T/fs" && chown -R -h "$USER_ID" "$T/fs"
		ROOT_FS=$T/fs
	fi
	ROOT_FS=$(realpath "$ROOT_FS")
	ln -s "$ROOT_FS" "$T/home/.ajail/fs/default"
	cp -a "$ROOT_FS" "$T/home/.ajail/fs/own"
	AJAIL=$T/bin/ajail
	mkdir "$T/mirror"
	[ -z "${AJAIL_TEST_ALPINE-}" ] || cp "$AJAIL_TEST_ALPINE" "$T/minirootfs.tar.gz"
	for port in $(shuf -i 20000-60000 -n 9); do
		command -v busybox >/dev/null || break
		busybox httpd -f -p "127.0.0.1:$port" -h "$T/mirror" 2>/dev/null & server=$!
		sleep 0.2
		if kill -0 $server 2>/dev/null; then export MIRROR=http://127.0.0.1:$port; break; fi
	done
	touch "$T/results"
	chmod 755 "$T"
	[ "$(id -u)" != 0 ] || chown -R -h "$USER_ID" "$T/home" "$T/results" "$T/mirror"
	set +e
	if [ "$WORD" = bench ]; then STAGE=bench as_user bash "$T/test.sh"; exit; fi
	as_user bash "$T/test.sh"
	if [ "$(id -u)" = 0 ]; then
		mkdir -p "$T/root/.ajail/fs" && cp -a "$ROOT_FS" "$T/root/.ajail/fs/default" && chown -R -h 0:0 "$T/root"
		STAGE=root bash "$T/test.sh"
	fi
	passed=$(grep -c passed "$T/results") failed=$(grep -c failed "$T/results") skipped=$(grep -c skipped "$T/results")
	if [ "$skipped" = 0 ]; then echo "$passed passed, $failed failed"; else echo "$passed passed, $failed failed, $skipped skipped"; fi
	[ "$failed" = 0 ] && [ "$passed" != 0 ]
	exit
fi

# ---- The words of the cases.

HOME=$T/home
[ "$STAGE" != root ] || HOME=$T/root
export HOME PATH=$T/bin:$PATH GIT_CONFIG_GLOBAL=$T/home/gitconfig TERM=${TERM:-xterm}
FS=$HOME/.ajail/fs n=0

# claim SENTENCE: runs the code on standard input, which fails with its first failing command.
claim() {
	local code; code=$(cat)
	[[ $1 == *$WORD* ]] || return 0
	n=$((n + 1))
	mkdir -p "$HOME/$STAGE-$n/proj" && cd "$HOME/$STAGE-$n/proj" || exit 1
	# shellcheck disable=SC2034  # for the cases
	P=$PWD
	(set -e; eval "$code") >"$HOME/out" 2>&1 </dev/null
	case $? in
		0) echo passed >>"$T/results"; echo "passed: $1" ;;
		77) echo skipped >>"$T/results"; echo "skipped: $1: $(tail -n 1 "$HOME/out")" ;;
		*) echo failed >>"$T/results"; echo "FAILED: $1"; sed 's/^/    /' "$HOME/out" ;;
	esac
	cd "$T" || exit 1
}
skip() { echo "$*"; exit 77; }
jail() { ajail --quiet "$@"; }
is() { [ "$1" = "$2" ] || { printf 'is:     %s\nshould: %s\n' "$1" "$2"; return 1; }; }
has() { [[ $1 == *"$2"* ]] || { printf 'is:  %s\nhas no: %s\n' "$1" "$2"; return 1; }; }
hasnt() { [[ $1 != *"$2"* ]] || { printf 'is:  %s\nhas: %s\n' "$1" "$2"; return 1; }; }
# refused WORDS ARG...: ajail ARG... says WORDS on one line, nothing else, and ends with 125.
refused() {
	local words=$1 status=0 out; shift
	out=$(ajail "$@" 2>"$HOME/err") || status=$?
	is "$out" ''
	is "$(wc -l <"$HOME/err")" 1
	has "$(cat "$HOME/err")" "$words"
	is "$status" 125
}
# denied REASON ARG...: the jail runs, and sh -c ARG in it fails with REASON, a regular expression.
denied() {
	local reason=$1 out; shift
	out=$(jail "${@:1:$#-1}" sh -c "echo ran; { ${*: -1}; } && echo worked" 2>&1) || :
	has "$out" ran
	hasnt "$out" worked
	[[ $out =~ $reason ]] || { printf 'is: %s\nis not for the reason: %s\n' "$out" "$reason"; return 1; }
}
# plain ARG...: bwrap without what ajail adds, to show that an attack works there.
plain() {
	bwrap --unshare-all --share-net --unshare-user --uid 0 --gid 0 --overlay-src "$FS/default" --tmp-overlay / \
		--dev /dev --proc /proc --tmpfs /tmp --bind "$PWD" "$PWD" "$@"
}
perl_in_fs() { [ -x "$FS/default/usr/bin/perl" ] || skip "no perl in the root fs"; }
git_in_fs() { [ -x "$FS/default/usr/bin/git" ] || skip "no git in the root fs"; }

# ---- Root's cases.

if [ "$STAGE" = root ]; then
claim 'real root has no capability in a jail' <<'C'
is "$(jail sh -c 'grep -E "^Cap(Prm|Eff|Bnd|Inh|Amb)" /proc/self/status | tr -d "0[:space:]"')" 'CapInh:CapPrm:CapEff:CapBnd:CapAmb:'
C
claim 'real root can neither unmount what is hidden nor remount what is read-only' <<'C'
mkdir h r; echo secret >h/s
denied 'superuser|not permitted' --hide=h "umount $P/h"
denied 'ermi' --rol=r "mount -o remount,rw,bind $P/r"
is "$(plain --cap-add ALL --tmpfs "$P/h" sh -c "umount $P/h && cat $P/h/s")" secret
C
claim 'a crash in a jail reaches no handler of the host'\''s' <<'C'
was=$(cat /proc/sys/kernel/core_pattern); printf '#!/bin/sh\ncat >/dev/null; echo crash >>%s/crashes\n' "$P" >handler; chmod +x handler
echo "|$P/handler" >/proc/sys/kernel/core_pattern 2>/dev/null || skip "the core pattern cannot be set"
jail sh -c 'kill -SEGV $$' || :; sleep 0.5; in=$(cat crashes 2>/dev/null || :)
(ulimit -c unlimited; plain sh -c 'kill -SEGV $$') || :; sleep 0.5; out=$(cat crashes 2>/dev/null || :)
printf '%s\n' "$was" >/proc/sys/kernel/core_pattern; is "$in" ''; [ "$out" = crash ] || skip "the kernel does not find a handler from here"
C
claim 'real root cannot write to the /proc/sys of the host' <<'C'
denied 'ead-only' 'echo x >/proc/sys/kernel/core_pattern'
C
claim 'mkdeb.sh leaves nothing behind of what fails, and shows the end of the log' <<'C'
command -v debootstrap >/dev/null || skip "no debootstrap"
for try in "$P/proj" "-u nobody-here $P/x" "-m http://127.0.0.1:9/ $P/x/y"; do
	mkdir -p proj; r=0
	# shellcheck disable=SC2086  # a list of words
	out=$("$T/mkdeb.sh" $try 2>&1) || r=$?
	[ $r -gt 0 ]; is "$(ls -A)" proj
done
has "$out" '127.0.0.1:9'; has "$out" 'debootstrap failed'
C
claim 'the root fs of mkdeb.sh has no set-id bit and no device node, and is all the user'\''s' <<'C'
[ -d "$ROOT_FS/etc/apt" ] || skip "not a root fs of mkdeb.sh"
is "$(find "$ROOT_FS" \( -perm /6000 -o -type b -o -type c \) | wc -l)" 0
is "$(find "$ROOT_FS" ! -uid "${USER_ID%:*}" | wc -l)" 0; has "$(cat "$ROOT_FS"/etc/apt/apt.conf.d/*)" 'Sandbox::User "root"'
C
claim 'as root, mkalpine.sh -u makes a root fs that is all that user'\''s, with packages too' <<'C'
tarball=$(echo "$T"/mirror/v3.20/releases/*/*.tar.gz); [ -e "$tarball" ] || skip "no mirror"
sum=$(sha256sum <"$tarball")
"$T/mkalpine.sh" -u "$(id -un "${USER_ID%:*}")" -r 3.20.9 --sha256 "${sum%% *}" -m "$MIRROR" x/y -p ajail-hello
is "$(cat x/y/etc/ajail-hello)" hello; is "$(find x ! -uid "${USER_ID%:*}" | wc -l)" 0
C
claim 'a root fs of somebody else is refused' <<'C'
chown 1 "$FS/default"; r=0; refused 'another user' true || r=1; chown 0 "$FS/default"; is $r 0
C
claim 'cd / is refused for root too' <<'C'
cd /; refused "the jail has its own" sh
C
exit
fi

# ---- The bench: all commands of a comparison in turn, and their medians.

if [ "$STAGE" = bench ]; then
	mkdir "$HOME/bench" && cd "$HOME/bench" || exit 1
	time_of() { # time_of NAME COMMAND...: into the file NAME, in microseconds
		local name=$1 start=${EPOCHREALTIME/[.,]/}; shift
		"$@" >/dev/null 2>&1
		echo $((${EPOCHREALTIME/[.,]/} - start)) >>"$HOME/$name"
	}
	median() { sort -n "$HOME/$1" | sed -n "$((($(wc -l <"$HOME/$1") + 1) / 2))p"; }
	row() { printf '%-44s %8d us   %s\n' "$1" "$(median "$2")" "$(awk "BEGIN { printf \"%.2f\", $(median "$2") / $(median "$3") }")"; }
	# Without env, which would cost a start of its own.
	eval "alone() { $(ajail --quiet --dry-run true | sed '$d; s/^env -i //'); }"
	for _ in $(seq 300); do
		time_of alone alone
		time_of dynamic ajail --quiet true
		[ ! -x "$T/bin/ajail-static" ] || time_of static ajail-static --quiet true
	done
	row 'true, bwrap with the same options' alone alone
	row 'true, ajail' dynamic alone
	[ ! -x "$T/bin/ajail-static" ] || row 'true, ajail, static' static alone
	if [ -x "$FS/default/usr/bin/git" ]; then
		mkdir ../repository && cd ../repository || exit 1
		git init -q -b main . && git config user.name a && git config user.email a@b && git config gc.auto 0
		perl -e 'open my $r, "<", "/dev/urandom"; for my $n (1..20000) {
			mkdir "d" . $n % 100; open my $f, ">", "d" . $n % 100 . "/$n"; read $r, my $b, 10240; print $f $b }'
		git -c core.compression=0 add . && git commit -qm all && git -c core.compression=0 gc -q
		for n in 1 2 3 4 5; do
			sync; time_of plain_clone git clone -q --no-hardlinks . "$HOME/plain.$n"
			sync; time_of clone ajail --quiet --clone=$n true
		done
		row 'clone, 20,000 files, 200 MB: git clone' plain_clone plain_clone
		row 'clone, 20,000 files, 200 MB: ajail --clone' clone plain_clone
	fi
	cd ../bench || exit 1
	if command -v strace >/dev/null; then
		strace -o "$HOME/calls" ajail --quiet true
		echo "system calls of ajail before it becomes bwrap: $(sed '/execve.*bwrap/q' "$HOME/calls" | wc -l)"
	fi
	for it in ajail ajail-static; do [ ! -x "$T/bin/$it" ] || echo "size of $it: $(stat -c %s "$T/bin/$it") bytes"; done
	exit
fi

# ---- The scripts. fails WORDS ARG...: ARG... fails, says WORDS, and leaves DIR as it was.

fails() {
	local words=$1 out status=0; shift
	out=$("$@" 2>&1) || status=$?
	has "$out" "$words"; [ "$status" -gt 0 ]; [ -z "$(ls -A)" ]
}
claim 'mkalpine.sh refuses an existing DIR, an unknown user, and a release without a sum' <<'C'
fails 'something already' "$T/mkalpine.sh" "$P"; fails 'no such user' "$T/mkalpine.sh" -u nobody-here "$P/x"
fails '--sha256' "$T/mkalpine.sh" -r 3.20.3 "$P/x"; fails 'no DIR' "$T/mkalpine.sh"; fails 'needs a value' "$T/mkalpine.sh" -p
C
# A mirror of Alpine on loopback, with a release 3.20.9 and a package ajail-hello.
release=3.20.9 machine=$(uname -m) sum='' repository=$T/mirror/v3.20/main/$machine
tarball=$T/mirror/v3.20/releases/$machine/alpine-minirootfs-$release-$machine.tar.gz
cut_tar() { tar --owner=0 --group=0 -cf - "$1" | head -c $((512 + ($(stat -c %s "$1") + 511) / 512 * 512)) | gzip -n; }
sign() { # sign KEY FILE: FILE with a signature before it, as apk reads it
	openssl dgst -sha1 -sign "$1" -out .SIGN.RSA.ajail-test.rsa.pub "$2"
	cut_tar .SIGN.RSA.ajail-test.rsa.pub | cat - "$2"
}
make_mirror() {
	set -e
	mkdir -p "$HOME/alpine/tree" "$repository" "$T/mirror/v3.20/community/$machine" "$(dirname "$tarball")"
	cd "$HOME/alpine"
	if [ -e "$T/minirootfs.tar.gz" ]; then
		tar -xzf "$T/minirootfs.tar.gz" -C tree
		for key in key other; do openssl genrsa -out $key 2048 2>/dev/null; done
		openssl rsa -in key -pubout -out tree/etc/apk/keys/ajail-test.rsa.pub 2>/dev/null
		mkdir -p etc; echo hello >etc/ajail-hello
		tar --owner=0 --group=0 --format=posix \
			--pax-option="APK-TOOLS.checksum.SHA1:=$(sha1sum etc/ajail-hello | cut -d ' ' -f 1)" -czf data etc
		printf '%s\n' 'pkgname = ajail-hello' 'pkgver = 1-r0' 'pkgdesc = of the tests' "arch = $machine" 'size = 6' \
			"datahash = $(sha256sum data | cut -d ' ' -f 1)" >.PKGINFO
		cut_tar .PKGINFO >control
		sign key control | cat - data >"$repository/ajail-hello-1-r0.apk"
		bwrap --bind tree / --proc /proc --ro-bind "$repository" /mnt --bind . /media \
			--setenv PATH /usr/sbin:/usr/bin:/sbin:/bin sh -c \
			'cd /mnt && apk index -o /media/index ./*.apk && apk index -o /media/empty' >/dev/null
		sign key index >"$repository/APKINDEX.tar.gz"
		sign key empty >"$T/mirror/v3.20/community/$machine/APKINDEX.tar.gz"
	else
		mkdir -p tree/bin tree/etc/apk
		cp "$(command -v busybox)" tree/bin/
		for applet in $(busybox --list); do [ "$applet" = busybox ] || ln -s busybox "tree/bin/$applet"; done
		echo hello >"$(dirname "$repository")/ajail-hello"
		cat >tree/bin/apk <<-'X'
			#!/bin/sh
			# Not Alpine's apk, but a stand-in of the tests of ajail: "packages" are files for /etc.
			for package in "$@"; do
				case $package in
					add | -*) ;;
					*) wget -q -O "/etc/$package" "$(head -n 1 /etc/apk/repositories)/$package" || exit 1 ;;
				esac
			done
		X
		chmod +x tree/bin/apk
	fi
	tar --owner=0 --group=0 -czf "$tarball" -C tree .
}
if [ -n "${MIRROR-}" ]; then
	(make_mirror) # not before ||, where set -e does nothing
	[ -e "$tarball" ] && sum=$(sha256sum <"$tarball") && sum=${sum%% *}
	cd "$T" || exit 1
fi
# alpine ARG...: mkalpine.sh from that mirror
alpine() {
	command -v busybox >/dev/null || skip "no busybox for a mirror"
	[ -n "$sum" ] || { echo "the mirror could not be made"; return 1; }
	"$T/mkalpine.sh" -r $release --sha256 "$sum" -m "$MIRROR" "$@"
}
claim 'mkalpine.sh makes a root fs of an ordinary user, and a shell in a jail on it' <<'C'
alpine x/y
is "$(cat x/y/etc/apk/repositories)" "$MIRROR/v3.20/main"$'\n'"$MIRROR/v3.20/community"; is "$(ls x)" y
is "$(find x ! -uid "$(id -u)" | wc -l)" 0; is "$(find x \( -perm /6000 -o -type b -o -type c \) | wc -l)" 0
mkdir ../w; cd ../w; is "$(jail --fs="$P/x/y" sh -c 'id -u; ls /bin/busybox')" $'0\n/bin/busybox'
C
claim 'mkalpine.sh makes nothing of a tarball with a wrong sum, and shows both' <<'C'
alpine x; rm -rf x
fails "$sum, which should be 00" alpine --sha256 00 "$P/x/y"
fails 'could not get' alpine -r 3.20.8 "$P/x/y"
C
claim 'mkalpine.sh -p adds packages, and leaves nothing behind if there is no such package' <<'C'
alpine -p ajail-hello x; is "$(cat x/etc/ajail-hello)" hello; rm -rf x
alpine -p 'ajail-hello, ajail-hello' x; is "$(cat x/etc/ajail-hello)" hello; rm -rf x
fails 'could not add nonsuch' alpine -p nonsuch "$P/x/y"
C
claim 'a package that apk adds in a jail works there, and is gone in the next' <<'C'
alpine x; mkdir ../w; cd ../w
is "$(jail --fs="$P/x" sh -c 'apk add -q --no-cache ajail-hello && cat /etc/ajail-hello')" hello
is "$(jail --fs="$P/x" sh -c 'cat /etc/ajail-hello 2>/dev/null || echo gone')" gone
jail --fs="$P/x" --fs-edit apk add -q --no-cache ajail-hello; is "$(jail --fs="$P/x" cat /etc/ajail-hello)" hello
C
claim 'apk refuses a package index that no key of the root fs has signed, and nothing is left' <<'C'
[ -e "$T/minirootfs.tar.gz" ] || skip "no real minirootfs: AJAIL_TEST_ALPINE names none"
cd "$HOME/alpine"; sign other index >"$repository/APKINDEX.tar.gz"; cd "$P"; r=0
(fails 'UNTRUSTED signature' alpine -p ajail-hello "$P/x") || r=1
cd "$HOME/alpine"; sign key index >"$repository/APKINDEX.tar.gz"; is $r 0
C
claim 'mkbwrap.sh does nothing where a bwrap is new enough' <<'C'
has "$("$T/mkbwrap.sh" "$P/x" 2>&1)" 'nothing to do'; [ -z "$(ls -A)" ]
C

# ---- A jail that runs.

claim 'without a command, sh runs' <<'C'
is "$(echo 'echo $0' | jail)" sh
C
claim 'the exit status is the command'\''s' <<'C'
for s in 0 1 7 125; do r=0; jail sh -c "exit $s" || r=$?; is "$r" "$s"; done
r=0; jail sh -c 'kill -9 $$' || r=$?; is "$r" 137
C
claim 'the command starts in the current directory, at its own path' <<'C'
is "$(jail pwd)" "$P"
C
claim 'the caller is root inside and owns what is written' <<'C'
is "$(jail sh -c 'id -u; id -g; touch f')" $'0\n0'
is "$(stat -c %u f)" "$(id -u)"
C
claim 'changes to the root fs vanish, and those to the current directory are kept' <<'C'
jail sh -c 'touch /etc/new kept'; [ -e kept ]; [ ! -e "$FS/default/etc/new" ]
C
claim '/tmp, /run, /dev and /proc are fresh' <<'C'
is "$(jail sh -c 'ls -A /tmp /run; stat -c %a /tmp')" $'/run:\n\n/tmp:\n1777'
[ "$(jail sh -c 'ls -d /proc/[0-9]* | wc -l')" -le 4 ]
has "$(jail ls /dev)" null
C
claim 'the network is the host'\''s, and with --no-net there is none; --net takes it back' <<'C'
is "$(jail readlink /proc/self/ns/net)" "$(readlink /proc/self/ns/net)"
[ "$(jail --no-net readlink /proc/self/ns/net)" != "$(readlink /proc/self/ns/net)" ]
is "$(AJAIL_ARGS=--no-net jail --net readlink /proc/self/ns/net)" "$(readlink /proc/self/ns/net)"
C
claim 'every other namespace is the jail'\''s own' <<'C'
is "$(jail uname -n)" ajail
for ns in cgroup ipc mnt pid user uts; do
	inner=$(jail readlink /proc/self/ns/$ns); has "$inner" "$ns"; [ "$inner" != "$(readlink /proc/self/ns/$ns)" ]
done
C
claim 'resolv.conf is the host'\''s when there is a network' <<'C'
is "$(jail cat /etc/resolv.conf)" "$(cat /etc/resolv.conf)"
C
claim 'a resolv.conf that is a symlink in the root fs works' <<'C'
cp -a "$FS/own/etc/resolv.conf" ../saved 2>/dev/null || :
ln -sf ../run/systemd/resolve/stub-resolv.conf "$FS/own/etc/resolv.conf"
r=0; out=$(jail --fs=own cat /etc/resolv.conf) || r=$?
rm "$FS/own/etc/resolv.conf"; cp -a ../saved "$FS/own/etc/resolv.conf" 2>/dev/null || :
is "$out" "$(cat /etc/resolv.conf)"
C
claim 'the environment is six variables, PWD, and what AJAIL_ENV_ passes' <<'C'
is "$(SECRET=x AJAIL_ENV_A='a b' AJAIL_ENV_USER=me jail env | sort)" "A=a b
HOME=/root
IS_SANDBOX=1
PATH=/root/.local/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
PWD=$P
TERM=$TERM
USER=me"
C
claim 'the caller'\''s environment is not that of process 1 either' <<'C'
export SECRET=hunter2
hasnt "$(jail --userns sh -c 'echo ran; cat /proc/1/environ' | tr '\0' '\n')" hunter2
has "$(plain --clearenv /bin/cat /proc/1/environ | tr '\0' '\n')" hunter2
C
claim '--ro is a temporary overlay, and the command line takes back what AJAIL_ARGS says' <<'C'
echo a >f; is "$(jail --ro sh -c 'echo b >f; cat f')" b; is "$(cat f)" a
AJAIL_ARGS='; --ro ;;--no-net' jail --rw sh -c 'echo c >f'; is "$(cat f)" c
C
claim '--ro=a --rw=a/b leaves a persistent hole in an ephemeral place' <<'C'
mkdir -p a/b; jail --ro=a --rw=a/b touch a/gone a/b/kept; is "$(ls a a/b | tr '\n' ' ')" 'a: b  a/b: kept '
jail --rw=a/b --ro=a touch a/b/lost; [ ! -e a/b/lost ]
C
claim '--rol is locked: writing fails, on a directory and on a file' <<'C'
mkdir d; echo x >f
denied 'ead-only' --rol=d 'touch d/n'; denied 'ead-only' --rol=f 'echo y >>f'; denied 'ead-only' --rol 'touch n'
C
claim 'a hidden directory appears empty, a hidden file reads as empty' <<'C'
mkdir d; echo s >d/s; echo s >.env
is "$(jail --hide=d --hide=.env sh -c 'ls -A d; cat .env; echo ok')" ok; is "$(cat .env d/s)" $'s\ns'
C
claim 'of two rules for one file the last counts' <<'C'
echo s >f; jail --hide=f --rw=f sh -c 'cat f; echo t >f' >out; is "$(cat out f)" $'s\nt'
is "$(AJAIL_ARGS=--hide=f jail --ro=./f cat f)" t; is "$(jail --ro=f --hide=f cat f)" ''; denied 'ead-only' --ro=f --rol=f 'echo x >f'
C
claim '--hide without a value leaves the current directory empty' <<'C'
touch f; is "$(jail --hide sh -c 'pwd; ls -A; touch g')" "$P"; [ ! -e g ]
C
claim '--ro of a file is a private copy with the same mode' <<'C'
echo a >f; chmod 750 f; is "$(jail --ro=f sh -c 'stat -c %a f; echo b >f; cat f')" $'750\nb'; is "$(cat f)" a
C
claim '--ro of a FIFO is refused without being opened' <<'C'
mkfifo p; timeout 5 ajail --ro=p true 2>../err && exit 1 || is $? 125; has "$(cat ../err)" "does not work on this sort of file"
is "$(timeout 5 ajail --quiet --hide=p sh -c 'cat p; echo ok')" ok
C
claim '--mount puts SRC at DST, under an overlay unless another kind is named' <<'C'
mkdir ../src; echo s >../src/s; mkdir ../src/d
is "$(jail --mount=../src,/m sh -c 'cat /m/s; touch /m/lost')" s; [ ! -e ../src/lost ]
jail --mount=../src,/m,rw touch /m/kept; [ -e ../src/kept ]
denied 'ead-only' --mount=../src,/m,rol 'touch /m/x'
is "$(jail --mount=../src,/m,hide sh -c 'ls -A /m; echo ok')" ok
is "$(jail --mount=../src/s,/m,ro sh -c 'echo x >>/m; cat /m' | tr '\n' ' ')" 's x '; is "$(cat ../src/s)" s
is "$(jail --mount=../src/s,/m,hide sh -c 'cat /m; echo ok')" ok; denied 'ead-only' --mount=../src/s,/m,rol 'echo x >>/m'
jail --mount=../src/s,/m,rw sh -c 'echo t >/m'; is "$(cat ../src/s)" t
C
claim '--dev makes a device usable' <<'C'
is "$(jail --dev=/dev/zero head -c 2 /dev/zero | od -An -tx1 | tr -d ' ')" 0000
is "$(jail --mount=/dev/zero,/z,dev head -c 1 /z | od -An -tx1 | tr -d ' ')" 00
touch f; refused 'does not work on this sort of file' --dev=f true; mkfifo p; refused 'does not work on' --dev=p true
C
claim '--fs-edit keeps changes to the root fs, or to one subtree only' <<'C'
jail --fs=own --fs-edit touch /etc/kept; [ -e "$FS/own/etc/kept" ]
jail --fs=own --fs-edit=etc touch /etc/kept2 /usr/lost; [ -e "$FS/own/etc/kept2" ]; [ ! -e "$FS/own/usr/lost" ]
C
claim '--fs-edit goes with the options for places' <<'C'
mkdir .git d; echo s >.env
is "$(jail --fs=own --fs-edit --rol=.git --hide=.env --mount=d,/opt/x/y,ro sh -c 'cat .env; touch /etc/both; echo ok')" ok; [ -e "$FS/own/etc/both" ]
jail --fs=own --fs-edit --dev=/dev/null sh -c 'echo x >/dev/null; touch /dev/lost'; [ ! -e "$FS/own/dev/lost" ]
jail --fs=own --home-edit --mount=d,/root/a/b sh -c ':'; jail --fs=own --home-edit --mount=d,/root/a/b sh -c ':'
C
claim '--home-edit keeps changes to /root, or to one subtree only' <<'C'
jail --fs=own --home-edit sh -c 'mkdir -p /root/sub; touch /root/kept /lost'; [ -e "$FS/own/root/kept" ]; [ ! -e "$FS/own/lost" ]
jail --fs=own --home-edit=sub touch /root/sub/kept /root/lost; [ -e "$FS/own/root/sub/kept" ]; [ ! -e "$FS/own/root/lost" ]
C
claim '--fs is a name or an absolute path' <<'C'
mkdir ../h; is "$(HOME=$(dirname "$P")/h jail --fs="$FS/own" echo ok)" ok
is "$(jail --fs=own echo ok)" ok; is "$(jail --fs="$FS/own" echo ok)" ok
C
claim '--cap-add gives one capability, and --bw and --bwrap-bin do what they say' <<'C'
has "$(jail --cap-add=CAP_SYS_PTRACE grep CapEff /proc/self/status)" 0000000000080000
is "$(jail --bw=--hostname --bw=inner uname -n)" inner
printf '#!/bin/sh\necho mine\n' >../b; chmod +x ../b; is "$(jail --bwrap-bin="$(dirname "$P")/b" true)" mine
C
claim 'the status tells the root fs, the network and every mount; --quiet silences it' <<'C'
mkdir a; out=$(ajail --ro --rw=a --no-net true 2>&1)
has "$out" "$ROOT_FS"; has "$out" 'network: none'; has "$out" "$P: temporary overlay"; has "$out" "$P/a: writable, changes are kept"
is "$(jail true 2>&1)" ''
C
claim 'a pipe, odd bytes and a directory below /tmp, /root or /usr work' <<'C'
is "$(echo in | jail cat | tr a-z A-Z)" IN
mkdir $'o;d,d \n\377\'"'; cd $'o;d,d \n\377\'"'; jail --ro touch lost; jail touch kept; is "$(ls)" kept
is "$(ajail true 2>&1 | grep -vc '^ajail: ')" 0
mkdir -p /tmp/ajail-below.$$; cd /tmp/ajail-below.$$; is "$(jail pwd)" "$PWD"; rmdir "$PWD"
C
claim 'thirty jails at once in one directory all answer' <<'C'
for i in $(seq 30); do jail sh -c "echo $i >o$i" & done; wait
is "$(cat o* | sort -n | tr '\n' ' ')" "$(seq 30 | tr '\n' ' ')"
C
claim '--help and --version are on standard output and end with 0' <<'C'
has "$(ajail --help 2>/dev/null)" 'usage: ajail'; is "$(ajail -h)" "$(ajail --help)"; has "$(ajail --version)" 'ajail 0'
r=0; ajail --help >/dev/full 2>../err || r=$?; is "$r" 125
C
claim 'the README shows what --help prints, and the parser knows every option in it' <<'C'
has "$(cat "$T/README.md")" "$(ajail --help)"
for o in $(ajail --help | grep -oE '^  --[a-z-]+' | grep -vE 'help|version'); do
	hasnt "$(ajail "$o=" true 2>&1)" 'no such option'
done
grep -oE '"--[a-z-]+"' "$T/main.rs" | tr -d '"' | sort -u >../used
for o in fs fs-edit home-edit mount clone net quiet help version dry-run userns cap-add bw bwrap-bin; do grep -qx -- "--$o" ../used || { echo "$o"; exit 1; }; done
C

# ---- Bad input.

claim '--fs without its value says --fs=' <<'C'
refused '--fs=' --fs alpine; refused '--no-net' --no-net=1; refused 'no such option' --bogus; refused 'no such option' -x
refused --ro --ro= true; refused --mount= --mount=a true; refused --mount= --mount=a,/b,c true; refused --mount= --mount=,/b
AJAIL_ARGS=sh refused 'no such option' true; AJAIL_ENV_=x refused 'names no variable' true
r=0; env 'AJAIL_ENV_X$(id)=1' ajail true 2>../err || r=$?; is $r 125
C
claim 'a root fs that does not exist is refused with a list of those that do' <<'C'
refused 'there are' --fs=nope; HOME=$P refused mkalpine.sh true
C
claim 'a path that does not exist is refused, and nothing is made' <<'C'
for o in --hide=typo --ro=typo --rw=typo --rol=typo --mount=typo,/x --fs-edit=typo --home-edit=typo; do refused typo $o true; done
[ -z "$(ls -A)" ]; [ ! -e "$FS/default/typo" ]
C
claim 'a deleted current directory, no HOME and no bwrap are refused' <<'C'
mkdir gone; cd gone; rmdir ../gone; refused 'current directory' true; cd "$P"
(unset HOME; HOME='' ; export HOME; r=0; ajail true 2>"$P/err" || r=$?; is $r 125; has "$(cat "$P/err")" HOME)
PATH=$P:. r=0; "$AJAIL" true 2>err || r=$?; is $r 125; has "$(<err)" 'bubblewrap 0.12'
C

# ---- What one jail leaves behind must not open the next.

claim 'no path leads through a symlink that a jail left' <<'C'
mkdir ../out; echo s >../out/s; jail ln -s "$(realpath ../out)" a
for o in --rw=a --ro=a --rol=a --hide=a --rw=a/s --mount=a,/m,rw --rw="$P/a"; do refused symlink $o true; done
refused "$(realpath ../out)" --rw=a true
mkdir locked ../data; jail ln -s locked to; for k in rw ro rol hide; do refused symlink --mount=../data,to/made,$k --rol=locked true; done; is "$(ls -A locked)" ''
mkdir b; is "$(jail --rw=a/../b pwd)" "$P"
is "$(plain --bind "$P/a" "$P/b" cat b/s)" s
C
claim 'what is locked or hidden below a writable directory is not undone by renaming that directory' <<'C'
mkdir -p a/b/.git c; echo s >c/.env
denied 'busy' --rol=a/b/.git 'mv a x'; denied 'busy' --rol=a/b/.git 'mv a/b x'; denied 'busy' --hide=c/.env 'mv c x'
jail --rol=a/b/.git touch a/b/kept; [ -e a/b/kept ]
mkdir c/d c/e; echo s >c/d/s
is "$(jail --rw=c/d --hide=c/d/s --rol=c/e sh -c 'cat c/d/s; echo ok')" ok
mkdir ../m a/m; echo m >../m/m; is "$(jail --mount=../m,a/m,rw --rol=a/b cat a/m/m)" m
denied 'busy' --rw=c/d --hide=c/d/s --rol=c/e 'mv c x'; denied 'busy' --rw=c/d --hide=c/d/s 'mv c x'
C
claim 'a path of --fs-edit and --home-edit stays inside the root fs' <<'C'
jail --fs=own --fs-edit ln -sfn "$P" /etc/door; jail --fs=own --home-edit ln -sfn "$P" /root/door
refused symlink --fs=own --fs-edit=etc/door true; refused symlink --fs=own --home-edit=door true
mkdir ../x; refused 'No such file' --fs=own "--fs-edit=../../../$(realpath ../x)" true
jail --fs=own --fs-edit=../../../etc touch /etc/dots; [ -e "$FS/own/etc/dots" ]
C
claim 'nothing is mounted over / or the jail'\''s own /dev and /proc' <<'C'
for d in / /x/..; do refused covers --mount=.,$d true; done
for d in /dev /proc /proc/1; do refused 'has its own' --mount=.,$d true; done
for o in --ro=.. --rw=/ --hide="$HOME"; do refused covers $o true || refused 'has its own' $o true; done
(cd /; refused 'has its own' true; refused 'has its own' --ro true; refused 'has its own' --hide true)
C
claim 'nothing is writable that contains ~/.ajail, the root fs in use or bwrap, or lies in them' <<'C'
for d in "$HOME" "$HOME/.ajail" "$FS" "$FS/own" "$FS/own/etc"; do (cd "$d"; refused 'cd into a project' true); done
mkdir /tmp/ajail-away.$$; cd /tmp/ajail-away.$$; r=0
for o in --rw="$HOME" --mount="$HOME",/m,rw --rw="$FS" --mount=/,/m,rw --rw="$ROOT_FS"; do refused 'cd into a project' $o true || r=1; done
cd "$P"; rmdir /tmp/ajail-away.$$; is $r 0
is "$(cd "$HOME"; jail --ro echo ok)" ok
mkdir -p real/bin; cp "$T/bin/bwrap" real/bin/; ln -s "$P/real/bin" ../link
mkdir ../w; cd ../w; PATH="$(dirname "$P")/link:$PATH" refused "cd into a project" --rw="$P/real" true
C
claim 'a second path to ~/.ajail, by a bind mount, is no way around that' <<'C'
mkdir alias; unshare -Urm --propagation private sh -c '
	mount --bind "$HOME/.ajail" alias && ls alias/fs >seen && cd alias &&
	{ ajail true; echo $?; } >../err 2>&1' || skip "no mount in a user namespace here"
has "$(cat seen)" default; has "$(cat err)" 'could change the next jail'
C
claim 'no bwrap is run that lies below the current directory, or is reached through it' <<'C'
mkdir b; printf '#!/bin/sh\necho planted\n' >b/bwrap; chmod +x b/bwrap; ln -s "$P/b" ../outside; ln -s "$T/bin" inside; ln -s "$P/b/bwrap" ../own
for dir in "$P/b" "$(dirname "$P")/outside" "$P/inside"; do
	for o in --ro --rw; do PATH=$dir:$PATH refused 'lies below here' $o echo jailed; done
done
for dir in b .; do is "$(PATH=$dir:$PATH jail echo jailed)" jailed; done
refused 'lies below here' --bwrap-bin="$(dirname "$P")/own" --ro true
C
claim 'a value of AJAIL_ENV_ is on no command line' <<'C'
export AJAIL_ENV_TOKEN=hunter2
jail sh -c 'echo $TOKEN >got; sleep 2' & sleep 1
cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\0' '\n' >../cmdlines; wait
is "$(cat got)" hunter2; grep -q -- --seccomp ../cmdlines; ! grep -q hunter2 ../cmdlines
C
claim 'no descriptor above 2 reaches the jail' <<'C'
exec 9</etc 7<"$HOME"
is "$(jail sh -c 'ls /proc/$$/fd; :' | tr '\n' ' ')" '0 1 2 '
has "$(plain sh -c 'ls /proc/self/fd/9/' 9</etc)" passwd
echo a >f; is "$(AJAIL_ENV_A=b jail --ro=f sh -c 'ls /proc/$$/fd; :' | tr '\n' ' ')" '0 1 2 '
C
claim 'no key of the caller'\''s can be reached: not in the session'\''s keyring, not in the user'\''s' <<'C'
perl_in_fs
# add_key(user, ajail, hello) to @u, then, as in the jail: link @u's number to a keyring, search, read.
case $(uname -m) in x86_64) add=248 ;; *) add=217 ;; esac
perl -e '$d="user";$n="ajail";$p="hello"; exit(syscall($ARGV[0],$d,$n,$p,5,-4) < 0)' $add || skip "the kernel keeps no keys"
cat >get.pl <<'X'
$| = 1; print "ran\n"; my ($add, $ring) = @ARGV; my $ctl = $add + 2; my ($d, $n, $b) = ("user", "ajail", " " x 9);
syscall($ctl, 8, hex $ring, -3); my $key = syscall($ctl, 10, hex $ring, $d, $n, 0);
$key < 0 and die "denied: $!\n"; syscall($ctl, 11, $key, $b, 9) < 0 and die "denied: $!\n"; print "got $b\n";
X
ring=$(awk '/_uid\.'"$(id -u)"':/ { print $1 }' /proc/keys)
has "$(plain perl get.pl $add $ring 2>&1)" 'got hello'
out=$(jail perl get.pl $add $ring 2>&1) || :; has "$out" ran; has "$out" 'denied: Operation not permitted'
C
claim 'bwrap is started with a new session keyring' <<'C'
ring='case $(uname -m) in x86_64) n=250 ;; *) n=219 ;; esac; perl -e "print syscall(\$ARGV[0], 0, -3, 0)" $n'
printf '#!/bin/sh\n%s\n' "$ring" >../b; chmod +x ../b
inner=$(jail --bwrap-bin="$(dirname "$P")/b" true); [ "$inner" -gt 0 ]
[ "$inner" != "$(sh -c "$ring")" ]
C
claim 'the host'\''s abstract sockets are out of reach with the network shared' <<'C'
perl_in_fs
[ "$(uname -r | awk -F. '{ print $1 * 100 + $2 }')" -ge 612 ] || skip "the kernel is older than 6.12"
name=ajail-test-$$
perl -MSocket -e 'socket(S,AF_UNIX,SOCK_STREAM,0); bind(S,pack_sockaddr_un("\0$ARGV[0]")) or die; listen(S,5); sleep 10' $name & server=$!
sleep 0.5
printf '%s\n' 'use Socket; print "ran\n"; socket(S,AF_UNIX,SOCK_STREAM,0); connect(S,pack_sockaddr_un("\0$ARGV[0]")) or die "denied: $!\n"; print "connected\n"' >c.pl
has "$(plain perl c.pl $name 2>&1)" connected
out=$(jail perl c.pl $name 2>&1) || :; kill $server; has "$out" ran; has "$out" 'denied: Operation not permitted'
C
claim 'there is no network but the one of IP: vsock is denied' <<'C'
perl_in_fs
cat >v.pl <<'X'
print "ran\n"; my $n = $ARGV[0]; (syscall($n, 40, 1, 0) < 0) and print "$!\n"; (syscall(425, 1, 0) < 0) and print "$!\n";
X
case $(uname -m) in x86_64) n=41 ;; *) n=198 ;; esac
has "$(jail --no-net perl v.pl $n)" $'ran\nOperation not permitted\nOperation not permitted'
hasnt "$(plain perl v.pl $n)" $'ran\nOperation not permitted'
C
claim 'the jail cannot signal the caller'\''s process group' <<'C'
[ "$(uname -r | awk -F. '{ print $1 * 100 + $2 }')" -ge 612 ] || skip "the kernel is older than 6.12"
cat >s.sh <<'X'
"$@" sh -c 'kill -TERM 0; sleep 0.3'; echo survived
X
is "$(setsid bash s.sh ajail --quiet)" survived
is "$(setsid bash s.sh bwrap --unshare-all --ro-bind / / --die-with-parent 2>/dev/null || :)" ''
C
claim 'the jail cannot slow down the caller'\''s process group' <<'C'
perl_in_fs
case $(uname -m) in x86_64) n="141 251" ;; *) n="140 30" ;; esac
cat >n.pl <<'X'
$| = 1; print "ran\n"; for (syscall($ARGV[0], 1, 0, 19), syscall($ARGV[1], 2, 0, 3 << 13)) { print $_ < 0 ? "denied\n" : "worked\n" }
X
# shellcheck disable=SC2086  # two words
was=$(FS=$FS setsid bash -c "$(declare -f plain); plain perl n.pl $n; nice"); has "$was" worked; has "$was" 19
# shellcheck disable=SC2086
is "$(setsid bash -c "ajail --quiet perl n.pl $n; nice")" $'ran\ndenied\ndenied\n0'
C
claim 'no capability, and no new user namespace unless --userns asks for it' <<'C'
is "$(jail sh -c 'grep -E "^Cap(Prm|Eff|Bnd|Inh|Amb)" /proc/self/status | tr -d "0[:space:]"')" 'CapInh:CapPrm:CapEff:CapBnd:CapAmb:'
command -v unshare >/dev/null; denied 'ailed' 'unshare -U true || { echo Failed; false; }'
is "$(jail --userns unshare -U echo ok)" ok
C
claim 'nothing can be typed into the caller'\''s terminal, and job control works' <<'C'
perl_in_fs; command -v script >/dev/null || skip "no script(1)"
printf '%s\n' 'print "ran\n"; for my $c (split //, "x") { ioctl(STDIN, 0x5412, $c) or die "denied: $!\n" } print "typed\n"' >t.pl
out=$(script -qec 'ajail --quiet perl t.pl' /dev/null </dev/null) || :; has "$out" ran; has "$out" denied; hasnt "$out" typed
if [ "$(cat /proc/sys/dev/tty/legacy_tiocsti 2>/dev/null)" != 0 ]; then
	has "$(script -qec "bwrap --unshare-all --overlay-src $FS/default --tmp-overlay / --dev /dev --proc /proc --bind $P $P perl $P/t.pl" /dev/null </dev/null)" typed
fi
out=$(script -qec 'ajail --quiet sh -ic "sleep 0 & fg; echo done"' /dev/null </dev/null) || :; has "$out" done; hasnt "$out" 'job control'
C
claim 'process 1, which is bwrap, cannot be taken over: not by ptrace, not by its memory, not by its program' <<'C'
perl_in_fs
case $(uname -m) in x86_64) n="101 311" ;; *) n="117 271" ;; esac
cat >t.pl <<'X'
$| = 1; print "ran\n"; my ($ptrace, $write) = @ARGV; my $b = "x"; my $v = pack("PQ", $b, 1); my $r = pack("QQ", 4096, 1);
print "ptrace: ", (syscall($ptrace, 0x4206, 1, 0, 0) < 0 ? "$!" : "worked"), "\n";
print "write: ", (syscall($write, 1, $v, 1, $r, 1, 0) < 0 ? "$!" : "worked"), "\n";
print "$_: ", (open(my $f, "<", "/proc/1/$_") ? "worked" : "$!"), "\n" for "mem", "exe", "environ";
X
# shellcheck disable=SC2086  # two words
was=$(plain perl t.pl $n); has "$was" 'ptrace: worked'; has "$was" 'write: Bad address'; has "$was" 'exe: worked'
# shellcheck disable=SC2086
now=$(jail perl t.pl $n); has "$now" 'ptrace: Operation not permitted'; has "$now" 'write: Operation not permitted'
has "$now" 'mem: No such file'; has "$now" 'exe: No such file'; has "$now" 'environ: No such file'
is "$(jail --userns sh -c 'cat /proc/1/environ | wc -c')" 0
C
claim 'killing ajail ends every process of the jail' <<'C'
long=9$RANDOM$RANDOM
left() { grep -lszx "[9]${long#9}" /proc/[0-9]*/cmdline | wc -l; }
ajail --quiet sh -c "setsid sleep $long & exec sleep $long" & pid=$!
sleep 1; was=$(left); kill -9 $pid; sleep 0.5; is "$was $(left)" '2 0'
# Ctrl-C, as a terminal sends it to the process group in front of it.
if command -v script >/dev/null; then
	(sleep 1; left >was; printf '\003'; sleep 1) | script -qec "ajail --quiet sh -c 'setsid sleep $long & exec sleep $long'" /dev/null || :
	is "$(cat was) $(left)" '2 0'
fi
C
claim 'the jail sees neither the host'\''s processes nor its files' <<'C'
sleep 4321 & p=$!; out=$(jail sh -c 'echo ran; ls -A /home/*; cat /proc/[0-9]*/cmdline; ls '"$HOME"); kill $p
has "$out" ran; hasnt "$out" 4321; is "$(jail ls -A "$HOME")" "${STAGE}-$n"
C
claim 'a 32-bit or x32 call does not get around the filter' <<'C'
perl_in_fs; [ "$(uname -m)" = x86_64 ] || skip "not x86_64"
out=$(jail perl -e 'print "ran\n"; syscall(0x40000000 + 250, 0, -3, 1) < 0 and die "denied: $!\n"; print "worked\n"' 2>&1) || :
has "$out" ran; has "$out" 'denied: Operation not permitted'
C
claim '--dry-run prints a command that runs as it stands, and creates nothing' <<'C'
mkdir d; echo s >d/s; echo r >f; export AJAIL_ENV_TOKEN="it's"
out=$(ajail --quiet --dry-run --ro --hide=d sh -c 'ls d; cat f; echo "$TOKEN"; touch lost')
hasnt "$out" "it's"; has "$out" '"$AJAIL_ENV_TOKEN"'
is "$(bash -c "$out")" $'r\nit\'s'; [ ! -e lost ]
has "$(ajail --quiet --dry-run --ro=f true)" "--bind-data"
export AJAIL_ENV_HOME=/me; is "$(bash -c "$(ajail --quiet --dry-run sh -c 'echo $HOME')")" "$(jail sh -c 'echo $HOME')"
C

# ---- Clones.

origin() {
	git init -q -b main .; git config user.name a; git config user.email a@b
	echo 1 >f; git add f; git commit -qm one; git branch side; git tag v1; git gc -q
	echo 2 >f; git commit -qam two; echo dirty >f; echo new >untracked; cp .git/config .git/HEAD ..
}
export AJAIL_ENV_GIT_AUTHOR_NAME=j AJAIL_ENV_GIT_AUTHOR_EMAIL=j@j AJAIL_ENV_GIT_COMMITTER_NAME=j AJAIL_ENV_GIT_COMMITTER_EMAIL=j@j
claim '--clone: the jail works on a clone, and what it pushes arrives' <<'C'
git_in_fs; origin
is "$(jail --clone sh -c 'pwd; git remote get-url origin; cat f; ls')" "$P"$'\n/ajail/origin\n2\nf'
jail --clone=c sh -c 'echo 3 >f; git commit -qam three; git push -q origin HEAD:agent; echo 4 >f; git commit -qam four; git push -q origin HEAD:agent; git tag t; git push -q origin t; git fetch -q'
is "$(git log --format=%s -1 agent)" four; git rev-parse -q --verify t >/dev/null
is "$(cat f untracked)" $'dirty\nnew'; git fsck --no-dangling; cmp .git/config ../config; cmp .git/HEAD ../HEAD
C
claim 'a named clone is taken up as it was left, a nameless one is new, and nobody else can read them' <<'C'
git_in_fs; origin
jail --clone=a touch left; is "$(jail --clone=a ls)" $'f\nleft'; is "$(jail --clone ls)" f
is "$(ls "$HOME/.ajail/clone/$(echo "${P#/}" | tr / +)")" $'1\na'; is "$(stat -c %a "$HOME/.ajail/clone" "$HOME"/.ajail/clone/*"$(basename "$(dirname "$P")")"*/1 | sort -u)" 700
C
claim 'of the origin only objects and refs can be written' <<'C'
git_in_fs; origin; (cd .git; find . -type f -not -path './objects/*' -not -path './refs/*' -exec sha256sum {} + | sort) >../before
for f in config HEAD index packed-refs commondir hooks/post-commit new; do denied 'ead-only' --clone=a "echo x >/ajail/origin/$f"; done
denied 'ead-only' --clone=a 'mv /ajail/origin/objects /ajail/origin/x'
jail --clone=a sh -c 'rm -f /ajail/origin/logs/HEAD; ln -s /tmp/x /ajail/origin/logs/HEAD'
[ ! -L .git/logs/HEAD ]; (cd .git; find . -type f -not -path './objects/*' -not -path './refs/*' -exec sha256sum {} + | sort) | cmp - ../before
C
claim 'a clone shares no file with its origin' <<'C'
git_in_fs; origin; jail --clone=a true
is "$(find "$HOME"/.ajail/clone/*"$(basename "$(dirname "$P")")"*/a -type f -links +1 | wc -l)" 0
C
claim 'with --ro the clone'\''s changes and what is pushed vanish' <<'C'
git_in_fs; origin; jail --clone=a true
jail --clone=a --ro sh -c 'touch x; git push -q origin HEAD:gone; git ls-remote -q origin gone | grep -q gone'
! git rev-parse -q --verify gone; is "$(jail --clone=a ls)" f
C
claim 'the mount options apply to the clone, and one that does not fit leaves no clone' <<'C'
git_in_fs; origin; is "$(jail --clone=a --hide=f sh -c 'cat f; echo ok')" ok
refused untracked --clone=b --hide=untracked true; is "$(ls -A "$HOME"/.ajail/clone/*"$(basename "$(dirname "$P")")"*)" a
C
claim 'twenty clones started at once are twenty' <<'C'
git_in_fs; origin; for i in $(seq 20); do jail --clone sh -c "echo $i >who" & done; wait
is "$(cat "$HOME"/.ajail/clone/*"$(basename "$(dirname "$P")")"*/*/who | sort -n | tr '\n' ' ')" "$(seq 20 | tr '\n' ' ')"
C
claim '--clone says what is wrong: no repository, below the top, a worktree, no commit, no git' <<'C'
git_in_fs; refused 'no git repository' --clone true
mkdir e; (cd e; git init -q .; refused 'no commit' --clone true); rm -rf e
origin; mkdir sub; (cd sub; refused "cd $P" --clone true); git worktree add -q ../wt side; (cd ../wt; refused "$P" --clone true)
refused 'could not be made' --clone="$(printf %0300d 0)" true
mv .git ../g; mkfifo .git; r=0; timeout 10 ajail --clone true 2>../err || r=$?; is $r 125; rm .git; ln -s ../g .git; refused symlink --clone true; rm .git; mv ../g .git
refused 'no /' --clone=a/b true; refused 'no /' --clone=.. true
mv "$FS/own/usr/bin/git" ../git; r=0; refused 'apk add git' --fs=own --clone true || r=1; mv ../git "$FS/own/usr/bin/git"; is $r 0
C
claim 'a submodule entry, and a repository with reftable, can be cloned' <<'C'
git_in_fs; origin; git update-index --add --cacheinfo "160000,$(git rev-parse HEAD),module"; git commit -qm module
is "$(jail --clone ls)" $'f\nmodule'
mkdir r; cd r; jail git init -q --ref-format=reftable || skip "this git makes no reftable"
jail git commit -qm x --allow-empty
jail --clone sh -c 'git commit -qm y --allow-empty; git push -q origin HEAD:agent'; is "$(jail git log --format=%s -1 agent)" y
C
claim 'a dry run of --clone makes no clone and names the one it would make' <<'C'
git_in_fs; origin; has "$(ajail --quiet --clone=z --dry-run true)" "+proj/z"; [ ! -e "$HOME/.ajail/clone/$(echo "${P#/}" | tr / +)" ]
C
