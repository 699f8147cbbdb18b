//! Validation of the flags of `lastseat gateway`.
//!
//! What it does as an edge is checked where the variables of a Worker are, when it starts.

use super::check::{Wrong, address, number};
use super::{CONNECTIONS, processors, threads};
use crate::cli::{AccessFlags, EdgeFlags, GatewayFlags, OutsideFlags, PublicFlags};
use crate::failure::Failure;
use lastseat_gateway::config::{EdgeVariables, GatewayConfig};
use lastseat_gateway::front::{CertificateFiles, FrontConfig};
use lastseat_node::secret::{Secret, given};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Most bytes of a file with the table of nodes: a few hundred a node.
const ORIGINS_FILE_MAX: u64 = 256 * 1_024;

/// Checks the flags of `lastseat gateway`.
///
/// # Errors
/// A sentence for each flag that is wrong.
pub fn gateway_config(flags: GatewayFlags) -> Result<GatewayConfig, Failure> {
    let mut wrong = Wrong::default();
    let names = ["--listen", "--admin-listen"];
    let threads = wrong.note(threads(flags.threads.as_deref(), processors()));
    let connections_max = wrong.note(number("--connections", &flags.connections, CONNECTIONS));
    let addresses = [flags.listen.as_str(), flags.admin_listen.as_str()];
    let front = front(&mut wrong, names, addresses, flags.outside, (threads, connections_max));
    let edge = wrong.note(edge_variables(flags.edge));
    wrong.into_result(|| Some(GatewayConfig { front: front?, edge: edge?, own_node: None }))
}

/// Where and how a server that faces buyers serves: `names` are those of the flags of its two
/// addresses, `bounds` its threads and most connections.
pub(super) fn front(
    wrong: &mut Wrong,
    names: [&str; 2],
    addresses: [&str; 2],
    outside: OutsideFlags,
    bounds: (Option<usize>, Option<usize>),
) -> Option<FrontConfig> {
    let listen = wrong.note(address(names[0], addresses[0]));
    let admin_listen = wrong.note(address(names[1], addresses[1]));
    let tls = wrong.note(tls(outside.tls_cert, outside.tls_key));
    let trusted = outside.trusted_proxies.parse();
    let trusted_proxies = wrong.note(trusted.map_err(|e| format!("--trusted-proxies: {e}")));
    let source = outside.client_ip.parse();
    let client_address = wrong.note(source.map_err(|e| format!("--client-ip or CLIENT_IP: {e}")));
    if outside.proxy_protocol && outside.trusted_proxies.trim().is_empty() {
        wrong.say(
            "--proxy-protocol is for the peers that --trusted-proxies names, but none is named: \
             add the networks of your load balancers"
                .to_owned(),
        );
    }
    if let (Some(a), Some(b)) = (listen, admin_listen)
        && a == b
        && a.port() != 0
    {
        wrong.say(format!("{} and {} are both {a}", names[0], names[1]));
    }
    Some(FrontConfig {
        listen: listen?,
        admin_listen: admin_listen?,
        threads: bounds.0?,
        connections_max: bounds.1?,
        tls: tls?,
        trusted_proxies: trusted_proxies?,
        proxy_protocol: outside.proxy_protocol,
        client_address: client_address?,
    })
}

/// The public side of a node, without the table of nodes: its own address is known once it listens.
pub(super) fn public_config(
    wrong: &mut Wrong,
    flags: PublicFlags,
    access: &AccessFlags,
    bounds: (Option<usize>, Option<usize>),
) -> Option<GatewayConfig> {
    let listen = flags.public?;
    let names = ["--public", "--public-admin-listen"];
    let addresses = [listen.as_str(), flags.public_admin_listen.as_str()];
    let front = front(wrong, names, addresses, flags.outside, bounds)?;
    let text = |secret: &Option<Secret>| given(secret.as_ref()).map(|s| s.reveal().to_owned());
    let mut edge = EdgeVariables::default();
    edge.set("CLIENT_RATE", access.client_rate.clone());
    edge.set("ALLOWED_ORIGINS", access.allowed_origins.clone());
    edge.set("LASTSEAT_EDGE_KEY", text(&access.edge_key));
    edge.set("LASTSEAT_BUYER_KEY", text(&access.buyer_key));
    Some(GatewayConfig { front, edge, own_node: None })
}

