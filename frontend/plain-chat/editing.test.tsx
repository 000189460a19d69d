import { render, screen, waitFor, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { beforeEach, expect, it } from "vitest";
import { loadExtras } from "./extra-parts";
import PlainChat from "./PlainChat";
import { answer, done, question, thread } from "./testing/events";
import { FakeServer, refusal } from "./testing/fake-server";
import { memoryThread, plainChatProps } from "./testing/props";
import type { ThreadItem, UserMessage } from "./wire";

let server: FakeServer;

beforeEach(() => {
  server = new FakeServer();
});

const press = (name: string) => screen.getByRole("button", { name });
const log = () => screen.getByRole("log");
const editor = () => screen.getByRole("textbox", { name: "Edit message" }) as HTMLTextAreaElement;
const TURNS = [question("One", "q1"), answer("First", "a1"), question("Two", "q2"), answer("Second", "a2")];

async function opened(items: ThreadItem[]) {
  server.answers("threads.get_by_id", { ...thread, items: { data: items, has_more: false } });
  const user = userEvent.setup();
  render(<PlainChat {...plainChatProps({ api: server.api, openThread: memoryThread("thr_1") })} />);
  await within(await screen.findByRole("log")).findByText(/^One/);
  await loadExtras(); // as in an idle browser
  return user;
}

async function edited(user: ReturnType<typeof userEvent.setup>, text: string, place = 0) {
  await user.click(screen.getAllByRole("button", { name: "Edit message" })[place] as HTMLElement);
  await user.clear(editor());
  await user.type(editor(), text);
  await user.click(press("Send again"));
}

it("a message is edited and answered again, in place of everything after it", async () => {
  const better = { ...question("Better", "q1") };
  server.streams("threads.retry_after_item", [
    { type: "thread.item.replaced", item: better },
    done(answer("Another", "a3")),
  ]);
  const user = await opened(TURNS);
  await edited(user, "Better");
  expect(await within(log()).findByText("Another")).toBeTruthy();
  expect(server.requests.at(-1)).toMatchObject({
    type: "threads.retry_after_item",
    params: { thread_id: "thr_1", item_id: "q1" },
    metadata: { content: [{ type: "input_text", text: "Better" }] },
  });
  expect(log().textContent).not.toMatch(/One|First|Two|Second/);
  expect(within(log()).getAllByText("Better")).toHaveLength(1);
});

it("an edit that the server refuses changes nothing, and keeps what was typed", async () => {
  server.on("threads.retry_after_item", () => refusal(422, "Please be kind."));
  const user = await opened(TURNS);
  await edited(user, "Rude");
  expect((await screen.findByRole("alert")).textContent).toContain("Please be kind.");
  expect(editor().value).toBe("Rude");
  expect(log().textContent).toMatch(/First.*Two.*Second/);
  await user.keyboard("{Escape}");
  expect(log().textContent).toMatch(/One.*First/);
  expect(document.activeElement).toBe(screen.getAllByRole("button", { name: "Edit message" })[0]);
});

it("an answer that the server does not give again stays", async () => {
  server.on("threads.retry_after_item", () => refusal(409, "this conversation is closed"));
  const user = await opened(TURNS);
  await user.click(screen.getAllByRole("button", { name: "Answer again" })[1] as HTMLElement);
  await screen.findByRole("alert");
  expect(log().textContent).toMatch(/One.*First.*Two.*Second/);
});

it("an edit that may not have arrived is repeated unchanged", async () => {
  server.on("threads.retry_after_item", () => refusal(503, "Not available"));
  const user = await opened(TURNS);
  await edited(user, "Better", 1);
  await screen.findByRole("alert");
  server.streams("threads.retry_after_item", [done(answer("Now", "a3"))]);
  await user.click(press("Retry"));
  expect(await within(log()).findByText("Now")).toBeTruthy();
  const [first, second] = server.of("threads.retry_after_item");
  expect(second).toEqual({ ...first, signal: second?.signal });
});

it("mentions stay mentions while their names are in the text", async () => {
  const tag = {
    type: "input_tag",
    id: "account:cash",
    text: "Cash",
    data: { name: "cash" },
    group: "Accounts",
  } as const;
  const said = question("x", "q1") as UserMessage;
  server.streams("threads.retry_after_item", []);
  const user = await opened([
    { ...said, content: [{ type: "input_text", text: "One " }, tag, { type: "input_text", text: "?" }] },
    answer("First"),
  ]);
  await user.click(press("Edit message"));
  expect(editor().value).toBe("One @Cash?");
  await user.type(editor(), "!{Enter}");
  expect(server.requests.at(-1)).toMatchObject({
    metadata: { content: [{ type: "input_text", text: "One " }, tag, { type: "input_text", text: "?!" }] },
  });
});

it("warns only when more than the answer goes, and an empty message cannot be sent", async () => {
  const user = await opened(TURNS);
  const warning = "The answer and everything after it will be replaced.";
  await user.click(screen.getAllByRole("button", { name: "Edit message" })[1] as HTMLElement);
  expect(screen.queryByText(warning)).toBeNull();
  await user.click(press("Cancel"));
  await user.click(screen.getAllByRole("button", { name: "Edit message" })[0] as HTMLElement);
  expect(screen.getByText(warning)).toBeTruthy();
  await user.clear(editor());
  await user.type(editor(), "  {Enter}");
  expect((press("Send again") as HTMLButtonElement).disabled).toBe(true);
  expect(server.of("threads.retry_after_item")).toEqual([]);
});

it("the arrow up in the empty field edits the last message, and nothing is edited during an answer", async () => {
  void server.live("threads.add_user_message");
  const user = await opened(TURNS);
  await user.click(screen.getByRole("textbox", { name: "Message" }));
  await user.keyboard("{ArrowUp}");
  expect(editor().value).toBe("Two");
  await user.keyboard("{Escape}");
  await user.type(screen.getByRole("textbox", { name: "Message" }), "Three{Enter}");
  await waitFor(() => expect(screen.queryByRole("button", { name: "Edit message" })).toBeNull());
});
