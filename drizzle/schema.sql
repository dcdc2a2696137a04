-- What the migrations make. Written by `npm run schema`; a difference fails the check.

create table account_tokens (
  account_id text not null,
  digest bytea not null,
  created_at timestamp with time zone default now() not null,
  expires_at timestamp with time zone,
  constraint account_tokens_once PRIMARY KEY (account_id, digest)
);

create table accounts (
  id text not null,
  parent_id text,
  name text not null,
  token_cipher bytea not null,
  created_at timestamp with time zone default now() not null,
  enabled boolean default true not null,
  policy jsonb default '{}'::jsonb not null,
  modified_at timestamp with time zone default now() not null,
  constraint accounts_id_form CHECK ((id ~ '^(M|S)A[A-Z0-9]{18}$'::text)),
  constraint accounts_pkey PRIMARY KEY (id),
  constraint accounts_sub_has_parent CHECK ((("left"(id, 1) = 'S'::text) = (parent_id IS NOT NULL)))
);

create table audit_log (
  id bigint generated always as identity not null,
  at timestamp with time zone default now() not null,
  account_id text not null,
  actor text not null,
  action text not null,
  object text not null,
  fields text[] not null,
  request_id uuid,
  constraint audit_log_pkey PRIMARY KEY (id)
);

CREATE INDEX audit_log_account ON public.audit_log USING btree (account_id, id);

create table callback_attempts (
  callback_id uuid not null,
  attempt integer not null,
  at timestamp with time zone not null,
  status integer,
  error text,
  duration_ms integer not null,
  constraint callback_attempts_once PRIMARY KEY (callback_id, attempt)
);

create table callbacks (
  id uuid default gen_random_uuid() not null,
  event_key text not null,
  account_id text not null,
  subaccount_id text,
  session_id uuid not null,
  virtual_number_id integer not null,
  call_id uuid,
  event text not null,
  sequence integer not null,
  details jsonb default '{}'::jsonb not null,
  url text not null,
  method text not null,
  endpoint text generated always as (lower("substring"(url, '^[A-Za-z]+://[^/?#]+'::text))) stored not null,
  occurred_at timestamp with time zone default now() not null,
  state text default 'pending'::text not null,
  attempts integer default 0 not null,
  next_attempt_at timestamp with time zone default now() not null,
  last_status integer,
  last_error text,
  delivered_at timestamp with time zone,
  recording_id uuid,
  schedule_start integer default 0 not null,
  constraint callbacks_event_once UNIQUE (event_key),
  constraint callbacks_pkey PRIMARY KEY (id),
  constraint callbacks_state CHECK ((state = ANY (ARRAY['pending'::text, 'paused'::text, 'delivered'::text, 'given_up'::text])))
);

CREATE INDEX callbacks_age ON public.callbacks USING brin (occurred_at);

CREATE INDEX callbacks_call ON public.callbacks USING btree (call_id) WHERE (call_id IS NOT NULL);

CREATE INDEX callbacks_due ON public.callbacks USING btree (endpoint, next_attempt_at) WHERE (state = 'pending'::text);

CREATE INDEX callbacks_newest ON public.callbacks USING btree (account_id, occurred_at, id);

CREATE INDEX callbacks_paused ON public.callbacks USING btree (account_id, endpoint) WHERE (state = 'paused'::text);

CREATE INDEX callbacks_session ON public.callbacks USING btree (session_id, sequence);

