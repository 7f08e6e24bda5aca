-- $1 log, $2 to $14 one element for each event, of which some are stubs
insert into daybook_event (log, position, recorded_at, version, happened_at, id, type, stream, tags, content_type, metadata, data, stub, digest)
select $1, e.position, e.recorded_at, e.version, e.happened_at, e.id, e.type, e.stream, e.tags::text[], e.content_type, e.metadata, e.data, e.stub, e.digest
from unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::uuid[], $7::text[], $8::text[], $9::text[], $10::text[], $11::bytea[], $12::bytea[], $13::smallint[], $14::bytea[])
    e (position, recorded_at, version, happened_at, id, type, stream, tags, content_type, metadata, data, stub, digest);
