-- What a connection that appends begins with besides. A writer that is stopped between two
-- statements holds the others up for the first, and within one for the second.
set idle_in_transaction_session_timeout = '2s';
set statement_timeout = '8s';
