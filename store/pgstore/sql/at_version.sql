-- $1 log, $2 stream, $3 version: the first position in the stream of that version or a higher one
select position from daybook_event
where log = $1 and stream = $2::text and version >= $3::bigint
  and stream is not null
order by log, stream, version limit 1;
