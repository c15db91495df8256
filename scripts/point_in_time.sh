#!/usr/bin/env bash
# Back to any moment: keeps what the private cluster writes, and brings it back as it was at a time, in a home of its own.
#
#   scripts/point_in_time.sh begin FOLDER            once a week or so; stops the database for the time of a copy
#   scripts/point_in_time.sh recover FOLDER TIME NEW_HOME     TIME such as "2026-05-07 14:30:00+05"
#
# FOLDER belongs on another disk. What was written reaches it at the latest after a minute. A server of one's own is better kept
# with pgBackRest, which does the same for it.
set -euo pipefail
cd "$(dirname "$0")/.."
KKH="${KKH:-.venv/bin/kkh}"

fail() { printf 'error: %s\n' "$*" >&2; exit 1; }

# The user that the database runs as: another one where this is root.
as_owner() {
    local data="$1"
    shift
    if [ "$(id -u)" -eq 0 ]; then setpriv --reuid "$(stat -c %u "$data")" --clear-groups "$@"; else "$@"; fi
}

begin() {
    local folder data
    [ -d "$1" ] || fail "$1 is no folder"
    folder="$(realpath "$1")"
    data="${HAZARD_HOME:-.kkh}/postgres"
    [ -f "$data/PG_VERSION" ] || fail "there is no private cluster in ${HAZARD_HOME:-.kkh}; kkh db up makes one"
    mkdir -p "$folder/wal"
    chown --reference="$data" "$folder" "$folder/wal"
    as_owner "$data" test -w "$folder/wal" || fail "the user of the database cannot get to $folder; take a folder that all may enter"
    sed -i '/# kept by point_in_time$/d' "$data/postgresql.conf"
    {
        echo "archive_mode = on # kept by point_in_time"
        echo "archive_timeout = 60 # kept by point_in_time"
        # a segment that is there already with the same content was kept before a crash; written under another name first
        echo "archive_command = 'if test -f \"$folder/wal/%f\"; then cmp -s \"%p\" \"$folder/wal/%f\"; else cp \"%p\" \"$folder/wal/.%f\" && mv \"$folder/wal/.%f\" \"$folder/wal/%f\"; fi' # kept by point_in_time"
    } >>"$data/postgresql.conf"
    "$KKH" db up >/dev/null # settles what a crash may have left
    "$KKH" db down >/dev/null
    rm -rf "$folder/base.new"
    cp -a "$data" "$folder/base.new"
    "$KKH" db up >/dev/null
    cp -a "${HAZARD_HOME:-.kkh}/secrets" "$folder/secrets.new" 2>/dev/null || true
    rm -rf "$folder/base.old" "$folder/secrets"
    [ ! -d "$folder/base" ] || mv "$folder/base" "$folder/base.old"
    mv "$folder/base.new" "$folder/base"
    [ ! -d "$folder/secrets.new" ] || mv "$folder/secrets.new" "$folder/secrets"
    echo "from now on every moment is kept in $folder"
}

recover() {
    local folder time home
    folder="$(realpath "$1")" time="$2" home="$3"
    [ -d "$folder/base" ] || fail "$folder holds no base; begin makes one"
    date -d "$time" >/dev/null 2>&1 || fail "$time is no time; such as \"2026-05-07 14:30:00+05\""
    [ ! -e "$home" ] || fail "$home is there already; recovery goes into a home of its own"
    mkdir -p "$home"
    cp -a "$folder/base" "$home/postgres"
    [ ! -d "$folder/secrets" ] || cp -a "$folder/secrets" "$home/secrets"
    sed -i '/# kept by point_in_time$/d' "$home/postgres/postgresql.conf"
    {
        echo "restore_command = 'cp \"$folder/wal/%f\" \"%p\"' # kept by point_in_time"
        echo "recovery_target_time = '$time' # kept by point_in_time"
        echo "recovery_target_action = promote # kept by point_in_time"
        echo "hot_standby = off # nobody is let in before it is done # kept by point_in_time"
    } >>"$home/postgres/postgresql.conf"
    touch "$home/postgres/recovery.signal"
    chown --reference="$home/postgres" "$home/postgres/recovery.signal"
    HAZARD_HOME="$home" "$KKH" db up >/dev/null ||
        fail "not recovered; a time later than the last thing that was kept cannot be reached. $home can be removed"
    sed -i '/# kept by point_in_time$/d' "$home/postgres/postgresql.conf"
    echo "the catalogue as it was at $time: HAZARD_HOME=$home; photos and rasters stay where they are"
}

case "${1:-}" in
begin) [ $# -eq 2 ] || fail "begin FOLDER"; begin "$2" ;;
recover) [ $# -eq 4 ] || fail "recover FOLDER TIME NEW_HOME"; recover "$2" "$3" "$4" ;;
*) sed -n '2,8s/^# \{0,1\}//p' "$0"; exit 2 ;;
esac
