import { act, fireEvent, render, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import PlainChat from "./PlainChat";
import { WIDE_PX } from "./rail";
import { answer, created, done, question, thread } from "./testing/events";
import { FakeServer, refusal } from "./testing/fake-server";
import { memoryThread, plainChatProps } from "./testing/props";
import type { SearchPage, Thread } from "./wire";

let server: FakeServer;
let width: number;

beforeEach(() => {
  server = new FakeServer();
  width = 400;
  vi.spyOn(HTMLElement.prototype, "clientWidth", "get").mockImplementation(() => width);
});

afterEach(() => localStorage.clear());

function show(props = {}) {
  const user = userEvent.setup();
  const openThread = memoryThread();
  const page = render(<PlainChat {...plainChatProps({ api: server.api, openThread, ...props })} />);
  return { user, page, openThread };
}

const press = (name: string) => screen.getByRole("button", { name });
const field = () => screen.getByRole("searchbox", { name: "Search conversations" }) as HTMLInputElement;
const hit = (title: string, more: object = {}) => ({
  thread_id: `thr_${title}`,
  title,
  created_at: "2026-11-20T10:00:00",
  item_id: null,
  snippet: ["", title, ""],
  ...more,
});
const found = (data: object[], after: string | null = null) =>
  ({ data, complete: after === null, after, threads: 100 }) as SearchPage;

async function searching(query: string, ...pages: (SearchPage | Response)[]) {
  server.answers("threads.list", { data: [], has_more: false });
  server.other = () => {
    const page = pages[Math.min(server.others.length, pages.length) - 1];
    return page instanceof Response ? page.clone() : Response.json(page);
  };
  const shown = show();
  await shown.user.click(press("History"));
  await shown.user.type(field(), query);
  return shown;
}

describe("a search", () => {
  it("runs once after a pause in typing, and marks the words that matched", async () => {
    const snippet = ["about the ", "city tax", " in ", "Lisbon", "…"];
    await searching('lisbon "city tax"', found([hit("Portugal", { item_id: "msg_7", snippet })]));
    const result = await screen.findByRole("button", { name: /^Portugal/ });
    expect(server.others.map(({ url }) => url)).toEqual(["/chatkit/search?q=lisbon+%22city+tax%22"]);
    expect([...result.querySelectorAll("mark")].map((mark) => mark.textContent)).toEqual(["city tax", "Lisbon"]);
    expect(result.textContent).toContain("about the city tax in Lisbon…");
    expect(screen.getByText("1 conversation found.")).toBeTruthy();
  });

  it("opens the thread at the message, also if it is not among the newest ones", async () => {
    const { user } = await searching("lisbon", found([hit("Portugal", { item_id: "old" })]));
    const scrolled = vi.spyOn(HTMLElement.prototype, "scrollIntoView");
    server.answers("threads.get_by_id", { ...thread, items: { data: [question("x")], has_more: true } });
    const pages = [
      { data: [answer("newest", "c")], has_more: true, after: "c" },
      { data: [answer("Lisbon it was", "old")], has_more: true, after: "old" },
    ];
    server.on("items.list", () => Response.json(pages[server.of("items.list").length - 1]));
    await user.click(await screen.findByRole("button", { name: /^Portugal/ }));
    await screen.findByText("Lisbon it was");
    expect(scrolled.mock.contexts.map((each) => (each as HTMLElement).dataset.item)).toEqual(["old"]);
    expect(server.of("items.list")).toHaveLength(2);
  });

  it("that is incomplete says so, continues on demand, and shows no conversation twice", async () => {
    const { user } = await searching(
      "lisbon",
      found([], "cursor"),
      found([hit("A"), hit("B")], "more"),
      found([hit("B")]),
    );
    expect(await screen.findByText("Nothing found so far, in the 100 newest conversations.")).toBeTruthy();
    await user.click(press("Search further"));
    expect(await screen.findByText("2 found so far, in the 200 newest conversations.")).toBeTruthy();
    expect(server.others[1]?.url).toBe("/chatkit/search?q=lisbon&after=cursor");
    await user.click(press("Search further"));
    expect(await screen.findByText("2 conversations found.")).toBeTruthy();
    expect(screen.queryByRole("button", { name: "Search further" })).toBeNull();
  });

  it.each(["", "  ", "x", "?!", '"'])("for %j is not sent, and the list stays", async (query) => {
    server.answers("threads.list", { data: [thread], has_more: false });
    const { user } = show();
    await user.click(press("History"));
    await screen.findByText("Groceries");
    await user.type(field(), `${query}{Enter}`);
    await new Promise((resolve) => setTimeout(resolve, 350));
    expect(server.others).toEqual([]);
    expect(screen.getByText("Groceries")).toBeTruthy();
    expect(screen.queryByText("Enter at least two letters.") !== null).toBe(query.trim() !== "");
  });

  it("that the server refuses says what to change, and one that fails can be repeated", async () => {
    const { user } = await searching("a b c d e f g h i j k", refusal(400, "the search has 11 words"));
    expect((await screen.findByRole("alert")).textContent).toContain("up to ten words");
    server.other = () => refusal(429, "Too many searches. Try again in 20 seconds.");
    await user.type(field(), "{Enter}");
    await screen.findByText(/Too many searches/);
    server.other = () => Response.json(found([hit("Found at last")]));
    await user.click(within(screen.getByRole("alert")).getByRole("button", { name: "Retry" }));
    expect(await screen.findByText("Found at last")).toBeTruthy();
    expect(screen.queryByRole("alert")).toBeNull();
  });

  it("shows only the results of the latest words", async () => {
    const answers: ((response: Response) => void)[] = [];
    server.answers("threads.list", { data: [], has_more: false });
    const api = async (url: string, init?: RequestInit) =>
      url === "/chatkit" ? server.api(url, init) : new Promise<Response>((resolve) => answers.push(resolve));
    const { user } = show({ api });
    await user.click(press("History"));
    await user.type(field(), "first{Enter}");
    await user.type(field(), " second{Enter}");
    await waitFor(() => expect(answers.length).toBeGreaterThanOrEqual(2));
    answers.at(-1)?.(Response.json(found([hit("Second")])));
    await screen.findByRole("button", { name: /^Second/ });
    await act(async () => answers[0]?.(Response.json(found([hit("First")]))));
    expect(screen.queryByText("First")).toBeNull();
  });

  it("is walked with the arrow keys, and Escape first clears it, then leaves the history", async () => {
    const { user } = await searching("lisbon", found([hit("A"), hit("B")]));
    await screen.findByRole("button", { name: /^A/ });
    await user.keyboard("{ArrowDown}{ArrowDown}");
    expect(document.activeElement?.textContent).toMatch(/^B/);
    await user.keyboard("{ArrowUp}{ArrowUp}");
    expect(document.activeElement).toBe(field());
    await user.keyboard("{Escape}");
    expect(field().value).toBe("");
    await user.keyboard("{Escape}");
    expect(screen.queryByRole("searchbox")).toBeNull();
  });

  it("shows what others wrote as text", async () => {
    const evil = "<img src=x onerror=alert(1)>";
    await searching("alert", found([hit(evil, { item_id: "m", snippet: ["", evil, ""] })]));
    await screen.findByText("1 conversation found.");
    expect(document.querySelector(".pc-history img")).toBeNull();
  });
});

describe("the rail", () => {
  const list = (...titles: string[]) =>
    server.answers("threads.list", {
      data: titles.map((title) => ({ ...thread, id: `thr_${title}`, title })),
      has_more: false,
    });

  it("shows the history next to the conversation where there is room, and stays closed after it was closed", async () => {
    width = WIDE_PX;
    list("First");
    const { user, page } = show();
    expect(await screen.findByText("First")).toBeTruthy();
    expect(screen.getByRole("textbox", { name: "Message" }).closest("[hidden]")).toBeNull();
    await user.keyboard("{Escape}");
    expect(screen.getByText("First")).toBeTruthy();
    await user.click(press("History"));
    expect(screen.queryByText("First")).toBeNull();
    page.unmount();
    show();
    expect(screen.queryByRole("region", { name: "History" })).toBeNull();
  });

  it("shows a new conversation, its title when it comes, and another list entry only once", async () => {
    width = WIDE_PX;
    list("Groceries");
    const untitled = { ...thread, id: "thr_2", created_at: "2026-11-28T10:00:00" } as Partial<Thread>;
    delete untitled.title;
    const live = server.live("threads.create");
    const { user } = show();
    const rail = within(await screen.findByRole("region", { name: "History" }));
    await rail.findByText("Groceries");
    await user.type(screen.getByRole("textbox", { name: "Message" }), "Hi{Enter}");
    const stream = await live;
    stream.send({ ...created, thread: untitled } as typeof created);
    expect(await rail.findByText("Untitled conversation")).toBeTruthy();
    stream.send({ type: "thread.updated", thread: { ...untitled, title: "Lisbon" } as Thread });
    expect(await rail.findByText("Lisbon")).toBeTruthy();
    stream.send(done(answer("Hello")));
    stream.end();
    await screen.findByText("Hello");
    expect(rail.getAllByRole("button", { name: /^(Lisbon|Untitled)/ })).toHaveLength(1);
  });
});

describe("shortcuts", () => {
  const down = (code: string, more = {}) => fireEvent.keyDown(document.body, { code, key: "", ctrlKey: true, ...more });

  it("search, start, write, and explain themselves", async () => {
    server.answers("threads.list", { data: [], has_more: false });
    server.answers("threads.get_by_id", { ...thread, items: { data: [answer("Long ago")], has_more: false } });
    const { user } = show({ openThread: memoryThread("thr_1") });
    await screen.findByText("Long ago");
    down("KeyK");
    expect(document.activeElement).toBe(field());
    down("KeyM", { shiftKey: true });
    expect(document.activeElement).toBe(screen.getByRole("textbox", { name: "Message" }));
    down("KeyC", { shiftKey: true });
    expect(await navigator.clipboard.readText()).toBe("Long ago");
    down("KeyO", { shiftKey: true });
    expect(screen.queryByText("Long ago")).toBeNull();
    down("Slash");
    const sheet = await screen.findByRole("dialog", { name: "Keyboard shortcuts" });
    expect(within(sheet).getByText("New conversation")).toBeTruthy();
    down("KeyK");
    expect(screen.queryByRole("searchbox")).toBeNull(); // not behind the sheet
    await user.click(within(sheet).getByRole("button", { name: "Close" }));
    await waitFor(() => expect(screen.queryByRole("dialog")).toBeNull());
  });

  it("leave other combinations, and letters without a modifier, to the browser and the text", async () => {
    show();
    for (const more of [{ ctrlKey: false }, { altKey: true }, { shiftKey: true }]) {
      expect(down("KeyK", more)).toBe(true);
    }
    expect(down("KeyC")).toBe(true);
  });
});

it("saves the conversation as a Markdown file", async () => {
  server.answers("threads.get_by_id", { ...thread, items: { data: [answer("Saved words")], has_more: false } });
  server.answers("items.list", { data: [question("Words?"), answer("Saved words")], has_more: false });
  const files: Blob[] = [];
  vi.spyOn(URL, "createObjectURL").mockImplementation((blob) => `blob:${files.push(blob as Blob)}`);
  const click = vi.spyOn(HTMLAnchorElement.prototype, "click").mockImplementation(() => {});
  const { user } = show({ openThread: memoryThread("thr_1") });
  await screen.findByText("Saved words");
  await user.click(press("Save as Markdown"));
  await waitFor(() => expect(click).toHaveBeenCalled());
  expect((click.mock.contexts[0] as HTMLAnchorElement).download).toBe("Groceries.md");
  expect(await files[0]?.text()).toMatch(/## You\n\nWords\?\n\n## Answer\n\nSaved words\n$/);
  server.on("items.list", () => refusal(503, "Not available"));
  await user.click(press("Save as Markdown"));
  expect((await screen.findByRole("alert")).textContent).toContain("Not available");
});
