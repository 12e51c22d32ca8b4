#!/usr/bin/env bash
# Checks that the tools of a make target are there. Missing Debian packages are installed when run
# as root and named otherwise; Rust and Node are named with the version and where they come from.
# Usage: scripts/need.sh build|test
#   build  a C compiler and Rust: all that `make run` needs
#   test   that, Node with npm, git, the wasm target; strace if it can be had
set -euo pipefail

readonly RUST_MINOR=95 # 1.95
readonly NODE_MAJOR=20
readonly WASM_TARGET=wasm32-unknown-unknown

fail() {
    printf '!!! %s\n' "$*" >&2
    exit 1
}

have() {
    command -v "$1" >/dev/null 2>&1
}

# Installs Debian packages as root. Returns 1 if that is not possible.
install_packages() {
    [ "$(id -u)" -eq 0 ] && have apt-get || return 1
    printf '==> installing Debian packages: %s\n' "$*"
    DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@" && return 0
    # The package lists of a fresh machine may be missing or old.
    apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@"
}

need_packages() {
    [ "$#" -gt 0 ] || return 0
    install_packages "$@" ||
        fail "missing Debian packages: $*. As root: apt-get install $*"
}

need_rust() {
    have cargo || fail "cargo is missing: install Rust 1.$RUST_MINOR or newer (https://rustup.rs)"
    local version
    version=$(rustc --version) || fail "rustc does not start: $version"
    local minor
    minor=$(printf '%s' "$version" | sed -n 's/^rustc 1\.\([0-9]*\)\..*/\1/p')
    [ -n "$minor" ] && [ "$minor" -ge "$RUST_MINOR" ] ||
        fail "Rust 1.$RUST_MINOR or newer is needed, found: $version. Try: rustup update stable"
}

need_wasm_target() {
    local folder
    folder=$(rustc --print target-libdir --target "$WASM_TARGET")
    [ -d "$folder" ] && return 0
    have rustup || fail "the Rust target $WASM_TARGET is missing and rustup is not there to add it"
    printf '==> adding the Rust target %s\n' "$WASM_TARGET"
    rustup target add "$WASM_TARGET" || fail "rustup could not add the target $WASM_TARGET"
}

need_rust_components() {
    cargo fmt --version >/dev/null 2>&1 || fail "rustfmt is missing: rustup component add rustfmt"
    cargo clippy --version >/dev/null 2>&1 || fail "clippy is missing: rustup component add clippy"
}

need_node() {
    have node || fail "Node is missing: install Node $NODE_MAJOR or newer with npm (https://nodejs.org)"
    local major
    major=$(node -p 'process.versions.node.split(".")[0]')
    [ "$major" -ge "$NODE_MAJOR" ] ||
        fail "Node $NODE_MAJOR or newer is needed, found $(node --version)"
    have npm || fail "npm is missing; it comes with Node"
}

# Tests that need strace say so and skip themselves without it.
want_strace() {
    have strace || install_packages strace ||
        echo '    strace is missing: the tests of syncing to disk are skipped (apt-get install strace)'
}

build() {
    local packages=()
    have cc && have c++ || packages+=(build-essential)
    need_packages "${packages[@]}"
    need_rust
}

case "${1:-}" in
build)
    build
    ;;
test)
    build
    have git || need_packages git
    need_rust_components
    need_wasm_target
    need_node
    want_strace
    ;;
*)
    echo 'usage: scripts/need.sh build|test' >&2
    exit 2
    ;;
esac
