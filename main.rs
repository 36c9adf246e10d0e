//! ajail runs a program you don't completely trust in a jail made by bubblewrap (bwrap).
//!
//! It promises that the program sees a root file system (root fs) of its own, the current
//! directory and what you name, but no other file, process, variable, descriptor, key or abstract
//! socket of yours; that it has no privilege, even where root calls it; that what it writes is
//! gone afterwards, except where the status output says "kept"; that nothing of it outlives ajail.
//!
//! It trusts the kernel, bwrap, the root fs as it was made and edited, and its caller.
//!
//! It does not stop
//! - what the program leaves in a writable directory and you run later: a Makefile, .envrc,
//!   .git/hooks (use --ro, --rol=.git or --clone); with --clone it can still damage the objects
//!   and refs of the repository;
//! - servers on localhost and your network while it is shared (use --no-net), Unix sockets in
//!   what you mount, and what you give it on descriptors 0 to 2, which it may reopen;
//! - with --userns, what undoes --rol and --hide in a writable directory, or takes over bwrap's
//!   process in the jail and so outlives ajail; before Linux 6.12, abstract sockets and signals
//!   to the caller's process group;
//! - flaws of the kernel, and programs that fill the memory behind overlays and copies;
//! - a jail that is running from swapping a directory for a symlink between ajail's look at a
//!   path and bwrap's, while you start another in the same tree.

use std::env;
use std::ffi::{OsStr, OsString, c_char, c_int, c_long, c_uint};
use std::fmt::Display;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, Write};
use std::os::fd::{AsRawFd, FromRawFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Component, Path, PathBuf};
use std::process::{self, Command, Stdio};

const USAGE: &str = "\
usage: ajail [OPTION]... [--] [COMMAND [ARG]...]

Runs COMMAND (sh if there is none) in a jail: its root is an immutable root fs under a temporary
overlay; of the host it sees the current directory and what the options name.

  --fs=ROOT_FS            the root fs: a name under ~/.ajail/fs/ (default: default) or a path
  --fs-edit[=DIR]         keep changes to the root fs, or only to DIR in it
  --home-edit[=SUBDIR]    keep changes to the jail's home, /root, or only to SUBDIR in it
  --rw[=PATH]             PATH (without it: the current directory) is writable, changes are kept
  --ro[=PATH]             under a temporary overlay, changes vanish; of a file, a private copy
  --rol[=PATH]            read-only, locked: writing fails
  --hide[=PATH]           empty; what is written there vanishes
  --dev=DEV               a device of the host, as --dev=/dev/kvm
  --mount=SRC,DST[,KIND]  SRC at DST; KIND is ro (if there is none), rol, rw, hide or dev
  --clone[=NAME]          instead of the current directory, a clone of the git repository there:
                          a new one, or the one of that name
  --no-net                no network
  --net                   the host's network (the default)
  --userns                let the jail make user namespaces, as the sandboxes of browsers do;
                          --rol, --hide and bwrap's own process are then not safe from it
  --cap-add=CAP           a capability for the jail, over its own namespaces
  --bw=ARG                one more argument for bwrap, just before COMMAND
  --bwrap-bin=BIN         the bwrap to run
  --dry-run               print what would be run, and run nothing
  --quiet                 no status output
  --help                  print this (as -h does)
  --version               print the version

Of --rw, --ro, --rol and --hide without PATH the last one counts. Those with PATH, --dev and
--mount apply in the order given: --ro=a --rw=a/b keeps what changes in a/b only.

Environment:
  AJAIL_ARGS              options, separated by ';', taken before those of the command line
  AJAIL_ENV_NAME          given to the jail as NAME; of the others it gets TERM only

Files: ~/.ajail/fs/NAME, root file systems; ~/.ajail/clone/REPOSITORY/NAME, clones
Exit status: COMMAND's, or 128+n if signal n ended it; 125 if ajail refuses; 1 if bwrap fails,
as it does where COMMAND does not exist.

Examples:
  ajail --ro --no-net make test        a build that can neither change nor send anything
  ajail --rol=.git --hide=.env sh      a shell that works here, but not on .git or .env
  ajail --fs-edit apk add nodejs       a package to stay in the root fs
";

type Result<T> = std::result::Result<T, String>;

fn main() {
    if let Err(refusal) = run() {
        // Not eprintln!, which panics where standard error takes nothing.
        let _ = writeln!(io::stderr(), "ajail: {refusal}");
        process::exit(125);
    }
}

