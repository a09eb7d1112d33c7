#!/bin/sh
# Kills the worker that runs a job which River itself would never rescue, and shows when the other worker runs it again.
# After `docker compose up --build --detach --wait`, from the repository's root. Ends with 1 if the job does not come back.
set -eu
PATIENCE=120   # seconds; the promise is a sixth of it

sql() { docker compose exec -T postgres psql -U river -d river -qAt -F ' ' -c "$1"; }

await() {   # await 'WHAT' 'QUERY': until the query answers something; prints the answer
    left=$PATIENCE
    until answer=$(sql "$2") && [ "$answer" ]; do
        left=$((left - 1))
        [ "$left" -gt 0 ] || { echo "Waited ${PATIENCE} s for $1. Why: docker compose logs riverkeeper" >&2; exit 1; }
        sleep 1
    done
    echo "$answer"
}

docker compose exec -T worker /fleet insert -kinds steady -queues default 1
job=$(sql "SELECT max(id) FROM river_job WHERE kind = 'steady'")
echo "Job $job of kind steady is inserted. Its first attempt never ends by itself."
container=$(await "the first heartbeat of job $job" "
    SELECT split_part(attempted_by[cardinality(attempted_by)], '_', 1) FROM river_job
    WHERE id = $job AND state = 'running' AND EXISTS (SELECT FROM riverkeeper.heartbeat WHERE job_id = $job)")
echo "It runs in container $container, and beats. Killing the container with SIGKILL."
killed=$(sql "SELECT clock_timestamp()")
docker kill "$container" >/dev/null
trap 'docker start "$container" >/dev/null' EXIT

await "the second attempt of job $job" "SELECT 1 FROM river_job WHERE id = $job AND attempt > 1 AND state <> 'retryable'" >/dev/null
sql "
    SELECT rpad(what, 14), to_char(at AT TIME ZONE 'UTC', 'HH24:MI:SS.MS'), lpad(extract(epoch FROM at - killed)::numeric(9, 1)::text, 6) || ' s'
    FROM (SELECT timestamptz '$killed') AS kill (killed), LATERAL (VALUES
        ('killed', killed),
        ('rescued', (SELECT at FROM riverkeeper.rescue WHERE job_id = $job AND NOT dry_run AND action = 'retry')),
        ('running again', (SELECT attempted_at FROM river_job WHERE id = $job))) AS story (what, at)"
docker compose exec -T riverkeeper riverkeeper rescue list --config.file /etc/riverkeeper/riverkeeper.yml --job "$job"
