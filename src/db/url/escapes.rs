//! Percent escapes in the parts of a URL.

use percent_encoding::percent_decode_str;

use super::invalid::InvalidUrl;

const ESCAPE_UTF_8: &str = "write the bytes of UTF-8 as escapes, like %C3%A9 for an e with an acute accent";
const NO_NUL: &str = "leave `%00` out: a file name, name or password cannot contain this character";
/// Hint for a part that is to be escaped.
pub(super) const ESCAPE: &str =
    "percent-encode special characters in user name and password: / is %2F, ? is %3F, # is %23, @ is %40, % is %25";

/// Splits a query into names and decoded values.
pub(super) fn parameters(query: &str) -> Result<Vec<(String, String)>, InvalidUrl> {
    let mut pairs = Vec::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let Some((name, value)) = pair.split_once('=') else {
            return Err(InvalidUrl::new("a parameter of the database URL has no `=`", ESCAPE));
        };
        pairs.push((name.to_owned(), decode(value, "parameters")?.unwrap_or_default()));
    }
    Ok(pairs)
}

/// Percent-decodes one part; `None` if the part is empty.
pub(super) fn decode(text: &str, part: &str) -> Result<Option<String>, InvalidUrl> {
    let bytes = text.as_bytes();
    let escapes = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'%');
    for (at, _) in escapes {
        let digits = bytes.get(at + 1..at + 3).unwrap_or_default();
        if digits.len() < 2 || !digits.iter().all(u8::is_ascii_hexdigit) {
            return Err(InvalidUrl::new(format!("a `%` in the {part} of the database URL is not an escape"), ESCAPE));
        }
    }
    let invalid = |what: &str, hint| InvalidUrl::new(format!("the {part} of the database URL {what}"), hint);
    let decoded = percent_decode_str(text).decode_utf8().map_err(|_| invalid("is not UTF-8", ESCAPE_UTF_8))?;
    if decoded.contains('\0') {
        return Err(invalid("contains a NUL", NO_NUL));
    }
    Ok(Some(decoded.into_owned()).filter(|text| !text.is_empty()))
}
