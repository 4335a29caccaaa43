//! As whom servers run: PostgreSQL refuses root.

use std::{
    ffi::OsStr,
    fs,
    path::Path,
    process::{Command, Stdio},
    sync::OnceLock,
};

use anyhow::{Context, Result};
use nix::unistd::{Gid, Uid, chown};

/// How a server command is wrapped.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Identity {
    /// We are not root and namespaces are forbidden: servers run as we do.
    Same,
    /// Servers live in a namespace, where they see this user id, while their files and signals
    /// stay ours. Their System V shared memory, which `SIGKILL` leaves behind, ends with it.
    Namespace(u32, u32),
    /// We are root where user namespaces are forbidden: servers run as that user.
    Switched(u32, u32),
}

impl Identity {
    /// The one way that works here, found once.
    pub(crate) fn get() -> Self {
        static FOUND: OnceLock<Identity> = OnceLock::new();
        *FOUND.get_or_init(Self::find)
    }

    fn find() -> Self {
        let root = Uid::effective().is_root();
        // initdb looks its user up by id, so the id must be a known one.
        let (user, group) = if root {
            ordinary_user()
        } else {
            (Uid::effective().as_raw(), Gid::effective().as_raw())
        };
        let namespace = Self::Namespace(user, group);
        let probe = namespace.command("true").stdout(Stdio::null()).stderr(Stdio::null()).status();
        match (probe.is_ok_and(|status| status.success()), root) {
            (true, _) => namespace,
            (false, true) => Self::Switched(user, group),
            (false, false) => Self::Same,
        }
    }

    /// A command that runs `program` under this identity, as the very process that is spawned.
    pub(crate) fn command(self, program: impl AsRef<OsStr>) -> Command {
        let (wrapper, arguments) = match self {
            Self::Same => return Command::new(program),
            Self::Namespace(user, group) => (
                "unshare",
                vec![
                    "--user".to_owned(),
                    "--ipc".to_owned(),
                    format!("--map-user={user}"),
                    format!("--map-group={group}"),
                ],
            ),
            Self::Switched(user, group) => (
                "setpriv",
                vec![
                    format!("--reuid={user}"),
                    format!("--regid={group}"),
                    "--clear-groups".to_owned(),
                ],
            ),
        };
        let mut command = Command::new(wrapper);
        command.args(arguments).arg("--").arg(program);
        command
    }

    /// Hands `path` and what is in it to the user the servers run as.
    pub(crate) fn give(self, path: &Path) -> Result<()> {
        let Self::Switched(user, group) = self else { return Ok(()) };
        let owner = (Some(Uid::from_raw(user)), Some(Gid::from_raw(group)));
        chown(path, owner.0, owner.1).with_context(|| format!("hand over {}", path.display()))?;
        if path.is_dir() {
            for entry in fs::read_dir(path)? {
                self.give(&entry?.path())?;
            }
        }
        Ok(())
    }
}

/// User 1000 when there is one, or else the first who is not root.
fn ordinary_user() -> (u32, u32) {
    let table = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let users: Vec<(u32, u32)> = table
        .lines()
        .filter_map(|line| {
            let mut fields = line.split(':').skip(2);
            Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
        })
        .filter(|(user, _)| *user != 0)
        .collect();
    let usual = users.iter().find(|(user, _)| *user == 1000);
    usual.or_else(|| users.first()).copied().unwrap_or((1000, 1000))
}
