-- Question: what is the fingerprint of the finished jobs in each of these slots? If it changed, they are read again.
-- Index: river_job_state_and_finalized_at_index, then the rows, at a tenth of what read_finished costs.
-- NULL: never; 0 is an empty slot. Two different sets have the same number once in 10^12 slots.
SELECT s.slot, found.mark
FROM unnest(%(slots)s::bigint[]) AS s (slot)
CROSS JOIN LATERAL (
    SELECT
        coalesce(sum(
            1 + (hashint8extended(j.id, (date_part('epoch', j.finalized_at) * 1e6)::bigint) & 1099511627775)
        ), 0)::bigint AS mark
    FROM river.river_job AS j
    WHERE j.state IN ('cancelled', 'completed', 'discarded')
      AND j.finalized_at >= to_timestamp(s.slot * 10) AND j.finalized_at < to_timestamp(s.slot * 10 + 10)
) AS found
