//! ajail runs a program you don't completely trust in a jail made by bubblewrap (bwrap).
//!
//! It promises that the program sees a root file system (root fs) of its own, the current directory
//! and what you name, but no other file, process, variable or descriptor, no abstract socket and no
//! key's content of yours; has no privilege, even as root's; leaves nothing but what the status
//! calls "kept"; ends when ajail does. It trusts the kernel, bwrap and the root fs.
//!
//! It does not stop what is left in a writable directory and run later, by you or, set-id, by
//! anybody (use --ro, --rol=.git or --clone, whose refs may be symlinks); servers on localhost and
//! your network (use --no-net); Unix sockets in what you mount; your terminal, its session's
//! priority and descriptors 0 to 2; flaws of the kernel; filling memory; locks and hidings from
//! ending when you replace their path; swapping a path for a symlink or FIFO while another ajail
//! starts; as real root, chmod of /dev/null. With --userns, nor undoing --rol and --hide, nor
//! outliving ajail by taking over bwrap. Before Linux 6.12, nor abstract sockets and signals.

use std::ffi::{OsStr, OsString, c_long};
use std::fs::{self, File};
use std::io::{self, Seek, Write};
use std::os::fd::{FromRawFd, IntoRawFd};
use std::os::unix::{ffi::OsStrExt, fs::DirBuilderExt, fs::MetadataExt, process::CommandExt};
use std::path::{Component, Path, PathBuf};
use std::process::{self, Command, Stdio};
use std::{collections::BTreeSet, env, fmt::Display, iter};

const USAGE: &str = "\
usage: ajail [OPTION]... [--] [COMMAND [ARG]...]

Runs COMMAND (sh if there is none) in a jail: its root is an immutable root fs under a temporary
overlay; of the host it sees the current directory and what the options name.

  --fs=ROOT_FS            the root fs: a name under ~/.ajail/fs/ (default: default), or /a/path
  --fs-edit[=DIR]         keep changes to the root fs, or only to DIR in it
  --home-edit[=SUBDIR]    keep changes to the jail's home, /root, or only to SUBDIR in it
  --rw[=PATH]             PATH (without it: the current directory) is writable, changes are kept
  --ro[=PATH]             under a temporary overlay, changes vanish; of a file, a private copy
  --rol[=PATH]            read-only, locked: writing fails
  --hide[=PATH]           empty; what is written there vanishes
  --dev=DEV               a device of the host, as --dev=/dev/kvm
  --mount=SRC,DST[,KIND]  SRC at DST; KIND is ro (if there is none), rol, rw, hide or dev
  --clone[=NAME]          a clone of this repository instead: a new one in ~/.ajail/clone/, or NAME
  --no-net                no network
  --net                   the host's network (the default)
  --userns                let the jail make user namespaces, which weakens --rol and --hide
  --cap-add=CAP           a capability for the jail (over its namespaces only with --userns)
  --bw=ARG                one more argument for bwrap, just before COMMAND
  --bwrap-bin=BIN         the bwrap to run
  --dry-run               print what would be run, and run nothing
  --quiet                 no status output
  --help                  print this (as -h does)
  --version               print the version

Without PATH the last one counts; those with PATH follow in order: --ro=a --rw=a/b keeps a/b only.
Environment: AJAIL_ARGS      options, separated by ';', taken before those of the command line
             AJAIL_ENV_NAME  given to the jail as NAME; of the others it gets TERM only
Exit status: COMMAND's; 128+n if signal n ended it; 1 if bwrap fails; 125 if ajail refuses
Examples:    ajail --ro --no-net make test    a build that can neither change nor send anything
             ajail --rol=.git --hide=.env sh  a shell that works here, but not on .git or .env
             ajail --fs-edit apk add nodejs   a package to stay in the root fs
";

fn main() {
    let done = run().and_then(|it| io::stdout().write_all(it.as_bytes()).map_err(no("output")));
    let Err(refusal) = done else { return };
    let _ = writeln!(io::stderr(), "ajail: {refusal}"); // eprintln! panics if that takes nothing
    process::exit(125);
}

