-- Question: Does this keeper schema serve our River, can this client use it, and is the fence in force? Sent before the
-- first beat, on every new connection and at least each minute.
-- Index: one row; the system catalog's own.
-- NULL: never; an error means that the keeper schema is not installed or that this login may not read it.
--
-- A client of contract version 1 beats if river_schema is its own, version >= 2 and min_compatible <= 2; otherwise not.
-- fence: both triggers are on River's table and on every partition of it, and enabled. Only then does a result need a
-- token.
SELECT
    m.river_schema,
    m.version,
    m.min_compatible,
    coalesce((SELECT bool_and(f.state = 'in_force') FROM keeper.fence AS f), false) AS fence
FROM (SELECT k.river_schema, k.version, k.min_compatible FROM keeper.meta AS k LIMIT 1) AS m
