-- What a new connection has come to.
select current_setting('server_version_num')::integer, pg_is_in_recovery(), pg_encoding_to_char(encoding),
       current_setting('fsync'), current_setting('synchronous_commit'), current_setting('synchronous_standby_names')
from pg_database where datname = current_database();
