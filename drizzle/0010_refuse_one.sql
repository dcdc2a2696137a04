-- A statement that carries several is refused as a whole, and tells by the detail which of them is to blame: its place
-- among them. Without it as before, also for instances that still run the version before.
DROP FUNCTION refuse(text);
--> statement-breakpoint
CREATE FUNCTION refuse(what text, item integer DEFAULT NULL) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION USING ERRCODE = 'BA001', MESSAGE = what, DETAIL = coalesce(item::text, '');
END
$$;
--> statement-breakpoint
DROP FUNCTION keep_apart(integer, boolean, bytea);
--> statement-breakpoint
CREATE FUNCTION keep_apart(number_id integer, takes_anyone boolean, anyone bytea, item integer DEFAULT NULL)
  RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  IF takes_anyone THEN
    PERFORM pg_advisory_xact_lock(7202611, number_id);
    IF EXISTS (SELECT FROM pins WHERE virtual_number_id = number_id AND held_until > now()) THEN
      RETURN refuse('number', item);
    END IF;
  ELSE
    PERFORM pg_advisory_xact_lock_shared(7202611, number_id);
    IF EXISTS (SELECT FROM leases WHERE virtual_number_id = number_id AND party_digest = anyone AND held_until > now()) THEN
      RETURN refuse('number', item);
    END IF;
  END IF;
  RETURN true;
END
$$;
--> statement-breakpoint
-- Whether generated PINs have room: at most so many of one length may be alive on a number. Claims of such PINs on one
-- number take turns here, before they write anything, and each counts with a snapshot of its own. In place of
-- `pin_room`, which instances of the version before still ask.
CREATE FUNCTION has_pin_room(number_id integer, session uuid, digits integer, most integer) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(7202612, number_id);
  RETURN (SELECT count(*) FROM pins WHERE virtual_number_id = number_id AND length = digits AND held_until > now()
    AND session_id <> session) + 2 <= most;
END
$$;
