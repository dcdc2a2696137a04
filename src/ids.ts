import { v7 } from 'uuid';
import { drawing } from './store/random-bytes.ts';

const rng = drawing(16);

/** A UUID that begins with its time, to the millisecond, so that what is made together lies together (version 7). */
export const newUuid = () => v7({ rng });
