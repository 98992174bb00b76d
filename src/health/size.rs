//! Formats sizes as PostgreSQL's `pg_size_pretty` does.

const UNITS: [&str; 5] = ["bytes", "kB", "MB", "GB", "TB"];

/// Size with a unit: `8192 bytes`, `64 kB`, `475 MB`. A unit is kept below 10240 of it, and a half is rounded up.
pub fn size_text(bytes: u64) -> String {
    let mut halves = bytes.saturating_mul(2);
    let mut unit = 0;
    while halves.div_ceil(2) >= 10240 && unit + 1 < UNITS.len() {
        halves /= 1024;
        unit += 1;
    }
    format!("{} {}", halves.div_ceil(2), UNITS[unit])
}
