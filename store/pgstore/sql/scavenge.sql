-- $1 log, $2 to $5 one element for each event
update daybook_event e
set stub = 1, type = s.type, tags = s.tags::text[], digest = s.digest, content_type = null, metadata = null, happened_at = null, data = ''
from unnest($2::bigint[], $3::text[], $4::text[], $5::bytea[]) s (position, type, tags, digest)
where e.log = $1 and e.position = s.position and e.stub is null;
