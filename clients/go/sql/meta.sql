-- Question: does this keeper schema serve our River, and do we understand it? Asked once, before the first beat.
-- Index: one row.
-- NULL: never; an error means that the keeper schema is not installed, or that this login may not read it.
--
-- A client of contract version 1 beats if river_schema is its own, version >= 2 and min_compatible <= 2; else not.
SELECT m.river_schema, m.version, m.min_compatible FROM keeper.meta AS m
