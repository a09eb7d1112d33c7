-- Question: (deletes) jobs whose entries since then are all counted. Called under lock_ledger, every five minutes.
-- Index: none, the whole table is read: it has the jobs that failed within the last 40 minutes.
-- NULL: never.
DELETE FROM keeper.ledger_attempt AS a WHERE a.seen_at < %(before)s::double precision
