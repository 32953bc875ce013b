//! The JSON Schema of a configuration file, and as much of a validator as it needs.

use std::collections::HashSet;

use regex::Regex;
use serde_json::{Value, json};

use super::{configuration, with};
use crate::support::on_both;

/// A schema of draft 2020-12 that describes itself completely.
pub(super) struct Schema(pub Value);

impl Schema {
    /// What is wrong with a value; panics over a keyword that this does not know, so that none goes unchecked.
    pub(super) fn problems(&self, value: &Value) -> Vec<String> {
        let mut problems = Vec::new();
        self.check(&self.0, value, "", &mut problems);
        problems
    }

    fn resolve(&self, reference: &str) -> &Value {
        self.0.pointer(reference.strip_prefix('#').unwrap()).unwrap_or_else(|| panic!("{reference} leads nowhere"))
    }

    fn check(&self, schema: &Value, value: &Value, at: &str, problems: &mut Vec<String>) {
        let fields = schema.as_object().unwrap();
        let length = || value.as_str().map(|text| text.chars().count());
        let entries = || value.as_array().map(Vec::len);
        for (keyword, rule) in fields {
            let limit = || usize::try_from(rule.as_u64().unwrap()).unwrap();
            let holds = match keyword.as_str() {
                "$schema" | "$defs" | "title" | "description" | "format" | "example" => true,
                "$ref" => {
                    self.check(self.resolve(rule.as_str().unwrap()), value, at, problems);
                    true
                }
                "type" => match rule {
                    Value::Array(types) => types.iter().any(|kind| is_of_type(value, kind)),
                    kind => is_of_type(value, kind),
                },
                "enum" => rule.as_array().unwrap().contains(value),
                "oneOf" => {
                    let fitting = rule.as_array().unwrap().iter().filter(|one| {
                        let mut found = Vec::new();
                        self.check(one, value, at, &mut found);
                        found.is_empty()
                    });
                    fitting.count() == 1
                }
                "required" => rule.as_array().unwrap().iter().all(|name| value.get(name.as_str().unwrap()).is_some()),
                "properties" => {
                    for (name, property) in rule.as_object().unwrap() {
                        if let Some(inner) = value.get(name) {
                            self.check(property, inner, &format!("{at}/{name}"), problems);
                        }
                    }
                    true
                }
                "additionalProperties" => {
                    assert_eq!(rule, false, "only a ban is known here");
                    let known = fields["properties"].as_object().unwrap();
                    value.as_object().is_none_or(|object| object.keys().all(|name| known.contains_key(name)))
                }
                "items" => {
                    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                        self.check(rule, item, &format!("{at}/{index}"), problems);
                    }
                    true
                }
                "maxItems" => entries().is_none_or(|entries| entries <= limit()),
                "minLength" => length().is_none_or(|length| length >= limit()),
                "maxLength" => length().is_none_or(|length| length <= limit()),
                "minimum" => value.as_f64().is_none_or(|number| number >= rule.as_f64().unwrap()),
                "maximum" => value.as_f64().is_none_or(|number| number <= rule.as_f64().unwrap()),
                "pattern" => {
                    // As in ECMAScript, \d is a digit of ASCII.
                    let pattern = Regex::new(&rule.as_str().unwrap().replace(r"\d", "[0-9]")).unwrap();
                    value.as_str().is_none_or(|text| pattern.is_match(text))
                }
                other => panic!("{other} is no keyword that is known here"),
            };
            if !holds {
                problems.push(format!("{at}: {keyword} {rule}"));
            }
        }
    }
}

fn is_of_type(value: &Value, kind: &Value) -> bool {
    match kind.as_str().unwrap() {
        "null" => value.is_null(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        other => panic!("{other} is no type that is known here"),
    }
}

/// Every `$ref` below.
fn references<'a>(schema: &'a Value, found: &mut HashSet<&'a str>) {
    match schema {
        Value::Object(fields) => {
            found.extend(fields.get("$ref").and_then(Value::as_str));
            fields.values().for_each(|inner| references(inner, found));
        }
        Value::Array(items) => items.iter().for_each(|inner| references(inner, found)),
        _ => {}
    }
}

on_both! {
    async fn the_schema_is_of_draft_2020_12_complete_and_open_to_everybody(server: TestServer) {
        let schema = server.nobody().get("/job-configurations/schema").await.expect(200);
        assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
        assert_eq!(schema, server.nobody().get("/job_configurations/schema").await.expect(200));
        let mut found = HashSet::new();
        references(&schema, &mut found);
        assert!(!found.is_empty());
        let schema = Schema(schema.clone());
        for reference in found {
            assert!(schema.resolve(reference).is_object(), "{reference}");
        }
        assert_eq!(schema.problems(&configuration()), Vec::<String>::new());
    }

    async fn a_file_may_name_its_schema_and_still_fits_it(server: TestServer) {
        let alice = server.provider("alice").await;
        let schema = Schema(alice.get("/job-configurations/schema").await.expect(200));
        let mut file = configuration();
        file["$schema"] = json!("http://127.0.0.1:8080/api/v1/job-configurations/schema");
        assert_eq!(schema.problems(&file), Vec::<String>::new());
        let registered = alice.post("/job-configurations", file).await.expect(201);
        assert_eq!(registered.get("$schema"), None);
    }
}

#[test]
fn this_validator_finds_what_does_not_fit() {
    let schema = Schema(json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object", "required": ["tag"],
        "additionalProperties": false,
        "properties": {
            "tag": {"$ref": "#/$defs/Tag"}, "name": {"oneOf": [{"type": "string", "maxLength": 3}, {"type": "null"}]},
            "step_configurations": {"type": "array", "maxItems": 1, "items": {"type": "integer", "minimum": 0}},
            "version": {"enum": ["1.0.0"]},
        },
        "$defs": {"Tag": {"type": "string", "pattern": "^[a-z]+$", "minLength": 2}},
    }));
    let fitting = json!({"tag": "brain", "name": null, "version": "1.0.0", "step_configurations": [1]});
    assert_eq!(schema.problems(&fitting), Vec::<String>::new());
    for (field, value) in [
        ("tag", json!("b")),
        ("tag", json!("BRAIN")),
        ("name", json!("long")),
        ("name", json!(1)),
        ("step_configurations", json!([1, 2])),
        ("step_configurations", json!([-1])),
        ("step_configurations", json!([0.5])),
        ("version", json!("2")),
        ("other", json!(1)),
    ] {
        let mut sent = fitting.clone();
        sent[field] = value;
        assert_eq!(schema.problems(&sent).len(), 1, "{sent}");
    }
    assert_eq!(schema.problems(&json!({})).len(), 1);
    assert_eq!(with("/name", json!("x"))["name"], "x");
}
