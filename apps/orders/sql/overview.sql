-- What the shop's people look at: every order, and what it is made of.
-- Times are nanoseconds since 1970 in UTC, and null where nobody said. Money is in
-- hundredths.

-- One row for each order: what a list shows, and what figures are summed up from.
create table orders (
    id             text    primary key,
    version        integer not null,            -- of the newest event applied
    updated_at     integer not null,            --   when that was recorded
    position       integer not null,            --   and where
    status         integer not null,            -- how far it has come; see status.go
    reached        integer not null,            -- a bit for every status that it has been at
    customer       text    not null default '',
    city           text    not null default '',
    state          text    not null default '',
    currency       text    not null default '',
    total          integer not null default 0,
    units          integer not null default 0,
    item_price     integer not null default 0,  -- of all lines, without freight
    freight        integer not null default 0,
    paid           integer not null default 0,
    refunded       integer not null default 0,
    carrier        text    not null default '',
    tracking       text    not null default '',
    reason         text    not null default '',
    fulfil         integer not null default 0,  -- 1 if the shop was asked to see to it by itself
    pay_method     text    not null default '', --   how it is then to be paid
    pay_by         integer,                     --   and until when, if not by the shop
    promised_for   integer,
    listed_at      integer not null,            -- placed_at, or when that was recorded
    placed_at      integer,
    paid_at        integer,
    invoiced_at    integer,
    processing_at  integer,
    shipped_at     integer,
    delivered_at   integer,
    unavailable_at integer,
    cancelled_at   integer,
    returned_at    integer,
    refunded_at    integer,
    search         text    not null default ''  -- what a search finds it by, in lower case
) strict;

create index orders_by_time     on orders (listed_at, id);
create index orders_by_total    on orders (total, id);
create index orders_by_change   on orders (position);
create index orders_by_status   on orders (status, listed_at, id);
create index orders_by_customer on orders (customer, listed_at, id);

create index orders_to_fulfil   on orders (status, position) where fulfil = 1;

create table lines (
    order_id   text    not null,
    n          integer not null,
    product    text    not null,
    category   text    not null,
    seller     text    not null,
    quantity   integer not null,
    unit_price integer not null,
    freight    integer not null,
    primary key (order_id, n)
) strict, without rowid;

create table payments (
    order_id     text    not null,
    version      integer not null, -- of the event in the order's stream
    method       text    not null,
    amount       integer not null,
    installments integer not null,
    at           integer,
    primary key (order_id, version)
) strict, without rowid;

create table refunds (
    order_id text    not null,
    version  integer not null,
    amount   integer not null,
    reason   text    not null,
    at       integer,
    primary key (order_id, version)
) strict, without rowid;
