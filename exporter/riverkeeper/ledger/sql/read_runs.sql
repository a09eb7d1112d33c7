-- Question: how long did the completed runs of each kind take, since this day?
-- Index: run_day's primary key.
-- NULL: never.
SELECT d.day, d.kind, d.counts FROM keeper.run_day AS d WHERE d.day >= %(first)s