fn run() -> Result<String, String> {
    let options = parse()?;
    let it = [("--help", USAGE), ("--version", concat!("ajail ", env!("CARGO_PKG_VERSION"), "\n"))];
    if let Some((_, text)) = it.iter().find(|it| last(&options, it.0).is_some()) {
        return Ok(text.to_string());
    }
    let host = look(&options)?;
    let workspace = workspace(&options, &host)?;
    let scoped = cut_ties()?; // after the descriptors for a clone, before those for the jail
    let mounts = mounts(&options, &host, &workspace)?;
    if last(&options, "--quiet").is_none() {
        let _ = io::stderr().write_all(status(&options, &mounts, scoped).as_bytes());
    }
    if last(&options, "--dry-run").is_some() {
        return Ok(dry_run(&options, &host, &mounts));
    }
    Err(no(&host.bwrap)(bwrap(&options, &host, &mounts)?.exec()))
}

/// What every refusal looks like: WHAT, on one line whatever it holds, and WHY.
fn no<W: Display>(what: impl AsRef<OsStr>) -> impl FnOnce(W) -> String {
    move |why| format!("{}: {why}", quoted(what))
}

fn must(fine: bool, what: impl AsRef<OsStr>, why: impl Display) -> Result<(), String> {
    if fine { Ok(()) } else { Err(no(what)(why)) }
}

/// A word as a shell reads it, with nothing in it that a terminal would act on.
fn quoted(word: impl AsRef<OsStr>) -> String {
    let plain = |c: char| c.is_alphanumeric() || "/._-+=,:@%".contains(c);
    let text = word.as_ref().to_str().filter(|it| !it.is_empty() && it.chars().all(plain));
    text.map_or_else(|| format!("$'{}'", word.as_ref().as_bytes().escape_ascii()), String::from)
}

// ---- 1. Words become options. USAGE is the grammar; nothing here looks at a file system.
struct Options {
    words: Vec<(&'static str, OsString)>, // AJAIL_ARGS's, then the command line's; "" is no value
    net: bool,
    env: Vec<OsString>, // a --setenv NAME VALUE for each that AJAIL_ENV_ passes
    command: Vec<OsString>,
}

fn last<'a>(options: &'a Options, name: &str) -> Option<&'a OsStr> {
    options.words.iter().rfind(|(word, _)| *word == name).map(|(_, value)| &**value)
}

fn parse() -> Result<Options, String> {
    let given = env::var_os("AJAIL_ARGS").unwrap_or_default();
    let given = given.as_bytes().split(|b| *b == b';').map(<[u8]>::trim_ascii);
    let given = given.filter(|word| !word.is_empty()).map(|word| OsStr::from_bytes(word).into());
    let mut argv = env::args_os().skip(1).peekable();
    let dashed = iter::from_fn(|| argv.next_if(|word| word.as_bytes().starts_with(b"-")));
    let words = given.chain(dashed.take_while(|word| word != "--")).map(parse_option);
    let words = words.collect::<Result<Vec<_>, _>>()?;
    let net = words.iter().rfind(|it| it.0.ends_with("net")).is_none_or(|it| it.0 == "--net");
    let command: Vec<OsString> = argv.collect();
    let command = if command.is_empty() { vec!["sh".into()] } else { command };
    let mut env = vec![];
    for (name, value) in env::vars_os() {
        let Some(inner) = name.as_bytes().strip_prefix(b"AJAIL_ENV_") else { continue };
        let fine = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_';
        must(!inner.is_empty() && inner.iter().all(fine), &name, "names no variable")?;
        env.extend(["--setenv".into(), OsStr::from_bytes(inner).into(), value]);
    }
    Ok(Options { words, net, env, command })
}