create table calls (
  id uuid not null,
  provider_id integer not null,
  provider_call_id text not null,
  anonymous_key bytea,
  account_id text not null,
  virtual_number_id integer,
  caller_digest bytea,
  caller_cipher bytea,
  session_id uuid,
  caller_side text,
  outcome text not null,
  reason text not null,
  authenticated boolean not null,
  pin_policy jsonb,
  pin_tries text[] not null,
  version integer not null,
  started_at timestamp with time zone default now() not null,
  decided_at timestamp with time zone default now() not null,
  subaccount_id text,
  direction text default 'inbound'::text not null,
  callee_digest bytea,
  callee_cipher bytea,
  record_format text,
  currency text default 'USD'::text not null,
  a_started_at timestamp with time zone,
  a_ringing_at timestamp with time zone,
  a_answered_at timestamp with time zone,
  a_ended_at timestamp with time zone,
  a_hangup_code integer,
  a_hangup_source text,
  a_seconds integer,
  a_billed_seconds integer,
  a_rate numeric,
  a_cost numeric,
  b_leg_id text,
  b_started_at timestamp with time zone,
  b_ringing_at timestamp with time zone,
  b_answered_at timestamp with time zone,
  b_ended_at timestamp with time zone,
  b_hangup_code integer,
  b_hangup_source text,
  b_seconds integer,
  b_billed_seconds integer,
  b_rate numeric,
  b_cost numeric,
  a_corrected_billed_seconds integer,
  a_corrected_rate numeric,
  a_corrected_cost numeric,
  b_corrected_billed_seconds integer,
  b_corrected_rate numeric,
  b_corrected_cost numeric,
  overdue_at timestamp with time zone,
  swept_at timestamp with time zone,
  recording_missed_at timestamp with time zone,
  is_over boolean generated always as (((a_ended_at IS NOT NULL) OR (swept_at IS NOT NULL))) stored not null,
  legs integer generated always as (
CASE
    WHEN (outcome = 'unplaced'::text) THEN 0
    ELSE (1 + ((b_leg_id IS NOT NULL))::integer)
END) stored not null,
  billed_seconds integer generated always as ((COALESCE(a_corrected_billed_seconds, a_billed_seconds, 0) + COALESCE(b_corrected_billed_seconds, b_billed_seconds, 0))) stored not null,
  cost numeric generated always as ((COALESCE(a_corrected_cost, a_cost, (0)::numeric) + COALESCE(b_corrected_cost, b_cost, (0)::numeric))) stored not null,
  erased_at timestamp with time zone,
  constraint calls_connected_to_someone CHECK (((outcome <> ALL (ARRAY['connected'::text, 'placed'::text, 'unplaced'::text])) OR (session_id IS NOT NULL))),
  constraint calls_on_a_number CHECK (((outcome = 'orphan'::text) OR (virtual_number_id IS NOT NULL))),
  constraint calls_once UNIQUE (provider_id, provider_call_id),
  constraint calls_outcome CHECK ((outcome = ANY (ARRAY['asked'::text, 'connected'::text, 'pin_failed'::text, 'refused'::text, 'orphan'::text, 'placed'::text, 'unplaced'::text]))),
  constraint calls_pkey PRIMARY KEY (id)
);

CREATE INDEX calls_age ON public.calls USING brin (started_at);

CREATE INDEX calls_anonymous ON public.calls USING btree (provider_id, anonymous_key, started_at) WHERE (anonymous_key IS NOT NULL);

CREATE INDEX calls_callee ON public.calls USING btree (callee_digest, started_at) WHERE (callee_digest IS NOT NULL);

CREATE INDEX calls_caller ON public.calls USING btree (caller_digest, started_at) WHERE (caller_digest IS NOT NULL);

CREATE INDEX calls_leg_b ON public.calls USING btree (account_id, b_leg_id) WHERE (b_leg_id IS NOT NULL);

CREATE INDEX calls_lengths ON public.calls USING btree (virtual_number_id, started_at, b_seconds) WHERE (is_over AND (b_answered_at IS NOT NULL));

CREATE INDEX calls_newest ON public.calls USING btree (account_id, started_at, id);

CREATE INDEX calls_orphans ON public.calls USING btree (account_id, started_at) WHERE (outcome = 'orphan'::text);

CREATE INDEX calls_overdue ON public.calls USING btree (overdue_at) WHERE (NOT is_over);

CREATE INDEX calls_running ON public.calls USING btree (session_id) WHERE ((NOT is_over) AND (outcome = ANY (ARRAY['connected'::text, 'placed'::text])));

