//! Bytes for people, as PostgreSQL's `pg_size_pretty` writes them.

const UNITS: [&str; 5] = ["bytes", "kB", "MB", "GB", "TB"];

/// `8192 bytes`, `64 kB`, `475 MB`: below 10240 of a unit that unit is kept, and a half is rounded up.
pub fn size_text(bytes: u64) -> String {
    let mut halves = bytes.saturating_mul(2);
    let mut unit = 0;
    while halves.div_ceil(2) >= 10240 && unit + 1 < UNITS.len() {
        halves /= 1024;
        unit += 1;
    }
    format!("{} {}", halves.div_ceil(2), UNITS[unit])
}
