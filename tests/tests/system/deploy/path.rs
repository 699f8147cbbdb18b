//! The page on production, followed line by line: on one machine, in a folder in the place of `/`,
//! without systemd and without Cloudflare. Three commands are stood in for: `systemctl` starts what
//! the units say, `apt-get` finds what is installed, and `install` leaves owners out.

use lastseat_cluster::process::free_port;
use lastseat_tests::harness::certificates::openssl;
use lastseat_tests::harness::document::Document;
use lastseat_tests::harness::paths::{lastseat, repository, scratch};
use lastseat_tests::harness::wait::until;
use lastseat_tests::harness::{Edge, LoneEdge, Program};
use rustix::process::Signal;
use shared::upstream::balancer::OriginRow;
use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

const ENDS_WITHIN: Duration = Duration::from_secs(120);

/// Starts what a unit says, with the paths below `$ROOT`.
const SYSTEMCTL: &str = r#"
units=$ROOT/etc/systemd/system
here() {
    sed "s|/etc/|$ROOT/etc/|g; s|/usr/local/|$ROOT/usr/local/|g; s|/var/lib|$ROOT/var/lib|g
        s|%S|$ROOT/var/lib|g; s|%i|$1|g" "$2"
}
of() { printf '%s\n' "$unit" | sed -n "s/^$1=-\{0,1\}//p"; }
start() {
    case $1 in
    redis-server)
        unit=$(here "" "$units/redis-server.service.d/lastseat.conf")
        $(of ExecStartPre)
        redis-server "$ROOT/etc/redis/redis.conf" >>"$ROOT/redis.log" 2>&1 &
        for _ in $(seq 100); do
            redis-cli -p "$REDIS_PORT" ping 2>&1 | grep -q NOAUTH && return
            sleep 0.1
        done
        cat "$ROOT/redis.log"; exit 1
        ;;
    *)
        case $1 in *@*) file=${1%@*}@ ;; *) file=$1 ;; esac
        unit=$(here "${1#*@}" "$units/$file.service")
        (
            set -a
            while IFS='=' read -r name value; do declare "$name=$value"; done < <(
                of Environment
                of EnvironmentFile | while read -r file; do grep '^[A-Z]' "$file"; done)
            set +a
            $(of ExecStart) >>"$ROOT/$1.log" 2>&1 &
            eval "$(of ExecStartPost)" || { cat "$ROOT/$1.log"; exit 1; }
        )
        ;;
    esac
}
case $1 in
daemon-reload) ;;
restart) start "$2" ;;
enable) shift 2; for name; do start "$name"; done; : >"$ROOT/nodes-serve" ;;
*) echo "systemctl $*: not expected"; exit 1 ;;
esac
"#;
const INSTALL: &str = r#"
words=()
while [ $# -gt 0 ]; do
    case $1 in -o | -g) shift 2 ;; *) words+=("$1"); shift ;; esac
