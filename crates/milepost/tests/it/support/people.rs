//! Those who use the server.

use milepost::audit::Actor;
use milepost::auth::Role;
use milepost::users::{NewUser, add_user};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};

use super::{Answer, Stream, TestServer};

/// The password of everybody in the tests.
pub const PASSWORD: &str = "correct horse battery";

/// A key and its id.
#[derive(Debug, Clone)]
pub struct ApiKey {
    pub id: String,
    pub key: String,
}

/// Somebody, with what they show: nothing, a session, or a key.
#[derive(Debug, Clone)]
pub struct Person {
    pub id: String,
    pub email: String,
    /// The server's address, without `/api/v1`.
    pub url: String,
    client: Client,
    key: Option<String>,
}

impl Person {
    pub fn nobody(url: &str) -> Self {
        let client = milepost::client::builder().cookie_store(true).build().unwrap();
        Self { id: String::new(), email: String::new(), url: url.to_owned(), client, key: None }
    }

    /// Somebody who comes by https, as the proxy before the server says.
    pub fn nobody_by_https(url: &str) -> Self {
        let by_https =
            HeaderMap::from_iter([(HeaderName::from_static("x-forwarded-proto"), HeaderValue::from_static("https"))]);
        let client = milepost::client::builder().default_headers(by_https).build().unwrap();
        Self { client, ..Self::nobody(url) }
    }

    /// A provider with a session. See [`Person::write_key`] for one with a key.
    pub async fn provider(server: &TestServer, name: &str) -> Self {
        let email = format!("{name}@provider.example");
        let new = NewUser {
            email: email.clone().try_into().unwrap(),
            password: PASSWORD.to_owned().try_into().unwrap(),
            first_name: name.to_owned().try_into().unwrap(),
            last_name: "Provider".to_owned().try_into().unwrap(),
            role: Role::Provider,
            organization: None,
        };
        add_user(&server.app, &Actor::OPERATOR, new).await.unwrap();
        Self::sign_in(&server.url, &email).await
    }

    /// Somebody who has an account, with a session that outlasts most journeys through time.
    pub async fn sign_in(url: &str, email: &str) -> Self {
        let nobody = Self::nobody(url);
        let user =
            nobody.post("/login", json!({"email": email, "password": PASSWORD, "remember": true})).await.expect(200);
        Self { id: user["id"].as_str().unwrap().to_owned(), email: email.to_owned(), ..nobody }
    }

    /// A customer of a provider, invited, accepted and signed in.
    pub async fn customer_of(provider: &Person, name: &str) -> Self {
        let email = format!("{name}@customer.example");
        let token = provider.invite(&email).await;
        let nobody = Self::nobody(&provider.url);
        let body = json!({"first_name": name, "last_name": "Customer", "password": PASSWORD});
        let user = nobody.post(&format!("/invitations/{token}/accept"), body).await.expect(201);
        Self { id: user["id"].as_str().unwrap().to_owned(), email, ..nobody }
    }

    /// Invites an address and gives the token of the link.
    pub async fn invite(&self, email: &str) -> String {
        let customer = self.post("/customers", json!({"email": email})).await;
        assert!(matches!(customer.status, 200 | 201), "{}", customer.text);
        customer["invitation_url"].as_str().unwrap().rsplit('/').next().unwrap().to_owned()
    }

    /// Makes a key of the person's default scope, or of another.
    pub async fn make_key(&self, scope: Option<&str>) -> ApiKey {
        let made = self.post("/api-keys", json!({"note": "a test", "scope": scope})).await.expect(201);
        let text = |field: &str| made[field].as_str().unwrap().to_owned();
        ApiKey { id: text("id"), key: text("key") }
    }

    /// The same person showing a key instead of the session.
    pub fn with_key(&self, key: &ApiKey) -> Self {
        Self { client: milepost::client::builder().build().unwrap(), key: Some(key.key.clone()), ..self.clone() }
    }

    /// The same person showing a new key of that scope instead of the session.
    pub async fn with_new_key(&self, scope: &str) -> Self {
        self.with_key(&self.make_key(Some(scope)).await)
    }

