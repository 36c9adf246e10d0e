//! ajail runs a program you don't completely trust in a jail made by bubblewrap (bwrap).
//!
//! It promises that the program
//! - sees a root file system (root fs) of its own, the current directory, and what you name. It
//!   reaches no other file of the host, and no process, variable, descriptor or abstract socket. It
//!   cannot use a key of yours. With the network it gets a copy of /etc/resolv.conf;
//! - cannot write what is locked, and cannot see what is hidden;
//! - has no privilege, even where root runs ajail;
//! - leaves only this behind: changes in what the status calls "kept", a clone, and what it pushed;
//! - ends when ajail ends. This holds from its first millisecond on. Ctrl-C is the program's.
//!
//! It trusts the kernel, bwrap, the root fs, and the directories on your PATH.
//!
//! It does not stop the following. SECURITY.md has more of each, and what to do instead.
//! - The program can leave files in a writable directory. You, or another user, may run them.
//! - The program can send out what it sees, and use servers on localhost, unless --no-net is given.
//! - The program can use what it is given as you can: sockets, FIFOs, devices, other hard links of
//!   files, the terminal, and what descriptors 0 to 2 lead to.
//! - The program can use up memory, disk, and what the kernel counts for each user. It can use the
//!   kernel's flaws.
//! - The host can put another file in the place of a locked or hidden one. The jail can use that.
//! - With --clone the program can read all of .git, damage its objects, and move its branches.
//! - --userns, --cap-add and --bw weaken the jail. So does Linux before 6.12: there the program
//!   reaches abstract sockets, and signals your process group.
//! - Before Linux 6.6 discarded changes lie on disk. If ajail is killed, the next one removes them.

use std::ffi::{CStr, CString, OsStr, OsString};
use std::fs::{self, DirBuilder, File, Metadata, Permissions};
use std::io::{self, ErrorKind::*, Read, Seek, Write};
use std::os::unix::{fs::DirBuilderExt, prelude::*};
use std::path::{Path, PathBuf};
use std::process::{self, Command};
use std::{collections::BTreeMap, env, fmt::Display, mem};

const USAGE: &str = "\
usage: ajail [OPTION]... [--] [COMMAND [ARG]...]

Runs COMMAND, or sh, in a jail. Its root is an immutable root fs under a temporary overlay. Of the
host it sees the current directory, which it may write, and what the options name.

  --fs=ROOT_FS            the root fs: a name in ~/.ajail/fs/ (default: default), or /a/path
  --fs-edit[=DIR]         keep changes to the root fs, or only to DIR in it
  --home-edit[=SUBDIR]    keep changes to the jail's home, /root, or only to SUBDIR in it
  --rw[=PATH]             PATH (without it: the current directory) is writable, changes are kept
  --ro[=PATH]             PATH can be changed, but the changes are discarded when the jail ends
  --rol[=PATH]            PATH is read-only: writing to it fails (locked)
  --hide[=PATH]           PATH is empty; what is written there is discarded when the jail ends
  --dev=DEV               a device of the host, as --dev=/dev/kvm
  --mount=SRC,DST[,KIND]  show SRC at DST; KIND is ro (the default), rol, rw, hide or dev
  --clone[=NAME]          work in a clone of this repository: a new one, or the one called NAME
  --no-net                no network
  --net                   the host's network, its localhost included (the default)
  --userns                let the jail make user namespaces, which weakens it
  --cap-add=CAP           give the jail a capability (over its namespaces only with --userns)
  --bw=ARG                one more argument for bwrap, after ajail's (what it binds is read-only)
  --bwrap-bin=BIN         the bwrap to run
  --dry-run               print what is mounted and what bwrap is told, and run nothing
  --quiet                 print no status, and no warning of what this kernel lacks
  --help                  print this (as -h does)
  --version               print the version

Of several options for one path, the last counts. An option for a directory cancels earlier --rw and
--ro for paths in it, as --ro=a does with --rw=a/b, but never --rol and --hide. An option for the
current directory cancels nothing.
Environment: AJAIL_ARGS      options, separated by ';', taken before those of the command line. Of
                             them, a path that is not there is skipped, and the status says so
             AJAIL_ENV_NAME  given to the jail as NAME. Of all others it gets only TERM, COLORTERM,
                             TERM_PROGRAM and TERM_PROGRAM_VERSION
Exit status: COMMAND's; 128+n if signal n ended it; 127 if there is no such COMMAND, 126 if it
             cannot be run; 125 if ajail refuses; 1 if bwrap fails
Example:     ajail --rol=.git --hide=.env sh  a shell that works here, but not on .git or .env
";

/// All that is known of the jail, by the section below that finds it out.
#[derive(Default)]
struct Jail {
    // 1. What is asked for.
    cwd: PathBuf,
    fs: OsString,
    places: Places,
    clone: Option<OsString>, // its name, or nothing for a new one
    net: bool,
    userns: bool,
    bwrap_bin: OsString,
    extra: Vec<OsString>, // arguments for bwrap
    last: OsString,       // the option before the command
    dry_run: bool,
    quiet: bool,
    command: Vec<OsString>,
    // 2. What it is made of.
    dot_ajail: PathBuf,
    root_fs: PathBuf,
    bwrap: PathBuf,
    // No writable place may meet one of these ways: those to bwrap, ajail and the root fses.
    off_limits: Vec<Way>,
    // Nor this one, unless it is a clone.
    way_to_dot_ajail: Way,
    // 3. What you are told.
    status: String,
}

/// What the jail sees where. A map is in order: a place comes after the place around it.
type Places = BTreeMap<PathBuf, Place>;

struct Place {
    kind: Kind,
    src: PathBuf,
    in_root_fs: bool,
    if_there: bool, // else it is skipped: not every project and root fs has it
    silent: bool,   // nobody asked for it
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Writable, // --rw
    Overlaid, // --ro
    Locked,   // --rol
    Hidden,   // --hide
    Device,   // --dev
}
use Kind::*;

fn main() {
    end(run().unwrap_or_else(|refusal| refuse(&refusal)))
}

fn refuse(refusal: &str) -> i32 {
    let _ = writeln!(io::stderr(), "ajail: {refusal}"); // eprintln! panics if nobody reads
    125
}

fn end(status: i32) -> ! {
    if let 130 | 131 = status {
        // SIGINT or SIGQUIT ended the program (or it says so). If the signal ends ajail, too, a
        // shell's loop stops.
        signal(status - 128, SIG_DFL);
        raise(status - 128);
    }
    process::exit(status)
}

fn run() -> Result<i32, String> {
    // Besides 0 to 2, whatever is open, a directory above all, would be a way to the host's files.
    about("close_range", call("close_range", &[3, 0xffff_ffff]))?;
    for fd in ["/proc/self/fd/0", "/proc/self/fd/1", "/proc/self/fd/2"] {
        require(!Path::new(fd).is_dir(), fd, "a directory is no input or output")?;
    }
    let mask = umask(0o022); // for what ajail makes. The program gets the caller's.
    signal(SIGCHLD, SIG_DFL); // a caller may have it ignored, which loses a child's status
    let mut jail = parse()?;
    // The kernel itself uses the keys of a session keyring, whatever the filter says. A kernel
    // that has no keys is fine.
    if let Err(error) = call("keyctl", &[KEYCTL_JOIN_SESSION_KEYRING]) {
        let why =
            format!("{error}: is your quota of keys used up (/proc/key-users), or keyctl denied?");
        require(error.kind() == Unsupported, "keyring", &why)?;
    }
    // As it starts, bwrap has a /proc of the host open, in which root may write.
    let refused = jail.userns && getuid() == 0;
    require(!refused, "--userns", "not as root, as the jail could reach the host's settings")?;
    look_at_host(&mut jail)?;
    add_places(&mut jail);
    if let Some(name) = jail.clone.take() {
        let dir = make_clone(&jail, name)?;
        show_clone(&mut jail, &dir);
    }
    namespaces()?;
    let opened = open_places(&mut jail)?;
    let landlock = cut_ties(&mut jail);
    if jail.dry_run {
        return dry_run(&jail);
    }
    let disk = upper_on_disk(&mut jail);
    let mut stage = about("mounts", prepare_stage(&disk))?;
    for (dst, place, file) in opened {
        about(dst.clone(), stage.mount(dst, place, file))?;
    }
    start(&jail, &stage, mask, landlock)
}

fn print(text: &str) -> Result<i32, String> {
    let written = io::stdout().write_all(text.as_bytes());
    about("output", written)?;
    Ok(0)
}

/// Turns an error into a refusal of one line: WHAT, quoted, and why.
fn about<T, E: Display>(what: impl AsRef<OsStr>, result: Result<T, E>) -> Result<T, String> {
    result.map_err(|why| format!("{}: {why}", quoted(what)))
}

