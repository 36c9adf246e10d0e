#!/bin/bash
# usage: test.sh [-h] [WORD]   all cases, or those whose claim contains WORD
#        test.sh [-h] bench    measure instead: see README.md
#
# KEEP=1     keeps the directories of the cases and says where they are
# TRACE=1    shows every command of a case that fails, as it ran
# STARTS=N   starts N jails against each race, instead of 200 or 700 (for a machine that is emulated)
# STRICT=1   lets a case fail that is skipped, unless it names what this machine lacks
# AJAIL_TEST_FS=DIR          on this root fs instead of target/USER/deb, a Debian that is made once
# AJAIL_TEST_ALPINE=TARBALL  the real minirootfs for mkalpine.sh's mirror, instead of a stand-in
#
# A case is a claim, a sentence of the README or of main.rs, and a function below it, which fails with
# its first failing command. It runs as an ordinary user (claim), as root where test.sh is (claim_root)
# or as both (claim_both), in an empty directory, $P, of a HOME of the tests. To add one: write the
# attack, show that it works without ajail (plain), and that with ajail it ran and was refused for the
# expected reason (denied); break the guard in main.rs and see the case fail. What must be undone goes
# into finally. To debug one: ./test.sh 'words of its claim', with TRACE=1 or KEEP=1; a failure prints
# its line, its command, and what that said.

# What stands in single quotes is for a shell in a jail, and what a subshell sets is for it alone.
# shellcheck disable=SC2012,SC2016,SC2018,SC2019,SC2030,SC2031,SC2317,SC2329

set -u
usage() { sed -n '2,/^$/s/^#\( \|$\)//p' "$0"; }
case ${1-} in -h | --help) usage; exit 0 ;; esac
cd "$(dirname "$0")" || exit 1
unset "${!AJAIL_ENV_@}" AJAIL_ARGS

# ---- Set-up, in the first of the stages.

tools() {
	# Not for a jail, but for the tests: a compiler for the attacks, a mirror, signatures, a terminal.
	for tool in git perl script cc busybox openssl curl socat; do
		command -v $tool >/dev/null || return 1
	done
}

set_up() {
	set -e
	if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null && ! tools; then
		apt-get update -q >/dev/null
		DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends \
			git perl bsdutils gcc libc6-dev busybox-static openssl curl socat >/dev/null
	fi
	cargo build --release --quiet
	if ! command -v bwrap >/dev/null || ! ./mkbwrap.sh "$PWD/target/bwrap" 2>/dev/null >&2; then
		[ -x target/bwrap/bin/bwrap ] || ./mkbwrap.sh "$PWD/target/bwrap"
	fi
	# Not an account of its own: an ordinary user that the machine has, or daemon.
	user=$(id -un)
	if [ "$(id -u)" = 0 ]; then
		user=$(awk -F: '$3 >= 1000 && $3 < 60000 { print $1; exit }' /etc/passwd)
		user=${user:-daemon}
	fi
	USER_ID=$(id -u "$user"):$(id -g "$user")
	# In a directory of the user's; or root's, if the user cannot get there: then a copy is made below.
	local maker=$user
	if [ "$(id -u)" = 0 ] && [ -z "${AJAIL_TEST_FS-}" ]; then
		mkdir -p "target/$user" && chown "$USER_ID" "target/$user"
		as_user test -w "$PWD/target/$user" || maker=root
	fi
	ROOT_FS=${AJAIL_TEST_FS:-$PWD/target/$maker/deb}
	[ -d "$ROOT_FS" ] || PATH=$PWD/target/bwrap/bin:$PATH ./mkdeb.sh -u "$maker" -p git,perl "$ROOT_FS"
	mkdir -p "$T/home/.ajail/fs" "$T/bin" "$T/mirror"
	cp target/release/ajail "$T/bin/"
	bwrap=$PWD/target/bwrap/bin/bwrap
	[ -x "$bwrap" ] || bwrap=$(command -v bwrap)
	cp "$bwrap" "$T/bin/bwrap"
	cp ./*.sh ./*.md main.rs "$T/"
	# It must be the user's, who may be kept out of a checkout of root's.
	if ! as_user test -x "$ROOT_FS/bin/sh" || ! as_user test -O "$ROOT_FS" || [ "$(stat -c %a "$ROOT_FS")" != 700 ]; then
		cp -a "$ROOT_FS" "$T/fs" && chown -R -h "$USER_ID" "$T/fs" && chmod 700 "$T/fs"
		ROOT_FS=$T/fs
	fi
	ROOT_FS=$(realpath "$ROOT_FS")
	chmod 700 "$T/home/.ajail"
	ln -s "$ROOT_FS" "$T/home/.ajail/fs/default"
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
}
as_user() {
	if [ "$(id -u)" = 0 ]; then
		setpriv --reuid="${USER_ID%:*}" --regid="${USER_ID#*:}" --clear-groups "$@"
	else
		"$@"
	fi
}
clean() {
	[ -z "$server" ] || kill "$server" 2>/dev/null
	if [ -n "${KEEP-}" ]; then echo "kept: $T"; return; fi
	chmod -R u+rwX "$T" 2>/dev/null
	rm -rf "$T"
}
count() { grep -c "^$1" "$T/results"; }

if [ -z "${STAGE-}" ]; then
	export STAGE WORD=${1-} T ROOT_FS AJAIL USER_ID
	server=''
	T=$(mktemp -d /var/tmp/ajail-test.XXXXXX)
	AJAIL=$T/bin/ajail
	trap clean EXIT
	trap 'exit 130' INT TERM
	set_up
	if [ "$WORD" = bench ]; then
		target=$(uname -m)-unknown-linux-gnu
		RUSTFLAGS='-C target-feature=+crt-static' cargo build --release --quiet --target "$target" &&
			cp "target/$target/release/ajail" "$T/bin/ajail-static" ||
			echo "no static build: a static C library is missing"
		STAGE=bench as_user bash "$T/test.sh"
		exit
	fi
	STAGE=user as_user bash "$T/test.sh"
	[ "$(id -u)" != 0 ] || STAGE=root bash "$T/test.sh"
	passed=$(count passed) failed=$(count failed) skipped=$(count skipped)
	if [ $((passed + failed + skipped)) = 0 ]; then
		echo "no claim contains: $WORD" >&2
		exit 2
	fi
	if [ "$skipped" = 0 ]; then skipped=''; else skipped=", $skipped skipped"; fi
	echo "$passed passed, $failed failed$skipped"
	[ "$failed" = 0 ] && [ "$passed" != 0 ]
	exit
fi

# ---- The words of the cases.

HOME=$T/home
[ "$STAGE" != root ] || HOME=$T/root
export SHELL=/bin/bash # script(1)'s
export HOME PATH=$T/bin:$PATH GIT_CONFIG_GLOBAL=$T/home/gitconfig TERM=${TERM:-xterm}
FS=$HOME/.ajail/fs
P=''
CLAIMS=() CASES=()

claim_both() { CLAIMS+=("$1") CASES+=("$2"); }
claim() { [ "$STAGE" != user ] || claim_both "$@"; }
claim_root() { [ "$STAGE" != root ] || claim_both "$@"; }
# run CLAIM FUNCTION, in a directory of its own
run() {
	[[ $1 == *$WORD* ]] || return 0
	local n out=$HOME/out
	if [ ! -e "$FS" ]; then # the root fs of root's
		mkdir -p "$FS" && cp -a "$ROOT_FS" "$FS/default" && chown -R -h 0:0 "$HOME" && chmod 700 "$HOME/.ajail"
	fi
	n=$(find "$HOME" -maxdepth 1 -name "$STAGE-*" | wc -l)
	mkdir -p "$HOME/$STAGE-$n/proj" && cd "$HOME/$STAGE-$n/proj" || exit 1
	P=$PWD CASE=$2
	(
		set -eE
		exec 3>&1
		trap 'at $LINENO "$BASH_COMMAND" >&3' ERR
		[ -z "${TRACE-}" ] || set -x
		"$2"
	) >"$out" 2>&1 </dev/null
	case $? in
		0) told passed "$1" ;;
		77) told skipped "$1: $(tail -n 1 "$out")" ;;
		78) if [ -n "${STRICT-}" ]; then told failed "$1"; else told skipped "$1: $(tail -n 1 "$out")"; fi ;;
		*) told failed "$1"; sed 's/^/    /' "$out" ;;
	esac
	cd "$T" || exit 1
	[ -n "${KEEP-}" ] || { chmod -R u+rwX "$HOME/$STAGE-$n" && rm -rf "$HOME/$STAGE-$n" && mkdir "$HOME/$STAGE-$n"; }
}
told() { echo "$1: $2" | tee -a "$T/results"; }
# Where a case failed: in itself, not in a word of these.
at() {
	# Not in what a command is given, of which the whole is shown.
	[ "${FUNCNAME[1]}" != "$CASE" ] || [ "$BASH_SUBSHELL" -gt 1 ] || echo "test.sh: line $1: $2"
}
lacks() { echo "this machine lacks $*"; exit 77; }
skip() { echo "$*"; exit 78; }
finally() {
	# shellcheck disable=SC2064  # now
	trap "$*" EXIT
}
jail() { ajail --quiet "$@"; }
is() { [ "$1" = "$2" ] || { printf 'is:     %s\nshould: %s\n' "$1" "$2"; return 1; }; }
has() { [[ $1 == *"$2"* ]] || { printf 'is:  %s\nhas no: %s\n' "$1" "$2"; return 1; }; }
hasnt() { [[ $1 != *"$2"* ]] || { printf 'is:  %s\nhas: %s\n' "$1" "$2"; return 1; }; }
not() { if "$@"; then echo "worked: $*"; return 1; fi; }
# ends STATUS COMMAND...
ends() {
	local status=0
	"${@:2}" || status=$?
	is "$status" "$1"
}
# refused WORDS ARG...: ajail ARG... says WORDS on one line, nothing else, and ends with 125.
refused() {
	local words=$1 status=0 out
	out=$(timeout 20 ajail "${@:2}" 2>"$HOME/err") || status=$?
	is "$out" ''
	is "$(wc -l <"$HOME/err")" 1 || { cat "$HOME/err"; return 1; }
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
perl_in_fs() { [ -x "$FS/default/usr/bin/perl" ] || lacks "a perl in the root fs"; }
git_in_fs() { [ -x "$FS/default/usr/bin/git" ] || lacks "a git in the root fs"; }
apt_in_fs() { [ -x "$FS/default/usr/bin/apt-get" ] || lacks "a root fs of Debian"; }
kernel() { [ "$(uname -r | awk -F. '{ print $1 * 100 + $2 }')" -ge "$1" ] || lacks "Linux $2"; }
terminal() { command -v script >/dev/null || skip "no script(1)"; }
# A root fs to be written to: a copy, made for the first case that asks.
own_fs() { [ -e "$FS/own" ] || cp -a "$ROOT_FS" "$FS/own"; }
# left MARK: how many processes of the host have MARK as an argument
left() { { grep -lszx "[${1:0:1}]${1:1}" /proc/[0-9]*/cmdline || :; } | wc -l; }
gone() { for _ in $(seq 100); do [ "$(left "$1")" != 0 ] || return 0; sleep 0.1; done; is "$(left "$1")" 0; }
# nr NAME...: the numbers of these system calls
nr() {
	local name x86_64 aarch64
	for wanted in "$@"; do
		while read -r name x86_64 aarch64; do
			[ "$name" != "$wanted" ] || if [ "$(uname -m)" = x86_64 ]; then echo "$x86_64"; else echo "$aarch64"; fi
		done <<-'X'
			ptrace 101 117
			process_vm_readv 310 270
			process_vm_writev 311 271
			pidfd_getfd 438 438
			add_key 248 217
			keyctl 250 219
			socket 41 198
			setpriority 141 140
			ioprio_set 251 30
			io_uring_setup 425 425
			perf_event_open 298 241
			open_by_handle_at 304 265
			syslog 103 116
			prlimit64 302 261
			setuid 105 146
			fchownat 260 54
			renameat2 316 276
			close_range 436 436
			landlock_create_ruleset 444 444
			landlock_restrict_self 446 446
			setrlimit 160 164
			prctl 157 167
			memfd_create 319 279
			openat2 437 437
			unshare 272 97
			mount 165 40
			mount_setattr 442 442
			open_tree 428 428
			move_mount 429 429
			setxattr 188 5
		X
	done
}
capabilities() {
	jail sh -c 'grep -E "^Cap(Prm|Eff|Bnd|Inh|Amb)" /proc/self/status | tr -d "0[:space:]"'
}

# ---- A jail that runs.

claim 'without a command, sh runs' without_a_command_sh_runs
without_a_command_sh_runs() {
	is "$(echo 'echo $0' | jail)" sh
}

claim 'the exit status is the command'\''s' the_exit_status_is_the
the_exit_status_is_the() {
	for s in 0 1 7 125; do r=0; jail sh -c "exit $s" || r=$?; is "$r" "$s"; done
	r=0
	jail sh -c 'kill -9 $$' || r=$?
	is "$r" 137
}

claim 'the command starts in the current directory, at its own path' the_command_starts_in_the
the_command_starts_in_the() {
	is "$(jail pwd)" "$P"
}

claim 'the caller is root inside and owns what is written' the_caller_is_root_inside
the_caller_is_root_inside() {
	is "$(jail sh -c 'id -u; id -g; touch f')" $'0\n0'
	is "$(stat -c %u f)" "$(id -u)"
}

claim 'changes to the root fs vanish, and those to the current directory are kept' changes_to_the_root_fs
changes_to_the_root_fs() {
	jail sh -c 'touch /etc/new kept'
	[ -e kept ]
	[ ! -e "$FS/default/etc/new" ]
}

claim '/tmp, /run, /dev and /proc are fresh' tmp_run_dev_and_proc
tmp_run_dev_and_proc() {
	local lock=''
	[ ! -d "$FS/default/run/lock" ] || lock=$'\nlock'
	is "$(jail sh -c 'ls -A /tmp /run; stat -c %a /tmp')" "/run:$lock"$'\n\n/tmp:\n1777'
	[ "$(jail sh -c 'ls -d /proc/[0-9]* | wc -l')" -le 4 ]
	has "$(jail ls /dev)" null
}

claim 'the network is the host'\''s, and with --no-net there is none; --net takes it back' the_network_is_the_hosts
the_network_is_the_hosts() {
	is "$(jail readlink /proc/self/ns/net)" "$(readlink /proc/self/ns/net)"
	[ "$(jail --no-net readlink /proc/self/ns/net)" != "$(readlink /proc/self/ns/net)" ]
	is "$(AJAIL_ARGS=--no-net jail --net readlink /proc/self/ns/net)" "$(readlink /proc/self/ns/net)"
}

claim 'every other namespace is the jail'\''s own' every_other_namespace_is_the
every_other_namespace_is_the() {
	is "$(jail uname -n)" localhost
	for ns in cgroup ipc mnt pid user uts; do
		inner=$(jail readlink /proc/self/ns/$ns)
	has "$inner" "$ns"
	[ "$inner" != "$(readlink /proc/self/ns/$ns)" ]
	done
}

claim 'resolv.conf is the host'\''s when there is a network' resolv_conf_is_the_hosts
resolv_conf_is_the_hosts() {
	is "$(jail cat /etc/resolv.conf)" "$(cat /etc/resolv.conf)"
}

claim 'a resolv.conf that is a symlink in the root fs works' a_resolv_conf_that_is
a_resolv_conf_that_is() {
	own_fs
	cp -a "$FS/own/etc/resolv.conf" ../saved 2>/dev/null || :
	finally "rm '$FS/own/etc/resolv.conf'; cp -a ../saved '$FS/own/etc/resolv.conf' 2>/dev/null || :"
	ln -sf ../run/systemd/resolve/stub-resolv.conf "$FS/own/etc/resolv.conf"
	is "$(jail --fs=own cat /etc/resolv.conf)" "$(cat /etc/resolv.conf)"
}

claim 'the environment is five variables, the terminal, PWD, and what AJAIL_ENV_ passes' the_environment
the_environment() {
	is "$(SECRET=x COLORTERM=truecolor TERM_PROGRAM=t TERM_PROGRAM_VERSION=1 AJAIL_ENV_A='a b' AJAIL_ENV_USER=me jail env |
		sort)" "A=a b
COLORTERM=truecolor
HOME=/root
IS_SANDBOX=1
LANG=C.UTF-8
PATH=/root/.local/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
PWD=$P
TERM=$TERM
TERM_PROGRAM=t
TERM_PROGRAM_VERSION=1
USER=me"
	is "$(AJAIL_ENV_LANG=C jail sh -c 'echo $LANG')" C
}

claim 'the caller'\''s environment is not that of process 1 either' the_callers_environment_is_not
the_callers_environment_is_not() {
	export SECRET=hunter2
	hasnt "$(jail --userns sh -c 'echo ran; cat /proc/1/environ' | tr '\0' '\n')" hunter2
	has "$(plain --clearenv /bin/cat /proc/1/environ | tr '\0' '\n')" hunter2
}

claim '--ro is a temporary overlay, and the command line takes back what AJAIL_ARGS says' ro_is_a_temporary_overlay
ro_is_a_temporary_overlay() {
	echo a >f
	is "$(jail --ro sh -c 'echo b >f; cat f')" b
	is "$(cat f)" a
	AJAIL_ARGS='; --ro ;;--no-net' jail --rw sh -c 'echo c >f'
	is "$(cat f)" c
}

