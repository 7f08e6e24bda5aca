-- $1 log, $2 positions
select e.position, e.recorded_at, e.version, e.happened_at, e.id, e.stub, e.type, e.stream, e.tags, e.content_type, e.metadata, e.data, e.digest
from daybook_event e where e.log = $1 and e.position = any($2::bigint[]);
