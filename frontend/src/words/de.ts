import type { Words } from "./words";

export const de: Words = {
  languageName: "Deutsch",
  api: {
    offline: "Sie sind offline. Versuchen Sie es noch einmal, wenn Sie verbunden sind.",
    unreachable: "Der Dienst ist nicht erreichbar. Prüfen Sie Ihre Verbindung und versuchen Sie es noch einmal.",
    sessionEnded: "Ihre Sitzung ist beendet. Bitte melden Sie sich wieder an.",
    tryAgainIn: (seconds) => `Versuchen Sie es in ${seconds} s noch einmal.`,
    connectionLost:
      "Die Verbindung ist abgebrochen. Die Antwort wird fertiggestellt; öffnen Sie dieses Gespräch gleich noch einmal.",
    status: (status) => {
      if (status === 401) return "Bitte melden Sie sich wieder an.";
      if (status === 403) return "Das ist nicht erlaubt.";
      if (status === 413) return "Das ist zu groß.";
      if (status === 429) return "Zu viele Anfragen auf einmal.";
      return status >= 500
        ? "Der Dienst ist gerade nicht verfügbar. Bitte versuchen Sie es gleich noch einmal."
        : "Das hat nicht geklappt.";
    },
  },
  start: {
    loading: "Wird geladen …",
    unconfigured: "Diese Seite ist noch nicht eingerichtet, oder ihre Einstellungen sind nicht erreichbar.",
    failed: "Auf dieser Seite ist etwas schiefgegangen. Ihre Gespräche sind sicher.",
    tryAgain: "Noch einmal versuchen",
    reload: "Seite neu laden",
    unavailable: "Der Chat kann gerade nicht gestartet werden.",
  },
  identity: {
    signIn: "Anmelden",
    signOut: "Abmelden",
    signingIn: "Sie werden angemeldet …",
    sessionEnded: "Ihre Sitzung ist beendet. Melden Sie sich wieder an; Ihre Gespräche sind noch da.",
    signedOut: "Sie sind abgemeldet.",
    failed: "Die Anmeldung hat nicht geklappt. Bitte versuchen Sie es noch einmal.",
    account: "Konto",
    signedInAs: (name) => `Angemeldet als ${name}`,
  },
  chat: {
    frameTitle: "Chat",
    plain: "Einfache Ansicht: ChatKit lädt nicht.",
    loading: "Der Chat wird geladen …",
  },
  shell: {
    skipToChat: "Zum Chat springen",
    theme: "Darstellung",
    themes: { system: "System", light: "Hell", dark: "Dunkel" },
    language: "Sprache",
    close: "Schließen",
  },
  panel: {
    title: "Mein Geld",
    open: "Mein Geld zeigen",
    hide: "Mein Geld ausblenden",
    pages: { overview: "Übersicht", transactions: "Buchungen", budgets: "Budgets", goals: "Ziele" },
    pageOpened: (page) => `${page}: geöffnet.`,
    highlighted: (category) => `${category} ist hervorgehoben.`,
    total: "Summe",
    balances: "Kontostände",
    spending: "Ausgaben",
    period: (since, until) => `${since} – ${until}`,
    before: (amount) => `${amount} im Monat davor`,
    budgetOf: (spent, budget) => `${spent} von ${budget}`,
    left: (amount) => `${amount} übrig`,
    over: (amount) => `${amount} darüber`,
    noBudgets: "Noch keine Budgets. Bitten Sie im Chat um eines, zum Beispiel fürs Essengehen.",
    noTransactions: "Noch keine Buchungen.",
    income: "Einkommen und Umbuchungen",
    savedPerMonth: "Sie sparen in einem üblichen Monat",
    leftPerMonth: "Bleibt in einem üblichen Monat übrig",
    goalHint: "Planen Sie im Chat ein Ziel: was es kostet, bis wann, und von welchem Konto.",
    failed: "Ihre Zahlen können gerade nicht gezeigt werden.",
    refresh: "Neu laden",
  },
};
