-- Where each projection stands. One row for each part of each version of each
-- projection; there is one part, 0, so far.
create table if not exists daybook_projection (
    name        text    not null,
    version     integer not null,
    part        integer not null,
    log         text    not null, -- the life of the log that position is of;
    incarnation text    not null, --   empty before the first event
    position    integer not null, -- everything up to here has been applied
    applied     integer not null, -- position of the last event applied, or zero
    event_id    text    not null, --   and its id, or empty
    owner       text    not null, -- the runner that brought it here
    tables      text    not null, -- the statements that made the read model's tables
    primary key (name, version, part)
) strict, without rowid;

-- As it was left after four events.
create table entries (n integer primary key, position integer not null, cents integer not null) strict;
create table balance (cents integer not null) strict;
insert into balance values (10);
insert into entries (position, cents) values (1, 1), (2, 2), (3, 3), (4, 4);
insert into daybook_projection (name, version, part, log, incarnation, position, applied, event_id, owner, tables)
values ('ledger', 1, 0, '01980000-0000-7000-8000-000000000001', '01980000-0000-7000-8000-000000000002', 4, 4, '01980000-0000-8a4c-a40e-647330e664b3', '', '');
