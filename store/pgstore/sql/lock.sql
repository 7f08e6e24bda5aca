-- $1 log. The clock is read after the lock is had: what is outside of the first part is
-- computed when that is done.
with head as materialized (
    select id, incarnation, position, stamp, known, about, origin, synchronous from daybook_log where number = $1 for update
)
select head.*, (extract(epoch from clock_timestamp()) * 1000000)::bigint * 1000 from head;
