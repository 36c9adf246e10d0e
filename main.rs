//! ajail runs a program you don't completely trust in a jail made by bubblewrap (bwrap).
//!
//! It promises that the program
//! - sees a root file system (root fs) of its own, the current directory and what you name. Of the
//!   rest of the host it gets at no file but /etc/resolv.conf, and at no process, variable,
//!   descriptor, abstract socket or key's content;
//! - has no privilege, even where root runs ajail;
//! - leaves nothing but what the status calls "kept", and a clone;
//! - ends when ajail ends, from its first millisecond on. Ctrl-C is the program's.
//!
//! It trusts the kernel, bwrap (0.12 or newer), the root fs, and the directories on your PATH.
//!
//! It does not stop
//! - what is left in a writable directory and run later: by you or, set-id, by anybody. Use --ro,
//!   --rol=.git, or --clone (which reads all of .git, and can damage its objects and branches);
//! - sending out what it sees, use of servers on localhost, ports shared by SO_REUSEPORT. Use
//!   --no-net;
//! - use of Unix sockets and FIFOs in what you mount, of its files' other hard links, of the rights
//!   of your groups to it, of your terminal and its session's priority, and of what descriptors
//!   0 to 2 lead to, as its owner;
//! - flaws of the kernel, filling the memory, reaching limits that are counted per user;
//! - a crash from starting the host's core handler, if that is a socket, or if the hard limit of
//!   core dumps is 0;
//! - the host from replacing what is locked or hidden, or mounting below it, which is then open;
//! - what a bind mount of the host's shows at a second path, ~/.ajail/fs included;
//! - a running jail from swapping a directory for a symlink on the way to a --ro or --dev place of
//!   another jail that just starts: bwrap takes these by path. (Other sources are as looked at.)
//! - with --userns: undoing --rol and --hide, changing your control group if you may, and seizing
//!   bwrap's process 1, which shows the host's files in its first milliseconds;
//! - as real root: reading what /proc shows to root only;
//! - before Linux 6.12, or without Landlock: abstract sockets and signals.

use std::ffi::{CString, OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, ErrorKind::*, Read, Write};
use std::os::unix::{fs::DirBuilderExt, prelude::*};
use std::path::{Path, PathBuf};
use std::process::{self, Command};
use std::{collections::BTreeMap, env, fmt::Display, time::UNIX_EPOCH};

const USAGE: &str = "\
usage: ajail [OPTION]... [--] [COMMAND [ARG]...]

Runs COMMAND, or sh, in a jail: its root is an immutable root fs under a temporary overlay; of the
host it sees the current directory, which it may write, and what the options name.

  --fs=ROOT_FS            the root fs: a name under ~/.ajail/fs/ (default: default), or /a/path
  --fs-edit[=DIR]         keep changes to the root fs, or only to DIR in it
  --home-edit[=SUBDIR]    keep changes to the jail's home, /root, or only to SUBDIR in it
  --rw[=PATH]             PATH (without it: the current directory) is writable, changes are kept
  --ro[=PATH]             changes vanish: a temporary overlay or, of a file, a private copy
  --rol[=PATH]            read-only, locked: writing fails
  --hide[=PATH]           empty; what is written there vanishes
  --dev=DEV               a device of the host, as --dev=/dev/kvm
  --mount=SRC,DST[,KIND]  SRC at DST; KIND is ro (if there is none), rol, rw, hide or dev
  --clone[=NAME]          a clone of this repository's commits: new, in ~/.ajail/clone/, or NAME
  --no-net                no network
  --net                   the host's network, its localhost included (the default)
  --userns                let the jail make user namespaces, which weakens --rol and --hide
  --cap-add=CAP           a capability for the jail (over its namespaces only with --userns)
  --bw=ARG                one more argument for bwrap, just before COMMAND
  --bwrap-bin=BIN         the bwrap to run
  --dry-run               print what would be run, and run nothing
  --quiet                 no status output, not even of what this kernel cannot do
  --help                  print this (as -h does)
  --version               print the version

The inner path counts, and of two for one path the later: --ro=a --rw=a/b keeps changes to a/b only.
Environment: AJAIL_ARGS      options, separated by ';', taken before those of the command line; what
                             they name below the current directory and is not there is skipped
             AJAIL_ENV_NAME  given to the jail as NAME; of the others only TERM and COLORTERM are
Exit status: COMMAND's; 128+n if signal n ended it; 1 if bwrap fails; 125 if ajail refuses
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
    dry_run: bool,
    quiet: bool,
    command: Vec<OsString>,
    // 2. What it is made of.
    dot_ajail: PathBuf,
    root: PathBuf, // the root fs
    bwrap: PathBuf,
    off_limits: Vec<Vec<Id>>, // bwrap, ajail, the root fses: for no place that is writable
    // 5. What bwrap and you are told.
    argv: Vec<OsString>,
    shown: String, // the same, for a shell
    status: String,
}

/// What the jail sees where. A map is in order, so that what is inside is mounted after what holds
/// it, and nothing is covered.
type Places = BTreeMap<PathBuf, Place>;

#[derive(Clone)]
struct Place {
    kind: Kind,
    src: PathBuf,   // if it is relative, in the root fs
    optional: bool, // if it is missing, it is skipped: so for AJAIL_ARGS
}

