import { act, fireEvent, render, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, describe, expect, it, vi } from "vitest";
import PlainChat from "./PlainChat";
import type { Drafts, OpenThread } from "./props";
import { added, answer, card, created, delta, done, firstTurn, question, thread, toolCall } from "./testing/events";
import { FakeServer, refusal } from "./testing/fake-server";
import { memoryDrafts, memoryThread, plainChatProps } from "./testing/props";
import { recording } from "./testing/recording";
import type { Thread, ThreadItem, ThreadStreamEvent } from "./wire";
import { words } from "./words";

let server: FakeServer;
let openThread: OpenThread;
let drafts: Drafts;
let host: {
  onClientTool: ReturnType<typeof vi.fn>;
  onEffect: ReturnType<typeof vi.fn>;
  onTurnEnd: ReturnType<typeof vi.fn>;
};

beforeEach(() => {
  openThread = memoryThread();
  drafts = memoryDrafts();
  server = new FakeServer();
  host = { onClientTool: vi.fn(async () => ({ opened: true })), onEffect: vi.fn(), onTurnEnd: vi.fn() };
});

function show(locale = "en-US") {
  const user = userEvent.setup();
  const page = render(
    <PlainChat {...plainChatProps({ api: server.api, host: host as never, openThread, drafts, locale })} />,
  );
  return { user, page };
}

const field = () => screen.getByRole("textbox", { name: "Message" }) as HTMLTextAreaElement;
const log = () => screen.getByRole("log");
const press = (name: string) => screen.getByRole("button", { name });

async function say(user: ReturnType<typeof userEvent.setup>, text: string) {
  await user.type(field(), `${text}{Enter}`);
}

/** Open a thread from the server. */
async function opened(items: ThreadItem[], more: Partial<Thread> = {}) {
  openThread.set("thr_1");
  server.answers("threads.get_by_id", { ...thread, ...more, items: { data: items, has_more: false } });
  const shown = show();
  await screen.findByRole("log");
  await waitFor(() => expect(press("Send")).toBeTruthy());
  if (items.length) await waitFor(() => expect(log().children.length).toBeGreaterThan(0));
  return shown;
}

const en = words();

describe("a message", () => {
  it("is shown at once, and its answer grows", async () => {
    const live = server.live("threads.create");
    const { user } = show();
    await say(user, "Hello there");
    expect(within(log()).getByText("Hello there")).toBeTruthy();
    expect(field().value).toBe("");
    const stream = await live;
    for (const event of [created, done(question("Hello there")), added(answer("")), delta("Good ")]) stream.send(event);
    expect(await screen.findByText("Good")).toBeTruthy();
    stream.send(delta("morning"));
    expect(await screen.findByText("Good morning")).toBeTruthy();
    expect(screen.queryByRole("button", { name: "Good answer" })).toBeNull();
    stream.send(done(answer("Good morning")));
    stream.end();
    await waitFor(() => expect(press("Send")).toBeTruthy());
    expect(within(log()).getAllByText("Hello there")).toHaveLength(1);
    expect(host.onTurnEnd).toHaveBeenCalledTimes(1);
    expect(openThread.get()).toBe("thr_1");
  });

  it("is added to the open thread, with the chosen model and tool", async () => {
    server.streams("threads.create", firstTurn("Hi", "Hello")).streams("threads.add_user_message", []);
    const { user } = show();
    await say(user, "Hi");
    await screen.findByText("Hello", { selector: "article *" });
    await user.selectOptions(screen.getByRole("combobox", { name: "Model" }), "gpt-5.1");
    await user.selectOptions(screen.getByRole("combobox", { name: "Tool" }), "balances");
    await say(user, "More");
    expect((screen.getByRole("combobox", { name: "Tool" }) as HTMLSelectElement).value).toBe(""); // for one message
    expect(server.of("threads.add_user_message")[0]?.params).toEqual({
      thread_id: "thr_1",
      input: {
        content: [{ type: "input_text", text: "More" }],
        attachments: [],
        inference_options: { model: "gpt-5.1", tool_choice: { id: "balances" } },
      },
    });
  });

  it("is sent once, however fast the user presses Enter", async () => {
    const live = server.live("threads.create");
    server.streams("threads.add_user_message", [done(question("Twice", "msg_2"))]);
    const { user } = show();
    await user.type(field(), "Once{Enter}");
    await user.type(field(), "Twice{Enter}{Enter}");
    expect(server.requests).toHaveLength(1);
    expect(screen.getByText("Twice").parentElement?.textContent).toContain(en.waits);
    const stream = await live;
    for (const event of firstTurn("Once", "Yes")) stream.send(event);
    stream.end();
    await waitFor(() => expect(server.of("threads.add_user_message")).toHaveLength(1));
    expect(screen.queryByText(en.waits, { exact: false })).toBeNull();
  });

  it("that waits for the end of an answer can be withdrawn, and returns to the field", async () => {
    const live = server.live("threads.create");
    const { user } = show();
    await user.type(field(), "Once{Enter}");
    await user.type(field(), "Twice{Enter}");
    expect(field().value).toBe("");
    await user.click(press(en.unsend));
    expect(field().value).toBe("Twice");
    (await live).end();
    await waitFor(() => expect(press(en.send)).toBeTruthy());
    expect(server.requests).toHaveLength(1);
  });

  it("keeps its line breaks, and is not sent when it is empty", async () => {
    server.streams("threads.create", []);
    const { user } = show();
    await user.type(field(), "   {Enter}");
    expect(server.requests).toHaveLength(0);
    await user.clear(field());
    await user.type(field(), "a{Shift>}{Enter}{/Shift}b{Enter}");
    expect(server.of("threads.create")[0]?.params.input).toMatchObject({ content: [{ text: "a\nb" }] });
  });

  it("starts from a prompt of the start screen", async () => {
    server.streams("threads.create", firstTurn("What are my balances?", "Enough"));
    const { user } = show();
    await user.click(press("Balances"));
    expect(await screen.findByText("Enough")).toBeTruthy();
  });

  it("returns to the text field when the server refuses it", async () => {
    server.on("threads.create", () => refusal(413, "The message is too long."));
    const { user } = show();
    await say(user, "Far too long");
    expect((await screen.findByRole("alert")).textContent).toContain("The message is too long.");
    expect(screen.getByText(/req_refused/)).toBeTruthy();
    expect(field().value).toBe("Far too long");
    expect(within(log()).queryByRole("article")).toBeNull();
    expect(screen.queryByRole("button", { name: "Retry" })).toBeNull();
  });

  it.each([
    ["the service is unavailable", 503],
    ["the browser is offline", 408],
  ])("is repeated unchanged in a retry when %s, because it may not have arrived", async (_, status) => {
    server.on("threads.create", () => refusal(status, "Not available"));
    const { user } = show();
    await say(user, "Hi");
    await screen.findByRole("alert");
    server.streams("threads.create", firstTurn("Hi", "Hello you"));
    await user.click(press("Retry"));
    expect(await screen.findByText("Hello you")).toBeTruthy();
    const [first, second] = server.of("threads.create");
    expect(second?.params).toEqual(first?.params);
    expect(within(log()).getAllByText("Hi")).toHaveLength(1);
  });

  it("opens the thread with its answer when the server received it before", async () => {
    server.on("threads.create", () => refusal(409, "received before", { thread_id: "thr_1" }));
    server.answers("threads.get_by_id", { ...thread, items: { data: [answer("Here it is")], has_more: false } });
    const { user } = show();
    await say(user, "Hi");
    expect(await screen.findByText("Here it is")).toBeTruthy();
  });
});

