#!/usr/bin/env bash
# Shows by strace that the node syncs content store, vault and chain log before it acknowledges, and that it refuses
# when a sync fails. Prints one JSON line and ends with 1 where anything is otherwise.
set -euo pipefail
cd "$(dirname "$0")/../.."

if ! command -v strace >/dev/null; then
    echo 'strace is missing: apt-get install strace' >&2
    exit 1
fi
cargo build --quiet --release --locked -p carechain-cli
exec node scripts/must/strace-sync.mjs target/release/carechain