fn require(fine: bool, what: impl AsRef<OsStr>, why: &str) -> Result<(), String> {
    if fine { Ok(()) } else { about(what, Err(why)) }
}

/// WORD as bash reads it. What a terminal may act on, rather than show, is escaped.
fn quoted(word: impl AsRef<OsStr>) -> String {
    let plain = |c: char| c.is_alphanumeric() || "/._-+=,:@%".contains(c);
    let word = word.as_ref();
    match word.to_str() {
        Some(text) if !text.is_empty() && text.chars().all(plain) => text.into(),
        _ => format!("$'{}'", word.as_bytes().escape_ascii()),
    }
}

// ---- 1. Words become options. Nothing here looks at a file system, but for a forgotten =.

fn parse() -> Result<Jail, String> {
    let mut jail = Jail {
        cwd: about("current-directory", env::current_dir())?,
        fs: "default".into(),
        net: true,
        bwrap_bin: "bwrap".into(),
        command: vec!["sh".into()],
        ..Jail::default()
    };
    let words = env::var_os("AJAIL_ARGS").unwrap_or_default();
    for word in words.as_bytes().split(|b| *b == b';') {
        let word = OsStr::from_bytes(word.trim_ascii());
        if !word.is_empty() {
            parse_option(&mut jail, word)?;
        }
    }
    for place in jail.places.values_mut() {
        place.if_there = true;
    }
    let mut argv = env::args_os().skip(1).peekable();
    while let Some(word) = argv.next_if(|word| word.as_bytes().starts_with(b"-")) {
        jail.last = word.clone();
        if word == "--" {
            break;
        }
        parse_option(&mut jail, &word)?;
    }
    if let Some(next) = argv.peek() {
        let takes_path = matches!(jail.last.to_str(), Some("--rw" | "--ro" | "--rol" | "--hide"));
        let name = quoted(&jail.last);
        let why = format!("did you mean {name}={0}? To run it: {name} -- {0}", quoted(next));
        require(!takes_path || !Path::new(next).exists(), &jail.last, &why)?;
        jail.command = argv.collect();
    }
    Ok(jail)
}

fn parse_option(jail: &mut Jail, word: &OsStr) -> Result<(), String> {
    let halves = word.as_bytes().splitn(2, |b| *b == b'=');
    let mut halves = halves.map(OsStr::from_bytes);
    let name = halves.next().and_then(OsStr::to_str).unwrap_or_default();
    let value = halves.next();
    let text = value.unwrap_or_default();
    require(value != Some(OsStr::new("")), word, "nothing after the =")?;
    match (name, value) {
        ("--fs", Some(_)) => jail.fs = text.into(),
        ("--fs-edit" | "--home-edit", _) => {
            let base = if name == "--fs-edit" { "/" } else { "/root" };
            let dst = clean(base, text);
            require(dst.starts_with(base), word, "not in the jail's home, /root")?;
            jail.places.insert(dst, in_root_fs(Writable));
        }
        ("--rw" | "--ro" | "--rol" | "--hide", _) | ("--dev" | "--mount", Some(_)) => {
            let parsed = parse_place(jail, name, value.unwrap_or(".".as_ref()));
            about(
                word,
                parsed.ok_or(
                    "write it as --mount=SRC,DST,KIND (rw, ro, rol, hide, dev), or --dev=/dev/NAME",
                ),
            )?;
        }
        ("--clone", _) => jail.clone = Some(text.into()),
        ("--net" | "--no-net", None) => jail.net = name == "--net",
        ("--userns", None) => jail.userns = true,
        ("--cap-add", Some(_)) => jail.extra.extend([name.into(), text.into()]),
        ("--bw", Some(_)) => jail.extra.push(text.into()),
        ("--bwrap-bin", Some(_)) => jail.bwrap_bin = text.into(),
        ("--dry-run", None) => jail.dry_run = true,
        ("--quiet", None) => jail.quiet = true,
        ("--help" | "-h", None) => end(print(USAGE)?),
        ("--version", None) => end(print(concat!("ajail ", env!("CARGO_PKG_VERSION"), "\n"))?),
        ("--fs" | "--dev" | "--mount" | "--cap-add" | "--bw" | "--bwrap-bin", None) => {
            return about(word, Err("write a = and the value behind it: see ajail --help"));
        }
        _ => return about(word, Err("no such option, or none with a value: see ajail --help")),
    }
    Ok(())
}

fn parse_place(jail: &mut Jail, name: &str, value: &OsStr) -> Option<()> {
    let words = value.as_bytes().split(|b| *b == b',');
    let words: Vec<_> = words.map(OsStr::from_bytes).collect();
    let (src, dst, kind) = match words[..] {
        _ if name != "--mount" => (value, value, &name[2..]), // --rw=PATH: --mount=PATH,PATH,rw
        [src, dst] => (src, dst, "ro"),
        [src, dst, kind] => (src, dst, kind.to_str()?),
        _ => return None,
    };
    if src.is_empty() || dst.is_empty() {
        return None;
    }
    let [src, dst] = [src, dst].map(|path| clean(&jail.cwd, path));
    let kind = match kind {
        "rw" => Writable,
        "ro" => Overlaid,
        "rol" => Locked,
        "hide" => Hidden,
        // /dev/shm has no devices, but files of everybody's.
        "dev" if src.starts_with("/dev") && !src.starts_with("/dev/shm") => Device,
        _ => return None,
    };
    if dst != jail.cwd {
        // It takes back what earlier options gave inside it. What they locked or hid stays so, and
        // so does what they said of the current directory. (DST itself is replaced below.)
        jail.places.retain(|inner, place| {
            let stays = *inner == jail.cwd || matches!(place.kind, Locked | Hidden);
            stays || !inner.starts_with(&dst)
        });
    }
    jail.places.insert(dst, of_host(kind, src));
    Some(())
}

/// PATH below BASE, or PATH if it is absolute. Each .. is resolved as it is spelled.
fn clean(base: impl AsRef<Path>, path: impl AsRef<Path>) -> PathBuf {
    let mut clean = PathBuf::new();
    let path = base.as_ref().join(path);
    for part in path.components() {
        if part.as_os_str() == ".." {
            clean.pop();
        } else {
            clean.push(part);
        }
    }
    clean
}

// ---- 2. The host: what the jail is made of.

/// What the kernel knows a file by, whatever its path: device and inode.
type Id = (u64, u64);

/// All that the kernel passes on its way to a file, and the file itself at the end: the directories
/// on the path and, where one is a symlink, those on the path that it leads to, and so on. Whoever
/// may write in one of them could have the path lead to another file.
type Way = Vec<Id>;

/// The way to /a/l/x, where l leads to /b: /, /a, / again, /b, /b/x.
fn way_to(path: &Path) -> Way {
    let mut way = vec![];
    walk(path, &mut way);
    way
}

fn walk(path: &Path, way: &mut Way) {
    let mut dir = PathBuf::new();
    for part in path.components() {
        dir.push(part);
        match dir.symlink_metadata() {
            // A symlink may lead in a circle: after 999 steps none is followed any more.
            Ok(meta) if meta.is_symlink() && way.len() < 999 => {
                let target = dir.read_link().unwrap_or_default();
                walk(&dir.with_file_name(target), way); // from / on, if it is absolute
                dir = dir.canonicalize().unwrap_or(dir); // the rest of PATH is there
            }
            Ok(meta) => way.push((meta.dev(), meta.ino())),
            Err(_) => way.push((0, 0)), // it is not there. No place that is mounted has this
        }
    }
}

/// Whether one lies on the way to the other. Whoever can write to the one can replace the other.
fn meet(one: &Way, other: &Way) -> bool {
    let on = |end: &Way, way: &Way| end.last().is_some_and(|id| way.contains(id));
    on(one, other) || on(other, one)
}

fn find_bwrap(name: &OsStr) -> Result<PathBuf, String> {
    let path = env::var_os("PATH").unwrap_or_default();
    let dirs = env::split_paths(&path).filter(|dir| dir.is_absolute());
    // "/" is for a --bwrap-bin=/a/path, which join leaves as it is.
    let mut bins = dirs.chain(["/".into()]).map(|dir| dir.join(name));
    let bwrap = bins.find(|bin| bin.is_file());
    let why = format!("not on your PATH, {}: see mkbwrap.sh, or --bwrap-bin=", quoted(&path));
    about(name, bwrap.ok_or(why))
}

