# Where the build tools of the edge are. Sourced by scripts/setup, scripts/build-edge and scripts/test.
#
# The Rust tools live outside of the checkout, one directory per version, so that a second clone finds
# them and two branches with different versions do not fight. The JavaScript tools live in node_modules.
# shellcheck shell=bash

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
CACHE=${LASTSEAT_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/lastseat}

note() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }
die() {
    note "$*"
    exit 1
}

# The version of a crate in Cargo.lock (the first one, if there are several).
locked_version() {
    awk -v want="\"$1\"" '
        $1 == "name" { found = ($3 == want) }
        $1 == "version" && found { gsub(/"/, "", $3); print $3; exit }
    ' "$ROOT/Cargo.lock"
}

# The version of lastseat: that of all crates, and of a release.
workspace_version() {
    sed -n '/^\[workspace\.package\]/,/^\[/s/^version = "\(.*\)"$/\1/p' "$ROOT/Cargo.toml"
}

# A hash of what is given on standard input.
hash_of_input() {
    if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi | cut -d' ' -f1
}

# Where the Python tools of scripts/NAME.txt are: an environment named after what is in it.
python_tools() {
    echo "$CACHE/$1-$(hash_of_input <"$ROOT/scripts/$1.txt" | cut -c1-16)"
}

# install_tool PACKAGE BINARY VERSION ROOT: builds a Rust tool and puts it under ROOT.
install_tool() {
    local package=$1 binary=$2 version=$3 root=$4
    local log
    local install=(cargo install --quiet "$package" --bin "$binary" --version "=$version" --root "$root")
    note "building $package $version (a few minutes, once)"
    log=$(mktemp)
    # They run for less than a second at a time, and compiling them is a large part of a first `make up`: without
    # optimisation half the processor time (wasm-bindgen: 89 s instead of 191 s; it then runs for 0.4 s instead of 0.1 s).
    export CARGO_PROFILE_RELEASE_OPT_LEVEL=0 CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_DEBUG=0
    # With the author's own lock file where possible. A registry that lags behind or has withdrawn one
    # of its entries is no reason to stop: then with the newest versions that fit.
    "${install[@]}" --locked 2>"$log" || "${install[@]}" 2>"$log" || {
        cat "$log" >&2
        rm -f "$log"
        die "could not build $package. Try: ${install[*]}"
    }
    rm -f "$log"
}

# Sets where the tools are that make the edge out of the compiler's Wasm. All come from package registries:
# a machine that cannot reach GitHub works.
locate_edge_tools() {
    [ -f "$ROOT/Cargo.lock" ] || die "Cargo.lock is missing: run 'cargo generate-lockfile'"
    WASM_BINDGEN_VERSION=$(locked_version wasm-bindgen)
    [ -n "$WASM_BINDGEN_VERSION" ] || die "Cargo.lock does not name wasm-bindgen"

    WASM_BINDGEN_ROOT=$CACHE/wasm-bindgen-cli-$WASM_BINDGEN_VERSION
    export WASM_BINDGEN_BIN=$WASM_BINDGEN_ROOT/bin/wasm-bindgen
    export WASM_OPT_BIN=$ROOT/node_modules/.bin/wasm-opt
    export ESBUILD_BIN=$ROOT/node_modules/.bin/esbuild
    # wasm-opt is a script for Node: let it find ours first.
    export PATH=$ROOT/node_modules/.bin:$PATH
}
