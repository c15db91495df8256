#!/bin/sh
# Prints the path of a Chromium for the tests that look at pages; installs it where there is none.
set -eu
cd "$(dirname "$0")/.."
. scripts/lib.sh

find_chromium() {
    for name in chromium chromium-browser google-chrome-stable google-chrome; do
        command -v "$name" 2>/dev/null && return 0
    done
    for path in "/Applications/Chromium.app/Contents/MacOS/Chromium" \
        "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome"; do
        [ -x "$path" ] && printf '%s\n' "$path" && return 0
    done
    return 1
}

find_chromium && exit 0
apt_install chromium
find_chromium || fail "Chromium was installed but is not on the path"
