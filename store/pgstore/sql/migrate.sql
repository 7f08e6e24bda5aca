-- Makes the table in which it is kept which migrations are done. Whoever does this has the
-- lock of the schema until the transaction ends.
create table if not exists daybook_migration (
    number     integer     primary key,
    applied_at timestamptz not null default now() -- for people
);
