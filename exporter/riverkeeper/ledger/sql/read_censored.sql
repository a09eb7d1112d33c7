-- Question: how many runs of each kind were ended for being over their budget, day by day, since this day?
-- Index: rescue_by_time.
-- NULL: never. Dry runs ended nothing, nor does a request to stop alone.
SELECT
    floor(extract(epoch FROM r.at) / 86400)::integer AS day,
    r.kind,
    count(*) AS runs
FROM keeper.rescue AS r
WHERE r.at >= to_timestamp(%(first)s::double precision * 86400)
  AND NOT r.dry_run
  AND r.reason = 'over_budget'
  AND r.action IN ('retry', 'discard', 'cancel')
GROUP BY 1, 2