fn run() -> Result<()> {
    let options = parse()?;
    if options.has("--help") {
        return print(USAGE);
    } else if options.has("--version") {
        return print(concat!("ajail ", env!("CARGO_PKG_VERSION"), "\n"));
    }
    let scoped = cut_ties()?;
    let host = look(&options)?;
    let workspace = workspace(&options, &host)?;
    let mounts = mounts(&options, &host, &workspace)?;
    if !options.has("--quiet") {
        let _ = io::stderr().write_all(status(&options, &mounts, scoped).as_bytes());
    }
    if options.has("--dry-run") {
        return print(&dry_run(&options, &host, &mounts));
    }
    let (mut bwrap, _open) = bwrap(&options, &host, &mounts)?;
    no(&host.bwrap, bwrap.exec())
}

fn print(text: &str) -> Result<()> {
    io::stdout().write_all(text.as_bytes()).or_else(|e| no("standard output", e))
}

/// What every refusal looks like: WHAT, on one line whatever it holds, and WHY.
fn no<T>(what: impl AsRef<OsStr>, why: impl Display) -> Result<T> {
    Err(format!("{}: {why}", quoted(what)))
}

/// A word as a shell reads it, with nothing in it that a terminal would act on.
fn quoted(word: impl AsRef<OsStr>) -> String {
    let plain = |b: &u8| b.is_ascii_alphanumeric() || b"/._-+=,:@%".contains(b);
    let octal = |b| if plain(b) { char::from(*b).into() } else { format!("\\{b:03o}") };
    let bytes = word.as_ref().as_bytes();
    match word.as_ref().to_str() {
        Some(text) if !text.is_empty() && bytes.iter().all(plain) => text.into(),
        Some(text) if !text.contains(char::is_control) => {
            format!("'{}'", text.replace('\'', r"'\''"))
        }
        _ => format!("$'{}'", bytes.iter().map(octal).collect::<String>()),
    }
}

// ---- 1. Words become options. USAGE is the grammar; nothing here looks at a file system.

struct Options {
    words: Vec<(&'static str, Option<OsString>)>, // AJAIL_ARGS's, then the command line's
    env: Vec<(OsString, OsString)>,
    command: Vec<OsString>,
}

impl Options {
    fn has(&self, name: &str) -> bool {
        self.words.iter().any(|(word, _)| *word == name)
    }

    fn value<'a>(&'a self, name: &str, default: &'a str) -> &'a OsStr {
        let last = self.words.iter().rfind(|(word, _)| *word == name);
        last.and_then(|(_, value)| value.as_deref()).unwrap_or(default.as_ref())
    }

    fn net(&self) -> bool {
        let last = self.words.iter().rfind(|(word, _)| word.ends_with("net"));
        last.is_none_or(|(word, _)| *word == "--net")
    }
}

fn parse() -> Result<Options> {
    let mut options = Options { words: vec![], env: vec![], command: vec![] };
    for (name, value) in env::vars_os() {
        if name == "AJAIL_ARGS" {
            let words = value.as_bytes().split(|b| *b == b';').map(<[u8]>::trim_ascii);
            for word in words.filter(|word| !word.is_empty()) {
                options.words.push(parse_option(OsStr::from_bytes(word))?);
            }
        } else if let Some(inner) = name.as_bytes().strip_prefix(b"AJAIL_ENV_") {
            if inner.is_empty() || !inner.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'_') {
                return no(name, "names no variable");
            }
            options.env.push((OsStr::from_bytes(inner).into(), value));
        }
    }
    let mut argv = env::args_os().skip(1).peekable();
    while let Some(word) = argv.next_if(|word| word.as_bytes().starts_with(b"-")) {
        if word == "--" {
            break;
        }
        options.words.push(parse_option(&word)?);
    }
    options.command = argv.collect();
    if options.command.is_empty() {
        options.command.push("sh".into());
    }
    Ok(options)
}

