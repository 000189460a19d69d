/** The page's strings. The assistant's name and introduction are in `brand.ts`. */
export const en = {
  languageName: "English",
  api: {
    offline: "You're offline. Reconnect and try again.",
    unreachable: "Can't reach the service. Check your connection and try again.",
    sessionEnded: "Your session has ended. Sign in again.",
    tryAgainIn: (seconds: number) => `Try again in ${seconds} ${seconds === 1 ? "second" : "seconds"}.`,
    connectionLost:
      "The connection was lost. The answer is still being written: reopen this conversation in a moment to see it.",
    status: (status: number): string => {
      if (status === 401) return "Sign in again to continue.";
      if (status === 403) return "You don't have access to this.";
      if (status === 413) return "This message or file is too large.";
      if (status === 429) return "Too many requests.";
      return status >= 500 ? "The service is unavailable. Try again in a moment." : "Something went wrong.";
    },
  },
  start: {
    loading: "Loading…",
    unconfigured: "This page isn't set up yet, or its settings failed to load.",
    failed: "Something went wrong. Your conversations are saved.",
    tryAgain: "Try again",
    reload: "Reload the page",
    unavailable: "The chat failed to load.",
  },
  identity: {
    signIn: "Sign in",
    signOut: "Sign out",
    signingIn: "Signing you in…",
    signOutEverywhere: "Sign out on all devices",
    notEverywhere: "You are still signed in, because the server did not respond. Try again.",
    ended: {
      expired: "Your session has ended. Sign in again to continue. Your conversations are saved.",
      elsewhere: "You signed out in another tab. Sign in again to continue.",
      everywhere: "You were signed out on all devices. Sign in again to continue.",
      erased: "This account's data was deleted, and its sessions have ended.",
      idle: "You were signed out because this browser was not used for a while. Your conversations are saved.",
    },
    idleSoon: "You will be signed out in less than a minute. Press a key or move the pointer to stay signed in.",
    failed: "Sign-in failed. Try again.",
    account: "Account",
    signedInAs: (name: string) => `Signed in as ${name}`,
  },
  chat: {
    frameTitle: "Chat",
    plain: "You are using the simplified chat.",
    loading: "Loading the chat…",
  },
  shell: {
    skipToChat: "Skip to the chat",
    theme: "Appearance",
    themes: { system: "System", light: "Light", dark: "Dark" },
    language: "Language",
  },
  panel: {
    title: "My money",
    pages: { overview: "Overview", transactions: "Transactions", budgets: "Budgets", goals: "Goals" },
    pageOpened: (page: string) => `${page} opened.`,
    highlighted: (category: string) => `${category} is highlighted.`,
    total: "Total",
    balances: "Balances",
    spending: "Spending",
    period: (since: string, until: string) => `${since} – ${until}`,
    before: (amount: string) => `${amount} the month before`,
    budgetOf: (spent: string, budget: string) => `${spent} of ${budget}`,
    left: (amount: string) => `${amount} left`,
    over: (amount: string) => `${amount} over`,
    noBudgets: "No budgets yet. Ask for one in the chat, for example: Set a budget for dining.",
    noTransactions: "No transactions yet.",
    income: "Income and transfers",
    savedPerMonth: "Saved in a typical month",
    leftPerMonth: "Left over in a typical month",
    goalHint: "Plan a goal in the chat: give the assistant its cost, deadline and account.",
    failed: "Your figures failed to load.",
    refresh: "Refresh",
  },
};
