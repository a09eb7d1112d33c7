-- Question: (writes) Puts the fence on River's table: an update that is the result of an earlier attempt is dropped.
-- Index: none; both triggers look only at the row that is being updated.
-- NULL: attempted_at may be NULL: a token then fits no claim, and the result is late.
-- A result carries its claim as metadata "riverkeeper:claim". JSON null is no token: a client takes its token back with it. An
-- object holds the tokens of several jobs, and is read by job id. `->>` and not `?`, which is true of lists and texts too.
-- A token that is in the row already proves nothing: only an update with a token of its own is judged by it.
-- `completed`: a job that completed itself in its own transaction has its result written once more.
-- Some errors carry no token, such as those of kinds that a worker does not know: the error of an attempt with another number
-- does not end a running job. Errors are read only if they grew by their stored size, which reads none of them.
-- WHEN is bound to its operators when the trigger is created: no search_path changes it later.
CREATE TRIGGER riverkeeper_fence BEFORE UPDATE ON river.river_job FOR EACH ROW
WHEN (
    CASE
        WHEN (new.metadata ->> 'riverkeeper:claim') IS NOT NULL THEN
            (
                (new.metadata ->> 'riverkeeper:claim')
                    = to_char(old.attempted_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
                AND old.state IN ('running', 'completed')
            ) IS NOT TRUE
            AND (old.metadata -> 'riverkeeper:claim') IS DISTINCT FROM (new.metadata -> 'riverkeeper:claim')
        ELSE
            old.state = 'running'
            AND pg_column_size(new.errors) > coalesce(pg_column_size(old.errors), 0)
            AND cardinality(new.errors) = coalesce(cardinality(old.errors), 0) + 1
            AND jsonb_typeof(new.errors[cardinality(new.errors)] -> 'attempt') = 'number'
            AND (new.errors[cardinality(new.errors)] -> 'attempt') <> to_jsonb(old.attempt)
    END
)
EXECUTE FUNCTION keeper.drop_late_result();

-- Its name sorts after the other trigger's, so it runs second. The token never stays in a row.
CREATE TRIGGER riverkeeper_fence_strip BEFORE UPDATE ON river.river_job FOR EACH ROW
WHEN ((new.metadata -> 'riverkeeper:claim') IS NOT NULL)
EXECUTE FUNCTION keeper.remove_claim_token();
