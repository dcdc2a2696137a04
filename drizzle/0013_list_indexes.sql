DROP INDEX "sessions_newest";--> statement-breakpoint
DROP INDEX "sessions_expiry";--> statement-breakpoint
CREATE INDEX "sessions_duration" ON "sessions" USING btree ("account_id",(floor(date_part('epoch', "expires_at" at time zone 'UTC')) - floor(date_part('epoch', "created_at" at time zone 'UTC'))),"created_at","id","expires_at");--> statement-breakpoint
CREATE INDEX "sessions_newest" ON "sessions" USING btree ("account_id","created_at","id","expires_at");--> statement-breakpoint
CREATE INDEX "sessions_expiry" ON "sessions" USING btree ("account_id","expires_at","created_at","id");