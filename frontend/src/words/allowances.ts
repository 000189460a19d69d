import type { Language } from "../preferences/language";

/** The strings of what the user always allows. They are loaded with the account menu, not with the page. */
export const ALLOWANCE_WORDS: Record<Language, AllowanceWords> = {
  en: {
    title: "Always allowed",
    none: "The assistant asks you each time.",
    since: (day) => `since ${day}`,
    until: (day) => `until ${day}`,
    revoke: "Revoke",
    revoked: "Revoked: the assistant asks again.",
    failed: "The server did not respond. Try again.",
  },
  de: {
    title: "Immer erlaubt",
    none: "Der Assistent fragt Sie jedes Mal.",
    since: (day) => `seit ${day}`,
    until: (day) => `bis ${day}`,
    revoke: "Widerrufen",
    revoked: "Widerrufen: Der Assistent fragt wieder.",
    failed: "Der Server hat nicht geantwortet. Versuchen Sie es noch einmal.",
  },
};

interface AllowanceWords {
  title: string;
  none: string;
  since: (day: string) => string;
  until: (day: string) => string;
  revoke: string;
  revoked: string;
  failed: string;
}
