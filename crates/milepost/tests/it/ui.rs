//! The web page: where it answers, what browsers may do with it, and how long they keep it. Everything but its files
//! holds for a binary without it, too.

use std::collections::HashSet;

use milepost_web::BUILT;
use reqwest::header::HeaderMap;
use reqwest::{Method, Response};

use crate::support::{Answer, TestServer, on_both};

/// Paths that people open, reload and send to each other.
const PLACES: [&str; 7] = [
    "/",
    "/sign-in",
    "/jobs",
    "/jobs/01a20507-5af6-74f1-be79-1eb3bd8d1ccb",
    "/invitations/8Jn4sQmV2kXw0TzR7bLpYa",
    "/configurations/brain/1.0.0",
    "/jobs/a%20b/?sort=-created_at&status=error",
];

/// Asks as a browser does, without decoding what comes back.
async fn ask(server: &TestServer, method: Method, path: &str, headers: &[(&str, &str)]) -> Response {
    let client = milepost::client::builder().build().unwrap();
    let request = client.request(method, format!("{}{path}", server.url));
    headers.iter().fold(request, |request, (name, value)| request.header(*name, *value)).send().await.unwrap()
}

async fn get(server: &TestServer, path: &str) -> Answer {
    Answer::read(ask(server, Method::GET, path, &[]).await).await
}

/// What the page loads: the values of `src` and `href` that are paths.
async fn files(server: &TestServer) -> Vec<String> {
    let page = get(server, "/").await.text;
    let links = page.split(['"', '\'']).filter(|part| part.starts_with('/') && part.contains('.'));
    links.filter(|path| !path.starts_with("/api/")).map(str::to_owned).collect()
}

/// The script that the page starts with; none without a page.
async fn script(server: &TestServer) -> Option<String> {
    files(server).await.into_iter().find(|path| path.starts_with("/assets/") && path.rsplit('.').next() == Some("js"))
}

/// The sources that a policy allows for a kind of thing.
fn allowed<'a>(headers: &'a HeaderMap, directive: &str) -> Vec<&'a str> {
    let policy = headers["content-security-policy"].to_str().unwrap();
    let mut directives = policy.split(';').map(|part| part.split_whitespace());
    directives.find_map(|mut words| (words.next() == Some(directive)).then(|| words.collect())).unwrap_or_default()
}

fn nonce(headers: &HeaderMap) -> &str {
    let sources = allowed(headers, "style-src");
    let found = sources.iter().find_map(|source| source.strip_prefix("'nonce-")?.strip_suffix('\''));
    found.unwrap_or_else(|| panic!("{sources:?}"))
}

#[test]
fn the_tests_see_the_page_where_it_is_required() {
    let is_required = option_env!("UI") == Some("required");
    assert!(BUILT || !is_required);
}

