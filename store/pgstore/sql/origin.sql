-- Which cluster this is, on which timeline, which of its databases, and which of the tables
-- there holds the logs. A database that was made from another one as its template has tables
-- with the same numbers.
select system_identifier || '.' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8) || '.' || d.oid || '.' || 'daybook_log'::regclass::oid
from pg_control_system(), pg_database d where d.datname = current_database();
