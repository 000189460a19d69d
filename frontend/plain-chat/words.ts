const en = {
  lost: "The connection was lost before the answer was complete.",
  cutOff: "The answer was cut off.",
  interrupted: "The answer was interrupted. What was written until then is saved.",
  paused: "The assistant paused after many steps. Select “Retry” to continue.",
  didNotWork: "That didn't work. Try again.",
  unreachable: "Can't reach the server. Check your connection.",
  unreadable: "The server sent an invalid response.",
  status: (status: number) => `The server returned an error (${status}).`,
  retry: "Retry",
  request: (id: string) => `Reference: ${id}`,
  notShown: "This content can't be shown here.",

  history: "History",
  newConversation: "New conversation",
  untitled: "Untitled conversation",
  none: "No conversations yet.",
  loading: "Loading",
  more: "Show more",
  newTitle: "New title",
  save: "Save",
  renameIt: "Rename",
  rename: (title: string) => `Rename ${title}`,
  delete: (title: string) => `Delete ${title}`,
  confirmDelete: (title: string) => `Delete “${title}”?`,
  deleteNow: "Delete",
  keep: "Cancel",

  today: "Today",
  yesterday: "Yesterday",
  lastWeek: "Previous 7 days",
  lastMonth: "Previous 30 days",
  undated: "Without a date",
  search: "Search conversations",
  searchHint: "Enter at least two letters.",
  badSearch: "Search for up to ten words, one of them with at least two letters.",
  searching: "Searching",
  searchFurther: "Search further",
  found: (count: number) =>
    count === 0 ? "No conversations found." : count === 1 ? "1 conversation found." : `${count} conversations found.`,
  foundSoFar: (count: number, searched: number) =>
    `${count === 0 ? "Nothing" : count} found so far, in the ${searched} newest conversations.`,

  conversation: "Conversation",
  earlier: "Show earlier messages",
  editIt: "Edit message",
  editWarning: "The answer and everything after it will be replaced.",
  sendEdited: "Send again",
  youSaid: "You said",
  you: "You",
  file: "File",
  answer: "Answer",
  answering: "Answering",
  working: "Working on it",
  endOfTurn: "End of answer",
  code: "Code",
  table: "Table",
  copy: "Copy",
  copyCode: "Copy code",
  copyTable: "Copy table",
  copied: "Copied",
  notCopied: "Your browser doesn't allow copying.",
  again: "Answer again",
  againWarning: "This answer and everything after it will be replaced.",
  replaceNow: "Replace",
  latest: "Jump to latest",
  dropHere: "Drop files to attach them",
  sources: "Sources",
  good: "Good answer",
  bad: "Bad answer",
  withdraw: "Withdraw rating",
  reason: "What was wrong? (optional)",
  sendReason: "Send reason",
  thanks: "Thank you for the reason.",
  notSaved: "Your rating wasn't saved.",
  image: "Image",
  generated: "Generated image",
  unfinished: "Image in progress",
  inProgress: "in progress",
  done: "done",
  thought: (seconds: number) => `Thought for ${seconds} s`,
  thinking: "Thinking",
  steps: "Steps",
  questions: "Questions",
  skip: "Skip",
  skipped: "skipped",
  sendAnswers: "Send answers",
  somethingElse: "Something else",

  exportIt: "Save as Markdown",
  keyboard: "Keyboard shortcuts",
  close: "Close",
  control: "Ctrl",
  shift: "Shift",
  shortcuts: {
    search: "Search conversations",
    begin: "New conversation",
    history: "Show or hide the history",
    write: "Write a message",
    copyLast: "Copy the last answer",
    help: "Show this list",
    editLast: "Edit the last message, from an empty field",
    stop: "Stop the answer, or leave the history",
    mention: "Mention something",
  },

  message: "Message",
  send: "Send",
  waits: "Will be sent after this answer:",
  unsend: "Don't send",
  stop: "Stop",
  closed: "This conversation is closed.",
  tool: "Tool",
  anyTool: "Automatic",
  model: "Model",
  anyModel: "Default model",
  mention: "Mention",
  dictate: "Dictate",
  stopRecording: "Stop recording",
  noMicrophone: "Can't use the microphone. Check your browser's permissions.",
  notUnderstood: "The recording couldn't be transcribed. Try again.",

  files: "Files",
  openFile: (name: string) => `Open ${name}`,
  enlarge: (name: string) => `Enlarge ${name}`,
  attach: "Attach files",
  toSend: "Files to send",
  uploading: (name: string) => `Uploading ${name}`,
  remove: (name: string) => `Remove ${name}`,
  refused: "Not accepted",
  uploadFailed: "The upload failed.",
  damaged: "this image can't be read. It may be damaged, or of another type than its name says.",
  wrongType: (name: string) => `${name}: this file type isn't supported.`,
  empty: (name: string) => `${name} is empty.`,
  tooLarge: (name: string, size: string, limit: string) =>
    `${name} is too large (${size} MB). The limit is ${limit} MB.`,
  tooMany: (count: number) => `You can attach up to ${count} files.`,
};

export type Words = typeof en;

/** The languages besides English, as chunks of their own. */
const TRANSLATIONS = new Map([["de", () => import("./words.de").then(({ de }) => de)]]);
const loads = new Map<string, Promise<Words>>();

let current = en;

/**
 * Return the strings for a BCP 47 tag. Languages without a translation fall back to English, and so does one that cannot
 * be loaded, until the next visit.
 */
export function translation(locale: string): Words | Promise<Words> {
  const language = locale.split("-")[0] ?? "";
  const load = TRANSLATIONS.get(language);
  if (!load) return en;
  const loading = loads.get(language) ?? load().catch(() => en);
  loads.set(language, loading);
  return loading;
}

/** Set the strings that `words()` returns. */
export function setWords(strings: Words): void {
  current = strings;
}

/** Return the strings of the current language. Call it while rendering, because the language can change. */
export function words(): Words {
  return current;
}
