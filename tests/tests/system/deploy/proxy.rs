//! nginx in front of a node, with the configuration of `deploy/nginx`: what it hands on is what it
//! was given.

use lastseat_cluster::process::free_port;
use lastseat_tests::harness::Program;
use lastseat_tests::harness::certificates::openssl;
use lastseat_tests::harness::paths::{repository, scratch, tool};
use lastseat_tests::harness::wait::until;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};
use std::thread;

/// What one request looked like at the node: first line, headers, body.
struct Seen {
    line: String,
    headers: Vec<String>,
    body: String,
}

impl Seen {
    fn read(stream: &TcpStream) -> Option<Self> {
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
        let mut headers = Vec::new();
        loop {
            let mut header = String::new();
            reader.read_line(&mut header).ok()?;
            match header.trim_end() {
                "" => break,
                header => headers.push(header.to_owned()),
            }
        }
        let length = headers.iter().find_map(|header| {
            let (name, value) = header.split_once(": ")?;
            name.eq_ignore_ascii_case("content-length").then(|| value.parse().ok())?
        });
        let mut body = vec![0; length.unwrap_or(0)];
        reader.read_exact(&mut body).ok()?;
        Some(Self {
            line: line.trim_end().to_owned(),
            headers,
            body: String::from_utf8(body).ok()?,
        })
    }
}

/// Stands where a node would: notes each request, and answers the first one of each kind only.
fn node() -> (u16, Receiver<Seen>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("its address").port();
    let (tell, seen) = channel();
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            while let Some(request) = Seen::read(&stream) {
                let breaks = request.line.contains("/break");
                if tell.send(request).is_err() || breaks {
                    break;
                }
                let answer = "HTTP/1.1 201 Created\r\ncontent-length: 2\r\n\r\nok";
                if (&stream).write_all(answer.as_bytes()).is_err() {
                    break;
                }
            }
        }
    });
    (port, seen)
}

/// A certificate for a day.
fn certificate(directory: &Path) {
    openssl(
        directory,
        "req -x509 -nodes -days 1 -subj /CN=origin-1.example.com \
         -keyout origin.key -out origin.pem",
    );
}

/// The configuration with the addresses of this test.
fn configuration(directory: &Path, node: u16, port: u16) -> String {
    let site = fs::read_to_string(repository().join("deploy/nginx/lastseat.conf")).unwrap();
    let here = directory.display();
    let mut local = site;
    for (from, to) in [
        ("127.0.0.1:3001", format!("127.0.0.1:{node}")),
        ("listen 443 ssl", format!("listen 127.0.0.1:{port} ssl")),
        ("/etc/ssl/lastseat/origin.pem", format!("{here}/origin.pem")),
        ("/etc/ssl/lastseat/origin.key", format!("{here}/origin.key")),
    ] {
        assert!(local.contains(from), "the configuration has no {from}");
        local = local.replace(from, &to);
    }
    let places = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    let places: String =
        places.iter().map(|kind| format!("{kind}_temp_path {here}/{kind};\n")).collect();
    format!(
        "daemon off;\npid {here}/pid;\nerror_log stderr warn;\nevents {{}}\nhttp \
         {{\n{places}{local}}}\n"
    )
}

fn nginx() -> &'static str {
    // Debian keeps it where a user's PATH does not look.
    let known =
        ["/usr/sbin/nginx", "/usr/bin/nginx", "/usr/local/bin/nginx", "/opt/homebrew/bin/nginx"];
    let found = known.into_iter().find(|path| Path::new(path).exists());
    found.expect("nginx is missing. Run 'make setup-tests'")
}

#[test]
fn nginx_hands_an_order_on_as_it_came_and_never_twice() {
    let scratch = scratch().unwrap();
    let directory = scratch.path();
    certificate(directory);
    let (node, seen) = node();
    let port = free_port().unwrap();
    let file = directory.join("nginx.conf");
    fs::write(&file, configuration(directory, node, port)).unwrap();
    let mut command = Command::new(nginx());
    command.arg("-p").arg(directory).arg("-c").arg(&file);
    command.args(["-e", "stderr"]);
    let _nginx = Program::start("nginx", command).unwrap();
    until("nginx listens", || TcpStream::connect(("127.0.0.1", port)).ok());

    let curl = |path: &str| {
        let mut command = Command::new(tool("curl"));
        command
            .args(["-sk", "-o", "/dev/null", "-w", "%{http_code}", "--path-as-is"])
            .args(["--resolve", &format!("origin-1.example.com:{port}:127.0.0.1")])
            .args([
                "-H",
                "Lastseat-Edge-Signature: 1.1.2.3",
                "-H",
                "Idempotency-Key: 0123456789abcdef",
            ])
            .args(["-d", r#"{"buyer":"ada"}"#])
            .arg(format!("https://origin-1.example.com:{port}{path}"));
        let output = command.output().expect("curl runs");
        String::from_utf8(output.stdout).expect("a status")
    };
    let path = "/v1/sales/a%2Fb/orders?x=%20y";
    assert_eq!(curl(path), "201");
    let request = seen.recv().unwrap();
    assert_eq!(request.line, format!("POST {path} HTTP/1.1"));
    assert_eq!(request.body, r#"{"buyer":"ada"}"#);
    for wanted in ["Lastseat-Edge-Signature: 1.1.2.3", "Idempotency-Key: 0123456789abcdef"] {
        assert!(request.headers.iter().any(|h| h == wanted), "{:?}", request.headers);
    }
    let closes = |h: &String| h.eq_ignore_ascii_case("connection: close");
    assert!(!request.headers.iter().any(closes), "the connection to the node stays open");

    // The node takes the order and breaks off: what became of it is for the edge to find out.
    assert_eq!(curl("/break"), "502");
    assert!(seen.recv().unwrap().line.contains("/break"));
    assert_eq!(curl(path), "201");
    let next = seen.recv().unwrap();
    assert!(!next.line.contains("/break"), "nginx sent it twice");
}
