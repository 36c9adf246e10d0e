//! ajail runs a program you don't completely trust in a jail made by bubblewrap (bwrap).
//!
//! It promises that the program
//! - sees a root file system (root fs) of its own, the current directory and what you name, and no
//!   other file, process, variable or descriptor, no abstract socket and no key's content of yours;
//! - has no privilege, even where root runs ajail;
//! - leaves nothing but what the status calls "kept";
//! - ends when ajail does, from its first millisecond on, and gets your Ctrl-C for its own.
//!
//! It trusts the kernel, bwrap, the root fs, and the directories on your PATH.
//!
//! It does not stop
//! - what is left in a writable directory and run later, by you or, set-id, by anybody: use --ro,
//!   --rol=.git, or --clone (whose .git it reads, and whose objects and branches it can damage);
//! - sending out what it sees, servers on localhost, ports shared by SO_REUSEPORT: use --no-net;
//! - Unix sockets in what you mount, hard links into it, your terminal and its session's priority;
//!   descriptors 0 to 2, which can be reopened for reading and writing both;
//! - flaws of the kernel; filling memory, and limits that are counted for each user; a core handler
//!   that is a socket, or where the hard limit of core dumps is 0;
//! - the host from replacing what is locked or hidden, or mounting below it: that is then open, as
//!   what it had mounted below a writable directory is writable;
//! - a running jail from swapping a directory for a symlink under the overlay of another that just
//!   starts: bwrap takes an overlay's source, and a device's, by its path only;
//! - with --userns: undoing --rol and --hide, your control group if it is yours to write, and
//!   seizing bwrap's process 1, which in its first milliseconds shows the host's files;
//! - before Linux 6.12: abstract sockets and signals.

use std::ffi::{CString, OsStr, OsString};
use std::fs::{self, DirBuilder, File};
use std::io::{self, ErrorKind::*, Read, Seek, Write};
use std::os::unix::{fs::DirBuilderExt, net::UnixStream, prelude::*};
use std::path::{Component, Path, PathBuf};
use std::process::{self, Command};
use std::{collections::BTreeMap, env, fmt::Display, time::UNIX_EPOCH};

const USAGE: &str = "\
usage: ajail [OPTION]... [--] [COMMAND [ARG]...]

Runs COMMAND (sh if there is none) in a jail: its root is an immutable root fs under a temporary
overlay; of the host it sees the current directory and what the options name.

  --fs=ROOT_FS            the root fs: a name under ~/.ajail/fs/ (default: default), or /a/path
  --fs-edit[=DIR]         keep changes to the root fs, or only to DIR in it
  --home-edit[=SUBDIR]    keep changes to the jail's home, /root, or only to SUBDIR in it
  --rw[=PATH]             PATH (without it: the current directory) is writable, changes are kept
  --ro[=PATH]             changes vanish: a temporary overlay or, of a file, a private copy
  --rol[=PATH]            read-only, locked: writing fails
  --hide[=PATH]           empty; what is written there vanishes
  --dev=DEV               a device of the host, as --dev=/dev/kvm
  --mount=SRC,DST[,KIND]  SRC at DST; KIND is ro (if there is none), rol, rw, hide or dev
  --clone[=NAME]          a clone of this repository instead: a new one in ~/.ajail/clone/, or NAME
  --no-net                no network
  --net                   the host's network, its localhost included (the default)
  --userns                let the jail make user namespaces, which weakens --rol and --hide
  --cap-add=CAP           a capability for the jail (over its namespaces only with --userns)
  --bw=ARG                one more argument for bwrap, just before COMMAND
  --bwrap-bin=BIN         the bwrap to run
  --dry-run               print what would be run, and run nothing
  --quiet                 no status output
  --help                  print this (as -h does)
  --version               print the version

The inner path counts, and of two for one path the later: --ro=a --rw=a/b keeps a/b only.
Environment: AJAIL_ARGS      options, separated by ';', taken before those of the command line; what
                             they name below the current directory and is not there is skipped
             AJAIL_ENV_NAME  given to the jail as NAME; else it gets TERM and COLORTERM only
Exit status: COMMAND's; 128+n if signal n ended it; 1 if bwrap fails; 125 if ajail refuses
Examples:    ajail --ro --no-net make test    a build that can neither change nor send anything
             ajail --rol=.git --hide=.env sh  a shell that works here, but not on .git or .env
             ajail --fs-edit apk add nodejs   a package to stay in the root fs
";

const VERSION: &str = concat!("ajail ", env!("CARGO_PKG_VERSION"), "\n");

fn main() {
    let status = run().unwrap_or_else(|refusal| {
        let _ = writeln!(io::stderr(), "ajail: {refusal}"); // eprintln! panics if nobody reads
        125
    });
    end(status)
}

fn run() -> Result<i32, String> {
    let options = parse()?;
    if let Some(text) = options.print {
        return print(text);
    }
    for fd in ["/proc/self/fd/0", "/proc/self/fd/1", "/proc/self/fd/2"] {
        // As any directory's descriptor, it would be a way into the host's tree.
        require(!Path::new(fd).is_dir(), fd, "a directory is no input or output")?;
    }
    let host = look_at_host(&options)?;
    let mut places = list_places(&options, &host);
    let (clone, new) = match &options.clone {
        Some(name) => make_clone(&options, &host, name)?,
        None => (options.cwd.clone(), false),
    };
    if options.clone.is_some() {
        show_clone(&options, &clone, &mut places);
    }
    let jail = build_jail(&options, &host, &places);
    if new && jail.is_err() {
        let _ = fs::remove_dir_all(&clone); // what was asked for does not fit it
    }
    let mut jail = jail?;
    if new {
        jail.say("clone", "new, without uncommitted and untracked files, and remotes");
    }
    cut_ties(&mut jail)?;
    if !options.quiet {
        let _ = io::stderr().write_all(jail.status.as_bytes());
    }
    if options.dry_run {
        return print(&dry_run(&options, &host, &jail));
    }
    start(&options, &host, jail)
}