# order ARGS: with them in AJAIL_ARGS and on the command line, split at |, what becomes of a/b and a/s
order() {
	local out
	rm -rf a && mkdir -p a/b && echo s >a/s
	# shellcheck disable=SC2086  # options
	out=$(AJAIL_ARGS=${1%|*} jail ${1#*|} sh -c 'touch a/b/x 2>/dev/null; cat a/s 2>/dev/null; echo t >>a/s' 2>/dev/null) || :
	echo "$([ ! -e a/b/x ] || echo kept) $([ -z "$out" ] || echo seen)"
}
claim 'a later place takes back what an earlier one gave inside it; what is locked or hidden inside stays so' order_of_options
order_of_options() {
	is "$(order '|--ro=a --rw=a/b')" 'kept seen'
	is "$(order '|--rw=a/b --ro=a')" ' seen'
	is "$(order '--rw=a/b|--ro=a')" ' seen'
	is "$(order '|--hide=a/s --rw=a')" 'kept '
	is "$(order '--hide=a/s|--rw=a')" 'kept '
	is "$(order '|--hide=a/s --rw=a/s')" 'kept seen'
	is "$(order '--rol=a/b|--rw=a')" ' seen'
	is "$(order '--rol=a/b|--rw=a/b')" 'kept seen'
	is "$(order '|--mount=a,a/b,rw --ro=a')" ' seen'
	# The current directory takes nothing back.
	is "$(order '--rw=a/b|--ro')" 'kept seen'
	is "$(order '--rw=a/b|--ro=.')" 'kept seen'
	is "$(order '--rol=a/b|--rw=.')" ' seen'
	is "$(order '--hide=a/s;--ro|--rw')" 'kept '
	is "$(order '|--ro --rw=a/b --rol=..')" ' seen'
}

claim 'what the status shows is in force: --rw=. is --rw, and leaves .git locked' rw_dot
rw_dot() {
	local out
	mkdir .git
	export AJAIL_ARGS='--ro;--rol=.git'
	out=$(ajail --rw=. sh -c 'touch kept; touch .git/x' 2>&1) || :
	[ -e kept ]
	has "$out" "$P: writable"
	has "$out" "$P/.git: read-only"
	has "$out" 'ead-only file system'
	is "$(grep -c "$P: " <<<"$out")" 1
}

claim '--rol is locked: writing fails, on a directory and on a file' rol_is_locked_writing_fails
rol_is_locked_writing_fails() {
	mkdir d
	echo x >f
	denied 'ead-only' --rol=d 'touch d/n'
	denied 'ead-only' --rol=f 'echo y >>f'
	denied 'ead-only' --rol 'touch n'
}

claim 'a hidden directory appears empty, a hidden file reads as empty' a_hidden_directory_appears_empty
a_hidden_directory_appears_empty() {
	mkdir d
	echo s >d/s
	echo s >.env
	is "$(jail --hide=d --hide=.env sh -c 'ls -A d; cat .env; echo ok')" ok
	is "$(cat .env d/s)" $'s\ns'
}

claim 'of two rules for one file the last counts' of_two_rules_for_one
of_two_rules_for_one() {
	echo s >f
	jail --hide=f --rw=f sh -c 'cat f; echo t >f' >out
	is "$(cat out f)" $'s\nt'
	is "$(AJAIL_ARGS=--hide=f jail --ro=./f cat f)" t
	is "$(jail --ro=f --hide=f cat f)" ''
	denied 'ead-only' --ro=f --rol=f 'echo x >f'
}

claim '--hide without a value leaves the current directory empty' hide_without_a_value_leaves
hide_without_a_value_leaves() {
	touch f
	is "$(jail --hide sh -c 'pwd; ls -A; touch g')" "$P"
	[ ! -e g ]
}

claim '--ro of a file is a private copy with the same mode' ro_of_a_file_is
ro_of_a_file_is() {
	echo a >f
	chmod 750 f
	is "$(jail --ro=f sh -c 'stat -c %a f; echo b >f; cat f')" $'750\nb'
	is "$(cat f)" a
}

claim '--ro of a FIFO or a socket is refused without being opened, with the way out' ro_of_a_fifo
ro_of_a_fifo() {
	mkfifo p
	refused 'use rol' --ro=p true
	is "$(timeout 5 ajail --quiet --hide=p sh -c 'cat p; echo ok')" ok
	perl -MSocket -e 'socket(S,AF_UNIX,SOCK_STREAM,0); bind(S,pack_sockaddr_un("sock"))'
	refused 'use rol' --mount=sock,/run/sock true
	is "$(jail --mount=sock,/run/sock,rol sh -c '[ -S /run/sock ] && echo socket')" socket
}

claim '--mount puts SRC at DST, under an overlay unless another kind is named' mount_puts_src_at_dst
mount_puts_src_at_dst() {
	mkdir ../src
	echo s >../src/s
	mkdir ../src/d
	is "$(jail --mount=../src,/m sh -c 'cat /m/s; touch /m/lost')" s
	[ ! -e ../src/lost ]
	jail --mount=../src,/m,rw touch /m/kept
	[ -e ../src/kept ]
	denied 'ead-only' --mount=../src,/m,rol 'touch /m/x'
	is "$(jail --mount=../src,/m,hide sh -c 'ls -A /m; echo ok')" ok
	is "$(jail --mount=../src/s,/m,ro sh -c 'echo x >>/m; cat /m' | tr '\n' ' ')" 's x '
	is "$(cat ../src/s)" s
	is "$(jail --mount=../src/s,/m,hide sh -c 'cat /m; echo ok')" ok
	denied 'ead-only' --mount=../src/s,/m,rol 'echo x >>/m'
	jail --mount=../src/s,/m,rw sh -c 'echo t >/m'
	is "$(cat ../src/s)" t
}

claim '--dev makes a device usable' dev_makes_a_device_usable
dev_makes_a_device_usable() {
	is "$(jail --dev=/dev/zero head -c 2 /dev/zero | od -An -tx1 | tr -d ' ')" 0000
	is "$(jail --mount=/dev/zero,/z,dev head -c 1 /z | od -An -tx1 | tr -d ' ')" 00
	touch f
	refused '--dev=f' --dev=f true
	refused '--dev=/etc' --dev=/etc true
	refused '/dev/nosuch: not there' --dev=/dev/nosuch true
	has "$(AJAIL_ARGS=--dev=/dev/nosuch ajail true 2>&1)" '/dev/nosuch: not there, skipped'
	has "$(ajail --dev=/dev/zero true 2>&1)" '/dev/zero: a device of the host'
	# A device in a directory that was mounted as such is none.
	is "$(jail --mount=/dev,/d,dev head -c 1 /d/zero | wc -c)" 1
	denied 'Permission denied' --mount=/dev,/r,rol 'head -c 1 /r/zero'
}

claim 'a command that the jail does not have ends with 127, one that cannot be run with 126' no_command
no_command() {
	touch plain
	printf '#!/bin/sh\necho ran' >run && chmod +x run
	ln -s run link
	ends 127 ajail nosuch >out 2>&1
	is "$(cat out)" "ajail: nosuch: no command in the root fs. To add its package:\
 ajail --fs=default --fs-edit apt-get install -y PACKAGE"
	ends 127 ajail --home-edit .cache true >out 2>&1
	is "$(cat out)" 'ajail: .cache: no command in the root fs. Did you mean --home-edit=?'
	{
		ends 127 ajail ./nosuch
		ends 127 ajail /etc/passwd/x
		ends 126 ajail ./plain
		ends 126 ajail /etc
		ends 126 ajail "$P/plain"
	} >out 2>&1
	is "$(grep -c ^ajail: out) $(wc -l <out)" '5 5'
	has "$(cat out)" "$P/plain: not executable: chmod +x"
	has "$(cat out)" '/etc: a directory'
	has "$(cat out)" './nosuch: the jail sees no such file'
	# Where it is found, it runs.
	for command in ./run ./link "$P/link" ../proj/run; do is "$(jail "$command")" ran; done
	is "$(AJAIL_ENV_PATH=/nosuch:. jail run)" ran
	is "$(AJAIL_ENV_PATH=::/bin jail link)" ran
	AJAIL_ENV_PATH=/nosuch ends 127 jail true 2>../err
	AJAIL_ENV_PATH=/nosuch:/bin jail true
	mkdir ../far && cp run ../far/
	is "$(jail --mount=../far,/opt/far /opt/far/run)" ran
	is "$(jail --bw=--ro-bind --bw="$P" --bw=/x /x/run)" ran
	is "$(jail /proc/self/root/bin/sh -c 'echo ran')" ran
	ends 1 jail /dev/null 2>../err
	has "$(cat ../err)" 'bwrap: execvp /dev/null'
}

claim '--fs-edit keeps changes to the root fs, or to one subtree only' fs_edit_keeps_changes_to
fs_edit_keeps_changes_to() {
	own_fs
	jail --fs=own --fs-edit touch /etc/kept
	[ -e "$FS/own/etc/kept" ]
	jail --fs=own --fs-edit=etc touch /etc/kept2 /usr/lost
	[ -e "$FS/own/etc/kept2" ]
	[ ! -e "$FS/own/usr/lost" ]
}

claim '--fs-edit goes with the options for places' fs_edit_goes_with_the
fs_edit_goes_with_the() {
	own_fs
	mkdir .git d
	echo s >.env
	is "$(jail --fs=own --fs-edit --rol=.git --hide=.env --mount=d,/opt/x/y,ro \
		sh -c 'cat .env; touch /etc/both; echo ok')" ok
	[ -e "$FS/own/etc/both" ]
	jail --fs=own --fs-edit --dev=/dev/null sh -c 'echo x >/dev/null; touch /dev/lost'
	[ ! -e "$FS/own/dev/lost" ]
	jail --fs=own --home-edit --mount=d,/root/a/b sh -c ':'
	jail --fs=own --home-edit --mount=d,/root/a/b sh -c ':'
}

claim '--home-edit keeps changes to /root, or to one subtree only' home_edit_keeps_changes_to
home_edit_keeps_changes_to() {
	own_fs
	jail --fs=own --home-edit sh -c 'mkdir -p /root/sub; touch /root/kept /lost'
	[ -e "$FS/own/root/kept" ]
	[ ! -e "$FS/own/lost" ]
	jail --fs=own --home-edit=sub touch /root/sub/kept /root/lost
	[ -e "$FS/own/root/sub/kept" ]
	[ ! -e "$FS/own/root/lost" ]
}

claim '--fs is a name or an absolute path' fs_is_a_name_or
fs_is_a_name_or() {
	own_fs
	mkdir ../h
	is "$(HOME=$(dirname "$P")/h jail --fs="$FS/own" echo ok)" ok
	is "$(HOME=$(dirname "$P") jail --fs="$FS/own" echo ok)" ok
	is "$(jail --fs=own echo ok)" ok
	is "$(jail --fs="$FS/own" echo ok)" ok
}

claim '--cap-add gives one capability, and --bw and --bwrap-bin do what they say' cap_add_gives_one_capability
cap_add_gives_one_capability() {
	has "$(jail --cap-add=CAP_SYS_PTRACE grep CapEff /proc/self/status)" 0000000000080000
	is "$(jail --bw=--hostname --bw=inner uname -n)" inner
	printf '#!/bin/sh\necho mine\n' >../b
	chmod +x ../b
	is "$(jail --bwrap-bin="$(dirname "$P")/b" true)" mine
}

claim 'the status tells the root fs, the network and every mount; --quiet silences it' the_status_tells_the_root
the_status_tells_the_root() {
	mkdir a
	out=$(ajail --ro --rw=a --no-net true 2>&1)
	has "$out" "$ROOT_FS"
	has "$out" 'network: none'
	has "$out" "$P: changes are discarded"
	has "$out" "$P/a: writable, changes are kept"
	is "$(jail true 2>&1)" ''
}

claim 'a pipe, odd bytes and a directory below /tmp, /root or /usr work' a_pipe_odd_bytes_and
a_pipe_odd_bytes_and() {
	is "$(echo in | jail cat | tr a-z A-Z)" IN
	mkdir $'o;d,d \n\377\'"'; cd $'o;d,d \n\377\'"'; jail --ro touch lost; jail touch kept; is "$(ls)" kept
	is "$(ajail true 2>&1 | grep -vc '^ajail: ')" 0
	mkdir -p /tmp/ajail-below.$$
	cd /tmp/ajail-below.$$
	is "$(jail pwd)" "$PWD"
	rmdir "$PWD"
}

claim 'thirty jails at once in one directory all answer' thirty_jails_at_once_in
thirty_jails_at_once_in() {
	for i in $(seq 30); do jail sh -c "echo $i >o$i" & done; wait
	is "$(cat o* | sort -n | tr '\n' ' ')" "$(seq 30 | tr '\n' ' ')"
}

claim '--help and --version are on standard output and end with 0' help_and_version_are_on
help_and_version_are_on() {
	has "$(ajail --help 2>/dev/null)" 'usage: ajail'
	is "$(ajail -h)" "$(ajail --help)"
	has "$(ajail --version)" 'ajail 0'
	r=0
	ajail --help >/dev/full 2>../err || r=$?
	is "$r" 125
}

claim 'every option of --help is known to the parser, and so is every option that the README names' the_options
the_options() {
	local option shape
	ajail --help | grep -oE '^  --[^ ]+' | tr -d ' ' >../shown
	[ "$(wc -l <../shown)" = 20 ]
	while read -r option; do
		shape=${option##--*([a-z-])} option=${option%%[=[]*}
		case $shape in
			=*) ajail "$option=a,b" --version && ends 125 ajail "$option" ;;
			'[='*) ajail "$option=a,b" --version && ajail "$option" --version ;;
			*) ajail "$option" --version && ends 125 ajail "$option=a,b" ;;
		esac
		echo "$option" >>../options
	done <../shown
	# Those of other programs are with their names.
	grep -oE 'ajail( --[a-z-]+[^ `]*)+' "$T/README.md" | grep -oE -- ' --[a-z-]+' | tr -d ' ' | sort -u >../named
	[ "$(wc -l <../named)" -gt 9 ]
	not grep -vxFf ../options ../named
}

# ---- Bad input.

claim 'an option with a value too few or too many is refused by name' fs_without_its_value_says
fs_without_its_value_says() {
	refused '--fs' --fs alpine
	refused '--no-net' --no-net=1
	refused 'no such option' --bogus
	refused 'no such option' -x
	refused --ro --ro= true
	refused 'nothing after' --fs= true
	refused --mount= --mount=a true
	refused --mount= --mount=a,/b,c true
	refused --mount= --mount=,/b
	AJAIL_ARGS='sh' refused 'no such option' true
}

claim 'a root fs that does not exist is refused, with where to look and how to make one' a_root_fs_that_does
a_root_fs_that_does() {
	refused 'no root fs there: see $HOME/.ajail/fs' --fs=nope
	HOME=$P refused mkalpine.sh true
}

claim 'a path that does not exist is refused, with the way out, and nothing is made' a_path_that_does_not
a_path_that_does_not() {
	local option
	for option in --hide=typo --ro=typo --rw=typo --rol=typo --mount=typo,/x; do refused typo $option true; done
	for option in --fs-edit=opt/x --home-edit=.claude; do
		refused "ajail --fs=default --fs-edit mkdir -p /" $option true
	done
	[ -z "$(ls -A)" ]
	[ ! -e "$FS/default/opt/x" ]
	own_fs
	jail --fs=own --fs-edit mkdir -p /root/.claude
	jail --fs=own --home-edit=.claude touch /root/.claude/kept
	[ -e "$FS/own/root/.claude/kept" ]
}

claim 'what AJAIL_ARGS names below the current directory and is not there is skipped, and the status says so' defaults
defaults() {
	local out
	export AJAIL_ARGS='--rol=.git;--rol=a/b;--hide=.env;--mount=conf,/etc/conf'
	echo x >.env
	out=$(ajail sh -c 'cat .env; echo ok' 2>&1)
	has "$out" ok
	hasnt "$out" $'\nx'
	has "$out" "$P/.git: not there, skipped"
	has "$out" "$P/a/b: not there, skipped"
	has "$out" "/etc/conf: not there, skipped"
	is "$(ls -A)" .env
	refused 'not there' --hide=typo true
	has "$(AJAIL_ARGS="--hide=$HOME/typo;--home-edit=.nope" ajail echo ok 2>&1)" "/root/.nope: not there, skipped"
	# A submodule's or a worktree's .git is a file.
	(echo gitdir: x >.git && AJAIL_ARGS='--rol=.git/hooks' jail true && rm .git)
	# A directory that one may not look into is not one without the file.
	mkdir shut && echo s >shut/s && chmod 0 shut
	is "$(AJAIL_ARGS='--hide=shut/s' jail sh -c 'chmod 700 shut; cat shut/s; echo ok')" ok
}

claim 'a place above the current directory is mounted before it' above
above() {
	mkdir -p src .git ../other
	echo s >../other/s
	cd src
	is "$(jail --rw=.. sh -c 'touch kept ../kept; ls -A ..')" $'.git\nkept\nsrc'
	[ -e ../kept ] && [ -e kept ]
	jail --ro=.. sh -c 'touch here ../there'
	[ -e here ] && [ ! -e ../there ]
	denied 'ead-only' --rol=.. 'touch ../x'
	is "$(jail --hide=.. sh -c 'ls -A ..; touch again')" src
	is "$(jail --ro=../.. ls ../..)" $'other\nproj'
	is "$(jail --rol=../.git --rw=.. sh -c 'ls -d ../.git; touch ../.git/x 2>&1 | grep -o ead-only')" $'../.git\nead-only'
}

claim 'a deleted current directory, no HOME and no bwrap are refused' what_is_missing
what_is_missing() {
	mkdir gone && cd gone && rmdir ../gone
	refused 'current-directory' true
	cd "$P"
	(HOME='' && ends 125 ajail true 2>../err)
	has "$(cat ../err)" HOME
	(PATH=$P:. && ends 125 "$AJAIL" true 2>err)
	has "$(cat err)" "bwrap: not on your PATH, $P:."
	has "$(cat err)" --bwrap-bin=
}

claim 'a space instead of = before a path that is there is refused, with both ways out' did_you_mean
did_you_mean() {
	mkdir d
	touch .env
	refused 'did you mean --hide=.env? To run it: --hide -- .env' --hide .env bash
	refused "did you mean --rw=$P/d?" --rw "$P/d" true
	is "$(jail --ro -- true; jail --ro echo ok)" ok
	printf '#!/bin/sh\necho ran\n' >run && chmod +x run
	is "$(jail --ro -- ./run)" ran
}

claim 'what cannot be opened is refused for its own reason: a ~ that the shell left, a symlink and where it leads' why_not
why_not() {
	refused 'write $HOME' "--rw=~/p2" true
	# A slip in AJAIL_ARGS must not leave open what it was to hide.
	local args
	for args in '--rol=.git --hide=.env' '--rol=.git,--hide=.env' '--hide=~/p/.env'; do
		AJAIL_ARGS=$args refused 'separate options in AJAIL_ARGS by ;' true
	done
	ln -s ../out link
	refused "symlink $P/link leads to ../out: name that" --rw=link/x true
	ln -s run "$P/l"
	refused "symlink $P/l leads to run" --hide=l true
	refused '--dev=kvm: write it as' --dev=kvm true
	refused '--fs: write a = and the value behind it' --fs default true
	refused '--rl=.git: no such option' --rl=.git true
	refused 'not there: ajail --fs=default --fs-edit mkdir -p /root/.cache' --home-edit=.cache true
	own_fs
	ln -sfn /usr/share "$FS/own/opt/link"
	finally "rm '$FS/own/opt/link'"
	mkdir d
	refused 'symlink opt/link leads to /usr/share' --fs=own --mount=d,/opt/link/x true || refused 'leads to /usr/share' --fs=own --mount=d,/opt/link/x true
}

claim 'files of another group below --ro are said to be unchangeable' foreign_group
foreign_group() {
	mkdir d
	has "$(ajail --ro=d true 2>&1)" "$P/d: changes are discarded"
	hasnt "$(ajail --ro=d true 2>&1)" 'another user or group'
	has "$(ajail --mount=/etc,/m true 2>&1)" 'but those to files of another user or group fail'
}

# ---- What one jail leaves behind must not open the next, and what it may not reach.

