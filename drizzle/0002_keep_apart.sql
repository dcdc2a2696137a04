-- Keeps sessions that take any caller and sessions with PINs on different virtual numbers. The last step of a
-- claim: two claims that both looked before either was committed cannot both pass, since this looks again, with
-- a snapshot of its own, under a lock that is held until the commit. Claims with PINs share the lock; nothing is
-- waited for behind it.
CREATE FUNCTION keep_apart(number_id integer, takes_anyone boolean, anyone bytea) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  IF takes_anyone THEN
    PERFORM pg_advisory_xact_lock(7202611, number_id);
    IF EXISTS (SELECT FROM pins WHERE virtual_number_id = number_id AND held_until > now()) THEN
      RETURN refuse('number');
    END IF;
  ELSE
    PERFORM pg_advisory_xact_lock_shared(7202611, number_id);
    IF EXISTS (SELECT FROM leases WHERE virtual_number_id = number_id AND party_digest = anyone AND held_until > now()) THEN
      RETURN refuse('number');
    END IF;
  END IF;
  RETURN true;
END
$$;
