# The edge on bare workerd, without wrangler: for load tests on one machine and for self-hosting.
#
#   scripts/build-edge
#   npx workerd serve edge/workerd.capnp
#
# Another port:     --socket-addr http=127.0.0.1:9000
# Several processes: --socket-fd http=3 instead, each with a socket of its own that its supervisor opened with
#                   SO_REUSEPORT (`lastseat cluster --workers 2` does that; systemd: ReusePort=yes in a socket unit).
# Other origins:    ORIGINS='[{"url":"http://127.0.0.1:4001","weight":1}]' in the environment.
#                   Without it the edge takes LOCAL_ORIGINS below.
# Its key:          LASTSEAT_EDGE_KEY in the environment, the same as the origins have (docs/SECURITY.md):
#                   export "$(grep LASTSEAT_EDGE_KEY .dev.vars | tr -d '"')" takes that of this checkout.
# Another balance:  BALANCE=ip_hash in the environment (default: round_robin); ZONE names its zone.
# Open files:       two for each connection, and workerd ends when none is free: allow 65536 (ulimit -n, LimitNOFILE) and have it
#                   started again, as `lastseat cluster` does.
# Limits, both off by default: LASTSEAT_BUYER_KEY asks buyers for a token of the shop, CLIENT_RATE='5/s burst 20'
#                   bounds what one client address may ask of this process (docs/SECURITY.md).
# Pages elsewhere:  ALLOWED_ORIGINS='https://shop.example' lets pages of that origin order (docs/howto/embed-the-page.md).

using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "edge", worker = .edge),
    # What `fetch` may reach. Origins may be on this machine or in a private network.
    (name = "internet", network = (allow = ["public", "private", "local"])),
  ],
  sockets = [
    (name = "http", address = "*:8787", http = (), service = "edge"),
  ],
  # Each request leaves garbage, of which next to nothing lives on. V8's young generation of its own choosing is collected
  # so often that it takes a sixth of the processor; this one, of up to three times 32 MB, seldom (docs/evidence/PERFORMANCE.md).
  v8Flags = ["--min-semi-space-size=32"],
);

const edge :Workerd.Worker = (
  # The first module is the one that is started; the names are those that it imports.
  modules = [
    (name = "index.js", esModule = embed "build/index.js"),
    (name = "index_bg.wasm", wasm = embed "build/index_bg.wasm"),
  ],
  # Keep in step with wrangler.toml.
  compatibilityDate = "2026-10-20",
  bindings = [
    (name = "ORIGINS", fromEnvironment = "ORIGINS"),
    (name = "BALANCE", fromEnvironment = "BALANCE"),
    (name = "ZONE", fromEnvironment = "ZONE"),
    (name = "LASTSEAT_EDGE_KEY", fromEnvironment = "LASTSEAT_EDGE_KEY"),
    (name = "LASTSEAT_BUYER_KEY", fromEnvironment = "LASTSEAT_BUYER_KEY"),
    (name = "CLIENT_RATE", fromEnvironment = "CLIENT_RATE"),
    (name = "ALLOWED_ORIGINS", fromEnvironment = "ALLOWED_ORIGINS"),
    (name = "TRACE_SHARE", fromEnvironment = "TRACE_SHARE"),
    (name = "CLIENT_TRACES", fromEnvironment = "CLIENT_TRACES"),
    # The nodes that `lastseat cluster` starts.
    (name = "LOCAL_ORIGINS", text =
      `[
      `  {"url": "http://127.0.0.1:3001", "weight": 1},
      `  {"url": "http://127.0.0.1:3002", "weight": 2},
      `  {"url": "http://127.0.0.1:3003", "weight": 3},
      `  {"url": "http://127.0.0.1:3004", "weight": 4}
      `]
    ),
    # Clients connect to this process, so the address is the connection's: here nothing stops a client
    # from sending a CF-Connecting-IP of its own. Behind Cloudflare: "header".
    (name = "CLIENT_IP", text = "connection"),
  ],
  globalOutbound = "internet",
);
