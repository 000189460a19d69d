/** Threads by the day of their last activity, and their times, in the user's language and time zone. */
import type { ThreadMetadata } from "./wire";
import { words } from "./words";

export interface Group {
  label: string;
  threads: ThreadMetadata[];
}

/** Group threads, which are sorted newest first: today, yesterday, 7 days, 30 days, then by month. */
export function grouped(threads: readonly ThreadMetadata[], locale: string, now = new Date()): Group[] {
  const groups: Group[] = [];
  for (const thread of threads) {
    const label = labelOf(lastActivity(thread), locale, now);
    const group = groups.find((each) => each.label === label);
    if (group) group.threads.push(thread);
    else groups.push({ label, threads: [thread] });
  }
  return groups;
}

/** Return the time of a thread's last message if the server sends it, else of its creation. */
export function lastActivity({ last_activity_at, created_at }: ThreadMetadata): Date {
  return timeOf(last_activity_at ?? created_at);
}

/** Parse a server's timestamp, which is UTC without a time zone. */
export function timeOf(time: string): Date {
  return new Date(/(?:Z|[+-]\d\d:?\d\d)$/.test(time) ? time : `${time}Z`);
}

/** The time of a day less than a week ago, with its weekday unless it is today; else the date. */
export function briefTime(time: Date, locale: string, now = new Date()): string {
  if (Number.isNaN(time.getTime())) return "";
  const days = daysBetween(time, now);
  if (days <= 0) return formatOf(locale, { timeStyle: "short" }).format(time);
  if (days >= 7) return formatOf(locale, { dateStyle: "medium" }).format(time);
  return formatOf(locale, { weekday: "short", hour: "numeric", minute: "2-digit" }).format(time);
}

function labelOf(time: Date, locale: string, now: Date): string {
  if (Number.isNaN(time.getTime())) return words().undated;
  const days = daysBetween(time, now);
  if (days <= 0) return words().today;
  if (days === 1) return words().yesterday;
  if (days <= 7) return words().lastWeek;
  if (days <= 30) return words().lastMonth;
  return formatOf(locale, { month: "long", year: "numeric" }).format(time);
}

const formats = new Map<string, Intl.DateTimeFormat>();

/** Return a format, which is slow to make: a list of threads needs one for each entry. */
function formatOf(locale: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = `${locale} ${Object.values(options)}`;
  const format = formats.get(key) ?? new Intl.DateTimeFormat(locale, options);
  formats.set(key, format);
  return format;
}

/** Count calendar days, not periods of 24 hours. Days with a change of the clock have 23 or 25. */
function daysBetween(earlier: Date, later: Date): number {
  const day = (time: Date) => Date.UTC(time.getFullYear(), time.getMonth(), time.getDate());
  return Math.round((day(later) - day(earlier)) / 86_400_000);
}
