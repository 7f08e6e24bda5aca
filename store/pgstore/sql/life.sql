-- $1 log, $2 incarnation, $3 reason
insert into daybook_life (log, incarnation, begun_at, position, reason)
select number, $2, (extract(epoch from clock_timestamp()) * 1000000)::bigint * 1000, position, $3 from daybook_log where number = $1;
