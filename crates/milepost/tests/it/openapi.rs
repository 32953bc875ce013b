//! The OpenAPI document: generated from the handlers, committed, and read without internet.

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

on_both! {
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
