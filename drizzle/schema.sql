-- What the migrations make. Written by `npm run schema`; a difference fails the check.

create table accounts (
  id text not null,
  parent_id text,
  name text not null,
  token_digest bytea not null,
  token_cipher bytea not null,
  created_at timestamp with time zone default now() not null,
  constraint accounts_id_form CHECK ((id ~ '^(M|S)A[A-Z0-9]{18}$'::text)),
  constraint accounts_pkey PRIMARY KEY (id),
  constraint accounts_sub_has_parent CHECK ((("left"(id, 1) = 'S'::text) = (parent_id IS NOT NULL)))
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
  constraint callbacks_event_once UNIQUE (event_key),
  constraint callbacks_pkey PRIMARY KEY (id),
  constraint callbacks_state CHECK ((state = ANY (ARRAY['pending'::text, 'delivered'::text, 'given_up'::text])))
);

CREATE INDEX callbacks_due ON public.callbacks USING btree (endpoint, next_attempt_at) WHERE (state = 'pending'::text);

CREATE INDEX callbacks_session ON public.callbacks USING btree (session_id, sequence);

create table calls (
  id uuid not null,
  provider_id integer not null,
  provider_call_id text not null,
  anonymous_key bytea,
  account_id text not null,
  virtual_number_id integer not null,
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
  constraint calls_connected_to_someone CHECK (((outcome <> 'connected'::text) OR (session_id IS NOT NULL))),
  constraint calls_once UNIQUE (provider_id, provider_call_id),
  constraint calls_outcome CHECK ((outcome = ANY (ARRAY['asked'::text, 'connected'::text, 'pin_failed'::text, 'refused'::text]))),
  constraint calls_pkey PRIMARY KEY (id)
);

CREATE INDEX calls_anonymous ON public.calls USING btree (provider_id, anonymous_key, started_at) WHERE (anonymous_key IS NOT NULL);

CREATE INDEX calls_session ON public.calls USING btree (session_id);

create table leases (
  virtual_number_id integer not null,
  session_id uuid not null,
  side text not null,
  held_until timestamp with time zone not null,
  party_digest bytea not null,
  constraint leases_party_once PRIMARY KEY (virtual_number_id, party_digest),
  constraint leases_session_id_sessions_id_fk FOREIGN KEY (session_id) REFERENCES sessions(id) ON DELETE CASCADE
);

CREATE INDEX leases_party ON public.leases USING btree (party_digest, held_until);

CREATE INDEX leases_session ON public.leases USING btree (session_id);

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

CREATE INDEX pins_length ON public.pins USING btree (virtual_number_id, length);

CREATE INDEX pins_session ON public.pins USING btree (session_id);

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
  constraint providers_key UNIQUE (key_digest),
  constraint providers_pkey PRIMARY KEY (id)
);

CREATE INDEX providers_account ON public.providers USING btree (account_id);

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
  constraint sessions_cooloff_bounds CHECK (((cooloff_seconds >= 0) AND (cooloff_seconds <= 3600))),
  constraint sessions_parties_differ CHECK ((first_party_digest <> second_party_digest)),
  constraint sessions_parties_present CHECK (((num_nonnulls(first_party_digest, second_party_digest) = 2) OR (single_party AND (num_nonnulls(first_party_digest, second_party_digest) = 1)))),
  constraint sessions_pins_present CHECK (((NOT pin_required) OR (num_nulls(first_pin_cipher, second_pin_cipher) = 0))),
  constraint sessions_pkey PRIMARY KEY (id)
);

CREATE INDEX sessions_announcers ON public.sessions USING btree (virtual_number_id, created_at) WHERE ((ended_at IS NULL) AND has_unknown_caller_play);

CREATE INDEX sessions_askers ON public.sessions USING btree (virtual_number_id, created_at) WHERE ((ended_at IS NULL) AND pin_required);

CREATE INDEX sessions_due ON public.sessions USING btree (expires_at) WHERE (ended_at IS NULL);

CREATE INDEX sessions_expiry ON public.sessions USING btree (account_id, expires_at);

CREATE INDEX sessions_first_party ON public.sessions USING btree (first_party_digest, created_at);

CREATE INDEX sessions_newest ON public.sessions USING btree (account_id, created_at, id);

CREATE INDEX sessions_second_party ON public.sessions USING btree (second_party_digest, created_at);

create table vault_checks (
  slot smallint default 1 not null,
  sample_cipher bytea not null,
  constraint vault_checks_one CHECK ((slot = 1)),
  constraint vault_checks_pkey PRIMARY KEY (slot)
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

CREATE INDEX virtual_numbers_pool ON public.virtual_numbers USING btree (account_id, subaccount_id, country) WHERE (retired_at IS NULL);

CREATE INDEX virtual_numbers_provider ON public.virtual_numbers USING btree (provider_id);

CREATE OR REPLACE FUNCTION public.keep_apart(number_id integer, takes_anyone boolean, anyone bytea)
 RETURNS boolean
 LANGUAGE plpgsql
AS $function$
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
$function$
;

CREATE OR REPLACE FUNCTION public.refuse(what text)
 RETURNS boolean
 LANGUAGE plpgsql
AS $function$
BEGIN
  RAISE EXCEPTION USING ERRCODE = 'BA001', MESSAGE = what;
END
$function$
;
