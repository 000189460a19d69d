// Answers the page's next turn with a long Markdown text, word by word at an even pace, without the network:
// window.prepareLongAnswer(words, seconds). Runs before the page's own code.
(() => {
  const network = window.fetch.bind(window);
  const LOREM = "saving money is a habit that grows slowly and then suddenly because interest works on interest".split(" ");
  const words = (count, seed) => Array.from({ length: count }, (_, place) => LOREM[(seed * 7 + place * 3) % LOREM.length]);
  const block = (seed) => {
    const [first, ...rest] = words(60, seed);
    if (seed % 9 === 0) return `## ${words(4, seed).join(" ")}`;
    if (seed % 7 === 3) return Array.from({ length: 5 }, (_, n) => `- ${words(12, seed + n).join(" ")}`).join("\n");
    if (seed % 11 === 4) return `\`\`\`py\n${words(20, seed).join(" ")}\n\`\`\``;
    if (seed % 13 === 5) return `| a | b |\n|---|--:|\n${Array.from({ length: 6 }, (_, n) => `| x | ${n} |`).join("\n")}`;
    return `**${first}** ${rest.join(" ")} [link](https://example.com/${seed})`;
  };
  const text = (count) => {
    const blocks = [];
    for (let made = 0; made < count; made += blocks.at(-1).split(/\s+/).length) blocks.push(block(blocks.length + 1));
    return blocks.join("\n\n");
  };

  let wanted = null;
  window.prepareLongAnswer = (words, seconds) => {
    const answer = text(words);
    wanted = { seconds, answer, pieces: answer.match(/\s*\S+/g) };
  };

  window.fetch = async (url, init) => {
    if (!wanted || new Headers(init?.headers).get("accept") !== "text/event-stream") return network(url, init);
    const { answer, pieces } = wanted;
    const at = { thread_id: "thr_1", created_at: "2026-11-28T10:00:00" };
    const item = (said) => ({ ...at, id: "msg_a", type: "assistant_message", content: [{ type: "output_text", text: said, annotations: [] }] });
    const question = { ...at, id: "msg_q", type: "user_message", content: [{ type: "input_text", text: "Long" }], attachments: [] };
    const thread = { id: "thr_1", title: "Long", created_at: at.created_at, status: { type: "active" }, items: { data: [], has_more: false } };
    const body = new ReadableStream({
      start(stream) {
        const send = (event) => stream.enqueue(new TextEncoder().encode(`data: ${JSON.stringify(event)}\n\n`));
        send({ type: "thread.created", thread });
        send({ type: "thread.item.done", item: question });
        send({ type: "thread.item.added", item: item("") });
        const begun = performance.now();
        let sent = 0;
        const tick = () => {
          const due = Math.min(pieces.length, ((performance.now() - begun) / 1000 / wanted.seconds) * pieces.length);
          for (; sent < due; sent++) {
            const update = { type: "assistant_message.content_part.text_delta", content_index: 0, delta: pieces[sent] };
            send({ type: "thread.item.updated", item_id: "msg_a", update });
          }
          if (sent < pieces.length) return void setTimeout(tick, 8);
          send({ type: "thread.item.done", item: item(answer) });
          stream.close();
        };
        tick();
      },
    });
    return new Response(body, { headers: { "content-type": "text/event-stream" } });
  };

  window.longTasks = [];
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) window.longTasks.push(Math.round(entry.duration));
  }).observe({ type: "longtask" });

  window.typingDelays = [];
  window.typeSlowly = (field) => {
    const set = Object.getOwnPropertyDescriptor(HTMLTextAreaElement.prototype, "value").set;
    setInterval(() => {
      const pressed = performance.now();
      set.call(field, `${field.value}a`);
      field.dispatchEvent(new Event("input", { bubbles: true }));
      requestAnimationFrame(() => setTimeout(() => window.typingDelays.push(Math.round(performance.now() - pressed))));
    }, 300);
  };
})();
