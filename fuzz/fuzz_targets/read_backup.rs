//! Feeds anything to what reads a backup. It may refuse; it may not panic, hang or take memory without bound.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = authsvc::backup::parse_only(bytes);
});
