-- Where each projection stands. One row for each part of each version of each
-- projection of this database; there is one part, 0, so far.
create table daybook_projections.daybook_projection (
    name        text    not null,
    version     integer not null,
    part        integer not null,
    log         text    not null, -- the life of the log that position is of;
    incarnation text    not null, --   empty before the first event
    position    bigint  not null, -- everything up to here has been applied
    applied     bigint  not null, -- position of the last event applied, or zero
    event_id    text    not null, --   and its id, or empty
    owner       text    not null, -- the runner that brought it here
    tables      text    not null, -- the statements that made the read model's tables
    primary key (name, version, part)
)
-- Every batch updates its row: room for new versions of it on its page keeps the
-- index out of that.
with (fillfactor = 50);
