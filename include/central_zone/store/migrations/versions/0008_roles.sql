-- Who works with a release: the login, the use and the last day, as policy/data_uses had them at the last release.

CREATE TABLE release.analyst (
  use_id TEXT NOT NULL,
  login TEXT NOT NULL,
  last_day DATE NOT NULL,
  PRIMARY KEY (use_id, login)
);

-- Asked once for each query, not for each row: its argument is a constant. The day is the server's own in UTC; what a session
-- calls its time zone, or whom it acts as, changes nothing.
CREATE FUNCTION release.is_open_to_me(use_id TEXT) RETURNS BOOLEAN
LANGUAGE SQL STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
RETURN EXISTS (
  SELECT FROM release.analyst
  WHERE analyst.use_id = is_open_to_me.use_id AND analyst.login = session_user AND analyst.last_day >= (now() AT TIME ZONE 'UTC')::date
);

REVOKE EXECUTE ON FUNCTION ledger.number_by_time, erasure.identity, erasure.may_serve, release.is_open_to_me FROM PUBLIC;