fn parse_option(word: &OsStr) -> Result<(&'static str, Option<OsString>)> {
    let mut parts = word.as_bytes().splitn(2, |b| *b == b'=').map(OsStr::from_bytes);
    let name = parts.next().filter(|name| *name != "-h").unwrap_or("--help".as_ref());
    let value = parts.next();
    for line in USAGE.lines().filter(|line| line.starts_with("  --")) {
        let spelled = line.split_whitespace().next().unwrap_or_default();
        let (known, shape) = spelled.split_at(spelled.find(['=', '[']).unwrap_or(spelled.len()));
        let fits = match value {
            None => !shape.starts_with('='),
            Some(value) => !shape.is_empty() && !value.is_empty(),
        };
        if name == known && fits {
            return Ok((known, value.map(OsStr::to_os_string)));
        } else if name == known {
            return no(word, format!("write it as {spelled}"));
        }
    }
    no(word, "no such option, see ajail --help")
}

// ---- 2. Options become mounts, each checked against the host. Nothing here changes it.

struct Host {
    cwd: PathBuf,
    root: PathBuf,       // the root fs in use
    clones: PathBuf,     // where the clones of the current directory lie
    bwrap: PathBuf,      // the program
    floor: Vec<PathBuf>, // what the next jail stands on
}

fn look(options: &Options) -> Result<Host> {
    let cwd = env::current_dir().or_else(|e| no("the current directory", e))?;
    let home = PathBuf::from(env::var_os("HOME").unwrap_or_default());
    if !home.is_absolute() {
        return no("HOME", "must be set to your home directory, where ~/.ajail is");
    }
    let all = home.join(".ajail/fs");
    let name = all.join(options.value("--fs", "default"));
    let Some(root) = name.canonicalize().ok().filter(|root| root.is_dir()) else {
        let names = fs::read_dir(&all).into_iter().flatten().flatten();
        let names: Vec<_> = names.map(|entry| quoted(entry.file_name())).collect();
        let way_out = match names.is_empty() {
            true => "make one with mkalpine.sh or mkdeb.sh".into(),
            false => format!("there are {}", names.join(", ")),
        };
        return no(name, format!("no such root fs: {way_out}"));
    };
    // An overlay cannot copy up what belongs to a user that the jail does not have.
    if fs::metadata(&root).is_ok_and(|root| root.uid() != own_uid()) {
        return no(root, "belongs to another user: make one of your own");
    }
    let bin = options.value("--bwrap-bin", "bwrap");
    let path = env::var_os("PATH").unwrap_or_default();
    // Not from where a jail could have put one: what is relative, or below this directory.
    let below = |dir: &PathBuf| dir.starts_with(&cwd) && cwd != Path::new("/");
    let safe = |dir: &PathBuf| dir.is_absolute() && !below(dir);
    let mut bins = env::split_paths(&path).filter(safe).map(|dir| dir.join(bin));
    let Some(bwrap) = bins.find(|bin| bin.is_file()) else {
        return no(bin, "not on the PATH: install bubblewrap 0.12 or newer, or run mkbwrap.sh");
    };
    // One directory a repository, its path with + for /, escaped so that no two are alike.
    let letter = |b: &u8| match b {
        b'/' => b"+".to_vec(),
        b'+' | b'%' => format!("%{b:02X}").into_bytes(),
        _ => vec![*b],
    };
    let repository = cwd.as_os_str().as_bytes()[1..].iter().flat_map(letter).collect();
    let clones = home.join(".ajail/clone");
    let clones = clones.canonicalize().unwrap_or(clones).join(OsString::from_vec(repository));
    let mut floor = vec![all, root.clone(), bwrap.clone()];
    floor.extend([&floor[0], &bwrap].map(|path| path.canonicalize().unwrap_or_default()));
    Ok(Host { cwd, root, clones, bwrap, floor })
}