describe("a turn", () => {
  it.each(["button", "Escape"])("is stopped with the %s, and keeps the text received so far", async (how) => {
    const live = server.live("threads.create");
    const { user } = show();
    await say(user, "Count");
    const stream = await live;
    for (const event of [created, done(question("Count")), added(answer("")), delta("one two")]) stream.send(event);
    await screen.findByText("one two");
    if (how === "button") await user.click(press("Stop"));
    else await user.type(field(), "{Escape}");
    await waitFor(() => expect(press("Send")).toBeTruthy());
    expect(server.requests[0]?.signal?.aborted).toBe(true);
    expect(screen.getByText("one two")).toBeTruthy();
    expect(screen.queryByRole("alert")).toBeNull();
  });

  it("that fails shows the reason and the request id, and is retried from the user's message", async () => {
    const error: ThreadStreamEvent = {
      type: "error",
      code: "custom",
      message: "The model is busy.",
      allow_retry: true,
    };
    server.streams("threads.create", [created, done(question("Hi")), added(answer("")), delta("I was"), error]);
    server.streams("threads.retry_after_item", [done(answer("Hello", "msg_b"))]);
    const { user } = show();
    await say(user, "Hi");
    expect((await screen.findByRole("alert")).textContent).toContain("The model is busy.");
    expect(screen.getByText(/req_stream/)).toBeTruthy();
    await user.click(press("Retry"));
    expect(await screen.findByText("Hello", { selector: "article *" })).toBeTruthy();
    expect(screen.queryByText("I was")).toBeNull();
    expect(server.of("threads.retry_after_item")[0]?.params).toEqual({ thread_id: "thr_1", item_id: "msg_q" });
  });

  it("whose connection breaks can be retried", async () => {
    const live = server.live("threads.create");
    const { user } = show();
    await say(user, "Hi");
    const stream = await live;
    for (const event of [created, done(question("Hi"))]) stream.send(event);
    await screen.findByText("Groceries");
    stream.break();
    expect((await screen.findByRole("alert")).textContent).toContain("connection was lost");
    expect(press("Retry")).toBeTruthy();
  });

  it("runs a client tool in the page, and continues with its result", async () => {
    const call = toolCall("open_page", { page: "budgets" });
    server.streams("threads.create", [created, done(question("Open")), done(call)]);
    server.streams("threads.add_client_tool_output", [done(answer("It is open."))]);
    const { user } = show();
    await say(user, "Open");
    expect(await screen.findByText("It is open.")).toBeTruthy();
    expect(host.onClientTool).toHaveBeenCalledWith("open_page", { page: "budgets" });
    expect(server.of("threads.add_client_tool_output")[0]?.params).toEqual({
      thread_id: "thr_1",
      result: { opened: true },
    });
  });

  it("sends a client tool's error to the assistant", async () => {
    host.onClientTool.mockRejectedValue(new Error("no such page"));
    server.streams("threads.create", [created, done(toolCall("open_page", {}))]);
    server.streams("threads.add_client_tool_output", [done(answer("I cannot."))]);
    const { user } = show();
    await say(user, "Open");
    await screen.findByText("I cannot.");
    expect(server.of("threads.add_client_tool_output")[0]?.params.result).toEqual({ error: "no such page" });
  });

  it("passes effects to the page, and ignores unknown events", async () => {
    const unknown = { type: "thread.sparkled", glitter: 3 } as unknown as ThreadStreamEvent;
    const effect: ThreadStreamEvent = { type: "client_effect", name: "highlight", data: { category: "dining" } };
    const odd = { ...(answer("?", "msg_x") as object), type: "hologram" } as unknown as ThreadItem;
    server.streams("threads.create", [created, unknown, effect, done(odd), done(answer("Done"))]);
    const { user } = show();
    await say(user, "Highlight");
    expect(await screen.findByText("Done")).toBeTruthy();
    expect(host.onEffect).toHaveBeenCalledExactlyOnceWith("highlight", { category: "dining" });
  });
});

