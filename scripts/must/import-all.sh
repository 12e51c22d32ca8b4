#!/usr/bin/env bash
# Imports every bundle of the sample data that has a patient into a chart of its own person, by the program: stored,
# anchored, read back byte for byte, lists proven complete, unchanged when imported again. Prints one JSON line.
# CARECHAIN_SAMPLES is the folder of sample data (default ../shared/data). Takes minutes.
set -euo pipefail
cd "$(dirname "$0")/../.."

cargo build --quiet --release --locked -p carechain-cli -p carechain-benches
exec target/release/carechain-benches import-all target/release/carechain
