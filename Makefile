# `make help` lists the targets.

EDGES   ?= 1
WORKERS ?=
BUYERS  ?= 1000000
TICKETS ?= 10000
ROUNDS  ?= 3
SEEDS   ?= 20000
SECONDS ?= 3600
CUTS    ?= all

# Of the whole workspace, also where one program is wanted: then cargo chooses the same features everywhere, and what
# `make up` compiled `make test` does not compile again.
RELEASE := cargo build --release --locked --workspace

# wrangler is what a developer of the edge uses; bare workerd is the quicker one, for a crowd.
up: EDGE ?= wrangler
rush drill: EDGE ?= workerd
# One run of the checker has one seed; `make sim` shows a single run only where SEED is set.
soak: SEED ?= 7

# A gateway is native: it needs neither the Wasm nor npm.
READY := $(if $(filter gateway,$(EDGE)),setup-native origin,setup build)

.DEFAULT_GOAL := help
.PHONY: help setup setup-native setup-tests setup-bench edge build origin dist release publish clients up rush drill edges torn swarm sim pause soak bench profile screens film test valkey guard guard-accept mutants api fmt lint audit docs clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-12s %s\n", $$1, $$2 }'
	@echo
	@echo "  up:   EDGE=wrangler (or workerd, gateway)  EDGES=$(EDGES)  WORKERS=1 (processes that share an edge's port; workerd)"
	@echo "  rush: EDGE=workerd (or wrangler, gateway)  EDGES=$(EDGES)  WORKERS=1  BUYERS=$(BUYERS)  TICKETS=$(TICKETS) (or PLAN=docs/examples/train.toml)"
	@echo "        KILL_NODE_AT=0.3 (kill -9 of a node when so much is sold)  CUT_REDIS_AT=0.3 (Redis loses the end of its file)"
	@echo "  drill: EDGE=workerd (or wrangler, gateway)  ROUNDS=$(ROUNDS)  PLAN=docs/examples/train.toml (default: tickets, and trains of the drills' own)"
	@echo "  soak: SEED=7  SECONDS=$(SECONDS)"
	@echo "  release: TARGETS=x86_64 (default: x86_64 and arm64)  CHECK=1"
	@echo "  bench: ONLY=M3 (or \"M3 M4\"; default: all)"

setup: ## install what is missing on this machine to build, sell and load (idempotent)
	@scripts/setup

setup-tests: ## the same, and what the tests need: a browser, Prometheus, linters
	@scripts/setup tests

setup-native: ## the same for nodes and a gateway alone: without npm
	@scripts/setup native

setup-bench: setup ## install Go and nginx for the bench, and build what it compares with (tests/bench)
	@scripts/setup-bench

edge: ## build the edge to Wasm (edge/build)
	@scripts/build-edge

build: edge origin ## build the edge and the release binary of the origin

origin: ## build the release binary of the origin, which has the gateway
	@$(RELEASE) --bin lastseat

dist: ## build the program that servers run, optimised as a whole (target/dist/lastseat; 3 minutes)
	@cargo build --profile dist --locked --package lastseat

release: setup ## make the files of a release (target/release-artifacts): TARGETS="x86_64 arm64", CHECK=1 makes them twice and compares
	@TARGETS="$(TARGETS)" scripts/release $(if $(CHECK),--check)

publish: ## put the files of `make release` onto the page of their tag on GitHub (CI does)
	@scripts/publish

clients: setup ## build the TypeScript client for browsers and older Node (clients/typescript/dist)
	@npm run --silent build --prefix clients/typescript

up: $(READY) ## run everything here: Redis, 4 origins, edge, a sale of 10,000; Ctrl-C stops it
	@exec ./target/release/lastseat cluster --demo --edge $(EDGE) --edges $(EDGES) $(if $(WORKERS),--workers $(WORKERS))

rush: $(READY) ## a million buyers for ten thousand tickets, then the audit
	@$(RELEASE) --bin tools
	@exec ./target/release/tools rush --buyers $(BUYERS) $(if $(PLAN),--plan $(PLAN),--tickets $(TICKETS)) --edge $(EDGE) --edges $(EDGES) $(if $(WORKERS),--workers $(WORKERS)) $(if $(KILL_NODE_AT),--kill-node-at $(KILL_NODE_AT)) $(if $(CUT_REDIS_AT),--cut-redis-at $(CUT_REDIS_AT))

drill: $(READY) ## kill, freeze, cut off and flood every part under load, audit it, write docs/evidence/DRILLS.md (12 minutes a round)
	@$(RELEASE) --bin tools
	@exec ./target/release/tools drill --long $(if $(PLAN),--plan $(PLAN),--write-docs) --edge $(EDGE) --rounds $(ROUNDS)

edges: setup-tests build ## every test that takes the edge as a parameter, with EDGE=gateway (make test has a choice of them)
	@LASTSEAT_TEST_EDGE=$(or $(EDGE),gateway) cargo test --release --locked --workspace --test system --test node

