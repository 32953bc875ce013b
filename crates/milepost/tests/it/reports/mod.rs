//! Reports: what is in them, in every form, and what they cost.

mod events;
mod memory;
mod usage;

use serde_json::{Map, Value};

use crate::support::{Answer, Person};

/// The lines of a report in NDJSON.
async fn lines(person: &Person, path: &str) -> Vec<Value> {
    let separator = if path.contains('?') { '&' } else { '?' };
    let answer = person.get(&format!("/reports/{path}{separator}format=ndjson")).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.text);
    answer.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The rows of a report in CSV, by the names of the columns, and the lines before them.
fn table(answer: &Answer, delimiter: u8) -> (Vec<Map<String, Value>>, Vec<String>) {
    assert_eq!(answer.status, 200, "{}", answer.text);
    let text = answer.text.trim_start_matches('\u{feff}');
    let said: Vec<String> = text.split("\r\n").take_while(|line| line.starts_with('#')).map(str::to_owned).collect();
    let rest = text.splitn(said.len() + 1, "\r\n").last().unwrap();
    let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).from_reader(rest.as_bytes());
    let names = reader.headers().unwrap().clone();
    let rows = reader.records().map(|record| {
        let record = record.unwrap();
        names.iter().zip(&record).map(|(name, value)| (name.to_owned(), Value::from(value))).collect()
    });
    (rows.collect(), said)
}
