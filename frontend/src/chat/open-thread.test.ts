import { beforeEach, describe, expect, test, vi } from "vitest";
import { NAME } from "#brand";
import { drafts } from "./drafts";
import { openThread } from "./open-thread";

beforeEach(() => {
  sessionStorage.clear();
  history.replaceState(null, "", "/");
});

describe("the address of a conversation", () => {
  test("is a link that opens it in another tab", () => {
    openThread.set("thr_1", "Lisbon");
    expect(location.hash).toBe("#/c/thr_1");
    expect(document.title).toBe(`Lisbon · ${NAME}`);

    sessionStorage.clear(); // another tab has no memory
    expect(openThread.get()).toBe("thr_1");
  });

  test("gets an entry in the browser's history for each conversation, but not for a new title", () => {
    const before = history.length;
    openThread.set("thr_1");
    openThread.set("thr_1", "Lisbon");
    openThread.set("thr_2");
    openThread.set(null);
    expect(history.length - before).toBe(2); // the first one takes the place of the empty address
    expect(location.hash).toBe("");
  });

  test("tells the chat when the user goes back", () => {
    const went = vi.fn();
    const end = openThread.onNavigate?.(went);
    history.replaceState(null, "", "#/c/thr_9");
    dispatchEvent(new PopStateEvent("popstate"));
    end?.();
    dispatchEvent(new PopStateEvent("popstate"));
    expect(went.mock.calls).toEqual([["thr_9"]]);
  });

  test("with a malformed id is ignored", () => {
    history.replaceState(null, "", "#/c/%E0%A4%A");
    expect(openThread.get()).toBeNull();
  });
});

test("a link survives the sign-in that it needs", () => {
  history.replaceState(null, "", "#/c/thr_1");
  openThread.claim("ada");
  expect(openThread.get()).toBe("thr_1");
});

test("another user gets neither the conversation nor the drafts", () => {
  openThread.claim("ada");
  openThread.set("thr_1");
  drafts.set(undefined, "secret");

  openThread.claim("bob");

  expect(openThread.get()).toBeNull();
  expect(drafts.get(undefined)).toBe("");
});
