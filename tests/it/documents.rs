//! The documents are correct: their commands run as written, their links resolve, and their tables match the program.
//!
//! A block of ```` ```sh ```` is run. The line `<!-- test: SITUATION -->` before it names its situation. Blocks of one
//! section and situation form one script, which runs in its own directory. Every other block that looks like a command
//! is ```` ```console ````, after a line `<!-- not run: REASON -->`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::support::installation::Installation;
use crate::support::program::{Server, assert_no_secret};
use crate::support::{Cluster, Database, Engine, Program};
use crate::tidy::files;

/// An account with a session.
const SESSION: &str = "INSERT INTO users (email, username, password_hash) VALUES ('person@example.org', 'person', 'x');
    INSERT INTO refresh_tokens (user_id, token_hash, expires_at) SELECT id, 'live', now() + INTERVAL '1 day' FROM users";
/// A client that failed too often, and a session, as a locked out person has them.
const BLOCKED: &str = "INSERT INTO login_throttles (subject, failures, last_failed_at, blocked_until) VALUES ('ip:203.0.113.7', 30, now(), now() + INTERVAL '1 hour');
    INSERT INTO refresh_tokens (user_id, token_hash, expires_at) SELECT id, 'live', now() + INTERVAL '1 day' FROM users WHERE email = 'ada@example.com';
    INSERT INTO users (id, email, username, password_hash, deleted_at, provisional_uses) VALUES
        (17, 'released-17-0@email.invalid', 'released-17-0', 'x', now(), 1), (42, 'ada@example.org', 'other', 'x', NULL, 1);
    INSERT INTO auth_events (kind, user_id, email, detail)
        VALUES ('logout', 17, 'ada@example.org', 'all sessions: account 42 took the address over')";
const BLOCKED_SQLITE: &str = "INSERT INTO login_throttles (subject, failures, last_failed_at, blocked_until) VALUES ('ip:203.0.113.7', 30, '2099-01-01T00:00:00.000+00:00', '2099-01-01T00:00:00.000+00:00');
    INSERT INTO refresh_tokens (user_id, token_hash, expires_at) SELECT id, 'live', '2099-01-01T00:00:00.000+00:00' FROM users WHERE email = 'ada@example.com'";

const EARLIER: &str = include_str!("fixtures/earlier_manager.sql");

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap()
}

/// What a block is run on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Situation {
    /// `authsvc.db` exists with development data, as `authsvc serve` leaves it.
    Sqlite,
    /// The same, and `authsvc serve` runs on it.
    Served,
    /// `DATABASE_URL` names a migrated PostgreSQL database.
    Postgres,
    /// `DATABASE_URL` names a database of the legacy manager.
    Earlier,
    /// `psql` connects to a server as its superuser; the server has no tables.
    Server,
    /// The same, and the role `authsvc` owns a migrated database of its name.
    Owned,
    /// `DATABASE_URL` names a migrated PostgreSQL database with development data, a client that is blocked, and live
    /// sessions.
    Accounts,
    /// `DATABASE_URL` names an empty database, and `authsvc.db` exists with rows.
    Moving,
}

impl Situation {
    fn of(name: &str) -> Self {
        match name {
            "sqlite" => Self::Sqlite,
            "served" => Self::Served,
            "postgres" => Self::Postgres,
            "earlier" => Self::Earlier,
            "server" => Self::Server,
            "owned" => Self::Owned,
            "accounts" => Self::Accounts,
            "moving" => Self::Moving,
            _ => panic!("no situation `{name}`"),
        }
    }
}