claim 'no path leads through a symlink that a jail left' no_path_leads_through_a
no_path_leads_through_a() {
	mkdir ../out
	echo s >../out/s
	jail ln -s "$(realpath ../out)" a
	for o in --rw=a --ro=a --rol=a --hide=a --rw=a/s --mount=a,/m,rw --rw="$P/a"; do refused symlink "$o" true; done
	mkdir locked ../data
	jail ln -s locked to
	for k in rw ro rol hide; do refused symlink --mount=../data,to/made,$k --rol=locked true; done; is "$(ls -A locked)" ''
	ln -s nowhere dangling
	refused symlink --mount=../data,dangling/x/made true
	mkdir b
	is "$(jail --rw=a/../b pwd)" "$P"
	is "$(plain --bind "$P/a" "$P/b" cat b/s)" s
}

claim 'what is locked or hidden below a writable directory is not undone by renaming that' on_the_way
on_the_way() {
	mkdir -p a/b/.git c
	echo s >c/.env
	denied 'busy' --rol=a/b/.git 'mv a x'
	denied 'busy' --rol=a/b/.git 'mv a/b x'
	denied 'busy' --hide=c/.env 'mv c x'
	jail --rol=a/b/.git touch a/b/kept
	[ -e a/b/kept ]
	mkdir c/d c/e
	echo s >c/d/s
	is "$(jail --rw=c/d --hide=c/d/s --rol=c/e sh -c 'cat c/d/s; echo ok')" ok
	mkdir ../m a/m
	echo m >../m/m
	is "$(jail --mount=../m,a/m,rw --rol=a/b cat a/m/m)" m
	denied 'busy' --rw=c/d --hide=c/d/s --rol=c/e 'mv c x'
	denied 'busy' --rw=c/d --hide=c/d/s 'mv c x'
}

claim 'a path of --fs-edit and --home-edit stays inside the root fs' a_path_of_fs_edit
a_path_of_fs_edit() {
	own_fs
	jail --fs=own --fs-edit ln -sfn "$P" /etc/door
	jail --fs=own --home-edit ln -sfn "$P" /root/door
	refused symlink --fs=own --fs-edit=etc/door true
	refused symlink --fs=own --home-edit=door true
	mkdir ../x
	refused 'mkdir -p' --fs=own "--fs-edit=../../../$(realpath ../x)" true
	jail --fs=own --fs-edit=../../../etc touch /etc/dots
	[ -e "$FS/own/etc/dots" ]
	refused "not in the jail's home" --fs=own --home-edit=../etc true
	refused "not in the jail's home" --fs=own --home-edit=/etc true
	jail --fs=own --home-edit=/root true
}

claim 'nothing is mounted over / or the jail'\''s own /dev and /proc' its_own
its_own() {
	for d in / /x/.. /dev /proc /proc/1; do refused 'has its own' --mount=.,$d true; done
	for o in --rw=/ --hide=/; do refused 'has its own' $o true; done
	(cd / && refused 'cd elsewhere' true && refused 'cd elsewhere' --ro true && refused 'cd elsewhere' --hide true)
}

