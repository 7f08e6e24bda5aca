-- $1 log, $2 stream, $3 version: the first position in the stream of that version or a higher one
select position from daybook_event where log + 0 = $1 and stream = $2 and version >= $3 order by version limit 1;
