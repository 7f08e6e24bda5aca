-- $1 name
select number from daybook_log where name = $1;
