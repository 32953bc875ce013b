//! The OpenAPI document: generated from the handlers, committed, and read without internet.

use std::collections::BTreeSet;

use milepost::api_document;
use serde_json::{Value, json};

use crate::support::on_both;

const COMMITTED: &str = include_str!("../../../../api/openapi.json");

fn document() -> Value {
    json!(milepost::app::openapi())
}

#[test]
fn the_committed_document_is_what_the_handlers_say() {
    assert!(
        COMMITTED == api_document::as_text(),
        "api/openapi.json is out of date: run `make openapi` and commit it"
    );
}

#[test]
fn it_is_openapi_3_1_and_every_operation_has_an_id_a_tag_and_its_problems() {
    let document = document();
    assert!(document["openapi"].as_str().is_some_and(|version| version.starts_with("3.1")));
    let mut ids = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap_or_else(|| panic!("{method} {path} has no id"));
            assert!(!ids.contains(&id.to_owned()), "{id} is there twice");
            ids.push(id.to_owned());
            assert!(operation["tags"][0].is_string(), "{id} has no tag");
            assert!(operation["summary"].is_string(), "{id} has no summary");
            assert!(operation["responses"]["500"].is_object(), "{id} does not say what goes wrong");
        }
    }
    assert!(ids.len() > 20, "{ids:?}");
}

#[test]
fn every_reference_leads_somewhere() {
    fn check(document: &Value, value: &Value) {
        match value {
            Value::Object(fields) => fields.iter().for_each(|(key, value)| match value.as_str() {
                Some(reference) if key == "$ref" => {
                    let pointer = reference.trim_start_matches('#');
                    assert!(document.pointer(pointer).is_some(), "{reference}");
                }
                _ => check(document, value),
            }),
            Value::Array(items) => items.iter().for_each(|item| check(document, item)),
            _ => {}
        }
    }
    let document = document();
    check(&document, &document);
}

/// A schema and all it is made of, but for what it refers to.
fn parts(schema: &Value) -> Vec<&Value> {
    let inner = match schema {
        Value::Object(fields) => fields.values().flat_map(parts).collect(),
        Value::Array(items) => items.iter().flat_map(parts).collect(),
        _ => Vec::new(),
    };
    [vec![schema], inner].concat()
}

/// The names of the components that something refers to, and those refer to.
fn referred<'a>(document: &'a Value, from: &'a Value, names: &mut BTreeSet<&'a str>) {
    for reference in parts(from).into_iter().filter_map(|part| part["$ref"].as_str()) {
        let name = reference.rsplit('/').next().unwrap();
        if names.insert(name) {
            referred(document, &document["components"]["schemas"][name], names);
        }
    }
}

fn is_nullable(property: &Value) -> bool {
    let has_null =
        |value: &Value| value == "null" || value.as_array().is_some_and(|types| types.contains(&json!("null")));
    has_null(&property["type"])
        || property["oneOf"].as_array().is_some_and(|one| one.iter().any(|part| has_null(&part["type"])))
}

/// The properties that may be left out, as `Schema.property`.
fn optional(name: &str, schema: &Value) -> Vec<(String, bool)> {
    let mut optional = Vec::new();
    for object in parts(schema) {
        for (property, value) in object["properties"].as_object().into_iter().flatten() {
            let required = object["required"].as_array().is_some_and(|names| names.contains(&json!(property)));
            if !required && value.is_object() {
                optional.push((format!("{name}.{property}"), is_nullable(value)));
            }
        }
    }
    optional
}

#[test]
fn what_is_answered_is_complete_and_what_is_sent_may_leave_things_out() {
    let document = document();
    let mut sent = BTreeSet::new();
    for operation in
        document["paths"].as_object().unwrap().values().flat_map(|item| item.as_object().unwrap().values())
    {
        referred(&document, &operation["requestBody"], &mut sent);
        for (name, nullable) in optional("an answer", &operation["responses"]) {
            assert!(!nullable, "{name} of {}", operation["operationId"]);
        }
    }
    assert!(sent.contains("NewJob") && sent.contains("NewStep") && !sent.contains("Job"), "{sent:?}");
    let mut left_out = Vec::new();
    for (name, schema) in document["components"]["schemas"].as_object().unwrap() {
        let optional = optional(name, schema);
        if sent.contains(name.as_str()) {
            left_out.extend(optional.into_iter().map(|(name, _)| name));
        } else {
            assert!(optional.iter().all(|(_, nullable)| !nullable), "{optional:?}");
        }
    }
    for may in ["NewJob.version", "NewEvent.tag", "NewStep.metadata_configurations", "JobCorrection.customer_id"] {
        assert!(left_out.iter().any(|name| name == may), "{may} must not be asked for");
    }
    let optional = |name: &str| optional(name, &document["components"]["schemas"][name]);
    let names = |optional: Vec<(String, bool)>| optional.into_iter().map(|(name, _)| name).collect::<Vec<_>>();
    assert_eq!(names(optional("Problem")), ["Problem.differences", "Problem.errors"], "not every problem has them");
    assert_eq!(names(optional("Page_JobListItem")), ["Page_JobListItem.steps"], "only with steps=true");
}

