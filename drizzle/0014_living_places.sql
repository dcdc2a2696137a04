DROP INDEX "pins_length";--> statement-breakpoint
DROP INDEX "leases_party";--> statement-breakpoint
CREATE INDEX "pins_living" ON "pins" USING btree ("virtual_number_id","length","held_until");--> statement-breakpoint
CREATE INDEX "leases_party" ON "leases" USING btree ("party_digest","held_until") WHERE "leases"."virtual_number_id" > 0;