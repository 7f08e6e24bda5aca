-- $1 log
select id, incarnation, position, stamp, known, about, origin, synchronous, (extract(epoch from clock_timestamp()) * 1000000)::bigint * 1000
from daybook_log where number = $1;
