import { type SessionSettings, UNSAID_SETTINGS } from '../core/session.ts';

/** A session's settings as its row has them: only those that are not `UNSAID_SETTINGS`, which most of them are. */
export type StoredSettings = Partial<SessionSettings>;

/** All that a row leaves out and that it names; it may name any of them. */
export function toSettings(stored: StoredSettings): SessionSettings {
  return { ...UNSAID_SETTINGS, ...stored };
}

/** What a row has to name. Written out they were two thirds of it, and read with every answer. */
export function toStored(settings: SessionSettings): StoredSettings {
  const said = Object.entries(settings).filter(
    ([name, value]) => value !== UNSAID_SETTINGS[name as keyof SessionSettings],
  );
  return Object.fromEntries(said);
}