fn tls(cert: Option<PathBuf>, key: Option<PathBuf>) -> Result<Option<CertificateFiles>, String> {
    match (cert, key) {
        (None, None) => Ok(None),
        (Some(cert), Some(key)) => Ok(Some(CertificateFiles { cert, key })),
        _ => Err("--tls-cert and --tls-key belong together: name both files or none".to_owned()),
    }
}

fn edge_variables(flags: EdgeFlags) -> Result<EdgeVariables, String> {
    let text = |secret: Option<Secret>| given(secret.as_ref()).map(|s| s.reveal().to_owned());
    let mut variables = EdgeVariables::default();
    for (name, value) in [
        ("ORIGINS", flags.origins.map(origins).transpose()?),
        ("BALANCE", flags.balance),
        ("ZONE", flags.zone),
        ("CLIENT_RATE", flags.client_rate),
        ("ALLOWED_ORIGINS", flags.allowed_origins),
        ("TRACE_SHARE", flags.trace_share),
        ("CLIENT_TRACES", flags.client_traces),
        ("LASTSEAT_EDGE_KEY", text(flags.edge_key)),
        ("LASTSEAT_BUYER_KEY", text(flags.buyer_key)),
    ] {
        variables.set(name, value);
    }
    Ok(variables)
}

/// The table of the nodes: what is no JSON array names a file.
fn origins(text: String) -> Result<String, String> {
    if text.trim_start().starts_with(['[', '{']) {
        return Ok(text);
    }
    let file = Path::new(&text);
    read(file).map_err(|e| {
        format!(
            "--origins or ORIGINS: {text:?} is neither a JSON array such as \
             [{{\"url\":\"http://127.0.0.1:3001\"}}] nor a file that can be read: {e}"
        )
    })
}

fn read(file: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(file)?.take(ORIGINS_FILE_MAX + 1).read_to_string(&mut text)?;
    if text.len() as u64 > ORIGINS_FILE_MAX {
        return Err(io::Error::other(format!("it is longer than {ORIGINS_FILE_MAX} bytes")));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Cli, Command};
    use clap::Parser;

    fn config(flags: &[&str]) -> Result<GatewayConfig, String> {
        let words = [&["lastseat", "gateway"], flags].concat();
        let cli = Cli::try_parse_from(words).map_err(|e| e.to_string())?;
        match cli.command {
            Some(Command::Gateway(flags)) => gateway_config(flags).map_err(|e| e.to_string()),
            other => Err(format!("{other:?}")),
        }
    }

    #[test]
    fn the_variables_of_the_edge_are_handed_on_under_their_names() {
        let directory = std::env::temp_dir();
        let file = directory.join(format!("lastseat-origins-{}.json", std::process::id()));
        std::fs::write(&file, "[1]").unwrap();
        let flags = ["--origins", file.to_str().unwrap(), "--zone", "east", "--edge-key", ""];
        let edge = config(&flags).unwrap().edge;
        std::fs::remove_file(&file).unwrap();
        assert_eq!(edge.get("ORIGINS").as_deref(), Some("[1]"));
        assert_eq!(edge.get("ZONE").as_deref(), Some("east"));
        assert_eq!((edge.get("LASTSEAT_EDGE_KEY"), edge.get("BALANCE")), (None, None));
        let edge = config(&["--origins", " [2]"]).unwrap().edge;
        assert_eq!(edge.get("ORIGINS").as_deref(), Some(" [2]"));
    }

    #[test]
    fn everything_that_is_wrong_with_a_gateway_is_said_at_once() {
        let said = config(&[
            "--listen=8787",
            "--threads=0",
            "--connections=1",
            "--tls-cert=a.pem",
            "--trusted-proxies=proxy.example",
            "--client-ip=x-real-ip",
            "--origins=/nowhere/origins.json",
        ])
        .unwrap_err();
        for word in [
            "--listen takes",
            "--threads takes",
            "--connections takes",
            "--tls-cert and --tls-key belong together",
            "--trusted-proxies: \"proxy.example\"",
            "connection, forwarded or header",
            "/nowhere/origins.json",
        ] {
            assert!(said.contains(word), "{word} is missing in:\n{said}");
        }
        let said = config(&["--proxy-protocol"]).unwrap_err();
        assert!(said.contains("add the networks of your load balancers"), "{said}");
        let said = config(&["--listen=127.0.0.1:1", "--admin-listen=127.0.0.1:1"]).unwrap_err();
        assert!(said.contains("are both"), "{said}");
    }
}
