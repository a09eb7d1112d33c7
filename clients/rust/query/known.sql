-- Question: is this the River table that the job came from? Asked once, before a first lost claim is believed: in the
-- table of another River every claim would look lost.
-- Index: river_job's primary key.
-- NULL: never.
--
-- Parameters: job_id bigint, kind text.
SELECT EXISTS (
    SELECT FROM river.river_job AS j WHERE j.id = %(job_id)s::bigint AND j.kind = %(kind)s::text
) AS known
