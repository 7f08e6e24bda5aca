-- $1 channel, $2 position
select pg_notify($1, $2);
