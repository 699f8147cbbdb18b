//! URL of a request: its parts, which are read of each one and copied of none.

/// The path of an absolute URL, without its query.
pub(crate) fn path_of(url: &str) -> &str {
    let after_scheme = url.split_once("://").map_or(url, |(_, rest)| rest);
    let path = after_scheme.find('/').and_then(|start| after_scheme.get(start..)).unwrap_or("/");
    path.find(['?', '#']).and_then(|end| path.get(..end)).unwrap_or(path)
}

/// The query of a URL, without its question mark.
pub(crate) fn query_of(url: &str) -> Option<&str> {
    url.split_once('?').map(|(_, rest)| rest.split('#').next().unwrap_or_default())
}

/// The host and the port of an absolute URL.
pub(crate) fn host_of(url: &str) -> &str {
    let after_scheme = url.split_once("://").map_or(url, |(_, rest)| rest);
    let end = after_scheme.find(['/', '?', '#']);
    end.and_then(|end| after_scheme.get(..end)).unwrap_or(after_scheme)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_of_a_url_has_its_port_and_nothing_else() {
        for (url, host) in [
            ("http://127.0.0.1:8787/v1/sales/a?x=//y", "127.0.0.1:8787"),
            ("https://shop.example", "shop.example"),
            ("https://[::1]:8787?x", "[::1]:8787"),
        ] {
            assert_eq!(host_of(url), host);
        }
    }

    #[test]
    fn the_path_of_a_url_has_neither_host_nor_query() {
        for (url, path, query) in [
            ("http://127.0.0.1:8787/v1/sales/a?x=/y", "/v1/sales/a", Some("x=/y")),
            ("https://shop.example", "/", None),
            ("https://shop.example/#top", "/", None),
            ("https://shop.example/?a#top", "/", Some("a")),
        ] {
            assert_eq!((path_of(url), query_of(url)), (path, query));
        }
    }
}
