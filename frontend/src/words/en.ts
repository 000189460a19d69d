/** The page's own words. What an assistant says of itself is in `brand.ts`. */
export const en = {
  languageName: "English",
  api: {
    offline: "You are offline. Try again when you are connected.",
    unreachable: "The service cannot be reached. Check your connection and try again.",
    sessionEnded: "Your session has ended. Please sign in again.",
    tryAgainIn: (seconds: number) => `Try again in ${seconds} s.`,
    connectionLost:
      "The connection was lost. The answer is being completed; open this conversation again in a moment to see it.",
    status: (status: number): string => {
      if (status === 401) return "Please sign in again.";
      if (status === 403) return "This is not allowed.";
      if (status === 413) return "This is too large.";
      if (status === 429) return "Too many requests at once.";
      return status >= 500
        ? "The service is not available right now. Please try again in a moment."
        : "This did not work.";
    },
  },
  start: {
    loading: "Loading…",
    unconfigured: "This page is not set up yet, or its settings cannot be reached.",
    failed: "Something went wrong on this page. Your conversations are safe.",
    tryAgain: "Try again",
    reload: "Reload the page",
    unavailable: "The chat cannot be started right now.",
  },
  identity: {
    signIn: "Sign in",
    signOut: "Sign out",
    signingIn: "Signing you in…",
    sessionEnded: "Your session has ended. Sign in again to go on; your conversations are kept.",
    signedOut: "You are signed out.",
    failed: "Signing in did not work. Please try again.",
    account: "Account",
    signedInAs: (name: string) => `Signed in as ${name}`,
  },
  chat: {
    frameTitle: "Chat",
    plain: "Simple view: ChatKit could not be loaded.",
    loading: "Loading the chat…",
  },
  shell: {
    skipToChat: "Skip to the chat",
    theme: "Appearance",
    themes: { system: "System", light: "Light", dark: "Dark" },
    language: "Language",
    close: "Close",
  },
  panel: {
    title: "My money",
    open: "Show my money",
    hide: "Hide my money",
    pages: { overview: "Overview", transactions: "Transactions", budgets: "Budgets", goals: "Goals" },
    pageOpened: (page: string) => `${page} is open.`,
    highlighted: (category: string) => `${category} is highlighted.`,
    total: "Total",
    balances: "Balances",
    spending: "Spending",
    period: (since: string, until: string) => `${since} – ${until}`,
    before: (amount: string) => `${amount} the month before`,
    budgetOf: (spent: string, budget: string) => `${spent} of ${budget}`,
    left: (amount: string) => `${amount} left`,
    over: (amount: string) => `${amount} over`,
    noBudgets: "No budgets yet. Ask for one in the chat, for example for dining.",
    noTransactions: "Nothing was booked yet.",
    income: "Income and transfers",
    savedPerMonth: "You save in a usual month",
    leftPerMonth: "Left over in a usual month",
    goalHint: "Plan a goal in the chat: what it costs, by when, and from which account.",
    failed: "Your figures cannot be shown right now.",
    refresh: "Refresh",
  },
};
