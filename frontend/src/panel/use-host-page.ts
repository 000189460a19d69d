import { useMemo, useState } from "react";
import { BRAND } from "#brand";
import { currentWords, languagePreference } from "../preferences/language";
import type { PanelHost } from "./contract";
import { isPage, type Page } from "./overview";

export interface PanelState {
  page: Page;
  marked: string | null;
  /** Announcement of the last change, for screen readers. */
  announcement: string;
  host: PanelHost;
  showPage: (page: Page) => void;
}

/**
 * Connect the panel to the assistant's client tools and effects. `onOpen` shows the panel, `onTurnEnd` refreshes it.
 */
export function useHostPage(onOpen: () => void, onTurnEnd: () => void): PanelState {
  const [page, showPage] = useState<Page>("overview");
  const [marked, mark] = useState<string | null>(null);
  const [announcement, announce] = useState("");

  const host = useMemo<PanelHost>(() => {
    const highlight = (category: unknown) => {
      if (typeof category !== "string") return;
      mark(category);
      showPage("overview");
      const name = BRAND[languagePreference.get()].labels[category] ?? category;
      announce(currentWords().panel.highlighted(name));
    };
    return {
      async onClientTool(name, params) {
        if (name !== "open_page") return { error: `unknown tool: ${name}` };
        if (!isPage(params.page)) return { error: `unknown page: ${params.page}` };
        showPage(params.page);
        onOpen();
        const { pages, pageOpened } = currentWords().panel;
        announce(pageOpened(pages[params.page]));
        return { opened: params.page };
      },
      onEffect(name, data) {
        if (name === "highlight") highlight(data.category);
        if (name === "mention") {
          if (data.kind === "category") highlight(data.name);
          else showPage("overview");
          onOpen();
        }
      },
      onTurnStart: () => mark(null),
      onTurnEnd,
    };
  }, [onOpen, onTurnEnd]);

  return { page, marked, announcement, host, showPage };
}
