import { type Country, type Phone, parseProviderPhone } from '../core/phone.ts';

/**
 * A phone as Plivo writes it. In a form a bare '+' is a space, so a leading space was a '+'. Plivo's numbers are
 * E.164 without '+': a Norwegian `4740612345` must not become somebody of the connection's own country. Only what
 * is none of these, such as a form with a leading 0, is read there.
 */
export function plivoPhone(text: string | null, defaultCountry: Country | null): Phone | null {
  if (text === null) return null;
  const written = text.replace(/^ (?=\d)/, '+').trim();
  return parseProviderPhone(written, null) ?? parseProviderPhone(written, defaultCountry);
}
