// A stand-in for ChatKit's script, which only OpenAI's CDN provides. It defines <openai-chatkit> and calls the page's
// `options.api.fetch` as ChatKit.js does (sources: its type docs, the server library's protocol, observed traffic):
// plain-object headers, an abort signal, a POST with up to five retries after a 5xx or a 200 that is not an event stream,
// two-phase uploads through the same fetch, stop by abort only, client tools after the stream. It has the roles and names
// that the tests look for, and does not imitate ChatKit's look.
(() => {
  const FRAME = `ckf_${crypto.randomUUID()}`;
  const MAX_REPEATS = 5;
  const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

  function make(tag, properties = {}, ...children) {
    const { label, ...rest } = properties;
    const element = Object.assign(document.createElement(tag), rest);
    if (label) element.setAttribute("aria-label", label);
    element.append(...children.filter((child) => child !== null && child !== undefined));
    return element;
  }

  class OpenAIChatKit extends HTMLElement {
    #options;
    #threadId = null;
    #preset = null;
    #pending = []; // client tool calls of the current stream
    #files = [];
    #tags = [];
    #aborting;
    #list = make("div", { role: "log", label: "Conversation" });
    #drawn = new Map();
    #items = new Map();
    #errors = make("div");
    #progress = make("p", { role: "status" });
    #chips = make("ul", { label: "Files to send" });
    #found = make("ul", { role: "listbox", label: "Mention" });
    #menu = make("ul", { role: "listbox", label: "Commands" });
    #threads = make("section", { label: "History" });
    #start = make("div");
    #field = make("textarea", { rows: 2, label: "Message" });
    #send = make("button", { type: "button", textContent: "Send" });
    #stop = make("button", { type: "button", textContent: "Stop" });

    setOptions(options) {
      const first = !this.#options;
      this.#options = options;
      if (first) setTimeout(() => this.#ready(), 100); // the real element first loads a frame
    }

    #build() {
      const file = make("input", { type: "file", multiple: true, label: "Files" });
      file.addEventListener("change", () => {
        for (const each of file.files) void this.#attach(each);
        file.value = "";
      });
      this.#send.addEventListener("click", () => void this.#submit());
      this.#stop.addEventListener("click", () => this.#aborting?.abort());
      this.#field.addEventListener("input", () => void this.#search());
      const prompts = this.#options.startScreen.prompts.map(({ label, prompt }) =>
        make("button", { type: "button", textContent: label, onclick: () => void this.#say(prompt) }),
      );
      this.#busy(false);
      this.#start.append(make("h2", { textContent: this.#options.startScreen.greeting }), ...prompts);
      const fresh = make("button", { type: "button", textContent: "New conversation", onclick: () => this.#open(null) });
      const history = make("button", { type: "button", textContent: "History", onclick: () => void this.showHistory() });
      const { enabled, rightAction } = this.#options.header;
      const action = rightAction && make("button", { type: "button", textContent: rightAction.icon, onclick: rightAction.onClick });
      const header = make("div", {}, ...(enabled ? [fresh, history, action] : []), this.#threads);
      const composer = make("div", {}, this.#chips, this.#found, this.#menu, this.#field, file, this.#send, this.#stop);
      const disclaimer = make("p", { textContent: this.#options.disclaimer.text });
      this.style.cssText = "display:block;overflow:auto";
      this.append(header, this.#start, this.#list, this.#progress, this.#errors, composer, disclaimer);
    }

    #ready() {
      this.#build();
      this.#emit("chatkit.ready");
      if (this.#options.initialThread) this.#open(this.#options.initialThread);
    }

    // --- the methods of the real element ---

    setThreadId(threadId) {
      return this.#open(threadId);
    }
    async sendUserMessage({ text }) {
      return this.#say(text);
    }
    async setComposerValue({ text, content = [{ type: "input_text", text }] }) {
      this.#preset = content;
      this.#field.value = content.map((part) => (part.type === "input_tag" ? `@${part.text}` : part.text)).join("");
    }
    async focusComposer() {
      this.#field.focus();
    }
    fetchUpdates() {
      return this.#open(this.#threadId);
    }
    sendCustomAction(action, itemId) {
      return this.#act(itemId, action);
    }
    async hideHistory() {
      this.#threads.replaceChildren();
      this.#emit("chatkit.history.close");
    }
    async showHistory() {
      const { data } = await this.#call("threads.list", { limit: 9999, order: "desc" });
      const pick = (id) => void this.hideHistory().then(() => this.#open(id));
      const entries = data.map(({ id, title }) =>
        make("button", { type: "button", textContent: title ?? "Untitled conversation", onclick: () => pick(id) }),
      );
      this.#threads.replaceChildren(...entries);
      this.#emit("chatkit.history.open");
    }

    // --- requests ---

    get #url() {
      return new URL(this.#options.api.url, location.href).href;
    }

    #headers(more = {}) {
      const language = this.#options.locale ?? navigator.language;
      return { "Content-Type": "application/json", "Accept-Language": language, "chatkit-frame-instance-id": FRAME, ...more };
    }

    async #call(type, params) {
      const body = JSON.stringify({ type, params });
      const answer = await this.#options.api.fetch(this.#url, { method: "POST", headers: this.#headers(), body });
      if (!answer.ok) throw new Error(await reasonOf(answer));
      return answer.json();
    }

    async #stream(type, params) {
      this.#errors.replaceChildren();
      this.#aborting = new AbortController();
      this.#busy(true);
      this.#emit("chatkit.response.start");
      try {
        await this.#read(await this.#posted(JSON.stringify({ type, params }), this.#aborting.signal));
      } catch (error) {
        if (!this.#aborting.signal.aborted) this.#fail(error.message);
      }
      this.#busy(false);
      for (const [id, element] of this.#drawn) if (element.ariaBusy === "true") this.#put(this.#items.get(id), false);
      this.#emit("chatkit.response.end");
      for (const { name, arguments: given } of this.#pending.splice(0)) {
        const result = await this.#options.onClientTool({ name, params: given });
        await this.#stream("threads.add_client_tool_output", { thread_id: this.#threadId, result });
      }
    }

    async #posted(body, signal) {
      for (let repeat = 0; ; repeat++) {
        const headers = this.#headers({ accept: "text/event-stream" });
        const answer = await this.#options.api.fetch(this.#url, { method: "POST", headers, body, signal });
        const isStream = (answer.headers.get("content-type") ?? "").startsWith("text/event-stream");
        if (answer.ok && isStream) return answer;
        if ((answer.status < 500 && !answer.ok) || repeat === MAX_REPEATS) throw new Error(await reasonOf(answer));
        await pause(100 * 2 ** repeat);
      }
    }

    async #read(answer) {
      const decoder = new TextDecoder();
      const reader = answer.body.getReader();
      let text = "";
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        const events = (text + decoder.decode(value, { stream: true })).split("\n\n");
        text = events.pop();
        for (const event of events) {
          const data = event.split("\n").filter((line) => line.startsWith("data: ")).map((line) => line.slice(6));
          if (data.length) this.#take(JSON.parse(data.join("\n")));
        }
      }
    }

    #take(event) {
      switch (event.type) {
        case "thread.created":
          this.#threadId = event.thread.id;
          return this.#emit("chatkit.thread.change", { threadId: event.thread.id });
        case "thread.item.added":
        case "thread.item.replaced":
          return this.#put(event.item, event.type === "thread.item.added");
        case "thread.item.done":
          if (event.item.type === "client_tool_call" && event.item.status === "pending") this.#pending.push(event.item);
          return this.#put(event.item, false);
        case "thread.item.updated":
          return this.#update(event.item_id, event.update);
        case "thread.item.removed":
          this.#drawn.get(event.item_id)?.remove();
          return this.#drawn.delete(event.item_id);
        case "progress_update":
          this.#progress.textContent = event.text;
          return;
        case "client_effect":
          return this.#emit("chatkit.effect", { name: event.name, data: event.data });
        case "notice":
          return this.#errors.append(make("p", { role: "status", textContent: event.message }));
        case "error":
          return this.#fail(event.message ?? "Something went wrong", event.allow_retry);
      }
    }

    #update(id, update) {
      const item = this.#items.get(id);
      if (!item) return;
      if (update.type === "assistant_message.content_part.added") item.content[update.content_index] = { ...update.content };
      if (update.type === "assistant_message.content_part.text_delta") item.content[update.content_index].text += update.delta;
      if (update.type === "assistant_message.content_part.done") item.content[update.content_index] = update.content;
      if (update.type === "widget.root.updated") item.widget = update.widget;
      this.#put(item, true);
    }

    // --- files and mentions ---

    async #attach(file) {
      const limits = this.#options.composer.attachments;
      const largest = typeof limits.maxSize === "number" ? limits.maxSize : (limits.maxSize[file.type] ?? limits.maxSize["*"]);
      if (!(file.type in limits.accept)) return this.#fail(`${file.name}: this file type isn't supported.`);
      if (file.size > largest) return this.#fail(`${file.name} is too large.`);
      const chip = make("li", { textContent: `${file.name} …` });
      chip.ariaBusy = "true";
      this.#chips.append(chip);
      try {
        const params = { name: file.name, size: file.size, mime_type: file.type };
        const { upload_descriptor: to, ...attachment } = await this.#call("attachments.create", params);
        const headers = { ...to.headers, "chatkit-frame-instance-id": FRAME };
        const answer = await this.#options.api.fetch(to.url, { method: to.method, headers, body: new Blob([file]) });
        if (!answer.ok) throw new Error(await reasonOf(answer));
        this.#files.push(attachment.id);
        chip.textContent = file.name;
        chip.ariaBusy = "false";
      } catch (error) {
        chip.remove();
        this.#fail(error.message);
      }
    }

    async #search() {
      this.#preset = null;
      const command = /^\/(\w*)$/.exec(this.#field.value)?.[1];
      const { commands } = this.#options;
      const listed = command !== undefined && commands?.enabled ? await commands.onSearch(command) : [];
      this.#menu.replaceChildren(
        ...listed.map((each) =>
          make("li", { role: "option", textContent: each.label, onclick: () => this.#select(each) }),
        ),
      );
      const query = /@(\w*)$/.exec(this.#field.value)?.[1];
      if (query === undefined || !this.#options.entities) return this.#found.replaceChildren();
      const entities = await this.#options.entities.onTagSearch(query);
      const entries = entities.map((entity) =>
        make("li", { role: "option", textContent: entity.title, onclick: () => this.#mention(entity) }),
      );
      this.#found.replaceChildren(...entries);
    }

    #select(command) {
      this.#field.value = "";
      this.#menu.replaceChildren();
      void this.#options.commands.onSelect(command);
    }

    #mention({ id, title, group, data, interactive }) {
      this.#tags.push({ type: "input_tag", id, text: title, group, data, interactive });
      this.#field.value = this.#field.value.replace(/@\w*$/, "");
      this.#found.replaceChildren();
    }

    // --- turns ---

    #submit() {
      const text = this.#field.value;
      this.#field.value = "";
      return this.#say(text);
    }

    async #say(text) {
      const content = this.#preset ?? [{ type: "input_text", text }, ...this.#tags.splice(0)];
      this.#preset = null;
      const input = { content, attachments: this.#files.splice(0), quoted_text: "", inference_options: {} };
      this.#chips.replaceChildren();
      if (this.#threadId) await this.#stream("threads.add_user_message", { thread_id: this.#threadId, input });
      else await this.#stream("threads.create", { input });
    }

    async #act(itemId, { type, payload, handler, streaming }) {
      if (handler === "client") return this.#options.widgets?.onAction?.({ type, payload }, this.#items.get(itemId));
      const params = { thread_id: this.#threadId, item_id: itemId, action: { type, payload } };
      if (streaming !== false) return this.#stream("threads.custom_action", params);
      const { updated_item: item } = await this.#call("threads.sync_custom_action", params);
      if (item) this.#put(item, false);
    }

    async #open(threadId) {
      if (threadId !== this.#threadId) this.#aborting?.abort(); // leaves a running answer
      this.#threadId = threadId;
      this.#list.replaceChildren();
      this.#drawn.clear();
      this.#errors.replaceChildren();
      this.#emit("chatkit.thread.change", { threadId });
      this.#start.style.display = threadId ? "none" : "";
      this.hideHistory();
      if (!threadId) return;
      this.#emit("chatkit.thread.load.start", { threadId });
      const thread = await this.#call("threads.get_by_id", { thread_id: threadId });
      for (const item of thread.items.data) this.#put(item, false);
      this.#emit("chatkit.thread.load.end", { threadId });
    }

    // --- rendering ---

    #put(item, growing) {
      this.#items.set(item.id, item);
      this.#start.style.display = "none";
      this.#progress.textContent = "";
      const element = this.#draw(item, growing);
      if (!element) return;
      const before = this.#drawn.get(item.id);
      if (before) before.replaceWith(element);
      else this.#list.append(element);
      this.#drawn.set(item.id, element);
    }

    #draw(item, growing) {
      switch (item.type) {
        case "user_message": {
          const files = item.attachments.map((file) =>
            make("li", {}, file.preview_url ? make("img", { src: file.preview_url, alt: file.name, width: 80 }) : file.name),
          );
          const text = item.content.map((part) => (part.type === "input_tag" ? `@${part.text}` : part.text)).join("");
          return make("article", { label: "You said" }, make("ul", {}, ...files), make("p", { textContent: text }));
        }
        case "assistant_message": {
          const text = item.content.map((part) => part?.text ?? "").join("\n");
          const rate = (kind) => () =>
            void this.#call("items.feedback", { thread_id: this.#threadId, item_ids: [item.id], kind });
          const good = make("button", { type: "button", label: "Good answer", textContent: "+", onclick: rate("positive") });
          const answer = make("article", { label: "Answer" }, make("p", { textContent: text }), growing ? null : good);
          answer.setAttribute("aria-busy", String(growing));
          return answer;
        }
        case "widget":
          return make("fieldset", {}, ...this.#components([item.widget], item.id));
        case "workflow":
          return make("ul", {}, ...item.workflow.tasks.map((task) => make("li", { textContent: task.title ?? task.type })));
        case "generated_image":
          return item.image ? make("img", { src: item.image.url, alt: "Generated image", width: 120 }) : null;
        default:
          return null;
      }
    }

    #components(nodes, itemId) {
      return nodes.flatMap((node) => {
        const inside = this.#components(node.children ?? [], itemId);
        const field = `${itemId}-${node.fieldName ?? node.name}`;
        if (node.type === "Label") return make("label", { htmlFor: field, textContent: node.value });
        if (node.type === "Input") return make("input", { id: field, name: node.name, value: node.defaultValue ?? "", title: "Dollars a month" });
        if (node.type === "Button") return this.#button(node.label, node.onClickAction, itemId, node.submit);
        if (node.confirm) inside.push(this.#button(node.confirm.label, node.confirm.action, itemId));
        if (node.type === "Form" || node.asForm) return this.#form(node.onSubmitAction, inside, itemId);
        return inside.length ? inside : make("p", { textContent: node.value ?? node.label ?? "" });
      });
    }

    /** ChatKit adds the values of a form to the payload of each action within it, and of its own. */
    #form(action, inside, itemId) {
      const onsubmit = (event) => {
        event.preventDefault();
        if (action) void this.#act(itemId, withValues(action, event.target));
      };
      return make("form", { onsubmit }, ...inside);
    }

    #button(label, action, itemId, submit) {
      const onclick = ({ target }) => action && void this.#act(itemId, withValues(action, target.form));
      return make("button", { type: submit ? "submit" : "button", textContent: label, onclick });
    }

    #busy(busy) {
      this.#send.style.display = busy ? "none" : ""; // the page's styles can override `hidden`
      this.#stop.style.display = busy ? "" : "none";
    }

    #fail(message) {
      this.#errors.replaceChildren(make("p", { role: "alert", textContent: message }));
      this.#emit("chatkit.error", { error: new Error(message) });
    }

    #emit(name, detail = {}) {
      this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true }));
    }
  }

  function withValues(action, form) {
    return { ...action, payload: { ...action.payload, ...Object.fromEntries(new FormData(form ?? undefined)) } };
  }

  /** Return the message that ChatKit shows: of the JSON body, else the status text. */
  async function reasonOf(answer) {
    const body = await answer.json().catch(() => ({}));
    return body.message ?? answer.statusText;
  }

  customElements.define("openai-chatkit", OpenAIChatKit);
})();