fn print(text: &str) -> Result<i32, String> {
    io::stdout().write_all(text.as_bytes()).at("output")?;
    Ok(0)
}

/// What every refusal looks like: WHAT, on one line whatever it holds, and WHY.
fn refuse<T>(what: impl AsRef<OsStr>, why: impl Display) -> Result<T, String> {
    Err(format!("{}: {why}", quoted(what)))
}

fn require(fine: bool, what: impl AsRef<OsStr>, why: impl Display) -> Result<(), String> {
    if fine { Ok(()) } else { refuse(what, why) }
}

/// What an error was about: `read(path).at(path)?`
trait At<T> {
    fn at(self, what: impl AsRef<OsStr>) -> Result<T, String>;
}

impl<T, E: Display> At<T> for Result<T, E> {
    fn at(self, what: impl AsRef<OsStr>) -> Result<T, String> {
        self.or_else(|why| refuse(what, why))
    }
}

/// A word as any POSIX shell reads it; in bash's $'' only where a terminal would act on it.
fn quoted(word: impl AsRef<OsStr>) -> String {
    let plain = |c: char| c.is_alphanumeric() || "/._-+=,:@%".contains(c);
    match word.as_ref().to_str() {
        Some(it) if !it.is_empty() && it.chars().all(plain) => it.into(),
        Some(it) if !it.contains(char::is_control) => format!("'{}'", it.replace('\'', r"'\''")),
        _ => format!("$'{}'", word.as_ref().as_bytes().escape_ascii()),
    }
}

// ---- 1. Words become options. Nothing here looks at a file system.

#[derive(Default)]
struct Options {
    cwd: PathBuf,
    fs: OsString,
    edits: Vec<PathBuf>, // directories in the root fs
    places: Places,
    clone: Option<OsString>, // its name, or nothing for a new one
    net: bool,
    userns: bool,
    bwrap: OsString,
    extra: Vec<OsString>, // arguments for bwrap
    env: Vec<OsString>,   // --setenv NAME VALUE for each that AJAIL_ENV_ passes
    dry_run: bool,
    quiet: bool,
    print: Option<&'static str>, // and do nothing else
    command: Vec<OsString>,
}

fn parse() -> Result<Options, String> {
    let (fs, bwrap) = ("default".into(), "bwrap".into());
    let cwd = env::current_dir().at("current-directory")?;
    let mut options = Options { cwd, fs, bwrap, net: true, ..Options::default() };
    for word in env::var_os("AJAIL_ARGS").unwrap_or_default().as_bytes().split(|b| *b == b';') {
        if !word.trim_ascii().is_empty() {
            parse_option(&mut options, OsStr::from_bytes(word.trim_ascii()), true)?;
        }
    }
    let mut argv = env::args_os().skip(1).peekable();
    while let Some(word) = argv.next_if(|word| word.as_bytes().starts_with(b"-")) {
        if word == "--" {
            break;
        }
        parse_option(&mut options, &word, false)?;
    }
    options.command = argv.collect();
    if options.command.is_empty() {
        options.command.push("sh".into());
    }
    for (variable, value) in env::vars_os() {
        let Some(name) = variable.as_bytes().strip_prefix(b"AJAIL_ENV_") else { continue };
        // A shell is to expand it, in what the dry run prints.
        let fine = name.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'_');
        require(fine && !name.is_empty(), &variable, "names no variable")?;
        options.env.extend(["--setenv".into(), OsStr::from_bytes(name).into(), value]);
    }
    Ok(options)
}

fn parse_option(options: &mut Options, word: &OsStr, from_env: bool) -> Result<(), String> {
    let mut halves = word.as_bytes().splitn(2, |b| *b == b'=').map(OsStr::from_bytes);
    let name = halves.next().and_then(OsStr::to_str).unwrap_or_default();
    let value = halves.next();
    let text = value.unwrap_or_default();
    require(value.is_none() || !text.is_empty(), word, "nothing after the =")?;
    match (name, value) {
        ("--fs", Some(_)) => options.fs = text.into(),
        ("--fs-edit", _) => options.edits.push(clean("/", text)),
        ("--home-edit", _) => options.edits.push(clean("/root", text)),
        ("--rw" | "--ro" | "--rol" | "--hide", _) | ("--dev" | "--mount", Some(_)) => {
            let path = value.unwrap_or(".".as_ref());
            parse_place(options, name, path, from_env).at(word)?;
        }
        ("--clone", _) => options.clone = Some(text.into()),
        ("--net" | "--no-net", None) => options.net = name == "--net",
        ("--userns", None) => options.userns = true,
        ("--cap-add", Some(_)) => options.extra.extend([name.into(), text.into()]),
        ("--bw", Some(_)) => options.extra.push(text.into()),
        ("--bwrap-bin", Some(_)) => options.bwrap = text.into(),
        ("--dry-run", None) => options.dry_run = true,
        ("--quiet", None) => options.quiet = true,
        ("--help" | "-h", None) => options.print = Some(USAGE),
        ("--version", None) => options.print = Some(VERSION),
        _ => return refuse(word, "no such option: see ajail --help, where some have a =VALUE"),
    }
    Ok(())
}

