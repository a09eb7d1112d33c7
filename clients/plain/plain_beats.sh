# Plain heartbeats for shell scripts: the whole client. Source it; it needs bash 4, psql, and the statements of clients/sql.
#   beats_start URL CLIENT_ID [INTERVAL [RIVER_SCHEMA [KEEPER_SCHEMA [FOLDER]]]]     beats from now on
#   beats_begin JOB_ID ATTEMPTED_AT PID                                              while this process works on a job
#   beats_end JOB_ID ATTEMPTED_AT                                                    afterwards
# The process gets SIGTERM when its claim is lost, and SIGINT when the job has to stop. Define beats_cancel for something else.

beats_start() {
    beats_url=$1 beats_client_id=$2 beats_interval=${3:-10} beats_river=${4:-public} beats_folder=${6:-clients/sql}
    beats_instance=$(cat /proc/sys/kernel/random/uuid) beats_jobs=$(mktemp -d)
    local schemas="s/\briver\./$beats_river./g; s/\bkeeper\./${5:-riverkeeper}./g; s/%\((\w+)\)s/:'\1'/g"
    beats_meta=$(sed -E "$schemas" "$beats_folder/meta.sql") beats_beat=$(sed -E "$schemas" "$beats_folder/beat_plain.sql")
    beats_run & beats_pid=$!
    trap 'kill "$beats_pid"; rm -rf "$beats_jobs"' EXIT
}

beats_begin() { echo "$3" >"$beats_jobs/$1 $2"; }
beats_end() { rm -f "$beats_jobs/$1 $2"; }
beats_cancel() { kill -"$([ "$3" = claim_lost ] && echo TERM || echo INT)" "$(cat "$beats_jobs/$1 $2")"; } # JOB_ID ATTEMPTED_AT CAUSE

beats_count() { :; } # beats or failures; define it to count them

beats_run() {
    local limit answer logged='' ids times ordinal status key keys
    limit=$(awk -v seconds="$beats_interval" 'BEGIN { print seconds / 2 }')
    export PGOPTIONS="-c search_path=pg_catalog,pg_temp -c row_security=off -c statement_timeout=${limit}s"
    while true; do
        sleep "$(awk -v seconds="$beats_interval" -v seed="$RANDOM" 'BEGIN { srand(seed); print seconds * (0.9 + rand() / 10) }')" & local pause=$!
        keys=() ids='' times=''
        for key in "$beats_jobs"/*; do
            [ -e "$key" ] || continue
            key=${key##*/} keys+=("$key") ids+=,${key% *} times+=,${key#* }
        done
        # A new connection at each tick: meta comes first, and nothing is sent after a `no`. An error proves nothing.
        if answer=$(timeout "$limit" psql "$beats_url" -XAtq -v ON_ERROR_STOP=1 -v instance="$beats_instance" \
            -v client_id="$beats_client_id" -v beat_interval="$beats_interval s" -v job_ids="{${ids#,}}" -v attempted_ats="{${times#,}}" \
            -v river="$beats_river" 2>&1 <<<"SELECT river_schema = :'river' AND version >= 2 AND min_compatible <= 2 AS ours
                FROM ($beats_meta) AS meta \gset
                \if :ours
                $beats_beat;
                \else
                \warn 'this keeper schema is not ours, or its version does not fit'
                SELECT 1 / 0;
                \endif"); then
            logged='' && beats_count beats
            while IFS='|' read -r ordinal status; do
                [ -n "$status" ] && key=${keys[ordinal - 1]} || continue
                case $status in
                    lost) beats_cancel "${key% *}" "${key#* }" claim_lost ;;
                    stop) beats_cancel "${key% *}" "${key#* }" stop_requested ;; # every beat says so
                esac
                case $status in lost | finished) rm -f "$beats_jobs/$key" ;; esac
            done <<<"$answer"
        else
            [ "$answer" = "$logged" ] || echo "no heartbeat, jobs continue: $answer" >&2
            logged=$answer && beats_count failures
        fi
        wait "$pause"
    done
}
