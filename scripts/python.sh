#!/bin/sh
# Brings uv and the locked Python environment (.venv). The system's own Python is never written to.
set -eu
cd "$(dirname "$0")/.."
. scripts/lib.sh
unset UV_PROJECT_ENVIRONMENT VIRTUAL_ENV PYTHONHOME PYTHONPATH # the environment is .venv, whatever is active around us

bring_python() {
    if command -v brew >/dev/null 2>&1; then
        say "installing Python (brew)"
        brew install --quiet python@3.13 >&2 </dev/null
    else
        apt_install python3 python3-venv
    fi
    find_python >/dev/null || fail "Python 3.11 or newer is needed; this system's packages bring an older one"
}

bring_uv() {
    python=$(find_python)
    # Debian splits ensurepip off: there `python3 -m venv` works only with python3-venv
    "$python" -c 'import ensurepip' 2>/dev/null || apt_install python3-venv
    say "installing uv into .tools"
    rm -rf .tools/python
    "$python" -m venv .tools/python || fail "$python cannot make a virtual environment"
    .tools/python/bin/python -m pip install -q --disable-pip-version-check 'uv>=0.7' ||
        fail "uv could not be installed from the Python package index"
}

find_python >/dev/null || bring_python
find_uv >/dev/null || bring_uv
uv=$(find_uv) || fail "uv was installed but does not run"

say "bringing the Python environment up to uv.lock"
"$uv" sync --locked --quiet
