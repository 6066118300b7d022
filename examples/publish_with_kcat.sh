#!/bin/sh
# Publish events with nothing but a shell and kcat (Debian and Ubuntu: apt install kcat; macOS: brew install kcat).
#
#   PIPELINE_KAFKA=localhost:9092 examples/publish_with_kcat.sh sh -c 'sleep 0.2'
#
# Runs the command that it is given, and publishes how long it took and whether it worked as an operation event, and
# an error event too when it failed. Leaves with the command's own exit code.
set -eu

KAFKA=${PIPELINE_KAFKA:-localhost:9092}
SERVICE=${SERVICE:-shell}
OPERATION=${OPERATION:-${1:?give the command to run, for example: $0 sleep 1}}

# The time in milliseconds. Not every date knows %3N; then whole seconds have to do.
now_ms() {
    now=$(date +%s%3N)
    case $now in *[!0-9]*) now=$(date +%s)000 ;; esac
    echo "$now"
}

# Text as it may stand in a JSON string: no control characters, backslash and quote escaped.
json() {
    printf '%s' "$1" | tr -d '\000-\037' | sed 's/\\/\\\\/g; s/"/\\"/g'
}

# One line is one Kafka record. -P produces, -X acks=all waits until the event is safe.
publish() {
    kcat -P -q -b "$KAFKA" -t "$1" -X acks=all
}

started=$(now_ms)
code=0
"$@" || code=$?
ended=$(now_ms)

who="\"timestamp_ms\":$ended,\"service\":\"$(json "$SERVICE")\",\"operation\":\"$(json "$OPERATION")\""
success=true
if [ "$code" -ne 0 ]; then
    success=false
    printf '{"type":"error","event_id":"%s-%s-error",%s,"severity":"error","error_type":"exit code %s","message":"%s"}\n' \
        "$started" "$$" "$who" "$code" "$(json "$*")" | publish events.errors
fi
printf '{"type":"operation","event_id":"%s-%s",%s,"duration_ms":%s,"success":%s,"kind":"job"}\n' \
    "$started" "$$" "$who" "$((ended - started))" "$success" | publish events.operations
exit "$code"
