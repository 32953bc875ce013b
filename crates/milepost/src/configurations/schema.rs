//! The JSON Schema of a configuration file, from the same types that read it.

use serde_json::{Value, json};

/// Where the OpenAPI document keeps its schemas.
const COMPONENTS: &str = "#/components/schemas/";

/// The schema, draft 2020-12, complete in itself.
pub(super) fn configuration_schema() -> Value {
    let document = json!(crate::app::openapi());
    let mut schemas = document["components"]["schemas"].clone();
    let mut schema = schemas["NewConfiguration"].take();
    let mut needed = Vec::new();
    localise(&mut schema, &mut needed);
    let mut definitions = serde_json::Map::new();
    while let Some(name) = needed.pop() {
        if definitions.contains_key(&name) {
            continue;
        }
        let mut definition = schemas[&name].clone();
        localise(&mut definition, &mut needed);
        definitions.insert(name, definition);
    }
    schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    schema["title"] = json!("Milepost job configuration");
    schema["$defs"] = Value::Object(definitions);
    schema
}

/// Points references at `$defs` and collects the names they need.
fn localise(schema: &mut Value, needed: &mut Vec<String>) {
    match schema {
        Value::Object(fields) => {
            for (key, value) in fields {
                match value.as_str().and_then(|text| text.strip_prefix(COMPONENTS)).map(str::to_owned) {
                    Some(name) if key == "$ref" => {
                        *value = json!(format!("#/$defs/{name}"));
                        needed.push(name);
                    }
                    _ => localise(value, needed),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| localise(item, needed)),
        _ => {}
    }
}