#[derive(Clone, Copy)]
enum Kind {
    Writable,
    Overlaid,
    Locked,
    Hidden,
    Device,
}
use Kind::*;

impl Kind {
    fn kept(self) -> bool {
        matches!(self, Writable | Device)
    }

    fn status(self) -> &'static str {
        match self {
            Writable => "writable, changes are kept",
            Overlaid => "changes vanish",
            Locked => "read-only",
            Hidden => "empty, changes vanish",
            Device => "device, changes are kept",
        }
    }
}

fn required(kind: Kind, src: impl Into<PathBuf>) -> Place {
    Place { kind, src: src.into(), optional: false }
}

fn main() {
    end(run().unwrap_or_else(|refusal| {
        let _ = writeln!(io::stderr(), "ajail: {refusal}"); // eprintln! panics if nobody reads
        125
    }))
}

fn end(status: i32) -> ! {
    if let 130 | 131 = status {
        // SIGINT or SIGQUIT ended the program. If it ends ajail, too, a shell's loop stops.
        signal(status - 128, 0);
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
    let mut jail = parse()?;
    // KEYCTL_JOIN_SESSION_KEYRING: the kernel uses the keys in there on its own, too, so that it is
    // not enough that the filter denies them. A kernel that has none is fine.
    let refused = call("keyctl", &[1]).is_err_and(|error| error.kind() != Unsupported);
    require(!refused, "keyring", "a new one is refused: is your quota of keys used up?")?;
    look_at_host(&mut jail)?;
    add_places(&mut jail);
    if let Some(name) = &jail.clone {
        let dir = make_clone(&jail, name)?;
        show_clone(&mut jail, &dir);
    }
    build_argv(&mut jail)?;
    let landlock = cut_ties(&mut jail);
    if !jail.quiet {
        let _ = io::stderr().write_all(jail.status.as_bytes());
    }
    if jail.dry_run {
        return print(&dry_run(&jail));
    }
    start(jail, landlock)
}

fn print(text: &str) -> Result<i32, String> {
    about("output", io::stdout().write_all(text.as_bytes())).and(Ok(0))
}

/// Makes an error a refusal: what it is about, on one line whatever that holds, and why.
fn about<T, E: Display>(what: impl AsRef<OsStr>, result: Result<T, E>) -> Result<T, String> {
    result.map_err(|why| format!("{}: {why}", quoted(what)))
}

fn require(fine: bool, what: impl AsRef<OsStr>, why: &str) -> Result<(), String> {
    if fine { Ok(()) } else { about(what, Err(why)) }
}

/// WORD as a shell reads it. Control characters and what is not UTF-8 are in bash's $''.
fn quoted(word: impl AsRef<OsStr>) -> String {
    let plain = |c: char| c.is_alphanumeric() || "/._-+=,:@%".contains(c);
    match word.as_ref().to_str() {
        Some(it) if !it.is_empty() && it.chars().all(plain) => it.into(),
        Some(it) if !it.contains(char::is_control) => format!("'{}'", it.replace('\'', r"'\''")),
        _ => format!("$'{}'", word.as_ref().as_bytes().escape_ascii()),
    }
}

// ---- 1. Words become options. Nothing here looks at a file system.

fn parse() -> Result<Jail, String> {
    let cwd = about("current-directory", env::current_dir())?;
    let (fs, bwrap_bin, command) = ("default".into(), "bwrap".into(), vec!["sh".into()]);
    let mut jail = Jail { cwd, fs, bwrap_bin, command, net: true, ..Jail::default() };
    let words = env::var_os("AJAIL_ARGS").unwrap_or_default();
    for word in words.as_bytes().split(|b| *b == b';').map(<[u8]>::trim_ascii) {
        if !word.is_empty() {
            parse_option(&mut jail, OsStr::from_bytes(word))?;
        }
    }
    for place in jail.places.values_mut() {
        place.optional = place.src.starts_with(&jail.cwd); // not every project has it
    }
    let mut argv = env::args_os().skip(1).peekable();
    while let Some(word) = argv.next_if(|word| word.as_bytes().starts_with(b"-")) {
        if word == "--" {
            break;
        }
        parse_option(&mut jail, &word)?;
    }
    if argv.peek().is_some() {
        jail.command = argv.collect();
    }
    Ok(jail)
}

fn parse_option(jail: &mut Jail, word: &OsStr) -> Result<(), String> {
    let mut halves = word.as_bytes().splitn(2, |b| *b == b'=').map(OsStr::from_bytes);
    let name = halves.next().and_then(OsStr::to_str).unwrap_or_default();
    let value = halves.next();
    let text = value.unwrap_or_default();
    require(value != Some(OsStr::new("")), word, "nothing after the =")?;
    match (name, value) {
        ("--fs", Some(_)) => jail.fs = text.into(),
        ("--fs-edit" | "--home-edit", _) => {
            let dst = clean(if name == "--fs-edit" { "/" } else { "/root" }, text);
            let in_root_fs = required(Writable, dst.strip_prefix("/").unwrap_or(&dst));
            jail.places.insert(dst, in_root_fs);
        }
        ("--rw" | "--ro" | "--rol" | "--hide", _) | ("--dev" | "--mount", Some(_)) => {
            let parsed = parse_place(jail, name, value.unwrap_or(".".as_ref()));
            about(word, parsed.ok_or("write it as --mount=SRC,DST or --mount=SRC,DST,KIND"))?;
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
        _ => return about(word, Err("no such option: see ajail --help, where some have a =VALUE")),
    }
    Ok(())
}

fn parse_place(jail: &mut Jail, name: &str, value: &OsStr) -> Option<()> {
    let words: Vec<_> = value.as_bytes().split(|b| *b == b',').map(OsStr::from_bytes).collect();
    let (src, dst, kind) = match words[..] {
        _ if name != "--mount" => (value, value, &name[2..]), // --rw=PATH: --mount=PATH,PATH,rw
        [src, dst] => (src, dst, "ro"),
        [src, dst, kind] => (src, dst, kind.to_str()?),
        _ => return None,
    };
    if src.is_empty() || dst.is_empty() {
        return None;
    }
    let kind = match kind {
        "rw" => Writable,
        "ro" => Overlaid,
        "rol" => Locked,
        "hide" => Hidden,
        "dev" => Device,
        _ => return None,
    };
    let [src, dst] = [src, dst].map(|path| clean(&jail.cwd, path));
    jail.places.insert(dst, required(kind, src));
    Some(())
}

/// PATH below BASE, or PATH if it is absolute. Each .. is resolved as it is spelled.
fn clean(base: impl AsRef<Path>, path: impl AsRef<Path>) -> PathBuf {
    let mut clean = PathBuf::new();
    for part in base.as_ref().join(path).components() {
        if part.as_os_str() == ".." {
            clean.pop();
        } else {
            clean.push(part);
        }
    }
    clean
}

// ---- 2. The host: what the jail is made of.

/// What the kernel knows a file by, under whatever path: device and inode.
type Id = (u64, u64);

/// All directories in which somebody could make PATH another file: those above it and, if it or one
/// of them is a symlink, those above its target, and so on. PATH itself is the last. SEEN is what
/// symlinks on the way have shown so far.
fn up_from(path: &Path, mut seen: Vec<Id>) -> Vec<Id> {
    let mut dir = PathBuf::new();
    for part in path.components() {
        dir.push(part);
        // (0, 0) is what is not there. No place that is mounted has it.
        let id = dir.metadata().map_or((0, 0), |it| (it.dev(), it.ino()));
        // A symlink may dangle, or lead in a circle: after 999 steps none is followed any more.
        if let (Ok(target), 0..999) = (dir.read_link(), seen.len()) {
            seen = up_from(&dir.with_file_name(target), seen);
            dir = dir.canonicalize().unwrap_or(dir);
        }
        seen.push(id);
    }
    seen
}

/// Whether INNER is OUTER, or below it.
fn holds(outer: &[Id], inner: &[Id]) -> bool {
    inner.contains(&outer[outer.len() - 1])
}

fn look_at_host(jail: &mut Jail) -> Result<(), String> {
    let path = env::var_os("PATH").unwrap_or_default();
    let dirs = env::split_paths(&path).filter(|dir| dir.is_absolute());
    let bwrap = dirs.map(|dir| dir.join(&jail.bwrap_bin)).find(|bin| bin.is_file());
    jail.bwrap = about(&jail.bwrap_bin, bwrap.ok_or("install bubblewrap 0.12: see mkbwrap.sh"))?;
    let bwrap = up_from(&jail.bwrap, vec![]);
    jail.dot_ajail = clean("/", env::var_os("HOME").unwrap_or_default()).join(".ajail");
    let root_fses = jail.dot_ajail.join("fs");
    let root = root_fses.join(&jail.fs);
    // If it were another user's, the overlay's copies would be, too, and no file could be changed.
    let mine = root.metadata().is_ok_and(|it| it.is_dir() && it.uid() == getuid());
    require(mine, &root, "no root fs of yours: see $HOME/.ajail/fs, and mkalpine.sh")?;
    for dir in [&jail.cwd, &root] {
        require(
            !holds(&up_from(dir, vec![]), &bwrap),
            &jail.bwrap,
            "lies here or in the root fs, where a jail could have put it: cd elsewhere",
        )?;
    }
    jail.off_limits = vec![
        bwrap,
        up_from("/proc/self/exe".as_ref(), vec![]), // ajail
        up_from(&root_fses, vec![]),
        up_from(&root, vec![]),
    ];
    for entry in fs::read_dir(root_fses).into_iter().flatten().flatten() {
        jail.off_limits.push(up_from(&entry.path(), vec![])); // as a symlink it leads elsewhere
    }
    jail.root = about(&root, root.canonicalize())?;
    Ok(())
}

// ---- 3. Places: what is to be seen where, outer before inner.

fn add_places(jail: &mut Jail) {
    let Jail { places, cwd, root, .. } = jail;
    places.entry(cwd.clone()).or_insert(required(Writable, &*cwd));
    if let (true, Ok(src)) = (jail.net, fs::canonicalize("/etc/resolv.conf")) {
        // bwrap refuses to mount on a symlink: mount where the root fs' leads, if it is one.
        let link = fs::read_link(root.join("etc/resolv.conf"));
        let dst = clean("/etc", link.unwrap_or("resolv.conf".into()));
        places.entry(dst).or_insert(required(Locked, src));
    }
}

/// Adds the directories on the way from a place that is kept to a place inside of it. Where /p is
/// writable and /p/a/.git locked, the jail could else rename /p/a and put its own /p/a/.git there.
/// A mount cannot be renamed, so /p/a becomes one, of the same kind as /p. (What bwrap makes on the
/// way, as the mount point of something else, can be renamed. So can all that is directly in the
/// root fs where that is kept: / is not among the places here.)
fn with_ways(jail: &Jail) -> Places {
    let places = &jail.places;
    let mut all = places.clone();
    for way in places.keys().flat_map(|dst| dst.ancestors()) {
        if let Some((outer, holder)) = way.ancestors().find_map(|dir| places.get_key_value(dir)) {
            let src = holder.src.join(way.strip_prefix(outer).unwrap_or(way)); // it is below OUTER
            if holder.kind.kept() && jail.root.join(&src).symlink_metadata().is_ok() {
                all.entry(way.into()).or_insert(required(holder.kind, src));
            }
        }
    }
    all
}

// ---- 4. A clone. git runs in a jail as well, as it trusts a configuration that a jail may have
// written. It copies all: through hard links the jail could write to the repository's own files.

/// Its arguments: the repository as messages name it, its .git, the name of the clone.
const MAKE_CLONE: &str = r"IFS= && set -f # no word is split
refuse() { printf 'ajail: %s: %s\n' $what $1 >&2; exit 125; }
what=$1 git=$2 name=$3
# The configuration is to have git fetch nothing, by no program.
export GIT_NO_LAZY_FETCH=1 GIT_ALLOW_PROTOCOL=file
trap 'exit 130' INT TERM HUP
command -v git >/dev/null ||
    refuse 'no git in the root fs: ajail --fs-edit apk add git, or apt-get install -y git'
[ -d $git ] || refuse 'no directory: cd to the main worktree of the repository'
[ -O $git ] || refuse 'it belongs to another user'
[ ! -s $git/objects/info/alternates ] ||
    refuse 'it borrows objects: git repack -a -d && rm .git/objects/info/alternates'
partial='^(remote\..*\.promisor|extensions\.partialclone)$'
! git -C $git config --get-regexp $partial >/dev/null 2>&1 ||
    refuse 'a partial clone: git fetch --refetch --no-filter, then unset remote.NAME.promisor'
git -C $git for-each-ref --count=1 2>/dev/null | grep -q . || refuse 'no commit in it yet'
git check-ref-format --branch $name >/dev/null 2>&1 || refuse 'no branch can have its name'
# checkout.workers=0 writes files with all processors.
new=$(mktemp -u .new.XXXXXX) && trap 'rm -rf $new' EXIT
clone() {
    git -c checkout.workers=0 clone --quiet --no-hardlinks $git $new && cd $new &&
        git remote set-url origin /ajail/origin && git config push.autoSetupRemote true &&
        { git switch -q $name 2>/dev/null || git switch -q -c $name; }
}
said=$(clone 2>&1) || refuse 'git: '$(echo $said | tail -n 1 | tr -cd '[:print:]')
mv -T $new $name 2>/dev/null || refuse 'its name is too long, or taken now'";

/// Makes the clone, if it is not there. Returns where it is.
fn make_clone(jail: &Jail, name: &OsStr) -> Result<PathBuf, String> {
    let now = UNIX_EPOCH.elapsed().unwrap_or_default().as_nanos().to_string();
    let name = if name.is_empty() { now.as_ref() } else { name };
    require(Path::new(name).file_name() == Some(name), name, "no / in a clone's name, and no ..")?;
    // A directory for each repository: its path with + for /, and a + in it escaped.
    let path = quoted(&jail.cwd).replace('%', "%25").replace('+', "%2B").replace('/', "+");
    // ~/.ajail may be a symlink; what is in it may not, since jails may have been run there.
    let dot_ajail = jail.dot_ajail.canonicalize().unwrap_or(jail.dot_ajail.clone());
    let clones = dot_ajail.join("clone").join(path);
    let dir = clones.join(name);
    if !dir.exists() {
        require(!jail.dry_run, &dir, "there is no such clone yet, and a dry run makes none")?;
        let git = &jail.cwd.join(".git");
        require(git.exists(), git, "no repository here: cd to the top of one")?;
        // They are as secret as the repository, so that others may read none.
        about(&clones, fs::DirBuilder::new().recursive(true).mode(0o700).create(&clones))?;
        about(&clones, open(&clones))?; // it may be no symlink
        let mut maker = Command::new("/proc/self/exe");
        maker.env_remove("AJAIL_ARGS").current_dir(&clones);
        for (option, path) in
            [("--fs=", &jail.root), ("--bwrap-bin=", &jail.bwrap), ("--rol=", git)]
        {
            maker.arg([option.as_ref(), path.as_os_str()].join(OsStr::new("")));
        }
        maker.args(["--quiet", "--no-net", "sh", "-c", MAKE_CLONE, "sh", &quoted(&jail.cwd)]);
        let status = supervise(maker.args([git.as_os_str(), name]), None)?;
        if status != 0 {
            end(status); // it has said why
        }
    }
    Ok(dir)
}

/// Has the jail see DIR, the clone, in place of the current directory, and what it needs to push.
fn show_clone(jail: &mut Jail, dir: &Path) {
    let Jail { places, cwd, .. } = jail;
    let git = &cwd.join(".git");
    // What AJAIL_ARGS says of .git protects your own, which the jail does not see here.
    places.retain(|dst, place| !(place.optional && dst.starts_with(git)));
    for place in places.values_mut() {
        if let Ok(path) = place.src.strip_prefix(&cwd) {
            place.src = clean(dir, path);
        }
    }
    let as_cwd = places[cwd].kind;
    for (kind, part) in [
        (Locked, ""),             // hooks and configuration run as your next git
        (as_cwd, "objects"),      // what a push brings, and below which names
        (Locked, "objects/info"), // a file alternates there has git read other directories
        (as_cwd, "refs/heads"),   // not all of refs: refs/replace has git show other commits
        (as_cwd, "refs/tags"),
        (as_cwd, "reftable"),
        (Overlaid, "logs"), // git writes them; a symlink there would lead your next commit
    ] {
        let optional = part != "objects/info"; // if it were missing, the jail could make it
        let place = Place { optional, ..required(kind, clean(git, part)) };
        places.insert(clean("/ajail/origin", part), place);
    }
}

// ---- 5. Places become what bwrap is told and what you are told, in one pass, so that both agree.

impl Jail {
    fn add(&mut self, words: &str) -> &mut Jail {
        self.shown += " \\\n ";
        for word in words.split(' ') {
            self.add_word(word);
        }
        self
    }

    fn add_word(&mut self, word: impl AsRef<OsStr>) -> &mut Jail {
        self.shown += &format!(" {}", quoted(&word));
        self.argv.push(word.as_ref().into());
        self
    }

    /// FLAG and the number of FILE, which stays open, over exec as well, until bwrap closes it.
    fn pass(&mut self, flag: &str, file: File) -> &mut Jail {
        let number = file.into_raw_fd();
        // F_SETFD: no close-on-exec. If this fails, bwrap fails, as it misses the descriptor.
        let _ = call("fcntl", &[number.into(), 2, 0]);
        let path = fs::read_link(format!("/proc/self/fd/{number}")).unwrap_or_default();
        self.add(&format!("{flag} {number}"));
        self.shown += &format!(" {number}<{}", quoted(path));
        self
    }

    fn say(&mut self, what: impl AsRef<OsStr>, how: &str) {
        self.status += &format!("ajail: {}: {how}\n", quoted(what));
    }
}

fn build_argv(jail: &mut Jail) -> Result<(), String> {
    let root = jail.places.remove(Path::new("/")).unwrap_or(required(Overlaid, ""));
    add_mount(jail, "/".as_ref(), &root)?;
    let path = "--setenv PATH /root/.local/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:\
                /sbin:/bin";
    for (needed, flags) in [
        // Namespaces: no process, IPC object, control group or name of the host's. No network, too.
        (true, "--unshare-all --unshare-user --unshare-cgroup --hostname localhost"),
        (jail.net, "--share-net"),
        (true, "--uid 0 --gid 0"),   // root by name, for package managers
        (true, "--cap-drop ALL"),    // real root could undo the mounts
        (true, "--die-with-parent"), // for what is pasted from a dry run
        // Fresh ones, over the root fs and below all that is mounted in them later.
        (true, "--dev /dev --proc /proc --perms 1777 --tmpfs /tmp --tmpfs /run --dir /run/lock"),
        // In a user namespace of its own the program would have every capability, and so reach more
        // of the kernel. /proc/1 is bwrap's, with its memory and its program, a file of the host's.
        (!jail.userns, "--disable-userns --tmpfs /proc/1"),
        // Real root owns the host's settings in /proc/sys, and needs no capability to write them.
        (getuid() == 0, "--remount-ro /proc"),
        (true, "--setenv HOME /root --setenv USER root --setenv LANG C.UTF-8"),
        (true, "--setenv IS_SANDBOX 1"), // agents ask for it where they run as root
        (true, path),
    ] {
        if needed {
            jail.add(flags);
        }
    }
    add_environment(jail);
    for (dst, place) in &with_ways(jail) {
        add_mount(jail, dst, place)?;
    }
    for word in &jail.extra.clone() {
        jail.add_word(word);
    }
    Ok(())
}

fn add_environment(jail: &mut Jail) {
    for name in ["TERM", "COLORTERM"] {
        if let Some(value) = env::var_os(name) {
            jail.add("--setenv").add_word(name).add_word(value);
        }
    }
    for (variable, value) in env::vars_os() {
        if let Some(name) = variable.as_bytes().strip_prefix(b"AJAIL_ENV_") {
            // The value may be a secret, which is not to be shown.
            jail.add("--setenv").add_word(OsStr::from_bytes(name)).argv.push(value);
            jail.shown += &format!(" \"$(printenv {})\"", quoted(variable));
        }
    }
}

/// Opens the source, looks at what was opened, and has just that mounted. (bwrap takes --ro of a
/// directory and --dev by path only.)
fn add_mount(jail: &mut Jail, dst: &Path, place: &Place) -> Result<(), String> {
    let src = &clean(&jail.root, &place.src);
    let of_host = place.src.is_absolute();
    let taken = (dst.as_os_str() == "/" && of_host)
        || dst.as_os_str() == "/dev"
        || dst.starts_with("/proc");
    require(!taken, dst, "the jail has its own: cd into a project")?;
    // A symlink may be one that a jail left, to lead another jail's mount elsewhere.
    let why = "no symlink may be on the way; in the root fs, ajail --fs-edit mkdir -p makes it";
    let opened = match open(src) {
        Err(error) if place.optional && matches!(error.kind(), NotFound | NotADirectory) => {
            jail.say(dst, "not there, skipped");
            return Ok(());
        }
        opened => about(src, opened.map_err(|error| format!("{error}: {why}")))?,
    };
    let opened_path = format!("/proc/self/fd/{}", opened.as_raw_fd()); // whatever SRC is by now
    if place.kind.kept() && of_host {
        let own = up_from(opened_path.as_ref(), vec![]);
        let apart = jail.off_limits.iter().all(|part| !holds(&own, part) && !holds(part, &own));
        require(apart, src, "writable, it could change the next jail: cd into a project, or --ro")?;
    }
    let meta = about(src, opened.metadata())?;
    // What bwrap is told: flags, source, and in every case then DST.
    match (place.kind, meta.is_dir()) {
        (Writable, _) => jail.pass("--bind-fd", opened),
        (Locked, _) => jail.pass("--ro-bind-fd", opened),
        (Overlaid, true) => jail.add("--overlay-src").add_word(src).add("--tmp-overlay"),
        (Hidden, true) => jail.add("--tmpfs"),
        (Overlaid, false) if meta.is_file() => {
            jail.add(&format!("--perms {:o}", meta.mode() & 0o777));
            jail.pass("--bind-data", about(src, File::open(opened_path))?)
        }
        (Hidden, false) => jail.pass("--bind-data", about(src, File::open("/dev/null"))?),
        (Device, _) if !meta.is_file() => jail.add("--dev-bind").add_word(src),
        _ => return about(src, Err("not for this sort of file: use rol")),
    };
    jail.add_word(dst);
    let from = if src == dst { String::new() } else { format!(", from {}", quoted(src)) };
    jail.say(dst, &format!("{}{from}", place.kind.status()));
    Ok(())
}

fn dry_run(jail: &Jail) -> String {
    let mut text = format!("env -i {}{} \\\n  --", quoted(&jail.bwrap), jail.shown);
    for word in &jail.command {
        text += &format!(" {}", quoted(word));
    }
    text + "\n# and, beyond a shell: a filter, Landlock, a PID namespace that ends with ajail, a\n\
            # session keyring, no core dumps, no other descriptors; 10< and $'...' are bash's\n"
}

// ---- 6. The start: bwrap as process 1 of a PID namespace, which the kernel ends with ajail.

/// Cuts the ties that no namespace cuts. Where that fails, the status says what is weaker.
fn cut_ties(jail: &mut Jail) -> Option<i64> {
    // Landlock, to forbid abstract sockets, such as an X server's, and signals to the caller's
    // process group. It is for the child: were ajail under it as well, the jail could signal ajail.
    // (Handled: nothing. Scoped: LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | LANDLOCK_SCOPE_SIGNAL.)
    let landlock = call("landlock_create_ruleset", &[ptr(&[0u64, 0, 1 | 2]), 24]);
    for (applies, what, how) in [
        (landlock.is_err(), "kernel", "stops no signals and no abstract sockets"),
        // RLIMIT_CORE (4): the host's core handler runs outside of the jail. With a limit of 1 the
        // kernel does not start it; with 0 it does.
        (call("setrlimit", &[4, ptr(&[1u64, 1])]).is_err(), "crashes", "the host may handle them"),
        (jail.userns, "--userns", "--rol and --hide may be undone"),
        (jail.net, "network", "the host's, its localhost included"),
        (!jail.net, "network", "none"),
    ] {
        if applies {
            jail.say(what, how);
        }
    }
    landlock.ok()
}

fn start(jail: Jail, landlock: Option<i64>) -> Result<i32, String> {
    // bwrap's arguments by descriptor, since every user may read a command line. No environment,
    // since the jail could read it as that of process 1.
    let mut bwrap = Command::new(&jail.bwrap);
    bwrap.env_clear();
    let argv = jail.argv.join(OsStr::new("\0"));
    for (flag, bytes) in [("--args", argv.as_bytes()), ("--seccomp", &filter(jail.userns))] {
        let number = about("memfd_create", call("memfd_create", &[ptr(c""), 0]))?.to_string();
        about("memfd_create", fs::write(format!("/proc/self/fd/{number}"), bytes))?;
        bwrap.args([flag, &number]);
    }
    bwrap.arg("--").args(&jail.command);
    about("namespaces, see mkbwrap.sh", namespaces())?; // AppArmor may forbid them, for one
    supervise(&mut bwrap, landlock)
}

fn namespaces() -> io::Result<()> {
    let (uid, gid) = (getuid(), getgid());
    // CLONE_NEWPID, CLONE_NEWNS and, to be allowed these, CLONE_NEWUSER
    call("unshare", &[0x2000_0000 | 0x2_0000 | 0x1000_0000])?;
    fs::write("/proc/self/setgroups", "deny")?;
    fs::write("/proc/self/uid_map", format!("{uid} {uid} 1"))?;
    fs::write("/proc/self/gid_map", format!("{gid} {gid} 1"))?;
    // MS_REC | MS_SLAVE: the host sees no mount that is made from here on.
    call("mount", &[0, ptr(c"/"), 0, 0x4000 | 0x8_0000])?;
    if uid == 0 {
        // The jail gets some of the host's devices. Real root owns them, and could chmod them,
        // but not on a read-only mount.
        call("mount", &[ptr(c"/dev"), ptr(c"/dev"), 0, 0x1000 | 0x4000])?; // MS_BIND | MS_REC
        // AT_FDCWD, MOUNT_ATTR_RDONLY. (Not of /dev/pts: the terminal is descriptor 0 as well.)
        call("mount_setattr", &[-100, ptr(c"/dev"), 0, ptr(&[1u64, 0, 0, 0]), 32])?;
    }
    Ok(())
}

/// Runs COMMAND, which ends when ajail ends. Returns its status.
fn supervise(command: &mut Command, landlock: Option<i64>) -> Result<i32, String> {
    let mut alive = about("/proc", File::open("/proc/self/cmdline"))?;
    let last_steps = move || {
        // From the next line on, the kernel kills this process when ajail ends. If ajail has ended
        // before, nothing can be read of its command line any more, and nobody is to be told.
        call("prctl", &[1, 9])?; // PR_SET_PDEATHSIG, SIGKILL
        if alive.read_exact(&mut [0]).is_err() {
            end(125);
        }
        if process::id() == 1 {
            // bwrap looks for its own processes in /proc, by their numbers in its namespace.
            call("mount", &[0, ptr(c"/proc"), ptr(c"proc")])?;
        }
        call("prctl", &[38, 1])?; // PR_SET_NO_NEW_PRIVS: no bwrap is to gain from being set-id
        if let Some(ruleset) = landlock {
            call("landlock_restrict_self", &[ruleset])?;
        }
        Ok(())
    };
    // SAFETY: ajail has one thread, so that no lock is held in the child by another.
    unsafe { command.pre_exec(last_steps) };
    signal(17, 0); // SIGCHLD: a caller may have it ignored, which loses the status
    let mut child = about("start", command.spawn())?;
    // The terminal sends Ctrl-C to ajail and to the program. Only the program is to act on it.
    let (int, quit) = (signal(2, 1), signal(3, 1)); // SIGINT and SIGQUIT: SIG_IGN
    let status = about("wait", child.wait())?;
    signal(2, int); // for the next child
    signal(3, quit);
    Ok(status.code().unwrap_or(128 + status.signal().unwrap_or_default()))
}

// ---- 7. What std has no function for, straight from the kernel.

/// Which of two numbers is the processor's. (There are none for others.)
#[cfg(target_arch = "x86_64")]
const CPU: usize = 0;
#[cfg(target_arch = "aarch64")]
const CPU: usize = 1;

unsafe extern "C" {
    fn syscall(number: i64, ...) -> i64;
    safe fn signal(number: i32, action: usize) -> usize;
    safe fn raise(number: i32) -> i32;
    safe fn getuid() -> u32;
    safe fn getgid() -> u32;
}

fn call(name: &str, args: &[i64]) -> io::Result<i64> {
    let numbers = match name {
        "close_range" => [436, 436],
        "fcntl" => [72, 25],
        "keyctl" => [250, 219],
        "landlock_create_ruleset" => [444, 444],
        "landlock_restrict_self" => [446, 446],
        "memfd_create" => [319, 279],
        "mount" => [165, 40],
        "mount_setattr" => [442, 442],
        "openat2" => [437, 437],
        "prctl" => [157, 167],
        "setrlimit" => [160, 164],
        "unshare" => [272, 97],
        _ => return Err(Other.into()), // not what the kernel says of a missing call
    };
    // An argument that is not given is 0.
    let arg = |n| args.get(n).copied().unwrap_or(0);
    // SAFETY: each call gets numbers, and pointers to what lives long enough and is as large as the
    // kernel expects.
    match unsafe { syscall(numbers[CPU], arg(0), arg(1), arg(2), arg(3), arg(4)) } {
        -1 => Err(io::Error::last_os_error()),
        result => Ok(result),
    }
}

fn ptr<T: ?Sized>(it: &T) -> i64 {
    &raw const *it as *const () as i64
}

/// Opens PATH, of whatever sort, if no symlink is on the way.
fn open(path: &Path) -> io::Result<File> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    let how = [0x20_0000u64 | 0x8_0000, 0, 4]; // O_PATH | O_CLOEXEC, RESOLVE_NO_SYMLINKS
    let number = call("openat2", &[-100, ptr(&*path), ptr(&how), 24])?; // AT_FDCWD
    // SAFETY: it is new, and nobody else's.
    Ok(unsafe { File::from_raw_fd(number as i32) })
}

// ---- 8. The system call filter, in seccomp's machine code.

const ALLOW: u32 = 0x7fff_0000;
const DENY: u32 = 0x0005_0001; // with EPERM
const DONE: u32 = 0x0005_0000; // with 0: nothing is done, and called a success

// Where the filter finds the number of a call, and the lower halves of its arguments.
const NR: u32 = 0;
const ARG0: u32 = 16;
const ARG1: u32 = 24;
const ARG2: u32 = 32;
const IOCTL: &[[u32; 2]] = &[[16, 29]];

/// Calls, by their numbers on x86_64 and aarch64; the values that must be at some offsets; and the
/// answer. The first rule that fits counts. (test.sh compares the numbers here and above with those
/// that the kernel's headers give the names in the comments.)
type Rule = (&'static [[u32; 2]], &'static [(u32, u32)], u32);
#[rustfmt::skip]
const RULES: &[Rule] = &[
    (IOCTL, &[(ARG1, 0x5412)], DENY), // TIOCSTI types into the caller's terminal
    (IOCTL, &[(ARG1, 0x541c)], DENY), // TIOCLINUX does, too
    (IOCTL, &[(ARG1, 0x5000_9401)], DENY), // BTRFS_IOC_SNAP_CREATE: a snapshot has what is hidden
    (IOCTL, &[(ARG1, 0x5000_9417)], DENY), // BTRFS_IOC_SNAP_CREATE_V2
    (IOCTL, &[(ARG1, 0xc040_6618)], DENY), // FS_IOC_REMOVE_ENCRYPTION_KEY locks the directory
    (IOCTL, &[(ARG1, 0xc040_6619)], DENY), // FS_IOC_REMOVE_ENCRYPTION_KEY_ALL_USERS
    (&[[101, 117]], &[(ARG1, 1)], DENY), // ptrace(request, 1): process 1 is bwrap, to be seized
    (&[[310, 270], [311, 271]], &[(ARG0, 1)], DENY), // process_vm_readv(1), process_vm_writev(1)
    (&[[438, 438]], &[], DENY), // pidfd_getfd: bwrap has files of the host open as it starts
    (&[[41, 198]], &[(ARG0, 40)], DENY), // socket(AF_VSOCK): in no namespace
    (&[[41, 198]], &[(ARG0, 42)], DENY), // socket(AF_QIPCRTR): in no namespace
    (&[[41, 198]], &[(ARG2, 11)], DENY), // socket(, , NETLINK_CONNECTOR): tells of every process
    (&[[141, 140]], &[(ARG0, 1)], DENY), // setpriority(PRIO_PGRP): the caller's process group
    (&[[251, 30]], &[(ARG0, 2)], DENY), // ioprio_set(IOPRIO_WHO_PGRP): the same
    (&[[248, 217], [249, 218], [250, 219]], &[], DENY), // add_key, request_key, keyctl: your keys
    (&[[425, 425], [304, 265]], &[], DENY), // io_uring_setup, open_by_handle_at: around the rules
    (&[[298, 241]], &[], DENY), // perf_event_open watches more than its own process
    (&[[302, 261]], &[(ARG2, 0), (ARG2 + 4, 0)], ALLOW), // prlimit64(, , NULL) only asks for limits
    (&[[302, 261]], &[(ARG1, 4)], DONE), // prlimit64(, RLIMIT_CORE): 1 is to stay. (gpg would end
    (&[[160, 164]], &[(ARG0, 4)], DONE), // setrlimit(RLIMIT_CORE)   if it were denied that.)
];
/// A jail has one user, so that these could only do nothing, or fail; then apt, dpkg and tar stop.
/// (aarch64 has no chown and lchown: fchown's number stands in.)
#[rustfmt::skip]
const ONE_USER: &[Rule] = &[
    (&[[92, 55], [93, 55], [94, 55], [260, 54]], &[], DONE), // chown, fchown, lchown, fchownat
    (&[[105, 146], [106, 144], [116, 159]], &[], DONE), // setuid, setgid, setgroups
    (&[[113, 145], [114, 143]], &[], DONE), // setreuid, setregid
    (&[[117, 147], [119, 149]], &[], DONE), // setresuid, setresgid
    (&[[122, 151], [123, 152]], &[], DONE), // setfsuid, setfsgid
];

fn filter(userns: bool) -> Vec<u8> {
    let (load, equal, at_least, answer) = (0x20, 0x15, 0x35, 0x06);
    // Programs of another ABI, which has other numbers, are denied all: i386's by the architecture
    // (at offset 4), x32's by their numbers, which start at 2^30.
    let mut code = vec![
        (load, 0, 0, 4),
        (equal, 1, 0, [0xc000_003e, 0xc000_00b7][CPU]),
        (answer, 0, 0, DENY),
        (load, 0, 0, NR),
        (at_least, 0, 1, 0x4000_0000),
        (answer, 0, 0, DENY),
    ];
    // With --userns there may be more users.
    for (calls, conditions, what) in RULES.iter().chain(if userns { &[] } else { ONE_USER }) {
        for numbers in *calls {
            // How many instructions of this rule are left, to be skipped if a comparison fails.
            let mut rest = 2 * conditions.len() as u8 + 1;
            code.extend([(load, 0, 0, NR), (equal, 0, rest, numbers[CPU])]);
            for (offset, value) in *conditions {
                rest -= 2;
                code.extend([(load, 0, 0, *offset), (equal, 0, rest, *value)]);
            }
            code.push((answer, 0, 0, *what));
        }
    }
    code.push((answer, 0, 0, ALLOW));
    let bytes = |(op, yes, no, value)| [[op, 0, yes, no], u32::to_le_bytes(value)].concat();
    code.into_iter().flat_map(bytes).collect()
}
