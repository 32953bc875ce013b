//! Copies the built page to `OUT_DIR`, compresses it, and writes the table of its files that `src/lib.rs` includes.

use std::fmt::Write as _;
use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use brotli::enc::BrotliEncoderParams;
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};

use crate::sources::{in_short, walk};

/// How hard Brotli tries, where time counts and where bytes do.
const QUALITY_DEBUG: i32 = 9;
const QUALITY_RELEASE: i32 = 11;

/// Writes the table for a page that was built.
pub(crate) fn write(dist: &Path, out: &Path, is_release: bool) -> io::Result<()> {
    fs::copy(dist.join("index.html"), out.join("index.html"))?;
    let mut files = Vec::new();
    walk(dist, &mut |path| files.push(path.to_owned()))?;
    files.retain(|path| path.is_file());
    let mut rows = Vec::new();
    for path in files {
        let name = path.strip_prefix(dist).unwrap_or(&path).to_string_lossy().replace('\\', "/");
        if name != "index.html" {
            rows.push(row(&name, &fs::read(&path)?, out, is_release)?);
        }
    }
    rows.sort();
    let mut table = String::from("&[\n");
    for (_, row) in rows {
        table.push_str(&row);
    }
    table.push(']');
    fs::write(out.join("files.rs"), table)
}

/// Writes an empty table beside a page that explains.
pub(crate) fn write_explanation(page: &Path, out: &Path) -> io::Result<()> {
    fs::copy(page, out.join("index.html"))?;
    fs::write(out.join("files.rs"), "&[]")
}

/// A file's row of the table, behind the name it is sorted by.
fn row(name: &str, content: &[u8], out: &Path, is_release: bool) -> io::Result<(String, String)> {
    let mime = mime_guess::from_path(name).first_or_octet_stream();
    let is_text = mime.type_() == mime_guess::mime::TEXT;
    let content_type = if is_text { format!("{mime}; charset=utf-8") } else { mime.to_string() };
    let digest = in_short(&Sha256::digest(content));
    let identity = embed(&digest, content, out)?;
    let brotli = smaller(content, brotli(content, is_release)?)
        .map(|bytes| embed(&format!("{digest}.br"), &bytes, out))
        .transpose()?;
    let gzip =
        smaller(content, gzip(content)?).map(|bytes| embed(&format!("{digest}.gz"), &bytes, out)).transpose()?;
    let mut row = format!("    File {{ path: {name:?}, content_type: {content_type:?}, digest: {digest:?}, ");
    let optional = |expression: Option<String>| expression.map_or("None".to_owned(), |it| format!("Some({it})"));
    let _ = writeln!(row, "identity: {identity}, brotli: {}, gzip: {} }},", optional(brotli), optional(gzip));
    Ok((name.to_owned(), row))
}

/// Keeps bytes under a name and gives the expression that embeds them.
fn embed(name: &str, bytes: &[u8], out: &Path) -> io::Result<String> {
    fs::write(out.join(name), bytes)?;
    Ok(format!("include_bytes!(concat!(env!(\"OUT_DIR\"), {:?}))", format!("/{name}")))
}

/// Images and fonts are compressed already: to send them so again would only cost.
fn smaller(content: &[u8], compressed: Vec<u8>) -> Option<Vec<u8>> {
    (compressed.len() < content.len() / 10 * 9).then_some(compressed)
}

fn brotli(content: &[u8], is_release: bool) -> io::Result<Vec<u8>> {
    let quality = if is_release { QUALITY_RELEASE } else { QUALITY_DEBUG };
    let parameters = BrotliEncoderParams { quality, size_hint: content.len(), ..BrotliEncoderParams::default() };
    let mut compressed = Vec::new();
    brotli::BrotliCompress(&mut &*content, &mut compressed, &parameters)?;
    Ok(compressed)
}

fn gzip(content: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content)?;
    encoder.finish()
}
