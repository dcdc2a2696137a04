import { randomBytes } from 'node:crypto';

const AT_ONCE = 256;

/**
 * Gives random bytes, so many at a time, which nobody else gets. They are drawn for many times at once: to ask the
 * system for a few takes as long as sealing something with them, and ten times as long as the rest of an id.
 */
export function drawing(size: number): () => Buffer {
  let left = Buffer.alloc(0);
  return () => {
    if (left.length === 0) left = randomBytes(AT_ONCE * size);
    const drawn = left.subarray(0, size);
    left = left.subarray(size);
    return drawn;
  };
}
