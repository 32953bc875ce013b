//! What the OpenAPI document says beyond the handlers: how to sign in, and the problems that each call may answer with.

use utoipa::Modify;
use utoipa::openapi::path::{Operation, ParameterIn};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{ContentBuilder, OpenApi, Ref, RefOr, ResponseBuilder};

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

/// Adds to each operation the problems that its extractors answer with.
pub fn complete(document: &mut OpenApi) {
    for (path, item) in &mut document.paths.paths {
        let operations = [&mut item.get, &mut item.post, &mut item.patch, &mut item.put, &mut item.delete];
        for operation in operations.into_iter().flatten() {
            add_problems(path, operation);
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
    let may_not_find = path.contains('{') || path.ends_with("/events");
    let may_conflict = ["/job-configurations", "/jobs", "/users", "/rotate"].iter().any(|end| path.ends_with(end));
    let needs_sign_in = !is_public || path.ends_with("/login") || path.ends_with("/accept");
    let writes = has_body || path.ends_with("/logout") || path.ends_with("/expire");
    let problems = [
        (needs_sign_in, "401", "No valid credentials"),
        (needs_sign_in || writes, "403", "Not allowed with these credentials, or from another site"),
        (may_not_find, "404", "Not there, or not the caller's: the answer is the same"),
        (has_body && may_conflict, "409", "It is there already, with other content"),
        (has_body, "400", "Not JSON"),
        (has_body, "413", "Too large"),
        (has_body, "415", "Not a media type this takes"),
        (has_body || has_query, "422", "Values that are not acceptable, each named"),
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
