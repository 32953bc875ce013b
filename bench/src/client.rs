//! A connection that is kept open, as a program's HTTP client does.

use std::net::SocketAddr;

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::http::request;
use hyper::{HeaderMap, Method, Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpStream;

use crate::Result;

/// The media type of an event by itself, and of a batch.
pub(crate) const JSON: &str = "application/json";
pub(crate) const LINES: &str = "application/x-ndjson";

/// A connection to a server; opened when it is needed, and again after it broke.
#[derive(Debug)]
pub(crate) struct Connection {
    address: SocketAddr,
    sender: Option<SendRequest<Full<Bytes>>>,
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Connection {
    pub(crate) fn to(address: SocketAddr) -> Self {
        Self { address, sender: None }
    }

    /// Opens the connection, so that the first request need not wait for it.
    pub(crate) async fn open(&mut self) -> Result<()> {
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // How it ends shows in the next request.
        tokio::spawn(async move { drop(connection.await) });
        self.sender = Some(sender);
        Ok(())
    }

    pub(crate) async fn get(&mut self, path: &str, credential: (&str, &str)) -> Result<Answer> {
        let request = self.request(Method::GET, path, credential).body(Full::default())?;
        self.send(request).await
    }

    pub(crate) async fn post(
        &mut self,
        path: &str,
        credential: (&str, &str),
        media_type: &str,
        body: Bytes,
    ) -> Result<Answer> {
        let request = self.request(Method::POST, path, credential);
        self.send(request.header(header::CONTENT_TYPE, media_type).body(Full::new(body))?).await
    }

    fn request(&self, method: Method, path: &str, credential: (&str, &str)) -> request::Builder {
        let host = self.address.to_string();
        Request::builder().method(method).uri(path).header(header::HOST, host).header(credential.0, credential.1)
    }

    async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<Answer> {
        if self.sender.as_ref().is_none_or(SendRequest::is_closed) {
            self.open().await?;
        }
        let sender = self.sender.as_mut().ok_or("no connection")?;
        sender.ready().await?;
        let response = sender.send_request(request).await?;
        let (head, body) = response.into_parts();
        Ok(Answer { status: head.status, headers: head.headers, body: body.collect().await?.to_bytes() })
    }

    /// Posts what must be accepted.
    pub(crate) async fn post_json(&mut self, path: &str, credential: (&str, &str), body: &Value) -> Result<Answer> {
        let answer = self.post(path, credential, JSON, body.to_string().into()).await?;
        if answer.status.is_success() {
            return Ok(answer);
        }
        Err(format!("{path}: {} {}", answer.status, String::from_utf8_lossy(&answer.body)).into())
    }
}

impl Answer {
    /// Whether an event of a batch was refused.
    pub(crate) fn has_problems(&self) -> bool {
        String::from_utf8_lossy(&self.body).contains("\"problem\":{")
    }

    pub(crate) fn json(&self) -> Result<Value> {
        Ok(serde_json::from_slice(&self.body)?)
    }
}
