//! Limit of open files, and its distribution among listeners, database, backups and other uses.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Upper bound for the limit of open files. It also applies if the system sets no limit.
const MOST: u64 = 65_536;
/// Files reserved besides connections: the files of the database, backups, logs, sockets to providers.
const OTHER_FILES: u64 = 96;
/// Maximum number of client connections under any limit. Each may need 64 KiB of memory.
const MOST_CONNECTIONS: u64 = 16_384;

/// Number of files that the process may open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::http) struct OpenFiles(u64);

/// Raises the soft limit of open files to the hard limit. Many systems have a soft limit of 1024 for programs that use
/// `select`.
pub(in crate::http) fn raise_limit() -> OpenFiles {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if limit.current != limit.maximum
        && let Err(error) = setrlimit(Resource::Nofile, raised)
    {
        tracing::warn!(limit = ?limit.current, "cannot raise the limit of open files: {error}");
    }
    OpenFiles(getrlimit(Resource::Nofile).current.unwrap_or(MOST).min(MOST))
}

impl OpenFiles {
    /// Returns the maximum number of connections of the admin listener.
    pub(in crate::http) fn admin(self) -> u32 {
        connections(self.0 / 8, 2048)
    }

    /// Returns the maximum number of connections of the public listener: the files that all other uses leave, at most
    /// three quarters.
    pub(in crate::http) fn public(self, database_connections: u32) -> u32 {
        // a connection to PostgreSQL may need an additional socket pair of the process
        let others = 3 * u64::from(database_connections) + OTHER_FILES + u64::from(self.admin());
        connections(self.0.saturating_sub(others).clamp(self.0 / 8, self.0 * 3 / 4), MOST_CONNECTIONS)
    }
}

fn connections(share: u64, most: u64) -> u32 {
    u32::try_from(share.min(most)).unwrap_or(u32::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_fits_into_the_limit() {
        for limit in [64, 256, 1024, 4096, 20_000, 65_536] {
            for database in [1, 10, 500, 65_535] {
                let files = OpenFiles(limit);
                let (public, admin) = (u64::from(files.public(database)), u64::from(files.admin()));
                assert!(public >= 1 && admin >= 1 && public + admin < limit, "{limit} {database}: {public} {admin}");
                assert!(public <= MOST_CONNECTIONS);
            }
        }
    }
}
