/** Name, texts and colors of the page. frontend/src/brand.ts describes each field; `make check` names a missing one. */
import type { Brand } from "../../frontend/src/brand";
import type { Language } from "../../frontend/src/preferences/language";

export const NAME = "Sample";

/** Color of buttons and highlights, on a light and on a dark page. Contrast with the background: at least 4.5:1. */
export const ACCENT = { light: "#1d4ed8", dark: "#93c5fd" };

export const BRAND: Record<Language, Brand> = {
  en: {
    tagline: "The assistant of Sample.",
    points: ["Ask in your own words.", "Your conversations stay here."],
    noAccount: "No account yet? Ask the person who runs this site to invite you.",
    greeting: "How can I help you?",
    placeholder: "Ask Sample",
    prompts: [{ label: "When are you open?", prompt: "When are you open on Monday?", icon: "calendar" }],
    disclaimer: "Sample can make mistakes.",
    labels: {},
  },
  de: {
    tagline: "Der Assistent von Sample.",
    points: ["Fragen Sie in Ihren Worten.", "Ihre Unterhaltungen bleiben hier."],
    noAccount: "Noch kein Konto? Bitten Sie den Betreiber dieser Seite um eine Einladung.",
    greeting: "Wie kann ich Ihnen helfen?",
    placeholder: "Sample fragen",
    prompts: [{ label: "Wann ist geöffnet?", prompt: "Wann ist am Montag geöffnet?", icon: "calendar" }],
    disclaimer: "Sample kann sich irren.",
    labels: {},
  },
};
