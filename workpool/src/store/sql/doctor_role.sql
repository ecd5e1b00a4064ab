SELECT session_user::text AS name, (SELECT rolsuper FROM pg_roles WHERE rolname = session_user) AS superuser,
    has_table_privilege('workpool.stats', 'SELECT') AND has_table_privilege('workpool.workers', 'SELECT')
        AND has_table_privilege('workpool.audit', 'SELECT') AND has_column_privilege('workpool.work', 'id', 'SELECT') AS reads,
    has_column_privilege('workpool.work', 'args', 'SELECT') AS sees_arguments,
    has_table_privilege('workpool.work', 'INSERT') AS enqueues,
    has_table_privilege('workpool.slots', 'INSERT') AND has_table_privilege('workpool.work', 'UPDATE') AS works,
    has_table_privilege('workpool.pools', 'UPDATE') AND has_table_privilege('workpool.audit', 'INSERT') AS steers
