-- For tests: a copy of each of PostgreSQL's own functions, operators, types and relations in schema `hostile`. A copy does
-- what the original does, and warns: the session and the server's log tell that it was used. With `hostile` first in a
-- session's search_path every name that is neither qualified nor pinned leads into one of them.
CREATE SCHEMA hostile;
GRANT USAGE ON SCHEMA hostile TO PUBLIC;
CREATE FUNCTION hostile.report(what pg_catalog.text) RETURNS pg_catalog.bool LANGUAGE plpgsql
SET search_path = pg_catalog AS $$ BEGIN RAISE WARNING 'trap: %', what; RETURN true; END $$;
CREATE FUNCTION hostile.last(pg_catalog.anyelement, pg_catalog.anyelement) RETURNS pg_catalog.anyelement LANGUAGE plpgsql
SET search_path = pg_catalog AS $$ BEGIN PERFORM hostile.report('aggregate'); RETURN $2; END $$;

CREATE FUNCTION hostile.last(pg_catalog.anyelement, pg_catalog.anyelement, pg_catalog.anyelement)
RETURNS pg_catalog.anyelement LANGUAGE sql SET search_path = pg_catalog AS 'SELECT hostile.last($1, $2)';

CREATE FUNCTION hostile.try(statement pg_catalog.text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE statement;
EXCEPTION WHEN OTHERS THEN NULL; -- pseudo-types that only C functions may have
END $$;

-- Functions. An argument of the type "any" cannot be declared; those names are planted for one and two texts.
SELECT hostile.try(format(
    'CREATE FUNCTION hostile.%I(%s) RETURNS %s %s LANGUAGE plpgsql AS %L',
    p.proname,
    (
        SELECT string_agg(
            CASE WHEN p.provariadic <> 0 AND a.position = p.pronargs THEN 'VARIADIC ' ELSE '' END
                || format_type(a.type, NULL), ', ' ORDER BY a.position
        )
        FROM unnest(p.proargtypes::oid[]) WITH ORDINALITY AS a (type, position)
    ),
    CASE WHEN p.proretset THEN 'SETOF ' ELSE '' END || format_type(p.prorettype, NULL),
    CASE p.provolatile WHEN 'i' THEN 'IMMUTABLE' WHEN 's' THEN 'STABLE' ELSE 'VOLATILE' END,
    format(
        'BEGIN PERFORM hostile.report(%L); %s pg_catalog.%I(%s); END',
        'function ' || p.proname,
        CASE WHEN p.prorettype = 'void'::regtype THEN 'PERFORM'
            WHEN p.proretset THEN 'RETURN QUERY SELECT * FROM' ELSE 'RETURN' END,
        p.proname,
        (
            SELECT string_agg(
                CASE WHEN p.provariadic <> 0 AND number = p.pronargs THEN 'VARIADIC $' ELSE '$' END || number, ', '
                ORDER BY number
            )
            FROM generate_series(1, p.pronargs) AS number
        )
    )
))
FROM pg_catalog.pg_proc AS p
WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.prokind IN ('f', 'w') AND p.prorettype <> 'internal'::regtype;

SELECT hostile.try(format(
    'CREATE FUNCTION hostile.%I(%s) RETURNS %s LANGUAGE plpgsql AS %L', p.proname, arguments, format_type(p.prorettype, NULL),
    format('BEGIN PERFORM hostile.report(%L); RETURN NULL; END', 'function ' || p.proname)
))
FROM pg_catalog.pg_proc AS p
CROSS JOIN (VALUES ('pg_catalog.anyelement'), ('VARIADIC pg_catalog.anyarray'), ('pg_catalog.text, pg_catalog.timestamptz'))
    AS shape (arguments)
WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.prokind = 'f' AND '"any"'::regtype = ANY (p.proargtypes::oid[]);

SELECT hostile.try(format(
    'CREATE AGGREGATE hostile.%I(%s) (SFUNC = hostile.last, STYPE = %s)',
    p.proname, concat_ws(', ', given.type, CASE WHEN p.pronargs = 2 THEN given.type END), given.type
))
FROM pg_catalog.pg_proc AS p
CROSS JOIN LATERAL (
    SELECT CASE WHEN p.proargtypes[0] = '"any"'::regtype THEN 'anyelement' ELSE format_type(p.proargtypes[0], NULL) END
) AS given (type)
WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.prokind = 'a' AND p.pronargs IN (1, 2);

-- Operators.
SELECT hostile.try(format(
    'CREATE FUNCTION hostile.operator_%s(%s) RETURNS %s LANGUAGE plpgsql AS %L',
    o.oid,
    concat_ws(', ', format_type(nullif(o.oprleft, 0), NULL), format_type(o.oprright, NULL)),
    format_type(o.oprresult, NULL),
    format(
        'BEGIN PERFORM hostile.report(%L); RETURN %s OPERATOR(pg_catalog.%s) %s; END',
        'operator ' || o.oprname,
        CASE WHEN o.oprleft = 0 THEN '' ELSE '$1' END,
        o.oprname,
        CASE WHEN o.oprleft = 0 THEN '$1' ELSE '$2' END
    )
)),
hostile.try(format(
    'CREATE OPERATOR hostile.%s (FUNCTION = hostile.operator_%s, %s RIGHTARG = %s)',
    o.oprname,
    o.oid,
    'LEFTARG = ' || format_type(nullif(o.oprleft, 0), NULL) || ',',
    format_type(o.oprright, NULL)
))
FROM pg_catalog.pg_operator AS o
WHERE o.oprnamespace = 'pg_catalog'::regnamespace AND o.oprcode <> 0;

-- Relations and types. They are searched for in the session's temporary schema too, which is another target.
CREATE FUNCTION hostile.plant_relations_and_types(target pg_catalog.text) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM hostile.try(format(
        'CREATE VIEW %s.%I AS SELECT * FROM pg_catalog.%I WHERE hostile.report(%L)', target, c.relname, c.relname,
        'relation ' || c.relname
    ))
    FROM pg_class AS c
    WHERE c.relnamespace = 'pg_catalog'::regnamespace AND c.relkind IN ('r', 'v');
    PERFORM hostile.try(format(
        'CREATE DOMAIN %s.%I AS pg_catalog.%I CHECK (hostile.report(%L))', target, t.typname, t.typname,
        'type ' || t.typname
    ))
    FROM pg_type AS t
    WHERE t.typnamespace = 'pg_catalog'::regnamespace AND t.typtype = 'b' AND t.typelem = 0;
END $$;
SELECT hostile.plant_relations_and_types('hostile');
