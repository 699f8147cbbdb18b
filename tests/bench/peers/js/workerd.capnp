# The peers in JavaScript on bare workerd, in the shape of edge/workerd.capnp. One of them, by name:
#
#   npx workerd serve tests/bench/peers/js/workerd.capnp refuse --socket-addr http=127.0.0.1:9000
#
# refuse.js, pass.js and same.js say what they do. The variables are those of the edge: ORIGINS (pass takes the first one)
# and, for same, LASTSEAT_EDGE_KEY.

using Workerd = import "/workerd/workerd.capnp";

const refuse :Workerd.Config = (
  services = [(name = "edge", worker = (
    modules = [(name = "refuse.js", esModule = embed "refuse.js")],
    compatibilityDate = .compatibilityDate,
    globalOutbound = "internet",
  )), .internet],
  sockets = [.http],
  v8Flags = .v8Flags,
);

const pass :Workerd.Config = (
  services = [(name = "edge", worker = (
    modules = [
      (name = "pass.js", esModule = embed "pass.js"),
      (name = "origins.js", esModule = embed "origins.js"),
    ],
    compatibilityDate = .compatibilityDate,
    bindings = [(name = "ORIGINS", fromEnvironment = "ORIGINS")],
    globalOutbound = "internet",
  )), .internet],
  sockets = [.http],
  v8Flags = .v8Flags,
);

const same :Workerd.Config = (
  services = [(name = "edge", worker = (
    modules = [
      (name = "same.js", esModule = embed "same.js"),
      (name = "counts.js", esModule = embed "counts.js"),
      (name = "gate.js", esModule = embed "gate.js"),
      (name = "origins.js", esModule = embed "origins.js"),
      (name = "router.js", esModule = embed "router.js"),
      (name = "signature.js", esModule = embed "signature.js"),
    ],
    compatibilityDate = .compatibilityDate,
    bindings = [
      (name = "ORIGINS", fromEnvironment = "ORIGINS"),
      (name = "LASTSEAT_EDGE_KEY", fromEnvironment = "LASTSEAT_EDGE_KEY"),
      (name = "CLIENT_IP", text = "connection"),
    ],
    globalOutbound = "internet",
  )), .internet],
  sockets = [.http],
  v8Flags = .v8Flags,
);

# Those of edge/workerd.capnp.
const compatibilityDate :Text = "2026-10-20";
const v8Flags :List(Text) = ["--min-semi-space-size=32"];

const internet :Workerd.Service = (name = "internet", network = (allow = ["public", "private", "local"]));

const http :Workerd.Socket = (name = "http", address = "*:8787", http = (), service = "edge");
