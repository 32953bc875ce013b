//! The HTTP client of the commands that talk to a server.

use std::sync::Once;

use reqwest::ClientBuilder;

/// A client with ring for TLS.
pub fn builder() -> ClientBuilder {
    choose_cryptography();
    reqwest::Client::builder()
}

/// Tells the library which cryptography to use, once a process.
pub(crate) fn choose_cryptography() {
    static CRYPTOGRAPHY: Once = Once::new();
    CRYPTOGRAPHY.call_once(|| {
        // Refused only if something chose before us, which then serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
}
