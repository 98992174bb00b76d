//! How many files the process may have open, and how the listeners share them with the database, backups and everything else.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// More open files than this are not planned with: it also holds where the system sets no limit.
const MOST: u64 = 65_536;
/// Files beside connections: the database's own, backups, logs, sockets of providers.
const OTHER_FILES: u64 = 96;
/// Connections of clients, whatever the limit: each may need 64 KiB of memory.
const MOST_CONNECTIONS: u64 = 16_384;

/// The files that the process may have open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::http) struct OpenFiles(u64);

/// Raises the soft limit of open files to the hard one: the soft one is 1024 on many systems, for programs that use `select`.
pub(in crate::http) fn raise_limit() -> OpenFiles {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if limit.current != limit.maximum
        && let Err(error) = setrlimit(Resource::Nofile, raised)
    {
        tracing::warn!(limit = ?limit.current, "the limit of open files could not be raised: {error}");
    }
    OpenFiles(getrlimit(Resource::Nofile).current.unwrap_or(MOST).min(MOST))
}

impl OpenFiles {
    /// Connections of the operators' listener.
    pub(in crate::http) fn admin(self) -> u32 {
        connections(self.0 / 8, 2048)
    }

    /// Connections of the public listener: what the operators, the database and everything else leave, three quarters at most.
    pub(in crate::http) fn public(self, database_connections: u32) -> u32 {
        // a connection to PostgreSQL may go through a socket pair of the process itself
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