/// The scripts of a document, by section and situation.
fn scripts(path: &str) -> BTreeMap<(String, Situation), String> {
    let text = read(path);
    let (mut scripts, mut section, mut mark) = (BTreeMap::<_, String>::new(), String::new(), "");
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(language) = line.strip_prefix("```") {
            let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
            let test = mark.strip_prefix("<!-- test: ").and_then(|rest| rest.strip_suffix(" -->"));
            match language {
                "sh" => {
                    let situation = test.unwrap_or_else(|| panic!("{path}, {section}: on what is this block run?"));
                    let script = scripts.entry((section.clone(), Situation::of(situation))).or_default();
                    script.push_str(&format!("{}\n", block.join("\n")));
                }
                "console" => {
                    assert!(mark.starts_with("<!-- not run: "), "{path}, {section}: why is this block not run?")
                }
                _ => assert!(test.is_none(), "{path}, {section}: a block of `{language}` cannot be run"),
            }
        } else if line.starts_with('#') {
            section = line.trim_start_matches('#').trim().to_owned();
        }
        mark = line;
    }
    scripts
}

/// Directory, server and database in which a script runs.
pub(crate) struct Place {
    runs: Runs,
    pub(crate) database: Option<Database>,
    pub(crate) cluster: Option<Cluster>,
}

enum Runs {
    Nothing(Program),
    Serving(Server),
}

impl Place {
    fn new(situation: Situation) -> Self {
        let program = Program::new();
        let database = match situation {
            Situation::Sqlite | Situation::Served | Situation::Server | Situation::Owned => None,
            Situation::Postgres | Situation::Accounts => Some(Database::migrated(Engine::Postgres)),
            Situation::Earlier | Situation::Moving => Some(Database::empty(Engine::Postgres)),
        };
        if let (Situation::Earlier, Some(database)) = (situation, &database) {
            database.execute(&format!("SET ROLE app; {EARLIER}"));
            if Cluster::shared().version() < 15 {
                // whose databases have it so; another owner would be in the dump, and only a superuser could set that
                // again
                database.execute("ALTER SCHEMA public OWNER TO postgres");
            }
        }
        if let (Situation::Postgres, Some(database)) = (situation, &database) {
            database.execute(SESSION);
        }
        if let (Situation::Accounts, Some(database)) = (situation, &database) {
            Program::on(database).env("AUTHSVC_ENV", "test").run(&["seed"]).success();
            database.execute(BLOCKED);
        }
        if matches!(situation, Situation::Sqlite | Situation::Moving | Situation::Served) {
            program.run(&["migrate"]).success();
            program.run(&["seed"]).success();
        }
        if situation == Situation::Sqlite {
            let file = format!("sqlite:{}", program.directory().join("authsvc.db").display());
            crate::support::database::execute(&file, BLOCKED_SQLITE);
        }
        let cluster = matches!(situation, Situation::Server | Situation::Owned).then(|| Cluster::start(&[]));
        if let (Situation::Owned, Some(cluster)) = (situation, &cluster) {
            cluster.superuser("CREATE ROLE authsvc LOGIN PASSWORD 'one'");
            cluster.superuser("CREATE DATABASE authsvc OWNER authsvc");
            let url = format!("postgres://authsvc:one@localhost:{}/authsvc", cluster.port);
            Program::new().env("DATABASE_URL", &url).run(&["migrate"]).success();
        }
        let runs = match situation {
            Situation::Served => Runs::Serving(program.serve().ready()),
            _ => Runs::Nothing(program),
        };
        Self { runs, database, cluster }
    }

    pub(crate) fn directory(&self) -> &Path {
        match &self.runs {
            Runs::Nothing(program) => program.directory(),
            Runs::Serving(server) => server.directory(),
        }
    }

