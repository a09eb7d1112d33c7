#!/usr/bin/env bash
# The plain client in shell behind the conformance protocol (CONTRACT.md, "Test your client"). Commands and events are flat JSON.
set -uo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
. "$here/plain_beats.sh"

declare -A option first
while [ $# -gt 0 ]; do option[$1]=$2; shift 2; done
work=$(mktemp -d) # a file for each claim: attempt; and .cause once it was cancelled

say() { printf '%s\n' "$1"; } # one write, so that the events of two processes do not mix
claim() { echo "\"job_id\": $1, \"attempt\": $(cat "$work/$1 $2"), \"attempted_at\": \"$2\""; }
beats_count() { echo >>"$work/.$1"; }
beats_cancel() {
    [ -e "$work/$1 $2" ] && [ ! -e "$work/$1 $2.cause" ] || return
    echo "$3" >"$work/$1 $2.cause"
    say "{\"event\": \"cancelled\", $(claim "$1" "$2"), \"cause\": \"$3\"}"
}
field() { [[ $line =~ \"$1\":\ \"?([^\",}]*) ]] && echo "${BASH_REMATCH[1]}"; }

touch "$work/.beats" "$work/.failures"
beats_start "${option[-database-url]}" "${option[-client-id]}" "${option[-interval]%s}" "${option[-river-schema]}" \
    "${option[-keeper-schema]}" "$here/../sql"
say '{"event": "ready"}'
while IFS= read -r line; do
    case $(field do) in
        start)
            [[ $line =~ \"job_id\":\ ([0-9]+).*\"attempt\":\ ([0-9]+).*\"attempted_at\":\ \"([^\"]*)\" ]]
            id=${BASH_REMATCH[1]} at=${BASH_REMATCH[3]}
            echo "${BASH_REMATCH[2]}" >"$work/$id $at"
            first[$id]+="$at "
            beats_begin "$id" "$at" $$
            say "{\"event\": \"begun\", $(claim "$id" "$at")}"
            ;;
        finish)
            id=$(field job_id) at=${first[$id]%% *}
            first[$id]=${first[$id]#* } held=true
            beats_end "$id" "$at"
            [ "$(cat "$work/$id $at.cause" 2>/dev/null)" = claim_lost ] && held=false
            say "{\"event\": \"result\", $(claim "$id" "$at"), \"token\": null, \"held\": $held}"
            ;;
        stats) say "{\"event\": \"stats\", \"stats\": {\"beats\": $(wc -l <"$work/.beats"), \"failures\": $(wc -l <"$work/.failures")}}" ;;
        quit) break ;;
    esac
done
