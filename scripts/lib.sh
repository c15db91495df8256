# Shared by the scripts beside it; sourced, never run. Plain sh: a fresh machine has nothing else.

say() { printf '%s\n' "$*" >&2; }

fail() {
    say "error: $*"
    exit 1
}

# apt_install PACKAGE...: quietly, without questions and without recommended extras; its output only when it fails.
apt_install() {
    command -v apt-get >/dev/null 2>&1 || fail "please install with this system's package manager: $*"
    if [ "$(id -u)" -eq 0 ]; then
        root=
    elif command -v sudo >/dev/null 2>&1 && sudo -n true 2>/dev/null; then
        root="sudo -n" # never asks: there may be nobody to answer
    else
        fail "this needs root; run once: sudo apt-get install -y $*"
    fi
    say "installing $* (apt-get)"
    log=$(mktemp)
    options="-o DPkg::Lock::Timeout=300"
    # a third party's source that cannot be reached fails the update, but not what we need
    $root apt-get $options update -q >"$log" 2>&1 </dev/null || true
    if ! $root env DEBIAN_FRONTEND=noninteractive apt-get $options install -y -q --no-install-recommends "$@" \
        >>"$log" 2>&1 </dev/null; then
        tail -n 15 "$log" >&2
        rm -f "$log"
        fail "apt-get could not install $*"
    fi
    rm -f "$log"
}

# find_python: prints a Python >= 3.11 of this machine.
find_python() {
    for name in python3 python3.14 python3.13 python3.12 python3.11; do
        path=$(command -v "$name" 2>/dev/null) || continue
        if "$path" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            printf '%s\n' "$path"
            return 0
        fi
    done
    return 1
}

# find_uv: prints a uv that works and is new enough for uv.lock (0.7), the system's or the one under .tools.
find_uv() {
    for candidate in "$(command -v uv 2>/dev/null)" .tools/python/bin/uv; do
        [ -n "$candidate" ] || continue
        version=$("$candidate" --version 2>/dev/null) || continue
        case $version in
        "uv 0."[0-6].* | "uv 0."[0-6]) ;;
        *)
            printf '%s\n' "$candidate"
            return 0
            ;;
        esac
    done
    return 1
}