fn parse_place(
    o: &mut Options,
    name: &str,
    path: &OsStr,
    from_env: bool,
) -> Result<(), &'static str> {
    let parts: Vec<_> = path.as_bytes().splitn(3, |b| *b == b',').map(OsStr::from_bytes).collect();
    let (kind, src, dst) = match (name, &parts[..]) {
        ("--mount", [src, dst]) => ("ro", *src, *dst),
        ("--mount", [src, dst, kind]) => (kind.to_str().unwrap_or_default(), *src, *dst),
        _ => (&name[2..], path, path), // there is no kind of that name where --mount has one part
    };
    let kind = KINDS.iter().find(|it| it.name == kind && !src.is_empty() && !dst.is_empty());
    let kind = kind.ok_or("write it as --mount=SRC,DST or --mount=SRC,DST,KIND")?;
    let [src, dst] = [src, dst].map(|path| clean(&o.cwd, path));
    let optional = from_env && src.starts_with(&o.cwd);
    o.places.insert(dst, Place { kind, src, optional });
    Ok(())
}

/// PATH made absolute from BASE, and . and .. resolved as they are spelled.
fn clean(base: impl AsRef<Path>, path: impl AsRef<Path>) -> PathBuf {
    let mut clean = PathBuf::new();
    for part in base.as_ref().join(path).components() {
        match part {
            Component::ParentDir => drop(clean.pop()),
            part => clean.push(part),
        };
    }
    clean
}

// ---- 2. The host: what the jail is made of.

struct Host {
    uid: u32,
    gid: u32,
    dot_ajail: PathBuf,
    root: PathBuf, // the root fs in use
    bwrap: PathBuf,
    floor: Vec<Vec<Id>>, // what the next jail stands on, which none may write
}

fn look_at_host(options: &Options) -> Result<Host, String> {
    let me = fs::metadata("/proc/self").at("/proc")?;
    let own = "the jail has its own: cd into a project";
    require(options.cwd.parent().is_some(), "/", own)?;
    let dot_ajail = PathBuf::from(env::var_os("HOME").unwrap_or_default()).join(".ajail");
    require(dot_ajail.is_absolute(), "HOME", "must be your home directory, where ~/.ajail is")?;
    let root_fses = dot_ajail.join("fs");
    let name = root_fses.join(&options.fs);
    let mut there = String::new();
    let mut floor = vec![ids(&env::current_exe().at("ajail")?), ids(&root_fses), ids(&name)];
    for entry in fs::read_dir(root_fses).into_iter().flatten().flatten() {
        there += &(quoted(entry.file_name()) + " ");
        let path = entry.path();
        if path.is_symlink() && path.exists() {
            floor.push(ids(&path)); // the others lie in there
        }
    }
    // One of another user is of no use: an overlay cannot copy up what the jail cannot own.
    let mine = name.metadata().is_ok_and(|it| it.is_dir() && it.uid() == me.uid());
    require(mine, &name, format!("no root fs of yours; there are {there}(try mkalpine.sh)"))?;
    let path = env::var_os("PATH").unwrap_or_default();
    let dirs = env::split_paths(&path).filter(|dir| dir.is_absolute());
    let Some(bwrap) = dirs.map(|dir| dir.join(&options.bwrap)).find(|bin| bin.is_file()) else {
        return refuse(&options.bwrap, "not on the PATH: install bubblewrap 0.12, see mkbwrap.sh");
    };
    let why = "lies below here, where a jail could have put it: cd elsewhere";
    let own = ids(&bwrap);
    require(!holds(&ids(&options.cwd), &own), &bwrap, why)?;
    floor.push(own);
    let root = name.canonicalize().at(name)?;
    Ok(Host { uid: me.uid(), gid: me.gid(), dot_ajail, root, bwrap, floor })
}

/// What the kernel knows a file by, whatever its paths.
type Id = (u64, u64);

/// Of PATH and of all that holds it, by that path and by its real one; a bind mount gives it more.
fn ids(path: &Path) -> Vec<Id> {
    let real = path.canonicalize().unwrap_or_default();
    let above = path.ancestors().chain(real.ancestors()).filter_map(|dir| dir.metadata().ok());
    above.map(|it| (it.dev(), it.ino())).collect()
}

fn holds(outer: &[Id], inner: &[Id]) -> bool {
    outer.first().is_some_and(|own| inner.contains(own))
}

// ---- 3. Options become places: what is to be seen where, outer before inner.

/// By where they are seen: in a map's order what is inside comes after, so that nothing is covered.
type Places = BTreeMap<PathBuf, Place>;

#[derive(Clone)]
struct Place {
    kind: &'static Kind,
    src: PathBuf,
    optional: bool, // it need not be there
}

