//! Addresses of HTTP servers as operators write them, and how they appear in logs.

use hyper::Uri;
use std::error::Error;

/// Reads the address that `flag` names; `example` is a good one.
///
/// # Errors
/// A sentence that says what a good address looks like.
pub(crate) fn address(flag: &str, url: &str, example: &str) -> Result<Uri, String> {
    let wrong = |what: &str| format!("{flag} {what}; write an address such as {example}");
    let uri: Uri = url.parse().map_err(|e| wrong(&format!("is no URL ({e})")))?;
    match (uri.scheme_str(), uri.authority()) {
        (Some("http" | "https"), Some(authority)) if authority.as_str().contains('@') => {
            Err(wrong("has a user name, which is not sent"))
        }
        (Some("http" | "https"), Some(_)) => Ok(uri),
        _ => Err(wrong("needs http:// or https:// and a host")),
    }
}

/// The server without path and query, which may hold a secret.
pub(crate) fn shown(uri: &Uri) -> String {
    let scheme = uri.scheme_str().unwrap_or_default();
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    format!("{scheme}://{authority}")
}

/// An error with its causes: the outermost one of a client only says that it did not work.
pub(crate) fn causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}

/// What to do where this machine knows no certificates.
pub(crate) fn no_certificates(uri: &Uri, error: &std::io::Error) -> String {
    format!(
        "this machine knows no certificates to check {} with: {error}. Install the package \
         ca-certificates, or name a file of them with SSL_CERT_FILE",
        shown(uri)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_address_that_cannot_be_asked_is_told_why() {
        let read = |url| address("--to", url, "https://shop.example/hooks/lastseat");
        for (url, word) in [
            ("shop.example/hook", "no URL"),
            ("ftp://shop.example/hook", "http://"),
            ("/hook", "http://"),
            ("http://a b/", "no URL"),
            ("http://shop:pass@shop.example/", "user name"),
        ] {
            let error = read(url).unwrap_err();
            assert!(error.contains(word), "{url}: {error}");
        }
        assert!(read("https://shop.example:8443/hook?x=1").is_ok());
    }
}