CREATE INDEX calls_running_on ON public.calls USING btree (account_id, virtual_number_id) WHERE ((NOT is_over) AND (outcome = ANY (ARRAY['connected'::text, 'placed'::text])));

CREATE INDEX calls_session ON public.calls USING btree (session_id, started_at);

CREATE INDEX calls_unrecorded ON public.calls USING btree (started_at) WHERE ((record_format IS NOT NULL) AND is_over AND (b_answered_at IS NOT NULL) AND (recording_missed_at IS NULL));

create table endpoints (
  account_id text not null,
  endpoint text not null,
  failures integer default 0 not null,
  failing_since timestamp with time zone,
  paused_at timestamp with time zone,
  pause_reason text,
  constraint endpoints_once PRIMARY KEY (account_id, endpoint),
  constraint endpoints_pause CHECK (((paused_at IS NULL) = (pause_reason IS NULL)))
);

create table erasures (
  account_id text not null,
  phone_digest bytea not null,
  erased_at timestamp with time zone default now() not null,
  constraint erasures_once PRIMARY KEY (account_id, phone_digest)
);

create table exchanges (
  id bigint generated always as identity not null,
  at timestamp with time zone not null,
  account_id text not null,
  provider_id integer not null,
  webhook text not null,
  provider_call_id text,
  virtual_number text,
  status integer not null,
  decision text not null,
  milliseconds numeric not null,
  content_key uuid not null,
  content_cipher bytea not null,
  constraint exchanges_pkey PRIMARY KEY (id)
);

CREATE INDEX exchanges_account ON public.exchanges USING btree (account_id, id);

CREATE INDEX exchanges_at ON public.exchanges USING btree (at);

CREATE INDEX exchanges_call ON public.exchanges USING btree (provider_id, provider_call_id, id);

CREATE INDEX exchanges_number ON public.exchanges USING btree (virtual_number, id);

create table idempotency_keys (
  account_id text not null,
  route text not null,
  key_digest bytea not null,
  body_digest bytea not null,
  resource_id uuid not null,
  claimed_at timestamp with time zone default now() not null,
  status smallint,
  answer_cipher bytea,
  constraint idempotency_keys_answered CHECK (((status IS NULL) = (answer_cipher IS NULL))),
  constraint idempotency_keys_once PRIMARY KEY (account_id, route, key_digest)
);

CREATE INDEX idempotency_keys_age ON public.idempotency_keys USING btree (claimed_at);

CREATE INDEX idempotency_keys_resource ON public.idempotency_keys USING btree (resource_id);

create table leases (
  virtual_number_id integer not null,
  session_id uuid not null,
  side text not null,
  held_until timestamp with time zone not null,
  party_digest bytea not null,
  constraint leases_party_once PRIMARY KEY (virtual_number_id, party_digest),
  constraint leases_session_id_sessions_id_fk FOREIGN KEY (session_id) REFERENCES sessions(id) ON DELETE CASCADE
);

CREATE INDEX leases_party ON public.leases USING btree (party_digest, held_until) WHERE (virtual_number_id > 0);

CREATE INDEX leases_session ON public.leases USING btree (session_id);

create table pin_budgets (
  virtual_number_id integer not null,
  caller_digest bytea not null,
  full_at timestamp with time zone not null,
  constraint pin_budgets_once PRIMARY KEY (virtual_number_id, caller_digest)
);

CREATE INDEX pin_budgets_full ON public.pin_budgets USING btree (full_at);

create table pins (
  virtual_number_id integer not null,
  session_id uuid not null,
  side text not null,
  held_until timestamp with time zone not null,
  pin_digest bytea not null,
  length smallint not null,
  constraint pins_pin_once PRIMARY KEY (virtual_number_id, pin_digest),
  constraint pins_session_id_sessions_id_fk FOREIGN KEY (session_id) REFERENCES sessions(id) ON DELETE CASCADE
);

CREATE INDEX pins_living ON public.pins USING btree (virtual_number_id, length, held_until);

CREATE INDEX pins_session ON public.pins USING btree (session_id);

