//! The server itself, as anybody may know it: what a page needs before somebody has signed in.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::config::Signup;
use crate::http::Json;

/// The routes of this slice.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(read_server))
}

/// A Milepost server.
#[derive(Debug, Serialize, ToSchema)]
struct Server {
    /// Which version of Milepost answers.
    version: &'static str,
    /// Who may make an account without an invitation.
    signup: Signup,
}

/// Which server is this?
#[utoipa::path(get, path = "/server", tag = "Accounts", operation_id = "read_server",
    responses((status = 200, description = "Its version and who may sign up", body = Server)), security(()))]
async fn read_server(State(app): State<App>) -> Json<Server> {
    Json(Server { version: env!("CARGO_PKG_VERSION"), signup: app.settings().signup })
}
