-- $1 log, $2 stream, $3 version: the first position in the stream of that version or a higher one
select position from daybook_event
where (log, stream, version) >= ($1, $2::text, $3::bigint) and (log, stream, version) <= ($1, $2::text, 9223372036854775807)
  and stream is not null
order by log, stream, version limit 1;
