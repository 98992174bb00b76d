//! The fuzzer's corpus, and files that are made to be costly. Reading ends soon and without a panic, whatever a file
//! holds.

use std::path::{Path, PathBuf};

use authsvc::backup::{convert_row, parse_only};
use authsvc::db::{Backend, Column, ColumnType};

use crate::backup::{backup, rows};
use crate::support::database::ENGINES;
use crate::support::{Database, Engine, Program};

fn corpus() -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/read_backup");
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = paths.map(|path: PathBuf| (name(&path), std::fs::read(&path).unwrap())).collect();
    files.sort();
    files
}

fn name(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}

#[test]
fn only_good_files_of_the_corpus_are_accepted() {
    let files = corpus();
    let good = files.iter().filter(|(name, _)| name.starts_with("good_")).count();
    assert!(good >= 6 && files.len() - good >= 30, "{good} good ones of {}", files.len());
    assert!(files.iter().map(|(_, bytes)| bytes.len()).sum::<usize>() < 200_000);
    for (name, bytes) in files {
        let found = parse_only(&bytes);
        assert_eq!(found.is_ok(), name.starts_with("good_"), "{name}: {found:?}");
    }
}

#[test]
fn no_part_of_a_file_of_the_corpus_is_accepted_for_the_whole() {
    for (name, bytes) in corpus() {
        let whole = parse_only(&bytes).is_ok();
        for part in 0..64 {
            let cut = &bytes[..bytes.len() * part / 64];
            let found = parse_only(cut);
            // of a dump, what stands behind its end may be missing
            let nothing_lost =
                whole && String::from_utf8_lossy(cut).contains("\n-- PostgreSQL database dump complete\n");
            let half_of_two = bytes == [cut, cut].concat();
            assert!(found.is_err() || nothing_lost || half_of_two, "{name}, the first {} bytes", cut.len());
        }
    }
}

#[test]
fn no_byte_of_a_good_file_is_changed_unnoticed() {
    // a row counts for what it is, a first line is believed
    let files = corpus().into_iter().filter(|(name, _)| name.starts_with("good_backup") && name.ends_with(".sql"));
    for (name, bytes) in files {
        let text = String::from_utf8(bytes.clone()).unwrap();
        let rows: Vec<usize> = text.match_indices("@example").map(|(at, _)| at + 1).collect();
        assert!(!rows.is_empty(), "{name} has no rows that are known");
        for at in rows {
            let mut bad = bytes.clone();
            bad[at] ^= 1;
            assert!(parse_only(&bad).is_err(), "{name}: byte {at}");
        }
    }
}

const DUMP: &str = "--\n-- PostgreSQL database dump\n--\n\n";

/// A file as this program makes it, up to its rows.
fn header(backend: &str) -> String {
    format!(
        "-- authsvc backup {{\"format\":1,\"backend\":\"{backend}\",\"created_at\":\"2026-01-01T00:00:00Z\",\"migration\":\"\",\"version\":\"\",\"app_version\":\"\"}}\n-- authsvc data\n"
    )
}

#[track_caller]
fn refused(text: &str, expected: &str) {
    let why = parse_only(text.as_bytes()).unwrap_err();
    assert!(why.contains(expected), "{expected}: {why}");
    assert!(!why.contains('\u{1b}') && why.len() < 2_000, "{why}");
}

#[test]
fn blocks_without_end_are_passed_over_or_refused() {
    let block = "COPY other.t (a) FROM stdin;\n\\.\n";
    refused(&format!("{DUMP}{}", block.repeat(300_000)), "pg_dump said that it is complete");
    let many = |line: &dyn Fn(u32) -> String| (0..200_000).map(line).collect::<String>();
    let block = |number| format!("COPY public.t{number} (a) FROM stdin;\n\\.\n");
    refused(&format!("{DUMP}{}", many(&block)), "more tables than");
    let block = |number| format!("COPY t{number} (a) FROM stdin;\n\\.\n");
    refused(&format!("{}{}", header("postgres"), many(&block)), "more tables than");
    let block = |number| format!("INSERT INTO t{number} (a) VALUES\n(1);\n");
    refused(&format!("{}{}", header("sqlite"), many(&block)), "more tables than");
    let line = |number| format!("SELECT setval('t{number}_id_seq', 1, true);\n");
    refused(&format!("{}{}", header("postgres"), many(&line)), "more sequences than");
    let line = |_| "SELECT pg_catalog.setval('public.users_id_seq', 1, true);\n".to_owned();
    refused(&format!("{DUMP}{}", many(&line)), "more sequences than");
}

#[test]
fn long_lists_are_refused() {
    let table = |number| format!("{{\"name\":\"t{number}\",\"rows\":0,\"digest\":\"\"}}");
    let tables: Vec<String> = (0..200_000).map(table).collect();
    let end = format!("-- authsvc end {{\"tables\":[{}]}}\n", tables.join(","));
    refused(&format!("{}{end}", header("postgres")), "more tables than");
    let columns = vec!["a"; 1_000_000].join(", ");
    refused(&format!("{}COPY users ({columns}) FROM stdin;\n", header("postgres")), "not a line that authsvc writes");
    let name = "a".repeat(64);
    refused(&format!("{}COPY {name} (a) FROM stdin;\n", header("postgres")), "not a line that authsvc writes");
    let rows = format!("{}\tx\n", "v".repeat(1_000_000)).repeat(6);
    let block = format!("COPY authsvc_migrations (version, checksum) FROM stdin;\n{rows}\\.\n");
    refused(&format!("{}{block}", header("postgres")), "ledger is longer");
}