fn parse_option(word: OsString) -> Result<(&'static str, OsString), String> {
    let mut parts = word.as_bytes().splitn(2, |b| *b == b'=').map(OsStr::from_bytes);
    let name = parts.next().filter(|name| *name != "-h").unwrap_or("--help".as_ref());
    let value = parts.next();
    let shown = USAGE.lines().filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
    let cut = |shown: &'static str| shown.split_at(shown.find(['=', '[']).unwrap_or(shown.len()));
    let known = shown.map(cut).find(|it| !it.0.is_empty() && name == it.0);
    let (known, shape) = known.ok_or_else(|| no(&word)("no such option, see ajail --help"))?;
    let fits = value.map_or(!shape.starts_with('='), |it| !shape.is_empty() && !it.is_empty());
    must(fits, &word, format!("write it as {known}{shape}"))?;
    Ok((known, value.unwrap_or_default().into()))
}

// ---- 2. Options become mounts, each checked against the host. Nothing here changes it.
struct Host {
    uid: u32,
    cwd: PathBuf,
    ajail: PathBuf, // ~/.ajail
    root: PathBuf,  // the root fs in use
    bwrap: PathBuf,
    floor: BTreeSet<PathBuf>, // what the next jail stands on
}

fn look(options: &Options) -> Result<Host, String> {
    let uid = fs::metadata("/proc/self").map_err(no("/proc"))?.uid();
    let cwd = env::current_dir().map_err(no("the current directory"))?;
    must(cwd.parent().is_some(), "/", "the jail has its own: cd into a project")?;
    let ajail = PathBuf::from(env::var_os("HOME").unwrap_or_default()).join(".ajail");
    must(ajail.is_absolute(), "HOME", "must be set to your home directory, where ~/.ajail is")?;
    let all = ajail.join("fs");
    let name = all.join(last(options, "--fs").unwrap_or("default".as_ref()));
    // One of another user is of no use: an overlay cannot copy up what the jail cannot own.
    let own = |root: &PathBuf| root.metadata().is_ok_and(|it| it.is_dir() && it.uid() == uid);
    let Some(root) = name.canonicalize().ok().filter(own) else {
        let there = fs::read_dir(&all).into_iter().flatten().flatten();
        let there = there.map(|entry| quoted(entry.file_name()) + " ").collect::<String>();
        return Err(no(name)(format!("no root fs of yours; there are {there}(try mkalpine.sh)")));
    };
    let bin = last(options, "--bwrap-bin").unwrap_or("bwrap".as_ref());
    let path = env::var_os("PATH").unwrap_or_default();
    let mut bins = env::split_paths(&path).filter(|it| it.is_absolute()).map(|it| it.join(bin));
    let bwrap = bins.find(|it| it.is_file()).unwrap_or_default();
    must(bwrap.is_file(), bin, "not on the PATH: install bubblewrap 0.12, see mkbwrap.sh")?;
    let both = |it: &PathBuf| [it.clone(), it.canonicalize().unwrap_or(it.clone())];
    let apart = both(&bwrap).iter().all(|it| !it.starts_with(&cwd));
    must(apart, &bwrap, "lies below here, where a jail could have put it: cd elsewhere")?;
    let floor = [&all, &name, &bwrap].into_iter().flat_map(both).collect();
    Ok(Host { uid, cwd, ajail: ajail.canonicalize().unwrap_or(ajail), root, bwrap, floor })
}

struct Mount {
    src: PathBuf,
    dst: PathBuf,
    flags: String,       // for bwrap
    words: &'static str, // for the status
}

/// WORKSPACE is what is mounted at the current directory: itself or its clone.
fn mounts(options: &Options, host: &Host, workspace: &Path) -> Result<Vec<Mount>, String> {
    let mut mounts = vec![mount(host, "ro", &host.root, Path::new("/"))?];
    let mut places = vec![("rw", host.cwd.as_os_str(), host.cwd.as_os_str())];
    for (name, value) in &options.words {
        match *name {
            "--mount" => places.push(parse_mount(value)?),
            "--fs-edit" | "--home-edit" => {
                let dst = spelled(if *name == "--fs-edit" { "/" } else { "/root" }, value);
                let src = host.root.join(dst.strip_prefix("/").unwrap_or(&dst));
                mounts.retain(|mount| !mount.dst.starts_with(&dst));
                mounts.push(mount(host, "edit", &src, &dst)?);
            }
            "--rw" | "--ro" | "--rol" | "--hide" if value.is_empty() => places[0].0 = &name[2..],
            "--rw" | "--ro" | "--rol" | "--hide" => places.push((&name[2..], value, value)),
            "--dev" => places.push(("dev", value, value)),
            _ => {}
        }
    }
    if let (true, Ok(src)) = (options.net, Path::new("/etc/resolv.conf").canonicalize()) {
        // bwrap mounts on no symlink, as systemd-resolved's is: mount where that leads.
        let link = fs::read_link(host.root.join("etc/resolv.conf"));
        let dst = spelled("/etc", link.unwrap_or("resolv.conf".into()));
        mounts.push(mount(host, "rol", &src, &dst)?);
    }
    // A dry run makes no clone: let the directory show what the clone would hold.
    let seen = if workspace.exists() { workspace } else { &host.cwd };
    for (n, &(kind, src, dst)) in places.iter().enumerate() {
        let (src, dst) = (spelled(&host.cwd, src), spelled(&host.cwd, dst));
        if places[n + 1..].iter().any(|it| spelled(&host.cwd, it.2) == dst) {
            continue; // bwrap could not mount over a copied file
        }
        must(dst == host.cwd || !host.cwd.starts_with(&dst), &dst, "covers the current directory")?;
        let under = |top| src.strip_prefix(&host.cwd).map_or(src.clone(), |p| spelled(top, p));
        // In a writable place the jail could rename a directory on the way, but not a mount. (Right
        // above its cover, lest it cover another; the first is the root fs, with nothing of yours.)
        for dir in dst.ancestors().skip(1) {
            let at = mounts.iter().rposition(|mount| dir.starts_with(&mount.dst)).unwrap_or(0);
            let src = spelled(&mounts[at].src, dir.strip_prefix(&mounts[at].dst).unwrap_or(dir));
            let kept = mounts[at].words.ends_with("kept") && mounts[at].dst != dir;
            if at > 0 && kept && src.is_dir() {
                mounts.insert(at + 1, mount(host, "edit", &src, dir)?);
            }
        }
        mounts.push(Mount { src: under(workspace), ..mount(host, kind, &under(seen), &dst)? });
    }
    if last(options, "--clone").is_some() {
        // What a push needs; and reflogs for show: as symlinks they would lead your every commit.
        let (git, kind) = (host.cwd.join(".git"), places[0].0);
        let refs = if git.join("reftable").exists() { "reftable" } else { "refs" };
        let parts = [("rol", ""), (kind, "objects"), (kind, refs), ("ro", "logs")];
        for (kind, part) in parts.into_iter().filter(|it| git.join(it.1).exists()) {
            mounts.push(mount(host, kind, &spelled(&git, part), &spelled("/ajail/origin", part))?);
        }
    }
    Ok(mounts)
}

fn parse_mount(value: &OsStr) -> Result<(&'static str, &OsStr, &OsStr), String> {
    let mut parts = value.as_bytes().splitn(3, |b| *b == b',').map(OsStr::from_bytes);
    let (src, dst, name) = (parts.next(), parts.next(), parts.next().unwrap_or("ro".as_ref()));
    let kind = ["rw", "ro", "rol", "hide", "dev"].into_iter().find(|kind| name == *kind);
    match (kind, src, dst) {
        (Some(kind), Some(s), Some(d)) if !s.is_empty() && !d.is_empty() => Ok((kind, s, d)),
        _ => Err(no(value)("write it as --mount=SRC,DST or --mount=SRC,DST,KIND")),
    }
}

/// PATH made absolute from BASE, and . and .. resolved as they are spelled.
fn spelled(base: impl AsRef<Path>, path: impl AsRef<Path>) -> PathBuf {
    base.as_ref().join(path).components().fold(PathBuf::new(), |clean, part| match part {
        Component::ParentDir => clean.parent().unwrap_or(&clean).into(),
        part => clean.join(part),
    })
}

fn mount(host: &Host, kind: &str, src: &Path, dst: &Path) -> Result<Mount, String> {
    must(dst != Path::new("/dev") && !dst.starts_with("/proc"), dst, "the jail has its own")?;
    // What the next jail stands on, by whatever path, must not be what this one wrote.
    let id = |it: &Path| it.metadata().map(|it| (it.dev(), it.ino())).ok();
    let above = |it: &Path| it.ancestors().map(id).collect::<Vec<_>>();
    let own = above(src);
    let apart = |it: &PathBuf| !above(it).contains(&own[0]) && !own.contains(&id(it));
    let safe = !["rw", "dev"].contains(&kind) || host.floor.iter().all(apart);
    must(safe, src, "writable, it could change the next jail: cd into a project, or use --ro")?;
    // A jail may have left a symlink wherever it could write.
    let real = src.canonicalize().map_err(no(src))?;
    must(real == src, src, format!("a symlink leads to {}: name that", quoted(&real)))?;
    let meta = fs::metadata(src).map_err(no(src))?;
    let (flags, words) = match (kind, meta.is_dir()) {
        ("rw" | "edit", _) => ("--bind IT", "writable, changes are kept"),
        ("ro", true) => ("--overlay-src IT --tmp-overlay", "temporary overlay, changes vanish"),
        ("ro", _) if meta.is_file() => ("--bind-data", "private copy, changes vanish"),
        ("rol", _) => ("--ro-bind IT", "read-only"),
        ("hide", true) => ("--tmpfs", "empty, changes vanish"),
        ("hide", _) => ("--bind-data", "empty, changes vanish"),
        ("dev", dir) if dir || meta.rdev() != 0 => ("--dev-bind IT", "device, changes are kept"),
        _ => return Err(no(src)(format!("{kind} does not work on this sort of file"))),
    };
    let mut flags = flags.to_string();
    if flags == "--bind-data" {
        let text = if kind == "ro" { fs::read(src).map_err(no(src))? } else { vec![] };
        flags = format!("--perms {:o} --bind-data {}", meta.mode() & 0o777, memory(&text)?);
    }
    Ok(Mount { src: src.into(), dst: dst.into(), flags, words })
}

// ---- 3. A clone is made in a jail of its own: git on the host would trust what a jail wrote.
// It is whole: with hard links the jail could write to the origin's files.
const MAKE_CLONE: &str = "
command -v git >/dev/null || exec echo 'no git in the root fs: try ajail --fs-edit apk add git'
[ \"$(git -C /ajail/origin for-each-ref --count=1)\" ] || exec echo 'no commit in it yet'
git -c checkout.workers=0 clone --quiet --no-hardlinks /ajail/origin . || echo 'see above'";

fn workspace(options: &Options, host: &Host) -> Result<PathBuf, String> {
    let Some(name) = last(options, "--clone") else { return Ok(host.cwd.clone()) };
    // In a linked worktree .git is a file, which says where the repository is.
    let git = host.cwd.join(".git");
    let file = if git.is_file() { fs::read_to_string(git).unwrap_or_default() } else { "".into() };
    let main = file.strip_prefix("gitdir: ").and_then(|dir| dir.split_once("/.git/"));
    let above = || host.cwd.ancestors().find(|dir| dir.join(".git").is_dir());
    let top = main.map(|(dir, _)| Path::new(dir)).or_else(above);
    let why = top.map_or("no git repository".into(), |t| format!("not its top: cd {}", quoted(t)));
    must(top == Some(&host.cwd), &host.cwd, why)?;
    let odd = name.as_bytes().starts_with(b".") || name.as_bytes().contains(&b'/');
    must(!odd, name, "the name of a clone has no / and does not begin with a dot")?;
    // One directory a repository, its path with + for /, escaped so that no two are alike.
    let path = quoted(&host.cwd)[1..].replace('%', "%25").replace('+', "%2B").replace('/', "+");
    let clones = host.ajail.join("clone").join(path);
    let free = || (1..).map(|n| clones.join(n.to_string())).find(|path| !path.exists());
    let mut clone = if name.is_empty() { free().unwrap_or_default() } else { clones.join(name) };
    if clone.exists() || last(options, "--dry-run").is_some() {
        return Ok(clone);
    }
    // Made beside its place and renamed when it is whole: nobody ever takes up half a clone.
    let new = clones.join(format!(".new.{}", process::id()));
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&new).map_err(no(&new))?;
    let made = make_clone(options, host, &new);
    // Another ajail may have been first: take up what it made under the name, or the next number.
    while made.is_ok() && fs::rename(&new, &clone).is_err() && name.is_empty() && clone.exists() {
        clone = free().unwrap_or_default();
    }
    let _ = fs::remove_dir_all(&new).and_then(|()| fs::remove_dir(&clones));
    made.and_then(|()| must(clone.exists(), &clone, "could not be made")).map(|()| clone)
}

fn make_clone(options: &Options, host: &Host, new: &Path) -> Result<(), String> {
    cut_ties()?;
    let command = ["sh", "-c", MAKE_CLONE].map(OsString::from).into();
    let maker = Options { words: vec![], net: false, env: vec![], command };
    let mut jail = mounts(&maker, host, new)?;
    jail.push(mount(host, "rol", &host.cwd.join(".git"), Path::new("/ajail/origin"))?);
    let out = bwrap(&maker, host, &jail)?.stderr(Stdio::inherit()).output().map_err(no("bwrap"))?;
    let why = out.stdout.trim_ascii_end().escape_ascii().to_string();
    must(why.is_empty() && out.status.success(), &host.cwd, format!("not cloned: {why}"))?;
    // What was asked for must fit the clone, or there shall be none.
    mounts(options, host, new).map(drop)
}

// ---- 4. Mounts become the status and bwrap's arguments: one list, so they cannot disagree.
fn status(options: &Options, mounts: &[Mount], scoped: bool) -> String {
    let mut text = String::new();
    for Mount { src, dst, words, .. } in mounts {
        let from = if src == dst { String::new() } else { format!(" (from {})", quoted(src)) };
        text += &format!("ajail: {}{from}: {words}\n", quoted(dst));
    }
    let loose = options.words.iter().filter(|it| ["--userns", "--cap-add", "--bw"].contains(&it.0));
    text.extend(loose.map(|it| format!("ajail: {} {}\n", it.0, it.1.as_bytes().escape_ascii())));
    text += if scoped { "" } else { "ajail: this kernel stops no signals and abstract sockets\n" };
    text + if options.net { "ajail: network: the host's\n" } else { "ajail: network: none\n" }
}

fn argv(options: &Options, host: &Host, mounts: &[Mount]) -> Vec<OsString> {
    let mut argv: Vec<OsString> = vec![];
    let mut put = |words: &str, it: &dyn AsRef<OsStr>| {
        let words = words.split_whitespace().map(OsStr::new);
        argv.extend(words.map(|word| if word == "IT" { it.as_ref() } else { word }.to_os_string()));
    };
    // No process, IPC object or cgroup of the host's, nor its name, and no network unless shared.
    put("--unshare-all --unshare-user --hostname ajail", &"");
    put(if options.net { "--share-net" } else { "" }, &"");
    put("--uid 0 --gid 0", &""); // root by name, for package managers
    put("--cap-drop ALL", &""); // real root could undo the mounts
    put("--die-with-parent", &""); // nothing outlives ajail, nor ajail its caller
    for mount in mounts {
        put(&mount.flags, &mount.src);
        put("IT", &mount.dst);
        if mount.dst == Path::new("/") {
            // Fresh ones, over the root fs and below all that may be mounted in them.
            put("--dev /dev --proc /proc --perms 1777 --tmpfs /tmp --tmpfs /run", &"");
            // Every capability, as in a user namespace of its own, opens more of the kernel. And
            // process 1 is bwrap: not to be written to, nor its program, a file of the host's.
            put(last(options, "--userns").map_or("--disable-userns --tmpfs /proc/1", |_| ""), &"");
            // Real root owns the host's settings in there, and needs no capability to write them.
            put(if host.uid == 0 { "--remount-ro /proc" } else { "" }, &"");
        }
    }
    put("--setenv HOME /root --setenv USER root --setenv IS_SANDBOX 1 --setenv PATH", &"");
    put("/root/.local/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", &"");
    put("--setenv TERM IT", &env::var_os("TERM").unwrap_or("dumb".into()));
    put("--chdir IT", &host.cwd);
    for (name, words) in [("--cap-add", "--cap-add IT"), ("--bw", "IT")] {
        options.words.iter().filter(|word| word.0 == name).for_each(|word| put(words, &word.1));
    }
    argv
}

fn dry_run(options: &Options, host: &Host, mounts: &[Mount]) -> String {
    let env = options.env.chunks(3).map(|set| quoted(&set[1]));
    let env = env.map(|it| format!("--setenv {it} \"$AJAIL_ENV_{it}\""));
    let argv = argv(options, host, mounts);
    let command = ["--".into()].into_iter().chain(options.command.iter().map(quoted));
    let words = argv.iter().map(quoted).chain(env).chain(command);
    let line = |it: String| if it.starts_with("--") { " \\\n  " } else { " " }.to_string() + &it;
    format!("env -i {}{}\n", quoted(&host.bwrap), words.map(line).collect::<String>())
        + "# and beyond a shell: --seccomp, Landlock, a new session keyring, no descriptors\n"
}

fn bwrap(options: &Options, host: &Host, mounts: &[Mount]) -> Result<Command, String> {
    // By descriptor, since every user may read a command line.
    let argv = [argv(options, host, mounts), options.env.clone(), vec!["".into()]].concat();
    let (filter, argv) = (memory(&filter())?, memory(argv.join(OsStr::new("\0")).as_bytes())?);
    let mut bwrap = Command::new(&host.bwrap);
    // The caller's environment would be there to read in the jail, as its process 1's.
    bwrap.env_clear().args(["--seccomp", &filter, "--args", &argv, "--"]).args(&options.command);
    Ok(bwrap)
}

// ---- 5. What std has no function for, straight from the kernel.
/// ABI, ioctl, ptrace, prctl, add_key, vm_writev, memfd_create, socket, prlimit, nice, ionice.
#[cfg(target_arch = "x86_64")]
const NUMBERS: [u32; 11] = [0xc000_003e, 16, 101, 157, 248, 311, 319, 41, 302, 141, 251];
#[cfg(target_arch = "aarch64")]
const NUMBERS: [u32; 11] = [0xc000_00b7, 29, 117, 167, 217, 271, 279, 198, 261, 140, 30];

fn call(name: &str, number: u32, [a, b, c, d, e]: [c_long; 5]) -> Result<c_long, String> {
    unsafe extern "C" {
        fn syscall(number: c_long, ...) -> c_long;
    }
    // SAFETY: numbers, and pointers to constants, as each caller sees to.
    let result = unsafe { syscall(c_long::from(number), a, b, c, d, e) };
    must(result != -1, name, io::Error::last_os_error()).map(|()| result)
}

/// The descriptor of a file in memory, which exec leaves open.
fn memory(bytes: &[u8]) -> Result<String, String> {
    let fd = call("memfd_create", NUMBERS[6], [c"".as_ptr() as c_long, 0, 0, 0, 0])?;
    // SAFETY: the descriptor is new, and nobody else's.
    let mut file = unsafe { File::from_raw_fd(fd as i32) };
    file.write_all(bytes).and_then(|()| file.rewind()).map_err(no("a file in memory"))?;
    Ok(file.into_raw_fd().to_string())
}

/// Cuts what no namespace does. Tells whether the kernel is new enough for all of it.
fn cut_ties() -> Result<bool, String> {
    // The descriptor of a directory would be a way into the host's tree: close all on exec.
    call("close_range", 436, [3, u32::MAX.into(), 4, 0, 0])?;
    // The kernel looks for keys in the session keyring on its own account, too: have a new one.
    let _ = call("keyctl", NUMBERS[4] + 2, [1, 0, 0, 0, 0]);
    // No core dump, which the host's handler would get. (1 stops that as well, 0 does not.)
    let _ = call("prlimit64", NUMBERS[8], [0, 4, [1u64, 1].as_ptr() as c_long, 0, 0]);
    // Landlock, which asks for no_new_privs: no rule for files and ports, but no abstract socket,
    // such as an X server's, and no signal to the process group that the caller's script is in.
    call("prctl", NUMBERS[3], [38, 1, 0, 0, 0])?;
    let rules = call("landlock", 444, [[0u64, 0, 3].as_ptr() as c_long, 24, 0, 0, 0]);
    Ok(rules.and_then(|rules| call("landlock", 446, [rules, 0, 0, 0, 0])).is_ok())
}

/// The system call filter, in seccomp's machine code.
fn filter() -> Vec<u8> {
    let [abi, ioctl, ptrace, _, add_key, vm_writev, _, socket, _, nice, ionice] = NUMBERS;
    let op = |code: u8, jt: u8, jf: u8, it: u32| [[code, 0, jt, jf], it.to_le_bytes()].concat();
    let (load, equal) = (|at| op(0x20, 0, 0, at), |value, no| op(0x15, 0, no, value));
    let deny = || op(0x06, 0, 0, 0x0005_0001); // with EPERM
    // Another ABI has other numbers: i386's, or x32's, which are above these.
    let mut code = [load(4), op(0x15, 1, 0, abi), deny()].concat();
    code.extend([load(0), op(0x35, 0, 1, 0x4000_0000), deny()].concat());
    // A call, where to look (0: its number, 16, 24: its arguments), for what: TIOCSTI and TIOCLINUX
    // type into the caller's terminal; process 1 is bwrap; vsock (40) is in no namespace; nice and
    // ionice reach the caller's group; the add_key family, keys; io_uring (425) evades this filter.
    let some = [(ioctl, 24, 0x5412), (ioctl, 24, 0x541c), (ptrace, 24, 1), (vm_writev, 16, 1)];
    // pidfd_getfd (438) takes what bwrap's process 1 has open in its first milliseconds: the host.
    let keys = [add_key, add_key + 1, add_key + 2, 425, 438].map(|call| (call, 0, call));
    let more = [(socket, 16, 40), (nice, 16, 1), (ionice, 16, 2), (vm_writev - 1, 16, 1)];
    for (call, at, value) in some.into_iter().chain(more).chain(keys) {
        code.extend([load(0), equal(call, 3), load(at), equal(value, 1), deny()].concat());
    }
    [code, op(0x06, 0, 0, 0x7fff_0000)].concat() // allow
}
