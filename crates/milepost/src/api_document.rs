//! What the OpenAPI document says beyond the handlers: how to sign in, and the problems that each call may answer with.

use std::collections::BTreeSet;

use clap::ValueEnum;
use utoipa::Modify;
use utoipa::openapi::path::{Operation, ParameterIn};
use utoipa::openapi::schema::{
    AdditionalProperties, AllOf, AnyOf, ArrayItems, Components, OneOf, Schema, SchemaType, Type,
};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{Content, ContentBuilder, OpenApi, Ref, RefOr, ResponseBuilder};

use crate::audit::Action;
use crate::error::{PROBLEM_JSON, Problem};

/// The beginning of the document.
#[derive(utoipa::OpenApi)]
#[openapi(
    info(title = "Milepost", description = "Tracks jobs that run elsewhere: events in, progress out, live."),
    components(schemas(Problem)),
    modifiers(&SignIn),
    security(("bearer" = []), ("x-api-key" = []), ("session" = [])),
    tags(
        (name = "Accounts", description = "Signing in and one's own profile"),
        (name = "Customers", description = "Whom a provider may open jobs for"),
        (name = "API keys", description = "Keys for programs"),
        (name = "Configurations", description = "What kinds of job there are"),
        (name = "Jobs", description = "Opening, correcting and reading jobs"),
        (name = "Events", description = "What happens in a job"),
        (name = "Live", description = "Server-Sent Events"),
        (name = "Analytics", description = "A provider's jobs, steps, measurements and customers in figures"),
        (name = "Reports", description = "What happened and what is billed, as files"),
        (name = "Audit log", description = "Who did what, when, and from where"),
    )
)]
#[derive(Debug)]
pub struct Milepost;

struct SignIn;

impl Modify for SignIn {
    fn modify(&self, document: &mut OpenApi) {
        let components = document.components.get_or_insert_default();
        let key = |name: &str| SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::new(name)));
        components.add_security_scheme("bearer", SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer)));
        components.add_security_scheme("x-api-key", key("X-API-Key"));
        components.add_security_scheme(
            "session",
            SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::with_description(
                "milepost-8080",
                "Set by `POST /login`; the name carries the port, and is `__Host-milepost` on https.",
            ))),
        );
    }
}

/// Adds to each operation the problems that its extractors answer with, and to what is answered that it is complete.
pub fn complete(document: &mut OpenApi) {
    for (path, operation) in operations(document) {
        add_problems(path, operation);
        take_no_null(operation);
        name_actions(operation);
    }
    require_what_is_answered(document);
}

/// Says which words the audit log's `action` takes.
fn name_actions(operation: &mut Operation) {
    for parameter in operation.parameters.iter_mut().flatten().filter_map(inline) {
        if parameter.name != "action" {
            continue;
        }
        if let Some(RefOr::T(Schema::Object(schema))) = &mut parameter.schema {
            let names = Action::value_variants().iter().filter_map(Action::to_possible_value);
            let names = names.map(|name| name.get_name().to_owned()).collect::<Vec<_>>().join("|");
            schema.pattern = Some(format!("^({names})(,({names}))*$"));
        }
    }
}

fn operations(document: &mut OpenApi) -> impl Iterator<Item = (&str, &mut Operation)> {
    document.paths.paths.iter_mut().flat_map(|(path, item)| {
        let operations = [&mut item.get, &mut item.post, &mut item.patch, &mut item.put, &mut item.delete];
        operations.into_iter().flatten().map(|operation| (path.as_str(), operation))
    })
}

/// Makes properties that may be null `required` wherever only answers can have them: we always write them. Whoever sends
/// may leave them out, so what a request body can hold stays as it is. A field that we leave out at times is optional and
/// not nullable.
fn require_what_is_answered(document: &mut OpenApi) {
    let mut components = document.components.take().unwrap_or_default();
    let mut sent = BTreeSet::new();
    for (_, operation) in operations(document) {
        let contents =
            operation.request_body.as_mut().and_then(inline).into_iter().flat_map(|body| body.content.values_mut());
        for schema in contents.filter_map(schema_of) {
            collect_references(schema, &mut components, &mut sent);
        }
    }
    let answered = components.schemas.iter_mut().filter(|(name, _)| !sent.contains(*name));
    answered.for_each(|(_, schema)| visit(schema, &mut require_nullable));
    for (_, operation) in operations(document) {
        let responses = operation.responses.responses.values_mut();
        let contents = responses.filter_map(inline).flat_map(|response| response.content.values_mut());
        contents.filter_map(schema_of).for_each(|schema| visit(schema, &mut require_nullable));
    }
    document.components = Some(components);
}

fn inline<T>(item: &mut RefOr<T>) -> Option<&mut T> {
    match item {
        RefOr::T(item) => Some(item),
        RefOr::Ref(_) => None,
    }
}

fn schema_of(content: &mut RefOr<Content>) -> Option<&mut RefOr<Schema>> {
    inline(content)?.schema.as_mut()
}

/// The names of all components that a schema refers to, and those refer to.
fn collect_references(schema: &mut RefOr<Schema>, components: &mut Components, names: &mut BTreeSet<String>) {
    let mut found = Vec::new();
    visit(schema, &mut |part| {
        if let RefOr::Ref(reference) = part {
            found.extend(reference.ref_location.rsplit('/').next().map(str::to_owned));
        }
    });
    for name in found {
        let component = components.schemas.get(&name).cloned();
        if let Some(mut component) = component.filter(|_| names.insert(name)) {
            collect_references(&mut component, components, names);
        }
    }
}