/// How the jail sees a place: as options name it, as bwrap does, and in the status's words.
#[derive(Clone, Copy, PartialEq)]
struct Kind(&'static str, &'static str, &'static str);
const RW: Kind = Kind("rw", "--bind", "writable, changes are kept");
const RO: Kind = Kind("ro", "--tmp-overlay", "temporary overlay, changes vanish");
const ROL: Kind = Kind("rol", "--ro-bind", "read-only");
const HIDE: Kind = Kind("hide", "--tmpfs", "empty, changes vanish");
const DEV: Kind = Kind("dev", "--dev-bind", "device of the host");

fn kind(name: &str) -> Option<Kind> {
    [RW, RO, ROL, HIDE, DEV].into_iter().find(|kind| kind.0 == name)
}

fn own_uid() -> u32 {
    fs::metadata("/proc/self").map_or(0, |own| own.uid())
}

struct Mount {
    kind: Kind,
    src: PathBuf,
    dst: PathBuf,
    copy: Option<(File, u32)>, // what a file reads as under RO and HIDE, and its mode
}

/// WORKSPACE is what is mounted at the current directory: itself or its clone.
fn mounts(options: &Options, host: &Host, workspace: &Path) -> Result<Vec<Mount>> {
    let mut mounts = vec![Mount { kind: RO, src: host.root.clone(), dst: "/".into(), copy: None }];
    let mut places = vec![(RW, host.cwd.as_os_str(), host.cwd.as_os_str())];
    for (name, value) in &options.words {
        match (*name, value.as_deref(), kind(&name[2..])) {
            (_, None, Some(kind)) => places[0].0 = kind,
            (_, Some(path), Some(kind)) => places.push((kind, path, path)),
            ("--mount", Some(value), _) => places.push(parse_mount(value)?),
            ("--fs-edit" | "--home-edit", dir, _) => {
                let base = host.root.join(if *name == "--home-edit" { "root" } else { "" });
                let dir = dir.unwrap_or_default().as_bytes();
                let src = spelled(&base, OsStr::from_bytes(dir.strip_prefix(b"/").unwrap_or(dir)));
                if !src.starts_with(&base) {
                    return no(src, format!("not in {}", quoted(base)));
                }
                let dst = Path::new("/").join(src.strip_prefix(&host.root).unwrap_or(&src));
                mounts.retain(|mount| !mount.dst.starts_with(&dst));
                mounts.push(mount(RW, &src, &dst)?);
            }
            _ => {}
        }
    }
    if let (true, Ok(src)) = (options.net(), Path::new("/etc/resolv.conf").canonicalize()) {
        // bwrap mounts on no symlink, as systemd-resolved's is: mount where that leads.
        let link = fs::read_link(host.root.join("etc/resolv.conf"));
        let dst = spelled(Path::new("/etc"), link.unwrap_or("resolv.conf".into()));
        mounts.push(Mount { kind: ROL, src, dst, copy: None });
    }
    // A dry run makes no clone: let the directory show what the clone would hold.
    let seen = if workspace.exists() { workspace } else { &host.cwd };
    for (kind, src, dst) in &places {
        let (src, dst) = (spelled(&host.cwd, src), spelled(&host.cwd, dst));
        let under = |top: &Path| src.strip_prefix(&host.cwd).map_or(src.clone(), |p| top.join(p));
        guard(host, *kind, &under(seen), &dst)?;
        let seen = mount(*kind, &under(seen), &dst)?;
        // In a writable place the jail could rename a directory on the way and put another there.
        // It cannot rename a mount. (Right above what covers it, so that no other is covered.)
        let mut top = dst.clone();
        let over = |mount: &Mount, top: &Path| top != mount.dst && top.starts_with(&mount.dst);
        while let Some(at) = mounts.iter().rposition(|mount| over(mount, &top)) {
            if *kind == RW || mounts[at].kind != RW {
                break;
            }
            let (from, to) = (mounts[at].src.clone(), mounts[at].dst.clone());
            for dir in top.ancestors().skip(1).take_while(|dir| *dir != to) {
                let src = spelled(&from, dir.strip_prefix(&to).unwrap_or(dir));
                if src.is_dir() {
                    mounts.insert(at + 1, mount(RW, &src, dir)?);
                }
            }
            top = to;
        }
        mounts.push(Mount { src: spelled(&under(workspace), ""), ..seen });
    }
    if options.has("--clone") {
        // Of the repository the jail writes only what a push needs, and reflogs for show: were
        // one a symlink of the jail's making, your next commit would write where it leads.
        let git = host.cwd.join(".git");
        let refs = if git.join("reftable").exists() { "reftable" } else { "refs" };
        let parts = [(ROL, ""), (places[0].0, "objects"), (places[0].0, refs), (RO, "logs")];
        let log = git.join("logs").exists();
        for (kind, part) in parts.into_iter().filter(|(_, part)| log || *part != "logs") {
            mounts.push(mount(kind, &git.join(part), &Path::new(ORIGIN).join(part))?);
        }
    }
    Ok(mounts)
}

fn parse_mount(value: &OsStr) -> Result<(Kind, &OsStr, &OsStr)> {
    let parts: Vec<_> = value.as_bytes().split(|b| *b == b',').map(OsStr::from_bytes).collect();
    let kind = parts.get(2).map_or(Some(RO), |name| kind(name.to_str()?));
    match (kind, &parts[..]) {
        (Some(kind), [src, dst] | [src, dst, _]) if !src.is_empty() && !dst.is_empty() => {
            Ok((kind, src, dst))
        }
        _ => no(value, "write it as --mount=SRC,DST or --mount=SRC,DST,KIND"),
    }
}

/// PATH made absolute from BASE, and . and .. resolved as they are spelled.
fn spelled(base: &Path, path: impl AsRef<Path>) -> PathBuf {
    let mut clean = PathBuf::new();
    for component in base.join(path).components() {
        match component {
            Component::ParentDir => drop(clean.pop()),
            other => clean.push(other),
        }
    }
    clean
}

/// What no caller may ask for, lest the next jail stand on what this one wrote.
fn guard(host: &Host, kind: Kind, src: &Path, dst: &Path) -> Result<()> {
    // By device and inode: a bind mount gives a directory a second path.
    let id = |path: &Path| fs::metadata(path).map(|meta| (meta.dev(), meta.ino())).ok();
    let holds = |a: &Path, b: &Path| id(a).is_some() && b.ancestors().any(|dir| id(dir) == id(a));
    if dst == Path::new("/") || dst == Path::new("/dev") || dst.starts_with("/proc") {
        return no(dst, "the jail has its own: cd into a project, or mount it elsewhere");
    }
    let shaken = |floor: &&PathBuf| holds(src, floor) || holds(floor, src);
    if let Some(floor) = host.floor.iter().find(shaken).filter(|_| kind == RW || kind == DEV) {
        let why = format!("not writable beside {}: cd into a project, or use --ro", quoted(floor));
        return no(src, why);
    }
    Ok(())
}

fn mount(kind: Kind, src: &Path, dst: &Path) -> Result<Mount> {
    // The one rule for every path: a jail may have left a symlink wherever it could write.
    match src.canonicalize() {
        Ok(real) if real == src => {}
        Ok(real) => return no(src, format!("a symlink leads to {}: name that", quoted(real))),
        Err(e) => return no(src, e),
    }
    let meta = fs::metadata(src).or_else(|e| no(src, e))?;
    let (dir, of) = (meta.is_dir(), meta.file_type());
    let device = of.is_char_device() || of.is_block_device();
    let copy = match kind {
        HIDE if !dir => Some(memory(&mut io::empty())?),
        // O_NONBLOCK: should it have become a FIFO by now, opening it does not hang.
        RO if meta.is_file() => {
            let file = OpenOptions::new().read(true).custom_flags(0o4000).open(src);
            Some(memory(&mut file.or_else(|e| no(src, e))?)?)
        }
        RO if !dir => return no(src, "neither a directory nor a file: nothing to copy"),
        DEV if !dir && !device => return no(src, "not a device"),
        _ => None,
    };
    let copy = copy.map(|file| (file, meta.mode() & 0o777));
    Ok(Mount { kind, src: spelled(src, ""), dst: spelled(dst, ""), copy })
}

// ---- 3. A clone is made in a jail of its own: git on the host would trust what a jail wrote.

const ORIGIN: &str = "/ajail/origin";
const MAKE_CLONE: &str = "command -v git >/dev/null || exit 101
[ \"$(git -C /ajail/origin for-each-ref --count=1)\" ] || exit 102
exec git -c checkout.workers=0 clone --quiet --no-hardlinks /ajail/origin .";

fn workspace(options: &Options, host: &Host) -> Result<PathBuf> {
    if !options.has("--clone") {
        return Ok(host.cwd.clone());
    }
    let git = host.cwd.join(".git");
    if git.is_file() {
        let text = fs::read_to_string(&git).unwrap_or_default();
        let main = text.strip_prefix("gitdir: ").and_then(|dir| dir.split_once("/.git/worktrees/"));
        let main = main.map_or("the repository it belongs to".into(), |(dir, _)| quoted(dir));
        return no(git, format!("a linked worktree or a submodule: run ajail in {main}"));
    } else if !git.is_dir() {
        return match host.cwd.ancestors().find(|dir| dir.join(".git").exists()) {
            Some(top) => no(&host.cwd, format!("not the repository's top: cd {}", quoted(top))),
            None => no(&host.cwd, "not a git repository, so there is nothing to clone"),
        };
    }
    let name = options.value("--clone", "");
    if name.as_bytes().starts_with(b".") || name.as_bytes().contains(&b'/') {
        return no(name, "the name of a clone has no / and does not begin with a dot");
    }
    let free = || (1..).map(|n| host.clones.join(n.to_string())).find(|path| !path.exists());
    let place = || if name.is_empty() { free() } else { Some(host.clones.join(name)) };
    let mut clone = place().unwrap_or_default();
    if clone.exists() || options.has("--dry-run") {
        return Ok(clone);
    }
    // Made beside its place and renamed when it is whole: nobody ever takes up half a clone.
    let new = host.clones.join(format!(".new.{}", process::id()));
    fs::create_dir_all(&host.clones).or_else(|e| no(&host.clones, e))?;
    fs::create_dir(&new).or_else(|e| no(&new, e))?;
    let mut made = make_clone(options, host, &new);
    while made.is_ok() {
        match fs::rename(&new, &clone) {
            Ok(()) => return Ok(clone),
            Err(e) if e.kind() != io::ErrorKind::DirectoryNotEmpty => made = no(&clone, e),
            // Somebody else was first: take up theirs if it was asked for, or the next number.
            Err(_) if !name.is_empty() => break,
            Err(_) => clone = place().unwrap_or_default(),
        }
    }
    let _ = fs::remove_dir_all(&new).and_then(|()| fs::remove_dir(&host.clones));
    made.map(|()| clone)
}

fn make_clone(options: &Options, host: &Host, new: &Path) -> Result<()> {
    let command = ["sh", "-c", MAKE_CLONE].map(OsString::from).into();
    let maker = Options { words: vec![("--no-net", None)], env: vec![], command };
    let mut jail = mounts(&maker, host, new)?;
    jail.push(mount(ROL, &host.cwd.join(".git"), Path::new(ORIGIN))?);
    let (mut bwrap, _open) = bwrap(&maker, host, &jail)?;
    let status = bwrap.stdin(Stdio::null()).stdout(io::stderr()).status();
    match status.or_else(|e| no(&host.bwrap, e))?.code() {
        // What was asked for must fit the clone, or there shall be none.
        Some(0) => mounts(options, host, new).map(drop),
        Some(101) => {
            no(&host.root, "no git in it: ajail --fs-edit apk add git, or apt install git")
        }
        Some(102) => no(&host.cwd, "no commit in it yet, so there is nothing to clone"),
        _ => no(&host.cwd, "git could not clone it"),
    }
}

// ---- 4. Mounts become the status and bwrap's arguments: one list, so they cannot disagree.

fn status(options: &Options, mounts: &[Mount], scoped: bool) -> String {
    let mut text = String::new();
    for Mount { kind, src, dst, copy } in mounts {
        let how =
            if *kind == RO && copy.is_some() { "private copy, changes vanish" } else { kind.2 };
        let from = if src == dst { String::new() } else { format!(" (from {})", quoted(src)) };
        text += &format!("ajail: {}{from}: {how}\n", quoted(dst));
    }
    for (name, value) in &options.words {
        if ["--userns", "--cap-add", "--bw", "--bwrap-bin"].contains(name) {
            text += &format!("ajail: {name} {}\n", quoted(value.as_deref().unwrap_or_default()));
        }
    }
    if !scoped {
        text += "ajail: this kernel leaves abstract sockets in reach while the network is shared\n";
    }
    text + if options.net() { "ajail: network: the host's\n" } else { "ajail: network: none\n" }
}

/// bwrap's arguments, but for those whose values are only in descriptors.
fn argv(options: &Options, host: &Host, mounts: &[Mount]) -> Vec<OsString> {
    let mut argv: Vec<OsString> = vec![];
    let mut put = |flags: &str, values: &[&dyn AsRef<OsStr>]| {
        argv.extend(flags.split_whitespace().map(OsString::from));
        argv.extend(values.iter().map(|value| value.as_ref().to_os_string()));
    };
    // No process, IPC object, cgroup or host name of the host's, and no network unless shared.
    put("--unshare-all --unshare-user", &[]);
    put(if options.net() { "--share-net" } else { "" }, &[]);
    // Root by name, for package managers. No capability: real root could undo the mounts.
    put("--uid 0 --gid 0 --cap-drop ALL", &[]);
    // In a user namespace of its own the jail would have every capability, and with them reach
    // parts of the kernel that only root is meant to reach.
    put(if options.has("--userns") { "" } else { "--disable-userns" }, &[]);
    // Nothing outlives ajail, which becomes bwrap.
    put("--die-with-parent", &[]);
    for mount in mounts {
        let (flag, src, dst) = (mount.kind.1, &mount.src, &mount.dst);
        match &mount.copy {
            Some((fd, mode)) => {
                put(&format!("--perms {mode:o} --bind-data {}", fd.as_raw_fd()), &[dst])
            }
            None if mount.kind == RO => put("--overlay-src", &[src, &flag, dst]),
            None if mount.kind == HIDE => put(flag, &[dst]),
            None => put(flag, &[src, dst]),
        }
        if dst == Path::new("/") {
            // Fresh ones, over the root fs and below all that may be mounted in them.
            put("--dev /dev --proc /proc --perms 1777 --tmpfs /tmp --tmpfs /run", &[]);
            // Process 1 is bwrap: not to be written to, nor its program, a file of the host's. (But
            // with anything over /proc a user namespace could not mount one of its own.)
            put(if options.has("--userns") { "" } else { "--tmpfs /proc/1" }, &[]);
            // Real root owns the host's settings in there, and needs no capability to write them.
            put(if own_uid() == 0 { "--remount-ro /proc" } else { "" }, &[]);
        }
    }
    let term = env::var_os("TERM").unwrap_or("dumb".into());
    let path = "/root/.local/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    let fixed = [("HOME", "/root"), ("USER", "root"), ("PATH", path), ("IS_SANDBOX", "1")];
    let fixed = fixed.map(|(name, value)| (name, OsStr::new(value)));
    for (name, value) in fixed.into_iter().chain([("TERM", &*term)]) {
        if options.env.iter().all(|(given, _)| given != name) {
            put("--setenv", &[&name, &value]);
        }
    }
    put("--chdir", &[&host.cwd]);
    for (name, value) in &options.words {
        match (*name, value) {
            ("--cap-add", Some(cap)) => put("--cap-add", &[cap]),
            ("--bw", Some(arg)) => put("", &[arg]),
            _ => {}
        }
    }
    put("--", &[]);
    argv.extend_from_slice(&options.command);
    argv
}

fn dry_run(options: &Options, host: &Host, mounts: &[Mount]) -> String {
    let mut text = format!("env -i {}", quoted(&host.bwrap));
    for (name, _) in &options.env {
        let name = quoted(name);
        text += &format!(" \\\n  --setenv {name} \"$AJAIL_ENV_{name}\"");
    }
    for word in argv(options, host, mounts) {
        text += if word.as_bytes().starts_with(b"--") { " \\\n  " } else { " " };
        text += &quoted(word);
    }
    for (fd, mount) in mounts.iter().filter_map(|mount| Some((&mount.copy.as_ref()?.0, mount))) {
        let src = if mount.kind == HIDE { Path::new("/dev/null") } else { &mount.src };
        text += &format!(" {}<{}", fd.as_raw_fd(), quoted(src));
    }
    text + "\n# and, beyond a shell: --seccomp, a Landlock scope, a new session keyring, no inherited descriptors\n"
}

/// The files are to be kept open until bwrap runs.
fn bwrap(options: &Options, host: &Host, mounts: &[Mount]) -> Result<(Command, [File; 2])> {
    let (filter, mut env) = (filter(), vec![]);
    for (name, value) in &options.env {
        env.extend([b"--setenv\0", name.as_bytes(), b"\0", value.as_bytes(), b"\0"].concat());
    }
    let open = [memory(&mut &filter[..])?, memory(&mut &env[..])?];
    let mut bwrap = Command::new(&host.bwrap);
    // The caller's environment would be there to read in the jail, as its process 1's.
    bwrap.env_clear();
    // Every user may read a command line, so values come by descriptor.
    bwrap.arg("--seccomp").arg(open[0].as_raw_fd().to_string());
    bwrap.arg("--args").arg(open[1].as_raw_fd().to_string());
    bwrap.args(argv(options, host, mounts));
    Ok((bwrap, open))
}

// ---- 5. What std has no function for.

unsafe extern "C" {
    fn syscall(number: c_long, ...) -> c_long;
    fn prctl(option: c_int, ...) -> c_int;
    fn memfd_create(name: *const c_char, flags: c_uint) -> c_int;
}

/// A file in memory that exec leaves open, holding what SOURCE does.
fn memory(source: &mut dyn Read) -> Result<File> {
    // SAFETY: the name is a constant, and the descriptor is nobody else's.
    let fd = unsafe { memfd_create(c"ajail".as_ptr(), 0) };
    if fd < 0 {
        return no("memfd_create", io::Error::last_os_error());
    }
    let mut file = unsafe { File::from_raw_fd(fd) };
    io::copy(source, &mut file)
        .and_then(|_| file.rewind())
        .or_else(|e| no("a copy in memory", e))?;
    Ok(file)
}

/// Cuts what no namespace does. Tells whether the kernel is new enough for all of it.
fn cut_ties() -> Result<bool> {
    const ZERO: c_long = 0;
    let scope: [u64; 3] = [0, 0, 3]; // no rule for files and ports; abstract sockets and signals
    // SAFETY: numbers, and a pointer to an array that outlives the call.
    unsafe {
        // close_range: the descriptor of a directory would be a way into the host's tree.
        if syscall(436, 3 as c_long, c_long::from(u32::MAX), 4 as c_long) != 0 {
            return no("close_range", io::Error::last_os_error());
        }
        // keyctl: the kernel looks for keys in the session keyring on its own account, too.
        syscall(ABIS[0][2] as c_long + 2, 1 as c_long, ZERO);
        // Landlock, which asks for no_new_privs: no abstract socket, such as an X server's, and
        // no signal to the process group that the jail shares with the caller's script.
        prctl(38, 1 as c_long, ZERO, ZERO, ZERO);
        let rules = syscall(444, scope.as_ptr(), size_of_val(&scope), ZERO);
        Ok(rules >= 0 && syscall(446, rules, ZERO) == 0)
    }
}

/// Of each ABI of the processor: its name for the kernel, and its numbers of ioctl, of add_key
/// (which request_key and keyctl follow), of ptrace and of process_vm_writev.
#[cfg(target_arch = "x86_64")]
const ABIS: [[u32; 5]; 2] = [[0xc000_003e, 16, 248, 101, 311], [0x4000_0003, 54, 286, 26, 348]];
#[cfg(target_arch = "aarch64")]
const ABIS: [[u32; 5]; 2] = [[0xc000_00b7, 29, 217, 117, 271], [0x4000_0028, 54, 309, 26, 377]];

/// The system call filter, for what is not in any namespace. ioctl may not type into the caller's
/// terminal (TIOCSTI, TIOCLINUX): --new-session would stop that as well, and job control with it.
/// No key of the caller's may be asked for: a new session keyring alone leaves the user's, which
/// whoever sees its number can link to his own. And process 1, which is bwrap, may not be taken
/// over: it ends the jail when ajail ends, and its program is a file of the host's.
fn filter() -> Vec<u8> {
    const LOAD: u16 = 0x20;
    const EQ: u16 = 0x15;
    const GE: u16 = 0x35;
    const RET: u16 = 0x06;
    let mut rules: Vec<(u16, u8, u8, u32)> = vec![];
    for [abi, ioctl, add_key, ptrace, vm_write] in ABIS {
        rules.extend([
            (LOAD, 0, 0, 4), // the ABI: with another come other numbers
            (EQ, 0, 16, abi),
            (LOAD, 0, 0, 0), // the number of the call
            (EQ, 5, 0, ioctl),
            (EQ, 7, 0, ptrace),
            (EQ, 8, 0, vm_write),
            (GE, 10, 0, 0x4000_0000), // x32's, an ABI inside x86_64's
            (GE, 8, 0, add_key + 3),
            (GE, 8, 7, add_key),
            (LOAD, 0, 0, 24), // ioctl's request, of which the kernel takes the low half
            (EQ, 6, 0, 0x5412), // TIOCSTI
            (EQ, 5, 4, 0x541c), // TIOCLINUX
            (LOAD, 0, 0, 24), // ptrace's process
            (EQ, 3, 2, 1),
            (LOAD, 0, 0, 16), // process_vm_writev's
            (EQ, 1, 0, 1),
            (RET, 0, 0, 0x7fff_0000), // allow
            (RET, 0, 0, 0x0005_0001), // EPERM
        ]);
    }
    rules.push((RET, 0, 0, 0x0005_0001));
    let bytes = |(code, yes, no, value): (u16, u8, u8, u32)| {
        [&code.to_ne_bytes()[..], &[yes, no], &value.to_ne_bytes()].concat()
    };
    rules.into_iter().flat_map(bytes).collect()
}
