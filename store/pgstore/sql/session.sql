-- What every connection begins with. Every question here is one that an index answers in the
-- order in which the answer is wanted; statistics, which may be missing or old, are not to
-- talk the planner into anything else.
set enable_seqscan = off;
set enable_bitmapscan = off;
set enable_hashjoin = off;
set enable_mergejoin = off;
set enable_sort = off;
set enable_incremental_sort = off;
set jit = off;
-- For the same reason a plan does not depend on the values of parameters. Without this the
-- planner compares what it estimates with and without them, finds that ten elements are less
-- than the hundred that it assumes otherwise, and plans every statement anew each time.
set plan_cache_mode = force_generic_plan;
-- What a role, a database or an address may set otherwise. Names would be other names in
-- another encoding, and whoever waits for a lock is to see what was committed meanwhile.
set client_encoding = 'UTF8';
set default_transaction_isolation = 'read committed';
