#!/usr/bin/env bash
# Attack a demonstration of its own, in a throwaway home: schemathesis on both OpenAPI documents as an admin (no 5xx, answers as their
# schemas say), sqlmap on each parameter of features that reaches a statement. Results stay in the folder given (default: attack).
# Each of the eleven pieces ends after MINUTES (default 30); one that did not reach its end counts as failed.
# Needs: make python postgis; sqlmap (Debian); the network once, for schemathesis.
set -euo pipefail
cd "$(dirname "$0")/.."
out=$(mkdir -p "${1:-attack}" && cd "${1:-attack}" && pwd)
port=${PORT:-8937}
export HAZARD_HOME=$out/home HAZARD_ANONYMOUS_ROLE=public
kkh=$PWD/.venv/bin/kkh
at=http://127.0.0.1:$port

[ -x "$out/tools/bin/schemathesis" ] || { python3 -m venv "$out/tools" && "$out/tools/bin/pip" -q install "schemathesis>=4"; }
"$kkh" demo --no-serve

key=$("$kkh" key create --name attacker --role admin)
"$kkh" serve --port "$port" > "$out/serve.log" 2>&1 &
server=$!
trap 'kill $server 2>/dev/null || true; "$kkh" db down >/dev/null' EXIT
until curl -fsS "$at/healthz" >/dev/null 2>&1; do sleep 1; done

checks=not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,response_headers_conformance
failed=0
for document in openapi.json ogc/api; do
    timeout "${MINUTES:-30}m" "$out/tools/bin/schemathesis" run "$at/$document" -H "Authorization: Bearer $key" -c $checks --phases examples,coverage,fuzzing \
        -n "${EXAMPLES:-20}" --continue-on-failure --request-timeout 60 --generation-deterministic \
        > "$out/schemathesis-${document//\//-}.txt" 2>&1 || failed=1
    tail -25 "$out/schemathesis-${document//\//-}.txt"
done

items="$at/ogc/collections/sites/items"
for query in "bbox=74,35,75,37" "filter=kind='landslide'" "sortby=-id" "properties=id,kind" "kind=landslide" "datetime=2010-01-01/.." "limit=5" "offset=1"; do
    name=${query%%=*}
    timeout "${MINUTES:-30}m" sqlmap -u "$items?$query" -p "$name" --batch --dbms=PostgreSQL --level="${LEVEL:-3}" --risk=2 --technique=BEUSTQ --time-sec=3 \
        --ignore-code=400,404 --output-dir="$out/sqlmap" --flush-session --disable-coloring > "$out/sqlmap-$name.txt" 2>&1 || true
    # a filter is a condition, so answers differ by it: what counts is that no database could be told from behind it
    if grep -qE "do not appear to be injectable|not able to fingerprint" "$out/sqlmap-$name.txt"; then
        echo "sqlmap $name: nothing found"
    else
        echo "sqlmap $name: LOOK AT IT"
        failed=1
    fi
done
timeout "${MINUTES:-30}m" sqlmap -u "$at/ogc/collections/sites/items/1*" --batch --dbms=PostgreSQL --level="${LEVEL:-3}" --risk=2 --ignore-code=400,404 \
    --output-dir="$out/sqlmap" --flush-session --disable-coloring > "$out/sqlmap-id.txt" 2>&1 || true
grep -q "do not appear to be injectable" "$out/sqlmap-id.txt" && echo "sqlmap id: nothing found" || { echo "sqlmap id: LOOK AT IT"; failed=1; }
exit $failed
