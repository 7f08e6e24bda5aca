-- $1 log, $2 the synchronous read models that it is kept with
update daybook_log set synchronous = $2 where number = $1;
