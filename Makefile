# `make help` lists the targets.

EDGES   ?= 1
BUYERS  ?= 1000000
TICKETS ?= 10000

# wrangler is what a developer of the edge uses; bare workerd is the quicker one, for a crowd.
up: EDGE ?= wrangler
rush: EDGE ?= workerd

.DEFAULT_GOAL := help
.PHONY: help setup edge build up rush swarm test fmt lint clean

help: ## list the targets
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  make %-8s %s\n", $$1, $$2 }'
	@echo
	@echo "  up:   EDGE=wrangler (or workerd)  EDGES=$(EDGES)"
	@echo "  rush: EDGE=workerd (or wrangler)  BUYERS=$(BUYERS)  TICKETS=$(TICKETS)"

setup: ## install what is missing on this machine (idempotent)
	@scripts/setup

edge: ## build the edge to Wasm (edge/build)
	@scripts/build-edge

build: edge ## build the edge and the release binary of the origin
	@cargo build --release --locked -p lastseat

up: setup build ## run everything here: Redis, 4 origins, edge, a sale of 10,000; Ctrl-C stops it
	@exec ./target/release/lastseat cluster --demo --edge $(EDGE) --edges $(EDGES)

rush: setup build ## a million buyers for ten thousand tickets, then the audit
	@cargo build --release --locked -p lastseat-tests
	@exec ./target/release/rush --buyers $(BUYERS) --tickets $(TICKETS) --edge $(EDGE)

swarm: ## simulate 6,000 edge isolates and a million buyers (no servers)
	@cargo run --release --locked --quiet -p lastseat-tests --bin swarm

test: setup ## everything that CI checks
	@scripts/test

fmt: ## format the code
	@cargo fmt --all

lint: ## clippy for the native and the Wasm targets
	@cargo clippy --workspace --all-targets --locked -- -D warnings
	@cargo clippy -p lastseat-edge -p lastseat-shared --target wasm32-unknown-unknown --locked -- -D warnings

clean: ## remove what was built (the tools stay)
	@cargo clean --quiet
	@rm -rf edge/build .wrangler
