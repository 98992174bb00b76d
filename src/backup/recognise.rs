//! Recognises files that are often mistaken for backups by their first bytes. Each refusal names the command that makes
//! a valid file.

use super::format::FIRST;
use super::lines::TRANSPORT;

/// Text of the second line of a plain dump.
pub(super) const DUMP: &str = "-- PostgreSQL database dump";

/// A known file format.
struct Format {
    magic: &'static [u8],
    what: &'static str,
    remedy: &'static str,
}

const CONVERT: &str = "`pg_restore -f FILE.sql DUMP` makes a plain dump of it";
const PLAIN: &str = "make a plain dump of one database: `pg_dump -Fp -f FILE DATABASE`";
const OTHER_ENGINE: &str = "backups are made by `authsvc backup`, or by `pg_dump -Fp -f FILE DATABASE`";
const UTF_16: &str = "UTF-16 text, as `>` of PowerShell writes it";
const UTF_32: &str = "UTF-32 text";
const UTF_32_REMEDY: &str = "convert it to UTF-8, `iconv -f UTF-32 -t UTF-8 FILE`, or let pg_dump write the file itself: `pg_dump -Fp -f FILE DATABASE`";
const UTF_16_REMEDY: &str = "let pg_dump write the file itself: `pg_dump -Fp -f FILE DATABASE`";

/// Known formats, binary ones before text ones. The first match wins.
const FORMATS: [Format; 44] = [
    f(b"PGDMP", "a dump in pg_dump's custom format", CONVERT),
    f(b"toc.dat\0", "a dump in pg_dump's tar format", CONVERT),
    f(b"\xfd7zXZ\0", "compressed by xz", "unpack it: `xz -d FILE`"),
    f(b"BZh", "compressed by bzip2", "unpack it: `bzip2 -d FILE`"),
    f(b"\x28\xb5\x2f\xfd", "compressed by zstd", "unpack it: `zstd -d FILE`"),
    f(b"\x04\x22\x4d\x18", "compressed by lz4", "unpack it: `lz4 -d FILE`"),
    f(b"\x02\x21\x4c\x18", "compressed by lz4", "unpack it: `lz4 -d FILE`"),
    f(b"LZIP", "compressed by lzip", "unpack it: `lzip -d FILE`"),
    f(b"\x1f\x9d", "compressed by compress", "unpack it: `gzip -d FILE`"),
    f(b"\x1f\x8b", "compressed twice", "unpack it once: `gzip -d FILE`"),
    f(b"7z\xbc\xaf\x27\x1c", "a 7z archive", "unpack it: `7z x FILE`"),
    f(b"PK\x03\x04", "a zip archive", "unpack it: `unzip FILE`"),
    f(b"PK\x05\x06", "an empty zip archive", OTHER_ENGINE),
    f(b"Rar!", "a rar archive", "unpack it: `unrar x FILE`"),
    f(b"SQLite format 3\0", "a SQLite database file", "set DATABASE_URL to it and run `authsvc backup`"),
    f(b"\xff\xfe\0\0", UTF_32, UTF_32_REMEDY),
    f(b"\0\0\xfe\xff", UTF_32, UTF_32_REMEDY),
    f(b"-\0\0\0", UTF_32, UTF_32_REMEDY),
    f(b"\0\0\0-", UTF_32, UTF_32_REMEDY),
    f(b"\xff\xfe", UTF_16, UTF_16_REMEDY),
    f(b"\xfe\xff", UTF_16, UTF_16_REMEDY),
    f(b"-\0-\0", UTF_16, UTF_16_REMEDY),
    f(b"\0-\0-", UTF_16, UTF_16_REMEDY),
    f(b"-- MySQL dump", "a dump by mysqldump", OTHER_ENGINE),
    f(b"-- MariaDB dump", "a dump by mariadb-dump", OTHER_ENGINE),
    f(b"/*!", "a dump by mysqldump", OTHER_ENGINE),
    f(b"/*M!", "a dump by mariadb-dump", OTHER_ENGINE),
    f(
        b"PRAGMA foreign_keys",
        "a dump by sqlite3's .dump",
        "load it, `sqlite3 NEW.db <FILE`, set DATABASE_URL to that file and run `authsvc backup`",
    ),
    f(b"--\n-- PostgreSQL database cluster dump", "a dump of all databases by pg_dumpall", PLAIN),
    f(b"--\r\n-- PostgreSQL database cluster dump", "a dump of all databases by pg_dumpall", PLAIN),
    f(b"pg_dump: ", "an error message of pg_dump", PLAIN),
    f(b"pg_dumpall: ", "an error message of pg_dumpall", PLAIN),
    f(b"age-encryption.org/", "encrypted by age", "decrypt it: `age -d -i KEY FILE`"),
    f(b"-----BEGIN AGE", "encrypted by age", "decrypt it: `age -d -i KEY FILE`"),
    f(b"-----BEGIN PGP", "encrypted by PGP", "decrypt it: `gpg -d FILE`"),
    f(b"Salted__", "encrypted by openssl", "decrypt it: `openssl enc -d`"),
    f(b"version https://git-lfs", "a pointer of Git LFS", "fetch the file itself: `git lfs pull`"),
    f(b"<!doctype", "a web page", "the download failed: look into it, and download the file again"),
    f(b"<html", "a web page", "the download failed: look into it, and download the file again"),
    f(b"<?xml", "an XML document", "the download failed: look into it, and download the file again"),
    f(b"{", "a JSON document", "the download failed, or this is metadata: name the file without `.meta`"),
    f(b"[", "a JSON document", "the download failed: look into it, and download the file again"),
    f(b"insert into", "SQL without the header of a complete dump", PLAIN),
    f(b"create table", "SQL without the header of a complete dump", PLAIN),
];

