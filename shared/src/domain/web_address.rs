//! Web address: an `https://` address that an operator gives and a buyer's browser follows.

/// The part of an address behind its host, with its slash, query or fragment. `http://` is taken
/// for this machine only.
///
/// # Errors
/// What to change, as the end of a sentence that begins with the name of the field.
pub(crate) fn path_of(text: &str, most: usize) -> Result<&str, String> {
    if text.len() > most {
        return Err(format!("has at most {most} bytes, not {}", text.len()));
    }
    let may_be = |c: char| c.is_ascii_graphic() && !"\"<>\\^`|".contains(c);
    if let Some(c) = text.chars().find(|c| !may_be(*c)) {
        return Err(format!("must be percent-encoded, without {c:?}"));
    }
    let (secure, rest) = match (text.strip_prefix("https://"), text.strip_prefix("http://")) {
        (Some(rest), _) => (true, rest),
        (None, Some(rest)) => (false, rest),
        (None, None) => return Err("must begin with https://".to_owned()),
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let Some(host) = host_of(authority) else {
        return Err(format!(
            "needs a host name, with a port or without, and nothing else before the path, not \
             {authority:?}"
        ));
    };
    if !secure && !["localhost", "127.0.0.1", "[::1]"].contains(&host) {
        return Err(
            "must begin with https://; http:// is for localhost, 127.0.0.1 and [::1]".to_owned()
        );
    }
    Ok(path)
}

/// The host of `host` or `host:port`; no user, no placeholder.
fn host_of(authority: &str) -> Option<&str> {
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let of = |text: &str, more: &str| {
        !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c))
    };
    let is_host = match host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        Some(address) => address.parse::<core::net::Ipv6Addr>().is_ok(),
        None => of(host, "-.") && !host.starts_with(['-', '.']),
    };
    let is_port = |port: &str| port.parse::<u16>().is_ok_and(|n| n > 0) && of(port, "");
    (is_host && port.is_none_or(is_port)).then_some(host)
}
