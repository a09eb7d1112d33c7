-- Question: (made on River's table) is this update the result of an earlier attempt? If so it is dropped.
-- Index: none; both look only at the row that is being updated.
-- NULL: attempted_at may be NULL: a token then fits no claim, and the result is late.
-- JSON null is no token, by which a client takes one back; an object holds those of several jobs, and is looked into.
-- A result brings the claim it was made under as metadata "riverkeeper:claim". Only who brings a token of its own is judged:
-- one that is already in the row is no sign of anything. `->` and not `?`, which is true of lists and texts too.
-- What stands in WHEN is bound to its operators when the trigger is made: no search_path changes it later. The cheap test
-- comes first: an update without a token costs one look into its metadata.
-- `completed`: a job that completed itself in its own transaction has its result written once more.
CREATE TRIGGER riverkeeper_fence BEFORE UPDATE ON river.river_job FOR EACH ROW
WHEN (
    (new.metadata ->> 'riverkeeper:claim') IS NOT NULL
    AND (
        (new.metadata ->> 'riverkeeper:claim')
            = to_char(old.attempted_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
        AND old.state IN ('running', 'completed')
    ) IS NOT TRUE
    AND (old.metadata -> 'riverkeeper:claim') IS DISTINCT FROM (new.metadata -> 'riverkeeper:claim')
)
EXECUTE FUNCTION keeper.drop_late_result();

-- Its name sorts after the other's, and so does its turn. The token never stays in a row.
CREATE TRIGGER riverkeeper_fence_strip BEFORE UPDATE ON river.river_job FOR EACH ROW
WHEN ((new.metadata -> 'riverkeeper:claim') IS NOT NULL)
EXECUTE FUNCTION keeper.remove_claim_token();