fn look_at_host(jail: &mut Jail) -> Result<(), String> {
    jail.bwrap = find_bwrap(&jail.bwrap_bin)?;
    let bwrap = way_to(&jail.bwrap);
    let dot_ajail = clean("/", env::var_os("HOME").unwrap_or_default()).join(".ajail");
    let root_fses = dot_ajail.join("fs");
    let root_fs = root_fses.join(&jail.fs);
    let why = "no root fs there: see $HOME/.ajail/fs. mkdeb.sh and mkalpine.sh make one";
    require(root_fs.is_dir(), &root_fs, why)?;
    // An overlay's copies keep the owner. No file of another user's could be changed.
    let mine = about(&root_fs, root_fs.metadata())?.uid() == getuid();
    require(mine, &root_fs, "no root fs of yours, but another user's")?;
    for dir in [&jail.cwd, &root_fs] {
        require(
            !meet(&way_to(dir), &bwrap),
            &jail.bwrap,
            "it lies in this directory or in the root fs, where a jail may put it: cd elsewhere",
        )?;
    }
    jail.way_to_dot_ajail = way_to(&dot_ajail);
    jail.off_limits = vec![bwrap];
    for path in [Path::new("/proc/self/exe"), &root_fses, &root_fs] {
        jail.off_limits.push(way_to(path));
    }
    for entry in fs::read_dir(root_fses).into_iter().flatten().flatten() {
        let kind = entry.file_type();
        if kind.is_ok_and(|kind| kind.is_symlink()) {
            jail.off_limits.push(way_to(&entry.path())); // a root fs that lies elsewhere
        }
    }
    jail.root_fs = about(&root_fs, root_fs.canonicalize())?;
    jail.dot_ajail = dot_ajail.canonicalize().unwrap_or(dot_ajail);
    // Other users could put files where a root fs lets everybody write, as in its /tmp, or run a
    // set-id file that a jail left there.
    let closed = |dir: &Path| {
        let meta = dir.metadata();
        meta.is_ok_and(|meta| meta.mode() & 0o77 == 0)
    };
    let inside = jail.root_fs.starts_with(&jail.dot_ajail);
    let unreachable = closed(&jail.root_fs) || (inside && closed(&jail.dot_ajail));
    let why = "other users can enter it: chmod 700 it, or ~/.ajail if it is there";
    require(unreachable, &jail.root_fs, why)
}

// ---- 3. Places: what is to be seen where.

fn of_host(kind: Kind, src: PathBuf) -> Place {
    Place { kind, src, in_root_fs: false, if_there: false, silent: false }
}

/// Its source is the same path there.
fn in_root_fs(kind: Kind) -> Place {
    Place { in_root_fs: true, ..of_host(kind, PathBuf::new()) }
}

impl Jail {
    fn say(&mut self, what: impl AsRef<OsStr>, how: &str) {
        self.status += &format!("ajail: {}: {how}\n", quoted(what));
    }
}

fn add_places(jail: &mut Jail) {
    let Jail { places, cwd, root_fs, .. } = jail;
    places.entry(cwd.clone()).or_insert(of_host(Writable, cwd.clone()));
    places.entry("/".into()).or_insert(in_root_fs(Overlaid));
    for dir in ["/tmp", "/run", "/run/lock"] {
        // Fresh ones, if the root fs has them.
        let fresh = Place { if_there: true, silent: true, ..in_root_fs(Hidden) };
        places.entry(dir.into()).or_insert(fresh);
    }
    if let (true, Ok(src)) = (jail.net, fs::canonicalize("/etc/resolv.conf")) {
        // Where the root fs has a symlink, as to systemd's, what it leads to counts. (A jail may
        // have made one that leads into a project.)
        let link = fs::read_link(root_fs.join("etc/resolv.conf")).unwrap_or_default();
        let led = clean("/etc", link);
        let dst = if led.starts_with("/run") { led } else { "/etc/resolv.conf".into() };
        places.entry(dst).or_insert(of_host(Overlaid, src));
    }
}

// ---- 4. A clone. git runs in a jail as well, as it trusts a configuration that a jail may have
// written. It copies all: through hard links the jail could write to the repository's own files.

