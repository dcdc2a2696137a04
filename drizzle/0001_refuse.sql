-- Makes a statement that must be all or nothing leave nothing: a claim that got only some of its leases
-- calls this in its final select. The caller reads `what` from the message of SQLSTATE BA001.
CREATE FUNCTION refuse(what text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION USING ERRCODE = 'BA001', MESSAGE = what;
END
$$;
