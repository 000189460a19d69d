import { act, render, renderHook, screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, test, vi } from "vitest";
import { usePanel } from "./panel";

const ORDERS = { orders: [{ id: "A17", title: "Two chairs", state: "on its way" }] };

test("[page-replaceable] another panel shows other data, asks the chat, and follows the assistant", async () => {
  const chat = { write: vi.fn(), send: vi.fn(), open: vi.fn() };
  const show = vi.fn();
  const api = vi.fn(async () => Response.json(ORDERS));
  const { result } = renderHook(() => usePanel({ api, apiUrl: "/chatkit", ready: true, chat, show }));
  await waitFor(() => expect(result.current.content).not.toBeNull());
  await act(async () => undefined);

  const shown = render(result.current.content);
  await userEvent.click(screen.getByRole("button", { name: /Two chairs/ }));
  expect(chat.write).toHaveBeenCalledWith("Where is my order A17?");
  await act(async () => {
    expect(await result.current.host.onClientTool("show_order", { id: "A17" })).toEqual({ shown: "A17" });
  });

  expect(show).toHaveBeenCalledOnce();
  expect(result.current.announcement).toBe("Order A17 is marked.");
  shown.rerender(result.current.content);
  expect(screen.getByRole("listitem").dataset.marked).toBe("true");
});

test("an assistant without an overview has no panel", async () => {
  const chat = { write: vi.fn(), send: vi.fn(), open: vi.fn() };
  const api = async () => Response.json({ message: "none" }, { status: 404 });
  const { result } = renderHook(() => usePanel({ api, apiUrl: "/chatkit", ready: true, chat, show: vi.fn() }));

  await waitFor(() => expect(result.current.content).toBeNull());
});