/// FLAGS are for a directory, a file and anything else. In them, SRC and MODE are the source's path
/// and mode; OPENED, CONTENT and NOTHING are descriptors, of the source, its bytes, or /dev/null.
/// Where they are empty, such a source is refused.
struct Kind {
    name: &'static str,
    flags: [&'static str; 3],
    kept: bool, // what the jail writes there stays
    status: &'static str,
}

const BIND: [&str; 3] = ["--bind-fd OPENED"; 3];
const LOCK: [&str; 3] = ["--ro-bind-fd OPENED"; 3];
const COPY: [&str; 3] = ["--overlay-src SRC --tmp-overlay", "--perms MODE --bind-data CONTENT", ""];
const HIDE: [&str; 3] = ["--tmpfs", EMPTY, EMPTY];
const DEV: [&str; 3] = ["--dev-bind SRC", "", "--dev-bind SRC"];
const EMPTY: &str = "--perms MODE --bind-data NOTHING";
static KINDS: [Kind; 5] = [
    Kind { name: "rw", flags: BIND, kept: true, status: "writable, changes are kept" },
    Kind { name: "ro", flags: COPY, kept: false, status: "changes vanish" },
    Kind { name: "rol", flags: LOCK, kept: false, status: "read-only" },
    Kind { name: "hide", flags: HIDE, kept: false, status: "empty, changes vanish" },
    Kind { name: "dev", flags: DEV, kept: true, status: "device, changes are kept" },
];
static EDIT: Kind =
    Kind { name: "edit", flags: BIND, kept: true, status: "root fs, changes are kept" };

fn list_places(options: &Options, host: &Host) -> Places {
    let [rw, ro, rol, ..] = &KINDS;
    let place = |kind, src| Place { kind, src, optional: false };
    let mut places = options.places.clone();
    for dst in &options.edits {
        let src = clean(&host.root, dst.strip_prefix("/").unwrap_or(dst));
        places.entry(dst.clone()).or_insert(place(&EDIT, src));
    }
    places.entry("/".into()).or_insert(place(ro, host.root.clone()));
    places.entry(options.cwd.clone()).or_insert(place(rw, options.cwd.clone()));
    if let (true, Ok(src)) = (options.net, fs::canonicalize("/etc/resolv.conf")) {
        // bwrap mounts on no symlink, as systemd-resolved's is: mount where that leads.
        let link = fs::read_link(host.root.join("etc/resolv.conf"));
        let dst = clean("/etc", link.unwrap_or("resolv.conf".into()));
        places.entry(dst).or_insert(place(rol, src));
    }
    places
}

/// In what is kept the jail could rename a directory on the way to another place, and put its own
/// there: /p/a, where /p is rw and /p/a/.git locked. A mount it cannot: so /p/a becomes one, as /p.
/// (Not below the root fs, where nothing is yours.)
fn with_ways(places: &Places) -> Places {
    let mut all = places.clone();
    for dst in places.keys() {
        let above = || dst.ancestors().skip(1);
        let Some((top, holder)) = above().find_map(|dir| places.get_key_value(dir)) else {
            continue;
        };
        for way in above().take_while(|dir| *dir != top) {
            let src = clean(&holder.src, way.strip_prefix(top).unwrap_or(way));
            if holder.kind.kept && top != Path::new("/") && src.symlink_metadata().is_ok() {
                all.insert(way.into(), Place { src, ..holder.clone() });
            }
        }
    }
    all
}

// ---- 4. A clone is made by ajail itself, in a jail of its own: git on the host would trust what a
// jail wrote there. It is whole: with hard links the jail could write to the origin's files.

const MAKE_CLONE: &str = r#"refuse() { printf 'ajail: %s: %s\n' "$what" "$1" >&2; exit 125; }
what=$1 git=$2 name=$3
# What a jail wrote there has git fetch nothing, by no program.
export GIT_NO_LAZY_FETCH=1 GIT_ALLOW_PROTOCOL=file
trap 'exit 130' INT TERM HUP
command -v git >/dev/null ||
    refuse 'no git in the root fs: ajail --fs-edit apk add git, or apt-get install -y git'
[ -d "$git" ] || refuse 'no directory: cd to the main worktree of the repository'
[ -O "$git" ] || refuse 'it belongs to another user'
[ ! -s "$git/objects/info/alternates" ] ||
    refuse 'it borrows objects: git repack -a -d && rm .git/objects/info/alternates'
[ -z "$(git -C "$git" config --get-regexp '^(remote\..*\.promisor|extensions\.partialclone)$')" ] ||
    refuse 'a partial clone: git fetch --refetch --no-filter, then unset remote.NAME.promisor'
[ "$(git -C "$git" for-each-ref --count=1)" ] || refuse 'no commit in it yet'
git check-ref-format --branch "$name" >/dev/null 2>&1 || refuse 'no branch can have its name'
new=$(mktemp -d .new.XXXXXX) && trap 'rm -rf "$new"' EXIT || exit
said=$(git -c checkout.workers=0 clone --quiet --no-hardlinks "$git" "$new" 2>&1 && cd "$new" &&
    git remote set-url origin /ajail/origin && git config push.autoSetupRemote true &&
    { git switch -q "$name" 2>/dev/null || git switch -q -c "$name" 2>&1; }) ||
    refuse "git: $(echo "$said" | tail -n 1 | tr -cd '[:print:]')"
[ ! -e "$name" ] && mv "$new" "$name" 2>/dev/null || refuse 'its name is too long, or taken now'"#;

/// Where the clone is and whether it is new, made now.
fn make_clone(options: &Options, host: &Host, name: &OsStr) -> Result<(PathBuf, bool), String> {
    let git = options.cwd.join(".git");
    require(git.symlink_metadata().is_ok(), &git, "no repository here: cd to the top of one")?;
    let odd = name.as_bytes().starts_with(b".") || name.as_bytes().contains(&b'/');
    require(!odd, name, "the name of a clone has no / and does not begin with a dot")?;
    // One directory a repository: its path with + for /, escaped so that no two are alike.
    let path = options.cwd.as_os_str().as_bytes()[1..].escape_ascii().to_string();
    let path = path.replace('%', "%25").replace('+', "%2B").replace('/', "+");
    let clones = host.dot_ajail.join("clone").join(path);
    let now = UNIX_EPOCH.elapsed().at("clock")?.as_nanos().to_string();
    let name = if name.is_empty() { now.as_ref() } else { name };
    let clone = clones.join(name);
    let new = clone.symlink_metadata().is_err();
    if new {
        require(!options.dry_run, &clone, "a dry run does not make it")?;
        DirBuilder::new().recursive(true).mode(0o700).create(&clones).at(&clones)?;
        let mut maker = Command::new("/proc/self/exe");
        maker.env_remove("AJAIL_ARGS").current_dir(&clones).args(["--quiet", "--no-net"]);
        for (option, path) in
            [("--fs=", &host.root), ("--bwrap-bin=", &host.bwrap), ("--rol=", &git)]
        {
            let mut word = OsString::from(option);
            word.push(path);
            maker.arg(word);
        }
        maker
            .args(["sh", "-c", MAKE_CLONE, "sh", &quoted(&options.cwd)])
            .args([git.as_ref(), name]);
        let status = supervise(maker, vec![])?;
        if status != 0 {
            end(status); // it has said why
        }
    }
    Ok((clones.canonicalize().at(clones)?.join(name), new)) // NAME itself may be no symlink
}

/// Has PLACES show CLONE for the current directory, and what a push to that needs.
fn show_clone(options: &Options, clone: &Path, places: &mut Places) {
    // AJAIL_ARGS locks .git since your git would trust what is in there, but not in a clone.
    places.retain(|dst, it| !it.optional || !dst.starts_with(options.cwd.join(".git")));
    for place in places.values_mut() {
        if let Ok(path) = place.src.strip_prefix(&options.cwd) {
            place.src = clean(clone, path);
        }
    }
    let ([_, ro, rol, ..], kind) = (&KINDS, places[&options.cwd].kind);
    let origin = [
        (rol, "", true),
        (kind, "objects", true),
        (rol, "objects/info", true), // alternates would have your git read any directory
        (kind, "refs/heads", false), // refs/replace would have it show other commits
        (kind, "refs/tags", false),
        (kind, "reftable", false),
        (ro, "logs", false), // for show: as symlinks they would lead your every commit
    ];
    for (kind, part, needed) in origin {
        let src = clean(options.cwd.join(".git"), part);
        if needed || src.exists() {
            places.insert(clean("/ajail/origin", part), Place { kind, src, optional: false });
        }
    }
}

// ---- 5. Places become what bwrap and you are told, one after the other, so that both agree.

struct Jail {
    argv: Vec<OsString>,
    passed: Vec<File>, // what has a number in there
    status: String,
}

impl Jail {
    fn add(&mut self, words: &str) {
        self.argv.extend(words.split_whitespace().map(OsString::from));
    }

