import { act, fireEvent, render, screen, waitFor } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, describe, expect, it, vi } from "vitest";
import PlainChat from "./PlainChat";
import { answer, question, thread } from "./testing/events";
import { FakeServer, refusal } from "./testing/fake-server";
import { memoryDrafts, memoryThread, plainChatProps } from "./testing/props";
import type { Attachment, ThreadItem } from "./wire";

let server: FakeServer;
beforeEach(() => {
  server = new FakeServer();
});

const PHOTO: Attachment = {
  id: "atc_1",
  type: "image",
  name: "photo.png",
  mime_type: "image/png",
  preview_url: "https://bucket.example/photo",
};
const file = (name: string, mime_type: string): Attachment => ({ id: "atc_2", type: "file", name, mime_type });

async function opened(items: ThreadItem[], locale = "en-US") {
  const openThread = memoryThread();
  openThread.set("thr_1");
  server.answers("threads.get_by_id", { ...thread, items: { data: items, has_more: false } });
  await act(async () => {
    render(<PlainChat {...plainChatProps({ api: server.api, openThread, drafts: memoryDrafts(), locale })} />);
  });
  await waitFor(() => expect(document.querySelector("article, figure")).toBeTruthy());
  return userEvent.setup();
}

const press = (name: string) => screen.getByRole("button", { name });

describe("an image", () => {
  const generated: ThreadItem = {
    id: "img",
    thread_id: "thr_1",
    created_at: thread.created_at,
    type: "generated_image",
    image: { id: "i", url: "https://bucket.example/made" },
  };

  it.each([
    ["a sent file", question("Look", "q", [PHOTO]), "photo.png", "https://bucket.example/photo"],
    ["a generated image", generated, "Generated image", "https://bucket.example/made"],
    ["an image of an answer", answer("![A boat](/boat.png)"), "A boat", "/boat.png"],
  ])("%s is shown large, outside of the log, with its name", async (_, item, name, src) => {
    const user = await opened([item]);
    await user.click(press(`Enlarge ${name}`));
    const dialog = await screen.findByRole<HTMLDialogElement>("dialog", { name });
    expect(dialog.open).toBe(true);
    expect(dialog.closest('[role="log"]')).toBeNull();
    expect(new URL(dialog.querySelector("img")?.src ?? "").href).toBe(new URL(src, location.href).href);
    expect(dialog.querySelector("img")?.alt).toBe(name);
    await user.click(press("Close"));
    await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
    expect(document.querySelector("[target=_blank]")).toBeNull();
  });

  it("closes by a click outside of it, not by one on it", async () => {
    const user = await opened([question("Look", "q", [PHOTO])]);
    await user.click(press("Enlarge photo.png"));
    const dialog = await screen.findByRole("dialog");
    await user.click(dialog.querySelector("img") as Element);
    expect(screen.queryByRole("dialog")).toBeTruthy();
    await user.click(dialog);
    await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
  });

  it("leaves a link around it alone", async () => {
    await opened([answer("[![A boat](/boat.png)](https://boats.example/)")]);
    expect((await screen.findByAltText("A boat")).closest("a")?.href).toBe("https://boats.example/");
    expect(screen.queryByRole("button", { name: "Enlarge A boat" })).toBeNull();
  });

  it("takes Escape for itself: a running answer goes on", async () => {
    const user = await opened([question("Look", "q", [PHOTO])]);
    const live = server.live("threads.add_user_message");
    await user.type(screen.getByRole("textbox", { name: "Message" }), "And this?{Enter}");
    (await live).send({ type: "stream_options", stream_options: { allow_cancel: true } });
    await screen.findByRole("button", { name: "Stop" });
    await user.click(press("Enlarge photo.png"));
    fireEvent.keyDown(await screen.findByRole("dialog"), { key: "Escape" });
    expect(server.of("threads.add_user_message")[0]?.signal?.aborted).toBe(false);
  });
});

describe("a sent file", () => {
  const URL_OF_FILE = "https://bucket.example/files/ana/atc_2?X-Amz-Signature=1";

  it("to save is downloaded under its own name", async () => {
    const links: HTMLAnchorElement[] = [];
    vi.spyOn(HTMLAnchorElement.prototype, "click").mockImplementation(function (this: HTMLAnchorElement) {
      links.push(this);
    });
    const open = vi.spyOn(window, "open");
    server.other = () => Response.json({ url: URL_OF_FILE });
    const user = await opened([question("Look", "q", [file("notes.txt", "text/plain")])]);
    await user.click(press("Open notes.txt"));
    await waitFor(() => expect(links).toHaveLength(1));
    expect(server.others[0]?.url).toBe("/chatkit/attachments/atc_2");
    expect([links[0]?.href, links[0]?.download]).toEqual([URL_OF_FILE, "notes.txt"]);
    expect(open).not.toHaveBeenCalled();
  });

  it("to read opens in a tab of its own, which cannot reach the chat", async () => {
    const tab = { opener: window, location: { replace: vi.fn() }, close: vi.fn() };
    vi.spyOn(window, "open").mockReturnValue(tab as never);
    server.other = () => Response.json({ url: URL_OF_FILE });
    const user = await opened([question("Look", "q", [file("bill.pdf", "application/pdf")])]);
    await user.click(press("Open bill.pdf"));
    await waitFor(() => expect(tab.location.replace).toHaveBeenCalledWith(URL_OF_FILE));
    expect(tab.opener).toBeNull();
  });

  it.each([
    ["that is gone", () => refusal(404, "this file does not exist (any more)"), "does not exist"],
    ["with an address that runs a script", () => Response.json({ url: "javascript:alert(1)" }), null],
  ])("%s opens nothing", async (_, other, message) => {
    const tab = { opener: window, location: { replace: vi.fn() }, close: vi.fn() };
    vi.spyOn(window, "open").mockReturnValue(tab as never);
    server.other = other;
    const user = await opened([question("Look", "q", [file("bill.pdf", "application/pdf")])]);
    await user.click(press("Open bill.pdf"));
    await waitFor(() => expect(tab.close).toHaveBeenCalled());
    expect(tab.location.replace).not.toHaveBeenCalled();
    if (message) expect((await screen.findByRole("alert")).textContent).toContain(message);
  });

  it("has German words", async () => {
    await opened([question("Look", "q", [PHOTO])], "de");
    expect(press("photo.png öffnen")).toBeTruthy();
    expect(press("photo.png vergrößern")).toBeTruthy();
  });
});
