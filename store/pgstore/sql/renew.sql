-- $1 log, $2 incarnation, $3 origin
update daybook_log set incarnation = $2, origin = $3 where number = $1;