describe("history", () => {
  const page = (titles: string[], has_more = false, first = 1) => ({
    data: titles.map((title, place) => ({ ...thread, id: `thr_${first + place}`, title })),
    has_more,
    after: "cursor",
  });

  it("lists, pages and opens conversations", async () => {
    server.on("threads.list", ({ params }) =>
      Response.json(params.after ? page(["Second"], false, 2) : page(["First"], true)),
    );
    server.answers("threads.get_by_id", {
      ...thread,
      id: "thr_2",
      items: { data: [answer("Old words")], has_more: false },
    });
    const { user } = show();
    await user.click(press("History"));
    await user.click(await screen.findByRole("button", { name: "Show more" }));
    expect(server.of("threads.list")[1]?.params).toMatchObject({ after: "cursor" });
    await user.click(await screen.findByRole("button", { name: /^Second/ }));
    expect(await screen.findByText("Old words")).toBeTruthy();
    expect(server.of("threads.get_by_id")[0]?.params).toEqual({ thread_id: "thr_2" });
  });

  it("renames a conversation", async () => {
    server.answers("threads.list", page(["First"])).answers("threads.update", thread);
    const { user } = show();
    await user.click(press("History"));
    await user.click(await screen.findByRole("button", { name: "Rename First" }));
    const title = screen.getByRole("textbox", { name: "New title" });
    await user.clear(title);
    await user.type(title, "Money{Enter}");
    expect(await screen.findByText("Money")).toBeTruthy();
    expect(server.of("threads.update")[0]?.params).toEqual({ thread_id: "thr_1", title: "Money" });
  });

  it("deletes a conversation only after a confirmation", async () => {
    server.answers("threads.list", page(["First"])).answers("threads.delete", {});
    const { user } = show();
    await user.click(press("History"));
    await user.click(await screen.findByRole("button", { name: "Delete First" }));
    await user.click(press("Cancel"));
    expect(server.of("threads.delete")).toHaveLength(0);
    await user.click(press("Delete First"));
    await user.click(press("Delete"));
    await waitFor(() => expect(screen.queryByText("First")).toBeNull());
    expect(server.of("threads.delete")[0]?.params).toEqual({ thread_id: "thr_1" });
  });

  it("keeps the focus: on the button after a cancel, on the list after a deletion, then on the message", async () => {
    server.answers("threads.list", page(["First", "Second"])).answers("threads.delete", {});
    server.answers("threads.get_by_id", thread);
    const { user } = show();
    const message = field();
    await user.click(press("History"));
    await user.click(await screen.findByRole("button", { name: "Rename First" }));
    await user.keyboard("{Escape}");
    expect(document.activeElement).toBe(press("Rename First"));
    await user.click(press("Delete First"));
    expect(document.activeElement).toBe(press("Cancel"));
    await user.keyboard("{Escape}");
    expect(document.activeElement).toBe(press("Delete First"));
    await user.keyboard("{Enter}");
    await user.click(press("Delete"));
    await waitFor(() => expect(screen.queryByRole("alertdialog")).toBeNull());
    expect(document.activeElement).toBe(screen.getByRole("region", { name: "History" }));

    let hidden: boolean | undefined;
    message.addEventListener("focus", () => {
      hidden = message.closest("[hidden]") !== null; // browsers do not focus hidden elements
    });
    await user.click(screen.getByRole("button", { name: /^Second/ }));
    expect(hidden).toBe(false);
  });

  it("does not stop a running response with the Escape that cancels a rename", async () => {
    const live = server.live("threads.create");
    server.answers("threads.list", page(["First"]));
    const { user } = show();
    await say(user, "Hi");
    await live;
    await user.click(press("History"));
    await user.click(await screen.findByRole("button", { name: "Rename First" }));
    await user.keyboard("{Escape}");
    expect(server.of("threads.create")[0]?.signal?.aborted).toBe(false);
  });

  it("restores the open thread at its end after a reload, with earlier messages on demand", async () => {
    openThread.set("thr_1");
    server.answers("threads.get_by_id", { ...thread, items: { data: [question("first")], has_more: true } });
    const pages = [
      { data: [answer("newest", "c"), question("newer", "b")], has_more: true, after: "b" },
      { data: [question("first", "a")], has_more: false },
    ];
    server.on("items.list", () => Response.json(pages[server.of("items.list").length - 1]));
    const { user } = show();
    expect(await screen.findByText("newest")).toBeTruthy();
    expect(screen.queryByText("first")).toBeNull();
    await user.click(press("Show earlier messages"));
    await screen.findByText("first");
    expect(server.of("items.list")[1]?.params).toMatchObject({ after: "b" });
    expect(log().textContent).toMatch(/first.*newer.*newest/s);
  });

  it("shows that a thread is loading, and retries when it fails to load", async () => {
    openThread.set("thr_1");
    let refuse = (_: Response) => {};
    server.on(
      "threads.get_by_id",
      () =>
        new Promise((resolve) => {
          refuse = resolve;
        }),
    );
    const { user } = show();
    expect(await screen.findByText("Loading")).toBeTruthy();
    refuse(refusal(503, "Not available"));
    await user.click(await screen.findByRole("button", { name: "Retry" }));
    refuse(Response.json({ ...thread, items: { data: [answer("Here")], has_more: false } }));
    expect(await screen.findByText("Here")).toBeTruthy();
    expect(openThread.get()).toBe("thr_1");
  });

  it("starts a new thread when that one is gone", async () => {
    openThread.set("thr_gone");
    server.on("threads.get_by_id", () => refusal(404, "Thread thr_gone not found"));
    show();
    expect(await screen.findByText("Hello")).toBeTruthy();
    expect(screen.queryByRole("alert")).toBeNull();
    await waitFor(() => expect(openThread.get()).toBeNull());
  });

  it("disables the composer in a closed thread, and shows the reason", async () => {
    await opened([answer("Bye")], { status: { type: "closed", reason: "This case is solved." } });
    await waitFor(() => expect(field().disabled).toBe(true));
    expect(within(log()).getByText("This case is solved.")).toBeTruthy(); // a placeholder alone is too faint
    expect(screen.queryByRole("combobox", { name: "Tool" })).toBeNull();
  });
});

