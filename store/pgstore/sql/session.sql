-- What every connection begins with. Every question here is one that an index answers in the
-- order in which the answer is wanted; statistics, which may be missing or old, are not to
-- talk the planner into anything else.
set enable_seqscan = off;
set enable_bitmapscan = off;
set enable_hashjoin = off;
set enable_mergejoin = off;
set jit = off;
