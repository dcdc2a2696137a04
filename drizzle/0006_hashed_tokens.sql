-- What accounts sign in with moves to a table of its own, where a second token can live beside the first.
INSERT INTO account_tokens (account_id, digest, created_at) SELECT id, token_digest, created_at FROM accounts;--> statement-breakpoint
ALTER TABLE "accounts" DROP COLUMN "token_digest";