-- $1 channel, $2 position. Whoever is not told finds out: nobody waits for a disk for that.
select set_config('synchronous_commit', 'off', true), pg_notify($1, $2);
