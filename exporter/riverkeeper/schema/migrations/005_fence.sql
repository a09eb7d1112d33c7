-- Question: which results came too late, and who keeps them out of the next attempt? (docs/guarded-rescue.md, "The fence")
-- Index: late_result by claim for the rescuer, by time for the sweep; the few that are not counted yet have one of their own.
-- NULL: see each column.
-- The functions belong to the triggers of create_fence.sql. They raise nothing, whatever a job's metadata holds.
CREATE TABLE keeper.late_result (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    job_id      bigint NOT NULL,
    claimed_at  timestamptz,                   -- with job_id the claim it came from; NULL: it brought none
    queue       text NOT NULL,
    kind        text NOT NULL,
    outcome     text NOT NULL,                 -- completed | failed | snoozed | cancelled | discarded | unknown
    row_state   text NOT NULL,                 -- of the job when the result came
    row_attempt smallint NOT NULL,
    counted_at  timestamptz                    -- NULL: not in riverkeeper_late_results_total yet
);
CREATE INDEX late_result_by_claim ON keeper.late_result (job_id, claimed_at);
CREATE INDEX late_result_by_time ON keeper.late_result (at);
CREATE INDEX late_result_uncounted ON keeper.late_result (id) WHERE counted_at IS NULL;

-- Called for late results only. SECURITY DEFINER: a worker has no right on late_result.
CREATE FUNCTION keeper.drop_late_result() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $riverkeeper$
DECLARE
    token   text := new.metadata ->> 'riverkeeper:claim';
    claimed timestamptz;
    result  text;
BEGIN
    IF jsonb_typeof(new.metadata -> 'riverkeeper:claim') = 'object' THEN  -- claims by job id, for a batch of jobs
        token := new.metadata -> 'riverkeeper:claim' ->> old.id::text;
        IF token IS NULL OR old.state IN ('running', 'completed')
            AND token = to_char(old.attempted_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
        THEN
            RETURN new;  -- not of this job, or in time
        END IF;
    END IF;
    BEGIN
        IF token ~ '^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}[.][0-9]{6}Z$' THEN
            claimed := token::timestamptz;
        END IF;
    EXCEPTION WHEN OTHERS THEN
        claimed := NULL;  -- as 2026-02-31 is
    END;
    BEGIN
        result := CASE
            WHEN new.state = old.state THEN 'unknown'  -- River merges only the metadata into a row that is not running
            WHEN new.state::text IN ('completed', 'cancelled', 'discarded') THEN new.state::text
            WHEN cardinality(new.errors) > coalesce(cardinality(old.errors), 0) THEN 'failed'
            ELSE 'snoozed'
        END;
        INSERT INTO keeper.late_result (job_id, claimed_at, queue, kind, outcome, row_state, row_attempt)
        VALUES (old.id, claimed, old.queue, old.kind, result, old.state::text, old.attempt);
    EXCEPTION WHEN OTHERS THEN
        RAISE LOG 'riverkeeper: the late result of job % is dropped and could not be recorded: %', old.id, SQLERRM;
    END;
    IF claimed = old.attempted_at THEN
        RETURN new;  -- rescued and not yet claimed again: only metadata changes, and the next trigger takes the token out
    END IF;
    RETURN NULL;
END
$riverkeeper$;

-- By the invoker's rights, and every name qualified: it runs for every result, under any search_path.
CREATE FUNCTION keeper.remove_claim_token() RETURNS trigger
LANGUAGE plpgsql AS $riverkeeper$
BEGIN
    new.metadata := new.metadata OPERATOR(pg_catalog.-) 'riverkeeper:claim'::pg_catalog.text;
    RETURN new;
END
$riverkeeper$;

REVOKE ALL ON FUNCTION keeper.drop_late_result(), keeper.remove_claim_token() FROM PUBLIC;

-- Both triggers on River's table and on each table below it (partitions), as they are now: in_force | missing |
-- disabled | foreign (it calls another function, or at other times).
CREATE VIEW keeper.fence AS
WITH RECURSIVE job_table AS (
    SELECT c.oid, m.meta
    -- LIMIT, because the planner knows nothing of a table that was never analyzed: it would compile the query first.
    FROM (SELECT k.river_schema, k.tableoid AS meta FROM keeper.meta AS k LIMIT 1) AS m
    JOIN pg_catalog.pg_namespace AS n ON n.nspname = m.river_schema
    JOIN pg_catalog.pg_class AS c ON c.relnamespace = n.oid AND c.relname = 'river_job' AND c.relkind IN ('r', 'p')
    UNION
    SELECT i.inhrelid, above.meta
    FROM job_table AS above
    JOIN pg_catalog.pg_inherits AS i ON i.inhparent = above.oid
),
wanted (trigger_name, function_name) AS (
    VALUES ('riverkeeper_fence', 'drop_late_result'), ('riverkeeper_fence_strip', 'remove_claim_token')
)
SELECT
    j.oid AS table_oid,
    w.trigger_name,
    CASE
        WHEN t.oid IS NULL THEN 'missing'
        WHEN p.oid IS NULL OR t.tgtype <> 19 OR pg_catalog.cardinality(t.tgattr::int2[]) > 0 THEN 'foreign'
        WHEN t.tgenabled = 'A' THEN 'in_force'
        WHEN t.tgenabled = 'O' AND pg_catalog.current_setting('session_replication_role') <> 'replica' THEN 'in_force'
        ELSE 'disabled'
    END AS state
FROM job_table AS j
CROSS JOIN wanted AS w
JOIN pg_catalog.pg_class AS own ON own.oid = j.meta
LEFT JOIN pg_catalog.pg_trigger AS t ON t.tgrelid = j.oid AND t.tgname = w.trigger_name
LEFT JOIN pg_catalog.pg_proc AS p
    ON p.oid = t.tgfoid AND p.pronamespace = own.relnamespace AND p.proname = w.function_name;
GRANT SELECT ON keeper.fence TO PUBLIC;  -- whoever may use the schema may know; the catalog says it to everybody anyway
