-- What people look at: every product as it is, what it ever cost, and what happened to it.
-- Times are nanoseconds since 1970 in UTC, and null where nobody said. Money is in
-- hundredths.

create table products (
    id              text    collate "C" primary key,
    version         bigint not null,           -- of the newest event applied
    updated_at      bigint not null,           --   when that was recorded
    position        bigint not null,           --   and where
    created         bigint not null,           -- where its first event was recorded
    created_at      bigint,
    name            text    not null default '',
    sorted_name     text    collate "C" not null default '', -- in lower case
    sku             text    not null default '',
    description     text    not null default '',
    category        text    not null default '',
    price           bigint not null default 0,
    stock           bigint not null default 0,
    status          text    not null default '',
    reason          text    not null default '',
    discontinued_at bigint
);

create index products_by_age      on products (created, id);
create index products_by_price    on products (price, id);
create index products_by_name     on products (sorted_name, id);
create index products_by_change   on products (position, id);
create index products_by_category on products (category, created, id);
create index products_by_sku      on products (lower(sku));

-- Each price that a product ever had.
create table prices (
    product     text    not null,
    version     bigint not null,               -- of the event that set it
    price       bigint not null,
    happened_at bigint,
    recorded_at bigint not null,
    primary key (product, version)
);

-- Each event, so that the past of a product can be told without the log.
create table history (
    product     text    not null,
    version     bigint not null,
    position    bigint not null,
    event_id    text    not null,
    type        text    not null,
    happened_at bigint,
    recorded_at bigint not null,
    data        text    not null,
    metadata    text    not null,
    primary key (product, version)
);

create unique index history_by_position on history (position);

-- The words that products are found by.
create table words (
    word    text    collate "C" not null,
    product text    not null,
    field   text    not null,
    weight  bigint not null,                   -- what it is worth that it stands there
    primary key (word, product, field)
);