    /// Runs a script as a shell would that stops at the first failure, and says where.
    #[track_caller]
    fn run(&self, name: &str, script: &str) -> String {
        let mut script = script.to_owned();
        if let Runs::Serving(server) = &self.runs {
            // other processes may use the usual ports here
            script = script.replace("127.0.0.1:8080", &server.public.to_string());
            script = script.replace("127.0.0.1:9090", &server.admin.to_string());
        }
        let program = Path::new(env!("CARGO_BIN_EXE_authsvc")).parent().unwrap().display();
        let mut shell = Command::new("bash");
        shell.args(["-euo", "pipefail", "-c", &script]).current_dir(self.directory()).env_clear();
        shell.env("PATH", format!("{program}:{}", Installation::chosen().path())).env("HOME", self.directory());
        shell.envs(self.database.iter().map(|database| ("DATABASE_URL", &database.url)));
        if let Some(cluster) = &self.cluster {
            shell.env("PGHOST", cluster.socket()).env("PGPORT", cluster.port.to_string()).env("PGUSER", "postgres");
        }
        let output = shell.stdin(Stdio::null()).output().unwrap();
        let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert_no_secret(&stdout);
        assert_no_secret(&stderr);
        assert!(output.status.success(), "{name}: {}\n{script}\n{stdout}\n{stderr}", output.status);
        stdout.into_owned()
    }
}

fn run_all(path: &str, least: usize) {
    let scripts = scripts(path);
    assert!(scripts.len() >= least, "{:?}", scripts.keys());
    for ((section, situation), script) in scripts {
        let (place, name) = (Place::new(situation), format!("{path}, {section}, {situation:?}"));
        let stdout = place.run(&name, &script);
        crate::promises::check(&section, situation, &place, &stdout);
    }
}

#[test]
fn the_commands_of_the_readme_run_as_written() {
    run_all("README.md", 1);
}

#[test]
fn the_commands_of_the_backup_page_run_as_written() {
    run_all("docs/BACKUP.md", 2);
}

#[test]
fn the_commands_of_the_operations_run_as_written() {
    run_all("docs/OPERATIONS.md", 12);
}

#[test]
fn the_commands_of_the_deployment_run_as_written() {
    run_all("deploy/README.md", 1);
}

#[test]
fn every_shell_of_a_database_stops_at_the_first_error() {
    let documents = files(&root(), "md");
    for document in documents.iter().filter(|path| !path.ends_with("CHANGELOG.md")) {
        let text = std::fs::read_to_string(document).unwrap();
        let blocks = text
            .split("\n```")
            .skip(1)
            .step_by(2)
            .filter(|block| block.starts_with("sh") || block.starts_with("console"));
        for line in blocks.flat_map(str::lines) {
            let stops = match line.split('#').next().unwrap() {
                line if line.contains("psql ") => line.contains("-v ON_ERROR_STOP=1") && line.contains("-X"),
                line if line.contains("sqlite3 ") => line.contains("-bail"),
                _ => true,
            };
            assert!(stops, "{}: {line}", document.display());
        }
    }
}

/// What a heading is called in a link.
fn anchor(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = text.chars().filter(|sign| sign.is_alphanumeric() || matches!(sign, ' ' | '-' | '_'));
    kept.map(|sign| if sign == ' ' { '-' } else { sign }).collect()
}

/// A document without its blocks of code, in which a bracket is no link.
fn prose(text: &str) -> String {
    text.split("\n```").step_by(2).collect::<Vec<_>>().join("\n")
}

#[test]
fn every_link_leads_somewhere() {
    let documents = files(&root(), "md");
    assert!(documents.len() > 15, "{documents:?}");
    for document in documents {
        let text = std::fs::read_to_string(&document).unwrap();
        for link in prose(&text).split("](").skip(1).map(|rest| rest.split(')').next().unwrap()) {
            if link.contains("://") {
                continue;
            }
            let (path, wanted) = link.split_once('#').unwrap_or((link, ""));
            let target = if path.is_empty() { document.clone() } else { document.parent().unwrap().join(path) };
            assert!(target.exists(), "{}: {link} is not there", document.display());
            let there = || std::fs::read_to_string(&target).unwrap();
            let found = wanted.is_empty()
                || prose(&there()).lines().any(|line| line.starts_with('#') && anchor(line) == wanted);
            assert!(found, "{}: {link} has no such heading", document.display());
        }
    }
}