done
for word in "${words[@]}"; do case $word in "$ROOT"/*) mkdir -p "${word%/*}" ;; esac; done
exec /usr/bin/install "${words[@]}"
"#;
/// The edge is started when its key is known, and is at another address; so is the gateway, whose
/// certificate is made for this test.
const CURL: &str = r#"
case "$*" in
*--resolve*)
    words=("${@/tickets.example.com:443/tickets.example.com:$GATEWAY_PORT}")
    words=("${words[@]/tickets.example.com\/v1/tickets.example.com:$GATEWAY_PORT/v1}")
    exec /usr/bin/curl --cacert "$ROOT/work/fullchain.pem" "${words[@]}"
    ;;
esac
for _ in $(seq 600); do [ -s "$ROOT/edge.url" ] && break; sleep 0.1; done
exec /usr/bin/curl "${@/https:\/\/tickets.example.com/$(cat "$ROOT/edge.url")}"
"#;

fn shim(folder: &Path, name: &str, text: &str) {
    let file = folder.join(name);
    fs::write(&file, format!("#!/usr/bin/env bash\nset -euo pipefail\n{text}\n")).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
}

/// What a fresh server and a fresh checkout have.
fn fresh(root: &Path, redis: u16) {
    let (shims, work) = (root.join("shims"), root.join("work"));
    for folder in ["shims", "work", "home", "etc/redis", "etc/systemd/system", "var/lib/redis"] {
        fs::create_dir_all(root.join(folder)).unwrap();
    }
    fs::create_dir_all(root.join("usr/local/bin")).unwrap();
    for (name, text) in [
        ("sudo", "exec \"$@\""),
        ("apt-get", "for tool in \"${@:3}\"; do command -v \"$tool\" >/dev/null; done"),
        ("useradd", ""),
        ("systemctl", SYSTEMCTL),
        ("install", INSTALL),
        ("curl", CURL),
    ] {
        shim(&shims, name, text);
    }
    let program = lastseat().unwrap();
    shim(&shims, "make", &format!("[ $1 = dist ] && cp {} lastseat", program.display()));
    let copied = Command::new("cp").arg("-a").arg(repository().join("deploy")).arg(&work).status();
    assert!(copied.unwrap().success());
    let place = root.display();
    // As Debian's package leaves it, as far as it matters.
    let conf = format!(
        "bind 127.0.0.1 -::1\nport {redis}\ndaemonize no\nsave 3600 1\ndir {place}/var/lib/redis\n"
    );
    fs::write(root.join("etc/redis/redis.conf"), conf).unwrap();
}

/// Gives the example files the addresses of this test, as an operator would.
fn at_home(root: &Path, places: &[(String, String)], gateway: u16) {
    let here = [
        ("0.0.0.0:443".to_owned(), format!("127.0.0.1:{gateway}")),
        ("10.0.0.6".to_owned(), "127.0.0.1".to_owned()),
        ("/etc/lastseat-tls".to_owned(), format!("{}/etc/lastseat-tls", root.display())),
    ];
    for file in ["node.env.example", "gateway.env.example"] {
        let example = root.join("work/deploy/systemd").join(file);
        let mut text = fs::read_to_string(&example).unwrap();
        for (from, to) in places.iter().chain(&here) {
            text = text.replace(from.as_str(), to);
        }
        fs::write(&example, text).unwrap();
    }
}

/// The secrets that the page writes have a file mode that keeps other users out.
fn nothing_is_for_others_to_read(root: &Path) {
    let secrets = [
        "work/production.secrets",
        "etc/redis/users.acl",
        "etc/lastseat/lastseat.env",
        "etc/lastseat/gateway.env",
    ];
    for file in secrets.map(|file| root.join(file)) {
        let mode = fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{}", file.display());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_on_production_followed_line_by_line_leads_to_a_sale() {
    let directory = scratch().unwrap();
    let root = directory.path();
    let ports = [(); 7].map(|()| free_port().unwrap());
    let [redis, one, two, admin_one, admin_two, gateway, admin_gateway] = ports;
    fresh(root, redis);
    openssl(
        &root.join("work"),
        "req -x509 -nodes -days 1 -subj /CN=tickets.example.com -keyout privkey.pem \
         -out fullchain.pem -addext subjectAltName=DNS:tickets.example.com",
    );
    let place = |path: &str| (path.to_owned(), format!("{}{path}", root.display()));
    let port = |from: u16, to: u16| (format!(":{from}"), format!(":{to}"));
    let mut places = vec![place("/etc/"), place("/usr/local/")];
    places.push(("10.0.0.5:6379".to_owned(), format!("127.0.0.1:{redis}")));
    places.push(("bind 10.0.0.5".to_owned(), "bind 127.0.0.1".to_owned()));
    places.extend([port(3001, one), port(3002, two), port(3101, admin_one)]);
    places.extend([port(3102, admin_two), port(8887, admin_gateway)]);
    at_home(root, &places[4..], gateway);

    let document = Document::read("docs/DEPLOY.md");
    let places: Vec<(&str, String)> =
        places.iter().map(|(from, to)| (from.as_str(), to.clone())).collect();
    let script = root.join("script");
    fs::write(&script, document.script(&places)).unwrap();
    let path = format!("{0}/shims:{0}/usr/local/bin:", root.display());
    let mut command = Command::new("bash");
    command
        .arg(&script)
        .current_dir(root.join("work"))
        .env_clear()
        .env("PATH", path + &env::var("PATH").unwrap())
        .env("HOME", root.join("home"))
        .env("ROOT", root)
        .env("REDIS_PORT", redis.to_string())
        .env("GATEWAY_PORT", gateway.to_string());
    let mut reader = Program::start("docs/DEPLOY.md", command).unwrap();
    let serves = root.join("nodes-serve");
    let (mut edge, end) = (None, Instant::now() + ENDS_WITHIN);
    let status = loop {
        if edge.is_none() && serves.exists() {
            let secrets = fs::read_to_string(root.join("work/production.secrets")).unwrap();
            let key = secrets.lines().find_map(|line| line.strip_prefix("EDGE=")).unwrap();
            let urls = [one, two].map(|port| format!("http://127.0.0.1:{port}"));
            let rows = urls.each_ref().map(|url| OriginRow::new(url, 1));
            let started = LoneEdge::start(Edge::Workerd, &rows, &format!("1:{key}")).await.unwrap();
            fs::write(root.join("edge.url"), &started.url).unwrap();
            edge = Some(started);
        }
        if let Ok(status) = reader.wait(Duration::from_millis(200)) {
            break status;
        }
        assert!(Instant::now() < end, "it still runs: {}", reader.notes());
    };
    let mut lines = Vec::new();
    while let Ok(line) = reader.line(Duration::from_millis(200)) {
        lines.push(line);
    }
    reader.signal_group(Signal::TERM);
    assert!(status.success(), "{status}\n{}", lines.join("\n"));
    document.compare(&lines);
    nothing_is_for_others_to_read(root);
    until("the nodes have ended", || {
        std::net::TcpListener::bind(("127.0.0.1", one)).ok().map(drop)
    });
}
