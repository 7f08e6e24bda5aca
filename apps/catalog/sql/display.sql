-- What people look at: every product as it is, what it ever cost, and what happened to it.
-- Times are nanoseconds since 1970 in UTC, and null where nobody said. Money is in
-- hundredths.

create table products (
    id              text    primary key,
    version         integer not null,           -- of the newest event applied
    updated_at      integer not null,           --   when that was recorded
    position        integer not null,           --   and where
    created         integer not null,           -- where its first event was recorded
    created_at      integer,
    name            text    not null default '',
    sorted_name     text    not null default '', -- in lower case
    sku             text    not null default '',
    description     text    not null default '',
    category        text    not null default '',
    price           integer not null default 0,
    stock           integer not null default 0,
    status          text    not null default '',
    reason          text    not null default '',
    discontinued_at integer
) strict;

create index products_by_age      on products (created, id);
create index products_by_price    on products (price, id);
create index products_by_name     on products (sorted_name, id);
create index products_by_change   on products (position, id);
create index products_by_category on products (category, created, id);
create index products_by_sku      on products (lower(sku));

-- Each price that a product ever had.
create table prices (
    product     text    not null,
    version     integer not null,               -- of the event that set it
    price       integer not null,
    happened_at integer,
    recorded_at integer not null,
    primary key (product, version)
) strict, without rowid;

-- Each event, so that the past of a product can be told without the log.
create table history (
    product     text    not null,
    version     integer not null,
    position    integer not null,
    event_id    text    not null,
    type        text    not null,
    happened_at integer,
    recorded_at integer not null,
    data        text    not null,
    metadata    text    not null,
    primary key (product, version)
) strict, without rowid;

create unique index history_by_position on history (position);

-- The words that products are found by.
create table words (
    word    text    not null,
    product text    not null,
    field   text    not null,
    weight  integer not null,                   -- what it is worth that it stands there
    primary key (word, product, field)
) strict, without rowid;
