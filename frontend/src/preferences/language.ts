import { de } from "../words/de";
import { en } from "../words/en";
import type { Words } from "../words/words";
import { createPreference, usePreference } from "./preference";

/**
 * The languages of the page. The assistant answers in the user's language. To add a language, add a file to `words/`.
 */
export const LANGUAGES = { en, de } satisfies Record<string, Words>;
export type Language = keyof typeof LANGUAGES;

const NAMES = Object.keys(LANGUAGES) as Language[];

export const languagePreference = createPreference("language", NAMES, () => {
  const wanted = navigator.languages.map((tag) => tag.split("-")[0]);
  return NAMES.find((name) => name === wanted.find((each) => NAMES.includes(each as Language))) ?? "en";
});

/** The strings for code outside of components. */
export function currentWords(): Words {
  return LANGUAGES[languagePreference.get()];
}

export interface Tongue {
  language: Language;
  setLanguage: (language: Language) => void;
  words: Words;
  /** BCP 47: the browser's variant of the chosen language, for example `en-GB`, for dates and amounts. */
  locale: string;
}

export function useLanguage(): Tongue {
  const [language, setLanguage] = usePreference(languagePreference);
  const locale = navigator.languages.find((tag) => tag.split("-")[0] === language) ?? language;
  return { language, setLanguage, words: LANGUAGES[language], locale };
}
