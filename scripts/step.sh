#!/usr/bin/env bash
# Runs one step of a make target: announces it, then says how long it took or plainly what failed.
# Usage: scripts/step.sh "NAME" COMMAND [ARGUMENT…]
set -euo pipefail

if [ "$#" -lt 2 ]; then
    echo 'usage: scripts/step.sh "NAME" COMMAND [ARGUMENT…]' >&2
    exit 2
fi
name=$1
shift

stop() {
    printf '\n!!! %s: interrupted; run make again to continue\n' "$name" >&2
    exit 130
}
trap stop INT TERM

printf '==> %s\n' "$name"
SECONDS=0
status=0
"$@" || status=$?
if [ "$status" -ne 0 ]; then
    printf '!!! %s failed after %d s (exit %d): %s\n' "$name" "$SECONDS" "$status" "$*" >&2
    exit "$status"
fi
printf '    %s: %d s\n' "$name" "$SECONDS"