describe("a draft", () => {
  it("survives a reload, by conversation", async () => {
    const { user, page } = await opened([answer("Hi")]);
    await user.type(field(), "half a thou");
    page.unmount();
    show();
    await waitFor(() => expect(field().value).toBe("half a thou"));
    await user.click(press("New conversation"));
    expect(field().value).toBe("");
  });

  it("is kept until the server has stored the message, and then removed", async () => {
    const live = server.live("threads.create");
    const { user } = show();
    await say(user, "Hello there");
    expect(field().value).toBe("");
    expect(drafts.get(undefined)).toBe("Hello there"); // the session may end now
    const stream = await live;
    for (const event of [created, done(question("Hello there"))]) stream.send(event);
    await waitFor(() => expect(drafts.get(undefined)).toBe(""));
    stream.end();
  });

  it("moves along when a new conversation gets its thread", async () => {
    const live = server.live("threads.create");
    const { user } = show();
    await say(user, "First");
    await user.type(field(), "next question");
    const stream = await live;
    for (const event of [created, done(question("First"))]) stream.send(event);
    await waitFor(() => expect(drafts.get("thr_1")).toBe("next question"));
    expect(field().value).toBe("next question");
    expect(drafts.get(undefined)).toBe("");
    stream.end();
  });

  it("is not sent by Stop, which is another button than Send", async () => {
    const live = server.live("threads.create");
    const { user } = show();
    await say(user, "Hello");
    await live;
    const stop = press("Stop");
    await user.type(field(), "draft");
    await user.click(stop);
    await waitFor(() => expect(press("Send")).not.toBe(stop));
    expect(field().value).toBe("draft");
    expect(server.of("threads.add_user_message")).toEqual([]);
  });
});

describe("an answer", () => {
  const clipboard = () => navigator.clipboard.readText();

  it("is copied as it was written, and so are its code and its tables", async () => {
    const text = "Look:\n\n```py\nx = 1\n```\n\n| a | b |\n|---|--:|\n| 1 | 2 |";
    const { user } = await opened([answer(text)]);
    await user.click(await screen.findByRole("button", { name: "Copy" }));
    expect(await clipboard()).toBe(text);
    expect(await screen.findByText("Copied")).toBeTruthy();
    await user.click(press("Copy code"));
    expect(await clipboard()).toBe("x = 1");
    await user.click(press("Copy table"));
    expect(await clipboard()).toBe("a\tb\n1\t2");
  });

  it("can be asked for again, after a question if other messages follow", async () => {
    const more = [
      question("One"),
      answer("First answer"),
      { ...question("Two"), id: "msg_2" },
      { ...answer("Second"), id: "msg_b" },
    ];
    server.streams("threads.retry_after_item", []);
    const { user } = await opened(more);
    const [first, last] = await screen.findAllByRole("button", { name: "Answer again" });
    await user.click(first as HTMLElement);
    expect(await screen.findByRole("alertdialog")).toBeTruthy();
    expect(server.of("threads.retry_after_item")).toEqual([]);
    await user.click(press("Cancel"));
    await user.click(last as HTMLElement);
    expect(server.of("threads.retry_after_item")[0]?.params).toEqual({ thread_id: "thr_1", item_id: "msg_2" });
  });

  it("shows entities, alignment and formulas as they were meant", async () => {
    await opened([answer("&copy; 1 &mdash; &nosuch; \\(x\\)\n\n| a | b |\n|---|--:|\n| 1 | 2 |")]);
    expect(await screen.findByText("© 1 — &nosuch; \\(x\\)")).toBeTruthy();
    expect(screen.getByRole("cell", { name: "2" }).dataset.align).toBe("right");
    expect(screen.getByRole("cell", { name: "1" }).dir).toBe("auto");
  });
});

