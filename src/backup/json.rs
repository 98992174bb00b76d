//! Canonical JSON: documents with equal meaning become equal texts, because PostgreSQL keeps a document's meaning and
//! not its text. White space, the order of keys and the notation of numbers are ignored. Of doubled keys, the last one
//! counts.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

/// Largest nesting depth. A deeper document is compared as written, because each level parses its content again.
const DEEPEST: usize = 128;

/// Canonical form of a JSON text. `None` if the text is not valid JSON or nests too deeply.
pub(super) fn canonical(text: &str) -> Option<String> {
    let mut form = String::new();
    append(text, DEEPEST, &mut form)?;
    Some(form)
}

fn append(text: &str, depth: usize, form: &mut String) -> Option<()> {
    let text = text.trim_matches([' ', '\t', '\n', '\r']);
    let depth = depth.checked_sub(1)?;
    match text.as_bytes().first()? {
        b'{' => {
            let pairs: BTreeMap<String, &RawValue> = serde_json::from_str(text).ok()?;
            form.push('{');
            for (key, value) in pairs {
                form.push_str(&format!("{key:?}:"));
                append(value.get(), depth, form)?;
                form.push(',');
            }
            form.push('}');
        }
        b'[' => {
            let values: Vec<&RawValue> = serde_json::from_str(text).ok()?;
            form.push('[');
            for value in values {
                append(value.get(), depth, form)?;
                form.push(',');
            }
            form.push(']');
        }
        b'"' => form.push_str(&format!("{:?}", serde_json::from_str::<String>(text).ok()?)),
        b'-' | b'0'..=b'9' => form.push_str(&number(text)?),
        _ => form.push_str(text),
    }
    Some(())
}

/// Canonical number: digits without zeros at either end, with a power of ten. `-1.50e3` becomes `-15e2`.
fn number(text: &str) -> Option<String> {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (sign, mantissa) = mantissa.strip_prefix('-').map_or(("", mantissa), |rest| ("-", rest));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let digits = digits.trim_start_matches('0');
    let last = digits.trim_end_matches('0');
    if last.is_empty() {
        return Some("0".to_owned());
    }
    let zeros = i64::try_from(digits.len() - last.len()).ok()?;
    let fraction = i64::try_from(fraction.len()).ok()?;
    let power = exponent.parse::<i64>().ok()?.checked_add(zeros)?.checked_sub(fraction)?;
    Some(format!("{sign}{last}e{power}"))
}
