import type { en } from "./en";

/** The page's words in one language. */
export type Words = typeof en;
