import { useEffect, useSyncExternalStore } from "react";
import { tokenColor } from "../styles/token";
import { createPreference, usePreference } from "./preference";

export const THEMES = ["system", "light", "dark"] as const;
export type Theme = (typeof THEMES)[number];

const themePreference = createPreference<Theme>("theme", THEMES, () => "system");
const DARK = "(prefers-color-scheme: dark)";

/** The chosen theme and the resulting light or dark mode, which is also set as `data-theme` of the page. */
export function useTheme(): { theme: Theme; setTheme: (theme: Theme) => void; shown: "light" | "dark" } {
  const [theme, setTheme] = usePreference(themePreference);
  const systemIsDark = useSyncExternalStore(onSystemChange, () => matchMedia(DARK).matches);
  const shown = theme === "system" ? (systemIsDark ? "dark" : "light") : theme;
  useEffect(() => {
    document.documentElement.dataset.theme = shown;
    const surface = tokenColor("--surface", shown);
    for (const bar of document.querySelectorAll<HTMLMetaElement>("meta[name=theme-color]")) {
      if (surface) bar.content = surface; // the browser's own bars have the header's color
    }
  }, [shown]);
  return { theme, setTheme, shown };
}

function onSystemChange(listener: () => void): () => void {
  const query = matchMedia(DARK);
  query.addEventListener("change", listener);
  return () => query.removeEventListener("change", listener);
}
