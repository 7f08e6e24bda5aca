-- How many events were applied in all, and why a projection is not to be moved, or empty.
alter table daybook_projection add column events integer not null default 0;
alter table daybook_projection add column paused text not null default '';

-- The events up to a projection's position that were not applied.
create table daybook_aside (
    name        text    not null,
    version     integer not null,
    part        integer not null,
    position    integer not null,
    event_id    text    not null,
    type        text    not null,
    recorded_at integer not null, -- nanoseconds since 1970, like all times here
    keys        text    not null, -- a JSON array
    cause       text    not null, -- what its handler said; empty if it follows another
    attempts    integer not null,
    since       integer not null,
    next        integer,          -- when it is tried again; null if it is not
    primary key (name, version, part, position)
) strict, without rowid;

-- The events that somebody decided to do without.
create table daybook_skip (
    name     text    not null,
    version  integer not null,
    part     integer not null,
    event_id text    not null,
    position integer not null,
    reason   text    not null,
    at       integer not null,
    primary key (name, version, part, event_id)
) strict, without rowid;
