-- Windows of requests are forgotten in a crash, and nobody waits for a disk to count one.
ALTER TABLE request_windows SET UNLOGGED;
--> statement-breakpoint
-- The audit log only grows: whoever has the service's credentials can neither change nor remove an entry.
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'the audit log only grows' USING ERRCODE = 'insufficient_privilege';
END
$$;
--> statement-breakpoint
CREATE TRIGGER audit_log_only_grows BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
  FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
--> statement-breakpoint
-- Ends a claim whose generated PINs would make guessing on their number likelier than is allowed: at most so many
-- PINs of one length may be alive on it. Claims of such PINs on one number take turns here, so that none counts
-- before another has come.
CREATE FUNCTION pin_room(number_id integer, session uuid, digits integer, most integer) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(7202612, number_id);
  IF (SELECT count(*) FROM pins WHERE virtual_number_id = number_id AND length = digits AND held_until > now()
      AND session_id <> session) + 2 > most THEN
    RETURN refuse('room');
  END IF;
  RETURN true;
END
$$;
--> statement-breakpoint
-- Ends the booking of a connection that would be one too many: calls at once and within an hour, of a session, a
-- virtual number and an account; null for no limit. Counted under locks that are held until the commit (the
-- session's row is locked already) and with a snapshot of its own, so that of calls that arrive together no more
-- than are allowed are connected.
CREATE FUNCTION within_caps(this_call uuid, session uuid, number_id integer, account text,
  session_now integer, session_hour integer, number_now integer, number_hour integer, account_now integer, account_hour integer)
RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
  an_hour_ago CONSTANT timestamptz := now() - interval '1 hour';
BEGIN
  IF num_nonnulls(account_now, account_hour) > 0 THEN
    PERFORM pg_advisory_xact_lock(7202613, hashtext(account));
  END IF;
  IF num_nonnulls(number_now, number_hour) > 0 THEN
    PERFORM pg_advisory_xact_lock(7202614, number_id);
  END IF;
  IF session_now IS NOT NULL AND (SELECT count(*) FROM calls WHERE session_id = session AND NOT is_over
      AND outcome IN ('connected', 'placed') AND id <> this_call) >= session_now THEN
    RETURN refuse('session_now');
  END IF;
  IF session_hour IS NOT NULL AND (SELECT count(*) FROM (SELECT FROM calls WHERE session_id = session
      AND started_at > an_hour_ago AND id <> this_call LIMIT session_hour) AS recent) >= session_hour THEN
    RETURN refuse('session_hour');
  END IF;
  IF number_now IS NOT NULL AND (SELECT count(*) FROM calls WHERE account_id = account AND virtual_number_id = number_id
      AND NOT is_over AND outcome IN ('connected', 'placed') AND id <> this_call) >= number_now THEN
    RETURN refuse('number_now');
  END IF;
  IF number_hour IS NOT NULL AND (SELECT count(*) FROM (SELECT FROM calls WHERE account_id = account
      AND virtual_number_id = number_id AND outcome IN ('connected', 'placed') AND started_at > an_hour_ago
      AND id <> this_call LIMIT number_hour) AS recent) >= number_hour THEN
    RETURN refuse('number_hour');
  END IF;
  IF account_now IS NOT NULL AND (SELECT count(*) FROM calls WHERE account_id = account AND NOT is_over
      AND outcome IN ('connected', 'placed') AND id <> this_call) >= account_now THEN
    RETURN refuse('account_now');
  END IF;
  IF account_hour IS NOT NULL AND (SELECT count(*) FROM (SELECT FROM calls WHERE account_id = account
      AND outcome IN ('connected', 'placed') AND started_at > an_hour_ago AND id <> this_call
      LIMIT account_hour) AS recent) >= account_hour THEN
    RETURN refuse('account_hour');
  END IF;
  RETURN true;
END
$$;
