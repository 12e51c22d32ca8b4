#!/usr/bin/env bash
# Makes docs/images/terminal.svg from what the program really prints: a demo node in a temporary
# folder, a patient and a doctor at its commands.
# Usage: scripts/screenshot.sh   (after `make build`; needs Node)
set -euo pipefail
cd "$(dirname "$0")/.."

program=target/release/carechain
[ -x "$program" ] || { echo "build it first: make build" >&2; exit 1; }
dir=$(mktemp -d)
node=''
clean() {
    if [ -n "$node" ]; then
        kill "$node" 2>/dev/null && wait "$node" || true
    fi
    rm -rf "$dir"
}
trap clean EXIT

"$program" node --demo --data "$dir/data" --listen 127.0.0.1:0 --json >"$dir/ready" 2>"$dir/log" &
node=$!
# The ready line comes when the demo people are there; the node ends early only if it failed.
while [ ! -s "$dir/ready" ]; do
    kill -0 "$node" 2>/dev/null || { cat "$dir/log" >&2; exit 1; }
    sleep 0.2
done
CARECHAIN_NODE=$(sed 's/.*"url":"\([^"]*\)".*/\1/' "$dir/ready")
export CARECHAIN_NODE
demo=$dir/data/demo
patient=$("$program" keys show --json --keyset "$demo/patient.keyset" | sed 's/.*"subject":"\([^"]*\)".*/\1/')
doctor=$("$program" keys show --json --keyset "$demo/doctor.keyset" | sed 's/.*"subject":"\([^"]*\)".*/\1/')
first=$("$program" records --category laboratory --json --keyset "$demo/patient.keyset" \
    --password-file "$demo/password" | sed -n 1p | sed 's/.*"record":"\(0x............\).*/\1/')

# Shows a command as its user types it, with the keyset and password of WHO, and what it prints.
show() {
    local who=$1
    shift
    printf '%s$ carechain %s\n' "$who" "$*" | sed "s/$patient/\$PATIENT/; s/$doctor/\$DOCTOR/"
    "$program" "$@" --keyset "$demo/$who.keyset" --password-file "$demo/password" 2>&1 | shorten
    printf '\n'
}

# Keeps the first rows of a table and its last line.
shorten() {
    awk '{ line[NR] = $0 } END {
        for (i = 1; i <= NR; i++) if (NR <= 9 || i <= 6 || i == NR) print line[i]; else if (i == 7) print "…"
    }' | cut -c1-110 | sed 's/ *$//'
}

mkdir -p docs/images
{
    show patient records --category laboratory
    show patient view "$first"
    show patient access
    show doctor records --patient "$patient" --category notes
    show patient receipts
    show patient verify --all
} >"$dir/transcript"
node scripts/terminal-svg.mjs 'carechain: a demo patient and doctor' <"$dir/transcript" >docs/images/terminal.svg
cat "$dir/transcript"
