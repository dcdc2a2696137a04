CREATE TABLE "account_tokens" (
	"account_id" text NOT NULL,
	"digest" "bytea" NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"expires_at" timestamp with time zone,
	CONSTRAINT "account_tokens_once" PRIMARY KEY("account_id","digest")
);
--> statement-breakpoint
CREATE TABLE "audit_log" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "audit_log_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"at" timestamp with time zone DEFAULT now() NOT NULL,
	"account_id" text NOT NULL,
	"actor" text NOT NULL,
	"action" text NOT NULL,
	"object" text NOT NULL,
	"fields" text[] NOT NULL,
	"request_id" uuid
);
--> statement-breakpoint
CREATE TABLE "erasures" (
	"account_id" text NOT NULL,
	"phone_digest" "bytea" NOT NULL,
	"erased_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "erasures_once" PRIMARY KEY("account_id","phone_digest")
);
--> statement-breakpoint
CREATE TABLE "idempotency_keys" (
	"account_id" text NOT NULL,
	"route" text NOT NULL,
	"key_digest" "bytea" NOT NULL,
	"body_digest" "bytea" NOT NULL,
	"resource_id" uuid NOT NULL,
	"claimed_at" timestamp with time zone DEFAULT now() NOT NULL,
	"status" smallint,
	"answer_cipher" "bytea",
	CONSTRAINT "idempotency_keys_once" PRIMARY KEY("account_id","route","key_digest"),
	CONSTRAINT "idempotency_keys_answered" CHECK (("idempotency_keys"."status" is null) = ("idempotency_keys"."answer_cipher" is null))
);
--> statement-breakpoint
CREATE TABLE "pin_budgets" (
	"virtual_number_id" integer NOT NULL,
	"caller_digest" "bytea" NOT NULL,
	"full_at" timestamp with time zone NOT NULL,
	CONSTRAINT "pin_budgets_once" PRIMARY KEY("virtual_number_id","caller_digest")
);
--> statement-breakpoint
CREATE TABLE "request_windows" (
	"subject" text PRIMARY KEY NOT NULL,
	"window" bigint NOT NULL,
	"hits" integer NOT NULL,
	"previous_hits" integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE "vault_keys" (
	"id" text PRIMARY KEY NOT NULL,
	"purpose" text NOT NULL,
	"sealed_key" "bytea" NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"usable_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "vault_keys_purpose" CHECK ("vault_keys"."purpose" in ('cipher', 'digest'))
);
--> statement-breakpoint
ALTER TABLE "sessions" DROP CONSTRAINT "sessions_parties_present";--> statement-breakpoint
ALTER TABLE "sessions" DROP CONSTRAINT "sessions_pins_present";--> statement-breakpoint
ALTER TABLE "calls" ADD COLUMN "erased_at" timestamp with time zone;--> statement-breakpoint
ALTER TABLE "accounts" ADD COLUMN "enabled" boolean DEFAULT true NOT NULL;--> statement-breakpoint
ALTER TABLE "accounts" ADD COLUMN "policy" jsonb DEFAULT '{}'::jsonb NOT NULL;--> statement-breakpoint
ALTER TABLE "accounts" ADD COLUMN "modified_at" timestamp with time zone DEFAULT now() NOT NULL;--> statement-breakpoint
ALTER TABLE "sessions" ADD COLUMN "erased_at" timestamp with time zone;--> statement-breakpoint
CREATE INDEX "audit_log_account" ON "audit_log" USING btree ("account_id","id");--> statement-breakpoint
CREATE INDEX "idempotency_keys_age" ON "idempotency_keys" USING btree ("claimed_at");--> statement-breakpoint
CREATE INDEX "idempotency_keys_resource" ON "idempotency_keys" USING btree ("resource_id");--> statement-breakpoint
CREATE INDEX "pin_budgets_full" ON "pin_budgets" USING btree ("full_at");--> statement-breakpoint
CREATE INDEX "callbacks_age" ON "callbacks" USING brin ("occurred_at");--> statement-breakpoint
CREATE INDEX "calls_running_on" ON "calls" USING btree ("account_id","virtual_number_id") WHERE not "calls"."is_over" and "calls"."outcome" in ('connected', 'placed');--> statement-breakpoint
CREATE INDEX "calls_caller" ON "calls" USING btree ("caller_digest","started_at") WHERE "calls"."caller_digest" is not null;--> statement-breakpoint
CREATE INDEX "calls_callee" ON "calls" USING btree ("callee_digest","started_at") WHERE "calls"."callee_digest" is not null;--> statement-breakpoint
CREATE INDEX "calls_age" ON "calls" USING brin ("started_at");--> statement-breakpoint
CREATE INDEX "sessions_to_erase" ON "sessions" USING btree ("ended_at") WHERE "sessions"."erased_at" is null and "sessions"."ended_at" is not null;--> statement-breakpoint
ALTER TABLE "sessions" ADD CONSTRAINT "sessions_erased_when_over" CHECK ("sessions"."erased_at" is null or "sessions"."ended_at" is not null);--> statement-breakpoint
ALTER TABLE "sessions" ADD CONSTRAINT "sessions_parties_present" CHECK ("sessions"."erased_at" is not null or num_nonnulls("sessions"."first_party_digest", "sessions"."second_party_digest") = 2 or ("sessions"."single_party" and num_nonnulls("sessions"."first_party_digest", "sessions"."second_party_digest") = 1));--> statement-breakpoint
ALTER TABLE "sessions" ADD CONSTRAINT "sessions_pins_present" CHECK ("sessions"."erased_at" is not null or not "sessions"."pin_required" or num_nulls("sessions"."first_pin_cipher", "sessions"."second_pin_cipher") = 0);