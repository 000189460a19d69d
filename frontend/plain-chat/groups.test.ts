import { beforeEach, expect, test } from "vitest";
import { briefTime, grouped, timeOf } from "./groups";
import { thread } from "./testing/events";
import { setWords, translation } from "./words";

const now = new Date(2026, 10, 28, 0, 30); // half an hour after midnight

beforeEach(async () => setWords(await translation("en-US")));

const at = (time: Date, id: string) => ({ ...thread, id, created_at: time.toISOString() });

test("threads are grouped by calendar days, not by periods of 24 hours", () => {
  const threads = [
    at(new Date(2026, 10, 28, 0, 10), "now"),
    at(new Date(2026, 10, 27, 23, 50), "before midnight"),
    at(new Date(2026, 10, 27, 0, 0), "yesterday"),
    at(new Date(2026, 10, 21), "a week ago"),
    at(new Date(2026, 10, 20), "more"),
    at(new Date(2026, 9, 29), "30 days"),
    at(new Date(2026, 9, 28), "a month"),
    at(new Date(2026, 9, 1), "same month"),
    at(new Date(2025, 10, 28), "a year"),
  ];
  expect(grouped(threads, "en-US", now).map(({ label, threads }) => [label, threads.map(({ id }) => id)])).toEqual([
    ["Today", ["now"]],
    ["Yesterday", ["before midnight", "yesterday"]],
    ["Previous 7 days", ["a week ago"]],
    ["Previous 30 days", ["more", "30 days"]],
    ["October 2026", ["a month", "same month"]],
    ["November 2025", ["a year"]],
  ]);
});

test("the last activity counts where the server sends it, a clock that is ahead is today, and nonsense has no date", () => {
  const active = { ...at(new Date(2020, 1, 1), "old"), last_activity_at: new Date(2026, 10, 28).toISOString() };
  const ahead = at(new Date(2026, 10, 29), "ahead");
  const broken = { ...thread, id: "broken", created_at: "soon" };
  const found = grouped([active, ahead, broken], "en-US", now);
  expect(found.map(({ label }) => label)).toEqual(["Today", "Without a date"]);
});

test("a timestamp without a zone is UTC", () => {
  expect(timeOf("2026-11-28T10:00:00").toISOString()).toBe("2026-11-28T10:00:00.000Z");
  expect(timeOf("2026-11-28T10:00:00.123456Z").toISOString()).toBe("2026-11-28T10:00:00.123Z");
  expect(timeOf("2026-11-28T10:00:00-05:00").toISOString()).toBe("2026-11-28T15:00:00.000Z");
});

test("a time is a clock time today, has its weekday in a week, and is a date before", () => {
  const later = new Date(2026, 10, 28, 18, 0);
  expect(briefTime(new Date(2026, 10, 28, 14, 5), "en-US", later)).toMatch(/2:05\sPM/);
  expect(briefTime(new Date(2026, 10, 26, 14, 5), "en-US", later)).toMatch(/Thu.*2:05/);
  expect(briefTime(new Date(2026, 9, 26), "de-DE", later)).toMatch(/26\.10\.2026/);
  expect(briefTime(new Date("nonsense"), "en-US", later)).toBe("");
});
