DROP INDEX "sessions_newest";--> statement-breakpoint
CREATE INDEX "sessions_number" ON "sessions" USING btree ("virtual_number_id","created_at","id");--> statement-breakpoint
CREATE INDEX "sessions_subaccount" ON "sessions" USING btree ("subaccount_id","created_at","id") WHERE "sessions"."subaccount_id" is not null;--> statement-breakpoint
CREATE INDEX "sessions_newest" ON "sessions" USING btree ("account_id","created_at","id","expires_at","ended_at");