    fn say(&mut self, what: impl AsRef<OsStr>, is: &str) {
        self.status += &format!("ajail: {}: {is}\n", quoted(what));
    }
}

fn build_jail(options: &Options, host: &Host, places: &Places) -> Result<Jail, String> {
    let mut jail = Jail { argv: vec![], passed: vec![], status: String::new() };
    // No process, IPC object or cgroup of the host's, nor its name, and no network unless shared.
    jail.add("--unshare-all --unshare-user --hostname localhost");
    jail.add(if options.net { "--share-net" } else { "" });
    jail.add("--uid 0 --gid 0"); // root by name, for package managers
    jail.add("--cap-drop ALL"); // real root could undo the mounts
    jail.add("--die-with-parent"); // all that ties what is pasted from a dry run
    jail.add("--setenv HOME /root --setenv USER root --setenv IS_SANDBOX 1 --setenv LANG C.UTF-8");
    let bin = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    jail.add(&format!("--setenv PATH /root/.local/bin:{bin}"));
    for name in ["TERM", "COLORTERM"] {
        if let Some(value) = env::var_os(name) {
            jail.argv.extend(["--setenv".into(), name.into(), value]); // of the caller's terminal
        }
    }
    for (dst, place) in &with_ways(places) {
        mount(&mut jail, host, dst, place)?;
        if dst == Path::new("/") {
            // Fresh ones, over the root fs and below all that may be mounted in them.
            jail.add(
                "--dev /dev --proc /proc --perms 1777 --tmpfs /tmp --tmpfs /run --dir /run/lock",
            );
            // Every capability, as in a user namespace of its own, opens more of the kernel. And
            // process 1 is bwrap: not to be written to, nor its program, a file of the host's.
            jail.add(if options.userns { "" } else { "--disable-userns --tmpfs /proc/1" });
            // Real root owns the host's settings in there, and needs no capability to write them.
            jail.add(if host.uid == 0 { "--remount-ro /proc" } else { "" });
        }
    }
    jail.argv.extend(["--chdir".into(), options.cwd.clone().into()]);
    jail.argv.extend(options.extra.clone());
    if !options.extra.is_empty() {
        let words: Vec<_> = options.extra.iter().map(quoted).collect();
        jail.say("bwrap", &format!("told {} as well", words.join(" ")));
    }
    if options.userns {
        jail.say("--userns", "--rol and --hide may be undone");
    }
    jail.say("network", if options.net { "the host's, its localhost included" } else { "none" });
    Ok(jail)
}

/// Opens the source, if it is there, as it has to be but for AJAIL_ARGS.
fn source(jail: &mut Jail, host: &Host, dst: &Path, place: &Place) -> Result<Option<File>, String> {
    let src = &place.src;
    match open(src) {
        // A jail may have left a symlink wherever it could write.
        Err(error) if error.raw_os_error() == Some(ELOOP) => {
            let real = src.canonicalize().at(src)?;
            refuse(src, format!("a symlink leads to {}: name that", quoted(real)))
        }
        Err(error) if place.optional && [NotFound, NotADirectory].contains(&error.kind()) => {
            jail.say(dst, &format!("not there: no --{}", place.kind.name));
            Ok(None)
        }
        Err(error) if error.kind() == NotFound && src.starts_with(&host.root) => {
            let (root, dst) = (quoted(&host.root), quoted(dst));
            refuse(src, format!("none yet: AJAIL_ARGS= ajail --fs={root} --fs-edit mkdir -p {dst}"))
        }
        opened => opened.at(src).map(Some),
    }
}

/// Looks at what was opened, and has just that mounted.
fn mount(jail: &mut Jail, host: &Host, dst: &Path, place: &Place) -> Result<(), String> {
    let Place { kind, src, .. } = place;
    let own = dst == Path::new("/") && *src != host.root || dst == Path::new("/dev");
    require(!own && !dst.starts_with("/proc"), dst, "the jail has its own: cd into a project")?;
    let Some(opened) = source(jail, host, dst, place)? else { return Ok(()) };
    if kind.kept && !std::ptr::eq(*kind, &EDIT) {
        let own = ids(src);
        let apart = host.floor.iter().all(|part| !holds(&own, part) && !holds(part, &own));
        let why = "writable, it could change the next jail: cd into a project, or use --ro";
        require(apart, src, why)?;
    }
    let meta = opened.metadata().at(src)?;
    let [of_dir, of_file, of_other] = kind.flags;
    let of_no_dir = if meta.is_file() { of_file } else { of_other };
    let flags = if meta.is_dir() { of_dir } else { of_no_dir };
    let why = format!("{} is not for this sort of file: use rol", kind.name);
    require(!flags.is_empty(), src, why)?;
    let mode = format!("{:o}", meta.mode() & 0o777);
    for word in flags.split(' ') {
        let file = match word {
            "OPENED" => opened.try_clone(),
            "CONTENT" => File::open(format!("/proc/self/fd/{}", opened.as_raw_fd())),
            "NOTHING" => File::open("/dev/null"),
            "SRC" => {
                jail.argv.push(src.into());
                continue;
            }
            flag => {
                jail.add(&flag.replace("MODE", &mode));
                continue;
            }
        };
        let file = file.at(src)?;
        jail.add(&file.as_raw_fd().to_string());
        jail.passed.push(file); // bwrap closes it
    }
    jail.argv.push(dst.into());
    let from = if src == dst { String::new() } else { format!(", from {}", quoted(src)) };
    jail.say(dst, &format!("{}{from}", kind.status));
    Ok(())
}

fn dry_run(options: &Options, host: &Host, jail: &Jail) -> String {
    let mut text = format!("env -i {}", quoted(&host.bwrap));
    for word in &jail.argv {
        text += if word.as_bytes().starts_with(b"--") { " \\\n  " } else { " " };
        text += &quoted(word);
    }
    for variable in options.env.chunks(3) {
        let name = quoted(&variable[1]);
        text += &format!(" \\\n  --setenv {name} \"$AJAIL_ENV_{name}\"");
    }
    text += " \\\n  --";
    for word in &options.command {
        text += &format!(" {}", quoted(word));
    }
    for file in &jail.passed {
        let fd = file.as_raw_fd();
        let path = fs::read_link(format!("/proc/self/fd/{fd}")).unwrap_or_default();
        text += &format!(" {fd}<{}", quoted(path));
    }
    text + "\n# and, beyond a shell: a filter, Landlock, a PID namespace that ends with ajail, a\n\
            # session keyring, no other descriptors; 10< and $'...' are bash's\n"
}

// ---- 6. The start: bwrap as process 1 of a PID namespace, which the kernel ends with ajail.

fn start(options: &Options, host: &Host, jail: Jail) -> Result<i32, String> {
    let Jail { argv, mut passed, .. } = jail;
    let argv = [argv, options.env.clone(), vec!["".into()]].concat();
    // By descriptor, since every user may read a command line; and with no environment, which would
    // be there to read in the jail, as its process 1's.
    let mut bwrap = Command::new(&host.bwrap);
    bwrap.env_clear();
    let filter = filter(options.userns);
    for (flag, bytes) in
        [("--args", argv.join(OsStr::new("\0")).as_bytes()), ("--seccomp", &filter)]
    {
        let file = memory(bytes)?;
        let fd = file.as_raw_fd().to_string();
        bwrap.args([flag, &fd]);
        passed.push(file);
    }
    bwrap.arg("--").args(&options.command);
    let (pid, user) = (0x2000_0000, 0x1000_0000); // CLONE_NEWPID, CLONE_NEWUSER
    // Real root needs no user namespace for the other, unless it lacks CAP_SYS_ADMIN.
    if host.uid != 0 || call(UNSHARE, &[pid]).is_err() {
        let why = |error| format!("{error}: forbidden here, or by AppArmor: see mkbwrap.sh");
        call(UNSHARE, &[pid | user]).map_err(why).at("user-namespace")?;
        let map = |id| format!("{id} {id} 1");
        let maps =
            [("setgroups", "deny".into()), ("uid_map", map(host.uid)), ("gid_map", map(host.gid))];
        for (file, text) in maps {
            let written = fs::write(format!("/proc/self/{file}"), text);
            written.map_err(why).at("user-namespace")?;
        }
    }
    if host.uid == 0 {
        // bwrap lends devices that are real root's, to chmod, too; through this mount they are not.
        own_mounts().at("mounts")?;
        call(MOUNT, &[ptr(c"/dev"), ptr(c"/dev"), 0, 0x5000]).at("/dev")?; // MS_BIND | MS_REC
        call(MOUNT, &[0, ptr(c"/dev"), 0, 0x102b]).at("/dev")?; // the same, read-only
    }
    supervise(bwrap, passed)
}

/// A mount namespace, of whose mounts the host sees nothing.
fn own_mounts() -> io::Result<i64> {
    call(UNSHARE, &[0x2_0000])?; // CLONE_NEWNS
    call(MOUNT, &[0, ptr(c"/"), 0, 0x8_4000]) // MS_REC | MS_SLAVE
}

/// Runs COMMAND, which gets PASSED and ends when ajail does. Its status is ajail's.
fn supervise(mut command: Command, passed: Vec<File>) -> Result<i32, String> {
    let program = command.get_program().to_os_string();
    let (alive, watched) = UnixStream::pair().at("socketpair")?; // both are kept by COMMAND
    watched.set_nonblocking(true).at("socketpair")?;
    let mut alive = Some(alive);
    let child = move || {
        // When ajail ends, this process is killed. If ajail ended before this line, it shows in
        // the socket, once nobody holds the other end.
        call(PRCTL, &[1, 9])?; // PR_SET_PDEATHSIG, SIGKILL
        drop(alive.take());
        if let Ok(0) = (&watched).read(&mut [0]) {
            process::exit(125);
        }
        in_child(&passed)
    };
    // SAFETY: ajail has one thread, so that no lock is held in the child by another.
    unsafe { command.pre_exec(child) };
    // Where the caller ignores SIGCHLD, the status would be lost: back to the default.
    action(SIGCHLD, [0; 4]);
    let mut child = command.spawn().at(&program)?;
    // Meanwhile Ctrl-C is the program's, which the terminal sends it to as well.
    let before = [SIGINT, SIGQUIT].map(|signal| (signal, action(signal, [1, 0, 0, 0]))); // SIG_IGN
    let status = child.wait().at(&program)?;
    for (signal, old) in before {
        action(signal, old); // the next child is to have it
    }
    Ok(status.code().unwrap_or(128 + status.signal().unwrap_or_default()))
}

/// The last steps before exec.
fn in_child(passed: &[File]) -> io::Result<()> {
    if process::id() == 1 && !Path::new("/proc/2").exists() {
        // bwrap looks there for its second process, and ends if there is none; on most hosts any
        // will do. In a container it needs the /proc of this namespace.
        own_mounts()?;
        call(MOUNT, &[ptr(c"proc"), ptr(c"/proc"), ptr(c"proc"), 14])?; // nosuid, nodev, noexec
    }
    // Landlock, which asks for no_new_privs: no rule for files and ports, but no abstract socket,
    // such as an X server's, and no signal to the caller's process group, nor to ajail, which must
    // not be in there itself.
    call(PRCTL, &[38, 1, 0, 0, 0])?; // PR_SET_NO_NEW_PRIVS
    if landlock_scopes() {
        let rules = call([444, 444], &[ptr(&[0u64, 0, 3]), 24])?; // landlock_create_ruleset
        call([446, 446], &[rules])?; // landlock_restrict_self
    }
    // The descriptor of a directory would be a way into the host's tree: close all on exec.
    call([436, 436], &[3, u32::MAX.into(), 4])?; // close_range(CLOSE_RANGE_CLOEXEC)
    for file in passed {
        call([72, 25], &[file.as_raw_fd().into(), 2, 0])?; // fcntl(F_SETFD)
    }
    Ok(())
}

/// Ends ajail by a signal itself if that was Ctrl-C's: it is to end a shell's loop as well.
fn end(status: i32) -> ! {
    let signal = i64::from(status) - 128;
    if [SIGINT, SIGQUIT].contains(&signal) {
        action(signal, [0; 4]);
        let _ = call([62, 129], &[process::id().into(), signal]); // kill
    }
    process::exit(status)
}

// ---- 7. What std has no function for, straight from the kernel.

const UNSHARE: [i64; 2] = [272, 97];
const MOUNT: [i64; 2] = [165, 40];
const PRCTL: [i64; 2] = [157, 167];
const SIGINT: i64 = 2;
const SIGQUIT: i64 = 3;
const SIGCHLD: i64 = 17;
const ELOOP: i32 = 40;

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
compile_error!("the numbers of system calls are those of x86_64 and aarch64");
const AARCH64: usize = cfg!(target_arch = "aarch64") as usize;

/// NUMBERS are the call's on x86_64 and on aarch64.
fn call(numbers: [i64; 2], args: &[i64]) -> io::Result<i64> {
    unsafe extern "C" {
        fn syscall(number: i64, ...) -> i64;
    }
    let mut all = [0; 5];
    all[..args.len()].copy_from_slice(args);
    let [a, b, c, d, e] = all;
    // SAFETY: numbers, and pointers to what outlives the call and is as large as it wants.
    match unsafe { syscall(numbers[AARCH64], a, b, c, d, e) } {
        -1 => Err(io::Error::last_os_error()),
        result => Ok(result),
    }
}

fn ptr<T: ?Sized>(it: &T) -> i64 {
    &raw const *it as *const u8 as i64
}

/// Has SIGNAL do what a struct sigaction says (0: the default, 1: nothing). Returns what it did.
fn action(signal: i64, new: [u64; 4]) -> [u64; 4] {
    let mut old = [0; 4];
    let _ = call([13, 134], &[signal, ptr(&new), &raw mut old as i64, 8]);
    old
}

/// The descriptor that a call returns.
fn file(fd: i64) -> File {
    // SAFETY: it is new, and nobody else's.
    unsafe { File::from_raw_fd(fd as i32) }
}

/// Opens PATH as O_PATH, whatever it is; no symlink may be on the way.
fn open(path: &Path) -> io::Result<File> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    let how = [0x28_0000u64, 0, 4]; // O_PATH | O_CLOEXEC, RESOLVE_NO_SYMLINKS
    call([437, 437], &[-100, ptr(&*path), ptr(&how), 24]).map(file) // openat2(AT_FDCWD)
}

