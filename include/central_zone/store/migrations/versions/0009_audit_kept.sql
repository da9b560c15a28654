-- The database keeps the audit chain in order itself. It cannot stop its own administrator: what shows that is outside the
-- store (checkpoints, receipts, the register), and gp-central audit verify compares.

-- Who was logged in, beside the actor that the software names. Entries from before this have none.
ALTER TABLE audit.entry ADD COLUMN written_by TEXT;

CREATE INDEX restores ON audit.entry (seq) WHERE event ? 'restored_from';

-- Whoever may INSERT can add the next entry under their own name, and nothing else. Each statement in here sees what was
-- committed when it began, and the lock keeps the last entry the last one until the caller's transaction ends.
CREATE FUNCTION audit.keep_chain() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  last_seq BIGINT;
  last_hash TEXT;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('gp-collect audit chain', 0));
  SELECT entry.seq, entry.hash INTO last_seq, last_hash FROM audit.entry ORDER BY entry.seq DESC LIMIT 1;
  IF NEW.seq IS DISTINCT FROM coalesce(last_seq, 0) + 1
    OR NEW.previous_hash IS DISTINCT FROM coalesce(last_hash, repeat('0', 64))
    OR NEW.hash !~ '^[0-9a-f]{64}$'
    OR NEW.written_by IS DISTINCT FROM session_user::text
  THEN
    RAISE EXCEPTION 'an audit entry follows the last one and names who wrote it' USING ERRCODE = 'GA001', TABLE = 'entry';
  END IF;
  RETURN NEW;
END
$$;

CREATE FUNCTION audit.never_changes() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RAISE EXCEPTION 'an audit entry is never changed and never removed' USING ERRCODE = 'GA002', TABLE = 'entry';
END
$$;

REVOKE ALL ON FUNCTION audit.keep_chain(), audit.never_changes() FROM PUBLIC;

CREATE TRIGGER keep_chain BEFORE INSERT ON audit.entry FOR EACH ROW EXECUTE FUNCTION audit.keep_chain();
CREATE TRIGGER never_changes BEFORE UPDATE OR DELETE OR TRUNCATE ON audit.entry
FOR EACH STATEMENT EXECUTE FUNCTION audit.never_changes();

-- As before, naming the command that looks at everything a restored store lacks and not at erasures alone.
CREATE OR REPLACE FUNCTION erasure.may_serve() RETURNS BOOLEAN
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM erasure.serving WHERE serving.identity = erasure.identity()) THEN
    RAISE EXCEPTION 'This store is a restored copy: erasures may be missing. Run: gp-central store restored'
      USING ERRCODE = 'GE001';
  END IF;
  RETURN true;
END
$$;

-- Released tables of a restored copy hold people who were erased since the backup: whoever works with them waits too.
-- PostgreSQL looks at what the function would read when it is made; nothing is read here.
SET LOCAL row_security = on;
CREATE OR REPLACE FUNCTION release.is_open_to_me(use_id TEXT) RETURNS BOOLEAN
LANGUAGE SQL STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
RETURN CASE WHEN EXISTS (
  SELECT FROM release.analyst
  WHERE analyst.use_id = is_open_to_me.use_id AND analyst.login = session_user AND analyst.last_day >= (now() AT TIME ZONE 'UTC')::date
) THEN erasure.may_serve() ELSE false END;
SET LOCAL row_security = off;