on_both! {
    async fn every_place_answers_with_the_page(server: TestServer) {
        for path in PLACES {
            let page = get(&server, path).await;
            assert_eq!(page.status, 200, "{path}");
            assert_eq!(page.headers["content-type"], "text/html; charset=utf-8");
            assert!(page.text.contains("<title>Milepost"), "{path}: {}", page.text);
        }
    }

    async fn the_page_is_never_kept(server: TestServer) {
        for path in PLACES {
            let page = get(&server, path).await;
            assert_eq!(page.headers["cache-control"], "no-store", "{path}");
            assert!(!page.headers.contains_key("etag"), "{path}");
        }
    }

    async fn the_page_is_held_to_a_strict_policy(server: TestServer) {
        for path in PLACES {
            let headers = get(&server, path).await.headers;
            assert_eq!(allowed(&headers, "default-src"), ["'none'"]);
            assert_eq!(allowed(&headers, "script-src"), ["'self'"]);
            assert_eq!(allowed(&headers, "style-src"), ["'self'", &format!("'nonce-{}'", nonce(&headers))]);
            assert_eq!(allowed(&headers, "img-src"), ["'self'", "data:"]);
            for directive in ["font-src", "connect-src", "worker-src", "manifest-src", "form-action"] {
                assert_eq!(allowed(&headers, directive), ["'self'"], "{directive}");
            }
            for directive in ["base-uri", "frame-ancestors"] {
                assert_eq!(allowed(&headers, directive), ["'none'"], "{directive}");
            }
            assert_eq!(headers["referrer-policy"], "no-referrer");
            assert_eq!(headers["x-frame-options"], "DENY");
            assert_eq!(headers["cross-origin-opener-policy"], "same-origin");
            assert_eq!(headers["x-content-type-options"], "nosniff");
            assert!(headers["permissions-policy"].to_str().unwrap().contains("camera=()"));
        }
    }

    async fn each_answer_has_a_nonce_of_its_own(server: TestServer) {
        let mut seen = HashSet::new();
        for _ in 0..20 {
            let page = get(&server, "/").await;
            let nonce = nonce(&page.headers).to_owned();
            assert!(nonce.len() >= 22, "{nonce}");
            assert!(page.text.contains(&format!("nonce=\"{nonce}\"")), "{}", page.text);
            assert!(!page.text.contains("__CSP_NONCE__"), "{}", page.text);
            seen.insert(nonce);
        }
        assert_eq!(seen.len(), 20);
    }

    async fn nothing_allows_inline_scripts_or_evaluation(server: TestServer) {
        for path in ["/", "/invitations/abc", "/api/docs/", "/api/docs/swagger-ui-bundle.js"] {
            let answer = get(&server, path).await;
            let policy = answer.headers["content-security-policy"].to_str().unwrap().to_owned();
            assert!(!policy.contains("unsafe"), "{path}: {policy}");
            assert_eq!(allowed(&answer.headers, "script-src"), ["'self'"], "{path}");
        }
        for element in get(&server, "/").await.text.split("<script").skip(1) {
            assert!(element.split('>').next().unwrap().contains("src=\"/"), "{element}");
        }
    }

    async fn what_the_page_loads_is_there(server: TestServer) {
        let files = files(&server).await;
        assert_eq!(files.is_empty(), !BUILT);
        for path in files {
            let file = get(&server, &path).await;
            assert_eq!(file.status, 200, "{path}");
            let content_type = match path.rsplit_once('.').unwrap().1 {
                "js" => "text/javascript; charset=utf-8",
                "css" => "text/css; charset=utf-8",
                "svg" => "image/svg+xml",
                "png" => "image/png",
                "webmanifest" => "application/manifest+json",
                other => panic!("say what {other} is"),
            };
            assert_eq!(file.headers["content-type"], content_type, "{path}");
            assert_eq!(file.headers["x-content-type-options"], "nosniff");
            let kept = if path.starts_with("/assets/") { "public, max-age=31536000, immutable" } else { "no-cache" };
            assert_eq!(file.headers["cache-control"], kept, "{path}");
        }
    }

    async fn a_missing_file_is_missing_and_not_remembered_so(server: TestServer) {
        for path in [
            "/assets", "/assets/", "/assets/index-00000000.js", "/assets/a/b", "/assets/%2e%2e%2findex.html",
            "/index.html", "/robots.txt", "/.env", "/.fingerprint", "/files.rs",
            "/.well-known/change-password",
        ] {
            let answer = get(&server, path).await;
            assert_eq!(answer.headers["cache-control"], "no-store", "{path}");
            answer.expect_problem(404, &[]);
        }
    }

    async fn a_probe_that_is_misspelt_does_not_succeed(server: TestServer) {
        for path in ["/livez/", "/readyz/", "/readyz/x"] {
            get(&server, path).await.expect_problem(404, &[]);
        }
    }

    async fn the_page_and_its_files_are_only_read(server: TestServer) {
        let script = script(&server).await;
        for path in ["/", "/sign-in", "/invitations/abc"].into_iter().chain(script.as_deref()) {
            for method in [Method::POST, Method::PUT, Method::DELETE] {
                let answer = Answer::read(ask(&server, method.clone(), path, &[]).await).await;
                assert_eq!(answer.headers["allow"], "GET,HEAD", "{method} {path}");
                answer.expect_problem(405, &[]);
            }
        }
        Answer::read(ask(&server, Method::POST, "/api/nothing", &[]).await).await.expect_problem(404, &[]);
    }

    async fn a_file_comes_compressed_as_the_browser_likes_it(server: TestServer) {
        let Some(script) = script(&server).await else { return };
        let plain = ask(&server, Method::GET, &script, &[]).await;
        assert!(!plain.headers().contains_key("content-encoding"));
        let size = plain.bytes().await.unwrap().len();
        let mut tags = HashSet::new();
        for (accepted, coding) in [
            ("gzip, deflate, br, zstd", Some("br")),
            ("br", Some("br")),
            ("gzip", Some("gzip")),
            ("GZIP;q=0.5", Some("gzip")),
            ("br;q=0, gzip", Some("gzip")),
            ("BR;Q=0, gzip;Q=1", Some("gzip")),
            ("br; q=0.000, *", Some("gzip")),
            ("*", Some("br")),
            ("identity", None),
            ("*;q=0", None),
            ("deflate, zstd", None),
            ("br;q=nonsense", None),
            ("", None),
        ] {
            let answer = ask(&server, Method::GET, &script, &[("accept-encoding", accepted)]).await;
            let headers = answer.headers().clone();
            assert_eq!(headers.get("content-encoding").map(|it| it.to_str().unwrap()), coding, "{accepted}");
            assert_eq!(headers["vary"], "accept-encoding", "{accepted}");
            let length = answer.bytes().await.unwrap().len();
            assert_eq!(headers["content-length"], length.to_string(), "{accepted}");
            assert_eq!(length < size / 2, coding.is_some(), "{accepted}: {length} of {size}");
            tags.insert((coding, headers["etag"].clone()));
        }
        assert_eq!(tags.len(), 3, "{tags:?}");
    }

    async fn a_browser_that_has_a_file_is_told_so(server: TestServer) {
        let Some(script) = script(&server).await else { return };
        let gzip = ("accept-encoding", "gzip");
        let first = ask(&server, Method::GET, &script, &[gzip]).await;
        let etag = first.headers()["etag"].to_str().unwrap().to_owned();
        for known in [etag.clone(), format!("W/{etag}"), format!("\"other\", {etag}"), "*".to_owned()] {
            let again = ask(&server, Method::GET, &script, &[gzip, ("if-none-match", &known)]).await;
            assert_eq!(again.status(), 304, "{known}");
            for name in ["etag", "cache-control", "vary"] {
                assert_eq!(again.headers()[name], first.headers()[name], "{known}");
            }
            assert!(again.bytes().await.unwrap().is_empty());
        }
        for (accepted, known) in [("gzip", "\"other\""), ("br", &etag)] {
            let again = ask(&server, Method::GET, &script, &[("accept-encoding", accepted), ("if-none-match", known)]).await;
            assert_eq!(again.status(), 200, "{known}");
        }
    }

    async fn head_answers_as_get_does_but_for_the_body(server: TestServer) {
        let script = script(&server).await;
        for path in ["/", "/jobs/abc"].into_iter().chain(script.as_deref()) {
            let full = ask(&server, Method::GET, path, &[("accept-encoding", "br")]).await;
            let head = ask(&server, Method::HEAD, path, &[("accept-encoding", "br")]).await;
            assert_eq!(head.status(), 200, "{path}");
            for name in ["content-type", "content-length", "cache-control"] {
                assert_eq!(head.headers()[name], full.headers()[name], "{path}");
            }
            assert_eq!(head.headers().get("etag"), full.headers().get("etag"), "{path}");
            assert!(head.bytes().await.unwrap().is_empty(), "{path}");
        }
        assert_eq!(ask(&server, Method::HEAD, "/assets/nothing.js", &[]).await.status(), 404);
    }
}
