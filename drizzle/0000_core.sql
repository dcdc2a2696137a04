CREATE TABLE "accounts" (
	"id" text PRIMARY KEY NOT NULL,
	"parent_id" text,
	"name" text NOT NULL,
	"token_digest" "bytea" NOT NULL,
	"token_cipher" "bytea" NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "accounts_id_form" CHECK ("accounts"."id" ~ '^(M|S)A[A-Z0-9]{18}$'),
	CONSTRAINT "accounts_sub_has_parent" CHECK ((left("accounts"."id", 1) = 'S') = ("accounts"."parent_id" is not null))
);
--> statement-breakpoint
CREATE TABLE "callbacks" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"event_key" text NOT NULL,
	"account_id" text NOT NULL,
	"subaccount_id" text,
	"session_id" uuid NOT NULL,
	"virtual_number_id" integer NOT NULL,
	"call_id" uuid,
	"event" text NOT NULL,
	"sequence" integer NOT NULL,
	"details" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"url" text NOT NULL,
	"method" text NOT NULL,
	"endpoint" text GENERATED ALWAYS AS (lower(substring(url from '^[A-Za-z]+://[^/?#]+'))) STORED NOT NULL,
	"occurred_at" timestamp with time zone DEFAULT now() NOT NULL,
	"state" text DEFAULT 'pending' NOT NULL,
	"attempts" integer DEFAULT 0 NOT NULL,
	"next_attempt_at" timestamp with time zone DEFAULT now() NOT NULL,
	"last_status" integer,
	"last_error" text,
	"delivered_at" timestamp with time zone,
	CONSTRAINT "callbacks_event_once" UNIQUE("event_key"),
	CONSTRAINT "callbacks_state" CHECK ("callbacks"."state" in ('pending', 'delivered', 'given_up'))
);
--> statement-breakpoint
CREATE TABLE "calls" (
	"id" uuid PRIMARY KEY NOT NULL,
	"provider_id" integer NOT NULL,
	"provider_call_id" text NOT NULL,
	"anonymous_key" "bytea",
	"account_id" text NOT NULL,
	"virtual_number_id" integer NOT NULL,
	"caller_digest" "bytea",
	"caller_cipher" "bytea",
	"session_id" uuid,
	"caller_side" text,
	"outcome" text NOT NULL,
	"reason" text NOT NULL,
	"authenticated" boolean NOT NULL,
	"pin_policy" jsonb,
	"pin_tries" text[] NOT NULL,
	"version" integer NOT NULL,
	"started_at" timestamp with time zone DEFAULT now() NOT NULL,
	"decided_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "calls_once" UNIQUE("provider_id","provider_call_id"),
	CONSTRAINT "calls_connected_to_someone" CHECK ("calls"."outcome" <> 'connected' or "calls"."session_id" is not null),
	CONSTRAINT "calls_outcome" CHECK ("calls"."outcome" in ('asked', 'connected', 'pin_failed', 'refused'))
);
--> statement-breakpoint
CREATE TABLE "leases" (
	"virtual_number_id" integer NOT NULL,
	"session_id" uuid NOT NULL,
	"side" text NOT NULL,
	"held_until" timestamp with time zone NOT NULL,
	"party_digest" "bytea" NOT NULL,
	CONSTRAINT "leases_party_once" PRIMARY KEY("virtual_number_id","party_digest")
);
--> statement-breakpoint
CREATE TABLE "pins" (
	"virtual_number_id" integer NOT NULL,
	"session_id" uuid NOT NULL,
	"side" text NOT NULL,
	"held_until" timestamp with time zone NOT NULL,
	"pin_digest" "bytea" NOT NULL,
	"length" smallint NOT NULL,
	CONSTRAINT "pins_pin_once" PRIMARY KEY("virtual_number_id","pin_digest")
);
--> statement-breakpoint
CREATE TABLE "providers" (
	"id" integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "providers_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 2147483647 START WITH 1 CACHE 1),
	"key_digest" "bytea" NOT NULL,
	"account_id" text NOT NULL,
	"dialect" text NOT NULL,
	"default_country" char(2),
	"default_number" text,
	"success_play_url" text DEFAULT '' NOT NULL,
	"failure_play_url" text DEFAULT '' NOT NULL,
	"secrets_cipher" "bytea" NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "providers_key" UNIQUE("key_digest")
);
--> statement-breakpoint
CREATE TABLE "sessions" (
	"id" uuid PRIMARY KEY NOT NULL,
	"account_id" text NOT NULL,
	"subaccount_id" text,
	"virtual_number_id" integer NOT NULL,
	"first_party_digest" "bytea",
	"first_party_cipher" "bytea",
	"second_party_digest" "bytea",
	"second_party_cipher" "bytea",
	"pin_required" boolean NOT NULL,
	"first_pin_cipher" "bytea",
	"second_pin_cipher" "bytea",
	"single_party" boolean NOT NULL,
	"last_caller_cipher" "bytea",
	"cooloff_seconds" integer NOT NULL,
	"callback_url" text NOT NULL,
	"callback_method" text NOT NULL,
	"callback_sequence" integer DEFAULT 0 NOT NULL,
	"has_unknown_caller_play" boolean NOT NULL,
	"settings" jsonb NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	"modified_at" timestamp with time zone NOT NULL,
	"expires_at" timestamp with time zone NOT NULL,
	"ended_at" timestamp with time zone,
	CONSTRAINT "sessions_parties_differ" CHECK ("sessions"."first_party_digest" <> "sessions"."second_party_digest"),
	CONSTRAINT "sessions_parties_present" CHECK (num_nonnulls("sessions"."first_party_digest", "sessions"."second_party_digest") = 2 or ("sessions"."single_party" and num_nonnulls("sessions"."first_party_digest", "sessions"."second_party_digest") = 1)),
	CONSTRAINT "sessions_pins_present" CHECK (not "sessions"."pin_required" or num_nulls("sessions"."first_pin_cipher", "sessions"."second_pin_cipher") = 0),
	CONSTRAINT "sessions_cooloff_bounds" CHECK ("sessions"."cooloff_seconds" between 0 and 3600)
);
--> statement-breakpoint
CREATE TABLE "vault_checks" (
	"slot" smallint PRIMARY KEY DEFAULT 1 NOT NULL,
	"sample_cipher" "bytea" NOT NULL,
	CONSTRAINT "vault_checks_one" CHECK ("vault_checks"."slot" = 1)
);
--> statement-breakpoint
CREATE TABLE "virtual_numbers" (
	"id" integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "virtual_numbers_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 2147483647 START WITH 1 CACHE 1),
	"number" text NOT NULL,
	"account_id" text NOT NULL,
	"subaccount_id" text,
	"provider_id" integer NOT NULL,
	"country" char(2) NOT NULL,
	"alias" text,
	"added_at" timestamp with time zone DEFAULT now() NOT NULL,
	"retired_at" timestamp with time zone,
	CONSTRAINT "virtual_numbers_number" UNIQUE("number"),
	CONSTRAINT "virtual_numbers_e164" CHECK ("virtual_numbers"."number" ~ '^\+[1-9][0-9]{6,14}$')
);
--> statement-breakpoint
ALTER TABLE "leases" ADD CONSTRAINT "leases_session_id_sessions_id_fk" FOREIGN KEY ("session_id") REFERENCES "public"."sessions"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "pins" ADD CONSTRAINT "pins_session_id_sessions_id_fk" FOREIGN KEY ("session_id") REFERENCES "public"."sessions"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "virtual_numbers" ADD CONSTRAINT "virtual_numbers_provider_id_providers_id_fk" FOREIGN KEY ("provider_id") REFERENCES "public"."providers"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "callbacks_due" ON "callbacks" USING btree ("endpoint","next_attempt_at") WHERE "callbacks"."state" = 'pending';--> statement-breakpoint
CREATE INDEX "callbacks_session" ON "callbacks" USING btree ("session_id","sequence");--> statement-breakpoint
CREATE INDEX "calls_session" ON "calls" USING btree ("session_id");--> statement-breakpoint
CREATE INDEX "calls_anonymous" ON "calls" USING btree ("provider_id","anonymous_key","started_at") WHERE "calls"."anonymous_key" is not null;--> statement-breakpoint
CREATE INDEX "leases_session" ON "leases" USING btree ("session_id");--> statement-breakpoint
CREATE INDEX "leases_party" ON "leases" USING btree ("party_digest","held_until");--> statement-breakpoint
CREATE INDEX "pins_session" ON "pins" USING btree ("session_id");--> statement-breakpoint
CREATE INDEX "pins_length" ON "pins" USING btree ("virtual_number_id","length");--> statement-breakpoint
CREATE INDEX "providers_account" ON "providers" USING btree ("account_id");--> statement-breakpoint
CREATE INDEX "sessions_due" ON "sessions" USING btree ("expires_at") WHERE "sessions"."ended_at" is null;--> statement-breakpoint
CREATE INDEX "sessions_newest" ON "sessions" USING btree ("account_id","created_at","id");--> statement-breakpoint
CREATE INDEX "sessions_expiry" ON "sessions" USING btree ("account_id","expires_at");--> statement-breakpoint
CREATE INDEX "sessions_first_party" ON "sessions" USING btree ("first_party_digest","created_at");--> statement-breakpoint
CREATE INDEX "sessions_second_party" ON "sessions" USING btree ("second_party_digest","created_at");--> statement-breakpoint
CREATE INDEX "sessions_askers" ON "sessions" USING btree ("virtual_number_id","created_at") WHERE "sessions"."ended_at" is null and "sessions"."pin_required";--> statement-breakpoint
CREATE INDEX "sessions_announcers" ON "sessions" USING btree ("virtual_number_id","created_at") WHERE "sessions"."ended_at" is null and "sessions"."has_unknown_caller_play";--> statement-breakpoint
CREATE INDEX "virtual_numbers_pool" ON "virtual_numbers" USING btree ("account_id","subaccount_id","country") WHERE "virtual_numbers"."retired_at" is null;--> statement-breakpoint
CREATE INDEX "virtual_numbers_provider" ON "virtual_numbers" USING btree ("provider_id");