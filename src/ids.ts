import { customAlphabet } from 'nanoid';
import { v7 } from 'uuid';
import { drawing } from './store/random-bytes.ts';

const rng = drawing(16);

/** A UUID that begins with its time, to the millisecond, so that what is made together lies together (version 7). */
export const newUuid = () => v7({ rng });

/**
 * An id that people carry, in addresses and commands: unguessable (190 bits). No dash is in it, since a command takes
 * what begins with one for an option.
 */
export const newKey: () => string = customAlphabet(
  '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz',
  32,
);