#[test]
fn rows_with_far_too_many_values_are_refused_early() {
    let columns = [Column { name: "a".to_owned(), kind: ColumnType::Text }];
    for (backend, row) in [
        (Backend::Postgres, format!("x{}", "\tx".repeat(3_000_000))),
        (Backend::Sqlite, format!("('x'{})", ",1".repeat(3_000_000))),
    ] {
        let why = convert_row(row.as_bytes(), backend, &columns).unwrap_err();
        assert_eq!(why, "more values than the 1 columns");
    }
    let forged = dump(&[
        ("users", USERS, &format!("1{}\n", "\tx".repeat(1_000_000))),
        ("oauth_providers", OAUTH, ""),
        ("refresh_tokens", TOKENS, ""),
    ]);
    refused(&forged, "more values than the 13 columns");
}

/// A dump of `pg_dump` of a database with users.
fn dump(tables: &[(&str, &str, &str)]) -> String {
    let block = |(table, columns, rows): &(&str, &str, &str)| {
        format!("COPY public.{table} ({columns}) FROM stdin;\n{rows}\\.\n")
    };
    let blocks: String = tables.iter().map(block).collect();
    format!("{DUMP}SET client_encoding = 'UTF8';\n{blocks}--\n-- PostgreSQL database dump complete\n--\n\n")
}

const USERS: &str = "id, email, username, password_hash, avatar_url, provider, provider_id, last_login, email_verified, active, created_at, updated_at, deleted_at";
const TOKENS: &str = "id, user_id, token_hash, expires_at, created_at, revoked";
const OAUTH: &str =
    "id, user_id, provider, provider_id, access_token, refresh_token, expires_at, created_at, updated_at";

#[test]
fn a_dump_that_would_lose_something_is_refused() {
    let all = [("users", USERS, ""), ("oauth_providers", OAUTH, ""), ("refresh_tokens", TOKENS, "")];
    assert_eq!(parse_only(dump(&all).as_bytes()), Ok(0));
    // what is not in it would be emptied
    for left_out in 0..3 {
        let mut some = all.to_vec();
        let (missing, ..) = some.remove(left_out);
        refused(&dump(&some), &format!("`{missing}` is missing"));
    }
    // a column that has to be quoted is one that no migration makes, not a reason to pass the table over
    let columns = format!("{TOKENS}, \"order\"");
    let more = [all[0], all[1], ("refresh_tokens", &columns, "1\t1\th\t2026-01-01 00:00:00\t\\N\tf\t7\n")];
    refused(&dump(&more), ", order, ");
    // bytes of another encoding may look like UTF-8
    refused(&dump(&all).replace("'UTF8'", "'LATIN1'"), "another encoding");
}

#[test]
fn the_last_line_has_to_tell_of_every_table() {
    for name in ["good_backup_postgres.sql", "good_backup_sqlite.sql"] {
        let (_, bytes) = corpus().into_iter().find(|(found, _)| found == name).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        let (body, _) = text.rsplit_once("-- authsvc end ").unwrap();
        refused(&format!("{body}-- authsvc end {{\"tables\":[]}}\n"), "the rows differ from those");
    }
}

/// What the fuzzer's entry accepts is what the program restores.
#[test]
fn what_is_accepted_is_restored() {
    let source = Database::migrated(Engine::Sqlite);
    let program = Program::on(&source);
    let file = backup(&program, &[]);
    // two rows of the ledger for each migration, and which database it is
    let expected = 2 * authsvc::migrate::migrations().len() as u64 + 1;
    assert_eq!(parse_only(&std::fs::read(&file).unwrap()), Ok(expected));
    let target = Database::empty(Engine::Sqlite);
    for (name, bytes) in corpus().into_iter().filter(|(name, _)| name.starts_with("good_backup_sqlite")) {
        let path = program.directory().join(&name);
        std::fs::write(&path, bytes).unwrap();
        Program::on(&target).run(&["restore", "--yes", "--no-safety-backup", path.to_str().unwrap()]).success();
        assert!(!rows(&target).is_empty(), "{name}");
    }
}

/// Values at which a count may go astray: the file says so, and the sequence begins anew or where it can.
#[test]
fn sequences_at_the_ends_of_their_range_are_restored() {
    let all = [("users", USERS, ""), ("oauth_providers", OAUTH, ""), ("refresh_tokens", TOKENS, "")];
    let end = "--\n-- PostgreSQL database dump complete";
    for value in [i64::MIN, -1, 0] {
        let line = format!("SELECT pg_catalog.setval('public.users_id_seq', {value}, false);\n{end}");
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("dump.sql");
        std::fs::write(&path, dump(&all).replace(end, &line)).unwrap();
        for target in ENGINES.map(Database::empty) {
            Program::on(&target).run(&["restore", "--yes", path.to_str().unwrap()]).success();
            let next =
                "INSERT INTO users (email, username, password_hash) VALUES ('a@example.com', 'a', 'x') RETURNING id";
            assert_eq!(target.one(next), "1", "{value}");
        }
    }
}
