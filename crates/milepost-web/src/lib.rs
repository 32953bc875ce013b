//! The web page, built from `web/` and embedded. The build script (`build/main.rs`) decides whether it has to be built,
//! and puts an explanation in its place where it cannot be.

/// A file of the page in the encodings that it may be sent in.
#[derive(Debug)]
pub struct File {
    /// Below the root, without a leading slash: `assets/index-BTm3qeIL.js`.
    pub path: &'static str,
    /// The media type, with its charset.
    pub content_type: &'static str,
    /// Names the content, in hexadecimal.
    pub digest: &'static str,
    /// The content as it is.
    pub identity: &'static [u8],
    /// Compressed with Brotli, if that makes it smaller.
    pub brotli: Option<&'static [u8]>,
    /// Compressed with gzip, if that makes it smaller.
    pub gzip: Option<&'static [u8]>,
}

/// Whether the page was built; without it [`PAGE`] says how to build it, and there are no files.
pub const BUILT: bool = cfg!(ui_built);

/// What stands in [`PAGE`] for the nonce of its Content-Security-Policy.
pub const NONCE: &str = "__CSP_NONCE__";

/// The one HTML page, with [`NONCE`] for the nonce.
pub const PAGE: &str = include_str!(concat!(env!("OUT_DIR"), "/index.html"));

/// Sorted by path.
static FILES: &[File] = include!(concat!(env!("OUT_DIR"), "/files.rs"));

/// The file at a path without a leading slash.
#[must_use]
pub fn file(path: &str) -> Option<&'static File> {
    FILES.binary_search_by(|file| file.path.cmp(path)).ok().map(|index| &FILES[index])
}
