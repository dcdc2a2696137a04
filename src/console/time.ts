/** Any of the API's notations of a time, all of them UTC. */
export function timeOf(text: string): Date {
  return new Date(text.replace(' +0000 UTC', 'Z').replace('+00:00', 'Z').replace(' ', 'T'));
}

const CLOCK = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const DAY = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short' });
const FULL = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'long' });

export function clock(at: Date): string {
  return CLOCK.format(at);
}

/** The time of today, or with its day. */
export function short(at: Date): string {
  const isToday = at.toDateString() === new Date().toDateString();
  return isToday ? CLOCK.format(at) : `${DAY.format(at)}, ${CLOCK.format(at).slice(0, 5)}`;
}

export function full(at: Date): string {
  return FULL.format(at);
}

/** Such as `1 h 05 min`, `4 min 10 s`, `12 s`. */
export function span(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const [days, hours, minutes] = [
    Math.floor(whole / 86_400),
    Math.floor(whole / 3600) % 24,
    Math.floor(whole / 60) % 60,
  ];
  if (days > 0) return hours > 0 ? `${days} d ${hours} h` : `${days} d`;
  if (hours > 0) return minutes > 0 ? `${hours} h ${String(minutes).padStart(2, '0')} min` : `${hours} h`;
  if (minutes > 0) return whole % 60 > 0 ? `${minutes} min ${String(whole % 60).padStart(2, '0')} s` : `${minutes} min`;
  return `${whole} s`;
}

/** From now, such as `in 12 min` or `3 min ago`. */
export function fromNow(at: Date): string {
  const seconds = (at.getTime() - Date.now()) / 1000;
  return seconds >= 0 ? `in ${coarse(seconds)}` : `${coarse(-seconds)} ago`;
}

function coarse(seconds: number): string {
  if (seconds < 60) return `${Math.round(seconds)} s`;
  if (seconds < 3600) return `${Math.round(seconds / 60)} min`;
  if (seconds < 86_400) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} d`;
}
