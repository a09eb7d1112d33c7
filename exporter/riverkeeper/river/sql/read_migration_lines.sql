-- Question: Which version has each line of River's migrations? (River's migration 5 and newer)
-- Index: river_migration's primary key; the table has a few dozen rows.
-- NULL: never.
SELECT m.line, max(m.version) AS version FROM river.river_migration AS m GROUP BY m.line ORDER BY m.line