const fn f(magic: &'static [u8], what: &'static str, remedy: &'static str) -> Format {
    Format { magic, what, remedy }
}

/// Number of bytes at the start that are searched for a dump behind other output.
const SEARCHED: usize = 64 << 10;
/// Position of the magic bytes in a tar archive.
const TAR: std::ops::Range<usize> = 257..262;

/// Reason to refuse a file that starts with these bytes. `None` if it may be a backup or a plain dump.
pub(super) fn refusal(first: &[u8]) -> Option<String> {
    if first.starts_with(FIRST.as_bytes()) || dump_at(first) == Some(0) {
        return None;
    }
    // binary magic bytes are compared at the start, text ones also behind white space
    let begins = |magic: &[u8]| first.get(..magic.len()).is_some_and(|found| found.eq_ignore_ascii_case(magic));
    let text = first.trim_ascii_start();
    let begins_text = |magic: &[u8]| text.get(..magic.len()).is_some_and(|found| found.eq_ignore_ascii_case(magic));
    let is_text = |magic: &[u8]| matches!(magic.first(), Some(b'<' | b'{' | b'[' | b'i' | b'c' | b'P'));
    let found = FORMATS.iter().find(|known| begins(known.magic) || (is_text(known.magic) && begins_text(known.magic)));
    if let Some(Format { what, remedy, .. }) = found {
        return Some(format!("it is {what}; {remedy}"));
    }
    if first.get(TAR) == Some(b"ustar") {
        return Some(format!("it is a tar archive; unpack it, `tar xf FILE`, or if it is of pg_dump: {CONVERT}"));
    }
    let searched = &first[..first.len().min(SEARCHED)];
    if dump_at(searched).or_else(|| memchr::memmem::find(searched, FIRST.as_bytes())).is_some() {
        let line = first.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let line = String::from_utf8_lossy(&line[..line.len().min(60)]).into_owned();
        return Some(format!(
            "other output precedes it, `{}`: a program mixed its messages into it; send them elsewhere \
             (`2>errors.log`), and {TRANSPORT}",
            line.escape_debug()
        ));
    }
    let is_binary = |byte: &u8| byte.is_ascii_control() && !byte.is_ascii_whitespace();
    if first.iter().take(16).any(is_binary) || std::str::from_utf8(&first[..first.len().min(16)]).is_err() {
        return Some(format!("it is neither gzip nor plain SQL of authsvc or pg_dump; {OTHER_ENGINE}"));
    }
    None
}

/// Position at which a plain dump begins.
fn dump_at(bytes: &[u8]) -> Option<usize> {
    let title = memchr::memmem::find(&bytes[..bytes.len().min(SEARCHED)], DUMP.as_bytes())?;
    ["--\n", "--\r\n"].iter().find_map(|line| bytes[..title].ends_with(line.as_bytes()).then(|| title - line.len()))
}