describe("feedback", () => {
  const pressed = (name: string) => press(name).getAttribute("aria-pressed");
  const sent = () => server.of("items.feedback").map(({ params, metadata }) => [params.kind, metadata]);

  it("is sent, and reset when the server does not save it", async () => {
    server.answers("items.feedback", {});
    const { user } = await opened([answer("Good advice")]);
    await user.click(await screen.findByRole("button", { name: "Good answer" }));
    expect(pressed("Good answer")).toBe("true");
    const params = { thread_id: "thr_1", item_ids: ["msg_a"], kind: "positive" };
    expect(server.of("items.feedback")[0]?.params).toEqual(params);
    server.on("items.feedback", () => refusal(503, "no"));
    await user.click(press("Bad answer"));
    expect((await screen.findByRole("alert")).textContent).toContain("wasn't saved");
    expect(pressed("Bad answer")).toBe("false");
    expect(pressed("Good answer")).toBe("true"); // as before, and as on the server
  });

  it("is there after a reload, and can be withdrawn", async () => {
    server.answers("items.feedback", {});
    const feedback = { msg_a: { kind: "negative", reason: "Wrong month" } };
    const { user } = await opened([answer("Bad advice")], { feedback } as Partial<Thread>);
    await waitFor(() => expect(pressed("Bad answer")).toBe("true"));
    expect(server.of("threads.get_by_id")[0]?.metadata).toEqual({ feedback: true });
    await user.click(press("Bad answer"));
    expect(pressed("Bad answer")).toBe("false");
    expect(sent()).toEqual([["negative", { withdrawn: true }]]);
    expect(screen.queryByRole("textbox", { name: /What was wrong/ })).toBeNull();
  });

  it("that is bad can have a reason", async () => {
    server.answers("items.feedback", {});
    const { user } = await opened([answer("Bad advice")]);
    const scrolled = vi.spyOn(HTMLElement.prototype, "scrollIntoView");
    await user.click(await screen.findByRole("button", { name: "Bad answer" }));
    const reason = await screen.findByRole("textbox", { name: /What was wrong/ });
    expect(scrolled).toHaveBeenCalledWith({ block: "nearest" }); // not behind the composer
    await user.type(reason, "Wrong month{Enter}");
    expect(sent()).toEqual([
      ["negative", undefined],
      ["negative", { reason: "Wrong month" }],
    ]);
    expect(await screen.findByText("Thank you for the reason.")).toBeTruthy();
    await user.click(press("Good answer"));
    await user.click(press("Bad answer"));
    await user.click(press("Close"));
    expect(sent()).toHaveLength(4);
    expect(pressed("Bad answer")).toBe("true");
  });
});

