CREATE TABLE "callback_attempts" (
	"callback_id" uuid NOT NULL,
	"attempt" integer NOT NULL,
	"at" timestamp with time zone NOT NULL,
	"status" integer,
	"error" text,
	"duration_ms" integer NOT NULL,
	CONSTRAINT "callback_attempts_once" PRIMARY KEY("callback_id","attempt")
);
--> statement-breakpoint
CREATE TABLE "endpoints" (
	"account_id" text NOT NULL,
	"endpoint" text NOT NULL,
	"failures" integer DEFAULT 0 NOT NULL,
	"failing_since" timestamp with time zone,
	"paused_at" timestamp with time zone,
	"pause_reason" text,
	CONSTRAINT "endpoints_once" PRIMARY KEY("account_id","endpoint"),
	CONSTRAINT "endpoints_pause" CHECK (("endpoints"."paused_at" is null) = ("endpoints"."pause_reason" is null))
);
--> statement-breakpoint
CREATE TABLE "signing_secrets" (
	"id" uuid PRIMARY KEY NOT NULL,
	"account_id" text NOT NULL,
	"secret_cipher" "bytea" NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"expires_at" timestamp with time zone,
	CONSTRAINT "signing_secrets_newest" UNIQUE NULLS NOT DISTINCT("account_id","expires_at")
);
--> statement-breakpoint
CREATE TABLE "placements" (
	"session_id" uuid PRIMARY KEY NOT NULL,
	"account_id" text NOT NULL,
	"virtual_number_id" integer NOT NULL,
	"state" text DEFAULT 'due' NOT NULL,
	"taken_at" timestamp with time zone,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "placements_state" CHECK ("placements"."state" in ('due', 'taken', 'placed', 'failed'))
);
--> statement-breakpoint
CREATE TABLE "recordings" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"provider_id" integer NOT NULL,
	"recording_id" text NOT NULL,
	"provider_call_id" text NOT NULL,
	"account_id" text NOT NULL,
	"url" text,
	"format" text,
	"duration_ms" bigint,
	"started_at" timestamp with time zone,
	"ended_at" timestamp with time zone,
	"added_at" timestamp with time zone DEFAULT now() NOT NULL,
	"is_complete" boolean NOT NULL,
	CONSTRAINT "recordings_once" UNIQUE("provider_id","recording_id")
);
--> statement-breakpoint
CREATE TABLE "exchanges" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "exchanges_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"at" timestamp with time zone NOT NULL,
	"account_id" text NOT NULL,
	"provider_id" integer NOT NULL,
	"webhook" text NOT NULL,
	"provider_call_id" text,
	"virtual_number" text,
	"status" integer NOT NULL,
	"decision" text NOT NULL,
	"milliseconds" numeric NOT NULL,
	"content_key" uuid NOT NULL,
	"content_cipher" "bytea" NOT NULL
);
--> statement-breakpoint
CREATE TABLE "pool_peaks" (
	"account_id" text NOT NULL,
	"subaccount_id" text NOT NULL,
	"country" text NOT NULL,
	"day" timestamp with time zone NOT NULL,
	"sessions" integer NOT NULL,
	CONSTRAINT "pool_peaks_day" PRIMARY KEY("account_id","subaccount_id","country","day")
);
--> statement-breakpoint
CREATE TABLE "tallies" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "tallies_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"account_id" text NOT NULL,
	"subaccount_id" text NOT NULL,
	"virtual_number_id" integer NOT NULL,
	"provider_id" integer,
	"hour" timestamp with time zone NOT NULL,
	"status" text DEFAULT '' NOT NULL,
	"hangup_code" integer,
	"refusal" text,
	"currency" text,
	"amount" numeric DEFAULT '0' NOT NULL,
	"length_seconds" integer,
	"length_count" integer DEFAULT 0 NOT NULL,
	"sessions_created" bigint DEFAULT 0 NOT NULL,
	"sessions_ended" bigint DEFAULT 0 NOT NULL,
	"offered" bigint DEFAULT 0 NOT NULL,
	"connected" bigint DEFAULT 0 NOT NULL,
	"missed" bigint DEFAULT 0 NOT NULL,
	"refused" bigint DEFAULT 0 NOT NULL,
	"abandoned" bigint DEFAULT 0 NOT NULL,
	"pin_successes" bigint DEFAULT 0 NOT NULL,
	"pin_failures" bigint DEFAULT 0 NOT NULL,
	"talk_seconds" bigint DEFAULT 0 NOT NULL,
	"billed_seconds" bigint DEFAULT 0 NOT NULL
);
--> statement-breakpoint
CREATE TABLE "totals" (
	"account_id" text NOT NULL,
	"subaccount_id" text NOT NULL,
	"dimension" text NOT NULL,
	"key" text NOT NULL,
	"grain" text NOT NULL,
	"period" timestamp with time zone NOT NULL,
	"sessions_created" bigint DEFAULT 0 NOT NULL,
	"sessions_ended" bigint DEFAULT 0 NOT NULL,
	"offered" bigint DEFAULT 0 NOT NULL,
	"connected" bigint DEFAULT 0 NOT NULL,
	"missed" bigint DEFAULT 0 NOT NULL,
	"refused" bigint DEFAULT 0 NOT NULL,
	"abandoned" bigint DEFAULT 0 NOT NULL,
	"pin_successes" bigint DEFAULT 0 NOT NULL,
	"pin_failures" bigint DEFAULT 0 NOT NULL,
	"talk_seconds" bigint DEFAULT 0 NOT NULL,
	"billed_seconds" bigint DEFAULT 0 NOT NULL,
	CONSTRAINT "totals_cell" PRIMARY KEY("account_id","dimension","grain","period","key","subaccount_id")
);
--> statement-breakpoint
CREATE TABLE "totals_by_value" (
	"account_id" text NOT NULL,
	"subaccount_id" text NOT NULL,
	"dimension" text NOT NULL,
	"key" text NOT NULL,
	"grain" text NOT NULL,
	"period" timestamp with time zone NOT NULL,
	"metric" text NOT NULL,
	"value" text NOT NULL,
	"sum" numeric NOT NULL,
	CONSTRAINT "totals_by_value_cell" PRIMARY KEY("account_id","dimension","grain","period","key","subaccount_id","metric","value")
);
--> statement-breakpoint
ALTER TABLE "callbacks" DROP CONSTRAINT "callbacks_state";--> statement-breakpoint
ALTER TABLE "calls" DROP CONSTRAINT "calls_connected_to_someone";--> statement-breakpoint
ALTER TABLE "calls" DROP CONSTRAINT "calls_outcome";--> statement-breakpoint
DROP INDEX "calls_session";--> statement-breakpoint
ALTER TABLE "calls" ALTER COLUMN "virtual_number_id" DROP NOT NULL;--> statement-breakpoint
ALTER TABLE "callbacks" ADD COLUMN "recording_id" uuid;--> statement-breakpoint
ALTER TABLE "callbacks" ADD COLUMN "schedule_start" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "calls" ADD COLUMN "subaccount_id" text;--> statement-breakpoint
ALTER TABLE "calls" ADD COLUMN "direction" text DEFAULT 'inbound' NOT NULL;--> statement-breakpoint
ALTER TABLE "calls" ADD COLUMN "callee_digest" "bytea";--> statement-breakpoint
ALTER TABLE "calls" ADD COLUMN "callee_cipher" "bytea";--> statement-breakpoint
ALTER TABLE "calls" ADD COLUMN "record_format" text;--> statement-breakpoint
ALTER TABLE "calls" ADD COLUMN "currency" text DEFAULT 'USD' NOT NULL;--> statement-breakpoint
ALTER TABLE "calls" ADD COLUMN "a_started_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "calls" ADD COLUMN "a_ringing_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "calls" ADD COLUMN "a_answered_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "calls" ADD COLUMN "a_ended_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "calls" ADD COLUMN "a_hangup_code" integer;--> statement-breakpoint
ALTER TABLE "calls" ADD COLUMN "a_hangup_source" text;--> statement-breakpoint
ALTER TABLE "calls" ADD COLUMN "a_seconds" integer;--> statement-breakpoint
ALTER TABLE "calls" ADD COLUMN "a_billed_seconds" integer;--> statement-breakpoint
ALTER TABLE "calls" ADD COLUMN "a_rate" numeric;--> statement-breakpoint
ALTER TABLE "calls" ADD COLUMN "a_cost" numeric;--> statement-breakpoint
ALTER TABLE "calls" ADD COLUMN "b_leg_id" text;--> statement-breakpoint
ALTER TABLE "calls" ADD COLUMN "b_started_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "calls" ADD COLUMN "b_ringing_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "calls" ADD COLUMN "b_answered_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "calls" ADD COLUMN "b_ended_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "calls" ADD COLUMN "b_hangup_code" integer;--> statement-breakpoint
ALTER TABLE "calls" ADD COLUMN "b_hangup_source" text;--> statement-breakpoint
ALTER TABLE "calls" ADD COLUMN "b_seconds" integer;--> statement-breakpoint
ALTER TABLE "calls" ADD COLUMN "b_billed_seconds" integer;--> statement-breakpoint
ALTER TABLE "calls" ADD COLUMN "b_rate" numeric;--> statement-breakpoint
ALTER TABLE "calls" ADD COLUMN "b_cost" numeric;--> statement-breakpoint
ALTER TABLE "calls" ADD COLUMN "a_corrected_billed_seconds" integer;--> statement-breakpoint
ALTER TABLE "calls" ADD COLUMN "a_corrected_rate" numeric;--> statement-breakpoint
ALTER TABLE "calls" ADD COLUMN "a_corrected_cost" numeric;--> statement-breakpoint
ALTER TABLE "calls" ADD COLUMN "b_corrected_billed_seconds" integer;--> statement-breakpoint
ALTER TABLE "calls" ADD COLUMN "b_corrected_rate" numeric;--> statement-breakpoint
ALTER TABLE "calls" ADD COLUMN "b_corrected_cost" numeric;--> statement-breakpoint
ALTER TABLE "calls" ADD COLUMN "overdue_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "calls" ADD COLUMN "swept_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "calls" ADD COLUMN "recording_missed_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "calls" ADD COLUMN "is_over" boolean GENERATED ALWAYS AS (a_ended_at is not null or swept_at is not null) STORED NOT NULL;--> statement-breakpoint
ALTER TABLE "calls" ADD COLUMN "legs" integer GENERATED ALWAYS AS (case when outcome = 'unplaced' then 0 else 1 + (b_leg_id is not null)::int end) STORED NOT NULL;--> statement-breakpoint
ALTER TABLE "calls" ADD COLUMN "billed_seconds" integer GENERATED ALWAYS AS (coalesce(a_corrected_billed_seconds, a_billed_seconds, 0) + coalesce(b_corrected_billed_seconds, b_billed_seconds, 0)) STORED NOT NULL;--> statement-breakpoint
ALTER TABLE "calls" ADD COLUMN "cost" numeric GENERATED ALWAYS AS (coalesce(a_corrected_cost, a_cost, 0) + coalesce(b_corrected_cost, b_cost, 0)) STORED NOT NULL;--> statement-breakpoint
ALTER TABLE "sessions" ADD COLUMN "total_calls" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "sessions" ADD COLUMN "total_billed_seconds" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "sessions" ADD COLUMN "total_amount" numeric DEFAULT '0' NOT NULL;--> statement-breakpoint
ALTER TABLE "sessions" ADD COLUMN "last_interaction_at" timestamp with time zone;--> statement-breakpoint
CREATE INDEX "placements_open" ON "placements" USING btree ("created_at") WHERE "placements"."state" in ('due', 'taken');--> statement-breakpoint
CREATE INDEX "recordings_call" ON "recordings" USING btree ("provider_id","provider_call_id");--> statement-breakpoint
CREATE INDEX "recordings_newest" ON "recordings" USING btree ("account_id","added_at");--> statement-breakpoint
CREATE INDEX "exchanges_account" ON "exchanges" USING btree ("account_id","id");--> statement-breakpoint
CREATE INDEX "exchanges_call" ON "exchanges" USING btree ("provider_id","provider_call_id","id");--> statement-breakpoint
CREATE INDEX "exchanges_at" ON "exchanges" USING btree ("at");--> statement-breakpoint
CREATE INDEX "callbacks_newest" ON "callbacks" USING btree ("account_id","occurred_at","id");--> statement-breakpoint
CREATE INDEX "callbacks_call" ON "callbacks" USING btree ("call_id") WHERE "callbacks"."call_id" is not null;--> statement-breakpoint
CREATE INDEX "callbacks_paused" ON "callbacks" USING btree ("account_id","endpoint") WHERE "callbacks"."state" = 'paused';--> statement-breakpoint
CREATE INDEX "calls_running" ON "calls" USING btree ("session_id") WHERE not "calls"."is_over" and "calls"."outcome" in ('connected', 'placed');--> statement-breakpoint
CREATE INDEX "calls_overdue" ON "calls" USING btree ("overdue_at") WHERE not "calls"."is_over";--> statement-breakpoint
CREATE INDEX "calls_unrecorded" ON "calls" USING btree ("started_at") WHERE "calls"."record_format" is not null and "calls"."is_over" and "calls"."b_answered_at" is not null and "calls"."recording_missed_at" is null;--> statement-breakpoint
CREATE INDEX "calls_newest" ON "calls" USING btree ("account_id","started_at","id");--> statement-breakpoint
CREATE INDEX "calls_leg_a" ON "calls" USING btree ("account_id","provider_call_id");--> statement-breakpoint
CREATE INDEX "calls_leg_b" ON "calls" USING btree ("account_id","b_leg_id") WHERE "calls"."b_leg_id" is not null;--> statement-breakpoint
CREATE INDEX "calls_orphans" ON "calls" USING btree ("account_id","started_at") WHERE "calls"."outcome" = 'orphan';--> statement-breakpoint
CREATE INDEX "calls_lengths" ON "calls" USING btree ("virtual_number_id","started_at","b_seconds") WHERE "calls"."is_over" and "calls"."b_answered_at" is not null;--> statement-breakpoint
CREATE INDEX "calls_session" ON "calls" USING btree ("session_id","started_at");--> statement-breakpoint
ALTER TABLE "callbacks" ADD CONSTRAINT "callbacks_state" CHECK ("callbacks"."state" in ('pending', 'paused', 'delivered', 'given_up'));--> statement-breakpoint
ALTER TABLE "calls" ADD CONSTRAINT "calls_on_a_number" CHECK ("calls"."outcome" = 'orphan' or "calls"."virtual_number_id" is not null);--> statement-breakpoint
ALTER TABLE "calls" ADD CONSTRAINT "calls_connected_to_someone" CHECK ("calls"."outcome" not in ('connected', 'placed', 'unplaced') or "calls"."session_id" is not null);--> statement-breakpoint
ALTER TABLE "calls" ADD CONSTRAINT "calls_outcome" CHECK ("calls"."outcome" in ('asked', 'connected', 'pin_failed', 'refused', 'orphan', 'placed', 'unplaced'));--> statement-breakpoint
-- Calls of before, whose ends were never reported, are closed by the sweep when the longest of them must be over.
UPDATE "calls" SET "overdue_at" = "started_at" + interval '26 hours';--> statement-breakpoint
-- What totals would have learnt of sessions and calls of before.
INSERT INTO "tallies" ("account_id", "subaccount_id", "virtual_number_id", "provider_id", "hour", "sessions_created")
SELECT s.account_id, coalesce(s.subaccount_id, ''), s.virtual_number_id, v.provider_id, date_trunc('hour', s.created_at, 'UTC'), 1
FROM "sessions" s LEFT JOIN "virtual_numbers" v ON v.id = s.virtual_number_id;--> statement-breakpoint
INSERT INTO "tallies" ("account_id", "subaccount_id", "virtual_number_id", "provider_id", "hour", "sessions_ended")
SELECT s.account_id, coalesce(s.subaccount_id, ''), s.virtual_number_id, v.provider_id, date_trunc('hour', s.ended_at, 'UTC'), 1
FROM "sessions" s LEFT JOIN "virtual_numbers" v ON v.id = s.virtual_number_id WHERE s.ended_at IS NOT NULL;--> statement-breakpoint
UPDATE "calls" c SET "subaccount_id" = v.subaccount_id FROM "virtual_numbers" v WHERE v.id = c.virtual_number_id AND v.subaccount_id IS NOT NULL;--> statement-breakpoint
INSERT INTO "tallies" ("account_id", "subaccount_id", "virtual_number_id", "provider_id", "hour", "status", "refusal", "currency", "offered", "refused", "pin_successes", "pin_failures")
SELECT account_id, coalesce(subaccount_id, ''), virtual_number_id, provider_id, date_trunc('hour', started_at, 'UTC'),
  CASE WHEN outcome IN ('refused', 'pin_failed') THEN 'refused' ELSE 'in-progress' END,
  CASE WHEN outcome IN ('refused', 'pin_failed') THEN reason END, 'USD', 1,
  CASE WHEN outcome IN ('refused', 'pin_failed') THEN 1 ELSE 0 END, authenticated::int, cardinality(pin_tries) - authenticated::int
FROM "calls";
