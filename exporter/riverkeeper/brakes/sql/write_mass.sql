-- Question: (writes) what is the state of mass_silence until the next election?
-- Index: brake's primary key.
-- NULL: engaged_at and sentence where it is not engaged.
INSERT INTO keeper.brake AS b (name, engaged_at, sentence, state)
VALUES (
    'mass_silence', to_timestamp(%(engaged_at)s::double precision), %(sentence)s::text, %(state)s::jsonb
)
ON CONFLICT (name) DO UPDATE SET
    engaged_at = excluded.engaged_at,
    sentence = excluded.sentence,
    state = excluded.state
WHERE (b.engaged_at, b.sentence, b.state) IS DISTINCT FROM (excluded.engaged_at, excluded.sentence, excluded.state)
