import { customType, timestamp } from 'drizzle-orm/pg-core';

/** Bytes: digests and ciphertexts. */
export const bytea = customType<{ data: Buffer }>({ dataType: () => 'bytea' });

/** A moment, by the database's clock unless its name says otherwise. */
export const instant = (name: string) => timestamp(name, { withTimezone: true, mode: 'date' });
