//! JSON in a form in which equal documents are equal texts: PostgreSQL keeps a document's meaning, not its text. Spaces,
//! the order of keys and the way in which a number is written do not count; of doubled keys the last one does.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

/// Values inside values, after which a document is compared as it is written. Each level reads what is in it again.
const DEEPEST: usize = 128;

/// The form; `None` where a text is no JSON, or too deep.
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

/// Digits without zeros at either end, and the power of ten of the last one: `-1.50e3` is `-15e2`.
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
