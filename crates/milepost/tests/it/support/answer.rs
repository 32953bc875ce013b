//! An answer of the server, and what a test says about it.

use std::ops::Index;

use reqwest::header::HeaderMap;
use serde_json::Value;

/// An answer, read whole.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    /// The body as JSON; null if it is none.
    pub body: Value,
    pub text: String,
}

impl Answer {
    pub async fn read(response: reqwest::Response) -> Self {
        let status = response.status().as_u16();
        let headers = response.headers().clone();
        let text = response.text().await.unwrap();
        Self { status, headers, body: serde_json::from_str(&text).unwrap_or(Value::Null), text }
    }

    /// The body for a message; of a long one, the beginning.
    fn excerpt(&self) -> String {
        self.text.chars().take(1000).collect()
    }

    /// Asserts the status and gives the body.
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.excerpt());
        self.body
    }

    /// Asserts that it is a problem of that status, naming these pointers and no others.
    #[track_caller]
    pub fn expect_problem(self, status: u16, pointers: &[&str]) -> Value {
        assert_eq!(self.status, status, "{}", self.excerpt());
        assert_eq!(self.headers["content-type"], "application/problem+json", "{}", self.excerpt());
        assert_eq!(self.body["status"], status, "{}", self.excerpt());
        for field in ["type", "title", "detail"] {
            assert!(self.body[field].as_str().is_some_and(|text| !text.is_empty()), "{field}: {}", self.excerpt());
        }
        let named: Vec<&str> =
            self.body["errors"].as_array().into_iter().flatten().filter_map(|e| e["pointer"].as_str()).collect();
        assert_eq!(named, pointers, "{}", self.excerpt());
        self.body
    }
}

/// A cookie as a browser is told to keep it.
#[derive(Debug)]
pub struct SetCookie {
    pub name: String,
    pub value: String,
    pub attributes: Vec<String>,
}

impl SetCookie {
    pub fn has(&self, attribute: &str) -> bool {
        self.attributes.iter().any(|one| one == attribute)
    }

    /// What a browser sends back.
    pub fn pair(&self) -> String {
        format!("{}={}", self.name, self.value)
    }
}

impl Answer {
    /// The one cookie that the answer sets.
    #[track_caller]
    pub fn cookie(&self) -> SetCookie {
        let cookies: Vec<&str> =
            self.headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap()).collect();
        let [cookie] = cookies.as_slice() else { panic!("one cookie, got {cookies:?}") };
        let (pair, attributes) = cookie.split_once("; ").unwrap();
        let (name, value) = pair.split_once('=').unwrap();
        SetCookie {
            name: name.to_owned(),
            value: value.to_owned(),
            attributes: attributes.split("; ").map(str::to_owned).collect(),
        }
    }
}

impl Index<&str> for Answer {
    type Output = Value;

    fn index(&self, key: &str) -> &Value {
        &self.body[key]
    }
}