#[test]
fn every_file_that_is_named_exists() {
    let folders = ["src/", "tests/", "entity/", "migration/", "benches/", "deploy/", "docs/"];
    let endings = [".rs", ".py", ".sh", ".sql", ".yml", ".md"];
    let mut count = 0;
    for document in files(&root(), "md").iter().filter(|path| !path.ends_with("CHANGELOG.md")) {
        let text = prose(&std::fs::read_to_string(document).unwrap());
        let words = text.split('`').skip(1).step_by(2);
        let paths = words.filter(|word| {
            let plain = word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "/_.-".contains(c));
            plain
                && folders.iter().any(|folder| word.starts_with(folder))
                && endings.iter().any(|end| word.ends_with(end))
        });
        for path in paths {
            // SECURITY.md writes tests/ for tests/it/
            let of_tests = path.strip_prefix("tests/").map(|rest| root().join("tests/it").join(rest));
            let exists = root().join(path).exists() || of_tests.is_some_and(|path| path.exists());
            assert!(exists, "{}: {path} does not exist", document.display());
            count += 1;
        }
    }
    assert!(count > 80, "{count}");
}

#[test]
fn the_table_has_every_command_with_its_arguments() {
    let page = read("docs/COMMANDS.md");
    let rows: Vec<&str> = page.lines().filter(|line| line.starts_with("| `authsvc ")).collect();
    let first = rows.iter().flat_map(|row| row.split(" | ").next().unwrap().split('`').skip(1).step_by(2));
    let mut told: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for words in
        first.map(|call| call.split(|c: char| " []|".contains(c)).filter(|word| !word.is_empty()).collect::<Vec<_>>())
    {
        told.entry(words[1].to_owned()).or_default().extend(words[2..].iter().map(|word| (*word).to_owned()));
    }
    let program = Program::new();
    let help = program.run(&["--help"]).success().stdout;
    let listed = help.split("Commands:\n").nth(1).unwrap().split("\n\n").next().unwrap();
    let commands: Vec<&str> = listed
        .lines()
        .filter_map(|line| line.strip_prefix("  ")?.split(' ').next())
        .filter(|name| !name.is_empty())
        .collect();
    for name in &commands {
        let words = told.remove(*name).unwrap_or_else(|| panic!("{name} is not in the table of docs/COMMANDS.md"));
        if *name == "help" {
            continue;
        }
        let help = program.run(&[name, "--help"]).success().stdout;
        let options = help.lines().filter_map(|line| {
            line.trim_start()
                .split(' ')
                .find(|word| word.starts_with("--"))
                .filter(|_| line.starts_with("      --") || line.starts_with("  -"))
        });
        for option in options.filter(|option| !["--json", "--help"].contains(option)) {
            assert!(words.iter().any(|word| word == option), "{name} {option} is not in the table of docs/COMMANDS.md");
        }
        for option in words.iter().filter(|word| word.starts_with("--")) {
            assert!(help.contains(&format!(" {option}")), "{name} has no {option}");
        }
    }
    told.remove("--version");
    assert!(told.is_empty(), "docs/COMMANDS.md has commands that do not exist: {told:?}");
}

#[test]
fn every_help_has_an_example() {
    let program = Program::new();
    let pages = program.directory().join("man");
    program.run(&["man", pages.to_str().unwrap()]).success();
    let mut count = 0;
    for entry in std::fs::read_dir(&pages).unwrap() {
        let (name, page) =
            entry.map(|entry| (entry.file_name(), std::fs::read_to_string(entry.path()).unwrap())).unwrap();
        let (name, page) = (name.into_string().unwrap(), page.replace("\\-", "-"));
        assert!(page.contains("Examples:") && page.starts_with(".ie"), "{name} has no example: {page}");
        count += 1;
    }
    assert_eq!(count, 15);
    let page = program.run(&["man"]).success().stdout;
    assert!(page.contains("authsvc") && page.contains(".SH NAME"), "{page}");
}
