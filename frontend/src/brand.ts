/**
 * Names, texts and colors of Spendo. To bring your own assistant, copy this file to `app/web/brand.ts` and change it there.
 *
 * The server provides the composer options: models, tools, dictation, mentions and attachments.
 */
import type { Language } from "#page/preferences/language"; // a type: it exists for the compiler only

export const NAME = "Spendo";

/** Color of buttons and highlights, here and in ChatKit. Contrast with the page's background: at least 4.5:1. */
export const ACCENT = { light: "#0b6b50", dark: "#4fd1a5" };

export interface Brand {
  tagline: string;
  /** What the product does, for a visitor before the sign-in. */
  points: string[];
  /** How a visitor without an account gets one. */
  noAccount: string;
  greeting: string;
  placeholder: string;
  /** `icon` is a ChatKit icon name. */
  prompts: { label: string; prompt: string; icon?: string }[];
  /** Shown below the composer. */
  disclaimer: string;
  /** Translated names of accounts and categories by id. Without one, the panel shows the server's English name. */
  labels: Record<string, string>;
}

export const BRAND: Record<Language, Brand> = {
  en: {
    tagline: "Your money, in plain words.",
    points: [
      "See where your money goes, month by month.",
      "Set budgets, and plan what you save for.",
      "Ask in your own words; the figures come from your accounts.",
    ],
    noAccount: "No account yet? Ask the person who runs this site to invite you.",
    greeting: "What would you like to know about your money?",
    placeholder: "Ask about your money",
    prompts: [
      { label: "How much do I have?", prompt: "What are my balances?", icon: "suitcase" },
      { label: "Where does my money go?", prompt: "What did I spend by category in the last 3 months?", icon: "chart" },
      { label: "Set a budget for dining", prompt: "Set a budget for dining", icon: "settings-slider" },
      { label: "Plan a goal", prompt: "I want to save for a trip. Help me plan this goal.", icon: "map-pin" },
    ],
    disclaimer: "Spendo can make mistakes and doesn't give financial advice. The figures shown are sample data.",
    labels: {},
  },
  de: {
    tagline: "Ihr Geld, in klaren Worten.",
    points: [
      "Sehen Sie Monat für Monat, wohin Ihr Geld geht.",
      "Setzen Sie Budgets, und planen Sie Ihre Sparziele.",
      "Fragen Sie in Ihren Worten; die Zahlen stammen aus Ihren Konten.",
    ],
    noAccount: "Noch kein Konto? Bitten Sie den Betreiber dieser Seite um eine Einladung.",
    greeting: "Was möchten Sie über Ihr Geld wissen?",
    placeholder: "Fragen Sie nach Ihrem Geld",
    prompts: [
      { label: "Wie viel habe ich?", prompt: "Wie sind meine Kontostände?", icon: "suitcase" },
      {
        label: "Wohin geht mein Geld?",
        prompt: "Wofür habe ich in den letzten 3 Monaten Geld ausgegeben?",
        icon: "chart",
      },
      {
        label: "Budget fürs Essengehen",
        prompt: "Ich möchte ein Budget fürs Essengehen setzen",
        icon: "settings-slider",
      },
      {
        label: "Ein Ziel planen",
        prompt: "Ich möchte für eine Reise sparen. Hilf mir, dieses Ziel zu planen.",
        icon: "map-pin",
      },
    ],
    disclaimer: "Spendo kann sich irren und gibt keine Finanzberatung. Die gezeigten Zahlen sind Beispieldaten.",
    labels: {
      cash: "Girokonto",
      savings: "Sparkonto",
      investing: "Depot",
      rent: "Miete",
      groceries: "Lebensmittel",
      dining: "Essengehen",
      utilities: "Nebenkosten",
      transport: "Mobilität",
      shopping: "Einkäufe",
      entertainment: "Unterhaltung",
      health: "Gesundheit",
      travel: "Reisen",
    },
  },
};
