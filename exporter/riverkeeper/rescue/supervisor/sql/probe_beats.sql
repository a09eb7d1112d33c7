-- Question: could a beat be written now? Takes the lock on the table that every beat takes, and changes nothing.
-- Index: heartbeat's primary key; no job has the id 0.
-- NULL: never a row.
UPDATE keeper.heartbeat AS h SET beat_at = h.beat_at WHERE h.job_id = 0 RETURNING h.job_id