/// Its arguments: the repository as messages name it, the branch, the repository's .git.
const MAKE_CLONE: &str = "what=$1 branch=$2 origin=/ajail/origin # where later jails have it, too
mkdir -p /ajail && { rmdir $origin 2>/dev/null; ln -s \"$3\" $origin; } || exit 125
refuse() { # without control codes, which a jail may have written
    printf 'ajail: %s: %s' \"$1\" \"$2\" | tr -cd ' -~' >&2
    echo >&2
    exit 125
}
# The configuration is to have nothing fetched from elsewhere.
export GIT_NO_LAZY_FETCH=1 GIT_ALLOW_PROTOCOL=file
command -v git >/dev/null ||
    refuse \"$what\" 'no git in the root fs: ajail --fs-edit apk add git, or apt-get install -y git'
[ -d $origin ] || refuse \"$what\" '.git is no directory: cd to the main worktree'
[ -O $origin ] || refuse \"$what\" 'it belongs to another user'
[ ! -s $origin/objects/info/alternates ] ||
    refuse \"$what\" 'it borrows objects: git repack -a -d && rm .git/objects/info/alternates'
partial='^(remote[.].*[.]promisor|extensions[.]partialclone)$'
! git -C $origin config --get-regexp \"$partial\" >/dev/null 2>&1 ||
    refuse \"$what\" 'a partial clone: git fetch --refetch --no-filter, unset remote.NAME.promisor'
said=$(git -C $origin rev-parse --verify HEAD 2>&1) ||
    refuse \"$what\" \"no commit to clone: git commit first. $said\"
git check-ref-format --branch \"$branch\" >/dev/null 2>&1 ||
    refuse \"$branch\" 'no branch can have this name (with a space, for one)'
[ \"$(git -C $origin symbolic-ref -q HEAD)\" != \"refs/heads/$branch\" ] ||
    refuse \"$branch\" 'your repository has this branch checked out, and would refuse the push'
clone() { # gc in the background would leave its lock when the jail ends
    ! git -C $origin show-ref -q --verify \"refs/heads/$branch\" || set -- --branch \"$branch\"
    git -c checkout.workers=0 clone --quiet --no-hardlinks -c push.autoSetupRemote=true \\
        -c gc.autoDetach=false -c maintenance.autoDetach=false \\
        -c remote.origin.receivepack='git -c receive.autogc=false receive-pack' \\
        -c lfs.url=$origin -c lfs.pushUrl=. -c lfs.skipDownloadErrors=true \"$@\" $origin . &&
        { [ $# != 0 ] || git switch -q -c \"$branch\"; }
}
said=$(clone 2>&1) || refuse \"$what\" \"git: $(printf %s \"$said\" | grep '^fatal' | head -n 1)\"
# Of submodules, those that the repository has as well.
git config -f .gitmodules --name-only --get-regexp '[.]path$' 2>/dev/null | while read -r key; do
    name=${key#submodule.} && name=${name%.path}
    [ ! -d \"$origin/modules/$name\" ] ||
        git config \"submodule.$name.url\" \"$origin/modules/$name\"
done
git submodule --quiet update >/dev/null 2>&1
# So that they can be updated from there later.
git submodule --quiet foreach 'git config protocol.file.allow always &&
    git config remote.origin.uploadpack \"git --work-tree=. upload-pack\"' >/dev/null 2>&1 || :";

/// Makes the clone, if it is not there. Returns where it is.
fn make_clone(jail: &Jail, name: OsString) -> Result<PathBuf, String> {
    let mut name = name;
    if name.is_empty() {
        // The date and the time, and a number that no other ajail has now.
        let mut date = Command::new("date");
        date.env("PATH", "/usr/bin:/bin:/run/current-system/sw/bin").arg("+%Y%m%d-%H%M%S-");
        let date = about("date", date.output())?.stdout;
        name = OsStr::from_bytes(date.trim_ascii()).into();
        name.push(process::id().to_string());
    }
    let plain = Path::new(&name).file_name() == Some(&name);
    require(plain, &name, "no / in a clone's name, and no ..")?;
    // A directory for each repository: its path with + for /, and a + or \ in it escaped.
    let path = jail.cwd.as_os_str().as_bytes();
    let path = path.escape_ascii().to_string();
    let path = path.replace('+', r"\+").replace('/', "+");
    let clones = jail.dot_ajail.join("clone").join(path);
    let dir = clones.join(&name);
    if dir.exists() {
        return Ok(dir);
    }
    require(!jail.dry_run, &dir, "there is no such clone yet, and a dry run makes none")?;
    let git = jail.cwd.join(".git");
    require(git.exists(), &git, "no repository here: cd to the top of one")?;
    // They are as secret as the repository, so that others may read none. (No clone has a name with
    // a dot first, as no branch has.)
    let new = about(&clones, make_locked(&clones, ".new."))?;
    let mut maker = Command::new("/proc/self/exe");
    let home = env::var_os("HOME").unwrap_or_default();
    maker.env_clear().env("HOME", home).current_dir(&new);
    for (option, path) in
        [("--fs=", &jail.root_fs), ("--bwrap-bin=", &jail.bwrap), ("--rol=", &git)]
    {
        let mut option = OsString::from(option);
        option.push(path);
        maker.arg(option);
    }
    maker.args(["--quiet", "--no-net", "sh", "-c", MAKE_CLONE, "sh", &quoted(&jail.cwd)]);
    let status = supervise(maker.args([&name, git.as_os_str()]), 0o022, || Ok(()))?;
    let made = if status == 0 { fs::rename(&new, &dir) } else { Ok(()) };
    let _ = fs::remove_dir_all(&new);
    let _ = fs::remove_dir(&clones); // unless there are others
    about(&dir, made.map_err(|error| format!("{error}: is the name too long, or taken by now?")))?;
    if status == 0 { Ok(dir) } else { end(status) } // it has said why
}

/// Makes a directory in DIR: PREFIX and the number of this process. The kernel unlocks it when this
/// process ends. What is there and not locked was left by an ajail that was killed: it is removed.
fn make_locked(dir: &Path, prefix: &str) -> io::Result<PathBuf> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    open(None, dir)?; // no symlink, which would have files elsewhere removed
    let lock = |path: &Path, how| {
        let file = File::open(path)?;
        call("flock", &[fd(&file), how])?;
        Ok::<_, io::Error>(file)
    };
    // One ajail after the other: making and locking are two steps, and so is looking and removing.
    let _turn = lock(dir, LOCK_EX)?;
    for entry in fs::read_dir(dir)?.flatten() {
        let name = entry.file_name();
        let ours = name.as_bytes().starts_with(prefix.as_bytes());
        if ours && lock(&entry.path(), LOCK_EX | LOCK_NB).is_ok() {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
    let new = dir.join(format!("{prefix}{}", process::id()));
    fs::create_dir(&new)?;
    let _ = lock(&new, LOCK_EX)?.into_raw_fd(); // it stays open
    Ok(new)
}

/// Has the jail see DIR, the clone, in place of the current directory, and what it needs to push.
fn show_clone(jail: &mut Jail, dir: &Path) {
    let git = jail.cwd.join(".git");
    let origin = |part: &Path| clean("/ajail/origin", part);
    // What is pushed is kept, or discarded, as the clone's own changes are.
    let pushed = jail.places[&jail.cwd].kind;
    let mut in_origin = Places::new();
    for (part, kind) in [
        ("", Locked),             // hooks and configuration run as your next git
        ("objects", pushed),      // what a push brings
        ("objects/info", Locked), // a file "alternates" there makes git read other directories
        ("refs/heads", pushed),   // not all of refs: refs/replace has git show other commits
        ("refs/tags", pushed),
        ("reftable", pushed), // all refs in one, refs/replace with them
        ("logs", Overlaid),   // git writes them; your next commit would follow a symlink there
    ] {
        let place = Place { silent: true, ..of_host(kind, clean(&git, part)) };
        // If objects/info were missing, the jail could make it: then it is refused.
        if place.src.exists() || part == "objects/info" {
            in_origin.insert(origin(part.as_ref()), place);
        }
    }
    // Named in your .git:       holds in the origin   in the clone's own .git
    //   --hide                  yes                   no
    //   --rol                   yes                   if it is not from AJAIL_ARGS
    //   --rol=.git itself       it is locked anyway   if it is not from AJAIL_ARGS
    for (dst, place) in &jail.places {
        let Ok(part) = dst.strip_prefix(&git) else { continue };
        if place.kind == Hidden || (place.kind == Locked && dst != &git) {
            in_origin.retain(|inner, _| !inner.starts_with(origin(part)));
            in_origin.insert(origin(part), Place { src: place.src.clone(), ..*place });
        }
    }
    let yours = |place: &Place| place.if_there || place.kind == Hidden;
    jail.places.retain(|dst, place| !(dst.starts_with(&git) && yours(place)));
    // The clone's files are to be seen where yours are.
    for place in jail.places.values_mut() {
        if let Ok(part) = place.src.strip_prefix(&jail.cwd) {
            place.src = clean(dir, part);
        }
    }
    jail.places.append(&mut in_origin);
    let all = if git.join("reftable").exists() { ": with reftable, all refs" } else { "" };
    let how = format!("your .git, read-only but for objects, branches and tags{all}");
    jail.say("/ajail/origin", &how);
}

// ---- 5. Namespaces of ajail's own, from before a place is looked at.

fn namespaces() -> Result<(), String> {
    let (uid, gid) = (getuid(), getgid());
    // PID, for the next process: bwrap is process 1 of it, and with that all of it ends.
    // NS (mounts): the host sees no mount that is made here. USER: to be allowed the other two.
    let made = call("unshare", &[CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWUSER])
        .and_then(|_| fs::write("/proc/self/setgroups", "deny"))
        .and_then(|_| fs::write("/proc/self/uid_map", format!("{uid} {uid} 1")))
        .and_then(|_| fs::write("/proc/self/gid_map", format!("{gid} {gid} 1")));
    let forbidden = |error: io::Error| match error.kind() {
        StorageFull => format!("{error}: raise user.max_user_namespaces, or its like, by sysctl"),
        _ => {
            let ajail = quoted(fs::read_link("/proc/self/exe").unwrap_or_default());
            format!(
                "{error}: see kernel.unprivileged_userns_clone, or mkbwrap.sh --apparmor {ajail}"
            )
        }
    };
    about("namespaces", made.map_err(forbidden))
}

// ---- 6. Places are opened and looked at. What was opened is what is mounted.

fn open_places(jail: &mut Jail) -> Result<Vec<(PathBuf, Place, File)>, String> {
    let mut opened = vec![];
    for (dst, mut place) in mem::take(&mut jail.places) {
        if let Some(file) = open_place(jail, &dst, &mut place)? {
            opened.push((dst, place, file));
        }
    }
    Ok(opened)
}

/// Returns a new mount of the place; or the file that was opened, if it is Overlaid or Hidden; or
/// None, if it is skipped.
fn open_place(jail: &mut Jail, dst: &Path, place: &mut Place) -> Result<Option<File>, String> {
    if place.in_root_fs {
        place.src = clean(&jail.root_fs, dst.strip_prefix("/").unwrap_or(dst));
    }
    let opened = open(None, &place.src);
    // What was misread in AJAIL_ARGS is not skipped: it may have been to hide something.
    let text = place.src.to_string_lossy();
    let misread = [" --", ",--", "/~/"].iter().any(|slip| text.contains(slip));
    if place.if_there && !misread && opened.as_ref().is_err_and(is_missing) {
        if !place.silent {
            jail.say(dst, "not there, skipped");
        }
        return Ok(None);
    }
    let opened = opened.map_err(|error| way_out(jail, dst, place, error, misread));
    let file = about(&place.src, opened)?;
    let meta = about(&place.src, file.metadata())?;
    check_place(jail, dst, place, &file, &meta)?;
    if !place.silent {
        jail.say(dst, &describe(dst, place, &meta));
    }
    let mount = match place.kind {
        Writable => clone_mount(&file, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV),
        Locked => clone_mount(&file, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_RDONLY),
        // Read-only, a device can be used, but its mode cannot be changed.
        Device => clone_mount(&file, MOUNT_ATTR_NOSUID | MOUNT_ATTR_RDONLY),
        Overlaid | Hidden => Ok(file),
    };
    about(&place.src, mount).map(Some)
}

fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), NotFound | NotADirectory)
}

/// Why it cannot be opened, and the way out that fits.
fn way_out(jail: &Jail, dst: &Path, place: &Place, error: io::Error, misread: bool) -> String {
    if !is_missing(&error) {
        return error.to_string();
    }
    if place.in_root_fs {
        let [fs, dst] = [quoted(&jail.fs), quoted(dst)];
        return format!("not there: ajail --fs={fs} --fs-edit mkdir -p {dst}");
    }
    if misread {
        return "not there: write $HOME for ~, and separate options in AJAIL_ARGS by ;".into();
    }
    "not there".into()
}

fn check_place(
    jail: &Jail,
    dst: &Path,
    place: &Place,
    file: &File,
    meta: &Metadata,
) -> Result<(), String> {
    let src = &place.src;
    let over_root = dst == Path::new("/") && !place.in_root_fs;
    let taken = over_root || dst == Path::new("/dev") || dst.starts_with("/proc");
    require(!taken, dst, "the jail has its own: cd into a project")?;
    if place.kind == Writable && !place.in_root_fs {
        // Whatever SRC is by now, this is where what was opened is.
        let path = about(src, fs::read_link(fd_path(file)))?;
        let way = way_to(&path);
        let found = way.last() == Some(&(meta.dev(), meta.ino()));
        require(found, src, "it was moved while ajail looked at it: try again")?;
        let in_clones = path.strip_prefix(jail.dot_ajail.join("clone"));
        // ~/.ajail/clone/REPOSITORY/NAME, or in it
        let in_one = in_clones.is_ok_and(|rest| rest.components().count() > 1);
        let meets = |limit| meet(limit, &way);
        let met = jail.off_limits.iter().any(meets) || (!in_one && meets(&jail.way_to_dot_ajail));
        let why = "a jail that may write here could change the next jail: cd into a project";
        require(!met, src, why)?;
    }
    // Of the directories of all users, /tmp for one, a jail would see your sockets there.
    let of_all = dst == jail.cwd && meta.mode() & 0o1002 == 0o1002;
    require(
        !of_all || place.kind == Hidden,
        src,
        "all users may write here: cd into a directory of your own",
    )?;
    let fits = place.kind != Overlaid || meta.is_dir() || meta.is_file();
    require(fits, src, "not for this sort of file: use rol")
}

fn describe(dst: &Path, place: &Place, meta: &Metadata) -> String {
    let mut text = String::from(match place.kind {
        Writable => "writable, changes are kept",
        Overlaid => "changes are discarded",
        Locked => "read-only",
        Hidden => "empty, changes are discarded",
        Device => "a device of the host",
    });
    let foreign = (meta.uid(), meta.gid()) != (getuid(), getgid());
    if place.kind == Overlaid && meta.is_dir() && foreign {
        text += ", but those to files of another user or group fail";
    }
    if place.src != dst {
        text += &format!(", from {}", quoted(&place.src));
    }
    text
}

// ---- 7. Mounts. ajail puts the jail together, and bwrap gets it as one mount. (Places in /dev come
// singly.) Sources and targets are opened, and mounted by their descriptors. So a jail that changes a
// path in the meantime leads nothing elsewhere.

/// A directory that only root could lead elsewhere, and that nothing is needed from by path.
const STAGE: &str = "/sys";

/// What is put together there. The host does not see it.
struct Stage {
    dir: File,
    mounted: BTreeMap<PathBuf, (Place, File)>, // by where the jail sees it
    in_dev: Vec<OsString>, // arguments for bwrap, which makes /dev: the places in it
}

fn prepare_stage(disk: &Option<Disk>) -> io::Result<Stage> {
    // If the jail ever reached the host's files through bwrap, it could only read them, and could
    // not chmod its devices. Slave: what the host mounts or unmounts later, it does here, too, and
    // what it mounts is not read-only. (Places are clones, and stay as they are.)
    set_attributes(&open(None, "/".as_ref())?, MOUNT_ATTR_NOSUID | MOUNT_ATTR_RDONLY, MS_SLAVE)?;
    mount(c"tmpfs", STAGE.as_ref(), "mode=0755")?;
    let dir = open(None, STAGE.as_ref())?;
    let upper = make(&dir, "upper", true)?;
    if let Some(disk) = disk {
        attach(&disk.mount, &upper)?;
    }
    Ok(Stage { dir, mounted: BTreeMap::new(), in_dev: vec![] })
}

impl Stage {
    fn mount(&mut self, dst: PathBuf, place: Place, file: File) -> io::Result<()> {
        let dir = file.metadata()?.is_dir();
        if let Some(target) = self.target(&dst, &place, dir)? {
            let tree = self.tree(&place, file, dir)?;
            attach(&tree, &target)?;
            self.mounted.insert(dst, (place, tree));
        }
        Ok(())
    }

    /// What the place is to be mounted on; or nothing, if the mount around it shows the same there.
    fn target(&mut self, dst: &Path, place: &Place, dir: bool) -> io::Result<Option<File>> {
        if dst == Path::new("/") {
            return make(&self.dir, "root0", dir).map(Some);
        }
        // A place in /dev can have another one around it, but /dev itself is bwrap's.
        let mut around = dst.ancestors().take_while(|at| *at != Path::new("/dev"));
        let outer = around.find_map(|at| self.mounted.get_key_value(at));
        let Some((at, (outer, _))) = outer else {
            let name = format!("root{}", self.mounted.len());
            let path = format!("{STAGE}/{name}").into();
            self.in_dev.extend(["--dev-bind".into(), path, dst.into()]);
            return make(&self.dir, name, dir).map(Some);
        };
        let shown = outer.src.join(dst.strip_prefix(at).unwrap_or(dst));
        if outer.kind == place.kind && place.kind != Hidden && shown == place.src {
            return Ok(None);
        }
        let at = at.clone();
        self.mount_point(&at, dst, dir).map(Some)
    }

    /// The mount that shows the place. FILE is that already, unless it is Overlaid or Hidden.
    fn tree(&self, place: &Place, file: File, dir: bool) -> io::Result<File> {
        let new = |name: &str, dir| make(&self.dir, format!("{name}{}", self.mounted.len()), dir);
        match place.kind {
            Writable | Locked | Device => Ok(file),
            Hidden => {
                let empty = new("empty", dir)?;
                let mode = if dir { 0o1777 } else { 0o600 };
                fs::set_permissions(fd_path(&empty), Permissions::from_mode(mode))?;
                clone_mount(&empty, 0)
            }
            Overlaid if dir => {
                let (upper, work) = (new("upper/up", true)?, new("upper/work", true)?);
                fs::set_permissions(fd_path(&upper), file.metadata()?.permissions())?;
                let [lower, upper, work] = [&file, &upper, &work].map(fd_path);
                let options = format!("lowerdir={lower},upperdir={upper},workdir={work},userxattr");
                let at = new("overlay", true)?;
                mount(c"overlay", fd_path(&at).as_ref(), &options)
                    .map_err(|error| no_overlay(&place.src, error))?;
                // AT is what the overlay covers. By the same name it is the overlay.
                clone_mount(&new("overlay", true)?, 0)
            }
            Overlaid => {
                let copy = new("copy", false)?;
                fs::copy(fd_path(&file), fd_path(&copy))?;
                clone_mount(&copy, 0)
            }
        }
    }

    /// What is at DST, in the mount at AT. If nothing is there, a directory or file is made.
    fn mount_point(&mut self, at: &Path, dst: &Path, dir: bool) -> io::Result<File> {
        let (outer, tree) = &self.mounted[at];
        let (kind, mut src, mut reached) = (outer.kind, outer.src.clone(), tree.try_clone()?);
        let mut path = at.to_owned();
        for part in dst.strip_prefix(at).unwrap_or(dst) {
            path.push(part);
            src.push(part);
            let on_the_way = path != dst;
            reached = make(&reached, part, dir || on_the_way)?;
            if kind == Writable && on_the_way {
                reached = self.pin(&path, &src, &reached)?;
            }
        }
        Ok(reached)
    }

    /// Where /p is writable and /p/a/.git locked, the jail could rename /p/a and leave its own
    /// /p/a/.git there. A mount cannot be renamed: /p/a becomes one.
    fn pin(&mut self, path: &Path, src: &Path, dir: &File) -> io::Result<File> {
        let pin = clone_mount(dir, 0)?;
        attach(&pin, dir)?;
        let inside = pin.try_clone()?;
        self.mounted.insert(path.into(), (of_host(Writable, src.into()), pin));
        Ok(inside)
    }
}

fn no_overlay(src: &Path, error: io::Error) -> io::Error {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let points = mounts.lines().filter_map(|line| line.split(' ').nth(4));
    let mut points = points.map(Path::new);
    let why = match points.find(|point| point.starts_with(src) && *point != src) {
        Some(point) => format!("{} is mounted there", quoted(point)),
        None => "its file system allows none".into(),
    };
    io::Error::other(format!("no overlay ({error}): {why}. Use rw or rol, or another --fs="))
}

/// What has this name in PARENT or, if nothing has, a new directory or file.
fn make(parent: &File, name: impl AsRef<Path>, dir: bool) -> io::Result<File> {
    let path = Path::new(&fd_path(parent)).join(&name);
    let made = if dir { fs::create_dir(path) } else { File::create_new(path).map(drop) };
    match open(Some(parent), name.as_ref()) {
        Err(error) if error.kind() == NotFound => Err(made.err().unwrap_or(error)),
        opened => opened,
    }
}

/// A directory in ~/.ajail/upper, which is removed when the jail has ended, or was refused.
struct Disk {
    mount: File,
    all: File, // a mount of ~/.ajail/upper, from before the host is read-only
    name: OsString,
}

/// Before Linux 6.6 a tmpfs has no user attributes. With an upper layer there, an overlay cannot
/// remove or rename a directory of its lower layer. Then upper layers lie on disk.
fn upper_on_disk(jail: &mut Jail) -> Option<Disk> {
    let takes_attributes = |file: &File| {
        let path = CString::new(fd_path(file)).unwrap_or_default();
        call("setxattr", &[ptr(&*path), ptr(c"user.ajail")]).is_ok()
    };
    if memory_file().is_ok_and(|file| takes_attributes(&file)) {
        return None;
    }
    let dir = jail.dot_ajail.join("upper");
    let why = match make_disk(&dir) {
        Ok(disk) if takes_attributes(&disk.mount) => {
            jail.say(
                dir,
                "changes lie there until the jail ends or, after a kill, the next starts",
            );
            return Some(disk);
        }
        Ok(_) => "no user attributes".into(),
        Err(error) => error.to_string(),
    };
    jail.say(
        dir,
        &format!("{why}: before Linux 6.6, directories can be neither removed nor renamed"),
    );
    None
}

fn make_disk(dir: &Path) -> io::Result<Disk> {
    let new = make_locked(dir, "")?;
    let all = clone_mount(&open(None, dir)?, 0)?;
    let mount = clone_mount(&open(None, &new)?, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)?;
    let name = new.file_name().unwrap_or_default().into();
    Ok(Disk { mount, all, name })
}

impl Drop for Disk {
    fn drop(&mut self) {
        // The host is read-only here, so ALL goes over the stage. (Nothing may need /proc, which a
        // child has covered.) What cannot be removed now, the next start tries to remove.
        let stage = open(None, STAGE.as_ref());
        let attached = stage.and_then(|stage| attach(&self.all, &stage));
        if attached.is_ok() {
            let _ = fs::remove_dir_all(Path::new(STAGE).join(&self.name));
        }
    }
}

// ---- 8. The start: bwrap as process 1 of a PID namespace, which the kernel ends with ajail.

const PATH: &str = "/root/.local/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

fn argv(jail: &Jail, in_dev: &[OsString]) -> Vec<OsString> {
    let mut argv = vec!["--dev-bind".into(), format!("{STAGE}/root0").into(), "/".into()];
    for (needed, flags) in [
        // Namespaces: no process, IPC object, control group or name of the host's. No network, too.
        (true, "--unshare-all --unshare-user --unshare-cgroup --hostname localhost"),
        (jail.net, "--share-net"),
        (true, "--uid 0 --gid 0"), // root by name, for package managers
        (true, "--cap-drop ALL"),  // real root could undo the mounts
        (true, "--dev /dev --proc /proc"),
        // In a user namespace of its own the program would have every capability, and so reach more
        // of the kernel.
        (!jail.userns, "--disable-userns"),
        // /proc/1 is bwrap's: its memory, and its program, a file of the host's.
        (!jail.userns, "--tmpfs /proc/1"),
        // Real root owns the host's settings in /proc/sys, and needs no capability to write them.
        (getuid() == 0, "--remount-ro /proc"),
        (true, "--setenv HOME /root --setenv USER root --setenv LANG C.UTF-8"),
        (true, "--setenv IS_SANDBOX 1"), // agents ask for it where they run as root
    ] {
        if needed {
            argv.extend(flags.split(' ').map(OsString::from));
        }
    }
    argv.extend(["--setenv", "PATH", PATH].map(OsString::from));
    for name in ["TERM", "COLORTERM", "TERM_PROGRAM", "TERM_PROGRAM_VERSION"] {
        if let Some(value) = env::var_os(name) {
            argv.extend(["--setenv".into(), name.into(), value]);
        }
    }
    for (variable, value) in env::vars_os() {
        if let Some(name) = variable.as_bytes().strip_prefix(b"AJAIL_ENV_") {
            // It may be a secret, which a dry run is not to show.
            let value = if jail.dry_run { "...".into() } else { value };
            argv.extend(["--setenv".into(), OsStr::from_bytes(name).into(), value]);
        }
    }
    [&argv, in_dev, &jail.extra].concat()
}

const BEYOND: &str = "
# ajail makes the mounts that are listed above. bwrap gets them as one, and those in /dev singly.
# All else of the host is read-only where bwrap starts. ajail also adds a filter, Landlock, a PID
# namespace that ends with it, and a session keyring. The jail gets no other descriptors, and can
# make no core dumps. (If one of these cannot be had, a line above says so.)
";

fn dry_run(jail: &Jail) -> Result<i32, String> {
    let mut text = String::new();
    for line in jail.status.lines() {
        text += &format!("{}\n", line.replacen("ajail:", "#", 1));
    }
    text += &format!("env -i {}", quoted(&jail.bwrap));
    let mut words = argv(jail, &[]);
    words.push("--".into());
    for word in words.iter().chain(&jail.command) {
        text += if word.as_bytes().starts_with(b"--") { " \\\n  " } else { " " };
        text += &quoted(word);
    }
    print(&(text + BEYOND))
}

/// Cuts the ties that no namespace cuts. Where that fails, the status says what is weaker.
fn cut_ties(jail: &mut Jail) -> Option<i64> {
    // It is for the child: were ajail under it as well, the jail could signal ajail.
    let rules = RulesetAttr {
        handled_access_fs: 0,
        handled_access_net: 0,
        // An X server's socket, for one; and signals to the caller's process group.
        scoped: LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | LANDLOCK_SCOPE_SIGNAL,
    };
    let landlock = call("landlock_create_ruleset", &[ptr(&rules), 24]);
    // The host's core handler runs outside of the jail. With a limit of 1 the kernel does not start
    // it, with 0 it does: see do_coredump in its fs/coredump.c.
    let core = call("setrlimit", &[RLIMIT_CORE, ptr(&[1u64, 1])]);
    for (applies, what, how) in [
        (landlock.is_err(), "kernel", "stops no signals and no abstract sockets"),
        (core.is_err(), "crashes", "the host may handle them"),
        (
            jail.userns,
            "--userns",
            "the program may, as it starts, read the host and use its sockets",
        ),
        (jail.net, "network", "the host's, its localhost included"),
        (!jail.net, "network", "none"),
    ] {
        if applies {
            jail.say(what, how);
        }
    }
    landlock.ok()
}

/// Whether the jail, put together in ROOT, has the command: 0, or the status that env has for it.
fn look_up(jail: &Jail, root: &File) -> i32 {
    let name = &jail.command[0];
    let path = env::var_os("AJAIL_ENV_PATH").unwrap_or(PATH.into());
    let mut dirs: Vec<_> = env::split_paths(&path).collect();
    let [fs, last] = [&jail.fs, &jail.last].map(quoted);
    let mut why = match jail.last.to_str() {
        Some("--clone" | "--home-edit") => {
            format!("no command in the root fs. Did you mean {last}=?")
        }
        _ => format!(
            "no command in the root fs. To add its package: \
             ajail --fs={fs} --fs-edit apt-get install -y PACKAGE"
        ),
    };
    if name.as_bytes().contains(&b'/') {
        dirs = vec![jail.cwd.clone()];
        why = "the jail sees no such file: is its directory mounted?".into();
    }
    let mut status = 127;
    for dir in dirs {
        let path = jail.cwd.join(dir).join(name);
        if path.starts_with("/dev") || path.starts_with("/proc") || !jail.extra.is_empty() {
            return 0; // what bwrap makes or mounts is not in ROOT
        }
        let found = openat2(fd(root), &path, RESOLVE_IN_ROOT).and_then(|file| file.metadata());
        let unfit = match found {
            Err(error) if is_missing(&error) => continue,
            Ok(meta) if meta.is_dir() => "a directory, and no program",
            Ok(meta) if meta.mode() & 0o111 == 0 => "not executable: chmod +x",
            _ => return 0, // it runs, or bwrap says why not
        };
        (status, why) = (126, unfit.into());
    }
    refuse(&format!("{}: {why}", quoted(name)));
    status
}

fn start(jail: &Jail, stage: &Stage, mask: u32, landlock: Option<i64>) -> Result<i32, String> {
    let status = look_up(jail, &stage.mounted[Path::new("/")].1);
    if status != 0 {
        return Ok(status);
    }
    if !jail.quiet {
        let _ = io::stderr().write_all(jail.status.as_bytes());
    }
    // bwrap's arguments by descriptor, since every user may read a command line. No environment,
    // since the jail could read it as that of process 1.
    let mut bwrap = Command::new(&jail.bwrap);
    bwrap.env_clear();
    let mut argv = argv(jail, &stage.in_dev);
    argv.push("".into()); // for a NUL after the last one, too
    let argv = argv.join(OsStr::new("\0"));
    for (flag, bytes) in [("--args", argv.as_bytes()), ("--seccomp", &filter(jail.userns))] {
        let mut file = about("memfd_create", memory_file())?;
        about(flag, file.write_all(bytes))?;
        about(flag, file.rewind())?;
        bwrap.args([flag, &file.into_raw_fd().to_string()]);
    }
    bwrap.arg("--").args(&jail.command);
    supervise(&mut bwrap, mask, move || {
        // bwrap looks for its own processes in /proc, by their numbers in its PID namespace.
        // From here on, ajail itself finds nothing in /proc.
        let covered = |error| format!("{error}: is a part of it covered, as in a container?");
        about("/proc", mount(c"proc", "/proc".as_ref(), "").map_err(covered))?;
        // No bwrap is to gain anything from being set-id.
        about("no_new_privs", call("prctl", &[PR_SET_NO_NEW_PRIVS, 1]))?;
        let restrict = |rules| call("landlock_restrict_self", &[rules]).map(drop);
        about("landlock", landlock.map_or(Ok(()), restrict))
    })
}

/// Runs COMMAND, which ends when ajail ends. Returns its status.
fn supervise(
    command: &mut Command,
    mask: u32,
    last_steps: impl Fn() -> Result<(), String> + Send + Sync + 'static,
) -> Result<i32, String> {
    let mut alive = about("/proc", File::open("/proc/self/cmdline"))?;
    // The terminal sends Ctrl-C to ajail and to the program. Only the program is to act on it.
    let (int, quit) = (signal(SIGINT, SIG_IGN), signal(SIGQUIT, SIG_IGN));
    let in_child = move || {
        // Armed first: from here on, the kernel kills this process when ajail ends.
        let armed = about("prctl", call("prctl", &[PR_SET_PDEATHSIG, SIGKILL]));
        // Then looked: if ajail ended before, its command line is empty.
        if alive.read_exact(&mut [0]).is_err() {
            end(125); // nobody is to be told
        }
        umask(mask);
        signal(SIGINT, int);
        signal(SIGQUIT, quit);
        if let Err(why) = armed.and_then(|_| last_steps()) {
            end(refuse(&why));
        }
        Ok(())
    };
    // SAFETY: ajail has one thread, so that no lock is held in the child by another.
    unsafe { command.pre_exec(in_child) };
    let terminal = File::open("/dev/tty").map_or(-1, File::into_raw_fd);
    let foreground = tcgetpgrp(terminal);
    let mut child = about("start", command.spawn())?;
    let status = about("wait", child.wait())?;
    signal(SIGINT, int); // for the next child
    signal(SIGQUIT, quit);
    restore_foreground(terminal, foreground);
    let ended_by = status.signal().unwrap_or_default();
    Ok(status.code().unwrap_or(128 + ended_by))
}

/// A shell in the jail makes its own process group the terminal's foreground group. It cannot undo
/// that, as it cannot see the group before. If the shell's group is gone (ESRCH), ajail does it.
fn restore_foreground(terminal: i32, group: i32) {
    let gone = call("kill", &[-i64::from(tcgetpgrp(terminal)), 0]);
    if group > 0 && gone.is_err_and(|error| error.raw_os_error() == ESRCH) {
        let stop = signal(SIGTTOU, SIG_IGN); // ajail is in the background, and would be stopped
        tcsetpgrp(terminal, group);
        signal(SIGTTOU, stop);
    }
}

// ---- 9. What std has no function for, straight from the kernel.

/// Which of two numbers is the processor's. (There are none for others.)
#[cfg(target_arch = "x86_64")]
const CPU: usize = 0;
#[cfg(target_arch = "aarch64")]
const CPU: usize = 1;

const AT_EMPTY_PATH: i64 = 0x1000;
const AT_RECURSIVE: i64 = 0x8000;
const CLONE_NEWNS: i64 = 0x2_0000;
const CLONE_NEWPID: i64 = 0x2000_0000;
const CLONE_NEWUSER: i64 = 0x1000_0000;
const ENOSYS: Option<i32> = Some(38);
const ESRCH: Option<i32> = Some(3);
const KEYCTL_JOIN_SESSION_KEYRING: i64 = 1;
const LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET: u64 = 1;
const LANDLOCK_SCOPE_SIGNAL: u64 = 2;
const LOCK_EX: i64 = 2;
const LOCK_NB: i64 = 4;
const MOUNT_ATTR_NODEV: u64 = 4;
const MOUNT_ATTR_NOSUID: u64 = 2;
const MOUNT_ATTR_RDONLY: u64 = 1;
const MOVE_MOUNT_F_EMPTY_PATH: i64 = 4;
const MOVE_MOUNT_T_EMPTY_PATH: i64 = 0x40;
const MS_NODEV: i64 = 4;
const MS_NOSUID: i64 = 2;
const MS_PRIVATE: u64 = 0x4_0000;
const MS_SLAVE: u64 = 0x8_0000;
const OPEN_TREE_CLONE: i64 = 1;
const O_CLOEXEC: u64 = 0x8_0000;
const O_PATH: u64 = 0x20_0000;
const PR_SET_NO_NEW_PRIVS: i64 = 38;
const PR_SET_PDEATHSIG: i64 = 1;
const RESOLVE_IN_ROOT: u64 = 0x10;
const RESOLVE_NO_SYMLINKS: u64 = 4;
const RLIMIT_CORE: i64 = 4;
const SIGCHLD: i32 = 17;
const SIGINT: i32 = 2;
const SIGKILL: i64 = 9;
const SIGQUIT: i32 = 3;
const SIGTTOU: i32 = 22;
const SIG_DFL: usize = 0;
const SIG_IGN: usize = 1;

#[repr(C)]
struct OpenHow {
    flags: u64,
    mode: u64,
    resolve: u64,
}

#[repr(C)]
struct MountAttr {
    attr_set: u64,
    attr_clr: u64,
    propagation: u64,
    userns_fd: u64,
}

#[repr(C)]
struct RulesetAttr {
    handled_access_fs: u64,
    handled_access_net: u64,
    scoped: u64,
}

unsafe extern "C" {
    fn syscall(number: i64, ...) -> i64;
    safe fn signal(number: i32, action: usize) -> usize;
    safe fn raise(number: i32) -> i32;
    safe fn umask(mask: u32) -> u32;
    safe fn getuid() -> u32;
    safe fn getgid() -> u32;
    safe fn tcgetpgrp(terminal: i32) -> i32;
    safe fn tcsetpgrp(terminal: i32, group: i32) -> i32;
}

fn call(name: &str, args: &[i64]) -> io::Result<i64> {
    let numbers = match name {
        "close_range" => [436, 436],
        "flock" => [73, 32],
        "keyctl" => [250, 219],
        "kill" => [62, 129],
        "landlock_create_ruleset" => [444, 444],
        "landlock_restrict_self" => [446, 446],
        "memfd_create" => [319, 279],
        "mount" => [165, 40],
        "mount_setattr" => [442, 442],
        "move_mount" => [429, 429],
        "open_tree" => [428, 428],
        "openat2" => [437, 437],
        "prctl" => [157, 167],
        "setrlimit" => [160, 164],
        "setxattr" => [188, 5],
        "unshare" => [272, 97],
        _ => return Err(Other.into()), // a wrong NAME must not look like ENOSYS
    };
    // An argument that is not given is 0.
    let arg = |n| args.get(n).copied().unwrap_or(0);
    // SAFETY: each call gets numbers, and pointers to what lives long enough and is as large as the
    // kernel expects.
    match unsafe { syscall(numbers[CPU], arg(0), arg(1), arg(2), arg(3), arg(4)) } {
        -1 => Err(match io::Error::last_os_error() {
            error if error.raw_os_error() == ENOSYS => {
                let why = format!("no {name}: Linux 5.12 is needed, or something forbids it");
                io::Error::new(Unsupported, why)
            }
            error => error,
        }),
        result => Ok(result),
    }
}

fn ptr<T: ?Sized>(it: &T) -> i64 {
    &raw const *it as *const () as i64
}

fn fd(file: &File) -> i64 {
    file.as_raw_fd().into()
}

/// What FILE is, wherever that is by now.
fn fd_path(file: &File) -> String {
    format!("/proc/self/fd/{}", fd(file))
}

/// The descriptor that a call made.
fn new_file(number: i64) -> File {
    // SAFETY: the number is new, and nobody else's.
    unsafe { File::from_raw_fd(number as i32) }
}

/// Without a name, and inherited by what is run.
fn memory_file() -> io::Result<File> {
    call("memfd_create", &[ptr(c""), 0]).map(new_file)
}

/// Opens PATH, of whatever sort. If it is relative, it starts in the directory DIR.
fn openat2(dir: i64, path: &Path, resolve: u64) -> io::Result<File> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    let how = OpenHow { flags: O_PATH | O_CLOEXEC, mode: 0, resolve };
    call("openat2", &[dir, ptr(&*path), ptr(&how), 24]).map(new_file)
}

/// Opens PATH, from DIR or from the root on, if no symlink is on the way.
fn open(dir: Option<&File>, path: &Path) -> io::Result<File> {
    openat2(dir.map_or(-1, fd), path, RESOLVE_NO_SYMLINKS).map_err(|error| {
        let base = PathBuf::from(dir.map_or("/".into(), fd_path));
        let target = |link: &&Path| base.join(link).read_link();
        let links = path.ancestors().filter(|link| target(link).is_ok());
        match links.last() {
            Some(link) => {
                let to = target(&link).unwrap_or_default();
                let [from, to] = [link, &to].map(quoted);
                io::Error::other(format!("symlink {from} leads to {to}: name that"))
            }
            None => error,
        }
    })
}

/// A new mount of FILE, and of all that is mounted below it. It is not attached to a path yet.
fn clone_mount(file: &File, attributes: u64) -> io::Result<File> {
    let flags = OPEN_TREE_CLONE | O_CLOEXEC as i64 | AT_EMPTY_PATH | AT_RECURSIVE;
    let tree = call("open_tree", &[fd(file), ptr(c""), flags]).map(new_file)?;
    // Private: what the host mounts below later would have none of the attributes.
    set_attributes(&tree, attributes, MS_PRIVATE)?;
    Ok(tree)
}

/// Attributes are only added. What the host has set stays.
fn set_attributes(mount: &File, attr_set: u64, propagation: u64) -> io::Result<()> {
    let attr = MountAttr { attr_set, attr_clr: 0, propagation, userns_fd: 0 };
    let flags = AT_EMPTY_PATH | AT_RECURSIVE;
    call("mount_setattr", &[fd(mount), ptr(c""), flags, ptr(&attr), 32])?;
    Ok(())
}

fn attach(mount: &File, to: &File) -> io::Result<()> {
    let flags = MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH;
    call("move_mount", &[fd(mount), ptr(c""), fd(to), ptr(c""), flags])?;
    Ok(())
}

fn mount(kind: &CStr, at: &Path, options: &str) -> io::Result<()> {
    let at = CString::new(at.as_os_str().as_bytes())?;
    let options = CString::new(options)?;
    let flags = MS_NOSUID | MS_NODEV;
    call("mount", &[ptr(kind), ptr(&*at), ptr(kind), flags, ptr(&*options)])?;
    Ok(())
}

// ---- 10. The system call filter, in seccomp's machine code.

const ALLOW: u32 = 0x7fff_0000;
const DENY: u32 = 0x0005_0001; // with EPERM
const DONE: u32 = 0x0005_0000; // with 0: nothing is done, and called a success
const KILL: u32 = 0x8000_0000; // the process, by SIGSYS: a shell says "Bad system call"

// Where the filter finds the number of a call, and the lower halves of its arguments.
const NR: u32 = 0;
const ARG0: u32 = 16;
const ARG1: u32 = 24;
const ARG2: u32 = 32;

// test.sh compares the numbers from here on, and those of section 9, with what the kernel's headers
// give the names in the comments.

const IOCTL: [u32; 2] = [16, 29];
/// Denied, of this call. What is done to the caller's terminal by the first lines would last longer
/// than the jail.
const IOCTLS: [u32; 13] = [
    0x5412,      // TIOCSTI types into it
    0x541c,      // TIOCLINUX does, too
    0x540c,      // TIOCEXCL: nobody else could open it
    0x5423,      // TIOCSETD: what another line discipline makes of it
    0x4b3a,      // KDSETMODE: a console that shows no text
    0x4b45,      // KDSKBMODE: a console without a keyboard
    0x5000_9401, // BTRFS_IOC_SNAP_CREATE: a snapshot has what is hidden
    0x5000_9417, // BTRFS_IOC_SNAP_CREATE_V2
    0x5000_940f, // BTRFS_IOC_SNAP_DESTROY: even if it is locked
    0x5000_943f, // BTRFS_IOC_SNAP_DESTROY_V2: by number, wherever it is
    0xc050_6617, // FS_IOC_ADD_ENCRYPTION_KEY: a key of your quota, that stays
    0xc040_6618, // FS_IOC_REMOVE_ENCRYPTION_KEY locks the directory
    0xc040_6619, // FS_IOC_REMOVE_ENCRYPTION_KEY_ALL_USERS
];

/// Calls, by their numbers on x86_64 and aarch64; the values that must be at some offsets; and the
/// answer. The first rule that fits counts.
type Rule = (&'static [[u32; 2]], &'static [(u32, u32)], u32);
#[rustfmt::skip]
const RULES: &[Rule] = &[
    (&[[101, 117]], &[(ARG1, 1)], DENY), // ptrace(request, 1): process 1 is bwrap, to be seized
    (&[[310, 270], [311, 271]], &[(ARG0, 1)], DENY), // process_vm_readv(1), process_vm_writev(1)
    (&[[438, 438]], &[], DENY), // pidfd_getfd: bwrap has files of the host open as it starts
    (&[[41, 198]], &[(ARG0, 40)], DENY), // socket(AF_VSOCK): in no namespace
    (&[[41, 198]], &[(ARG0, 42)], DENY), // socket(AF_QIPCRTR): in no namespace
    (&[[41, 198]], &[(ARG0, 38)], DENY), // socket(AF_ALG): finds keys by their numbers
    (&[[41, 198]], &[(ARG2, 11)], DENY), // socket(, , NETLINK_CONNECTOR): tells of every process
    (&[[141, 140]], &[(ARG0, 1)], DENY), // setpriority(PRIO_PGRP): the caller's process group
    (&[[251, 30]], &[(ARG0, 2)], DENY), // ioprio_set(IOPRIO_WHO_PGRP): the same
    (&[[248, 217], [249, 218], [250, 219]], &[], DENY), // add_key, request_key, keyctl: your keys
    (&[[425, 425], [304, 265]], &[], DENY), // io_uring_setup, open_by_handle_at: around the rules
    (&[[298, 241]], &[], DENY), // perf_event_open watches more than its own process
    (&[[103, 116]], &[], DENY), // syslog: what the kernel tells of the host
    (&[[302, 261]], &[(ARG2, 0), (ARG2 + 4, 0)], ALLOW), // prlimit64(, , NULL) only asks for limits
    (&[[302, 261]], &[(ARG1, 4)], DONE), // prlimit64(, RLIMIT_CORE): 1 is to stay. (gpg would end
    (&[[160, 164]], &[(ARG0, 4)], DONE), // setrlimit(RLIMIT_CORE)   if it were denied that.)
];
/// A jail has one user, so that these could only do nothing, or fail; then apt, dpkg and tar stop.
/// (But with --cap-add, capset could drop what was added. aarch64 has no chown and lchown: fchown's
/// number stands in.)
#[rustfmt::skip]
const ONE_USER: &[Rule] = &[
    (&[[92, 55], [93, 55], [94, 55], [260, 54]], &[], DONE), // chown, fchown, lchown, fchownat
    (&[[105, 146], [106, 144], [116, 159]], &[], DONE), // setuid, setgid, setgroups
    (&[[113, 145], [114, 143]], &[], DONE), // setreuid, setregid
    (&[[117, 147], [119, 149]], &[], DONE), // setresuid, setresgid
    (&[[122, 151], [123, 152]], &[], DONE), // setfsuid, setfsgid
    (&[[126, 91]], &[], DONE), // capset: a server drops its privileges by both
];

fn filter(userns: bool) -> Vec<u8> {
    let (load, equal, at_least, answer) = (0x20, 0x15, 0x35, 0x06);
    // A program of another ABI, whose calls have other numbers, could not even end if it was denied
    // all. i386's are told by the architecture (at offset 4), x32's by numbers from 2^30 on.
    let mut code = vec![
        (load, 0, 0, 4),
        (equal, 1, 0, [0xc000_003e, 0xc000_00b7][CPU]),
        (answer, 0, 0, KILL),
        (load, 0, 0, NR),
        (at_least, 0, 2, 0x4000_0000),
        (equal, 1, 0, u32::MAX), // no call: a debugger in the jail skipped one
        (answer, 0, 0, KILL),
    ];
    // Each rule finds the number of the call loaded, and leaves it so. As for prlimit64(, , NULL):
    //   equal 302, else skip 6; load ARG2; equal 0, else skip 3;
    //   load ARG2 + 4; equal 0, else skip 1; answer; load NR
    let mut emit = |numbers: [u32; 2], conditions: &[(u32, u32)], what| {
        // It is built from its end, so that what is to be skipped is there already: all, or, if a
        // value was loaded, all but the last step.
        let mut rule = vec![(load, 0, 0, NR), (answer, 0, 0, what)];
        for (offset, value) in conditions.iter().rev() {
            rule.push((equal, 0, rule.len() as u8 - 1, *value));
            rule.push((load, 0, 0, *offset));
        }
        rule.push((equal, 0, rule.len() as u8, numbers[CPU]));
        code.extend(rule.into_iter().rev());
    };
    for value in IOCTLS {
        emit(IOCTL, &[(ARG1, value)], DENY);
    }
    // With --userns there may be more users.
    for (calls, conditions, what) in RULES.iter().chain(if userns { &[] } else { ONE_USER }) {
        for numbers in *calls {
            emit(*numbers, conditions, *what);
        }
    }
    code.push((answer, 0, 0, ALLOW));
    let bytes = |(op, yes, no, value)| [[op, 0, yes, no], u32::to_le_bytes(value)].concat();
    code.into_iter().flat_map(bytes).collect()
}