create table placements (
  session_id uuid not null,
  account_id text not null,
  virtual_number_id integer not null,
  state text default 'due'::text not null,
  taken_at timestamp with time zone,
  created_at timestamp with time zone default now() not null,
  constraint placements_pkey PRIMARY KEY (session_id),
  constraint placements_state CHECK ((state = ANY (ARRAY['due'::text, 'taken'::text, 'placed'::text, 'failed'::text])))
);

CREATE INDEX placements_open ON public.placements USING btree (created_at) WHERE (state = ANY (ARRAY['due'::text, 'taken'::text]));

create table pool_peaks (
  account_id text not null,
  subaccount_id text not null,
  country text not null,
  day timestamp with time zone not null,
  sessions integer not null,
  constraint pool_peaks_day PRIMARY KEY (account_id, subaccount_id, country, day)
);

create table providers (
  id integer generated always as identity not null,
  key_digest bytea not null,
  account_id text not null,
  dialect text not null,
  default_country character(2),
  default_number text,
  success_play_url text default ''::text not null,
  failure_play_url text default ''::text not null,
  secrets_cipher bytea not null,
  updated_at timestamp with time zone default now() not null,
  last_webhook_at timestamp with time zone,
  constraint providers_key UNIQUE (key_digest),
  constraint providers_pkey PRIMARY KEY (id)
);

CREATE INDEX providers_account ON public.providers USING btree (account_id);

create table recordings (
  id uuid default gen_random_uuid() not null,
  provider_id integer not null,
  recording_id text not null,
  provider_call_id text not null,
  account_id text not null,
  url text,
  format text,
  duration_ms bigint,
  started_at timestamp with time zone,
  ended_at timestamp with time zone,
  added_at timestamp with time zone default now() not null,
  is_complete boolean not null,
  constraint recordings_once UNIQUE (provider_id, recording_id),
  constraint recordings_pkey PRIMARY KEY (id)
);

CREATE INDEX recordings_call ON public.recordings USING btree (provider_id, provider_call_id);

CREATE INDEX recordings_newest ON public.recordings USING btree (account_id, added_at);

create unlogged table request_windows (
  subject text not null,
  window bigint not null,
  hits integer not null,
  previous_hits integer not null,
  constraint request_windows_pkey PRIMARY KEY (subject)
);

create table sessions (
  id uuid not null,
  account_id text not null,
  subaccount_id text,
  virtual_number_id integer not null,
  first_party_digest bytea,
  first_party_cipher bytea,
  second_party_digest bytea,
  second_party_cipher bytea,
  pin_required boolean not null,
  first_pin_cipher bytea,
  second_pin_cipher bytea,
  single_party boolean not null,
  last_caller_cipher bytea,
  cooloff_seconds integer not null,
  callback_url text not null,
  callback_method text not null,
  callback_sequence integer default 0 not null,
  has_unknown_caller_play boolean not null,
  settings jsonb not null,
  created_at timestamp with time zone not null,
  modified_at timestamp with time zone not null,
  expires_at timestamp with time zone not null,
  ended_at timestamp with time zone,
  total_calls integer default 0 not null,
  total_billed_seconds integer default 0 not null,
  total_amount numeric default '0'::numeric not null,
  last_interaction_at timestamp with time zone,
  erased_at timestamp with time zone,
  constraint sessions_cooloff_bounds CHECK (((cooloff_seconds >= 0) AND (cooloff_seconds <= 3600))),
  constraint sessions_erased_when_over CHECK (((erased_at IS NULL) OR (ended_at IS NOT NULL))),
  constraint sessions_parties_differ CHECK ((first_party_digest <> second_party_digest)),
  constraint sessions_parties_present CHECK (((erased_at IS NOT NULL) OR (num_nonnulls(first_party_digest, second_party_digest) = 2) OR (single_party AND (num_nonnulls(first_party_digest, second_party_digest) = 1)))),
  constraint sessions_pins_present CHECK (((erased_at IS NOT NULL) OR (NOT pin_required) OR (num_nulls(first_pin_cipher, second_pin_cipher) = 0))),
  constraint sessions_pkey PRIMARY KEY (id)
);

