//! List of the most common passwords. An account cannot choose one of them (ASVS 5.0, 6.2.4).
//!
//! `common_passwords/list.txt` is compiled in, and its `README.md` names the sources. A search reads about 17 lines and
//! allocates only the folded password. Passwords of existing accounts are not searched.

use unicode_normalization::UnicodeNormalization as _;

/// Common passwords, one per line, folded by [`fold`] and sorted by their bytes.
static LIST: &str = include_str!("common_passwords/list.txt");

/// Returns the form in which passwords are compared: normalized (NFKC), so that full-width letters are letters, in lower
/// case and without surrounding spaces.
pub(super) fn fold(password: &str) -> String {
    let normalized: String = password.nfkc().collect();
    normalized.trim().to_lowercase()
}

/// Returns true if a folded password is in the list.
pub(super) fn contains(folded: &str) -> bool {
    let mut lines = LIST;
    while !lines.is_empty() {
        let (before, line, after) = middle(lines);
        match folded.cmp(line) {
            std::cmp::Ordering::Equal => return true,
            std::cmp::Ordering::Less => lines = before,
            std::cmp::Ordering::Greater => lines = after,
        }
    }
    false
}

/// Splits lines into the lines before the middle line, the middle line, and the lines after it.
fn middle(lines: &str) -> (&str, &str, &str) {
    let bytes = lines.as_bytes();
    let half = bytes.len() / 2;
    let start = bytes.iter().take(half).rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let end = memchr::memchr(b'\n', bytes.get(start..).unwrap_or_default()).map_or(bytes.len(), |at| start + at);
    let part = |range: std::ops::Range<usize>| lines.get(range).unwrap_or_default();
    (part(0..start), part(start..end), part((end + 1).min(bytes.len())..bytes.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_list_is_found_and_is_as_it_is_compared() {
        let lines: Vec<&str> = LIST.lines().collect();
        assert!(lines.len() > 100_000, "{}", lines.len());
        assert!(lines.is_sorted_by(|one, next| one < next));
        for line in lines {
            assert!(contains(line), "{line}");
            assert_eq!(fold(line), line);
            assert!(!contains(&format!("{line}\n")) && (8..=128).contains(&line.chars().count()), "{line}");
        }
    }

    #[test]
    fn spellings_of_a_common_password_are_common() {
        for spelling in ["Password1", " password1\n", "ｐａｓｓｗｏｒｄ１", "ＰＡＳＳＷＯＲＤ①", "𝐩𝐚𝐬𝐬𝐰𝐨𝐫𝐝𝟏"]
        {
            assert!(contains(&fold(spelling)), "{spelling}");
        }
    }

    #[test]
    fn what_is_not_in_the_list_is_not_found() {
        for text in [
            "",
            " ",
            "\n",
            "a",
            "\u{10ffff}",
            "12345678\n123456789",
            "correct horse battery",
            "zzzzzzzzzzzzzzzzzzzzzzzz",
        ] {
            assert!(!contains(text), "{text}");
        }
        assert!(!contains(&"x".repeat(1 << 20)));
    }
}