    /// The same person at another server of the same database. Takes keys, not sessions: cookies belong to a port.
    pub fn at(&self, server: &TestServer) -> Self {
        self.at_address(&server.url)
    }

    /// The same person at a server of that address.
    pub fn at_address(&self, url: &str) -> Self {
        Self { url: url.to_owned(), ..self.clone() }
    }

    /// A request to a path below `/api/v1`, with what the person shows.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.client.request(method, format!("{}/api/v1{path}", self.url));
        match &self.key {
            Some(key) => request.bearer_auth(key),
            None => request,
        }
    }

    pub async fn send(&self, request: RequestBuilder) -> Answer {
        Answer::read(request.send().await.unwrap()).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path)).await
    }

    /// The ids of all rows of a list, so many to a page.
    pub async fn list_ids(&self, path: &str, limit: usize) -> Vec<String> {
        let (mut ids, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = self.get(&format!("{path}?limit={limit}{cursor}")).await.expect(200);
            ids.extend(page["items"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().to_owned()));
            let Some(next) = page["next"].as_str() else { return ids };
            assert!(ids.len() < 1000, "the pages of {path} have no end");
            cursor = format!("&cursor={next}");
        }
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.send(self.request(Method::POST, path).json(&body)).await
    }

    pub async fn patch(&self, path: &str, body: Value) -> Answer {
        self.send(self.request(Method::PATCH, path).json(&body)).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send(self.request(Method::DELETE, path)).await
    }

    /// Posts text as it is, with a content type.
    pub async fn post_text(&self, path: &str, content_type: &str, body: impl Into<reqwest::Body>) -> Answer {
        self.send(self.request(Method::POST, path).header("content-type", content_type).body(body)).await
    }

    /// Opens a stream below `/api/v1`.
    pub async fn stream(&self, path: &str, last_event_id: Option<&str>) -> Stream {
        let mut request = self.request(Method::GET, path);
        if let Some(id) = last_event_id {
            request = request.header("last-event-id", id);
        }
        Stream::open(request).await
    }

    /// Registers a kind of job with these steps and points; each measures a number `Density` in HU, a text `Comment`
    /// and a link `Report`.
    pub async fn register(&self, tag: &str, version: &str, steps: &[(&str, i64)]) -> Value {
        let steps: Vec<Value> = steps
            .iter()
            .map(|(tag, points)| {
                json!({"tag": tag, "name": format!("Step {tag}"), "points": points, "metadata_configurations": [
                    {"name": "Density", "kind": "number", "units": "HU"},
                    {"name": "Comment"},
                    {"name": "Report", "kind": "link"},
                ]})
            })
            .collect();
        let configuration =
            json!({"tag": tag, "name": format!("Job {tag}"), "version": version, "step_configurations": steps});
        let answer = self.post("/job-configurations", configuration).await;
        assert!(matches!(answer.status, 200 | 201), "{}", answer.text);
        answer.body
    }

    /// Opens a job of a tag for nobody and gives its id.
    pub async fn open_job(&self, tag: &str, provider_job_id: &str) -> String {
        let job = self.post("/jobs", json!({"tag": tag, "provider_job_id": provider_job_id})).await.expect(201);
        job["id"].as_str().unwrap().to_owned()
    }

    /// Opens a job of a tag for a customer and gives its id.
    pub async fn open_job_for(&self, customer: &Person, tag: &str, provider_job_id: &str) -> String {
        let body = json!({"tag": tag, "provider_job_id": provider_job_id, "customer_id": customer.id});
        self.post("/jobs", body).await.expect(201)["id"].as_str().unwrap().to_owned()
    }

    /// Reports an event of a kind about a step, or about none, and gives it.
    pub async fn report(&self, provider_job_id: &str, kind: &str, tag: Option<&str>) -> Value {
        let body = json!({"provider_job_id": provider_job_id, "kind": kind, "tag": tag});
        self.post("/events", body).await.expect(201)
    }
}
