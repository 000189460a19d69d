import { act, renderHook } from "@testing-library/react";
import { beforeEach, describe, expect, test, vi } from "vitest";
import { languagePreference } from "../preferences/language";
import { useHostPage } from "./use-host-page";

const onOpen = vi.fn();
const onTurnEnd = vi.fn();

function hosted() {
  return renderHook(() => useHostPage(onOpen, onTurnEnd)).result;
}

beforeEach(() => {
  languagePreference.set("en");
  vi.clearAllMocks();
});

describe("the assistant's client tool open_page", () => {
  test("opens the page, announces it and returns a result", async () => {
    const result = hosted();

    const answer = await act(() => result.current.host.onClientTool("open_page", { page: "budgets" }));

    expect(answer).toEqual({ opened: "budgets" });
    expect([result.current.page, result.current.announcement]).toEqual(["budgets", "Budgets opened."]);
    expect(onOpen).toHaveBeenCalledOnce();
  });

  test.each([
    ["open_page", { page: "secrets" }, { error: "unknown page: secrets" }],
    ["delete_all", {}, { error: "unknown tool: delete_all" }],
  ])("returns an error for an unknown tool or page: %s", async (name, params, refusal) => {
    const result = hosted();

    expect(await act(() => result.current.host.onClientTool(name, params))).toEqual(refusal);
    expect(result.current.page).toBe("overview");
    expect(onOpen).not.toHaveBeenCalled();
  });
});

describe("an effect", () => {
  test("highlights a category without covering the chat", () => {
    const result = hosted();
    act(() => result.current.showPage("goals"));

    act(() => result.current.host.onEffect("highlight", { category: "dining" }));

    const { marked, page, announcement } = result.current;
    expect([marked, page, announcement]).toEqual(["dining", "overview", "dining is highlighted."]);
    expect(onOpen).not.toHaveBeenCalled();
  });

  test("[page-panel] lasts until the user asks something else", () => {
    const result = hosted();
    act(() => result.current.host.onEffect("highlight", { category: "dining" }));
    act(() => result.current.host.onTurnEnd());
    expect(result.current.marked).toBe("dining");

    act(() => result.current.host.onTurnStart?.());

    expect(result.current.marked).toBeNull();
  });

  test("of a mention shows the mentioned entity", () => {
    const result = hosted();

    act(() => result.current.host.onEffect("mention", { kind: "category", name: "rent" }));

    expect(result.current.marked).toBe("rent");
    expect(onOpen).toHaveBeenCalledOnce();
  });

  test("that is malformed or unknown does nothing", () => {
    const result = hosted();

    act(() => result.current.host.onEffect("highlight", { category: 7 }));
    act(() => result.current.host.onEffect("confetti", {}));

    expect([result.current.marked, result.current.announcement]).toEqual([null, ""]);
  });
});

test("the end of a turn refreshes the overview", () => {
  hosted().current.host.onTurnEnd();

  expect(onTurnEnd).toHaveBeenCalledOnce();
});