describe("files", () => {
  const attachment = {
    id: "atc_1",
    type: "image",
    name: "a.png",
    mime_type: "image/png",
    upload_descriptor: { url: "https://bucket.example/a", method: "PUT", headers: { "content-type": "image/png" } },
  };
  const image = (size: number, name = "a.png") => {
    const file = new File(["x"], name, { type: "image/png" });
    Object.defineProperty(file, "size", { value: size });
    return file;
  };
  const chooser = () => screen.getByLabelText("Files") as HTMLInputElement;
  beforeEach(() => {
    vi.stubGlobal("createImageBitmap", async () => ({ close: () => undefined }));
    return () => vi.unstubAllGlobals();
  });

  it("are uploaded to the bucket, then sent with the message", async () => {
    server.answers("attachments.create", attachment).streams("threads.create", firstTurn("Look", "I see"));
    const { user } = show();
    await user.upload(chooser(), image(7));
    await waitFor(() => expect(screen.queryByRole("progressbar")).toBeNull());
    expect(server.of("attachments.create")[0]?.params).toEqual({ name: "a.png", size: 7, mime_type: "image/png" });
    expect(server.others[0]).toMatchObject({
      url: "https://bucket.example/a",
      init: { method: "PUT", headers: { "content-type": "image/png" } },
    });
    await say(user, "Look");
    expect(server.of("threads.create")[0]?.params.input).toMatchObject({ attachments: ["atc_1"] });
  });

  it("that are too large, of another type or too many are refused with a reason", async () => {
    const { user } = show();
    await user.upload(chooser(), image(20_000_001));
    expect((await screen.findByRole("alert")).textContent).toMatch(/a\.png is too large.*20 MB/);
    const free = userEvent.setup({ applyAccept: false });
    await free.upload(chooser(), new File(["x"], "<img src=x onerror=alert(1)>.exe"));
    expect((await screen.findByRole("alert")).textContent).toContain(
      "<img src=x onerror=alert(1)>.exe: this file type",
    );
    server.answers("attachments.create", attachment);
    await user.upload(
      chooser(),
      Array.from({ length: 11 }, (_, place) => image(3, `${place}.png`)),
    );
    expect((await screen.findByRole("alert")).textContent).toContain("up to 10 files");
    expect(server.of("attachments.create")).toHaveLength(10);
  });

  it("named like images without being images are refused before they are uploaded", async () => {
    vi.stubGlobal("createImageBitmap", async () => Promise.reject(new DOMException("InvalidStateError")));
    const { user } = show();
    await user.upload(chooser(), image(7, "lying.png"));
    expect((await screen.findByRole("alert")).textContent).toMatch(/^lying\.png: .*can't be read/);
    expect(screen.queryByRole("list", { name: "Files to send" })).toBeNull();
    expect(server.of("attachments.create")).toEqual([]);
  });

  it("that the server refuses are removed with a reason", async () => {
    server.on("attachments.create", () => refusal(422, "a.png is not an image."));
    const { user } = show();
    await user.upload(chooser(), image(7));
    expect((await screen.findByRole("alert")).textContent).toContain("a.png is not an image.");
    expect(screen.queryByRole("list", { name: "Files to send" })).toBeNull();
  });

  it("[two-phase-upload] for which the server refuses the message come back, and the one at fault is marked", async () => {
    let id = 0;
    server.on("attachments.create", () => Response.json({ ...attachment, id: `atc_${++id}` }));
    server.on("threads.create", () => refusal(422, "“b.pdf” should be a PDF.", { attachment_id: "atc_2" }));
    const { user } = show();
    await user.upload(chooser(), [image(7), image(8, "b.png")]);
    await waitFor(() => expect(screen.queryByRole("progressbar")).toBeNull());
    await say(user, "Look");
    expect((await screen.findByRole("alert")).textContent).toContain("should be a PDF");
    const chips = within(screen.getByRole("list", { name: "Files to send" })).getAllByRole("listitem");
    expect(chips.map((chip) => chip.textContent)).toEqual(["a.png", "b.pngNot accepted"]);
    expect(chips.map((chip) => chip.dataset.refused)).toEqual(["false", "true"]);
    expect(field().value).toBe("Look");
  });

  it("are deleted on the server when removed", async () => {
    server.answers("attachments.create", attachment).answers("attachments.delete", {});
    const { user } = show();
    await user.upload(chooser(), image(7));
    await waitFor(() => expect(screen.queryByRole("progressbar")).toBeNull());
    await user.click(press("Remove a.png"));
    expect(server.of("attachments.delete")[0]?.params).toEqual({ attachment_id: "atc_1" });
    expect(screen.queryByText("a.png")).toBeNull();
    await waitFor(() => expect(document.activeElement).toBe(field()));
  });

  it("can be pasted", async () => {
    server.answers("attachments.create", attachment);
    const { user } = show();
    await user.click(field());
    const clipboard = new DataTransfer();
    clipboard.items.add(image(7, "pasted.png"));
    await user.paste(clipboard);
    expect(await screen.findByText("pasted.png")).toBeTruthy();
  });
});

describe("[page-plain] the focus (U18)", () => {
  const focused = () => document.activeElement?.getAttribute("aria-label") ?? document.activeElement?.tagName;

  it("is in the message at the start, but not on a touch screen, where the keyboard would open", () => {
    const { page } = show();
    expect(focused()).toBe("Message");
    page.unmount();
    vi.spyOn(globalThis, "matchMedia").mockReturnValue({ matches: true } as MediaQueryList);
    show();
    expect(focused()).toBe("BODY");
  });

  it("returns to the message when Stop disappears, while the answer runs", async () => {
    const live = server.live("threads.create");
    const { user } = show();
    await say(user, "Hello");
    const stream = await live;
    for (const event of [created, done(question("Hello")), added(answer("")), delta("Good ")]) stream.send(event);
    await screen.findByText("Good");
    await user.click(press("Stop"));
    await waitFor(() => expect(screen.queryByRole("button", { name: "Stop" })).toBeNull());
    await waitFor(() => expect(focused()).toBe("Message"));
  });

  it("returns to the message when a focused control disappears: a waiting message's button", async () => {
    server.live("threads.create");
    const { user } = show();
    await say(user, "Once");
    await say(user, "Twice");
    await user.click(press(en.unsend));
    await waitFor(() => expect(focused()).toBe("Message"));
  });

  it("goes to the conversation on a touch screen", async () => {
    server.streams("threads.create", [
      created,
      done(question("Hi")),
      { type: "error", code: "custom", message: "No", allow_retry: true },
    ]);
    const { user } = show();
    await say(user, "Hi");
    vi.spyOn(globalThis, "matchMedia").mockReturnValue({ matches: true } as MediaQueryList);
    server.live("threads.retry_after_item");
    await user.click(await screen.findByRole("button", { name: en.retry }));
    await waitFor(() => expect(focused()).toBe(en.conversation));
  });

  it("is not taken from elsewhere when something disappears that had it before", async () => {
    const live = server.live("threads.create");
    const { user } = show();
    await say(user, "Hi");
    const stream = await live;
    press("Stop").focus();
    act(() => (document.activeElement as HTMLElement).blur()); // as by a click next to the controls
    for (const event of firstTurn("Hi", "Hello")) stream.send(event);
    stream.end();
    await waitFor(() => expect(screen.queryByRole("button", { name: "Stop" })).toBeNull());
    await act(async () => {});
    expect(focused()).toBe("BODY");
  });

  it("returns to the button of a question or form that was closed, and stays away from it in later turns", async () => {
    const { user } = await opened([
      question("Hi"),
      answer("Hello"),
      question("More", "msg_q2"),
      answer("Yes", "msg_a2"),
    ]);
    const first = (name: string) => screen.getAllByRole("button", { name })[0] as HTMLElement;
    await user.click(first(en.editIt));
    await screen.findByRole("textbox", { name: en.editIt });
    await user.click(press(en.keep));
    expect(document.activeElement).toBe(first(en.editIt));
    await user.click(first(en.again));
    await user.click(press(en.keep));
    expect(document.activeElement).toBe(first(en.again));
    server.answers("items.feedback", {});
    await user.click(first(en.bad));
    await user.click(await screen.findByRole("button", { name: en.close }));
    expect(document.activeElement).toBe(first(en.bad));
    await user.click(first(en.again));
    const live = server.live("threads.add_user_message");
    await say(user, "Next");
    const stream = await live;
    await screen.findByRole("button", { name: "Stop" });
    for (const item of [question("Next", "msg_q3"), answer("Done", "msg_a3")]) stream.send(done(item));
    stream.end();
    await waitFor(() => expect(screen.queryByRole("button", { name: "Stop" })).toBeNull());
    expect(focused()).toBe("Message");
    await user.keyboard("draft");
    expect(field().value).toBe("draft");
  });
});

describe("dragged text", () => {
  it("is left to the text field; only files are dropped on the chat", () => {
    show();
    const over = (types: string[]) => fireEvent.dragOver(field(), { dataTransfer: { types } });
    expect(over(["text/plain"])).toBe(true); // not cancelled
    expect(screen.queryByText(en.dropHere)).toBeNull();
    expect(over(["Files"])).toBe(false);
    expect(screen.getByText(en.dropHere)).toBeTruthy();
  });
});

describe("an input method", () => {
  it("[page-plain] keeps Enter for itself: nothing is sent (U15)", async () => {
    server.live("threads.create");
    const { user } = await opened([question("Hi"), answer("Hello")]);
    const events = [
      { key: "Enter", isComposing: true },
      { key: "Enter", keyCode: 229 }, // Safari's, after the end of a composition
    ];
    await user.type(field(), "日本");
    for (const event of events) expect(fireEvent.keyDown(field(), event)).toBe(true);
    await user.click(press(en.editIt));
    const editor = await screen.findByRole("textbox", { name: en.editIt });
    for (const event of events) fireEvent.keyDown(editor, event);
    expect(server.requests.map(({ type }) => type)).toEqual(["threads.get_by_id"]);
    expect(field().value).toBe("日本");
    expect(editor.isConnected).toBe(true);
  });

  it("[page-plain] keeps Escape for itself: the answer goes on, and the search stays", async () => {
    server.answers("threads.list", { data: [], has_more: false });
    const live = server.live("threads.create");
    const { user } = show();
    await say(user, "Hello");
    const stream = await live;
    for (const event of [created, done(question("Hello")), added(answer("")), delta("Good ")]) stream.send(event);
    await screen.findByText("Good");
    const composing = { key: "Escape", isComposing: true };
    fireEvent.keyDown(field(), composing);
    fireEvent.keyDown(field(), { key: "Escape", keyCode: 229 });
    stream.send(delta("morning"));
    expect(await screen.findByText("Good morning")).toBeTruthy();
    await user.click(press("History"));
    const search = screen.getByRole("searchbox");
    await user.type(search, "x");
    fireEvent.keyDown(search, composing);
    expect((search as HTMLInputElement).value).toBe("x");
    fireEvent.keyDown(search, { key: "Escape" });
    expect((search as HTMLInputElement).value).toBe("");
  });
});

describe("another language", () => {
  it("follows the locale", async () => {
    server.on("threads.create", () => refusal(503, "Nicht verfügbar"));
    const { user } = await act(async () => show("de-CH")); // its strings load first
    await user.type(await screen.findByRole("textbox", { name: "Nachricht" }), "Hallo{Enter}");
    expect(await screen.findByRole("button", { name: "Erneut versuchen" })).toBeTruthy();
    expect(press("Verlauf")).toBeTruthy();
  });
});

describe("mentions", () => {
  it("are chosen with the keyboard and sent as tags", async () => {
    server.other = () =>
      Response.json([
        { id: "account:cash", title: "Cash", group: "Accounts", data: { name: "cash" }, interactive: true },
      ]);
    server.streams("threads.create", []);
    const { user } = show();
    await user.type(field(), "How much @ca");
    await screen.findByRole("option", { name: /Cash/ });
    expect(server.others.at(-1)?.url).toBe("/chatkit/entities?q=ca");
    await user.keyboard("{Enter}left?{Enter}");
    expect(server.of("threads.create")[0]?.params.input).toMatchObject({
      content: [
        { type: "input_text", text: "How much " },
        {
          type: "input_tag",
          id: "account:cash",
          text: "Cash",
          data: { name: "cash" },
          group: "Accounts",
          interactive: true,
        },
        { type: "input_text", text: " left?" },
      ],
    });
  });
});

it("continues after a mention inserted in the middle of a text", async () => {
  server.other = () => Response.json([{ id: "account:cash", title: "Cash" }]);
  const { user } = show();
  await user.type(field(), "Is left?");
  await user.type(field(), "@ca", { initialSelectionStart: 3, initialSelectionEnd: 3 });
  await screen.findByRole("option", { name: /Cash/ });
  await user.keyboard("{Enter}");
  expect([field().value, field().selectionStart]).toEqual(["Is @Cash left?", 9]);
});

it("accepts a mention with a click, as screen readers send it, and not with a touch that scrolls", async () => {
  server.other = () => Response.json([{ id: "account:cash", title: "Cash" }]);
  const { user } = show();
  await user.type(field(), "@ca");
  const option = await screen.findByRole("option", { name: /Cash/ });
  fireEvent.pointerDown(option);
  expect(field().value).toBe("@ca");
  fireEvent.click(option);
  expect(field().value).toBe("@Cash ");
});

describe("recorded cards and forms", () => {
  const form = recording("budget")[0]?.events.find(
    (event) => event.type === "thread.item.done" && event.item.type === "widget",
  );
  const item = (event: unknown) => (event as { item: ThreadItem }).item;

  it("submits the values of the budget form, and shows the resulting card", async () => {
    const saved = recording("budget")[2]?.events ?? [];
    server.streams("threads.custom_action", saved);
    const { user } = await opened([item(form)]);
    await user.click(await screen.findByRole("button", { name: "Save" }));
    expect(server.of("threads.custom_action")).toHaveLength(0); // the form does not submit without the required amount
    await user.type(screen.getByLabelText("Dollars a month"), "400");
    await user.click(press("Save"));
    expect(await screen.findByText("$400.00")).toBeTruthy();
    expect(server.of("threads.custom_action")[0]?.params).toMatchObject({
      item_id: item(form).id,
      action: { type: "budget.save", payload: { category: "dining", amount: "400" } },
    });
  });

  it("updates a card with the response of an action without a stream", async () => {
    const shown = recording("budget")[2]?.events.find((event) => event.type === "thread.item.replaced");
    server.answers("threads.sync_custom_action", recording("budget")[3]?.answer);
    const { user } = await opened([item(shown)]);
    await user.click(await screen.findByRole("button", { name: "Change" }));
    expect(((await screen.findByLabelText("Dollars a month")) as HTMLInputElement).value).toBe("400.00");
  });

  it("answers the assistant's questions, and skips them", async () => {
    const form = recording("goal")[0]?.events.find(
      (event) => event.type === "thread.item.done" && event.item.type === "structured_input",
    );
    server.streams("threads.add_structured_input", recording("goal")[1]?.events ?? []);
    const { user } = await opened([item(form)]);
    await user.type(await screen.findByLabelText(/how much does it cost/), "5000");
    await user.click(screen.getByRole("radio", { name: "12 months" }));
    await user.click(press("Send answers"));
    expect(await screen.findByText("skipped")).toBeTruthy();
    expect(server.of("threads.add_structured_input")[0]?.params.input).toEqual({
      status: "answered",
      answers: { amount: { values: ["5000"] }, horizon: { values: ["12 months"] } },
    });
  });

  it("shows every recorded conversation", async () => {
    for (const name of ["words", "analysis", "files", "trouble", "page"]) {
      const items = recording(name).flatMap(({ events }) =>
        events.flatMap((event) => (event.type === "thread.item.done" ? [event.item] : [])),
      );
      const { page } = await opened(items);
      await waitFor(() => expect(log().textContent).not.toContain("can't be shown"));
      page.unmount();
    }
  });
});

describe("untrusted content", () => {
  const evil = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>';
  const markdown = `${evil}\n\n[a](javascript:alert(1)) [b](data:text/html,x) ![spy](https://evil.example/?q=1) [ok](https://ok.example)`;

  it("is inert in texts, cards, titles and names", async () => {
    const widget = {
      type: "Card",
      children: [
        { type: "Markdown", value: markdown },
        { type: "Title", value: evil },
        { type: "Image", src: "https://evil.example/pixel.png", alt: "pixel" },
        { type: "Hologram", value: evil, children: [{ type: "Text", value: "inside" }] },
      ],
    };
    const file = {
      id: "f",
      type: "file" as const,
      name: evil,
      mime_type: "image/png",
      preview_url: "javascript:alert(1)",
    };
    await opened([question(evil, "q", [file]), answer(markdown), card(widget)], { title: evil });
    await screen.findByText("inside");
    expect(document.querySelectorAll("script, .pc img, [onerror]")).toHaveLength(0);
    const links = [...document.querySelectorAll("a")].map((link) => [link.href, link.target, link.rel]);
    expect(new Set(links.map(([href]) => href))).toEqual(new Set(["https://ok.example/"]));
    expect(links[0]?.slice(1)).toEqual(["_blank", "noopener noreferrer"]);
    expect(screen.getByRole("heading", { level: 2 }).textContent).toBe(evil);
  });

  it("loads images only from the thread's domains, this site and the server's files", async () => {
    const items = [
      answer("![a](https://img.good.example/a.png) ![b](/b.png) ![c](https://good.example.evil.example/c.png)"),
    ];
    await opened(items, { allowed_image_domains: ["good.example"] });
    await screen.findByAltText("a");
    const shown = [...document.querySelectorAll("img")].map((image) => image.getAttribute("alt"));
    expect(shown).toEqual(["a", "b"]);
  });

  it.each([
    { type: "Card", children: "text" },
    { type: "Chart", data: { no: "rows" }, series: null, xAxis: 3 },
    { type: "Select", options: [null, { value: 3 }] },
    { type: "Button", onClickAction: "no action", label: { no: "text" } },
    { type: "Table", children: [{ type: "TableRow", children: [{ type: "Text", value: "cell" }] }] },
    { type: "Chart", data: [null], series: [null], xAxis: "x" },
    {},
  ])("does not break the chat in a malformed card: $type", async (widget) => {
    const silent = vi.spyOn(console, "error").mockImplementation(() => {});
    await opened([card(widget as never), answer("Still here")]);
    expect(await screen.findByText("Still here")).toBeTruthy();
    silent.mockRestore();
  });
});
