//! What is written in a command or a log as a value.

use serde_json::{Number, Value};

/// The longest text that was measured, in characters: the server takes 4 KiB.
const LONGEST: usize = 1000;
/// Up to here a double tells one whole number from the next.
const LARGEST_WHOLE: f64 = 9_007_199_254_740_992.0;

/// A number, a yes or no, null or a quoted text as in JSON; anything else as it stands. What is no number, such as nan,
/// was not measured.
pub(in crate::cli) fn value_of(text: &str) -> Value {
    match serde_json::from_str(text) {
        Ok(Value::String(quoted)) => text_of(&quoted),
        Ok(scalar @ (Value::Bool(_) | Value::Null)) => scalar,
        _ => number_of(text.trim()).unwrap_or_else(|| text_of(text)),
    }
}

fn text_of(text: &str) -> Value {
    text.chars().take(LONGEST).collect::<String>().into()
}

/// None: the text is no number, or a longer one than a number can be. What begins with a zero is the name of something.
fn number_of(text: &str) -> Option<Value> {
    let digits = text.trim_start_matches(['-', '+']);
    if digits.starts_with('0') && digits[1..].starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let number: f64 = text.parse().ok()?;
    if !number.is_finite() {
        let is_too_large = text.contains(|c: char| c.is_ascii_digit());
        return (!is_too_large).then_some(Value::Null);
    }
    if let Ok(whole) = text.parse::<i64>() {
        return (number.abs() < LARGEST_WHOLE).then(|| whole.into());
    }
    let is_whole = text.chars().all(|c| c.is_ascii_digit());
    Number::from_f64(number).filter(|_| !is_whole).map(Value::Number)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_what_they_look_like() {
        for (text, value) in [
            ("5", json!(5)),
            ("-5.50", json!(-5.5)),
            (" 151.2 ", json!(151.2)),
            (".5", json!(0.5)),
            ("1e3", json!(1000.0)),
            ("0012", json!("0012")),
            ("-0.5", json!(-0.5)),
            ("0", json!(0)),
            ("true", json!(true)),
            ("null", json!(null)),
            ("\"5\"", json!("5")),
            ("5 ml", json!("5 ml")),
            ("[1]", json!("[1]")),
            ("", json!("")),
            ("nan", json!(null)),
            ("-inf", json!(null)),
        ] {
            assert_eq!(value_of(text), value, "{text:?}");
        }
    }

    #[test]
    fn what_a_number_cannot_hold_stays_text() {
        for text in ["9007199254740993", "-9007199254740993", "123456789012345678901", "1e999"] {
            assert_eq!(value_of(text), json!(text));
        }
    }

    #[test]
    fn a_text_is_no_longer_than_the_server_takes() {
        assert_eq!(value_of(&"ü".repeat(5000)).as_str().unwrap().chars().count(), LONGEST);
    }
}
