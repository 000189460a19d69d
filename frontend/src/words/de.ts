import type { Words } from "./words";

export const de: Words = {
  languageName: "Deutsch",
  api: {
    offline: "Sie sind offline. Stellen Sie die Verbindung her, und versuchen Sie es erneut.",
    unreachable: "Der Dienst ist nicht erreichbar. Prüfen Sie Ihre Verbindung und versuchen Sie es erneut.",
    sessionEnded: "Ihre Sitzung ist beendet. Melden Sie sich wieder an.",
    tryAgainIn: (seconds) => `Versuchen Sie es in ${seconds} ${seconds === 1 ? "Sekunde" : "Sekunden"} erneut.`,
    connectionLost:
      "Die Verbindung ist abgebrochen. Die Antwort wird noch geschrieben: Öffnen Sie dieses Gespräch gleich noch einmal.",
    status: (status) => {
      if (status === 401) return "Melden Sie sich wieder an, um fortzufahren.";
      if (status === 403) return "Darauf haben Sie keinen Zugriff.";
      if (status === 413) return "Diese Nachricht oder Datei ist zu groß.";
      if (status === 429) return "Zu viele Anfragen.";
      return status >= 500
        ? "Der Dienst ist nicht verfügbar. Versuchen Sie es gleich erneut."
        : "Das hat nicht geklappt.";
    },
  },
  start: {
    loading: "Wird geladen …",
    unconfigured: "Diese Seite ist noch nicht eingerichtet, oder ihre Einstellungen konnten nicht geladen werden.",
    failed: "Etwas ist schiefgegangen. Ihre Gespräche sind gespeichert.",
    tryAgain: "Erneut versuchen",
    reload: "Seite neu laden",
    unavailable: "Der Chat konnte nicht geladen werden.",
  },
  identity: {
    signIn: "Anmelden",
    signOut: "Abmelden",
    signingIn: "Sie werden angemeldet …",
    signOutEverywhere: "Auf allen Geräten abmelden",
    notEverywhere: "Sie sind noch angemeldet, weil der Server nicht geantwortet hat. Versuchen Sie es erneut.",
    ended: {
      expired: "Ihre Sitzung ist beendet. Melden Sie sich wieder an, um fortzufahren. Ihre Gespräche sind gespeichert.",
      elsewhere: "Sie haben sich in einem anderen Tab abgemeldet. Melden Sie sich wieder an, um fortzufahren.",
      everywhere: "Sie wurden auf allen Geräten abgemeldet. Melden Sie sich wieder an, um fortzufahren.",
      erased: "Die Daten dieses Kontos wurden gelöscht, und seine Sitzungen sind beendet.",
      idle: "Sie wurden abgemeldet, weil dieser Browser eine Weile nicht benutzt wurde. Ihre Gespräche sind gespeichert.",
    },
    idleSoon:
      "Sie werden in weniger als einer Minute abgemeldet. Drücken Sie eine Taste oder bewegen Sie den Zeiger, um angemeldet zu bleiben.",
    failed: "Die Anmeldung ist fehlgeschlagen. Versuchen Sie es erneut.",
    account: "Konto",
    signedInAs: (name) => `Angemeldet als ${name}`,
  },
  chat: {
    frameTitle: "Chat",
    plain: "Vereinfachte Ansicht",
    loading: "Der Chat wird geladen …",
  },
  shell: {
    skipToChat: "Zum Chat springen",
    theme: "Darstellung",
    themes: { system: "System", light: "Hell", dark: "Dunkel" },
    language: "Sprache",
  },
  panel: {
    title: "Mein Geld",
    pages: { overview: "Übersicht", transactions: "Buchungen", budgets: "Budgets", goals: "Ziele" },
    pageOpened: (page) => `${page} geöffnet.`,
    highlighted: (category) => `${category} ist hervorgehoben.`,
    total: "Summe",
    balances: "Kontostände",
    spending: "Ausgaben",
    period: (since, until) => `${since} – ${until}`,
    before: (amount) => `${amount} im Monat davor`,
    budgetOf: (spent, budget) => `${spent} von ${budget}`,
    left: (amount) => `${amount} übrig`,
    over: (amount) => `${amount} über dem Budget`,
    noBudgets: "Noch keine Budgets. Bitten Sie im Chat um eines, zum Beispiel: Budget fürs Essengehen.",
    noTransactions: "Noch keine Buchungen.",
    income: "Einkommen und Umbuchungen",
    savedPerMonth: "Übliche Sparrate im Monat",
    leftPerMonth: "Üblicherweise übrig im Monat",
    goalHint: "Planen Sie im Chat ein Ziel: Nennen Sie Kosten, Termin und Konto.",
    failed: "Ihre Zahlen konnten nicht geladen werden.",
    refresh: "Neu laden",
  },
};