CREATE INDEX sessions_announcers ON public.sessions USING btree (virtual_number_id, created_at) WHERE ((ended_at IS NULL) AND has_unknown_caller_play);

CREATE INDEX sessions_askers ON public.sessions USING btree (virtual_number_id, created_at) WHERE ((ended_at IS NULL) AND pin_required);

CREATE INDEX sessions_due ON public.sessions USING btree (expires_at) WHERE (ended_at IS NULL);

CREATE INDEX sessions_duration ON public.sessions USING btree (account_id, ((floor(date_part('epoch'::text, (expires_at AT TIME ZONE 'UTC'::text))) - floor(date_part('epoch'::text, (created_at AT TIME ZONE 'UTC'::text))))), created_at, id, expires_at);

CREATE INDEX sessions_expiry ON public.sessions USING btree (account_id, expires_at, created_at, id);

CREATE INDEX sessions_first_party ON public.sessions USING btree (first_party_digest, created_at);

CREATE INDEX sessions_newest ON public.sessions USING btree (account_id, created_at, id, expires_at);

CREATE INDEX sessions_number ON public.sessions USING btree (virtual_number_id, created_at, id);

CREATE INDEX sessions_second_party ON public.sessions USING btree (second_party_digest, created_at);

CREATE INDEX sessions_subaccount ON public.sessions USING btree (subaccount_id, created_at, id) WHERE (subaccount_id IS NOT NULL);

CREATE INDEX sessions_to_erase ON public.sessions USING btree (ended_at) WHERE ((erased_at IS NULL) AND (ended_at IS NOT NULL));

create table signature_failures (
  provider_id integer not null,
  failures bigint not null,
  last_at timestamp with time zone not null,
  constraint signature_failures_pkey PRIMARY KEY (provider_id)
);

create table signing_secrets (
  id uuid not null,
  account_id text not null,
  secret_cipher bytea not null,
  created_at timestamp with time zone default now() not null,
  expires_at timestamp with time zone,
  constraint signing_secrets_newest UNIQUE NULLS NOT DISTINCT (account_id, expires_at),
  constraint signing_secrets_pkey PRIMARY KEY (id)
);

create table tallies (
  id bigint generated always as identity not null,
  account_id text not null,
  subaccount_id text not null,
  virtual_number_id integer not null,
  provider_id integer,
  hour timestamp with time zone not null,
  status text default ''::text not null,
  hangup_code integer,
  refusal text,
  currency text,
  amount numeric default '0'::numeric not null,
  length_seconds integer,
  length_count integer default 0 not null,
  sessions_created bigint default 0 not null,
  sessions_ended bigint default 0 not null,
  offered bigint default 0 not null,
  connected bigint default 0 not null,
  missed bigint default 0 not null,
  refused bigint default 0 not null,
  abandoned bigint default 0 not null,
  pin_successes bigint default 0 not null,
  pin_failures bigint default 0 not null,
  talk_seconds bigint default 0 not null,
  billed_seconds bigint default 0 not null,
  constraint tallies_pkey PRIMARY KEY (id)
);

create table totals (
  account_id text not null,
  subaccount_id text not null,
  dimension text not null,
  key text not null,
  grain text not null,
  period timestamp with time zone not null,
  sessions_created bigint default 0 not null,
  sessions_ended bigint default 0 not null,
  offered bigint default 0 not null,
  connected bigint default 0 not null,
  missed bigint default 0 not null,
  refused bigint default 0 not null,
  abandoned bigint default 0 not null,
  pin_successes bigint default 0 not null,
  pin_failures bigint default 0 not null,
  talk_seconds bigint default 0 not null,
  billed_seconds bigint default 0 not null,
  constraint totals_cell PRIMARY KEY (account_id, dimension, grain, period, key, subaccount_id)
);

create table totals_by_value (
  account_id text not null,
  subaccount_id text not null,
  dimension text not null,
  key text not null,
  grain text not null,
  period timestamp with time zone not null,
  metric text not null,
  value text not null,
  sum numeric not null,
  constraint totals_by_value_cell PRIMARY KEY (account_id, dimension, grain, period, key, subaccount_id, metric, value)
);

