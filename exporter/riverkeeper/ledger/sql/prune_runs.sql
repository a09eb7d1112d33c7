-- Question: (deletes) runs of days that no window reaches.
-- Index: run_day's primary key, from its beginning.
-- NULL: never.
DELETE FROM keeper.run_day AS d WHERE d.day < %(first)s