/// Shows a schema and all its parts, without following references.
fn visit(schema: &mut RefOr<Schema>, see: &mut impl FnMut(&mut RefOr<Schema>)) {
    see(schema);
    match schema {
        RefOr::T(Schema::Array(array)) => {
            if let ArrayItems::RefOrSchema(items) = &mut array.items {
                visit(items, see);
            }
        }
        RefOr::T(Schema::Object(object)) => {
            object.properties.values_mut().for_each(|property| visit(property, see));
            if let Some(AdditionalProperties::RefOr(values)) = object.additional_properties.as_deref_mut() {
                visit(values, see);
            }
        }
        RefOr::T(
            Schema::OneOf(OneOf { items, .. })
            | Schema::AllOf(AllOf { items, .. })
            | Schema::AnyOf(AnyOf { items, .. }),
        ) => {
            for item in items {
                visit(item, see);
            }
        }
        _ => {}
    }
}

fn require_nullable(schema: &mut RefOr<Schema>) {
    let RefOr::T(Schema::Object(object)) = schema else { return };
    for (name, property) in &object.properties {
        if is_nullable(property) && !object.required.contains(name) {
            object.required.push(name.clone());
        }
    }
}

fn is_nullable(schema: &RefOr<Schema>) -> bool {
    let has_null = |schema_type: &SchemaType| match schema_type {
        SchemaType::Type(one) => *one == Type::Null,
        SchemaType::Array(several) => several.contains(&Type::Null),
        SchemaType::AnyValue => false,
    };
    match schema {
        RefOr::T(Schema::Object(object)) => has_null(&object.schema_type),
        RefOr::T(Schema::Array(array)) => has_null(&array.schema_type),
        RefOr::T(Schema::OneOf(one_of)) => one_of.items.iter().any(is_nullable),
        _ => false,
    }
}

/// The operations that there can be too much of, by one key, account or address.
const LIMITED: [&str; 20] = [
    "sign_up",
    "log_in",
    "change_password",
    "read_invitation",
    "accept_invitation",
    "register_configuration",
    "change_configuration_settings",
    "check_configuration",
    "open_job",
    "correct_job",
    "post_event",
    "post_events",
    "list_jobs",
    "read_summary",
    "read_distributions",
    "stream_job",
    "stream_jobs",
    "report_events",
    "report_usage",
    "list_usage_jobs",
];

/// A parameter may be left out, but there is no writing null in a query or a header.
fn take_no_null(operation: &mut Operation) {
    for parameter in operation.parameters.iter_mut().flatten().filter_map(inline) {
        if let Some(RefOr::T(Schema::Object(object))) = &mut parameter.schema
            && let SchemaType::Array(types) = &object.schema_type
        {
            let kept: Vec<Type> = types.iter().filter(|one| **one != Type::Null).cloned().collect();
            object.schema_type = match kept.as_slice() {
                [one] => SchemaType::Type(one.clone()),
                _ => SchemaType::Array(kept),
            };
        }
    }
}

fn add_problems(path: &str, operation: &mut Operation) {
    let is_public = operation.security.as_ref().is_some_and(|security| !security.is_empty());
    let has_body = operation.request_body.is_some();
    let has_query = operation.parameters.iter().flatten().any(|parameter| match parameter {
        RefOr::T(parameter) => parameter.parameter_in == ParameterIn::Query,
        RefOr::Ref(_) => false,
    });
    let may_not_find = path.contains('{') || has_body && path.ends_with("/events");
    let may_conflict =
        ["/job-configurations", "/jobs", "/jobs/{id}", "/users", "/rotate"].iter().any(|end| path.ends_with(end));
    let needs_sign_in = !is_public || path.ends_with("/login") || path.ends_with("/accept");
    let writes = has_body || path.ends_with("/logout") || path.ends_with("/expire");
    let is_limited = operation.operation_id.as_deref().is_some_and(|id| LIMITED.contains(&id));
    let problems = [
        (needs_sign_in, "401", "No valid credentials"),
        (needs_sign_in || writes, "403", "Not allowed with these credentials, from another site, or by plain http"),
        (true, "403", "Not by plain http"),
        (may_not_find, "404", "Not there, or not the caller's: the answer is the same"),
        (has_body && may_conflict, "409", "It is there already, with other content"),
        (has_body, "400", "Not JSON"),
        (has_body, "408", "The body arrived too slowly"),
        (has_body, "413", "Too large"),
        (has_body, "415", "Not a media type or an encoding this takes"),
        (has_body || has_query, "422", "Values that are not acceptable, each named"),
        (is_limited, "429", "More than the key, the account or the address may: try again after Retry-After"),
        (true, "500", "A defect on our side"),
        (true, "503", "Too busy, or the database is away: try again"),
    ];
    for (applies, status, description) in problems {
        if applies {
            let schema = RefOr::Ref(Ref::from_schema_name("Problem"));
            let content = ContentBuilder::new().schema(Some(schema)).build();
            let response = ResponseBuilder::new().description(description).content(PROBLEM_JSON, content).build();
            operation.responses.responses.entry(status.to_owned()).or_insert(RefOr::T(response));
        }
    }
}

/// The document as it is committed: indented, ending in a line break.
#[must_use]
pub fn as_text() -> String {
    let text = serde_json::to_string_pretty(crate::app::openapi()).unwrap_or_default();
    text + "\n"
}
