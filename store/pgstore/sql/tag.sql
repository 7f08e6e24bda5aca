-- $1 log, $2 hashes, $3 positions
insert into daybook_tag (log, hash, position)
select $1, t.hash, t.position from unnest($2::bigint[], $3::bigint[]) t (hash, position)
on conflict do nothing;
