-- $1 log, $2 to $12 one element for each event
insert into daybook_event (log, position, recorded_at, version, happened_at, id, type, stream, tags, content_type, metadata, data)
select $1, e.position, e.recorded_at, e.version, e.happened_at, e.id, e.type, e.stream, e.tags::text[], e.content_type, e.metadata, e.data
from unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::uuid[], $7::text[], $8::text[], $9::text[], $10::text[], $11::bytea[], $12::bytea[])
    e (position, recorded_at, version, happened_at, id, type, stream, tags, content_type, metadata, data);
