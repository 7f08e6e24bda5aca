-- $1 log, $2 and $3 positions, both included
select count(*) from daybook_event where log = $1 and position >= $2 and position <= $3;