claim 'nothing is writable that contains ~/.ajail, a root fs, bwrap or ajail, or lies in one' the_floor
the_floor() {
	own_fs
	local away real spelled
	for d in "$HOME" "$HOME/.ajail" "$FS" "$FS/own" "$FS/own/etc"; do
		(cd "$d" && refused 'cd into a project' true)
	done
	away=$(mktemp -d /tmp/ajail-away.XXXXXX)
	finally "rm -rf '$away'"
	cd "$away"
	for o in --rw="$HOME" --mount="$HOME",/m,rw --rw="$FS" --mount=/,/m,rw --rw="$ROOT_FS" --rw="$T/bin"; do
		refused 'cd into a project' "$o" true
	done
	is "$(cd "$HOME" && jail --ro echo ok)" ok
	mkdir -p "$P/real/bin" && cp "$T/bin/bwrap" "$P/real/bin/" && ln -s "$P/real/bin" "$P/../link"
	PATH="$(dirname "$P")/link:$PATH" refused 'cd into a project' --rw="$P/real" true
	# A home without .ajail, and one in which that is a symlink.
	(cd "$away" && HOME=$away refused 'cd into a project' --fs="$ROOT_FS" true)
	mkdir "$away/home" && ln -s "$HOME/.ajail" "$away/home/" && mkdir "$away/home/proj"
	(cd "$away/home" && HOME=$away/home refused 'cd into a project' true)
	is "$(cd "$away/home/proj" && HOME=$away/home jail echo ok)" ok
	# Whatever leads there by symlinks, of which one lies here, or is to be made here.
	mkdir "$away/data" "$away/user" "$away/user/.ajail" "$away/user/.ajail/fs" && cd "$away/data"
	ln -s "$away/data/new" "$away/user/.ajail/fs/dangling"
	(HOME=$away/user refused 'cd into a project' --fs="$ROOT_FS" true)
	rm "$away/user/.ajail/fs/dangling" && ln -s "$ROOT_FS" ../between && ln -s ../between link
	ln -s "$away/data/link" "$away/user/.ajail/fs/default"
	(HOME=$away/user refused 'cd into a project' true)
	is "$(HOME=$away/user jail --ro echo ok)" ok
	rm -r "$away/user/.ajail" && ln -s "$away/data/made" "$away/user/.ajail"
	(HOME=$away/user refused 'cd into a project' --fs="$ROOT_FS" true)
	rm "$away/user/.ajail" && mkdir user && ln -s "$away/data/user" "$away/person"
	(HOME=$away/person refused 'cd into a project' --fs="$ROOT_FS" true)
	HOME=$away/user refused "$ROOT_FS: a jail that may write here" --fs="$ROOT_FS" --rw="$ROOT_FS" true
	ln -s loop "$away/user/loop" && (HOME=$away/user/loop jail --fs="$ROOT_FS" true)
	cd "$away"
	# A root fs that is a symlink to elsewhere, and not in use.
	mkdir "$away/fs" && ln -s "$away/fs" "$FS/elsewhere"
	finally "chmod -f 700 '$away/far/shut'; rm -rf '$away' '$FS/elsewhere' '$FS/odd'"
	refused 'cd into a project' true
	(cd fs && refused 'cd into a project' true)
	# A .. behind a symlink is that of where it leads.
	mkdir -p "$away/far/in" "$away/far/fs" && ln -s "$away/far/in" "$away/hop" && ln -s "$away/hop/../fs" "$FS/odd"
	(cd far && refused 'cd into a project' true)
	# A slash behind a symlink, and one that leads past a file, or into what may not be read now.
	rm "$FS/odd" && ln -s "$ROOT_FS" "$away/far/root" && ln -s "$away/far/root" "$away/hop2"
	is "$(cd far && jail echo ok)" ok
	(cd far && for o in / /. //; do refused 'cd into a project' --fs="$away/hop2$o" true; done)
	for o in "$away/hop2/" "$away/hop2/." "$away/far/f/x" "$away/far/shut/x" "$away/far/loop/x"; do
		touch far/f && mkdir -p far/shut && chmod 0 far/shut && ln -sf loop far/loop
		ln -sfn "$o" "$FS/odd" && (cd far && refused 'cd into a project' true)
		chmod 700 far/shut
	done
	# A circle that a jail could mend.
	mkdir -p far/q/r/x far/y && ln -s q/r/x far/x && ln -s "$away/far/x/a" far/y/b
	ln -s "$away/far/y/b" far/q/r/x/a && ln -sfn "$away/far/x/a" "$FS/odd"
	(cd far/q/r && refused 'cd into a project' true)
	# Symlinks within symlinks, each of which is looked at once.
	rm "$FS/odd" && mkdir -p far/home far/deep far/late/fs && real=$away/far/deep spelled=$away/far/deep
	for o in 1 2 3 4 5 6 7 8; do
		mkdir "$real/real" && ln -s real "$real/cur" && real=$real/real spelled=$spelled/cur
	done
	ln -s "$away/far/late/fs" "$real/fs" && ln -s "$spelled" far/home/.ajail
	(cd far/late && HOME=$away/far/home refused 'cd into a project' --fs="$ROOT_FS" true)
	mkdir "$P/../w" && cd "$P/../w" && cp "$T/bin/ajail" copy
	jail true
	ends 125 ./copy true 2>"$P/err"
	has "$(cat "$P/err")" 'could change the next jail'
}

claim 'a second path to ~/.ajail, by a bind mount, is no way around that' a_second_path_to_ajail
a_second_path_to_ajail() {
	mkdir alias
	unshare -Urm --propagation private sh -c '
		mount --bind "$HOME/.ajail" alias && ls alias/fs >seen && cd alias &&
		{ ajail true; echo $?; } >../err 2>&1' || lacks "mounts in a user namespace"
	has "$(cat seen)" default
	has "$(cat err)" 'could change the next jail'
}

claim 'no bwrap is run that lies in the current directory or the root fs, or is reached through it' no_bwrap_is_run_that
no_bwrap_is_run_that() {
	mkdir b
	printf '#!/bin/sh\necho planted\n' >b/bwrap
	chmod +x b/bwrap
	ln -s "$P/b" ../outside
	ln -s "$T/bin" inside
	ln -s "$P/b/bwrap" ../own
	for dir in "$P/b" "$(dirname "$P")/outside" "$P/inside"; do
		for o in --ro --rw; do PATH=$dir:$PATH refused 'it lies in this' $o echo jailed; done
	done
	own_fs
	cp "$T/bin/bwrap" "$FS/own/bwrap"
	PATH=$FS/own:$PATH refused 'it lies in this' --fs=own --fs-edit true
	rm "$FS/own/bwrap"
	for dir in b .; do is "$(PATH=$dir:$PATH jail echo jailed)" jailed; done
	refused 'it lies in this' --bwrap-bin="$(dirname "$P")/own" --ro true
}

claim 'a value of AJAIL_ENV_ is on no command line' no_command_line
no_command_line() {
	export AJAIL_ENV_TOKEN=hunter2
	jail sh -c 'echo $TOKEN >got; sleep 2' &
	until [ -s got ]; do sleep 0.1; done
	cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\0' '\n' >../cmdlines
	wait
	is "$(cat got)" hunter2
	grep -q -- --seccomp ../cmdlines
	not grep hunter2 ../cmdlines
}

claim 'a directory as input or output is refused' no_directory
no_directory() {
	refused 'no input' true </etc
	ends 125 ajail true 2>err 1<"$HOME"
}

claim 'no descriptor above 2 reaches the jail' no_descriptor_above_2_reaches
no_descriptor_above_2_reaches() {
	exec 9</etc 7<"$HOME"
	is "$(jail sh -c 'ls /proc/$$/fd; :' | tr '\n' ' ')" '0 1 2 '
	has "$(plain sh -c 'ls /proc/self/fd/9/' 9</etc)" passwd
	mkdir ro hide rol rw
	touch f g
	is "$(AJAIL_ENV_A=b jail --ro=f --hide=g --ro=ro --hide=hide --rol=rol --rw=rw --dev=/dev/zero --bw=--chdir \
		--bw="$P" sh -c 'ls /proc/$$/fd; :' | tr '\n' ' ')" '0 1 2 '
}

claim 'no key of the caller'\''s can be reached, in the session'\''s keyring or the user'\''s' no_key_of_the_callers
no_key_of_the_callers() {
	perl_in_fs
	# add_key(user, ajail, hello) to @u, then, as in the jail: link @u's number to a keyring, search, read.
	add=$(nr add_key)
	perl -e '$d="user";$n="ajail";$p="hello"; exit(syscall($ARGV[0],$d,$n,$p,5,-4) < 0)' "$add" ||
		lacks "keys in its kernel"
	cat >get.pl <<'X'
$| = 1; print "ran\n"; my ($add, $ring) = @ARGV; my $ctl = $add + 2; my ($d, $n, $b) = ("user", "ajail", " " x 9);
syscall($ctl, 1, 0); # a session keyring of one's own: that of a login may be another user's
syscall($ctl, 8, hex $ring, -3); my $key = syscall($ctl, 10, hex $ring, $d, $n, 0);
$key < 0 and die "denied: $!\n"; syscall($ctl, 11, $key, $b, 9) < 0 and die "denied: $!\n"; print "got $b\n";
X
	ring=$(awk '/_uid\.'"$(id -u)"':/ { print $1 }' /proc/keys)
	has "$(plain perl get.pl "$add" "$ring" 2>&1)" 'got hello'
	out=$(jail perl get.pl "$add" "$ring" 2>&1) || :
	has "$out" ran
	has "$out" 'denied: Operation not permitted'
}

claim 'bwrap is started with a new session keyring' a_new_keyring
a_new_keyring() {
	printf '#!/bin/sh\nperl -e '\''print syscall($ARGV[0], 0, -3, 0), "\\n"'\'' %s\n' "$(nr keyctl)" >../ring
	chmod +x ../ring
	# One that is inherited, and seen by the same means outside.
	perl -e 'syscall($ARGV[0], 1, 0) > 0 or exit 1; shift; exec @ARGV' "$(nr keyctl)" \
		sh -c '../ring && ajail --quiet --bwrap-bin="$(realpath ../ring)" true' >../rings || lacks "keys in its kernel"
	is "$(sort -u ../rings | wc -l)" 2
	not grep -v '^[1-9]' ../rings
}

claim 'the host'\''s abstract sockets are out of reach with the network shared' the_hosts_abstract_sockets_are
the_hosts_abstract_sockets_are() {
	perl_in_fs
	kernel 612 6.12
	name=ajail-test-$$
	perl -MSocket -e 'socket(S,AF_UNIX,SOCK_STREAM,0); bind(S,pack_sockaddr_un("\0$ARGV[0]")) or die;
		listen(S,5); sleep 10' $name & server=$!
	sleep 0.5
	cat >c.pl <<-'X'
		use Socket; print "ran\n"; socket(S,AF_UNIX,SOCK_STREAM,0);
		connect(S,pack_sockaddr_un("\0$ARGV[0]")) or die "denied: $!\n"; print "connected\n";
	X
	has "$(plain perl c.pl $name 2>&1)" connected
	out=$(jail perl c.pl $name 2>&1) || :
	kill $server
	has "$out" ran
	has "$out" 'denied: Operation not permitted'
}

claim 'what no namespace bounds is denied: sockets, io_uring, files and keys by number, the kernel'\''s log' unbounded
unbounded() {
	perl_in_fs
	cat >calls.pl <<-'X'
		$| = 1; print "ran\n"; my ($socket, @calls) = @ARGV;
		for ([40, 1, 0], [42, 2, 0], [38, 5, 0], [16, 2, 11]) { print syscall($socket, @$_) < 0 ? "$!\n" : "worked\n" }
		for (@calls) { print syscall($_, 0, 0, 0, 0, 0) < 0 ? "$!\n" : "worked\n" }
	X
	local calls out
	# shellcheck disable=SC2207  # numbers
	calls=($(nr socket io_uring_setup perf_event_open open_by_handle_at add_key keyctl syslog))
	out=$(jail --no-net perl calls.pl "${calls[@]}")
	is "$out" "ran$(printf '\nOperation not permitted%.0s' {1..10})"
	hasnt "$(plain perl calls.pl "${calls[@]}" | head -n 5)" $'permitted\nOperation not permitted\nOperation'
}

claim 'ioctls that act on a whole file system or on the caller'\''s terminal are denied' ioctls
ioctls() {
	perl_in_fs
	cat >ioctl.pl <<-'X'
		$| = 1; print "ran\n"; open my $f, "<", "."; my $b = "\0" x 4096;
		for (0x5412, 0x541c, 0x540c, 0x5423, 0x4b3a, 0x4b45, 0x50009401, 0x50009417, 0x5000940f, 0x5000943f,
			0xc0506617, 0xc0406618, 0xc0406619) {
			print ioctl($f, $_, $b) ? "worked" : 0 + $!, "\n" }
	X
	is "$(jail perl ioctl.pl)" "ran$(printf '\n1%.0s' {1..13})"
	hasnt "$(plain perl ioctl.pl)" $'1\n1\n1'
}

claim 'a jail cannot change its limit of core dumps; asking for it, and gpg, work' core_limit
core_limit() {
	perl_in_fs
	cat >limit.pl <<-'X'
		my $n = shift; my $new = pack "QQ", 0, 0; my $old = pack "QQ", 7, 7;
		print syscall($n, 0, 4, $new, 0), " ", syscall($n, 0, 4, 0, $old), " ", join(" ", unpack "QQ", $old), "\n";
	X
	is "$(jail perl limit.pl "$(nr prlimit64)")" '0 0 1 1'
	is "$(plain perl limit.pl "$(nr prlimit64)")" '0 0 0 0'
}

claim 'the jail cannot signal the caller'\''s process group' the_jail_cannot_signal_the
the_jail_cannot_signal_the() {
	kernel 612 6.12
	cat >s.sh <<'X'
"$@" sh -c 'kill -TERM 0; sleep 0.3'; echo survived
X
	is "$(setsid bash s.sh ajail --quiet)" survived
	is "$(setsid bash s.sh bwrap --unshare-all --ro-bind / / --die-with-parent 2>/dev/null || :)" ''
}

claim 'the jail cannot slow down the caller'\''s process group' priority
priority() {
	perl_in_fs
	cat >n.pl <<-'X'
		$| = 1; print "ran\n";
		for (syscall($ARGV[0], 1, 0, 19), syscall($ARGV[1], 2, 0, 3 << 13)) { print $_ < 0 ? "denied\n" : "worked\n" }
	X
	local n was
	n=$(nr setpriority ioprio_set | tr '\n' ' ')
	was=$(FS=$FS setsid bash -c "$(declare -f plain); plain perl n.pl $n; nice")
	is "$was" $'ran\nworked\nworked\n19'
	is "$(setsid bash -c "ajail --quiet perl n.pl $n; nice")" $'ran\ndenied\ndenied\n'"$(nice)"
}

claim 'no capability, and no new user namespace unless --userns asks for it' no_capability_and_no_new
no_capability_and_no_new() {
	is "$(capabilities)" 'CapInh:CapPrm:CapEff:CapBnd:CapAmb:'
	command -v unshare >/dev/null
	denied 'ailed' 'unshare -U true || { echo Failed; false; }'
	is "$(jail --userns unshare -U echo ok)" ok
}

claim 'nothing can be typed into the caller'\''s terminal, and job control works' nothing_can_be_typed_into
nothing_can_be_typed_into() {
	perl_in_fs
	terminal
	cat >t.pl <<-'X'
		print "ran\n"; my $c = "x"; ioctl(STDIN, 0x5412, $c) or die "denied: $!\n"; print "typed\n";
	X
	out=$(script -qec 'ajail --quiet perl t.pl' /dev/null </dev/null) || :
	has "$out" ran
	has "$out" denied
	hasnt "$out" typed
	if [ "$(cat /proc/sys/dev/tty/legacy_tiocsti 2>/dev/null)" != 0 ]; then
		has "$(FS=$FS script -qec "$(declare -f plain); plain perl $P/t.pl" /dev/null </dev/null)" typed
	fi
	out=$(script -qec 'ajail --quiet sh -ic "sleep 0 & fg; echo done"' /dev/null </dev/null) || :
	has "$out" 'done'
	hasnt "$out" 'job control'
}

claim_both 'process 1, which is bwrap, cannot be taken over: by ptrace, its memory, its files, its program' process_1
process_1() {
	perl_in_fs
	cat >t.pl <<-'X'
		$| = 1; print "ran\n"; my ($ptrace, $read, $write, $getfd) = @ARGV; my $b = "x";
		my $v = pack("PQ", $b, 1); my $r = pack("QQ", 4096, 1);
		my $pid = syscall(434, 1, 0);
		print "ptrace: ", (syscall($ptrace, 0x4206, 1, 0, 0) < 0 ? "$!" : "worked"), "\n";
		print "read: ", (syscall($read, 1, $v, 1, $r, 1, 0) < 0 ? "$!" : "worked"), "\n";
		print "write: ", (syscall($write, 1, $v, 1, $r, 1, 0) < 0 ? "$!" : "worked"), "\n";
		print "getfd: ", (syscall($getfd, $pid, 0, 0) < 0 ? "$!" : "worked"), "\n";
		print "$_: ", (open(my $f, "<", "/proc/1/$_") ? "worked" : "$!"), "\n" for "mem", "exe", "environ";
	X
	local n was now
	n=$(nr ptrace process_vm_readv process_vm_writev pidfd_getfd)
	# shellcheck disable=SC2086  # numbers
	was=$(plain perl t.pl $n) now=$(jail perl t.pl $n)
	is "$was" "$(printf '%s\n' ran 'ptrace: worked' 'read: Bad address' 'write: Bad address' 'getfd: worked' \
		'mem: worked' 'exe: worked' 'environ: worked')"
	is "$now" "ran
$(for it in ptrace read write getfd; do echo "$it: Operation not permitted"; done)
$(for it in mem exe environ; do echo "$it: No such file or directory"; done)"
	if [ "$(id -u)" = 0 ]; then refused '--userns: not as root' --userns true; return; fi
	is "$(jail --userns sh -c 'cat /proc/1/environ | wc -c')" 0
}

claim_both 'a program that is faster than bwrap takes none of the host'\''s files from it' getfd
getfd() {
	command -v cc >/dev/null || skip "no C compiler"
	echo host >"$HOME/marked"
	cat >getfd.c <<-'X'
		static long call(long n, long a, long b, long c) {
		#ifdef __x86_64__
			long r; __asm__ volatile ("syscall" : "=a"(r) : "a"(n), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory"); return r;
		#else
			register long x8 __asm__("x8") = n, x0 __asm__("x0") = a, x1 __asm__("x1") = b, x2 __asm__("x2") = c;
			__asm__ volatile ("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2) : "memory"); return x0;
		#endif
		}
		#ifdef __x86_64__
		enum { WRITE = 1, EXIT = 60, OPENAT = 257 };
		#else
		enum { WRITE = 64, EXIT = 93, OPENAT = 56 };
		#endif
		void _start(void) {
			long process = call(434, 1, 0, 0), fd, taken;
			call(WRITE, 1, (long)"ran\n", 4);
			for (fd = 3; fd < 10; fd++)
				if ((taken = call(438, process, fd, 0)) >= 0 && call(OPENAT, taken, (long)MARKED, 0) >= 0)
					call(WRITE, 1, (long)"host\n", 5);
			call(EXIT, 0, 0, 0);
		}
	X
	cc -O2 -static -nostdlib -fno-stack-protector -DMARKED="\"..$HOME/marked\"" -o getfd getfd.c
	for _ in $(seq "${STARTS:-700}"); do jail --no-net "$P/getfd"; done >../out
	is "$(grep -c ran ../out)" "${STARTS:-700}"
	is "$(grep -c host ../out || :)" 0
	# Without the filter some of as many starts do; more are made until one has.
	for _ in $(seq 3000); do
		[ "$(plain "$P/getfd")" = ran ] || return 0
	done
	skip "the attack failed on bwrap alone, too"
}

claim_both 'killing ajail by KILL, TERM or HUP ends every process of the jail' killing
killing() {
	local long=9$RANDOM$RANDOM pid
	for signal in KILL TERM HUP; do
		ajail --quiet sh -c "setsid sleep $long & exec sleep $long" & pid=$!
		until [ "$(left $long)" = 2 ]; do sleep 0.1; done
		kill -$signal $pid
		gone $long
	done
}

claim_both 'killed in its first milliseconds, by KILL or TERM, ajail leaves no process, in 140 starts' early
early() {
	local long=9$RANDOM$RANDOM pid n=0
	for signal in KILL TERM; do
		for i in $(seq 70); do
			ajail --quiet sleep $long & pid=$!
			sleep "0.0$(printf %03d $((i % 14 * 10)))"
			kill -$signal $pid 2>/dev/null || :
		done
	done
	gone $long
	# The jails would have been there, and had time: one that nobody killed.
	ajail --quiet sleep $long & pid=$!
	sleep 1
	n=$(left $long)
	kill $pid
	[ "$n" -gt 0 ]
}

claim_both 'killed before its child has tied itself to it, ajail leaves no process and no message' untied
untied() {
	local long=9$RANDOM$RANDOM pid
	command -v cc >/dev/null || skip "no C compiler"
	# The child takes its time for prctl(PR_SET_PDEATHSIG), so that ajail is gone before.
	cat >slow.c <<-'X'
		#define _GNU_SOURCE
		#include <dlfcn.h>
		#include <sys/syscall.h>
		int usleep(unsigned);
		long syscall(long n, long a, long b, long c, long d, long e, long f) {
			long (*next)(long, ...) = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
			if (n == SYS_prctl && a == 1) usleep(500000);
			return next(n, a, b, c, d, e, f);
		}
	X
	cc -shared -fPIC -o slow.so slow.c -ldl
	for kill in true 'kill -KILL'; do
		LD_PRELOAD=$P/slow.so ajail --quiet sleep $long 2>err & pid=$!
		sleep 0.2
		$kill $pid
		sleep 1
		if [ "$kill" = true ]; then [ "$(left $long)" -gt 0 ]; else gone $long; fi
		kill $pid 2>/dev/null || :
		sleep 0.3
		is "$(cat err)" ''
	done
}

claim_both 'a guard that the kernel refuses is a refusal in one line, or a line of the status' guards_fail
guards_fail() {
	local call
	command -v cc >/dev/null || skip "no C compiler"
	cat >fail.c <<-'X'
		#define _GNU_SOURCE
		#include <dlfcn.h>
		#include <errno.h>
		#include <stdlib.h>
		long syscall(long n, long a, long b, long c, long d, long e, long f) {
			long (*next)(long, ...) = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
			if (n == atol(getenv("FAIL"))) { errno = atol(getenv("WITH")); return -1; }
			return next(n, a, b, c, d, e, f);
		}
	X
	cc -shared -fPIC -o ../fail.so fail.c -ldl
	failing() { # failing CALL ERRNO COMMAND...
		FAIL=$(nr "$1") WITH=$2 LD_PRELOAD=$(realpath ../fail.so) "${@:3}"
	}
	is "$(failing renameat2 1 jail echo ok)" ok
	for call in close_range prctl memfd_create openat2 unshare mount landlock_restrict_self mount_setattr open_tree \
		move_mount; do
		[ $call != landlock_restrict_self ] || [ "$(uname -r | awk -F. '{ print $1 * 100 + $2 }')" -ge 612 ] || continue
		failing $call 1 refused 'not permitted' --quiet true
	done
	# AppArmor forbids the user namespace, or the writing of its map.
	failing unshare 13 refused "mkbwrap.sh --apparmor $T/bin/ajail" true
	failing unshare 28 refused 'raise user.max_user_namespaces' true
	failing keyctl 122 refused '/proc/key-users' true
	has "$(failing keyctl 1 ajail --version)" "ajail "
	is "$(failing keyctl 38 jail echo ok)" ok
	has "$(failing landlock_create_ruleset 38 ajail true 2>&1)" 'kernel: stops no signals'
	has "$(failing setrlimit 1 ajail true 2>&1)" 'crashes: '
}

claim 'killed while bwrap is stopped, or stopped itself, ajail leaves no process' stopped
stopped() {
	local long=9$RANDOM$RANDOM pid
	ajail --quiet sleep $long & pid=$!
	until [ "$(left $long)" = 4 ]; do sleep 0.1; done
	kill -STOP $pid "$(tr -d ' ' <"/proc/$pid/task/$pid/children")"
	kill -KILL $pid
	gone $long
}

# type_at WORD KEYS: types KEYS once the terminal of at_terminal shows WORD, and goes on when it has ended
type_at() {
	# Not in its first line, which has the command.
	for _ in $(seq 300); do tail -n +2 "$P/../typescript" 2>/dev/null | grep -qa "$1" && break; sleep 0.1; done
	# shellcheck disable=SC2059  # with escapes
	printf "$2"
}
# at_terminal COMMAND: what a terminal shows in which COMMAND runs, and the standard input of this is typed
at_terminal() {
	: >"$P/../typescript"
	{ cat; for _ in $(seq 300); do grep -qa '^Script done' "$P/../typescript" && break; sleep 0.1; done; } |
		timeout 60 script -qefc "$1; echo Script done" "$P/../typescript" >/dev/null || :
	tr -d '\r' <"$P/../typescript"
}
claim_both 'Ctrl-C is the program'\''s: one that handles it goes on, and ends as it likes' ctrl_c
ctrl_c() {
	terminal
	local run='trap "echo caught; exit 5" INT; echo ready; while :; do sleep 0.1; done'
	has "$(type_at ready '\003' | at_terminal "ajail --quiet sh -c '$run'; echo status \$?")" $'caught\nstatus 5'
}

claim 'Ctrl-C is the program'\''s also where its clone has just been made' ctrl_c_clone
ctrl_c_clone() {
	git_in_fs
	terminal
	origin
	local run='trap "echo caught; exit 5" INT; echo ready; while :; do sleep 0.1; done'
	has "$(type_at ready '\003' | at_terminal "ajail --quiet --clone=c sh -c '$run'; echo status \$?")" $'caught\nstatus 5'
}

claim 'Ctrl-C that ends the program ends the loop that ajail stands in' ctrl_c_loop
ctrl_c_loop() {
	terminal
	local out
	out=$(type_at ready '\003' |
		at_terminal "bash -c 'for i in 1 2 3; do echo round \$i; ajail --quiet sh -c \"echo ready; exec sleep 1\"; done; echo end'")
	has "$out" 'round 1'
	hasnt "$out" 'round 2'
	hasnt "$out" $'\nend'
}

claim 'Ctrl-C in the first milliseconds leaves no process' ctrl_c_early
ctrl_c_early() {
	terminal
	local long=9$RANDOM$RANDOM
	for i in 0 1 2 3 4 5 6 8 10 12 15 20; do
		(sleep "0.0$(printf %02d $i)"; printf '\003'; sleep 0.3) |
			timeout 5 script -qec "ajail --quiet sleep $long" /dev/null || :
	done >/dev/null
	gone $long
}

claim 'Ctrl-Z and fg work on ajail itself' ctrl_z
ctrl_z() {
	terminal
	printf '%s\n' 'set -m' 'ajail --quiet sh -c "echo ready; until [ -e go ]; do sleep 0.1; done; echo done"' 'echo stopped' 'touch go' fg >jobs.sh
	is "$(type_at ready '\032' | at_terminal 'bash -i jobs.sh' | grep -oE 'stopped$|^done$' | tr '\n' ' ')" 'stopped done '
}

claim 'the terminal is the caller'\''s again after an interactive shell in the jail, and stays whose it is otherwise' terminal_back
terminal_back() {
	terminal
	local shell asks='read -r line </dev/tty && echo "read $line"'
	for shell in bash sh zsh fish; do
		[ -x "$FS/default/usr/bin/$shell" ] || [ -x "$FS/default/bin/$shell" ] || continue
		printf '%s\n' "ajail --quiet $shell -ic 'echo re''ady; read x; exit 0'" 'echo ag""ain' "$asks" >asks.sh
		has "$({ type_at ready '\n'; type_at again 'typed\n'; } | at_terminal 'bash asks.sh')" 'read typed'
	done
	# Killed from inside; in a pipe; in the background, where the foreground is the shell's.
	for run in 'ajail --quiet bash -ic "kill -KILL \$\$"' 'ajail --quiet bash -ic "echo out" | cat' 'set -m; ajail --quiet sleep 0.5 &'; do
		printf '%s\n' "$run" 'sleep 1; echo ag""ain' "$asks" >asks.sh
		has "$(type_at again 'typed\n' | at_terminal 'bash asks.sh')" 'read typed'
	done
}

claim 'the status arrives where the caller ignores SIGCHLD, and by a signal if that was INT' statuses
statuses() {
	ends 3 perl -e '$SIG{CHLD} = "IGNORE"; exec @ARGV' ajail --quiet sh -c 'exit 3'
	is "$(perl -e '$SIG{INT} = "DEFAULT"; system @ARGV; print $? & 127' ajail --quiet sh -c 'kill -INT $$')" 2
	is "$(perl -e 'system @ARGV; print $? >> 8' ajail --quiet sh -c 'kill -TERM $$')" 143
}

claim 'nothing ties ajail to its caller: it lives on when that ends' lives_on
lives_on() {
	local long=9$RANDOM$RANDOM
	bash -c "ajail --quiet sleep $long >/dev/null 2>&1 & echo \$! >pid; disown"
	sleep 1
	[ "$(left $long)" -gt 0 ]
	kill "$(cat pid)"
	gone $long
}

claim 'where no user namespace may be made, ajail refuses in one line' no_namespace
no_namespace() {
	unshare -Ur sh -c 'echo 0 >/proc/sys/user/max_user_namespaces && exec setpriv --bounding-set -all --inh-caps -all \
		sh -c "ajail --quiet true 2>err; echo \$? >status"' || lacks "a limit of user namespaces"
	is "$(cat status)" 125
	is "$(wc -l <err)" 1
	has "$(cat err)" 'namespaces: No space left on device (os error 28): raise user.max_user_namespaces'
}

claim 'it starts where /proc has no process 2, as in a container' container
container() {
	unshare -Urpf --mount-proc true || lacks "namespaces"
	is "$(unshare -Urpf --mount-proc sh -c '(:); (:); (:); (:); [ -e /proc/2 ] || ajail --quiet echo ok; :')" ok
}

claim 'a directory that another jail swaps for a symlink is never what is mounted' swapped
swapped() {
	local pid out
	mkdir d ../secret
	echo harmless >d/f
	echo secret >../secret/f
	ln -s ../secret link
	cat >swap.pl <<-'X'
		my ($d, $l) = ("d", "link"); while (1) { syscall($ARGV[0], -100, $d, -100, $l, 2) }
	X
	perl swap.pl "$(nr renameat2)" & pid=$!
	finally "kill $pid"
	for _ in $(seq 60); do jail --mount=d,/m,rol cat /m/f || :; done >../out 2>&1
	for _ in $(seq 60); do jail --mount=d/f,/m cat /m || :; done >>../out 2>&1
	has "$(cat ../out)" harmless
	has "$(cat ../out)" symlink
	hasnt "$(cat ../out)" $'\nsecret'
}

# ---- Mounts.

# flags PATH ARG...: how the jail mounts what is at PATH
flags() { jail "${@:2}" awk -v at="$1" '$5 == at { split($6, f, ",relatime"); print f[1] f[2] }' /proc/self/mountinfo | tail -n 1; }
claim_both 'each place is mounted with the flags that the status says, and nothing of it can be unlocked' mount_flags
mount_flags() {
	mkdir -p rw ro rol hide own
	touch f g
	local all='--rw=own --ro=ro --rol=rol --hide=hide --hide=g --rol=f --ro=own/x --mount=rw,/m,rw'
	mkdir own/x
	# shellcheck disable=SC2086  # options
	for at in / /etc/resolv.conf /tmp /run "$P" "$P/ro" "$P/hide" "$P/g" "$P/own/x" /m; do
		is "$at $(flags "$at" $all)" "$at rw,nosuid,nodev"
	done
	# shellcheck disable=SC2086  # options
	for at in "$P/rol" "$P/f"; do is "$at $(flags "$at" $all)" "$at ro,nosuid,nodev"; done
	# What says what the place around it says is no mount of its own; a directory on the way to another is.
	# shellcheck disable=SC2086  # options
	is "$(flags "$P/own" $all)" rw,nosuid,nodev
	is "$(flags "$P/rw" --rw=rw)" ''
	is "$(flags /dev/null)" ro,nosuid
	is "$(flags /z --mount=/dev/zero,/z,dev)" ro,nosuid
	is "$(flags /dev/zero --dev=/dev/zero)" ro,nosuid
}

claim_both 'all the rest of the host is read-only in the namespace that bwrap starts in' host_read_only
host_read_only() {
	cat >../look <<-'X'
		#!/bin/sh
		awk '$6 !~ /^ro,nosuid/ { print $5 }' /proc/self/mountinfo
	X
	chmod +x ../look
	# Not so are the stage, with what the jail sees, and the new /proc.
	is "$(jail --bwrap-bin="$(realpath ../look)" true | grep -vE '^/sys(/root0.*|/upper|/overlay[0-9]+)?$|^/proc$')" ''
	has "$(jail --bwrap-bin="$(realpath ../look)" true)" "/sys/root0$P"
}

claim_both 'what is mounted below a place keeps its flags, or gets those of the place' submounts
submounts() {
	unshare -Ucm true || lacks "mounts in a user namespace"
	cat >sub.sh <<-'X'
		cd "$1" && shift && mkdir -p sub ro && mount -t tmpfs none sub && mount -t tmpfs -o ro none ro && touch sub/f && exec "$@"
	X
	with() { unshare "${new[@]}" --propagation private sh "$P/sub.sh" "$P" "$@"; }
	local new=(-m)
	[ "$(id -u)" = 0 ] || new=(-Ucm --keep-caps)
	has "$(with ajail --quiet sh -c 'ls sub; touch sub/x && echo fine; touch ro/x 2>&1')" $'f\nfine\ntouch: '
	has "$(with ajail --quiet sh -c 'touch ro/x' 2>&1)" 'ead-only'
	has "$(with ajail --quiet --rol sh -c 'touch sub/x' 2>&1)" 'ead-only'
	has "$(with ajail --quiet --rol=sub sh -c 'touch sub/x' 2>&1)" 'ead-only'
	is "$(with ajail --quiet --hide sh -c 'ls')" ''
	# An overlay would show what the mount hides.
	has "$(with ajail --ro true 2>&1)" "$P/sub is mounted there"
	has "$(with ajail --ro=sub sh -c 'rm sub/f; echo ok' 2>&1)" ok
}

claim_root 'what the host mounts below a locked place while the jail runs does not appear there' later_mounts
later_mounts() {
	mkdir -p d/sub
	cat >later.sh <<-'X'
		mount --bind d d && mount --make-shared d
		ajail --quiet --rol=d sh -c 'echo ran >started; until [ -e go ]; do sleep 0.1; done; ls d/sub; echo end' & jail=$!
		until [ -e started ]; do sleep 0.1; done
		mount -t tmpfs none d/sub && touch d/sub/new go && wait $jail
	X
	is "$(unshare -m --propagation private timeout 20 sh later.sh)" end
}

claim_root 'it starts as the last process of a mount namespace of root'\''s, and on a file system of its own' last_process
last_process() {
	mkdir "/dev/shm/ajail-test.$$"
	finally "rm -r /dev/shm/ajail-test.$$"
	cd "/dev/shm/ajail-test.$$"
	is "$(unshare -m ajail --quiet --rol=. sh -c 'echo ok')" ok
	is "$(unshare -m sh -c 'mount --bind . . && exec ajail --quiet touch x'; ls)" x
}

claim 'a project in /tmp, and below it, works; the directories of all users, and ~/.ajail, are refused' cwd_in_tmp
cwd_in_tmp() {
	mkdir "/tmp/ajail-test.$$"
	finally "rm -r /tmp/ajail-test.$$"
	(cd "/tmp/ajail-test.$$" && mkdir -p a/b && ends 1 jail --rol=a/b sh -c 'touch x; touch a/b/x' 2>../err)
	is "$(ls -A "/tmp/ajail-test.$$" "/tmp/ajail-test.$$/a/b" | tr '\n' ' ')" "/tmp/ajail-test.$$: a x  /tmp/ajail-test.$$/a/b: "
	for d in /tmp /dev/shm; do
		[ ! -d $d ] || (cd $d && refused 'all users may' true && refused 'all users may' --ro true && jail --hide true)
	done
	mkdir -p "$HOME/.ajail/clone"
	for d in "$HOME/.ajail" "$HOME/.ajail/clone"; do (cd "$d" && refused 'cd into a project' true); done
}

claim 'a root fs that other users can enter is refused, with the command that closes it' closed_fs
closed_fs() {
	own_fs
	mkdir -p h/.ajail ../away && chmod 755 h/.ajail
	cp -a "$FS/own" h/.ajail/fs && mkdir fs && mv h/.ajail/fs fs/default && mv fs h/.ajail/fs
	chmod 755 h/.ajail/fs/default
	mkdir w && cd w
	(HOME=$P/h refused 'chmod 700' true)
	chmod 700 "$P/h/.ajail"
	is "$(HOME=$P/h jail echo ok)" ok
	mv "$P/h/.ajail/fs/default" "$P/../away/fs"
	refused 'chmod 700' --fs="$(realpath "$P/../away/fs")" true
	chmod 700 "$P/../away/fs"
	is "$(jail --fs="$(realpath "$P/../away/fs")" echo ok)" ok
}

# Before Linux 6.6 a tmpfs has no user attributes: here, since a library says so.
old_kernel() {
	command -v cc >/dev/null || skip "no C compiler"
	if [ ! -e "$HOME/old.so" ]; then
		cat >"$HOME/old.c" <<-'X'
			#define _GNU_SOURCE
			#include <dlfcn.h>
			#include <errno.h>
			#include <string.h>
			#include <sys/statfs.h>
			#include <sys/syscall.h>
			long syscall(long n, long a, long b, long c, long d, long e, long f) {
				long (*next)(long, ...) = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
				struct statfs fs;
				if (n == SYS_setxattr && statfs((char *)a, &fs) == 0 && fs.f_type == 0x01021994) { errno = EOPNOTSUPP; return -1; }
				return next(n, a, b, c, d, e, f);
			}
		X
		cc -shared -fPIC -o "$HOME/old.so" "$HOME/old.c" -ldl
	fi
	upper=$HOME/.ajail/upper
	rm -rf "$upper"
	[ "$(stat -f -c %T "$HOME/.ajail")" != tmpfs ] || lacks "a home on disk"
}
old() { LD_PRELOAD=$HOME/old.so ajail "$@"; }
claim_both 'where a tmpfs has no user attributes, what is discarded lies in ~/.ajail/upper, and is gone afterwards' on_disk
on_disk() {
	old_kernel
	local out
	out=$(old --ro sh -c 'rm -rf /etc/apt; mkdir -p /etc/apt d; mv d e; ls -A /etc/apt .; mount | grep -c overlay' 2>&1)
	has "$out" "$upper: changes lie there until the jail ends"
	has "$out" $'.:\ne'
	is "$(ls -A "$upper")" ''
	is "$(ls -A)" ''
	is "$(stat -c %a "$upper")" 700
	# Two at once, of which one ends first.
	old --quiet sh -c 'touch started; until [ -e go ]; do sleep 0.1; done; rm -r /etc/apt; echo fine >went' & pid=$!
	until [ -e started ]; do sleep 0.1; done
	old --quiet true
	touch go && wait $pid
	is "$(cat went)" fine
	is "$(ls -A "$upper")" ''
	# Nor does a start that is refused leave anything.
	ends 127 old --quiet nosuch 2>../err
	is "$(ls -A "$upper")" ''
	# The jail cannot see it, and nobody can be there.
	(cd "$upper" && refused 'cd into a project' true)
}

claim_both 'what 50 killed jails leave in ~/.ajail/upper the next start removes' killed_on_disk
killed_on_disk() {
	old_kernel
	for i in $(seq 50); do
		LD_PRELOAD=$HOME/old.so ajail --quiet sh -c 'mkdir /d; touch /d/f; chmod 0 /d; sleep 9' & pid=$!
		sleep "0.$(printf %03d $((i * 7 % 250)))"
		kill -KILL $pid
	done
	wait
	sleep 0.5
	[ "$(ls -A "$upper" | wc -l)" -gt 0 ]
	old --quiet true
	is "$(ls -A "$upper")" ''
}

claim 'where neither a tmpfs nor ~/.ajail can hold them, the status says what does not work, and the jail starts' no_upper
no_upper() {
	old_kernel
	touch "$upper"
	finally "rm -f '$upper'"
	has "$(old echo ok 2>&1)" "before Linux 6.6"
	has "$(old echo ok 2>/dev/null)" ok
}

# ---- Races: a program in one jail against the start of another.

# racer: a program, $HOME/race. "race A B DIR" has A and B, of which one may be a symlink, change places and
# back, at a random time after somebody has opened DIR, or nobody has for a while.
racer() {
	[ ! -x "$HOME/race" ] || return 0
	command -v cc >/dev/null || skip "no C compiler"
	cat >"$HOME/race.c" <<-'X'
		#define _GNU_SOURCE
		#include <fcntl.h>
		#include <poll.h>
		#include <stdlib.h>
		#include <sys/inotify.h>
		#include <sys/prctl.h>
		#include <sys/syscall.h>
		#include <time.h>
		#include <unistd.h>
		static int swap(char **names) {
			return syscall(SYS_renameat2, AT_FDCWD, names[1], AT_FDCWD, names[2], 2); // RENAME_EXCHANGE
		}
		int main(int argc, char **argv) {
			char events[4096];
			struct pollfd opened = { inotify_init1(IN_NONBLOCK), POLLIN };
			if (argc != 4 || inotify_add_watch(opened.fd, argv[3], IN_OPEN) < 0) return 1;
			srand(time(0));
			prctl(PR_SET_TIMERSLACK, 1); // to sleep for microseconds, and so leave bwrap the processor
			for (int seen = 0;;) {
				seen = poll(&opened, 1, rand() % (seen ? 60 : 5)); // where nobody opens DIR, all the time
				usleep(rand() % (rand() % 4 ? 400 : 3000));
				if (swap(argv) == 0) {
					usleep(50 + rand() % 200);
					swap(argv);
				}
				while (read(opened.fd, events, sizeof events) > 0) ;
				if (write(1, seen ? "o" : "-", 1) < 0) return 1;
			}
		}
	X
	cc -O2 -static -o "$HOME/race" "$HOME/race.c" || skip "no static C library"
}
# chain TARGET: l/0, to be swapped, a symlink to TARGET through 36 of 2,000 ./ each. To follow it takes the
# kernel a millisecond or more, in which it can be swapped back.
chain() {
	local dots n
	dots=$(printf './%.0s' {1..2000})
	mkdir l && ln -s l/1 l/0 && ln -s "$1" l/37
	for n in {1..36}; do ln -s "$dots$((n + 1))" "l/$n"; done
}
# attack A B DIR OPTION...: a jail with race in it
attack() {
	racer
	ajail --quiet --mount="$HOME/race,/tmp/race,rol" "${@:4}" /tmp/race "$1" "$2" "$3" >"$P/../swaps" &
	finally "kill $!; until [ \$(left /tmp/race) = 0 ]; do sleep 0.1; done"
	until [ -s "$P/../swaps" ]; do sleep 0.1; kill -0 $!; done
}
# withstands COMMAND OPTION...: of 200 jails that start meanwhile some run, and COMMAND works in none
withstands() {
	local starts=${STARTS:-200}
	for _ in $(seq "$starts"); do
		jail "${@:2}" sh -c "echo ran; { $1; } 2>/dev/null && echo won" || :
	done >../out 2>../err
	[ "$(grep -c ran ../out)" -ge $((starts / 5)) ]
	[ "$(wc -c <../swaps)" -ge 100 ]
	is "$(grep -c won ../out)" 0
}

claim_both 'a jail cannot unlock .git for the next by what was missing when it started' unlock
unlock() {
	export AJAIL_ARGS='--rol=.git;--rol=.github/workflows'
	mkdir -p .git/hooks new/workflows
	chain "/newroot$P/.git"
	attack .github l/0 .
	mv new .github
	withstands 'echo >.git/hooks/x'
	is "$(ls .git/hooks)" ''
}

claim_both 'nor from a subdirectory, where nothing was missing' unlock_sub
unlock_sub() {
	export AJAIL_ARGS='--rol=.git;--hide=sub/config/.env'
	mkdir -p .git/hooks sub/config && touch sub/config/.env
	cd sub
	chain "/newroot$P/.git"
	attack config l/0 .
	cd ..
	withstands 'echo >.git/hooks/x'
	is "$(ls .git/hooks)" ''
}

claim_root 'nor the host'\''s settings in /proc' unlock_proc
unlock_proc() {
	mkdir -p .github/workflows
	chain /newroot/proc
	attack .github l/0 .
	# What is written is what was there: no run of this, however it ends, changes anything.
	withstands 'p=$(cat /proc/sys/kernel/core_pattern) && echo "$p" >/proc/sys/kernel/core_pattern' \
		--rol=.github/workflows
}

claim_both 'nor what is mounted from elsewhere' unlock_mount
unlock_mount() {
	mkdir -p sub/data ../ext
	(cd sub && chain /newroot/tmp)
	attack sub/data sub/l/0 sub
	withstands 'echo >sub/data/x && [ ! -e /tmp/x ]' --mount=../ext,sub/data,rol
	is "$(ls ../ext)" ''
}

claim_both 'nor the origin of the clone that both work on' unlock_origin
unlock_origin() {
	git_in_fs
	origin
	jail --clone=a mkdir -p .github/workflows
	(cd "$(repository)/a" && chain /newroot/ajail/origin)
	attack .github l/0 . --clone=a
	withstands 'echo >/ajail/origin/hooks/x' --clone=a --rol=.github/workflows
	[ ! -e .git/hooks/x ]
}

claim_both 'two jails edit one root fs, and neither moves apart what the other locks, hides, and holds' apart
apart() {
	local fs top=${P#/}
	fs=$(realpath ..)/fs top=${top%%/*}
	cp -a "$(realpath "$FS/default")" "$fs" && chmod 700 "$fs"
	mkdir -p .aws .cache .config .git "$fs$P" "$fs/l$P"
	ln -s "l/$top" "$fs/0"
	echo secret | tee .env >.git/mine
	# The first component of the path here leads into l for a moment.
	attack "/$top" /0 "$(dirname "$P")" --fs="$fs" --fs-edit
	withstands "sleep 0.01
		for dir in $P /l$P; do
			cd \$dir && { grep secret .env || { [ -e .git/mine ] && echo >.git/x; }; } && break
		done" \
		--fs="$fs" --fs-edit --hide=.aws --hide=.cache --hide=.config --hide=.env --rol=.git
}

claim 'the jail sees neither the host'\''s processes nor its files' the_jail_sees_neither_the
the_jail_sees_neither_the() {
	sleep 4321 & p=$!
	out=$(jail sh -c 'echo ran; ls -A /home/*; cat /proc/[0-9]*/cmdline; ls '"$HOME")
	kill $p
	has "$out" ran
	hasnt "$out" 4321
	is "$(jail ls -A "$HOME")" "$(basename "$(dirname "$P")")"
}

claim 'the numbers of calls and values in main.rs are those of their names in the kernel'\''s headers' numbers
numbers() {
	local cpu
	command -v perl >/dev/null || skip "no perl"
	echo '#include <linux/ioprio.h>' | cc -fsyntax-only -x c - 2>/dev/null ||
		skip "no C compiler, or no headers of the kernel"
	# Each is an assertion for the compiler: of main.rs's lines for calls, and of its rules' first words.
	perl -ne '
		sub calls { my ($numbers, @names) = @_;
			while ($numbers =~ /(\d+), (\d+)/g) {
				my ($x86, $arm, $name) = ($1, $2, shift @names) or die;
				print "X86(__NR_$name == $x86, \"$name\");\n";
				$name =~ s/^l?chown$/fchown/; # which is all that aarch64 has
				print "ARM(__NR_$name == $arm, \"$name\");\n";
			}
		}
		calls($2, $1) if /^ *"(\w+)" => \[(.*)\],/;
		calls($1, "ioctl") if /^const IOCTL: .*= \[(.*)\];/;
		if (/^const ([A-Z][A-Z0-9_]+): \S+ = (?:Some\()?(0?x?[0-9a-f_]+)\)?;/ && $1 !~ /^(NR|ARG.|ALLOW|DENY|DONE|KILL|CPU)$/) {
			my ($name, $value) = ($1, $2);
			$value =~ s/_//g;
			print "ANY((long)$name == $value, \"$name\");\n";
		}
		if (/^ +(0x[0-9a-f_]+), +\/\/ ([A-Z][A-Z0-9_]+)/) {
			my ($value, $name) = ($1, $2);
			$value =~ s/_//g;
			print "ANY($name == $value, \"$name\");\n";
		}
		if (m{^ *\(&\[\[(.*?)\]\], .*?// (.*)}) {
			my ($numbers, $words) = ($1, $2);
			$words =~ s/\(.*?\)//g;
			calls($numbers, $words =~ /[a-z]\w+/g);
		}
		if (m{&\[\(ARG\d, (\w+)\)\].*?// [^A-Z]*([A-Z][A-Z0-9_]+)}) {
			my ($value, $name) = ($1, $2);
			$value =~ s/_//g;
			print "ANY($name == $value, \"$name\");\n";
		}
	' "$T/main.rs" >asserts
	[ "$(wc -l <asserts)" -gt 100 ]
	cat >x86_64.c <<-'X'
		#include <asm/unistd_64.h>
		#define X86 _Static_assert
		#define ARM(...)
		#define ANY(...)
		#include "asserts"
	X
	cat >aarch64.c <<-'X'
		#define __ARCH_WANT_SET_GET_RLIMIT
		#define _GNU_SOURCE
		#include <asm-generic/unistd.h>
		#include <errno.h>
		#include <fcntl.h>
		#include <sched.h>
		#include <signal.h>
		#include <sys/file.h>
		#include <sys/mount.h>
		#include <sys/prctl.h>
		#include <linux/keyctl.h>
		#include <linux/landlock.h>
		#include <linux/openat2.h>
		#define LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET (1 << 0) // which older headers lack
		#define LANDLOCK_SCOPE_SIGNAL (1 << 1)
		#include <sys/ioctl.h>
		#include <sys/resource.h>
		#include <sys/socket.h>
		#include <linux/btrfs.h>
		#include <linux/fscrypt.h>
		#include <linux/kd.h>
		#include <linux/ioprio.h>
		#include <linux/netlink.h>
		#define X86(...)
		#define ARM _Static_assert
		#define ANY _Static_assert
		#include "asserts"
	X
	for cpu in aarch64 "$(uname -m)"; do cc -fsyntax-only "$cpu.c"; done
}

claim 'a 32-bit or x32 call ends the program by SIGSYS, which a shell names' a_32_bit_or_x32
a_32_bit_or_x32() {
	perl_in_fs
	[ "$(uname -m)" = x86_64 ] || lacks "another ABI"
	local out
	out=$(jail bash -c 'perl -e "\$| = 1; print qq(ran\n); syscall(0x40000000 + 39); print qq(worked\n)"; echo $?' 2>&1)
	has "$out" ran
	has "$out" 'Bad system call'
	has "$out" $'\n159'
	command -v cc >/dev/null || skip "no C compiler"
	cat >i386.c <<-'X'
		static long call(long n, long a, long b, long c) {
			long r; __asm__ volatile ("syscall" : "=a"(r) : "a"(n), "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory"); return r;
		}
		void _start(void) {
			long pid; // by i386's getpid
			call(1, 1, (long)"ran\n", 4);
			__asm__ volatile ("int $0x80" : "=a"(pid) : "a"(20) : "memory", "r8", "r9", "r10", "r11");
			if ((int)pid > 0) call(1, 1, (long)"worked\n", 7);
			call(60, 0, 0, 0);
		}
	X
	cc -O2 -static -nostdlib -fno-stack-protector -o i386 i386.c
	is "$(jail sh -c "$P/i386 2>&1; echo \$?" | grep -v Bad)" $'ran\n159'
	[ "$(plain "$P/i386")" != ran ] || lacks "32-bit calls"
}

claim '--dry-run prints each source, the arguments of bwrap, and no value of AJAIL_ENV_, and makes nothing' dry_run
dry_run() {
	mkdir d $'a\'; touch x #'
	export AJAIL_ENV_TOKEN="it's"
	local out
	out=$(ajail --dry-run --ro --hide=d --rol=$'a\'; touch x #' --mount=d,new/dir sh -c 'touch lost' 2>../err)
	is "$(cat ../err)" ''
	has "$out" "# /: changes are discarded, from $ROOT_FS"
	has "$out" "# $P: changes are discarded"
	has "$out" "# $P/d: empty"
	has "$out" "# $P/new/dir: changes are discarded, from $P/d"
	has "$out" "--dev-bind /sys/root0 /"
	has "$out" '--setenv TOKEN ...'
	has "$out" "-- sh -c \$'touch lost'"
	hasnt "$out" "it's"
	is "$(ls -A)" $'a\'; touch x #\nd'
	mkdir $'e\e[31m' $'f\xe2\x80\xae' && hasnt "$(ajail --dry-run --rol=$'e\e[31m' --rol=$'f\xe2\x80\xae' true)" $'\e'
	hasnt "$(ajail --dry-run --rol=$'f\xe2\x80\xae' true)" $'\xe2\x80\xae'
}

# ---- As real root.

claim_root 'real root has no capability in a jail' real_root_has_no_capability
real_root_has_no_capability() {
	is "$(capabilities)" 'CapInh:CapPrm:CapEff:CapBnd:CapAmb:'
}

claim_root 'real root can neither unmount what is hidden nor remount what is read-only' real_root_can_neither_unmount
real_root_can_neither_unmount() {
	mkdir h r
	echo secret >h/s
	denied 'superuser|not permitted' --hide=h "umount $P/h"
	denied 'ermi' --rol=r "mount -o remount,rw,bind $P/r"
	is "$(plain --cap-add ALL --tmpfs "$P/h" sh -c "umount $P/h && cat $P/h/s")" secret
}

claim_root 'a crash in a jail reaches no handler of the host'\''s, whatever limit it sets' a_crash_in_a_jail
a_crash_in_a_jail() {
	local was
	was=$(cat /proc/sys/kernel/core_pattern)
	printf '#!/bin/sh\ncat >/dev/null; echo "$1" >>%s/crashes\n' "$P" >handler
	chmod +x handler
	echo "|$P/handler %h" >/proc/sys/kernel/core_pattern 2>/dev/null || lacks "a core pattern to be set"
	finally "printf '%s\\n' '$was' >/proc/sys/kernel/core_pattern"
	touch crashes
	(
		ulimit -c unlimited
		jail sh -c 'kill -SEGV $$' || :
		jail bash -c 'ulimit -c 0; kill -SEGV $$' || :
		plain --hostname plain sh -c 'kill -SEGV $$' || :
	)
	# What comes last shows that the others would have come.
	for _ in $(seq 50); do [ -s crashes ] || sleep 0.1; done
	[ -s crashes ] || lacks "a handler of core dumps that is found from here"
	is "$(cat crashes)" plain
}

claim_root 'real root cannot change the devices of the host that it is lent' real_root_devices
real_root_devices() {
	local was
	was=$(stat -c '%a %Y' /dev/full)
	finally "chmod 666 /dev/full" # where the guard fails, the host's is what changes
	denied 'ead-only' 'chmod 644 /dev/full'
	denied 'ead-only' 'touch /dev/full'
	is "$(stat -c '%a %Y' /dev/full)" "$was"
	is "$(jail sh -c 'echo x >/dev/null && head -c 1 /dev/zero | wc -c')" 1
	jail --dev=/dev/zero sh -c 'head -c 1 /dev/zero' >/dev/null
	mkdir "/dev/shm/ajail-test.$$"
	finally "chmod 666 /dev/full; rm -r /dev/shm/ajail-test.$$"
	(cd "/dev/shm/ajail-test.$$" && jail touch kept && [ -e kept ])
}

claim_root 'real root cannot write to the /proc/sys of the host' real_root_cannot_write_to
real_root_cannot_write_to() {
	denied 'ead-only' 'echo x >/proc/sys/kernel/core_pattern'
}

claim_root 'a root fs of somebody else is refused' a_root_fs_of_somebody
a_root_fs_of_somebody() {
	finally "chown 0 '$FS/default'"
	chown 1 "$FS/default"
	refused 'no root fs of yours' true
}

claim_root 'cd / is refused for root too' cd_is_refused_for_root
cd_is_refused_for_root() {
	cd /
	refused 'cd elsewhere' sh
}

# ---- One user.

claim_both 'chown and setuid succeed and change nothing; with --userns they tell the truth' one_user
one_user() {
	touch f
	jail sh -c 'chown 5:6 f && chgrp 7 f && chown -h 5 f'
	is "$(stat -c %u:%g f)" "$(id -u):$(id -g)"
	perl_in_fs
	is "$(jail perl -e '$f = "f"; print syscall($ARGV[0], 5), syscall($ARGV[1], -100, $f, 5, 5, 0), " $<"' \
		"$(nr setuid)" "$(nr fchownat)")" '00 0'
	[ "$(id -u)" = 0 ] || has "$(jail --userns chown 5 f 2>&1 || :)" 'Invalid argument'
	has "$(plain chown 5 f 2>&1 || :)" 'Invalid argument'
}

claim 'capset succeeds and changes nothing, as setuid does, so that a server can drop its privileges' capset
capset() {
	perl_in_fs
	local n=126
	[ "$(uname -m)" = x86_64 ] || n=91
	echo 'my $h = pack("Li", 0x20080522, 0); my $d = pack("L6", (1, 1, 0) x 2); print syscall(shift, $h, $d)' >capset.pl
	is "$(jail perl capset.pl $n)" 0
	is "$(plain perl capset.pl $n)" -1
	is "$(capabilities)" 'CapInh:CapPrm:CapEff:CapBnd:CapAmb:'
}

claim 'tar unpacks, as root, what belongs to others' tar_owners
tar_owners() {
	mkdir a && echo x >a/f
	tar --owner=12 --group=34 -cf a.tar a && rm -r a
	jail tar -xpf a.tar
	is "$(cat a/f)" x
	# Without the filter GNU's fails; busybox' says nothing.
	[[ $(jail tar --version 2>&1) != *GNU* ]] || hasnt "$(plain tar -xpf a.tar 2>&1 && echo fine)" fine
}

# A package whose files belong to others, and whose script says so too.
foreign_package() {
	mkdir -p pkg/DEBIAN pkg/var/lib/ajail-foreign
	printf '%s\n' 'Package: ajail-foreign' 'Version: 1' 'Architecture: all' 'Maintainer: nobody <n@n>' \
		'Description: of the tests' >pkg/DEBIAN/control
	printf '%s\n' '#!/bin/sh' 'set -e' 'chown man:man /var/lib/ajail-foreign' \
		'setpriv --reuid=6 --regid=12 --clear-groups true' 'su man -s /bin/sh -c true' >pkg/DEBIAN/postinst
	chmod 755 pkg/DEBIAN/postinst
	jail sh -c 'chmod g-s pkg/DEBIAN && dpkg-deb -b pkg x.deb >/dev/null && mkdir t && dpkg-deb -R x.deb t'
	# dpkg-deb takes the owners of the files, which are nobody else's here: name others in the archive.
	tar -C pkg --owner=6 --group=12 -czf data.tar.gz ./var
	tar -C pkg/DEBIAN --owner=0 --group=0 -czf control.tar.gz .
	echo 2.0 >debian-binary
	jail perl -e 'print "!<arch>\n"; for (@ARGV) { open my $f, "<", $_; local $/; my $d = <$f>;
		printf "%-16s%-12s%-6s%-6s%-8s%-10s`\n", $_, 0, 0, 0, 100644, length $d; print $d; print "\n" if length($d) % 2 }' \
		debian-binary control.tar.gz data.tar.gz >foreign.deb
}
claim 'dpkg installs a package whose files belong to others and whose script calls chown, setpriv and su' dpkg_owners
dpkg_owners() {
	apt_in_fs
	perl_in_fs
	foreign_package
	has "$(jail sh -c 'dpkg -i foreign.deb && dpkg -s ajail-foreign')" 'ok installed'
	hasnt "$(plain --setenv PATH /usr/sbin:/usr/bin:/sbin:/bin dpkg -i foreign.deb 2>&1 && echo fine)" fine
}

claim 'with --fs-edit such a package stays, and apt works afterwards' apt_after
apt_after() {
	apt_in_fs
	perl_in_fs
	own_fs
	foreign_package
	jail --fs=own --fs-edit dpkg -i foreign.deb
	has "$(jail --fs=own dpkg -s ajail-foreign)" 'ok installed'
	jail --fs=own --fs-edit sh -c 'apt-get check && dpkg --audit && dpkg -P ajail-foreign'
}

claim 'localhost and the jail'\''s own name are in the /etc/hosts of a root fs of ours' hosts
hosts() {
	grep -q ajail "$ROOT_FS/etc/hosts" 2>/dev/null || lacks "a root fs of mkdeb.sh or mkalpine.sh"
	has "$(jail --no-net sh -c 'getent hosts "$(uname -n)" || grep "$(uname -n)" /etc/hosts')" localhost
}

claim 'text is UTF-8 without being asked for' utf8
utf8() {
	perl_in_fs
	is "$(jail sh -c 'locale charmap 2>/dev/null || echo UTF-8')" UTF-8
}

# ---- The network, by composition.

claim 'with pasta around it, a jail has the internet but not the host'\''s localhost' with_pasta
with_pasta() {
	command -v pasta >/dev/null || lacks pasta
	{ [ -r /dev/net/tun ] && [ -w /dev/net/tun ]; } || lacks "a /dev/net/tun of this user's"
	perl_in_fs
	local port server pasta
	pasta="pasta --quiet --config-net --no-map-gw -t none -u none -T none -U none --"
	$pasta true 2>/dev/null || lacks "a network for pasta"
	port=$(shuf -i 20000-60000 -n 1)
	perl -MIO::Socket::INET -e '$s = IO::Socket::INET->new(Listen => 5, LocalAddr => "127.0.0.1:$ARGV[0]");
		while ($c = $s->accept) { print $c "host\n"; close $c }' "$port" & server=$!
	finally "kill $server"
	sleep 0.5
	cat >get.pl <<-'X'
		use IO::Socket::INET; print "ran\n";
		my $s = IO::Socket::INET->new(PeerAddr => "127.0.0.1:$ARGV[0]"); print $s ? <$s> : "$!\n";
	X
	is "$(jail perl get.pl "$port")" $'ran\nhost'
	is "$($pasta env ajail --quiet perl get.pl "$port")" $'ran\nConnection refused'
}

claim 'with --no-net, a proxy on a mounted socket is the only way out' with_proxy
with_proxy() {
	perl_in_fs
	command -v socat >/dev/null || lacks socat
	local port server
	port=$(shuf -i 20000-60000 -n 1)
	# In the place of a proxy, what answers with its own name.
	socat UNIX-LISTEN:sock,fork,mode=600 SYSTEM:'echo proxy' & server=$!
	finally "kill $server"
	sleep 0.5
	cat >get.pl <<-'X'
		use Socket; print "ran\n"; socket(S, AF_UNIX, SOCK_STREAM, 0);
		connect(S, pack_sockaddr_un("/run/proxy")) and print <S>;
		socket(T, AF_INET, SOCK_STREAM, 0); connect(T, pack_sockaddr_in(53, inet_aton("192.0.2.1"))) or print "$!\n";
	X
	is "$(jail --no-net --mount=sock,/run/proxy,rol perl get.pl)" $'ran\nproxy\nNetwork is unreachable'
}

# ---- Clones.

origin() {
	export AJAIL_ENV_GIT_AUTHOR_NAME=j AJAIL_ENV_GIT_AUTHOR_EMAIL=j@j
	export AJAIL_ENV_GIT_COMMITTER_NAME=j AJAIL_ENV_GIT_COMMITTER_EMAIL=j@j
	git init -q -b main .
	git config user.name a
	git config user.email a@b
	echo 1 >f
	git add f
	git commit -qm one
	git branch side
	git tag v1
	git gc -q
	echo 2 >f
	git commit -qam two
	echo dirty >f
	echo new >untracked
	cp .git/config .git/HEAD ..
}
repository() { echo "$HOME/.ajail/clone/$(echo "$P" | tr / +)"; }
clones() { ls -A "$(repository)" 2>/dev/null || :; }

claim '--clone: the jail works on a clone, and a plain git push arrives as the clone'\''s branch' clone
clone() {
	git_in_fs
	origin
	is "$(jail --clone=c sh -c 'pwd; git remote get-url origin; cat f; ls; git branch --show-current')" \
		"$P"$'\n/ajail/origin\n2\nf\nc'
	jail --clone=c sh -c 'echo 3 >f; git commit -qam three; git push -q; git switch -qc x/y/z; git push -q'
	jail --clone=c sh -c 'git switch -q c; echo 4 >f; git commit -qam four; git push -q; git tag t; git push -q origin t'
	is "$(git log --format=%s -1 c)" four
	is "$(git log --format=%s -1 x/y/z)" three
	git rev-parse -q --verify t >/dev/null
	git merge -q c 2>/dev/null || git checkout -q -f && git merge -q c
	is "$(cat f untracked)" $'4\nnew'
	git fsck --no-dangling
	cmp .git/config ../config
	cmp .git/HEAD ../HEAD
}

claim 'a clone starts on the origin'\''s branch of its name, if there is one' clone_branch
clone_branch() {
	git_in_fs
	origin
	is "$(jail --clone=side sh -c 'git branch --show-current; cat f')" $'side\n1'
	jail --clone=side sh -c 'echo 5 >f; git commit -qam five; git push -q'
	is "$(git log --format=%s -1 side)" five
}

claim 'a named clone is taken up as it was left, a nameless one is new, and others cannot read them' taken_up
taken_up() {
	git_in_fs
	origin
	jail --clone=a touch left
	is "$(jail --clone=a ls)" $'f\nleft'
	is "$(jail --clone ls)" f
	is "$(clones | wc -l)" 2
	is "$(stat -c %a "$(repository)" "$HOME/.ajail/clone")" $'700\n700'
}

claim 'of the origin only objects, branches and tags can be written' only_objects
only_objects() {
	git_in_fs
	origin
	rest() { (cd .git && find . -type f -not -path './objects/*' -not -path './refs/*' -exec sha256sum {} + | sort); }
	rest >../before
	for f in config HEAD index packed-refs commondir hooks/post-commit new refs/new refs/replace/x \
		objects/info/alternates; do
		denied 'ead-only|No such file|nonexistent' --clone=a "echo x >/ajail/origin/$f"
	done
	denied 'ead-only' --clone=a 'mkdir /ajail/origin/refs/replace'
	denied 'ead-only' --clone=a 'mv /ajail/origin/objects /ajail/origin/x'
	jail --clone=a sh -c 'rm -f /ajail/origin/logs/HEAD; ln -s /tmp/x /ajail/origin/logs/HEAD'
	[ ! -L .git/logs/HEAD ]
	rest | cmp - ../before
}

claim 'no program that a jail wrote into the repository'\''s configuration runs as a clone is made' clone_config
clone_config() {
	git_in_fs
	origin
	printf '%s\n' '[core]' 'repositoryformatversion = 1' '[extensions]' 'partialClone = x' '[remote "x"]' \
		'url = "ext::sh .evil"' 'partialclonefilter = blob:none' '[protocol "ext"]' 'allow = always' >>.git/config
	mkdir -p .git/refs/heads/a
	printf '1%.0s' $(seq 40) >.git/refs/heads/a/a
	printf '%s\n' 'echo evil >&2; echo evil >/tmp/evil' >.git/.evil
	refused 'a partial clone' --clone=a true
	# The repository's own git would have run it.
	has "$(git -C .git for-each-ref --format='%(objecttype)' 2>&1 || :)" evil
}

claim 'a repository whose objects/info is gone is refused' clone_info
clone_info() {
	git_in_fs
	origin
	rm -r .git/objects/info
	refused objects/info --clone=a true
}

claim 'a clone that a jail has replaced by a symlink is refused' clone_symlink
clone_symlink() {
	git_in_fs
	origin
	jail --clone=a true
	mkdir ../elsewhere
	rm -rf "$(repository)/a" && ln -s "$(realpath ../elsewhere)" "$(repository)/a"
	refused symlink --clone=a true
	[ -d ../elsewhere ]
	# Nor is one made where the directory of a repository's clones has become one.
	rm -rf "$(repository)" && ln -s "$(realpath ../elsewhere)" "$(repository)"
	refused 'symlink' --clone=b true
	is "$(ls -A ../elsewhere)" ''
}

claim 'no variable of the jail reaches the making of a clone, and what is mounted into its origin is told' clone_told
clone_told() {
	git_in_fs
	origin
	mkdir ../d
	# With this PATH the maker would find no sh.
	AJAIL_ENV_PATH=/nosuch jail --clone=a /bin/true
	has "$(ajail --clone=a --mount=../d,/ajail/origin/hooks,rol true 2>&1)" '/ajail/origin/hooks: read-only'
}

claim 'what a killed ajail leaves of a clone the next one removes, and nothing of one that lives' clone_killed
clone_killed() {
	git_in_fs
	origin
	jail --clone=a true
	local dir
	dir=$(repository)
	# A maker that takes its time: its git waits for what nobody writes.
	mv .git/packed-refs ../packed && mkfifo .git/packed-refs
	ajail --quiet --clone=b true 2>../err & pid=$!
	until ls -d "$dir"/.new.*/ >../new 2>/dev/null && [ -s ../new ]; do sleep 0.1; done
	ajail --quiet --clone=c true & other=$!
	sleep 1
	is "$(find "$dir" -maxdepth 1 -name ".new.*" | wc -l)" 2
	kill -KILL $pid $other
	wait
	mv ../packed .git/packed-refs
	is "$(find "$dir" -maxdepth 1 -name ".new.*" | wc -l)" 2
	jail --clone=d true
	is "$(ls -A "$dir" | tr '\n' ' ')" 'a d '
}

claim 'a clone shares no file with its origin' a_clone_shares_no_file
a_clone_shares_no_file() {
	git_in_fs
	origin
	jail --clone=a true
	is "$(find "$(repository)/a" -type f -links +1 | wc -l)" 0
}

claim 'with --ro the clone'\''s changes and what is pushed vanish' with_ro_the_clones_changes
with_ro_the_clones_changes() {
	git_in_fs
	origin
	jail --clone=a true
	jail --clone=a --ro sh -c 'touch x; git push -q origin HEAD:gone; git ls-remote -q origin gone | grep -q gone'
	not git rev-parse -q --verify gone
	is "$(jail --clone=a ls)" f
}

claim 'the mount options apply to the clone, and one that does not fit is refused' clone_mounts
clone_mounts() {
	git_in_fs
	origin
	is "$(jail --clone=a --hide=f sh -c 'cat f; echo ok')" ok
	refused untracked --clone=b --hide=untracked true
	export AJAIL_ARGS='--hide=untracked;--rol=.git'
	is "$(jail --clone=c sh -c 'cat f; touch .git/x 2>/dev/null && echo its own')" $'2\nits own'
	unset AJAIL_ARGS
	denied 'ead-only' --clone=c --rol=.git 'touch .git/x'
	is "$(jail --clone=a --rw=.. sh -c 'ls ..; cat f')" $'HEAD\nconfig\nproj\n2'
}

claim 'twenty clones started at once are twenty' twenty_clones
twenty_clones() {
	git_in_fs
	origin
	for i in $(seq 20); do jail --clone sh -c "echo $i >who" & done
	wait
	is "$(cat "$(repository)"/*/who | sort -n | tr '\n' ' ')" "$(seq 20 | tr '\n' ' ')"
	# Of one name there is one, and the other is refused.
	own_fs
	printf '#!/bin/sh\nsleep 1\nexec /bin/mv "$@"\n' >"$FS/own/usr/local/bin/mv" && chmod +x "$FS/own/usr/local/bin/mv"
	finally "rm '$FS/own/usr/local/bin/mv'"
	for i in 1 2; do ajail --quiet --fs=own --clone=same true 2>>../err & done
	wait
	is "$(find "$(repository)" -name '.new.*')" ''
	is "$(wc -l <../err)" 1
	has "$(cat ../err)" 'taken by now'
}

claim '--clone says what is wrong: no repository, a worktree, no commit, no git, odd names' clone_refused
clone_refused() {
	git_in_fs
	refused 'no repository' --clone true
	mkdir e && (cd e && git init -q . && refused 'no commit' --clone true)
	rm -rf e
	origin
	mkdir sub && (cd sub && refused 'no repository' --clone true)
	git worktree add -q ../wt side && (cd ../wt && refused 'main worktree' --clone true)
	refused 'too long' --clone="$(printf %0300d 0)" true
	mv .git ../g
	mkfifo .git && refused 'main worktree' --clone true
	rm .git && ln -s ../g .git && refused symlink --clone true
	rm .git && mv ../g .git
	refused 'no /' --clone=a/b true
	refused 'no /' --clone=.. true
	refused 'ajail: a b: no branch can have this name' --clone='a b' true
	refused 'checked out' --clone="$(git symbolic-ref --short HEAD)" true
	own_fs
	mv "$FS/own/usr/bin/git" ../git
	finally "mv ../git '$FS/own/usr/bin/git'"
	refused 'apk add git' --fs=own --clone true
	is "$(clones)" ''
}

claim '--clone refuses what would be no whole clone, with the cure: partial, borrowed objects' clone_cures
clone_cures() {
	git_in_fs
	origin
	git config uploadpack.allowFilter true
	git clone -q --filter=blob:none "file://$P" ../partial
	git clone -q --shared . ../shared
	(cd ../partial && refused 'git fetch --refetch' --clone=a true)
	(cd ../partial && git -c maintenance.auto=false fetch -q --refetch --no-filter &&
		git config --unset remote.origin.promisor)
	(cd ../partial && jail --clone=a git fsck)
	(cd ../shared && refused 'git repack -a -d' --clone=a true)
	(cd ../shared && git repack -q -a -d && rm .git/objects/info/alternates && jail --clone=a cat f)
}

claim_root '--clone refuses a repository of somebody else for that reason' clone_of_others
clone_of_others() {
	git_in_fs
	git init -q . && chown -R 1 .git
	refused 'another user' --clone true
}

claim 'a submodule entry, and a repository with reftable, can be cloned' a_submodule_entry_and_a
a_submodule_entry_and_a() {
	git_in_fs
	origin
	git update-index --add --cacheinfo "160000,$(git rev-parse HEAD),module"
	git commit -qm module
	is "$(jail --clone ls)" $'f\nmodule'
	mkdir r
	cd r
	jail git init -q --ref-format=reftable || lacks "a git that makes reftables"
	jail git commit -qm x --allow-empty
	jail --clone sh -c 'git commit -qm y --allow-empty; git push -q origin HEAD:agent'
	is "$(jail git log --format=%s -1 agent)" y
}

lfs_in_fs() { [ -x "$FS/default/usr/bin/git-lfs" ] || lacks "a git-lfs in the root fs"; }

# A root fs in which git uses git-lfs, as "git lfs install --system" has it, and files that it keeps.
lfs_origin() {
	own_fs
	cp -a "$FS/own/etc/gitconfig" ../saved 2>/dev/null || :
	finally "rm -f '$FS/own/etc/gitconfig'; cp -a ../saved '$FS/own/etc/gitconfig' 2>/dev/null || :"
	jail --fs=own --fs-edit git lfs install --system
	origin
	git reset -q --hard
	printf '[lfs]\n\turl = https://host.invalid\n' >.lfsconfig # which is never asked
	jail --fs=own sh -c 'git lfs track "*.bin"; seq 999 >a.bin; seq 99 >gone.bin; git add -A; git commit -qm lfs'
	find .git/lfs/objects -type f -size -2 -delete # gone.bin's: only a server has it now
}

claim 'a clone has the files that git-lfs keeps, and a push of a new one succeeds' clone_lfs
clone_lfs() {
	git_in_fs
	lfs_in_fs
	lfs_origin
	is "$(jail --fs=own --clone=a wc -l a.bin)" '999 a.bin'
	has "$(jail --fs=own --clone=a cat gone.bin)" git-lfs
	jail --fs=own --clone=a sh -c 'seq 500 >b.bin; git add b.bin; git commit -qm b; git push -q'
	has "$(git show a:b.bin)" 'oid sha256'
	# You fetch it from the clone: git-lfs looks whether it is what it should be.
	git remote add origin https://host.invalid
	clone=$(repository)/a
	jail --fs=own --mount="$clone,/clone,rol" git -c lfs.url=file:///clone lfs fetch -I b.bin origin a
	is "$(jail --fs=own sh -c 'git checkout -q a -- b.bin; wc -l b.bin')" '500 b.bin'
}

claim 'of what git-lfs keeps in the origin, a jail can write nothing' clone_lfs_locked
clone_lfs_locked() {
	git_in_fs
	origin
	mkdir -p .git/lfs/objects .git/lfs/tmp
	# Your git-lfs reads the file that a symlink in objects leads to, into a checkout, and removes what
	# is old in the directory that tmp leads to.
	for f in objects/aa tmp/aa aa; do
		denied 'ead-only' --clone=a "ln -s / /ajail/origin/lfs/$f"
	done
	denied 'ead-only|busy' --clone=a 'mv /ajail/origin/lfs/tmp /ajail/origin/lfs/x'
}

claim 'a clone has the submodules that its repository has, and updates them without a network' clone_submodules
clone_submodules() {
	git_in_fs
	export GIT_ALLOW_PROTOCOL=file GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b
	git init -q ../outer
	(cd ../outer; echo 1 >o; git add o; git commit -qm o)
	origin
	git submodule --quiet add --name 'a "name"' ../outer 'a path'
	# What no clone can have: names that lead elsewhere, and one that the origin has not.
	for name in ../../x absent; do
		git config -f .gitmodules "submodule.$name.path" "${name##*/}"
		git config -f .gitmodules "submodule.$name.url" https://host.invalid
		git update-index --add --cacheinfo "160000,$(git rev-parse HEAD),${name##*/}"
	done
	git add .gitmodules && git commit -qm submodules
	is "$(jail --no-net --clone=a cat 'a path/o')" 1
	# What the origin's submodule has later is fetched.
	(cd 'a path'; echo 2 >o; git add o; git commit -qm later)
	git add 'a path' && git commit -qm later
	is "$(jail --no-net --clone=a sh -c 'git pull -q --no-recurse-submodules origin HEAD &&
		git submodule --quiet update "a path" 2>/dev/null; cat "a path/o"')" 2
	denied 'ead-only' --clone=a "echo x >'/ajail/origin/modules/a \"name\"/config'"
}

claim 'git in a clone ends with its command, and leaves no lock in it nor in the origin' clone_gc
clone_gc() {
	git_in_fs
	origin
	git config gc.auto 1
	jail --clone=a git config gc.auto 1
	for i in 1 2 3 4 5; do
		jail --clone=a sh -c "for i in \$(seq 600); do echo $i.\$i >f\$i; done
			git add .; git commit -qm $i; git push -q 2>/dev/null"
		is "$(find .git "$(repository)/a/.git" -name '*.lock' -o -name gc.pid)" ''
		# What is not in a pack by then was left behind by a gc that was killed.
		[ "$(find "$(repository)/a/.git/objects" -path '*/17/*' | wc -l)" -le 1 ]
	done
	hasnt "$(jail --clone=a sh -c 'git commit -qm x --allow-empty; GIT_TRACE=1 git push 2>&1')" maintenance
}

claim 'with rm -rf of a clone and git branch -D nothing of it is left' clone_ends
clone_ends() {
	git_in_fs
	origin
	jail --clone=a sh -c 'echo 3 >f; git commit -qam three; git push -q'
	rm -rf "$(repository)/a"
	is "$(jail --clone=a cat f)" 3 # its branch is still there
	rm -rf "$(repository)/a" && git branch -q -D a
	is "$(jail --clone=a cat f)" 2
}

claim 'what is hidden below .git is hidden in the origin, whoever hides it' clone_hides
clone_hides() {
	git_in_fs
	origin
	echo secret >.git/secret
	is "$(jail --clone=a cat /ajail/origin/secret)" secret
	is "$(AJAIL_ARGS='--hide=.git/secret;--hide=.git/nope' jail --clone=a cat /ajail/origin/secret)" ''
	jail --clone=a touch .git/secret
	is "$(jail --clone=a --hide=.git/secret sh -c 'cat /ajail/origin/secret; git status --short; ls .git/secret')" .git/secret
	# A lock inside .git holds there, too; and what holds a branch cannot be uncovered by the branches.
	denied 'ead-only' --clone=a --rol=.git/refs/heads 'touch /ajail/origin/refs/heads/x'
	is "$(AJAIL_ARGS='--hide=.git/refs' jail --clone=a ls /ajail/origin/refs)" ''
}

claim 'while a clone is made, git sees no other clone' clone_alone
clone_alone() {
	git_in_fs
	origin
	jail --clone=a touch left
	own_fs
	printf '#!/bin/sh\npwd >>/tmp/ran; ls -A "$(dirname "$PWD")" . >&2; exec /usr/bin/git "$@"\n' >"$FS/own/usr/local/bin/git"
	chmod +x "$FS/own/usr/local/bin/git"
	finally "rm '$FS/own/usr/local/bin/git'"
	sed -i 's/^exec.*//; 2s/.*/ls -A .. . >\&2; exit 1/' "$FS/own/usr/local/bin/git"
	ajail --quiet --fs=own --clone=b true 2>../err || :
	has "$(cat ../err)" .new.
	hasnt "$(cat ../err)" $'\na\n'
	is "$(clones)" a
}

claim 'the status of a clone tells where it lies, and has two lines for the origin at most' clone_status
clone_status() {
	git_in_fs
	origin
	local out
	out=$(ajail --clone true 2>&1)
	has "$out" "$P: writable, changes are kept, from $(repository)/20"
	is "$(grep -c origin <<<"$out")" 1
	[[ $(clones) =~ ^20[0-9]{6}-[0-9]{6}-[0-9]+$ ]]
	is "$(umask 777; jail --clone=u sh -c 'umask; cat f')" $'0777\n2'
	is "$(stat -c %a "$(repository)/u")" 755
}

claim 'a dry run of --clone makes no clone, names the one it would make, and shows one that there is' clone_dry
clone_dry() {
	git_in_fs
	origin
	refused "+proj/z" --quiet --clone=z --dry-run true
	[ ! -e "$(repository)" ]
	jail --clone=z true
	has "$(ajail --quiet --clone=z --dry-run true)" "$(repository)/z"
}

# ---- The scripts. fails WORDS ARG...: ARG... fails, says WORDS, and leaves the directory empty.

fails() {
	local words=$1 out status=0; shift
	out=$("$@" 2>&1) || status=$?
	has "$out" "$words"; [ "$status" -gt 0 ]; [ -z "$(ls -A)" ]
}

# A mirror of Alpine on loopback, with a release 3.20.9 and a package ajail-hello.
release=3.20.9 machine=$(uname -m) packages=$T/mirror/v3.20/main/$(uname -m)
tarball=$T/mirror/v3.20/releases/$machine/alpine-minirootfs-$release-$machine.tar.gz
cut_tar() { tar --owner=0 --group=0 -cf - "$1" | head -c $((512 + ($(stat -c %s "$1") + 511) / 512 * 512)) | gzip -n; }
sign() { # sign KEY FILE: FILE with a signature before it, as apk reads it
	openssl dgst -sha1 -sign "$1" -out .SIGN.RSA.ajail-test.rsa.pub "$2"
	cut_tar .SIGN.RSA.ajail-test.rsa.pub | cat - "$2"
}
make_mirror() {
	set -e
	mkdir -p "$HOME/alpine/tree" "$packages" "$T/mirror/v3.20/community/$machine" "$(dirname "$tarball")"
	cd "$HOME/alpine"
	if [ -e "$T/minirootfs.tar.gz" ]; then
		tar -xzf "$T/minirootfs.tar.gz" -C tree
		for key in key other; do openssl genrsa -out $key 2048 2>/dev/null; done
		openssl rsa -in key -pubout -out tree/etc/apk/keys/ajail-test.rsa.pub 2>/dev/null
		mkdir -p etc
		echo hello >etc/ajail-hello
		tar --owner=12 --group=34 --format=posix \
			--pax-option="APK-TOOLS.checksum.SHA1:=$(sha1sum etc/ajail-hello | cut -d ' ' -f 1)" -czf data etc
		printf '%s\n' 'pkgname = ajail-hello' 'pkgver = 1-r0' 'pkgdesc = of the tests' "arch = $machine" 'size = 6' \
			"datahash = $(sha256sum data | cut -d ' ' -f 1)" >.PKGINFO
		cut_tar .PKGINFO >control
		sign key control | cat - data >"$packages/ajail-hello-1-r0.apk"
		bwrap --bind tree / --proc /proc --ro-bind "$packages" /mnt --bind . /media \
			--setenv PATH /usr/sbin:/usr/bin:/sbin:/bin sh -c \
			'cd /mnt && apk index -o /media/index ./*.apk && apk index -o /media/empty' >/dev/null
		sign key index >"$packages/APKINDEX.tar.gz"
		sign key empty >"$T/mirror/v3.20/community/$machine/APKINDEX.tar.gz"
	else
		mkdir -p tree/bin tree/etc/apk
		cp "$(command -v busybox)" tree/bin/
		for applet in $(busybox --list); do [ "$applet" = busybox ] || ln -s busybox "tree/bin/$applet"; done
		echo hello >"$(dirname "$packages")/ajail-hello"
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
	mkdir -p tree/tmp && chmod 1777 tree/tmp
	rm -f tree/bin/su
	install -m 4755 /dev/null tree/bin/su
	tar --owner=0 --group=0 -czf "$tarball" -C tree .
	sha256sum <"$tarball" | cut -d ' ' -f 1 >"$T/mirror/sum"
}
# alpine ARG...: mkalpine.sh from that mirror, which the first that asks makes
alpine() {
	[ -n "${MIRROR-}" ] || skip "no busybox for a mirror"
	[ -e "$T/mirror/sum" ] || (make_mirror) || return 1
	"$T/mkalpine.sh" -r $release --sha256 "$(cat "$T/mirror/sum")" -m "$MIRROR" "$@"
}

claim 'mkalpine.sh refuses an existing DIR, an unknown user, a release without a sum' mkalpine_refuses
mkalpine_refuses() {
	fails 'something already' "$T/mkalpine.sh" "$P"
	fails 'no such user' "$T/mkalpine.sh" -u nobody-here "$P/x"
	fails '--sha256' "$T/mkalpine.sh" -r 3.20.3 "$P/x"
	fails 'no DIR' "$T/mkalpine.sh"
	fails 'needs a value' "$T/mkalpine.sh" -p
}

claim 'mkalpine.sh makes a root fs of an ordinary user, and a shell in a jail on it' mkalpine_sh_makes_a_root
mkalpine_sh_makes_a_root() {
	alpine x/y
	is "$(cat x/y/etc/apk/repositories)" "$MIRROR/v3.20/main"$'\n'"$MIRROR/v3.20/community"
	is "$(ls x)" y
	is "$(find x ! -uid "$(id -u)" | wc -l)" 0
	is "$(find x \( -perm /6000 -o -type b -o -type c \) | wc -l)" 0
	mkdir ../w
	cd ../w
	is "$(jail --fs="$P/x/y" sh -c 'id -u; ls /bin/busybox')" $'0\n/bin/busybox'
}

claim 'mkalpine.sh makes nothing of a tarball with a wrong sum, and shows both' mkalpine_sh_makes_nothing_of
mkalpine_sh_makes_nothing_of() {
	alpine x
	rm -rf x
	fails "$(cat "$T/mirror/sum"), which should be 00" alpine --sha256 00 "$P/x/y"
	fails 'could not get' alpine -r 3.20.8 "$P/x/y"
}

claim 'mkalpine.sh -p adds packages, of other owners too, and leaves nothing behind of what fails' mkalpine_adds
mkalpine_adds() {
	alpine -p ajail-hello x
	is "$(cat x/etc/ajail-hello)" hello
	rm -rf x
	alpine -p 'ajail-hello, ajail-hello' x
	is "$(cat x/etc/ajail-hello)" hello
	rm -rf x
	fails 'could not add nonsuch' alpine -p nonsuch "$P/x/y"
}

claim 'a package that apk adds in a jail works there, and is gone in the next' a_package_that_apk_adds
a_package_that_apk_adds() {
	alpine x
	mkdir ../w
	cd ../w
	is "$(jail --fs="$P/x" sh -c 'apk add -q --no-cache ajail-hello && cat /etc/ajail-hello')" hello
	is "$(jail --fs="$P/x" sh -c 'cat /etc/ajail-hello 2>/dev/null || echo gone')" gone
	jail --fs="$P/x" --fs-edit apk add -q --no-cache ajail-hello
	is "$(jail --fs="$P/x" cat /etc/ajail-hello)" hello
}

claim 'apk refuses a package index that no key of the root fs has signed' apk_refuses_an_index
apk_refuses_an_index() {
	[ -e "$T/minirootfs.tar.gz" ] || lacks "the real minirootfs: AJAIL_TEST_ALPINE names none"
	finally "cd '$HOME/alpine'; sign key index >'$packages/APKINDEX.tar.gz'"
	(cd "$HOME/alpine" && sign other index >"$packages/APKINDEX.tar.gz")
	fails ' signature' alpine -p ajail-hello "$P/x"
}

claim 'mkbwrap.sh does nothing where a bwrap is new enough' mkbwrap_sh_does_nothing_where
mkbwrap_sh_does_nothing_where() {
	has "$("$T/mkbwrap.sh" "$P/x" 2>&1)" 'nothing to do'
	[ -z "$(ls -A)" ]
}

claim_root 'mkdeb.sh leaves nothing behind of what fails, and shows the end of the log' mkdeb_sh_leaves_nothing_behind
mkdeb_sh_leaves_nothing_behind() {
	command -v debootstrap >/dev/null || lacks debootstrap
	for try in "$P/proj" "-u nobody-here $P/x" "-m http://127.0.0.1:9/ $P/x/y"; do
		mkdir -p proj
	r=0
		# shellcheck disable=SC2086  # a list of words
		out=$("$T/mkdeb.sh" $try 2>&1) || r=$?
		[ $r -gt 0 ]
	is "$(ls -A)" proj
	done
	has "$out" '127.0.0.1:9'
	has "$out" 'debootstrap failed'
}

claim_root 'the root fs of mkdeb.sh has no set-id bit and no device node, and is all of one user' the_root_fs_of_mkdeb
the_root_fs_of_mkdeb() {
	[ -d "$ROOT_FS/etc/apt" ] || lacks "a root fs of mkdeb.sh"
	is "$(find "$ROOT_FS" \( -perm /6000 -o -type b -o -type c \) | wc -l)" 0
	is "$(find "$ROOT_FS" ! -uid "${USER_ID%:*}" | wc -l)" 0
	has "$(cat "$ROOT_FS"/etc/apt/apt.conf.d/*)" 'Sandbox::User "root"'
	has "$(jail cat /etc/hosts 2>&1)" localhost
}

claim_root 'as root, mkalpine.sh -u makes a root fs that is all that user'\''s' as_root_mkalpine_sh_u
as_root_mkalpine_sh_u() {
	chown "$USER_ID" .
	alpine -u "$(id -un "${USER_ID%:*}")" x/y -p ajail-hello
	is "$(cat x/y/etc/ajail-hello)" hello
	is "$(find x ! -uid "${USER_ID%:*}" | wc -l)" 0
}

# ---- What root's scripts do where a user can write. For test.sh, after "as root, mkalpine.sh -u …".
# In make_mirror, before the tarball is made: mkdir -m 1777 tree/tmp && install -m 4755 /dev/null tree/bin/su

# Of a user's directory, ../u, and root's, ../root, which must stay as it is.
# shellcheck disable=SC2154  # set by in_user_dir
in_user_dir() {
	user=$(id -un "${USER_ID%:*}") victim=$(realpath -m ../root)
	mkdir -p ../u "$victim"/{etc,dev,bin,var/cache/apt/archives}
	echo root >"$victim/etc/hosts"
	touch "$victim/dev/null" "$victim/var/cache/apt/archives/kept"
	install -m 4755 /dev/null "$victim/bin/su"
	chown "$USER_ID" ../u
	cd ../u
	victim_is=$(of "$victim")
}
of() { find "$1" -printf '%p %y %m %U:%G %s %T@ %l\n' | sort; }
unchanged() { diff <(echo "$victim_is") <(of "$victim"); }
# debian ARG...: mkdeb.sh with a stand-in of debootstrap, which says where it was to work and runs ../hook there
debian() {
	command -v debootstrap >/dev/null || lacks debootstrap
	[ -e ../hook ] || echo : >../hook
	cat >../debootstrap <<-X
		#!/bin/sh
		echo "\$3" >'$PWD/../at'
		. '$PWD/../hook'
		mkdir -p "\$3" && cd "\$3" && mkdir -p etc/apt/apt.conf.d dev bin var/cache/apt/archives && sleep 0.3
		mkdir -m 1777 tmp
		mkdir -m 2775 var/mail
		install -m 4755 -g 1 /dev/null bin/su
		install -m 666 /dev/null etc/open
		mknod etc/null c 1 3
		sleep 0.3
	X
	chmod +x ../debootstrap
	unshare -m sh -c 'mount --bind "$1" "$(PATH=/usr/sbin:/usr/bin command -v debootstrap)" && shift && exec "$@"' \
		sh "$PWD/../debootstrap" "$T/mkdeb.sh" "$@"
}
# closed DIR UID: it belongs to UID alone, and others can neither reach nor, if they could, change or use it
closed() {
	is "$(stat -c '%a %u' "$1")" "700 $2"
	is "$(find "$1" ! -uid "$2" -o ! -gid "$(id -g "$2")" -o ! -type l -perm /7022 -o -type b -o -type c)" ''
}

claim_root 'symlinks that a user has planted lead root'\''s scripts nowhere, whatever number they get' planted
planted() {
	in_user_dir
	local first name
	first=$(sh -c 'echo $$')
	for name in x y; do
		as_user perl -e 'for my $n ($ARGV[2] .. $ARGV[2] + 500) {
			symlink $ARGV[0], "$ARGV[1].new.$n"; symlink "$ARGV[0]/etc/hosts", "$ARGV[1].new.$n$_" for ".log", ".tar" }' \
			"$victim" $name "$first"
	done
	{ debian -u "$user" "$PWD/x" && alpine -u "$user" "$PWD/y"; } || :
	unchanged
	closed x "${USER_ID%:*}"
	closed y "${USER_ID%:*}"
	not test -e "$(cat ../at)"
}

claim_root 'a user who swaps a directory for a symlink while root'\''s scripts work leads them nowhere' swapped_for_root
swapped_for_root() {
	in_user_dir
	as_user mkdir p
	setpriv --reuid="${USER_ID%:*}" --clear-groups timeout 60 perl -e 'while (1) { rename "p", "q"; symlink $ARGV[0], "p"; select undef, undef, undef, 0.01;
		unlink "p"; rename "q", "p"; select undef, undef, undef, 0.01 }' "$victim" & loop=$!
	finally "kill $loop; wait $loop || :"
	for _ in 1 2 3 4; do
		debian -u "$user" "$PWD/p/x" || :
		alpine -u "$user" "$PWD/p/y" || :
		unchanged
		not test -e "$(cat ../at)"
	done
}

claim_root 'a DIR that exists by then stays as it is, for root'\''s mkdeb.sh' exists_by_then
exists_by_then() {
	in_user_dir
	for it in 'mkdir x' 'mkdir x; touch x/f' 'ln -s . x' 'touch x' 'ln -s nowhere x'; do
		echo "cd '$PWD' && setpriv --reuid=${USER_ID%:*} --clear-groups sh -c '$it; stat -c %i x >../was'" >../hook
		chmod 777 ..
		has "$(debian -u "$user" "$PWD/x" 2>&1 || echo "status $?")" $'there is something by now\n'
		is "$(stat -c %i x)" "$(cat ../was)"
		is "$(ls -A)" x
		is "$(find -P x -mindepth 1)" "$(case $it in *x/f) echo x/f ;; esac)"
		rm -r x
	done
}

claim 'a DIR that exists by then stays as it is, for mkalpine.sh' alpine_exists_by_then
alpine_exists_by_then() {
	mkdir ../bin
	for it in 'mkdir x' 'mkdir x; touch x/f' 'ln -s . x' 'touch x' 'ln -s nowhere x'; do
		printf '%s\n' '#!/bin/sh' "cd '$P' && $it; exec $(command -v curl) \"\$@\"" >../bin/curl
		chmod +x ../bin/curl
		has "$(PATH=$P/../bin:$PATH alpine x 2>&1 || echo "status $?")" $'there is something by now\nstatus 1'
		is "$(ls -A)" x
		is "$(find -P x -mindepth 1)" "$(case $it in *x/f) echo x/f ;; esac)"
		rm -r x
	done
}

claim_root 'the umask, the set-group-id bit of a parent and ~/.ajail open to all leave no root fs of root'\''s scripts open' open_to_all
open_to_all() {
	in_user_dir
	for mask in 0 777; do
		mkdir -m 2777 $mask
		chown "${USER_ID%:*}:0" $mask && chmod g+s $mask
		(umask $mask; debian -u "$user" "$PWD/$mask/new/x"; alpine -u "$user" -p ajail-hello "$PWD/$mask/new/y")
		closed $mask/new/x "${USER_ID%:*}"
		closed $mask/new/y "${USER_ID%:*}"
		is "$(stat -c %a $mask/new | tail -c 4)" 700
	done
	is "$(stat -c %a 777/new/y/tmp 777/new/x/tmp 777/new/x/etc/hosts)" $'755\n755\n644'
}

claim 'nor of an ordinary user'\''s' alpine_open_to_all
alpine_open_to_all() {
	export HOME=$P
	mkdir -m 777 .ajail
	for mask in 0 777; do
		(umask $mask; alpine "$P/.ajail/fs/$mask")
		closed .ajail/fs/$mask "$(id -u)"
		is "$(stat -c %a .ajail .ajail/fs)" $'700\n700'
	done
	SUDO_USER=root alpine -p ajail-hello z
}

claim_root 'root'\''s scripts run nothing of a user'\''s, and what runs as the user has no terminal of root'\''s' root_runs_nothing
root_runs_nothing() {
	in_user_dir
	terminal
	debian -h >/dev/null && alpine -h >/dev/null # makes what they need
	mkdir ../bin
	for name in id env sed tar mkdir mktemp chmod chown chgrp find mv rm curl cat getent setsid setpriv debootstrap ajail; do
		printf '%s\n' '#!/bin/sh' '(: </dev/tty) 2>/dev/null && tty=terminal' \
			"echo $name \$(/usr/bin/id -u) \$tty \$SECRET \$(/usr/bin/pwd) >>'$PWD/ran'" \
			"exec \$(PATH=/usr/sbin:/usr/bin:$T/bin command -v $name) \"\$@\"" >"../bin/$name"
	done
	install -m 666 /dev/null ran
	chmod 755 ../bin/*
	export PATH=$PWD/../bin:$PATH SECRET=secret TMPDIR=$PWD DEBOOTSTRAP_DIR=$PWD TAR_OPTIONS=--to-command=false
	export -f debian alpine lacks
	export release user
	script -qec 'debian -u $user "$PWD/x" && alpine -u $user -p ajail-hello "$PWD/y"' ../typescript
	# What the tests themselves run as root.
	grep -v "^\(cat\|mkdir\|chmod\) 0 terminal secret $PWD$" ran >../ran || :
	is "$(grep " 0\b" ../ran)" ''
	hasnt "$(cat ../ran)" terminal
	hasnt "$(cat ../ran)" secret
	has "$(cat ../ran)" "ajail ${USER_ID%:*}"
	hasnt "$(cat ../at)" "$P"
	closed x "${USER_ID%:*}"
	closed y "${USER_ID%:*}"
}

claim_root 'who calls sudo owns the root fs; root'\''s own is not made where others could change the way to it' by_sudo
by_sudo() {
	in_user_dir
	SUDO_USER=$user debian x
	closed x "${USER_ID%:*}"
	for try in debian alpine; do
		has "$($try "$PWD/z" 2>&1 || echo "status $?")" "others than root can change $PWD: name its user with -u"
	done
	for try in debian alpine; do
		has "$($try -u "$user" "$HOME/z" 2>&1 || echo "status $?")" "$user cannot write in $HOME"
	done
	has "$("$T/mkbwrap.sh" --apparmor $'/x"y' 2>&1 || echo "status $?")" $'no such program\nstatus 1'
	install -m 755 /dev/null 'a"{b'
	has "$("$T/mkbwrap.sh" --apparmor 'a"{b' 2>&1 || echo "status $?")" 'as another path'
	# Without one that is new enough on root's PATH.
	mkdir -p bin
	install -m 755 /dev/null "$victim/bin/bwrap"
	for at in . "$victim/../u" /tmp/../"$PWD"; do
		has "$(unshare -m sh -c 'for it in /usr/local/bin/bwrap /usr/bin/bwrap; do
			[ ! -e $it ] || mount --bind "$0/bin/bwrap" $it; done; exec "$@"' "$victim" "$T/mkbwrap.sh" "$at" 2>&1)" \
			"others than root can change $PWD"
	done
}

claim_root 'what interrupts root'\''s scripts ends what runs as the user, and leaves nothing' interrupted
interrupted() {
	in_user_dir
	mkdir ../bin
	printf '%s\n' '#!/bin/sh' 'exec sleep 61.7' >../bin/curl
	chmod +x ../bin/curl
	for signal in INT TERM; do
		PATH=$PWD/../bin:$PATH setsid env --default-signal=INT "$T/mkalpine.sh" -r 3 --sha256 0 -u "$user" "$PWD/a/b/x" & it=$!
		for _ in $(seq 50); do [ "$(left 61.7)" = 0 ] || break; sleep 0.1; done
		is "$(left 61.7)" 1
		kill -$signal -- -$it
		ends 130 wait $it
		is "$(left 61.7)" 0
		is "$(ls -A)" ''
	done
}


# ---- The documents.

claim 'README.md has at most 150 lines, and no document has one of more than 120 characters' document_lines
document_lines() {
	[ "$(wc -l <"$T/README.md")" -le 150 ]
	# A row of a table is one line.
	not env LC_ALL=C.UTF-8 grep -nE '^[^|].{120}' "$T/README.md" "$T/SECURITY.md" "$T/RECIPES.md"
}

claim 'each function that SECURITY.md names is one of main.rs, and its words find claims' promises
promises() {
	local names words name word rows=0
	# The claims as WORD is compared with them.
	sed -nE "s/^claim(_root|_both)? '(.*)' [a-z0-9_]+\$/\2/p" "$T/test.sh" | sed "s/'\\\\''/'/g" >../claims
	[ "$(wc -l <../claims)" -gt 100 ]
	while IFS='|' read -r _ _ names words _; do
		for name in $(grep -oE '`[^`]+`' <<<"$names" | tr -d '`'); do
			grep -qE "fn ${name}(\(|<)" "$T/main.rs" || not echo "no function: $name"
		done
		grep -oE '`[^`]+`' <<<"$words" | tr -d '`' >../words
		[ -s ../words ]
		while read -r word; do
			grep -qF -e "$word" ../claims || not echo "no claim: $word"
		done <../words
		rows=$((rows + 1))
	done < <(sed -n '/^| Promise /,/^$/p' "$T/SECURITY.md" | sed '1,2d; /^$/d')
	[ $rows -gt 30 ]
	# And those of the text.
	grep -ohE "test\.sh '[^']+'" "$T/README.md" "$T/SECURITY.md" | cut -d "'" -f 2 >../words
	while read -r word; do
		[ "$word" = WORDS ] || grep -qF -e "$word" ../claims || not echo "no claim: $word"
	done <../words
}

claim 'each message of ajail in RECIPES.md is one of main.rs' messages
messages() {
	local message part n=0
	while read -r message; do
		# The three dots stand for a name.
		while read -r part; do
			grep -qF -e "$part" "$T/main.rs" || not echo "no message: $part"
		done <<<"${message//…/$'\n'}"
		n=$((n + 1))
	done < <(sed -n '/^### Messages of ajail/,/^### Messages of bwrap/s/^- `\([^`]*\)`.*/\1/p' "$T/RECIPES.md")
	[ $n -gt 30 ]
}

claim 'every option that RECIPES.md and SECURITY.md name is one of --help' recipe_options
recipe_options() {
	ajail --help | grep -oE '^  --[a-z-]+' | tr -d ' ' | sort -u >../options
	# Those in $(…) are of other programs.
	cat "$T/RECIPES.md" "$T/SECURITY.md" "$T/README.md" | sed 's/\$([^)]*)/X/g' | grep -oE 'ajail( --[a-z-]+[^ `]*)+' |
		grep -oE -- ' --[a-z-]+' | tr -d ' ' | sort -u >../named
	[ "$(wc -l <../named)" -gt 9 ]
	not grep -vxFf ../options ../named
}

claim 'every script prints its usage for -h and --help' script_help
script_help() {
	for script in mkalpine mkdeb mkbwrap test; do
		has "$("$T/$script.sh" --help)" "usage: $script.sh"
		is "$("$T/$script.sh" -h)" "$("$T/$script.sh" --help)"
	done
}

claim 'an ordinary user makes a Debian root fs in a jail, and apt works in it' mkdeb_in_a_jail
mkdeb_in_a_jail() {
	apt_in_fs
	mkdir ../w
	PATH=$T/bin:$PATH "$T/mkdeb.sh" -j "$FS/default" -p jq "$P/x/y"
	is "$(find x ! -uid "$(id -u)" | wc -l)" 0
	is "$(find x \( -perm /6000 -o -type b -o -type c \) | wc -l)" 0
	cd ../w
	is "$(jail --fs="$P/x/y" sh -c 'apt-get check -qq && jq -n 1+1')" 2
}

claim 'what fails in that jail, or is interrupted, leaves nothing behind' mkdeb_fails_in_a_jail
mkdeb_fails_in_a_jail() {
	apt_in_fs
	fails 'No such script: /usr/share/debootstrap/scripts/nosuch' "$T/mkdeb.sh" -j "$FS/default" -s nosuch "$P/x/y"
	terminal
	(sleep 4; printf '\003'; sleep 2) |
		timeout 60 script -qec "trap : INT; '$T/mkdeb.sh' -j '$FS/default' '$P/x/y'; echo status \$?" ../out
	has "$(cat ../out)" 'status 130'
	is "$(ls -A)" ''
	is "$(find "$HOME/.ajail" -maxdepth 1 -name '*.new.*')" ''
}

# ---- The bench: all commands of a comparison in turn, and their medians.

bench() {
	local binds=() mounts=() path
	mkdir "$HOME/bench" && cd "$HOME/bench" || exit 1
	time_of() { # time_of NAME COMMAND...: into the file NAME, in microseconds
		local name=$1 start=${EPOCHREALTIME/[.,]/}; shift
		"$@" >/dev/null 2>&1
		echo $((${EPOCHREALTIME/[.,]/} - start)) >>"$HOME/$name"
	}
	median() { sort -n "$HOME/$1" | sed -n "$((($(wc -l <"$HOME/$1") + 1) / 2))p"; }
	row() { # row TEXT NAME OTHER
		printf '%-44s %8d us   %s\n' "$1" "$(median "$2")" \
			"$(awk "BEGIN { printf \"%.2f\", $(median "$2") / $(median "$3") }")"
	}
	# The same mounts and options, by bwrap alone; with neither filter nor Landlock.
	alone() {
		bwrap --unshare-all --share-net --unshare-user --unshare-cgroup --disable-userns --uid 0 --gid 0 --cap-drop ALL \
			--hostname localhost --overlay-src "$FS/default" --tmp-overlay / --dev /dev --proc /proc --tmpfs /proc/1 \
			--tmpfs /tmp --tmpfs /run --dir /run/lock --ro-bind /etc/resolv.conf /etc/resolv.conf --bind "$PWD" "$PWD" "$@"
	}
	for _ in $(seq 300); do
		time_of alone alone true
		time_of dynamic ajail --quiet true
		[ ! -x "$T/bin/ajail-static" ] || time_of static ajail-static --quiet true
	done
	row 'true, bwrap with the same mounts' alone alone
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
	# Many places, and a lock far down.
	cd ../bench && mkdir -p ../places/{1..100} && path=$(printf 'd/%.0s' {1..200}) && mkdir -p "$path" || exit 1
	for n in {1..100}; do binds+=(--bind "$HOME/places/$n" "/m/$n") mounts+=("--mount=$HOME/places/$n,/m/$n,rw"); done
	for _ in {1..20}; do
		time_of hundred_alone alone "${binds[@]}" true
		time_of hundred ajail --quiet "${mounts[@]}" true
		time_of deep ajail --quiet --rol="$path" true
	done
	row '100 directories, bwrap' hundred_alone alone
	row '100 directories, ajail: --mount' hundred hundred_alone
	row 'a lock 200 directories down, ajail: --rol' deep alone
	if command -v strace >/dev/null; then
		strace -o "$HOME/calls" ajail --quiet true
		echo "system calls of ajail itself: $(wc -l <"$HOME/calls")"
	fi
	for it in ajail ajail-static; do
		[ ! -x "$T/bin/$it" ] || echo "size of $it: $(stat -c %s "$T/bin/$it") bytes"
	done
}

if [ "$STAGE" = bench ]; then
	bench
	exit
fi
for i in "${!CLAIMS[@]}"; do
	run "${CLAIMS[i]}" "${CASES[i]}"
done
