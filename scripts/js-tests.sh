#!/usr/bin/env bash
# The JavaScript tests: wasm/tests/*.mjs on the modules of target/wasm/nodejs, then `npm test` in
# every folder with a package-lock.json of its own (independent readers of our formats, outside
# clients of our interfaces). contracts/ has its own target; web/ will have one.
set -euo pipefail
cd "$(dirname "$0")/.."

# npm ci, unless the last one finished with this lock file.
install() {
    local stamp=node_modules/.installed
    if [ -f "$stamp" ] && cmp -s package-lock.json "$stamp"; then
        return 0
    fi
    npm ci --no-audit --no-fund
    cp package-lock.json "$stamp"
}

shopt -s nullglob
tests=(wasm/tests/*.mjs)
if [ "${#tests[@]}" -eq 0 ]; then
    echo 'wasm/tests holds no test' >&2
    exit 1
fi
if [ -f wasm/tests/package-lock.json ]; then
    (cd wasm/tests && install)
fi
node --test "${tests[@]}"

git ls-files -z --cached --others --exclude-standard -- '*package-lock.json' |
    while IFS= read -r -d '' lock; do
        folder=$(dirname "$lock")
        case "$folder" in
        contracts | web | wasm/tests) continue ;;
        esac
        echo "    npm test in $folder"
        (cd "$folder" && install && npm test) </dev/null
    done