/// A file in memory, which holds BYTES.
fn memory(bytes: &[u8]) -> Result<File, String> {
    let mut file = call([319, 279], &[ptr(c""), 1]).map(file).at("memfd_create")?;
    file.write_all(bytes).and_then(|()| file.rewind()).at("memfd")?;
    Ok(file)
}

fn landlock_scopes() -> bool {
    call([444, 444], &[0, 0, 1]).is_ok_and(|version| version >= 6)
}

/// Cuts what no namespace does, or has the status say that this kernel cannot.
fn cut_ties(jail: &mut Jail) -> Result<(), String> {
    // The kernel looks for keys in the session keyring on its own account, too: have a new one.
    if let Err(error) = call([250, 219], &[1]) {
        // keyctl(KEYCTL_JOIN_SESSION_KEYRING); a kernel may have no keys at all.
        require(error.kind() == Unsupported, "keyring", error)?;
    }
    // No core dump, which the host's handler would get. (1 stops that as well, 0 does not.)
    let limited = call([160, 164], &[4, ptr(&[1u64, 1])]); // setrlimit(RLIMIT_CORE)
    let socket = fs::read("/proc/sys/kernel/core_pattern").is_ok_and(|it| it.starts_with(b"@"));
    if limited.is_err() || socket {
        jail.say("crashes", "may reach the host's handler: it is a socket, or the limit 0");
    }
    if !landlock_scopes() {
        jail.say("kernel", "stops no signals and no abstract sockets");
    }
    Ok(())
}

