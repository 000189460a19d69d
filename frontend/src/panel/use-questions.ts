import { useLanguage } from "../preferences/language";
import type { ChatHandle } from "./contract";
import type { Overview } from "./overview";
import { useLabels } from "./use-labels";

type Named = { id: string; label: string };

/** Functions that write a question about a figure of the panel into the chat's composer. */
export function useQuestions(chat: ChatHandle) {
  const { ask } = useLanguage().words.panel;
  const labelOf = useLabels();
  const about = (kind: "account" | "category", named: Named, question: (title: string) => string) => {
    const title = labelOf(named);
    chat.write(question(`@${title}`), [{ id: `${kind}:${named.id}`, title, data: { kind, name: named.id } }]);
  };
  return {
    account: (account: Named) => about("account", account, ask.account),
    category: (category: Named) => about("category", category, ask.category),
    budget: (category: Named) => about("category", category, ask.budget),
    transaction: ({ payee }: Overview["transactions"][number], day: string, amount: string) =>
      chat.write(ask.transaction(payee, day, amount)),
    goal: (name: string) => chat.write(ask.goal(name)),
  };
}
