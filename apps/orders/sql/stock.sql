
-- One row for each article that is kept in stock.
create table stock (
    sku        text    primary key,
    version    integer not null,           -- of the newest event applied
    updated_at integer not null,           --   when that was recorded
    position   integer not null,           --   and where
    on_hand    integer not null default 0, -- pieces on the shelf
    reserved   integer not null default 0, --   of which so many are kept for orders
    level      integer not null default 0, -- it is low when no more than so many are free
    received   integer not null default 0, -- pieces that ever came
    picked     integer not null default 0, --   that left with an order
    found      integer not null default 0, --   and that counts found; fewer than none if they missed some
    search     text    not null            -- the SKU in lower case
) strict;

-- What happened to an article, as differences: a sum up to some time is the article as
-- it was then.
create table movements (
    sku      text    not null,
    version  integer not null, -- of the event in the article's stream
    on_hand  integer not null default 0,
    reserved integer not null default 0,
    level    integer not null default 0,
    at       integer,
    primary key (sku, version)
) strict, without rowid;

-- What is or was kept for an order.
create table reservations (
    order_id text    not null,
    sku      text    not null,
    quantity integer not null,
    fate     integer not null, -- 1 kept, 2 released, 3 picked; see stockview.go
    at       integer,          -- when it was reserved
    ended_at integer,          --   and when it was released or picked
    primary key (order_id, sku)
) strict, without rowid;

create index reservations_of_article on reservations (sku, fate, order_id);