// ---- 8. The system call filter, in seccomp's machine code.

const ALLOW: u32 = 0x7fff_0000;
const DENY: u32 = 0x0005_0001; // with EPERM
const DONE: u32 = 0x0005_0000; // is all it says, and does nothing
const NO: u32 = u32::MAX; // aarch64 has no such call
const NR: u32 = 0; // where the kernel has the call's number, and its arguments' lower halves:
const ARG: [u32; 3] = [16, 24, 32];
const IOCTL: &[[u32; 2]] = &[[16, 29]];
const PRLIMIT64: [u32; 2] = [302, 261];

/// Calls on x86_64 and aarch64; where one of what must be, if anything; and the answer. The first
/// that fits counts.
type Rule = (&'static [[u32; 2]], u32, &'static [u32], u32);
#[rustfmt::skip]
const RULES: &[Rule] = &[
    (IOCTL, ARG[1], &[0x5412, 0x541c], DENY), // TIOCSTI, TIOCLINUX type into the caller's terminal
    (IOCTL, ARG[1], &[0x5000_9401, 0x5000_9417], DENY), // btrfs' snapshots show what --hide hides
    (IOCTL, ARG[1], &[0xc040_6618, 0xc040_6619], DENY), // fscrypt locks the host's directory
    (&[[101, 117]], ARG[1], &[1], DENY), // ptrace would seize process 1, which is bwrap;
    (&[[310, 270], [311, 271]], ARG[0], &[1], DENY), // process_vm_readv and _writev, see into it;
    (&[[438, 438]], NR, &[], DENY), // pidfd_getfd, take the host's files from it as it starts
    (&[[41, 198]], ARG[0], &[40, 42], DENY), // socket: vsock and qrtr are in no namespace, nor is
    (&[[41, 198]], ARG[2], &[11], DENY), // netlink's connector, which tells of every process
    (&[[141, 140]], ARG[0], &[1], DENY), // setpriority and
    (&[[251, 30]], ARG[0], &[2], DENY), // ioprio_set slow down the caller's process group
    (&[[248, 217], [249, 218], [250, 219]], NR, &[], DENY), // add_key, request_key, keyctl: yours
    (&[[425, 425], [304, 265]], NR, &[], DENY), // io_uring_setup, open_by_handle_at
    (&[[298, 241]], NR, &[], DENY), // perf_event_open watches more than its own process
    (&[PRLIMIT64], ARG[1], &[4], DONE), // prlimit64 and
    (&[[160, 164]], ARG[0], &[4], DONE), // setrlimit of RLIMIT_CORE, on whose failure gpg ends
];
/// A jail has one user: these could only do nothing or fail, on which apt, dpkg and tar give up.
#[rustfmt::skip]
const ONE_USER: &[Rule] = &[
    (&[[92, NO], [93, 55], [94, NO], [260, 54]], NR, &[], DONE), // chown, fchown, lchown, fchownat
    (&[[105, 146], [106, 144], [113, 145], [114, 143]], NR, &[], DONE), // set*id, setre*id
    (&[[117, 147], [119, 149], [122, 151], [123, 152]], NR, &[], DONE), // setres*id, setfs*id
    (&[[116, 159]], NR, &[], DONE), // setgroups
];

