import type { en } from "./en";

/** The page's strings in one language. */
export type Words = typeof en;
