//! The variables of the worker (`[vars]` in `wrangler.toml`, bindings in `workerd.capnp`).

use shared::edge::config::EdgeConfig;

/// Where the client's address is taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClientIp {
    /// The header `CF-Connecting-IP`, which Cloudflare sets and clients cannot.
    Header,
    /// The connection's other end: bare workerd, where a client could send that header itself.
    Connection,
}

/// How the key is set where the worker runs.
const KEY_HINT: &str = "Set it with `npx wrangler secret put LASTSEAT_EDGE_KEY`, here with \
                        scripts/dev-vars";

/// Reads what every edge is configured with, and `CLIENT_IP`, through `var`.
///
/// # Errors
/// A sentence that names the variable and what it must look like.
pub(crate) fn read(var: impl Fn(&str) -> Option<String>) -> Result<(EdgeConfig, ClientIp), String> {
    let client_ip = match var("CLIENT_IP").as_deref() {
        None | Some("header") => ClientIp::Header,
        Some("connection") => ClientIp::Connection,
        Some(word) => {
            Err(format!("the variable CLIENT_IP is {word:?}; it must be header or connection"))?
        }
    };
    Ok((EdgeConfig::read(var, KEY_HINT)?, client_ip))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_client_ip(word: Option<&str>) -> Result<ClientIp, String> {
        let var = |name: &str| match name {
            "ORIGINS" => Some(r#"[{"url":"http://a"}]"#.to_owned()),
            "LASTSEAT_EDGE_KEY" => Some("0123456789abcdef0123456789abcdef".to_owned()),
            "CLIENT_IP" => word.map(str::to_owned),
            _ => None,
        };
        read(var).map(|(_, client_ip)| client_ip)
    }

    #[test]
    fn the_client_s_address_comes_from_the_header_unless_the_connection_is_named() {
        assert_eq!(with_client_ip(None), Ok(ClientIp::Header));
        assert_eq!(with_client_ip(Some("connection")), Ok(ClientIp::Connection));
        let error = with_client_ip(Some("x-real-ip")).unwrap_err();
        assert!(error.contains("header or connection"), "{error}");
    }

    #[test]
    fn a_worker_without_a_key_says_how_it_is_set() {
        let var = |name: &str| (name == "ORIGINS").then(|| r#"[{"url":"http://a"}]"#.to_owned());
        let error = read(var).unwrap_err();
        assert!(error.contains("wrangler secret put"), "{error}");
    }
}
