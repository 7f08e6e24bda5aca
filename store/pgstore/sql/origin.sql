-- Which cluster this is, on which timeline, and which of its tables holds the logs.
select system_identifier || '.' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8) || '.' || 'daybook_log'::regclass::oid
from pg_control_system();