torn: setup build ## cut the append-only file at every byte and start Redis on each three times (CUTS=all: two hours; CUTS=last: of the last five scripts)
	@LASTSEAT_TORN=$(CUTS) cargo test --release --locked --workspace --test ledger -- torn:: --nocapture

screens: setup-tests ## take the pictures of the buyer page anew (docs/screens) while `make up` runs
	@LASTSEAT_CLUSTER=$(CURDIR)/.lastseat/cluster.json node_modules/.bin/node tests/page/screens.mjs

film: setup-tests ## film the dashboard during a rush (docs/screens/rush.webp) while `make up EDGE=workerd` runs
	@$(RELEASE) --bin tools
	@LASTSEAT_CLUSTER=$(CURDIR)/.lastseat/cluster.json node_modules/.bin/node tests/dashboard/film.mjs

swarm: ## simulate 6,000 edge isolates (EDGE=gateway: 4 and 40 gateways) and a million buyers (no servers)
	@$(RELEASE) --quiet --bin tools
	@$(if $(filter gateway,$(EDGE)),for n in 4 40; do ./target/release/tools simulator scale --gateways $$n || exit; done,exec ./target/release/tools simulator scale)

sim: ## simulate every fault, one run a seed: SEEDS=20000, SEED=7 shows one run, PLANTED=1, TAIL_CUT=1 (no servers)
	@$(RELEASE) --quiet --bin tools
	@exec ./target/release/tools simulator faults --seeds $(SEEDS) $(if $(SEED),--seed $(SEED)) $(if $(PLANTED),--planted) $(if $(TAIL_CUT),--tail-cut)

pause: setup build ## how long 1, 40, 400 and 4,000 sales stand still after Redis was killed, and that none lacks an order
	@exec python3 tests/checker/pause.py --most 2 --write-docs

soak: setup build ## check answers, records, log and counters of random buyers under faults: SEED=7 SECONDS=3600 (docs/evidence/CHECKER.md)
	@exec python3 tests/checker/main.py --seed $(SEED) --seconds $(SECONDS)

bench: setup-bench build dist ## measure lastseat against other services on this machine, in turn, each run audited (< 40 minutes)
	@$(RELEASE) --bin tools
	@LASTSEAT_BIN=$(CURDIR)/target/dist/lastseat exec ./target/release/tools bench $(foreach measure,$(ONLY),--only $(measure))

profile: build dist ## draw where the processor time of edge, gateway, node and Redis goes (docs/evidence/PROFILES.md; needs perf)
	@$(RELEASE) --bin tools
	@LASTSEAT_BIN=$(CURDIR)/target/dist/lastseat exec ./target/release/tools profile $(foreach scene,$(ONLY),--only $(scene))

test: setup-tests ## everything that CI checks
	@scripts/test

valkey: setup build ## run the tests of ledger, recovery, Sentinel and cluster on Valkey (VALKEY=/path/to/valkey-server; default: found or fetched)
	@VALKEY=$(VALKEY) scripts/valkey

guard: edge ## count the instructions of the hot paths and compare with tests/instructions.toml
	@$(RELEASE) --quiet --bin tools
	@exec ./target/release/tools guard

guard-accept: edge ## ... and write what they are now into that file
	@$(RELEASE) --quiet --bin tools
	@exec ./target/release/tools guard --accept

mutants: ## change one place of the scripts and of the gate after the other: which changes does no test see? (30 minutes)
	@$(RELEASE) --quiet --bin tools
	@scripts/mutants

api: ## write the documents of the API anew (docs/openapi.json, docs/API.md)
	@cargo build --quiet --locked -p lastseat
	@target/debug/lastseat openapi >docs/openapi.json
	@target/debug/lastseat openapi --operators >docs/openapi-operators.json
	@target/debug/lastseat openapi --reference >docs/API.md

fmt: ## format the code
	@cargo fmt --all

lint: setup-tests ## clippy for the native and the Wasm targets, linters for deploy/ and the scripts
	@scripts/lint-deploy
	@cargo clippy --workspace --all-targets --locked -- -D warnings
	@cargo clippy -p lastseat-edge -p lastseat-shared --target wasm32-unknown-unknown --locked -- -D warnings

audit: setup-tests ## ask for known vulnerabilities of all dependencies (needs GitHub and npm's own registry)
	@scripts/audit

docs: ## write what documents take from the program anew: docs/CLI.md, docs/compatibility.txt, the tables of docs/SCALE.md and docs/FAILOVER.md
	@LASTSEAT_WRITE_DOCS=1 cargo test --quiet --release --locked --workspace --test rules -- claims::reference claims::scale claims::figures claims::failover
	@LASTSEAT_WRITE_DOCS=1 cargo test --quiet --release --locked --workspace --test rules -- claims::compatibility

clean: ## remove what was built (the tools stay)
	@cargo clean --quiet
	@rm -rf edge/build .wrangler
