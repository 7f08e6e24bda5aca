-- $1 log, $2 position, $3 stamp, $4 the newest position about a stream
update daybook_log set position = $2, stamp = $3, about = $4 where number = $1;
