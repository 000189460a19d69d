/** Parts that most visits do not use, in a chunk of their own: `extra-parts.tsx` loads it. */

export { MessageEditor } from "./MessageEditor";
export { saveAsMarkdown } from "./markdown-export";
export { ReasonForm } from "./ReasonForm";
export { startRecording } from "./recording";
export { SearchResults } from "./SearchResults";
export { ShortcutHelp } from "./ShortcutHelp";
