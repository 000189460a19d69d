/**
 * A panel for an assistant of your own: `cp frontend/examples/panel.tsx app/web/panel.tsx`.
 *
 * It lists what `overview` returns, here `{"orders": [{"id": "A17", "title": "Two chairs", "state": "on its way"}]}`. A
 * click asks the assistant about an order, and the client tool `show_order` marks one.
 */
import { useCallback, useEffect, useMemo, useState } from "react";
import type { UsePanel } from "#page/panel/contract";

interface Order {
  id: string;
  title: string;
  state: string;
}

export const usePanel: UsePanel = ({ api, apiUrl, ready, chat, show }) => {
  const [orders, setOrders] = useState<Order[] | null>([]);
  const [marked, mark] = useState("");

  const load = useCallback(async () => {
    const answer = await api(`${apiUrl}/overview`);
    setOrders(answer.ok ? (await answer.json()).orders : null);
  }, [api, apiUrl]);
  useEffect(() => {
    if (ready) void load();
  }, [ready, load]);

  const host = useMemo(
    () => ({
      async onClientTool(name: string, params: Record<string, unknown>) {
        if (name !== "show_order") return { error: `unknown tool: ${name}` };
        mark(String(params.id));
        show();
        return { shown: String(params.id) };
      },
      onEffect() {},
      onTurnEnd: () => void load(),
    }),
    [load, show],
  );

  const content = orders && (
    <ul className="rows">
      {orders.map(({ id, title, state }) => (
        <li key={id} data-marked={id === marked}>
          <button type="button" className="ask" onClick={() => chat.write(`Where is my order ${id}?`)}>
            {title} <small className="muted">{state}</small>
          </button>
        </li>
      ))}
    </ul>
  );
  return { title: "Orders", content, host, announcement: marked && `Order ${marked} is marked.`, commands: [] };
};