fn filter(userns: bool) -> Vec<u8> {
    let (load, equal, at_least, answer) = (0x20, 0x15, 0x35, 0x06);
    // Another ABI has other numbers: i386's, or x32's, which are above these.
    let abi = [0xc000_003e, 0xc000_00b7][AARCH64];
    let mut code = vec![(load, 0, 0, 4), (equal, 1, 0, abi), (answer, 0, 0, DENY)];
    code.extend([(load, 0, 0, NR), (at_least, 0, 1, 0x4000_0000), (answer, 0, 0, DENY)]);
    let mut when = |call: [u32; 2], words: &[(u32, u32)], what| {
        let mut skip = 2 * words.len() as u8 + 1; // what is left of this rule
        code.extend([(load, 0, 0, NR), (equal, 0, skip, call[AARCH64])]);
        for (at, value) in words {
            skip -= 2;
            code.extend([(load, 0, 0, *at), (equal, 0, skip, *value)]);
        }
        code.push((answer, 0, 0, what));
    };
    // Who only asks for a limit has no new one, in all 64 bits of its address.
    when(PRLIMIT64, &[(ARG[2], 0), (ARG[2] + 4, 0)], ALLOW);
    // A namespace of the program's own may have more users.
    for (calls, at, values, what) in RULES.iter().chain(if userns { &[] } else { ONE_USER }) {
        for call in *calls {
            if values.is_empty() {
                when(*call, &[], *what);
            }
            for value in *values {
                when(*call, &[(*at, *value)], *what);
            }
        }
    }
    code.push((answer, 0, 0, ALLOW));
    let mut bytes = vec![];
    for (op, yes, no, value) in code {
        bytes.extend([op, 0, yes, no]);
        bytes.extend(value.to_le_bytes());
    }
    bytes
}