on_both! {
    async fn what_the_document_requires_is_in_every_answer(server: TestServer) {
        /// Asserts that an answer has all that its schema requires.
        fn expect_complete(document: &Value, schema: &Value, value: &Value, place: &str) {
            if let Some(reference) = schema["$ref"].as_str() {
                let schema = document.pointer(reference.trim_start_matches('#')).unwrap();
                return expect_complete(document, schema, value, place);
            }
            for part in schema["allOf"].as_array().into_iter().flatten() {
                expect_complete(document, part, value, place);
            }
            for part in schema["oneOf"].as_array().into_iter().flatten().filter(|_| !value.is_null()) {
                expect_complete(document, part, value, place);
            }
            if let Some(fields) = value.as_object() {
                for required in schema["required"].as_array().into_iter().flatten() {
                    assert!(fields.contains_key(required.as_str().unwrap()), "{place} has no {required}: {value}");
                }
                for (name, field) in fields {
                    expect_complete(document, &schema["properties"][name], field, &format!("{place}/{name}"));
                }
            }
            for item in value.as_array().into_iter().flatten() {
                expect_complete(document, &schema["items"], item, place);
            }
        }
        let document = document();
        let alice = server.provider("alice").await;
        let configuration = alice.register("scan", "1.0.0", &[("load", 1)]).await;
        let job = alice.open_job("scan", "CT-1").await;
        alice.invite("carol@customer.example").await;
        alice.make_key(None).await;
        alice.report("CT-1", "step", Some("load")).await;
        alice.open_job("scan", "CT-2").await;
        alice.report("CT-2", "info", None).await;
        for (operation, path) in [
            ("/users/me", "/users/me".to_owned()),
            ("/api-keys", "/api-keys".to_owned()),
            ("/customers", "/customers".to_owned()),
            ("/job-configurations", "/job-configurations".to_owned()),
            ("/job-configurations/{id}", format!("/job-configurations/{}", configuration["id"].as_str().unwrap())),
            ("/jobs", "/jobs?steps=true".to_owned()),
            ("/jobs", "/jobs".to_owned()),
            ("/jobs/summary", "/jobs/summary".to_owned()),
            ("/analytics/jobs", "/analytics/jobs".to_owned()),
            ("/analytics/steps", "/analytics/steps".to_owned()),
            ("/analytics/metadata", "/analytics/metadata?tag=scan&step=load".to_owned()),
            ("/analytics/customers", "/analytics/customers".to_owned()),
            ("/jobs/{id}", format!("/jobs/{job}")),
            ("/jobs/{id}/events", format!("/jobs/{job}/events")),
            ("/jobs/{id}/distributions", format!("/jobs/{job}/distributions")),
        ] {
            let answer = alice.get(&path).await.expect(200);
            let content = &document["paths"][format!("/api/v1{operation}")]["get"]["responses"]["200"]["content"];
            let schema = &content["application/json"]["schema"];
            assert!(schema.is_object(), "{operation}");
            expect_complete(&document, schema, &answer, operation);
        }
    }

    async fn the_document_and_its_reader_are_served_without_internet(server: TestServer) {
        let get = |path: &str| reqwest::Client::get(&milepost::client::builder().build().unwrap(), format!("{}{path}", server.url)).send();
        let served: Value = get("/api/openapi.json").await.unwrap().json().await.unwrap();
        assert_eq!(served, document());
        let page = get("/api/docs/").await.unwrap().text().await.unwrap();
        let is_elsewhere = |part: &&str| part.starts_with("http") || part.starts_with("//");
        assert_eq!(page.split(['"', '\'']).find(is_elsewhere), None, "the reader loads something from elsewhere");
        let script = get("/api/docs/swagger-ui-bundle.js").await.unwrap();
        assert_eq!(script.status(), 200);
    }
}

#[test]
fn no_parameter_is_null() {
    let document = document();
    let operations =
        document["paths"].as_object().unwrap().values().flat_map(|item| item.as_object().unwrap().values());
    for operation in operations {
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            assert!(!is_nullable(&parameter["schema"]), "{} of {}", parameter["name"], operation["operationId"]);
        }
    }
}