create table vault_checks (
  slot smallint default 1 not null,
  sample_cipher bytea not null,
  constraint vault_checks_one CHECK ((slot = 1)),
  constraint vault_checks_pkey PRIMARY KEY (slot)
);

create table vault_keys (
  id text not null,
  purpose text not null,
  sealed_key bytea not null,
  created_at timestamp with time zone default now() not null,
  usable_at timestamp with time zone default now() not null,
  constraint vault_keys_pkey PRIMARY KEY (id),
  constraint vault_keys_purpose CHECK ((purpose = ANY (ARRAY['cipher'::text, 'digest'::text])))
);

create table virtual_numbers (
  id integer generated always as identity not null,
  number text not null,
  account_id text not null,
  subaccount_id text,
  provider_id integer not null,
  country character(2) not null,
  alias text,
  added_at timestamp with time zone default now() not null,
  retired_at timestamp with time zone,
  constraint virtual_numbers_e164 CHECK ((number ~ '^\+[1-9][0-9]{6,14}$'::text)),
  constraint virtual_numbers_number UNIQUE (number),
  constraint virtual_numbers_pkey PRIMARY KEY (id),
  constraint virtual_numbers_provider_id_providers_id_fk FOREIGN KEY (provider_id) REFERENCES providers(id)
);

CREATE INDEX virtual_numbers_pool ON public.virtual_numbers USING btree (account_id, COALESCE(subaccount_id, ''::text), id) WHERE (retired_at IS NULL);

CREATE INDEX virtual_numbers_provider ON public.virtual_numbers USING btree (provider_id);

CREATE OR REPLACE FUNCTION public.has_pin_room(number_id integer, session uuid, digits integer, most integer)
 RETURNS boolean
 LANGUAGE plpgsql
AS $function$
BEGIN
  PERFORM pg_advisory_xact_lock(7202612, number_id);
  RETURN (SELECT count(*) FROM pins WHERE virtual_number_id = number_id AND length = digits AND held_until > now()
    AND session_id <> session) + 2 <= most;
END
$function$
;

CREATE OR REPLACE FUNCTION public.keep_apart(number_id integer, takes_anyone boolean, anyone bytea, item integer DEFAULT NULL::integer)
 RETURNS boolean
 LANGUAGE plpgsql
AS $function$
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
$function$
;

CREATE OR REPLACE FUNCTION public.pin_room(number_id integer, session uuid, digits integer, most integer)
 RETURNS boolean
 LANGUAGE plpgsql
AS $function$
BEGIN
  PERFORM pg_advisory_xact_lock(7202612, number_id);
  IF (SELECT count(*) FROM pins WHERE virtual_number_id = number_id AND length = digits AND held_until > now()
      AND session_id <> session) + 2 > most THEN
    RETURN refuse('room');
  END IF;
  RETURN true;
END
$function$
;

CREATE OR REPLACE FUNCTION public.refuse(what text, item integer DEFAULT NULL::integer)
 RETURNS boolean
 LANGUAGE plpgsql
AS $function$
BEGIN
  RAISE EXCEPTION USING ERRCODE = 'BA001', MESSAGE = what, DETAIL = coalesce(item::text, '');
END
$function$
;

CREATE OR REPLACE FUNCTION public.refuse_change()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
BEGIN
  RAISE EXCEPTION 'the audit log only grows' USING ERRCODE = 'insufficient_privilege';
END
$function$
;

CREATE OR REPLACE FUNCTION public.within_caps(this_call uuid, session uuid, number_id integer, account text, session_now integer, session_hour integer, number_now integer, number_hour integer, account_now integer, account_hour integer)
 RETURNS boolean
 LANGUAGE plpgsql
AS $function$
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
$function$
;

CREATE TRIGGER audit_log_only_grows BEFORE DELETE OR UPDATE OR TRUNCATE ON public.audit_log FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
