import { en } from "../words/en";
import type { Words } from "../words/words";
import { createPreference, usePreference } from "./preference";

/**
 * The languages of the page under their own names. The assistant answers in the user's language. To add a language, add
 * a file to `words/` and its loader below.
 */
export const LANGUAGES = { en: "English", de: "Deutsch" };
export type Language = keyof typeof LANGUAGES;

const NAMES = Object.keys(LANGUAGES) as Language[];
/** English comes with the page. */
const loaded = new Map<Language, Words>([["en", en]]);
const LOADERS = new Map<Language, () => Promise<Words>>([["de", () => import("../words/de").then(({ de }) => de)]]);

export const languagePreference = createPreference("language", NAMES, () => {
  const wanted = navigator.languages.map((tag) => tag.split("-")[0]);
  return NAMES.find((name) => name === wanted.find((each) => NAMES.includes(each as Language))) ?? "en";
});

/** Load the words of a language, once. If they cannot be loaded, the page stays English. */
export async function loadWords(language = languagePreference.get()): Promise<void> {
  const load = LOADERS.get(language);
  if (!load || loaded.has(language)) return;
  await load().then(
    (words) => loaded.set(language, words),
    () => undefined,
  );
}

/** The strings for code outside of components. */
export function currentWords(): Words {
  return loaded.get(languagePreference.get()) ?? en;
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
  const choose = (chosen: Language) => void loadWords(chosen).then(() => setLanguage(chosen));
  return { language, setLanguage: choose, words: loaded.get(language) ?? en, locale };
}
