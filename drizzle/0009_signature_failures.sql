CREATE TABLE "signature_failures" (
	"provider_id" integer PRIMARY KEY NOT NULL,
	"failures" bigint NOT NULL,
	"last_at" timestamp with time zone NOT NULL
);
