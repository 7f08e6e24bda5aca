-- Makes the place where Daybook keeps what its migrations have done. Whoever does this
-- has the lock of the same name until the transaction ends.
create schema if not exists daybook_projections;
create table if not exists daybook_projections.daybook_migration (
    number     integer     primary key,
    applied_at timestamptz not null default now() -- for people
);
